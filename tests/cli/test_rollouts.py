"""`seatrial drill --engine swarm|kubernetes`: what is refused, and what an interrupt says."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from seatrial.cli import rollouts
from seatrial.cli.arguments import DISTRIBUTED
from seatrial.cli.front import run
from seatrial.cli.running import Interrupted
from tests.requirements import missing_module, require

from .test_engines import parsed


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run(["drill", *words])
    return code, capsys.readouterr().err


def test_the_names_of_the_option_are_those_of_the_table() -> None:
    assert tuple(rollouts.ENGINES) == DISTRIBUTED


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--engine swarm", "which service is to be replaced is not said"),
        ("--engine swarm api --service api", "--service does not apply to --engine swarm"),
        ("--engine swarm api --env A=1", "--env does not apply to --engine swarm"),
        ("--engine swarm api -n shop", "--namespace does not apply to --engine swarm"),
        ("--engine kubernetes deployment/api --lag 3", "--lag does not apply to --engine kubernetes"),
        ("--engine kubernetes deployment/api --update-order start-first", "--update-order does not apply"),
        ("--engine kubernetes api", "'api' names no workload (deployment, statefulset, daemonset)"),
        ("--engine kubernetes cronjob/api", "'cronjob/api' names no workload"),
        (". --url http://localhost/", "--url does not apply to --engine native"),
        ("--engine docker . --context here", "--context does not apply to --engine docker"),
    ],
)
def test_what_makes_no_sense_is_refused(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = said(capsys, *words.split())
    assert (code, message in told) == (2, True), told


@pytest.mark.parametrize(("words", "module"), [("swarm api", "docker"), ("kubernetes deployment/api", "kubernetes")])
def test_without_an_engines_client_the_way_to_get_it_is_said(
    words: str, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    code, told = said(capsys, "--engine", *words.split())
    assert (code, f"pip install 'seatrial[{module}]'" in told) == (4, True), told


def test_without_an_engine_the_way_to_name_one_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require(missing_module("docker"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    code, told = said(capsys, "--engine", "swarm", "api")
    assert (code, "no container engine answers" in told) == (4, True), told


class Left:
    """A service in the middle of its replacement, or not yet."""

    def __init__(self, left: str) -> None:
        self.left = left


@pytest.mark.parametrize(("left", "words"), [("it goes on", "it goes on"), ("", "everything was cleaned up")])
def test_an_interrupt_says_what_is_left(left: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(work: object) -> None:
        raise Interrupted(2)

    monkeypatch.setattr(rollouts, "run_async", interrupted)
    monkeypatch.setattr(rollouts, "rollout", lambda *_: None)
    monkeypatch.setattr(rollouts, "ENGINES", {"swarm": lambda _arguments: Left(left)})
    arguments: argparse.Namespace = parsed("drill", "--engine", "swarm", "api")
    with pytest.raises(Interrupted) as stop:
        rollouts.run_rollout(arguments, lambda _: None)
    assert stop.value.left == words
