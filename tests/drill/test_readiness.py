"""Which listener, which health check and which paths are used."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.paths import quick_candidates
from seatrial.drill.readiness import (
    WORKER_AFTER,
    WORKER_WITH_ROUTES,
    Waiting,
    _gist,
    _missing_tool,
    choose,
    probe_argv,
    target_of,
    wait_ready,
    worker_after,
)
from seatrial.engine.interface import ExecResult, Listener
from seatrial.model.place import Sourced
from seatrial.model.recording import Scenario
from seatrial.model.service import Healthcheck, Image, Port
from seatrial.model.traffic import Exchange, Outcome, Target

from .fakes import service

HEALTH_FIRST = (Candidate("/live", "x", health=True), Candidate("/a", "x"))
V4, V6 = Listener("ipv4", "127.0.0.1", 3000), Listener("ipv6", "::1", 3000)
OTHER, UNIX = Listener("ipv4", "127.0.0.1", 9229), Listener("unix", "/run/app.sock", 0)


@pytest.mark.parametrize(
    ("found", "ports", "variable", "asked", "expected"),
    [
        ((V6, OTHER, V4), (3000,), "", None, (V4, True)),
        ((V6,), (3000,), "", None, (V6, True)),
        ((OTHER,), (3000,), "", None, (OTHER, False)),
        ((OTHER, V4), (), "9229", None, (OTHER, True)),
        ((OTHER, V4), (), "", None, (V4, True)),
        ((OTHER, V4), (3000,), "", 9229, (OTHER, True)),
        ((V4,), (), "", 9229, (None, False)),
        ((UNIX,), (), "", None, (UNIX, True)),
        ((UNIX,), (3000,), "", None, (UNIX, False)),
        ((), (3000,), "", None, (None, False)),
    ],
)
def test_the_listener_that_was_asked_for_or_declared_is_used(
    found: tuple[Listener, ...],
    ports: tuple[int, ...],
    variable: str,
    asked: int | None,
    expected: tuple[Listener | None, bool],
) -> None:
    environment = {"PORT": Sourced(variable)} if variable else {}
    of = service(ports=tuple(Sourced(Port(number)) for number in ports), environment=environment)
    assert choose(found, of, asked) == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (("CMD", "curl", "-f", "http://x/"), ("curl", "-f", "http://x/")),
        (("CMD-SHELL", "curl -f x || exit 1"), ("/bin/bash", "-c", "curl -f x || exit 1")),
        (("NONE",), ()),
        ((), ()),
        (("CMD-SHELL",), ()),
    ],
)
def test_the_health_check_is_run_by_the_contract(test: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert probe_argv(Healthcheck(Sourced(test)), ("/bin/bash", "-c")) == expected


@pytest.mark.parametrize(
    ("code", "output", "tool"),
    [
        (127, "/bin/sh: 1: curl: not found", "curl"),
        (127, "sh: line 1: wget: command not found", "wget"),
        (127, "exec /usr/bin/curl: No such file or directory", "curl"),
        (127, "", ""),
        (1, "curl: not found", "curl"),
        (1, "cat: /run/x: No such file or directory", ""),
    ],
)
def test_a_check_whose_program_is_missing_here_gets_a_hint(code: int, output: str, tool: str) -> None:
    hint = _missing_tool(ExecResult(code, output, 0.0, 0.1), service())
    assert bool(hint) == bool(tool)
    assert f"and {tool} is not among them" in hint or not tool


def test_in_a_real_image_the_missing_program_is_the_images_lack() -> None:
    hint = _missing_tool(ExecResult(127, "sh: curl: not found", 0.0, 0.1), service(measured=Image("api", 1)))
    assert hint == " (hint: the image has no curl: check with a program that it has)"


@pytest.mark.parametrize(
    ("options", "after"),
    [
        (DrillOptions(), WORKER_AFTER),
        (DrillOptions(has_listened=True), float("inf")),
        (DrillOptions(port=3000), float("inf")),
        (DrillOptions(slow_path="/slow"), float("inf")),
        (DrillOptions(candidates=Candidates(slow=HEALTH_FIRST)), WORKER_WITH_ROUTES),
    ],
)
def test_what_listens_elsewhere_is_no_worker(options: DrillOptions, after: float) -> None:
    none = cast("Any", None)
    assert worker_after(Waiting(service(), none, none, none, 60.0, options, lambda: False, 0.0)) == after


def test_without_a_health_check_there_is_no_probe() -> None:
    assert probe_argv(None, ("/bin/sh", "-c")) == ()


@pytest.mark.parametrize(
    ("options", "probe", "expected"),
    [
        (DrillOptions(quick_path="/q"), ("curl", "http://localhost/h"), ["/q"]),
        (DrillOptions(), ("curl", "-f", "http://localhost:3000/health?x=1"), ["/", "/health?x=1"]),
        (DrillOptions(), ("CMD", "sh", "-c", "wget -qO- 'http://127.0.0.1/ok' || exit 1"), ["/", "/ok"]),
        (DrillOptions(), ("node", "check.js"), ["/"]),
        (DrillOptions(candidates=Candidates(quick=(Candidate("/a", "x"),))), (), ["/a", "/"]),
        (DrillOptions(candidates=Candidates(quick=HEALTH_FIRST)), (), ["/a", "/", "/live"]),
        (DrillOptions(candidates=Candidates(quick=HEALTH_FIRST)), ("curl", "http://x/a"), ["/", "/live", "/a", "/a"]),
        (DrillOptions(), ("curl", "http://x/"), ["/"]),
    ],
)
def test_paths_to_ask_come_from_the_caller_the_sources_and_the_health_check(
    options: DrillOptions, probe: tuple[str, ...], expected: list[str]
) -> None:
    assert [candidate.path for candidate in quick_candidates(options, probe)] == expected


@pytest.mark.parametrize(("path", "health"), [("/live", True), ("/h", True), ("/a", False)])
def test_a_path_that_reports_health_is_known_as_such_although_the_caller_names_it(path: str, health: bool) -> None:
    options = DrillOptions(quick_path=path, candidates=Candidates(quick=HEALTH_FIRST))
    assert [candidate.health for candidate in quick_candidates(options, ("curl", "http://x/h"))] == [health]


def test_scenarios_are_chosen_by_only_and_skip() -> None:
    assert DrillOptions().scenarios() == tuple(Scenario)
    assert DrillOptions(only=frozenset({Scenario.STOP, Scenario.ORPHAN})).scenarios() == (
        Scenario.STOP,
        Scenario.ORPHAN,
    )
    assert Scenario.STOP not in DrillOptions(skip=frozenset({Scenario.STOP})).scenarios()


class Answers:
    """A load generator whose requests are answered with these, the last one again and again."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)

    async def request(self, _target: Target, path: str, _limit: float) -> Exchange:
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return Exchange(path, Outcome.COMPLETE, 0.0, status=status)


