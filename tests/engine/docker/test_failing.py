"""An engine's refusal to start: the command's own fault has an exit code, anything else is an error."""

from __future__ import annotations

import pytest

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
