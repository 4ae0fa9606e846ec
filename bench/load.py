#!/usr/bin/env python3
"""Measures the heavy load beside wrk and hey, all on one core's worth of the same trivial server, and prints a table.

    .venv/bin/python bench/load.py [--seconds 4] [--connections 64]

Requests on kept connections, then new connections with one request each. `per core` is per second of the client's own
processor time, which is what a busy machine can't change; the server counts too, and its counts must be the client's to
the last request. Exits with 1 when the bar is missed. wrk and hey are left out where they are not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seatrial.load.interface import Plan
from seatrial.load.remote import start_local
from seatrial.model.traffic import Target

SOURCE = Path(__file__).with_name("serve.c")
BARS = {"keep-alive": 15_000, "new connections": 5_000}
"""Requests, and connections, a second and core that the heavy load must reach."""


@dataclass(frozen=True, slots=True)
class Took:
    """One run of one generator: what it says it got, what the server says, in so many seconds."""

    answered: int
    served: int
    seconds: float
    processor: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    @property
    def per_core(self) -> float:
        """Answers a second of the client's processor time."""
        return self.answered / self.processor


def children() -> float:
    """Seconds of processor time of the processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def server(program: str, manner: str) -> Iterator[tuple[int, list[int]]]:
    """The server's port, and a list that holds the number of its answers after the block."""
    process = subprocess.Popen([program, manner], stdout=subprocess.PIPE, text=True)
    counted: list[int] = []
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), counted
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=10)
        counted.append(json.loads(said)["answered"])


async def ours(port: int, connections: int, seconds: float) -> int:
    """Our own load, in a process of its own as in a drill."""
    target = Target("ipv4", "127.0.0.1", port)
    plan = Plan(target, rate=0, idle=0, never_used=0, in_flight=0, keep_alive=0, lead=0, crowd=connections)
    load = await start_local()
    try:
        await load.begin(plan)
        await asyncio.sleep(seconds)
        result = await load.finish(5.0)
    finally:
        await load.close()
    return sum(bulk.answered for bulk in result.bulk)


def told_by(argv: list[str], pattern: str) -> int:
    """The number in what a generator prints."""
    text = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=100).stdout
    return sum(int(number) for number in re.findall(pattern, text, re.MULTILINE))


def generate(name: str, port: int, connections: int, seconds: float, manner: str) -> int:
    """Run a generator; how many answers it counted."""
    url = f"http://127.0.0.1:{port}/"
    if name == "wrk":
        return told_by(["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", url], r"^ *(\d+) requests in")
    if name == "hey":
        keep = ["-disable-keepalive"] if manner == "close" else []
        argv = ["hey", "-cpus", "1", "-c", str(connections), "-z", f"{seconds:g}s", *keep, url]
        return told_by(argv, r"^ *\[200\]\s+(\d+) responses")
    return asyncio.run(ours(port, connections, seconds))


def measure(name: str, program: str, manner: str, arguments: argparse.Namespace) -> Took:
    """One generator against a fresh server."""
    with server(program, manner) as (port, counted):
        begun, before = time.monotonic(), children()
        answered = generate(name, port, arguments.connections, arguments.seconds, manner)
        seconds, processor = time.monotonic() - begun, children() - before
    return Took(answered, counted[0], seconds, processor)


def show(title: str, found: dict[str, Took]) -> None:
    """A table of one kind of load, with each generator's ratio to ours."""
    print(f"\n| {title} | answers/s | per core | ours to it | client's count | server's count |")
    print("| --- | --: | --: | --: | --: | --: |")
    for name, took in found.items():
        ratio = found["seatrial"].per_core / took.per_core
        counts = f"{took.answered:,} | {took.served:,}"
        print(f"| {name} | {took.rate:,.0f} | {took.per_core:,.0f} | {ratio:.2f} | {counts} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--connections", type=int, default=64)
    arguments = parser.parse_args()
    names = ["seatrial", *(name for name in ("wrk", "hey") if shutil.which(name))]
    good = True
    with tempfile.TemporaryDirectory() as directory:
        program = f"{directory}/serve"
        subprocess.run(["cc", "-O2", "-o", program, str(SOURCE)], check=True)
        for title, manner in (("keep-alive", "keep"), ("new connections", "close")):
            found = {name: measure(name, program, manner, arguments) for name in names}
            show(title, found)
            own = found["seatrial"]
            good = good and own.per_core >= BARS[title] and own.answered == own.served
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
