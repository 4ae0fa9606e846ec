"""Verdicts on what the files declare and a run bears out: the stop signal, the health check's tool and its port.

What the files say is never proof: of the signal it is a handler that the kernel showed and the reaction to it, of the
health check what came of it while the service listened. What was not seen is *not proved*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.drill.judge import remedy
from seatrial.drill.judge.launch import INITS, MANAGERS, SHELLS, base, describe, main_process
from seatrial.drill.judge.reaction import Reaction, launcher_cause, reaction
from seatrial.drill.judge.view import (
    count,
    events,
    exchanges_of,
    in_flight,
    is_crossing,
    is_failure,
    no_check,
    obstacle,
    ready_run,
    seconds,
    signal_of,
    skipped,
    unproved,
)
from seatrial.engine.contract.health import missing_program
from seatrial.model.recording import EventKind, Probe, ProcessSeen, Recording, Run, Scenario
from seatrial.model.servers import GRACEFUL
from seatrial.model.service import signal_name
from seatrial.model.verdict import Ruling, Verdict

SIGNAL, TOOL, PORT = "stop-signal-handled", "healthcheck-tool-present", "healthcheck-port"
CLEARLY_LATER = 0.5
"""Seconds that a probe of a frozen service waits longer than one that is refused, before it gives up by itself."""
_MAY_END = (1, 2, 3, 10, 12, 15, 28)
"""Signals that programs take as the order to stop: HUP, INT, QUIT, USR1, USR2, TERM, WINCH."""
_HOST = r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1?\]|0\.0\.0\.0)"
_URL = re.compile(rf"(https?)://{_HOST}(?::(\d{{1,5}}))?(?=[/?#'\"`\s)]|$)")
_PLACE = re.compile(rf"(?<![\w.]){_HOST}[:/ ](\d{{1,5}})(?![\d.])")
_LAST_WORD = re.compile(r"\s*\|\|\s*exit\s+\d+\s*$")
_MORE_THAN_ONE = re.compile(r"[|;&$`()<>]")


# --- stop-signal-handled ---


def stop_signal_handled(recording: Recording) -> Verdict:
    """Whether the stop signal in force is one that the program has a handler for, and drains on."""
    run = obstacle(recording, Scenario.STOP, SIGNAL, calm=False)
    if isinstance(run, Verdict):
        return run
    how, number = reaction(recording, run), signal_of(run)
    if how is None:
        return unproved(SIGNAL, f"what became of {run.signal} can't be told", cause="handles-sigterm")
    holders = [each for each in _programs(run) if number in (*each.handles, *each.once_handled)]
    if how not in (Reaction.HANDLED, Reaction.UNFINISHED):
        return _unhandled(recording, run, how)
    if not holders and not any(number in (each.blocks or ()) for each in _programs(run)):
        return unproved(SIGNAL, f"it ended after {run.signal}, and no process was seen with a handler for it")
    return _on_another(run, how) or _handled(run, holders)


def _programs(run: Run) -> list[ProcessSeen]:
    """The processes but for an init, the main one first."""
    main = main_process(run)
    others = [each for each in run.processes if each != main and not (each.argv and base(each.argv[0]) in INITS)]
    return [*([main] if main else []), *others]


def _others_handled(run: Run) -> list[str]:
    """The names of the other signals that mean a stop and that the main process had a handler for."""
    main = main_process(run)
    return [signal_name(each) for each in _MAY_END if main and each in main.handles and each != signal_of(run)]


def _unhandled(recording: Recording, run: Run, how: Reaction) -> Verdict:
    summary = f"{describe(main_process(run))} does not handle {run.signal} ({how.value})"
    if cause := launcher_cause(recording, run):
        return Verdict(SIGNAL, Ruling.FAIL, summary, remedy=remedy.for_launcher(recording, run), cause=cause)
    others = _others_handled(run)
    has = f"it has handlers for {', '.join(others)}" if others else "it has no handler for any other, either"
    cure = f"write `STOPSIGNAL {others[0]}` if it drains on that one" if others else ""
    cure = cure or remedy.of(remedy.HANDLER, recording, run)
    return Verdict(SIGNAL, Ruling.FAIL, f"{summary}; {has}", remedy=cure, cause="handles-sigterm")


def _on_another(run: Run, how: Reaction) -> Verdict | None:
    """The verdict on a server that handles SIGTERM, too, but drains on another signal."""
    name = next((found for each in _programs(run) if (found := _server(each))), "")
    if run.signal != "SIGTERM" or not name:
        return None
    wanted, happens = GRACEFUL[name]
    open_ones = exchanges_of(in_flight(run))
    lost = [each for each in open_ones if is_failure(run, each) and not is_crossing(run, each)]
    if not lost and how is Reaction.HANDLED:
        reason = f"{name} {happens} on SIGTERM, and nothing in flight showed it: it drains on {wanted}"
        return None if open_ones else unproved(SIGNAL, reason)
    what = f"{count(len(lost), 'request')} in flight cut" if lost else f"not done after {run.grace:g} s"
    summary = f"on SIGTERM {name} {happens} ({what}); it ends gracefully on {wanted}"
    return Verdict(SIGNAL, Ruling.FAIL, summary, remedy=f"write `STOPSIGNAL {wanted}` (compose: `stop_signal`)")


def _server(process: ProcessSeen) -> str:
    """The server of the table that a process is: "nginx: master process …" and "/usr/sbin/apache2" are."""
    name = base(process.argv[0].partition(":")[0].partition(" ")[0]) if process.argv else ""
    name = "php-fpm" if name.startswith("php-fpm") else name
    return name if name in GRACEFUL else ""


def _handled(run: Run, holders: list[ProcessSeen]) -> Verdict:
    by = f"{describe(holders[0])} has a handler for it" if holders else "it is taken by sigwait or signalfd"
    return Verdict(SIGNAL, Ruling.PASS, f"{run.signal} was sent, and {by}")


# --- the health check ---


@dataclass(frozen=True, slots=True)
class Tried:
    """One run of the check while the service, started as its files say, came up."""

    run: Run
    time: float
    code: int | None
    said: str


def tries_while_well(recording: Recording) -> Iterator[Tried]:
    """What the check said before anything was done to the service."""
    for scenario in (Scenario.FREEZE, Scenario.STOP, Scenario.LOAD):
        run = recording.run(scenario)
        for event in events(run, EventKind.PROBE) if run else ():
            word = event.name.rpartition(" ")[2]
            code = int(word) if word.removeprefix("-").isdecimal() else None
            assert run is not None
            yield Tried(run, event.time, code, event.detail)


def _untried(recording: Recording, name: str) -> Verdict:
    """Why the check was not run at all."""
    scenario = Scenario.STOP if recording.run(Scenario.FREEZE) is None else Scenario.FREEZE
    run = ready_run(recording, scenario, name)
    return run if isinstance(run, Verdict) else unproved(name, "no run of the health check was recorded")


def healthcheck_tool_present(recording: Recording) -> Verdict:
    """Whether the program that the health check calls is there. The native engine runs it with this machine's: what
    the image has is known there only of what the service itself runs, and of its own files."""
    if recording.subject.health is None:
        return skipped(TOOL, no_check(recording.subject.workload))
    tries = list(tries_while_well(recording))
    if not tries:
        return _untried(recording, TOOL)
    missing = [(tool, each) for each in tries if (tool := missing_program(each.code, each.said))]
    if missing:
        return _not_there(recording, *missing[0])
    ran = next((each for each in tries if each.code == 0), None)
    if ran is None:
        return unproved(TOOL, f"the health check never passed (at last {_outcome(tries[-1])}): a shell may hide why")
    if recording.subject.image is None and not _has_its_tools(recording, ran.run):
        return skipped(TOOL, "the check ran with this machine's programs; which the image has, --engine docker tells")
    return Verdict(TOOL, Ruling.PASS, f"the check ran, and passed {seconds(ran.time)} after the start")


def _not_there(recording: Recording, tool: str, tried: Tried) -> Verdict:
    own = tool.startswith(".") and not recording.subject.made
    if recording.subject.image is None and not own:
        reason = f"this machine has no {tool}; whether the image has it, --engine docker tells"
        return skipped(TOOL, reason, evidence=(_outcome(tried),))
    summary = f"the health check can't run {tool}: {_outcome(tried)}"
    return Verdict(TOOL, Ruling.FAIL, summary, remedy=remedy.TOOL)


def _outcome(tried: Tried) -> str:
    how = "a time-out" if tried.code is None else f"exit code {tried.code}"
    return how + (f" ({tried.said[:100]})" if tried.said else "")


def _tool(recording: Recording) -> str:
    """The one program that the check calls; "" for a line of a shell that may call more."""
    kind, *words = recording.subject.healthcheck or ("",)
    if kind == "CMD-SHELL":
        line = _LAST_WORD.sub("", " ".join(words))
        return "" if _MORE_THAN_ONE.search(line) else next(iter(line.split()), "")
    return words[0] if kind == "CMD" and words else ""


def _has_its_tools(recording: Recording, run: Run) -> bool:
    """Whether the image must have all that the check runs: the service itself is run by it, and by a shell, where the
    check needs one. What a shell or a script calls besides is not known."""
    seen = {base(each.argv[0]) for each in run.processes if each.argv}
    tool, needs_shell = base(_tool(recording)), recording.subject.healthcheck[:1] == ("CMD-SHELL",)
    has_shell = recording.subject.shell_form or bool(seen & SHELLS)
    return tool in seen - SHELLS - MANAGERS and (has_shell or not needs_shell)


def healthcheck_port(recording: Recording) -> Verdict:
    """Whether the health check reaches a port that the service listens on."""
    if recording.subject.health is None:
        return skipped(PORT, no_check(recording.subject.workload))
    tries = list(tries_while_well(recording))
    if not tries:
        return _untried(recording, PORT)
    passed = next((each for each in tries if each.code == 0 and each.run.readiness.ready), None)
    last = passed or tries[-1]
    if passed is None and (missing_program(last.code, last.said) or last.run.exit is not None):
        return unproved(PORT, f"the health check never asked a service that runs: {_outcome(last)}")
    if "--unix-socket" in " ".join(recording.subject.healthcheck):
        return unproved(PORT, f"it asks by a Unix socket, and no port: {_outcome(last)}")
    asked, listened = _asked(recording), _listening(last)
    if not listened:
        return unproved(PORT, "nothing listens on a port, so there is none to ask")
    if not asked:
        return _by_manner(recording, passed, listened)
    return _by_name(asked, listened, last, is_passed=passed is not None)


def _asked(recording: Recording) -> list[int]:
    """The ports of the instance itself that the check's text names."""
    text = " ".join(recording.subject.healthcheck).replace("/dev/tcp/", " ")
    found = [int(port or {"http": 80, "https": 443}[scheme]) for scheme, port in _URL.findall(text)]
    return list(dict.fromkeys([*found, *(int(port) for port in _PLACE.findall(text))]))