@pytest.mark.parametrize(
    ("statuses", "well", "ready", "status"),
    [
        ((500,), False, True, 500),
        ((404,), True, True, 404),
        ((503, 200), True, True, 200),
        ((500,), True, False, 500),
    ],
)
def test_an_error_is_no_readiness_of_a_service_that_gives_none_as_a_rule(
    statuses: tuple[int, ...], well: bool, ready: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatrial.drill.readiness.PAUSE", 0.001)
    watcher = SimpleNamespace(listening=[V4], events=[], look=lambda: None)
    waiting = Waiting(
        service=service(ports=(Sourced(Port(3000)),)),
        instance=cast("Any", None),
        watcher=cast("Any", watcher),
        load=cast("Any", Answers(*statuses)),
        limit=0.05,
        options=DrillOptions(),
        is_over=lambda: False,
        begun=time.monotonic(),
        well=well,
    )
    told, _ = asyncio.run(wait_ready(waiting))
    assert (told.ready, told.status, told.is_well) == (ready, status, status < 500)


@pytest.mark.parametrize(
    ("found", "alone"),
    [
        ((V4,), True),
        ((V6,), True),
        ((V4, V6, OTHER), True),
        ((Listener("ipv4", "127.0.0.1", 3000, wildcard=True),), False),
        ((V4, Listener("ipv6", "::1", 3000, wildcard=True)), False),
        ((V4, Listener("ipv4", "10.1.1.1", 3000)), False),
        ((V4, Listener("ipv4", "127.0.0.1", 9229, wildcard=True)), True),
        ((UNIX,), False),
    ],
)
def test_a_service_that_listens_on_loopback_alone_is_known_as_such(found: tuple[Listener, ...], alone: bool) -> None:
    assert target_of(found[0], found).loopback_only is alone


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("not yet\n", "not yet"),
        ("one\ntwo\n", "one | two"),
        (
            'Traceback (most recent call last):\n  File "<string>", line 1, in <module>\nOSError: first\n\nDuring …\n\n'
            '  File "x.py", line 2\nurllib.error.URLError: <urlopen error refused>\n',
            "urllib.error.URLError: <urlopen error refused>",
        ),
        (
            "node:internal:1\n  throw e\n\nError: connect ECONNREFUSED\n    at f (a.js:1:2)\n",
            "Error: connect ECONNREFUSED",
        ),
    ],
)
def test_of_a_checks_traceback_the_error_is_told(output: str, told: str) -> None:
    assert _gist(output) == told
