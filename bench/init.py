#!/usr/bin/env python3
"""Measures seatrial-init against tini, dumb-init and catatonit, interleaved, and prints the table of docs/init.md.

    python3 bench/init.py [--runs 300] [--tries 5000]

Needs root (PID namespaces), a C compiler and the peers (apt install tini dumb-init catatonit). Exits with 1 when a bar
is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]  # what a peer leaves behind ends with the driver
HERE = Path(__file__).resolve().parent


@dataclass
class Init:
    """One contestant and what was measured of it."""

    name: str
    path: str
    options: list[str] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [self.path, *self.options, *arguments]


def contestants() -> list[Init]:
    subprocess.run(["make", "-s", "-C", str(ROOT / "native")], check=True)
    found = [Init("seatrial-init", str(ROOT / "native" / "build" / "seatrial-init"), ["-s"])]
    for name, options in (("tini", ["-s"]), ("dumb-init", []), ("catatonit", [])):
        if path := shutil.which(name):
            found.append(Init(name, path, options))
    return found


def build_tools(folder: Path) -> tuple[str, str]:
    """The driver and the smallest command; a command that has a C library would hide the init's own time."""
    driver, tiny = str(folder / "driver"), str(folder / "tiny")
    subprocess.run(["cc", "-O2", "-o", driver, str(HERE / "init_driver.c")], check=True)
    bare = [
        "-Os",
        "-static",
        "-nostdlib",
        "-ffreestanding",
        "-fno-builtin",
        "-fno-stack-protector",
        "-s",
        "-Wl,--build-id=none",
    ]
    subprocess.run(["cc", *bare, "-o", tiny, str(HERE / "tiny.c")], check=True)
    return driver, tiny


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure_start(inits: list[Init], driver: str, tiny: str, runs: int) -> None:
    arguments = [",", tiny]
    for init in inits:
        arguments += [",", *init.command(tiny)]
    rounds = [
        [float(value) for value in line.split()] for line in output(driver, "start", str(runs), *arguments).splitlines()
    ]
    bare, *each = (statistics.median(column) for column in zip(*rounds, strict=True))
    for init, value in zip(inits, each, strict=True):
        init.seen["start"] = value - bare


def measure_latency(inits: list[Init], driver: str, runs: int) -> None:
    values: dict[str, list[float]] = {init.name: [] for init in inits}
    for _ in range(8):
        for init in inits:
            lines = output(driver, "latency", str(max(25, runs // 8)), *init.command(driver, "receive", "50"))
            values[init.name] += [float(line) for line in lines.split()]
    for init in inits:
        init.seen["latency"] = statistics.median(values[init.name])


def measure_reaping(inits: list[Init], driver: str) -> None:
    values: dict[str, list[float]] = {init.name: [] for init in inits}
    for _ in range(15):
        for init in inits:
            values[init.name].append(
                float(output("unshare", "--pid", "--fork", *init.command(driver, "orphans", "1000")))
            )
    for init in inits:
        init.seen["reaped"] = statistics.median(values[init.name])


def status(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(name))


def measure_idle(inits: list[Init], tiny: str) -> None:
    """Resident memory and wake-ups of ten idle seconds, all at the same time."""
    running = {init.name: subprocess.Popen(init.command(tiny, "wait")) for init in inits}
    time.sleep(1.5)
    before = {name: status(process.pid, "voluntary_ctxt_switches") for name, process in running.items()}
    time.sleep(10)
    for init in inits:
        pid = running[init.name].pid
        init.seen["wakeups"] = status(pid, "voluntary_ctxt_switches") - before[init.name]
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        init.seen["resident"] = sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:"))
        init.seen["size"] = Path(init.path).stat().st_size / 1000
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        running[init.name].wait(30)


def measure_lost(inits: list[Init], driver: str, tries: int) -> None:
    """Stops at a random moment of the first 2 ms: as PID 1 and not, from before the exec and from the first child."""
    for init in inits:
        lost = 0
        each = tries if init is inits[0] else min(tries, 10)
        for how in ("pid1+held", "plain+held", "plain+open", "pid1+child"):
            command = [*APART, driver, "early", str(each), "2000", how, *init.command(driver, "obey")]
            result = subprocess.run(command, check=False, capture_output=True, text=True)
            honoured, missed, failed = (int(part.split()[0]) for part in result.stdout.split(","))
            lost += missed + failed
            print(f"  {init.name} {how}: {honoured} honoured, {missed} lost, {failed} failed", file=sys.stderr)
        init.seen["lost"], init.seen["tries"] = lost, 4 * each


COLUMNS: list[tuple[str, Callable[[dict[str, float]], str]]] = [
    ("start-up over bare exec, µs", lambda seen: f"{seen['start']:.0f}"),
    ("resident, kB", lambda seen: f"{seen['resident']:.0f}"),
    ("binary, kB", lambda seen: f"{seen['size']:.1f}"),
    ("wake-ups in 10 s idle", lambda seen: f"{seen['wakeups']:.0f}"),
    ("signal latency, µs", lambda seen: f"{seen['latency']:.1f}"),
    ("orphans reaped a second", lambda seen: f"{seen['reaped']:.0f}"),
    ("stops lost", lambda seen: f"{seen['lost']:.0f} of {seen['tries']:.0f}"),
]


def table(inits: list[Init]) -> str:
    lines = ["| | " + " | ".join(init.name for init in inits) + " |", "| --- |" + " ---: |" * len(inits)]
    lines += [f"| {title} | " + " | ".join(show(init.seen) for init in inits) + " |" for title, show in COLUMNS]
    return "\n".join(lines)


def missed_bars(inits: list[Init]) -> list[str]:
    ours, peers = inits[0].seen, {init.name: init.seen for init in inits[1:]}
    bars = [
        ("resident ≤ 64 kB", ours["resident"] <= 64),
        ("binary ≤ 40 kB", ours["size"] <= 40),
        ("no wake-up", ours["wakeups"] == 0),
        ("no stop lost", ours["lost"] == 0),
    ]
    if "tini" in peers:
        bars.append(("start-up ≤ ¼ of tini's", ours["start"] <= peers["tini"]["start"] / 4))
        bars.append(("reaping ≥ 0.95 of tini's", ours["reaped"] >= peers["tini"]["reaped"] * 0.95))
    if "dumb-init" in peers:
        bars.append(("latency ≤ 1.1 of dumb-init's", ours["latency"] <= peers["dumb-init"]["latency"] * 1.1))
    return [name for name, held in bars if not held]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300, help="rounds per timing (default 300)")
    parser.add_argument("--tries", type=int, default=5000, help="stops per way of losing one (default 5000)")
    options = parser.parse_args()
    inits = contestants()
    with tempfile.TemporaryDirectory() as folder:
        driver, tiny = build_tools(Path(folder))
        print("start-up …", file=sys.stderr)
        measure_start(inits, driver, tiny, options.runs)
        print("latency …", file=sys.stderr)
        measure_latency(inits, driver, options.runs)
        print("reaping …", file=sys.stderr)
        measure_reaping(inits, driver)
        print("ten idle seconds …", file=sys.stderr)
        measure_idle(inits, tiny)
        measure_lost(inits, driver, options.tries)
    print(table(inits))
    missed = missed_bars(inits)
    print("bars held" if not missed else f"bars missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