def _listening(tried: Tried) -> list[int]:
    """The ports that the service listened on at a run of the check, or by the time that it was taken for ready."""
    until = max(tried.time, tried.run.readiness.time or 0.0)
    there: dict[str, None] = {}
    for event in sorted(tried.run.events, key=lambda event: event.time):
        if event.time <= until and event.kind is EventKind.LISTENING:
            there[event.name] = None
        elif event.time <= until and event.kind is EventKind.NOT_LISTENING:
            there.pop(event.name, None)
    numbers = (name.rpartition(":")[2] for name in there)
    return list(dict.fromkeys(int(number) for number in numbers if number.isdecimal()))


def _by_name(asked: list[int], listened: list[int], last: Tried, *, is_passed: bool) -> Verdict:
    """The verdict on a check whose text says which port it asks."""
    named = " and ".join(map(str, asked))
    where = " and ".join(map(str, listened))
    evidence = (f"the health check: {_outcome(last)}", f"listened on: {where}")
    if not set(asked) & set(listened):
        if is_passed:
            return unproved(
                PORT, f"it names port {named}, where nothing was seen to listen, and passed", evidence=evidence
            )
        summary = f"the check asks port {named}, where nothing listened; the service listens on {where}"
        return Verdict(PORT, Ruling.FAIL, summary, evidence, f"ask port {listened[0]}")
    if not is_passed:
        return unproved(PORT, f"it asks port {named}, which is listened on, and never passed", evidence=evidence)
    return Verdict(PORT, Ruling.PASS, f"it asks port {named}, passed, and the service listens there", evidence)


