#!/usr/bin/env python3
"""Restarts services under load, one rolling restart after the other, and counts what was lost.

    .venv/bin/python bench/rolling.py [--rollouts 10] [--requests 20000] [WAY …]

Two services (bench/rolling: Python's asyncio, Node's http) in each way of sharing a port. New connections come at a
fixed rate whatever becomes of the others, each with one request; busy keep-alive clients send beside them. Lost is each
request without a whole answer, but for the race that no server can win: a request on a kept connection that the server
closes at the same moment (it is counted apart). Exits with 1 if anything was lost where nothing may be.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from seatrial.load.interface import Plan, Result, Target
from seatrial.load.remote import start_local
from seatrial.model.traffic import Outcome

HERE = Path(__file__).resolve().parent / "rolling"
COMMANDS = {"python": [sys.executable, "-S", str(HERE / "server.py")], "node": ["node", str(HERE / "server.js")]}
WAYS = ("inherited", "front", "reuse-port")
GOOD = {Outcome.COMPLETE, Outcome.COMPLETE_CLOSE}


def compose(program: str, way: str, port: int) -> str:
    inside = port + 1 if way == "front" else port
    return (
        f"services:\n  web:\n    image: {program}\n    ports: ['127.0.0.1:{port}:{inside}']\n"
        f"    environment: {{PORT: '{inside}'}}\n    volumes: ['{HERE}:{HERE}:ro']\n"
        f"    x-seatrial: {{command: {json.dumps(COMMANDS[program])}, shared_port: {way}}}\n"
    )


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Project:
    """One project in directories of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._environment = {**os.environ, "SEATRIAL_STATE": str(directory / "state"), "NO_COLOR": "1"}

    async def run(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "seatrial",
            *words,
            cwd=self._directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"seatrial {' '.join(words)}: {process.returncode}\n{said.decode()}")


async def measure(program: str, way: str, rollouts: int, requests: int, rate: float) -> tuple[Result, float]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="st-") as name:
        project = Project(Path(name))
        (Path(name) / "compose.yaml").write_text(compose(program, way, port))
        await project.run("up", "-d", "--wait")
        load = await start_local()
        try:
            target = Target("ipv4", "127.0.0.1", port)
            await load.begin(Plan(target, rate=rate, idle=0, never_used=0, in_flight=0, keep_alive=8))
            begun = time.monotonic()
            await asyncio.sleep(0.5)
            await load.signalled(time.monotonic())
            for _ in range(rollouts):
                await project.run("restart", "--rolling", "web")
            while time.monotonic() - begun < requests / rate:
                await asyncio.sleep(0.2)
            return await load.finish(10.0), time.monotonic() - begun
        finally:
            await load.close()
            await project.run("down", "-t", "2")


def row(program: str, way: str, rollouts: int, result: Result, seconds: float) -> tuple[str, int]:
    exchanges = [exchange for connection in result.connections for exchange in connection.exchanges]
    lost = [each for each in exchanges if each.outcome not in GOOD]
    raced = [each for each in lost if each.reused and each.outcome in (Outcome.FIN, Outcome.RST)]
    failed = len(lost) - len(raced)
    failed += sum(1 for each in result.connections if not each.exchanges)
    kinds = collections.Counter(each.outcome.value for each in lost if each not in raced)
    what = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    cells = (program, way, rollouts, f"{len(exchanges):,}", failed, len(raced), f"{seconds:.0f} s", what)
    return f"| {' | '.join(map(str, cells))} |", failed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rollouts", type=int, default=10)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=400.0)
    parser.add_argument("--program", choices=tuple(COMMANDS), action="append")
    parser.add_argument("ways", nargs="*", default=WAYS)
    arguments = parser.parse_args()
    print("| service | shared by | rollouts | requests | failed | kept connections that raced | took | what failed |")
    print("|---|---|---|---|---|---|---|---|")
    is_lost = False
    for program in arguments.program or COMMANDS:
        for way in arguments.ways:
            if (program, way) == ("node", "reuse-port"):
                continue  # node has `reusePort` from 22.12 on
            asked = (program, way, arguments.rollouts, arguments.requests, arguments.rate)
            line, failed = row(*asked[:3], *asyncio.run(measure(*asked)))
            print(line, flush=True)
            is_lost |= failed > 0 and way != "reuse-port"
    return int(is_lost)


if __name__ == "__main__":
    sys.exit(main())
