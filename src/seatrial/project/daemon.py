"""A supervisor without a terminal: `python -m seatrial.project.daemon PROJECT`, started by `seatrial up -d`.

It says "ready" on stdout when its socket answers, and lives until nothing runs any more or somebody tells it to end.
Its end, by whatever cause, ends no service.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from seatrial.model.errors import SeatrialError, UnsupportedError
from seatrial.project.layout import Layout, layout_of
from seatrial.project.running import SupervisedError, known_fleet, supervised, until_idle

LARGEST_LOG = 1 << 20
READY = b"ready\n"


def start(project: str, layout: Layout, environment: Mapping[str, str]) -> None:
    """Start a supervisor for the project and wait until it answers; fine where one does already.

    Raises UnsupportedError with its last words where none comes up.
    """
    layout.make()
    log = layout.supervisor_log
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as errors:
        offset = errors.tell()
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "seatrial.project.daemon", project),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )
    assert process.stdout is not None
    with process.stdout as answer:
        if answer.read(len(READY)) == READY:
            return
    if process.wait() == 0:
        return  # another one was faster
    words = log.read_bytes()[offset:].decode(errors="replace").strip()
    raise UnsupportedError(f"the supervisor of {project} did not come up: {words[-2000:]}", hint=f"see {log}")


def main(project: str) -> int:
    """Run until there is nothing to supervise."""
    layout = layout_of(project, os.environ)
    try:
        asyncio.run(_run(project, layout))
    except SupervisedError:
        return 0
    except SeatrialError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        return 1
    return 0


async def _run(project: str, layout: Layout) -> None:
    async with supervised(layout, known_fleet(layout, project)) as helm:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, helm.api.shutdown.set)
        gc.collect()
        gc.freeze()  # what was imported stays; the collector need not look at it while twenty services start
        os.write(1, READY)
        nothing = os.open("/dev/null", os.O_WRONLY)
        os.dup2(nothing, 1)
        os.close(nothing)
        await until_idle(helm)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