def _by_manner(recording: Recording, passed: Tried | None, listened: list[int]) -> Verdict:
    """The verdict on a check that does not say its port: one that reaches a socket of the service passes, waits in vain
    while it is frozen (the kernel takes the connection, nobody answers), and fails at once where nothing listens."""
    unnamed = "the check does not say which port it asks"
    if passed is None:
        return unproved(PORT, f"{unnamed}, and never passed")
    frozen, refused = _probes(recording, Scenario.FREEZE, "frozen"), _probes(recording, Scenario.STAND_IN, "refused")
    if not frozen or not refused:
        return unproved(PORT, f"{unnamed}, and what it says while nothing listens was not seen")
    quick = max(each.ended - each.begun for each in refused)
    waits = all(each.code is None or each.ended - each.begun > quick + CLEARLY_LATER for each in frozen)
    if not waits or any(each.code == 0 for each in frozen) or any(each.code in (0, None) for each in refused):
        return unproved(PORT, f"{unnamed}, and did not behave as one that reaches the service does")
    summary = f"it passed while the service listened on {' and '.join(map(str, listened))}, and reached it"
    evidence = (
        f"frozen: it waited {seconds(min(each.ended - each.begun for each in frozen))} and more for an answer",
        f"where nothing listened: it failed after {seconds(quick)}",
    )
    return Verdict(PORT, Ruling.PASS, summary, evidence)


def _probes(recording: Recording, scenario: Scenario, situation: str) -> list[Probe]:
    run = recording.run(scenario)
    return [probe for probe in run.probes if probe.situation == situation] if run else []
