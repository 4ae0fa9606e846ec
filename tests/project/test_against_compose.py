"""docker compose with a real engine beside `seatrial up`: the same files and commands, and what is seen of them.

Durations are not compared, for an engine may be slow; nor is the order of what happens to services that don't depend
on each other. What differs on purpose must differ: a reason without a difference is no reason.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import pytest

from ..docker_engine import DockerEngine
from ..requirements import missing_program, require
from .compose_cases import DIFFERENCES, PLAYS, PROGRAMS, Play, Program
from .compose_sides import Events, Side, both_sides, import_image, until, until_ready, written

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SIDE_BY_SIDE = 4
TRIES = 2
FILES = {
    "one.env": "ONE=1\nTWO=2\nQUOTED='a b'\nSPACE=x y\n",
    "two.env": "TWO=zwei\nTHREE=3\n",
    ".env": "FROM_DOTENV=dotenv\nFROM_BOTH=dotenv\nEMPTY=\n",
    "word": "secret word\n",
    "page": "a page\n",
}
CASES = [case for case in PLAYS if case.quick or os.environ.get("SEATRIAL_ALL_CASES")]
ENVIRONMENT = {"FROM_SHELL": "shell", "FROM_BOTH": "shell"}

Found: TypeAlias = tuple[int, list[str]]
"""The exit code and what was written."""


@dataclass
class Seen:
    """What one side did."""

    codes: list[Any] = field(default_factory=list)
    notes: list[Any] = field(default_factory=list)
    out: list[Any] = field(default_factory=list)
    events: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(f"    {name} = {value}" for name, value in vars(self).items())


def play(side: Side, case: Play) -> Seen:
    """Do what the case says."""
    seen = Seen()
    known: dict[str, int] = {}
    says_ready = "echo ready" in case.compose
    for step in case.steps:
        word, _, rest = step.partition(" ")
        if says_ready and word in ("stop", "down", "kill", "restart", "pause", "note"):
            until_ready(side)
        if word == "until":
            until(side, *rest.split())
        elif word == "with":
            name, _, value = rest.partition("=")
            side.environment = {**side.environment, name: value}
        elif word == "note":
            seen.notes.append(noted(side, rest, known))
        else:
            command(side, step, seen)
    if "events" in case.compares:
        found = [one for one in side.events() if not one[1].startswith(("exec_", "attach", "resize"))]
        seen.events = in_order([one for one in found if not case.only or one[0].startswith(f"{case.only}-")])
    return seen


def command(side: Side, step: str, seen: Seen) -> None:
    """One command. `!`: it must fail; `=`: with the same code; `print`, `lines`, `stamps`: what it prints counts."""
    word, _, rest = step.partition(" ")
    kind = word if word in ("!", "=", "print", "lines", "stamps") else ""
    answer = side.run(*shlex.split(rest if kind else step))
    is_as_wanted = bool(answer.code) == (kind == "!") or kind == "="
    assert is_as_wanted, f"{side.name}: {step}: {answer.code}\n{answer.out}\n{answer.err}"
    seen.codes.append(answer.code if kind == "=" else bool(answer.code))
    out = [re.sub(r"^(\S+)_(\d+)( +\|)", r"\1-\2\3", line) for line in answer.out.splitlines()]
    out = [line for line in out if not line.startswith("Attaching to ")]
    if kind == "stamps":
        out = [re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "TIME", line) for line in out]
    if kind in ("print", "lines", "stamps"):
        seen.out.append(sorted(out) if kind == "lines" else out)


def noted(side: Side, what: str, known: dict[str, int]) -> Any:
    """What there is to be seen at this moment; identities by the order in which they came."""
    rows = sorted(side.rows().values(), key=lambda row: row.name)
    if what == "states":
        return [(row.name, row.state, row.code) for row in rows]
    if what == "ids":
        return [(row.name, known.setdefault(row.identity, len(known))) for row in rows]
    if what == "logs":
        return [(row.name, written(side.log(row))) for row in rows]
    return [(row.name, getattr(row, what)) for row in rows]


def in_order(events: list[tuple[str, str]]) -> dict[str, Any]:
    """Each instance's own events, and the order of starts and ends among all."""
    own: dict[str, list[str]] = {}
    for name, action in events:
        own.setdefault(name, []).append(action)
    for found in own.values():
        for place in range(len(found) - 1):
            if found[place] == "stop" and found[place + 1].startswith("die"):
                found[place : place + 2] = reversed(found[place : place + 2])
    order = [
        (name, action.split()[0]) for name, action in events if action.split()[0] in ("start", "die", "health_status:")
    ]
    return {"own": dict(sorted(own.items())), "order": order}


