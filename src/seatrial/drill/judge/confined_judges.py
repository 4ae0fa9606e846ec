"""Verdicts about rights that a service does not need: non-root-user, read-only-root."""

from __future__ import annotations

import re
from dataclasses import replace

from seatrial.drill.judge import remedy
from seatrial.drill.judge.at_work import answered, at_work, meanwhile
from seatrial.drill.judge.last_words import complaint
from seatrial.drill.judge.launch import describe, main_process
from seatrial.drill.judge.view import count, describe_code, events, exchanges_of, pairs, unproved
from seatrial.model.recording import EventKind, FileGrown, Recording, Run, Scenario
from seatrial.model.traffic import COMPLETE, Exchange
from seatrial.model.verdict import Ruling, Verdict

USER, ROOT = "non-root-user", "read-only-root"
_REFUSED = re.compile(r"EROFS|read-only file ?system", re.IGNORECASE)
_DENIED = re.compile(r"\bE(?:ROFS|ACCES|PERM)\b|read-only file ?system|permission denied|not permitted", re.IGNORECASE)
_PATH = re.compile(r"['\"](?P<quoted>[\w.@+/-]+)['\"]|(?<![\w.:/])(?P<bare>/[\w.@+-][\w.@+/-]*)")
_FREE = ("/tmp/", "/dev/", "/proc/", "/run/secrets/")
_CHANGED = frozenset({Scenario.NON_ROOT, Scenario.READ_ONLY, Scenario.STAND_IN})


def _plain(recording: Recording) -> Run | None:
    """A run of the service with the rights that its files give it."""
    return next((run for run in recording.runs if run.scenario not in _CHANGED and run.readiness.ready), None)


def _working(run: Run, before: Run | None = None) -> str:
    """Why it does not work, or "". A path that answered with an error `before`, too, shows nothing by it."""
    if not run.readiness.ready:
        end = f"it ended with {describe_code(run.exit.code)}" if run.exit is not None else "it was not ready in time"
        return end + _because(run)
    if run.exit is not None and not run.exit.killed:
        when = "with a job in hand" if _jobs(run) else "under load"
        return f"it ended with {describe_code(run.exit.code)} {when}" + _because(run)
    asked = exchanges_of(pairs(run))
    usual = {exchange.path for exchange in exchanges_of(pairs(before)) if _is_error(exchange)} if before else set()
    bad = [
        exchange
        for exchange in asked
        if exchange.outcome not in COMPLETE or (_is_error(exchange) and exchange.path not in usual)
    ]
    if not bad:
        return ""
    # What it complained of before, while it started, it got over.
    failing = replace(run, log=tuple(line for line in run.log if line.time >= min(one.begun for one in bad)))
    return f"{len(bad)} of {count(len(asked), 'request')} failed" + (_because(failing) or _because(run))


def _is_error(exchange: Exchange) -> bool:
    return exchange.outcome in COMPLETE and (exchange.status or 0) >= 500


def _jobs(run: Run) -> list[str]:
    """What was said of the job that it was given, in its order."""
    return [event.name for event in events(run, EventKind.WORK)]


def _worked(run: Run) -> str:
    """What it did, where nothing went wrong; "" if it did nothing."""
    if any(exchange.outcome in COMPLETE and not _is_error(exchange) for exchange in exchanges_of(pairs(run))):
        return "answered all requests"
    return "finished a job" if {"done", "twice"} & {*_jobs(run)} else ""


def _idle(run: Run) -> str:
    """Why nothing was done."""
    if answered(run):
        return "all that it answered is errors, as at other times"
    if said := _jobs(run):
        return f"the job that it was given was not finished (--job-state said last: {said[-1]})" + _because(run)
    return "it was asked nothing: it takes no requests, and --job COMMAND gives a job"


def _because(run: Run) -> str:
    """What it complained of: the last that it was denied, because it got over what came before; else what says most."""
    denied = [f"{line.stream}: {line.text.strip()}" for line in run.log if _DENIED.search(line.text)]
    said = denied[-1] if denied else complaint(run)
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
        did, wrong = _worked(run), _working(run, recording.run(Scenario.LOAD))
        outcome = wrong or (f"it got ready and {did}" if did else f"it got ready, but {_idle(run)}")
    summary = f"it runs as root; as user 10001 {outcome}"
    return Verdict(USER, Ruling.FAIL, summary, evidence, remedy.USER.format(outcome=outcome))


