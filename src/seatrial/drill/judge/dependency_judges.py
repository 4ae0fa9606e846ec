"""Verdicts about health paths while a dependency is cut, slow or back: liveness-is-shallow, readiness-is-deep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import dropwhile, groupby, pairwise

from seatrial.drill.judge.readiness_judges import is_no, is_yes
from seatrial.drill.judge.view import count, crashed_before, describe_code, ready_run, seconds, unproved
from seatrial.model.recording import EventKind, Recording, Run, Scenario
from seatrial.model.traffic import COMPLETE, Asked, Exchange, Outcome
from seatrial.model.verdict import Ruling, Verdict

SHALLOW, DEEP = "liveness-is-shallow", "readiness-is-deep"
WRONG = ("cut", "slow")
_CONNECTED = re.compile(r"(\S+:\d+) \(")
"""How a dependency of which the port is known begins among the subject's."""
CHANGING = "changing"
"""While the relay is told: what is begun then belongs to neither situation."""
GAP = 1.2
"""Seconds without a question, of ten a second, on a machine that was too busy: what the service would have said, and
when a dependency was cut, is not known well enough."""
SHALLOW_CURE = (
    "let the liveness path answer 200 without asking anything else: an orchestrator kills what is not alive, and a "
    "restart brings no database back"
)
DEEP_CURE = (
    "let the readiness path ask each dependency with a time limit of its own, shorter than the probe's, and answer "
    "503 while one does not answer"
)


def liveness_is_shallow(recording: Recording) -> Verdict:
    """Whether the liveness path says that all is well whatever becomes of the dependencies."""
    run = _run(recording, SHALLOW)
    if isinstance(run, Verdict):
        return run
    if crashed_before(run):
        assert run.exit is not None
        what = f"the service ended with {describe_code(run.exit.code)} when a dependency was cut off or slow"
        return Verdict(SHALLOW, Ruling.FAIL, what, _steps(run), SHALLOW_CURE)
    path = recording.subject.liveness
    asked = [one for one in run.asked if one.purpose == "liveness"]
    if not path or not asked:
        return unproved(SHALLOW, "no liveness path is known, or it is the readiness path: health checks ask none")
    if not any(is_yes(one.exchange) for one in asked if one.situation == "well"):
        return unproved(SHALLOW, f"{path} did not answer well while all was well")
    wrong = [one for one in asked if one.situation in WRONG]
    bad = [one for one in wrong if not is_yes(one.exchange)]
    figures = {"asked": float(len(wrong)), "failed": float(len(bad))}
    evidence = tuple(_line(one) for one in bad[:4]) or _steps(run)
    if bad:
        where = ", ".join(dict.fromkeys(f"{one.dependency} was {one.situation}" for one in bad))
        summary = f"{path} failed {len(bad)} of {count(len(wrong), 'time')} while {where}"
        return Verdict(SHALLOW, Ruling.FAIL, summary, evidence, SHALLOW_CURE, figures=figures)
    if not wrong:
        return unproved(SHALLOW, f"{path} was not asked while a dependency was cut off")
    if missed := _unasked(run, asked, WRONG):
        return unproved(SHALLOW, f"{path} was not asked while {missed}", evidence=_steps(run))
    names = ", ".join(dict.fromkeys(one.dependency for one in wrong))
    summary = f"{path} answered well {count(len(wrong), 'time')} while {names} was cut off or slow"
    return Verdict(SHALLOW, Ruling.PASS, summary, evidence, figures=figures)


