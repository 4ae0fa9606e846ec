"""A shell before the command: what it lacks is the image's, and never the service's failure."""

from __future__ import annotations

import subprocess

import pytest

from seatrial.drill.in_front import LACKING, UNFOUND, WHY, behind, why_failed
from seatrial.engine.interface import Ended

from .fakes import service


def test_the_command_gets_to_the_script_as_its_arguments() -> None:
    changed = behind(service("echo", "a b"), 'printf "<%s>" "$@"')
    assert changed.argv is not None
    done = subprocess.run(changed.argv.value, capture_output=True, text=True, check=True)
    assert done.stdout == "<echo><a b>"
    assert [hop.argv for hop in changed.hops] == [("echo", "a b")], "an engine looks for what it has to find there"


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        (Ended(1.0, LACKING), WHY),
        (Ended(1.0, 127, error="/bin/sh: no such file or directory"), WHY),
        (Ended(1.0, 127), UNFOUND),
        (Ended(1.0, 126), UNFOUND),
        (Ended(1.0, 1), ""),
        (None, ""),
    ],
)
def test_an_end_for_want_of_a_shell_is_told(ended: Ended | None, why: str) -> None:
    own = service("node")
    assert why_failed(own, behind(own, 'exec "$@"'), ended) == why


def test_the_service_s_own_end_is_its_own() -> None:
    own = service("/bin/sh", "-c", f"exit {LACKING}")
    assert why_failed(own, own, Ended(1.0, LACKING)) == ""
