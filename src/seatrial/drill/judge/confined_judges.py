"""Verdicts about rights that a service does not need: non-root-user, read-only-root."""

from __future__ import annotations

import re

from seatrial.drill.judge import remedy
from seatrial.drill.judge.last_words import complaint
from seatrial.drill.judge.launch import describe, main_process
from seatrial.drill.judge.view import COMPLETE, count, describe_code, exchanges_of, pairs, unproved
from seatrial.model.recording import FileGrown, Recording, Run, Scenario
from seatrial.model.verdict import Ruling, Verdict

USER, ROOT = "non-root-user", "read-only-root"
_REFUSED = re.compile(r"EROFS|read-only file ?system", re.IGNORECASE)
_PATH = re.compile(r"['\"](?P<quoted>[\w.@+/-]+)['\"]|(?<![\w.:/])(?P<bare>/[\w.@+-][\w.@+/-]*)")
_FREE = ("/tmp/", "/dev/", "/proc/", "/run/secrets/")
_CHANGED = frozenset({Scenario.NON_ROOT, Scenario.READ_ONLY, Scenario.STAND_IN})


def _plain(recording: Recording) -> Run | None:
    """A run of the service with the rights that its files give it."""
    return next((run for run in recording.runs if run.scenario not in _CHANGED and run.readiness.ready), None)


def _working(run: Run) -> str:
    """Why it does not work, or ""."""
    if not run.readiness.ready:
        end = f"it ended with {describe_code(run.exit.code)}" if run.exit is not None else "it was not ready in time"
        return end + _because(run)
    if run.exit is not None:
        return f"it ended with {describe_code(run.exit.code)} under load" + _because(run)
    asked = exchanges_of(pairs(run))
    bad = [exchange for exchange in asked if exchange.outcome not in COMPLETE or (exchange.status or 0) >= 500]
    return f"{len(bad)} of {count(len(asked), 'request')} failed" + _because(run) if bad else ""


def _because(run: Run) -> str:
    said = complaint(run)
    return f" ({said[:160]})" if said else ""


def non_root_user(recording: Recording) -> Verdict:
    """Whether the program's process has another user than root; where it is root, what happens without it."""
    run, skipped = recording.run(Scenario.NON_ROOT), recording.why_skipped(Scenario.NON_ROOT)
    if run is None and not skipped:
        return unproved(USER, f"the {Scenario.NON_ROOT.value} drill was not run")
    plain = _plain(recording)
    main = main_process(plain) if plain is not None else None
    if main is None:
        return unproved(USER, skipped or "no process of a ready service was seen")
    evidence = (f"{describe(main)} has user {main.user}",)
    if main.user != 0:
        return Verdict(USER, Ruling.PASS, f"it runs as user {main.user}", evidence)
    if run is None or run.disturbed:
        outcome = "that was not tried"
    else:
        outcome = _working(run) or "it got ready and answered all requests"
    summary = f"it runs as root; as user 10001 {outcome}"
    return Verdict(USER, Ruling.FAIL, summary, evidence, remedy.USER.format(outcome=outcome))


def _lasting(recording: Recording) -> list[FileGrown]:
    """The files that grew under load where nothing is mounted: a read-only root would not let them."""
    run = recording.run(Scenario.LOAD)
    free = (*_FREE, *(f"{path.rstrip('/')}/" for path in recording.subject.kept_paths))
    return [file for file in (run.files if run is not None else ()) if not file.path.startswith(free)]


def read_only_root(recording: Recording) -> Verdict:
    """Whether it works with a read-only root and a tmpfs at /tmp; else the paths that it writes."""
    plain = _plain(recording)
    if recording.subject.read_only:
        if plain is None:
            return unproved(ROOT, "no ready service was seen")
        return Verdict(ROOT, Ruling.PASS, "it runs with a read-only root, as its files say", ())
    run = recording.run(Scenario.READ_ONLY)
    if run is None or run.disturbed:
        reason = run.disturbed if run is not None else recording.why_skipped(Scenario.READ_ONLY)
        return unproved(ROOT, reason or f"the {Scenario.READ_ONLY.value} drill was not run")
    refused = [line.text.strip() for line in run.log if _REFUSED.search(line.text)]
    grew = _lasting(recording)
    broken = _working(run)
    paths = dict.fromkeys([*_named(refused), *(file.path for file in grew)])
    evidence = (*(line[:160] for line in refused[:4]), *(f"{file.path} grew under load" for file in grew[:4]))
    if broken or refused or grew:
        what = broken or ("it can't write what it tries to" if refused else "it works, but writes what is then lost")
        named = ", ".join(list(paths)[:5])
        summary = f"with a read-only root {what}" + (f"; it writes {named}" if named else "")
        cure = remedy.READ_ONLY.format(paths=named or "those that its log names")
        return Verdict(ROOT, Ruling.FAIL, summary, evidence or (what,), cure)
    summary = "it gets ready and answers with a read-only root and a tmpfs at /tmp: `read_only: true` can be set"
    return Verdict(ROOT, Ruling.PASS, summary, (f"{_answered(run)} answered",))


def _named(refused: list[str]) -> list[str]:
    """The path in each line about something that could not be written: in quotes, else an absolute one."""
    found = (next(_PATH.finditer(text), None) for text in refused)
    return [match["quoted"] or match["bare"] for match in found if match is not None]


def _answered(run: Run) -> str:
    return count(len([one for one in exchanges_of(pairs(run)) if one.outcome in COMPLETE]), "request")