def readiness_is_deep(recording: Recording) -> Verdict:
    """Whether the readiness path says no, in time, while a dependency is down, and yes again when it is back."""
    run = _run(recording, DEEP)
    if isinstance(run, Verdict):
        return run
    path = recording.subject.readiness
    timed = [_in_time(one, run) for one in run.asked if one.purpose == "readiness"]
    asked = [one for one in timed if one.situation != CHANGING]
    if not path or not asked:
        none = "no readiness path is known: none that is named like one was found, or none answered"
        return unproved(DEEP, none + _missing(recording))
    if crashed_before(run):
        return unproved(DEEP, "the service ended when a dependency was cut off", cause=SHALLOW, evidence=_steps(run))
    if not any(is_yes(one.exchange) for one in asked if one.situation == "well"):
        return unproved(DEEP, _not_well(recording, path), evidence=_steps(run))
    return _told_of_all(recording, run, asked)


def _told_of_all(recording: Recording, run: Run, asked: list[Asked]) -> Verdict:
    """The verdict on a readiness path that said yes at first."""
    path = recording.subject.readiness
    names = list(dict.fromkeys(one.dependency for one in asked if one.dependency))
    wrong = [why for name in names if (why := _why_not_deep([one for one in asked if one.dependency == name]))]
    evidence = tuple(line for name in names for line in _summed(asked, name))
    if stray := _at_random(asked, names):
        return unproved(
            DEEP, f"{path} says no while all is well, too ({stray}): its no proves nothing", evidence=evidence
        )
    if wrong:
        return Verdict(DEEP, Ruling.FAIL, f"{path}: {'; '.join(wrong)}", evidence, DEEP_CURE)
    if missed := _unasked(run, asked, (*WRONG, "restored")):
        return unproved(DEEP, f"{path} was not asked while {missed}", evidence=evidence)
    if not names:
        return unproved(DEEP, "no dependency was cut off")
    if uncut := _uncut(recording, names):
        return unproved(DEEP, uncut, evidence=evidence)
    summary = f"{path} said no while {', '.join(names)} was cut off or slow, and yes again afterwards"
    return Verdict(DEEP, Ruling.PASS, summary, evidence, figures={"dependencies": float(len(names))})


def _uncut(recording: Recording, names: list[str]) -> str:
    """The first thing that it connects to and that was not cut off, with the reason; else ""."""
    told = ((_CONNECTED.match(one), one) for one in recording.subject.dependencies)
    return next((f"not cut off: {one}" for match, one in told if match and match[1] not in names), "")


def _at_random(asked: list[Asked], names: list[str]) -> str:
    """How often it says no while all is well, after a first yes, unless it says no on and on where something is
    missing; else ""."""
    ordered = sorted(asked, key=lambda one: one.exchange.begun)
    each = [(situation, list(found)) for situation, found in groupby(ordered, key=lambda one: one.situation)]
    well = [one for situation, found in each if situation not in WRONG for one in dropwhile(_is_not(is_yes), found)]
    stray = sum(is_no(one.exchange) for one in well)
    missing = [
        [one for one in ordered if (one.dependency, one.situation) == (name, s)] for name in names for s in WRONG
    ]
    return f"{stray} of {count(len(well), 'time')}" if stray and not all(map(_says_no_on, missing)) else ""


def _says_no_on(asked: list[Asked]) -> bool:
    """Whether all that was said from the first no on was no, and more than once."""
    since = list(dropwhile(_is_not(is_no), asked))
    return len(since) > 1 and not any(is_yes(one.exchange) for one in since)


def _is_not(said: Callable[[Exchange], bool]) -> Callable[[Asked], bool]:
    return lambda one: not said(one.exchange)


def _unasked(run: Run, asked: list[Asked], situations: tuple[str, ...]) -> str:
    """The first of these situations of a dependency in which nothing was asked: "cache:6379 was slow"; else ""."""
    steps = [event.name for event in run.events if event.kind is EventKind.DEPENDENCY]
    names = dict.fromkeys([*steps, *(one.dependency for one in asked if one.dependency)])
    told = {(one.dependency, one.situation) for one in asked}
    missed = (f"{name} was {each}" for name in names for each in situations if (name, each) not in told)
    return next(missed, "")


