"""An engine's refusal to start: the command's own fault has an exit code, anything else is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.engine.docker.building import Recipe, _failure
from seatrial.engine.docker.failing import start_failure
from seatrial.engine.interface import StartError

RUNC = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "


@pytest.mark.parametrize(
    ("text", "code", "program"),
    [
        (RUNC + 'exec: "node": executable file not found in $PATH: unknown', 127, "node"),
        (RUNC + 'exec: "/nope": stat /nope: no such file or directory: unknown', 127, "/nope"),
        (RUNC + 'exec: "/app": permission denied: unknown', 126, "/app"),
        (RUNC + "exec /run.sh: exec format error", 126, "/run.sh"),
        (RUNC + "exec /run.sh: no such file or directory", 127, "/run.sh"),
    ],
)
def test_a_command_that_cannot_be_executed_has_the_code_of_the_contract(text: str, code: int, program: str) -> None:
    found, reason = start_failure(text)
    assert found == code
    assert reason.startswith(f"{program}: ")


def test_any_other_refusal_is_the_engines_and_an_error() -> None:
    with pytest.raises(StartError, match="start: unable to find user nobody"):
        start_failure("unable to find user nobody: no matching entries in passwd file")


def test_a_limit_above_the_engines_own_is_told_from_other_refusals() -> None:
    with pytest.raises(StartError) as caught:
        start_failure(
            f"{RUNC}error during container init: error setting rlimit type 7: operation not permitted: unknown"
        )
    assert "`ulimits`" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "is_hinted"),
    [
        ("pull access denied for nowhere, repository does not exist or may require 'docker login'", True),
        ("manifest for node:99 not found: manifest unknown: manifest unknown", True),
        ('Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host', True),
        ("The command '/bin/sh -c make' returned a non-zero code: 2", False),
    ],
)
def test_a_base_image_that_cannot_be_pulled_has_a_hint(error: str, is_hinted: bool) -> None:
    told = _failure(error, 1, [], Recipe(Path(), b"", "Dockerfile", "Dockerfile", (1,), ()))
    assert ("docker pull" in told.hint) is is_hinted
