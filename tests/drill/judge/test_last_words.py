"""A service that ended too early: what it said is quoted, and what it missed is explained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.last_words import last_words, what_to_build
from seatrial.drill.judge.signal_judges import handles_sigterm
from seatrial.model.recording import Event, EventKind, Exit, LogLine, Readiness, Recording, Run

from ..recordings import STOP, recording

MISSING = """node:internal/modules/cjs/loader:1210
  throw err;
  ^

Error: Cannot find module '/app/dist/index.js'
    at Module._resolveFilename
    at Module._load
"""


def failed(text: str) -> Run:
    """A run that said this and ended."""
    log = tuple(LogLine(0.1, "stderr", line) for line in text.splitlines())
    return replace(STOP, readiness=Readiness(False, None), signalled=None, exit=Exit(0.2, 1), log=log)


def seen(text: str, *made: str) -> Recording:
    told = recording(failed(text))
    return replace(told, subject=replace(told.subject, made=made))


def test_the_error_and_the_last_lines_are_quoted() -> None:
    later = "".join(f"    at line {number}\n" for number in range(30))
    quoted = last_words(failed(MISSING + later))
    assert quoted[0] == "stderr: Error: Cannot find module '/app/dist/index.js'"
    assert len(quoted) == 13
    assert quoted[-1] == "stderr:     at line 29"


def test_an_error_among_the_last_lines_is_quoted_once() -> None:
    quoted = last_words(failed(MISSING))
    assert sum("Cannot find module" in line for line in quoted) == 1
    assert quoted[0].endswith("loader:1210")
    assert last_words(failed("")) == ()


@pytest.mark.parametrize(
    ("text", "made", "expected"),
    [
        (MISSING, ("/app/dist",), True),
        (MISSING, ("/srv", "/app"), True),
        (MISSING, ("/app/di",), False),
        (MISSING, (), False),
        ("python: can't open file '/app/dist/main.py': [Errno 2] No such file or directory", ("/app/dist",), True),
        ("Error: EISDIR: /app/dist/index.js", ("/app/dist",), False),
    ],
)
def test_a_missing_file_of_another_stage_is_explained(text: str, made: tuple[str, ...], expected: bool) -> None:
    verdict = handles_sigterm(seen(text, *made))
    assert ("RUN steps of the build stage were not executed" in verdict.remedy) is expected


def test_a_program_that_could_not_be_started_is_explained_too() -> None:
    told = seen("", "/app/bin/")
    event = Event(0.1, EventKind.EXITED, "127", "exec /app/bin/serve failed: No such file or directory")
    run = replace(told.runs[0], events=(event,))
    assert what_to_build(told, run).startswith("/app/bin/serve is what COPY --from would put at /app/bin/")