def longest_gap(asked: Iterable[Asked]) -> float:
    """The longest time in which one of the paths was not asked, between its first and its last question."""
    begun: dict[str, list[float]] = {}
    for one in asked:
        begun.setdefault(one.purpose, []).append(one.exchange.begun)
    return max((b - a for times in begun.values() for a, b in pairwise(sorted(times))), default=0.0)


def _in_time(asked: Asked, run: Run) -> Asked:
    """An answer that came when the dependency was back already is none to what was asked while it was away; one that
    came when it was away again belongs to neither."""
    steps = [event.time for event in run.events if event.kind is EventKind.DEPENDENCY]
    over = min((time for time in steps if time > asked.exchange.begun), default=float("inf"))
    if asked.exchange.ended is None or asked.exchange.ended < over:
        return asked
    if asked.situation in WRONG:
        return replace(asked, exchange=replace(asked.exchange, outcome=Outcome.TIMED_OUT))
    return replace(asked, situation=CHANGING)


def _run(recording: Recording, name: str) -> Run | Verdict:
    run = ready_run(recording, Scenario.DEPENDENCY, name)
    if isinstance(run, Verdict):
        return run
    if run.disturbed:
        return unproved(name, run.disturbed)
    gap = longest_gap(run.asked)
    return unproved(name, f"this machine was busy: for {seconds(gap)} nobody asked") if gap > GAP else run


def _not_well(recording: Recording, path: str) -> str:
    return f"{path} never said yes, so it can't be seen to change its mind{_missing(recording)}"


def _missing(recording: Recording) -> str:
    """What it depends on and did not have."""
    missing = [one for one in recording.subject.dependencies if "not there" in one]
    return f": {missing[0]}" if missing else ""


def _why_not_deep(asked: list[Asked]) -> str:
    """What is wrong with how readiness took one dependency, or ""."""
    name = asked[0].dependency
    cut, slow = ([one for one in asked if one.situation == each] for each in WRONG)
    if cut and not any(is_no(one.exchange) for one in cut):
        how = "goes on saying yes" if any(is_yes(one.exchange) for one in cut) else "does not answer at all"
        return f"{how} while {name} is cut off"
    if slow and not any(is_no(one.exchange) for one in slow):
        how = "goes on saying yes" if any(is_yes(one.exchange) for one in slow) else "hangs instead of saying no"
        return f"{how} while {name} does not answer"
    back = [one for one in asked if one.situation == "restored"]
    if back and not is_yes(back[-1].exchange):
        return f"does not say yes again after {name} is back"
    return ""


def _summed(asked: list[Asked], name: str) -> list[str]:
    """What it said in each situation of one dependency."""
    lines = []
    for situation in ("cut", "slow", "restored"):
        found = [one for one in asked if one.dependency == name and one.situation == situation]
        no, yes = (sum(say(one.exchange) for one in found) for say in (is_no, is_yes))
        other = len(found) - no - yes
        if found:
            first = next((one for one in found if is_no(one.exchange)), None)
            begun = min(one.exchange.begun for one in found)
            ended = first.exchange.ended if first is not None else None
            when = (
                f", the first no after {seconds(ended - begun)}"
                if ended is not None and situation != "restored"
                else ""
            )
            lines.append(f"{name} {situation}: {no} no, {yes} yes, {other} without an answer{when}")
    return lines


def _line(asked: Asked) -> str:
    exchange = asked.exchange
    said = str(exchange.status) if exchange.outcome in COMPLETE else exchange.outcome.value
    took = f" after {seconds(exchange.ended - exchange.begun)}" if exchange.ended is not None else ""
    return f"{exchange.path} with {asked.dependency} {asked.situation}: {said}{took}"


def _steps(run: Run) -> tuple[str, ...]:
    found = [event for event in run.events if event.kind is EventKind.DEPENDENCY]
    return tuple(f"{event.name} {event.detail} at {event.time:.2f} s" for event in found[:8])
