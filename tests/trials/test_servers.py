"""The stop drill on real servers, bare and under an init: its verdicts are what was measured of each by other means.

A row is one server; a letter says what a requirement's verdict must be: P pass, F fail, ? not proved, and `.` where
the server itself behaves one way or the other by chance (a race that it has, or a time at the edge of its own limit). A
server of which something is not proved that should be is drilled again, at most twice: on a busy machine a run can be
disturbed. On one that is not, a pass that should be a failure, or the other way round, fails at once. The end of the
test run tells which servers needed more than one try.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

import pytest

from seatrial.model.recording import Recording
from seatrial.model.verdict import Ruling, Verdict
from tests.requirements import is_too_busy, require
from tests.trials.conftest import missing, not_measured, service, trial

COLUMNS = (
    "handles-sigterm",
    "stops-in-time",
    "exit-code-clean",
    "in-flight-finish",
    "keep-alive-drained",
    "announces-close",
    "refuses-late-connections",
    "slow-clients-bounded",
    "second-signal-safe",
    "children-stopped",
    "handles-sigint",
)
RULINGS = {"P": {Ruling.PASS}, "F": {Ruling.FAIL}, "?": {Ruling.NOT_PROVED}, ".": set(Ruling)}
OPPOSITE = {"P": Ruling.FAIL, "F": Ruling.PASS}
TRIES = 3

TABLE = """
node plain                | bare | FFFPFF?F?PF | 137
node plain                | init | FPFF...P?PF | 143
node server.close         | bare | PFFPPFPFFPF | 137
node server.close         | init | PFFPPFPFFFF | 137
node exit at once         | bare | PPPF...P?PF | 0
node exit at once         | init | PPPF...P?PF | 0
express                   | bare | FFFPFF?F?PF | 137
express                   | init | FPFF...P?PF | 143
express close             | bare | PFFPPFPFFPF | 137
express close             | init | PFFPPFPFFFF | 137
fastify close             | bare | PFFPPFPFFPF | 137
fastify close             | init | PFFPPFPFFFF | 137
fastify close-with-grace  | bare | PFFPPFPFFPF | 137
fastify close-with-grace  | init | PFFPPFPFFFF | 137
stoppable                 | bare | PPPPPFPPPPF | 0
stoppable                 | init | PPPPPFPPPPF | 0
terminus                  | bare | PPPPPFPPPPF | 0
terminus                  | init | PPFPPFPPPPF | 143
http-terminator           | bare | PPPPPPFPPPF | 0
http-terminator           | init | PPPPPPFPPPF | 0
npm start                 | bare | FPF....P?.F | 1
npm start                 | init | FPFF...P?.F | 143
npm start with exec       | bare | PFFPPFPFFFF | 137
npm start with exec       | init | PFFPPFPFFFF | 137
nodemon                   | bare | FPFF....?.F | 143
nodemon                   | init | FPFF....?.F | 143
dash -c                   | bare | FFFPFF?F?FF | 137
dash -c                   | init | FPFF...P?FF | 143
bash -c                   | bare | PFFPPFPFFPF | 137
bash -c                   | init | PFFPPFPFFFF | 137
bash -c list              | bare | FFFPFF?F?FF | 137
bash -c list              | init | FPFF...P?FF | 143
wrapper                   | bare | FFFPFF?F?FF | 137
wrapper                   | init | FPFF...P?FF | 143
wrapper with exec         | bare | PFFPPFPFFPF | 137
wrapper with exec         | init | PFFPPFPFFFF | 137
uvicorn                   | bare | PPPPPPPPPPP | 0
uvicorn                   | init | PPFPPPPPPPP | 143
gunicorn sync             | bare | PPPPPPFFPPF | 0
gunicorn sync             | init | PPPPPPFFPPF | 0
gunicorn uvicorn worker   | bare | PPPPPPPPPPF | 0
gunicorn uvicorn worker   | init | PPPPPPPPPPF | 0
hypercorn                 | bare | PPPPPFFPPPP | 0
hypercorn                 | init | PPPPPFFPPPP | 0
waitress                  | bare | FFFPFF?F?PP | 137
waitress                  | init | FPFF...P?PP | 143
aiohttp                   | bare | PPPPPFPPFPP | 0
aiohttp                   | init | PPPPPFPPFPP | 0
http.server               | bare | FFFPFF?F?PF | 137
http.server               | init | FPFF...P?PF | 143
"""
MORE = """
node --watch              | bare | PFFPP.PFFFF | 137
setpriv                   | bare | PFFPPFPFFPF | 137
ash -c                    | bare | PFFPPFPFFPF | 137
ash -c list               | bare | FFFPFF?F?FF | 137
trap, wait                | bare | FPFF....?FF | 143
trap, two waits           | bare | PFFPPFPFFFF | 137
tini -g, wrapper          | bare | FPFF....?FF | 143
dumb-init                 | bare | PFFPPFPFFFF | 137
dumb-init, wrapper        | bare | FPFF....?FF | 143
catatonit                 | bare | PFFPPFPFFFF | 137
supervisord               | bare | PPPPPFPPPPP | 0
uvicorn, two workers      | bare | PPPPP.FPPPP | 0
granian                   | bare | PPPPPPPFPPP | 0
gunicorn gthread          | bare | PPPPP.FFPPP | 0
flask                     | bare | FFFPPP?F?PF | 137
"""
"""All of these, and most rows under an init, run with SEATRIAL_ALL_SERVERS=1 alone."""


def rows(table: str) -> list[tuple[str, ...]]:
    return [tuple(part.strip() for part in line.split("|")) for line in table.strip().splitlines()]


ROWS = rows(TABLE)
EVERY = [*ROWS, *rows(MORE)]
FEW = ("dumb-init, wrapper", "uvicorn, two workers", "node plain", "terminus", "wrapper", "uvicorn", "gunicorn sync")
ALL = bool(os.environ.get("SEATRIAL_ALL_SERVERS"))
CHOSEN = [row for row in EVERY if ALL or row[0] in FEW or (row in ROWS and row[1] == "bare")]


def differing(recording: Recording, verdicts: Sequence[Verdict], letters: str, codes: str) -> list[str]:
    """What is not as the row says, a line each."""
    found = {verdict.requirement: verdict for verdict in verdicts}
    lines = [
        f"{name}: {found[name].ruling.value}: {found[name].summary} {found[name].evidence}"
        for name, letter in zip(COLUMNS, letters, strict=True)
        if found[name].ruling not in RULINGS[letter]
    ]
    ended = recording.runs[0].exit
    if ended is None or str(ended.code) not in codes.split("/"):
        lines.append(f"exit: {ended} instead of code {codes}")
    return lines


def is_contradicted(verdicts: Sequence[Verdict], letters: str) -> bool:
    """Whether some verdict is the opposite of what the row says: no later try makes a wrong verdict a right one."""
    found = {verdict.requirement: verdict.ruling for verdict in verdicts}
    return any(found[name] is OPPOSITE.get(letter) for name, letter in zip(COLUMNS, letters, strict=True))


def tried(
    drilled: Callable[[], tuple[Recording, Sequence[Verdict]]],
    letters: str,
    codes: str,
    record_property: Callable[[str, object], None],
) -> None:
    """Drill until all is as the row says. A pass that should be a failure, or the other way round, fails at once, but
    where the server itself ended otherwise, or the machine has too much to do for it to be the same server."""
    tries: list[list[str]] = []
    while len(tries) < TRIES:
        recording, verdicts = drilled()
        tries.append(differing(recording, verdicts, letters, codes))
        if not tries[-1]:
            record_property("tries", len(tries))
            return
        as_usual = recording.runs[0].exit is not None and str(recording.runs[0].exit.code) in codes.split("/")
        if as_usual and is_contradicted(verdicts, letters) and not is_too_busy():
            break
    pytest.fail("\n".join(line for lines in tries for line in ["— a try —", *lines]))


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("name", "init", "letters", "codes"), CHOSEN, ids=[f"{row[0]} {row[1]}" for row in CHOSEN])
def test_the_drill_says_what_was_measured_of(
    name: str, init: str, letters: str, codes: str, record_property: Callable[[str, object], None]
) -> None:
    require(missing(name) or not_measured(name))
    tried(lambda: asyncio.run(trial(service(name, init=init == "init"))), letters, codes, record_property)