def without(seen: Seen, difference: str) -> Seen:
    """What is compared all the same where the two differ."""
    if difference == "created":
        notes = [[one for one in note if one[1:] not in (("created", 0), ("",))] for note in seen.notes]
        own = {name: actions for name, actions in seen.events["own"].items() if actions != ["create"]}
        return replace(seen, notes=notes, events={**seen.events, "own": own})
    if difference == "anew":
        own = {name: sorted({*actions} - {"rename"}) for name, actions in seen.events["own"].items()}
        return replace(seen, events={**seen.events, "own": own})
    return Seen()


class Comparison:
    """The engine, and all plays side by side."""

    def __init__(self, engine: DockerEngine) -> None:
        import_image(engine)
        self.engine, self.events = engine, Events(engine)
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        self._done: dict[str, Future[tuple[Seen, Seen]]] = {}

    def begin(self, cases: list[Play]) -> None:
        for case in cases:
            self._done[case.name] = self._pool.submit(self.compared, case)

    def compared(self, case: Play) -> tuple[Seen, Seen]:
        files = {**FILES, "compose.yaml": case.compose, **case.files}
        options = ("--compatibility",) if case.compatibility else ()
        with both_sides(self.engine, self.events, files, {**ENVIRONMENT, **case.environment}, options) as sides:
            first, second = (play(side, case) for side in sides)
        return first, second

    def result(self, case: Play) -> tuple[Seen, Seen]:
        return self._done.pop(case.name).result() if case.name in self._done else self.compared(case)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self.events.close()


@pytest.fixture(scope="module")
def comparison(docker_engine: DockerEngine) -> Iterator[Comparison]:
    require(missing_program("docker-compose"))
    comparison = Comparison(docker_engine)
    yield comparison
    comparison.close()


@pytest.fixture(scope="module")
def plays(comparison: Comparison, request: pytest.FixtureRequest) -> Comparison:
    """All plays that are wanted, begun; after the programs, which keep the machine busy enough."""
    wanted = {item.name for item in request.session.items}
    comparison.begin([case for case in CASES if any(case.name in name for name in wanted)])
    return comparison


@pytest.fixture(scope="module")
def programs(comparison: Comparison) -> list[tuple[Found, Found]]:
    """What each program found, on both sides: all of them are services of one project."""
    services = "".join(f"  s{number:02}:\n{case.service()}" for number, case in enumerate(PROGRAMS))
    shared = "volumes: {data: {}}\nsecrets: {word: {file: ./word}}\nconfigs: {page: {file: ./page}}\n"
    files = {**FILES, "compose.yaml": f"services:\n{services}{shared}"}
    with both_sides(comparison.engine, comparison.events, files, ENVIRONMENT) as sides:
        first, second = (found_by_programs(side) for side in sides)
    return list(zip(first, second, strict=True))


def found_by_programs(side: Side) -> list[Found]:
    answer = side.run("up", "-d")
    assert answer.code == 0, f"{side.name}: {answer.err[-3000:]}"
    for number in range(len(PROGRAMS)):
        until(side, f"s{number:02}", "exited")
    rows = side.rows()
    names = [f"s{number:02}-1" for number in range(len(PROGRAMS))]
    return [(rows[name].code, written(side.log(rows[name]))) for name in names]


@pytest.mark.parametrize(("number", "case"), list(enumerate(PROGRAMS)), ids=[case.name for case in PROGRAMS])
def test_a_program_finds_what_it_finds_with_docker_compose(
    programs: list[tuple[Found, Found]], number: int, case: Program
) -> None:
    docker, seatrial = programs[number]
    assert (docker == seatrial) == (not case.differs), f"docker compose: {docker}\nseatrial:       {seatrial}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_project_goes_as_with_docker_compose(plays: Comparison, case: Play) -> None:
    """What differs is played once more: a machine under load may have been late, and what is different stays so."""
    for _ in range(TRIES):
        docker, seatrial = plays.result(case)
        alike = without(docker, case.differs) == without(seatrial, case.differs) if case.differs else docker == seatrial
        if alike and (docker == seatrial) == (not case.differs):
            return
    pytest.fail(f"docker compose:\n{docker}\nseatrial:\n{seatrial}", pytrace=False)


def test_each_difference_has_a_case_and_each_case_its_reason() -> None:
    assert {case.differs for case in (*PROGRAMS, *PLAYS)} - {""} == set(DIFFERENCES)