def _lasting(recording: Recording) -> list[FileGrown]:
    """The files that grew at work where nothing is mounted: a read-only root would not let them."""
    run = recording.run(Scenario.LOAD) or recording.run(Scenario.WORK)
    free = (*_FREE, *(f"{path.rstrip('/')}/" for path in recording.subject.kept_paths))
    return [file for file in (run.files if run is not None else ()) if not file.path.startswith(free)]


def read_only_root(recording: Recording) -> Verdict:
    """Whether it works with a read-only root and a tmpfs at /tmp; else the paths that it writes."""
    if recording.subject.read_only:
        return _as_declared(recording)
    run = recording.run(Scenario.READ_ONLY)
    if run is None or run.disturbed:
        reason = run.disturbed if run is not None else recording.why_skipped(Scenario.READ_ONLY)
        return unproved(ROOT, reason or f"the {Scenario.READ_ONLY.value} drill was not run")
    refused, turned = _refused(run)
    grew = _lasting(recording)
    broken = _working(run, recording.run(Scenario.LOAD))
    paths = dict.fromkeys([*_named(refused), *(file.path for file in grew)])
    evidence = (*(line[:160] for line in refused[:4]), *(f"{file.path} grew under load" for file in grew[:4]))
    if broken or refused or grew:
        what = broken or ("it can't write what it tries to" if refused else "it works, but writes what is then lost")
        named = ", ".join(list(paths)[:5])
        summary = f"with a read-only root {what}" + (f"; it writes {named}" if named else "")
        cure = remedy.READ_ONLY.format(paths=named or "those that its log names")
        return Verdict(ROOT, Ruling.FAIL, summary, evidence or (what,), cure)
    if not (did := _worked(run)):
        return _nothing_done(recording, run)
    if turned:
        return unproved(ROOT, f"with a read-only root it {did}, but says: {turned[0][:160]}")
    summary = f"it got ready and {did} with a read-only root and a tmpfs at /tmp: `read_only: true` can be set"
    return Verdict(
        ROOT, Ruling.PASS, summary, (f"{count(answered(run), 'request')} answered",) if answered(run) else ()
    )


def _refused(run: Run) -> tuple[list[str], list[str]]:
    """The lines that tell of something that could not be written, and those that name a place to which it turned."""
    said = [line.text.strip() for line in run.log if _REFUSED.search(line.text)]
    turned = [text for text in said if any(f"{path}/".startswith(_FREE) for path in _paths(text))]
    return [text for text in said if text not in turned], turned


def _nothing_done(recording: Recording, run: Run) -> Verdict:
    """It got ready with a read-only root, which tells nothing of what it writes at work."""
    of_others = at_work(recording, ROOT)
    if not _jobs(run) and isinstance(of_others, Verdict) and of_others.ruling is Ruling.SKIPPED:
        return of_others
    return unproved(ROOT, f"with a read-only root it got ready, but {_idle(run)}")


def _as_declared(recording: Recording) -> Verdict:
    """Its files say that the root is read-only, so that every run is with one: what did it do at work?"""
    run = at_work(recording, ROOT)
    if isinstance(run, Verdict):
        if run.ruling is not Ruling.SKIPPED:
            return run
        plain = _plain(recording)
        if plain is None:
            return unproved(ROOT, "no ready service was seen")
        run = plain
    refused, _ = _refused(run)
    broken = _working(run) if run.scenario is Scenario.LOAD else ""
    evidence = tuple(line[:160] for line in refused[:4])
    if refused:
        named = ", ".join(list(dict.fromkeys(_named(refused)))[:5])
        what = f"its files say a read-only root, and with it {broken or 'it cannot write what it tries to'}"
        summary = what + (f"; it writes {named}" if named else "")
        cure = remedy.READ_ONLY.format(paths=named or "those that its log names")
        return Verdict(ROOT, Ruling.FAIL, summary, evidence, cure)
    if broken or (grew := _lasting(recording)):
        why = broken or f"{grew[0].path} grew, so its root was not read-only here"
        return unproved(ROOT, f"its files say a read-only root, but {why}")
    said = f": {meanwhile(run)}" if run.scenario in (Scenario.LOAD, Scenario.WORK) else ""
    return Verdict(ROOT, Ruling.PASS, f"it runs with a read-only root, as its files say{said}", ())


def _named(refused: list[str]) -> list[str]:
    """The path in each line about something that could not be written: in quotes, else an absolute one."""
    return [path for text in refused for path in _paths(text)[:1]]


def _paths(text: str) -> list[str]:
    return [match["quoted"] or match["bare"] for match in _PATH.finditer(text)]
