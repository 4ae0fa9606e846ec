#!/usr/bin/env python3
"""Measures what it costs to keep services running, beside others that do, and prints a table.

    .venv/bin/python bench/up.py [--idle 30] [--rounds 10] [NAME …]

Twenty idle services (`sleep`), each side by itself: memory of whatever supervises them (PSS, all of its processes but
the services and their shims), how often that wakes up while nothing happens (context switches by its own will), and the
time until all twenty run. Then one service that ends by itself and notes when it begins: how long after its end it runs
again, beyond the wait that the policy has. Then what seatrial needs of what each other needs. What isn't installed is
left out (apt-get install runit supervisor, npm install -g pm2). Exits with 1 where seatrial misses a bar.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

COUNT = 20
SLEEP = ["sleep", "100000"]
BARS = {"memory": 25.0, "wakes": 0.1, "latency": 5.0, "starts": 300.0}


@dataclass
class Figures:
    """MB, wake-ups a second, milliseconds; None where it was not measured."""

    memory: float | None = None
    wakes: float | None = None
    latency: float | None = None
    starts: float | None = None


@dataclass
class Side:
    """Something that supervises: a directory, and the processes that are its own."""

    directory: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def begin(self, argv: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen(argv, stdout=nowhere, stderr=nowhere, cwd=self.directory, env=environment)
        self.processes.append(process)
        return process


def pss(pids: list[int]) -> float:
    """MB, shared pages by their share."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def switches(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            text = (task / "status").read_text()
            total += int(next(line for line in text.splitlines() if line.startswith("voluntary")).split()[1])
    return total


def idle_wakes(pids: list[int], seconds: float) -> float:
    before, begun = switches(pids), time.monotonic()
    time.sleep(seconds)
    return (switches(pids) - before) / (time.monotonic() - begun)


def sleepers(inside: Path) -> int:
    """How many of our services run: told by a name of their own in the environment."""
    mark = f"BENCH={inside}".encode()
    found = 0
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes() and (path.parent / "comm").read_text() == "sleep\n":
                found += 1
    return found


def until_all_sleep(inside: Path, begun: float) -> float:
    while sleepers(inside) < COUNT:
        if time.monotonic() - begun > 60:
            raise RuntimeError("not all services came up")
        time.sleep(0.005)
    return (time.monotonic() - begun) * 1000


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for word in task.read_text().split():
            found += [int(word), *children(int(word))]
    return found


# seatrial


@contextlib.contextmanager
def seatrial_project(compose: str) -> Iterator[tuple[Path, dict[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as name:
        directory = Path(name)
        (directory / "compose.yaml").write_text(compose)
        environment = {**os.environ, "SEATRIAL_STATE": str(directory / "state")}
        try:
            yield directory, environment
        finally:
            seatrial(directory, environment, "down", "-t", "0")


def seatrial(directory: Path, environment: dict[str, str], *words: str) -> None:
    argv = [sys.executable, "-m", "seatrial", *words]
    subprocess.run(
        argv, cwd=directory, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def supervisor(state: Path) -> int:
    inode = next(state.glob("*/lock")).stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        if line.split()[5].endswith(f":{inode}"):
            return int(line.split()[4])
    raise RuntimeError("there is no supervisor")


def of_seatrial(seconds: float, rounds: int) -> Figures:
    from seatrial.project.client import Client

    own = f"    image: x\n    x-seatrial: {{command: {json.dumps(SLEEP)}}}\n    environment: {{BENCH: here}}\n"
    compose = "services:\n" + "".join(f"  s{number}:\n{own}" for number in range(COUNT))
    figures = Figures()
    with seatrial_project(compose) as (directory, environment):
        seatrial(directory, environment, "up", "-d")
        state = directory / "state"
        pid = supervisor(state)
        figures.memory = pss([pid])
        figures.wakes = idle_wakes([pid], seconds)
        client = Client(next(state.glob("*.sock")))
        list(client.post("stop", values={"timeout": 0}))
        took: list[float] = []
        for _ in range(rounds):
            begun = time.monotonic()
            list(client.post("start", values={}))
            took.append((time.monotonic() - begun) * 1000)
            list(client.post("stop", values={"timeout": 0}))
        figures.starts = judged("20 services", took)
    figures.latency = seatrial_latency(rounds)
    return figures


def seatrial_latency(rounds: int) -> float:
    """From the end of a run to the begin of the next, less the policy's wait: as the service itself notes them."""
    with noted(60) as (argv, notes):
        compose = (
            f"services:\n  one:\n    image: x\n    restart: always\n    volumes: ['{notes.parent}:{notes.parent}']\n"
            f"    x-seatrial: {{command: {json.dumps(argv)}}}\n"
        )
        gaps: list[float] = []
        for _ in range(max(1, rounds // 5)):
            notes.unlink(missing_ok=True)
            with seatrial_project(compose) as (directory, environment):
                seatrial(directory, environment, "up", "-d")
                gaps += [gap - 100 * 2**number for number, gap in enumerate(gaps_in(notes, 5))]
    return judged("restart", gaps)


@contextlib.contextmanager
def noted(milliseconds: int) -> Iterator[tuple[list[str], Path]]:
    """The command of a service that notes its runs, and where."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        program = Path(name) / "noted"
        subprocess.run(["cc", "-O2", "-o", str(program), str(Path(__file__).with_name("noted.c"))], check=True)
        notes = Path(name) / "notes"
        yield [str(program), str(notes), str(milliseconds)], notes


def gaps_in(notes: Path, count: int) -> list[float]:
    """Milliseconds between the end of a run and the begin of the next, once there are so many."""
    deadline = time.monotonic() + 60
    while True:
        lines = [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []
        if len(lines) > 2 * count:
            break
        if time.monotonic() > deadline:
            raise RuntimeError("it was not restarted often enough")
        time.sleep(0.05)
    moments = [float(moment) for _, moment in lines]
    return [(moments[index + 1] - moments[index]) * 1000 for index in range(1, 2 * count, 2)]


def judged(what: str, values: list[float]) -> float:
    """The median; all of them for whoever wants to look."""
    print(f"  {what}: {', '.join(f'{one:.1f}' for one in sorted(values))} ms", file=sys.stderr)
    return statistics.median(values)


# The others


@contextlib.contextmanager
def directory_for(name: str) -> Iterator[Side]:
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir="/tmp", ignore_cleanup_errors=True) as found:
        side = Side(Path(found))
        try:
            yield side
        finally:
            for process in side.processes:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)


def of_supervisord(seconds: float, rounds: int) -> Figures | None:
    program = shutil.which("supervisord")
    if program is None:
        return None
    head = "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=./pid\n"
    figures = Figures()
    with directory_for("supervisord") as side:
        text = "".join(
            f'[program:s{n}]\ncommand={" ".join(SLEEP)}\nenvironment=BENCH="{side.directory}"\nstartsecs=0\n'
            for n in range(COUNT)
        )
        (side.directory / "conf").write_text(head + text)
        begun = time.monotonic()
        process = side.begin([program, "-c", "conf"])
        figures.starts = until_all_sleep(side.directory, begun)
        time.sleep(3)
        figures.memory = pss([process.pid])
        figures.wakes = idle_wakes([process.pid], seconds)
    with directory_for("supervisord") as side, noted(1200) as (argv, notes):
        text = f"[program:one]\ncommand={' '.join(argv)}\nstartsecs=0\nautorestart=true\n"
        (side.directory / "conf").write_text(head + text)
        side.begin([program, "-c", "conf"])
        figures.latency = judged("supervisord", gaps_in(notes, min(rounds, 5)))
    return figures


def of_runit(seconds: float, rounds: int) -> Figures | None:
    program = shutil.which("runsvdir")
    if program is None:
        return None
    figures = Figures()

    def service(directory: Path, name: str, line: str) -> None:
        (directory / "sv" / name).mkdir(parents=True)
        run = directory / "sv" / name / "run"
        run.write_text(f"#!/bin/sh\nexec {line}\n")
        run.chmod(0o755)

    with directory_for("runit") as side:
        for number in range(COUNT):
            service(side.directory, f"s{number}", " ".join(SLEEP))
        begun = time.monotonic()
        process = side.begin([program, "sv"], {**os.environ, "BENCH": str(side.directory)})
        figures.starts = until_all_sleep(side.directory, begun)
        own = [process.pid, *(pid for pid in children(process.pid) if _comm(pid) == "runsv")]
        figures.memory = pss(own)
        figures.wakes = idle_wakes(own, seconds)
        for pid in own[1:]:
            os.kill(pid, signal.SIGTERM)
    with directory_for("runit") as side, noted(1200) as (argv, notes):
        service(side.directory, "one", " ".join(argv))
        process = side.begin([program, "sv"])
        figures.latency = judged("runit", gaps_in(notes, min(rounds, 5)))
        for pid in [pid for pid in children(process.pid) if _comm(pid) == "runsv"]:
            os.kill(pid, signal.SIGTERM)
    return figures


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def of_pm2(seconds: float, rounds: int) -> Figures | None:
    program = shutil.which("pm2")
    if program is None:
        return None
    figures = Figures()

    def pm2(home: Path, *words: str) -> None:
        environment = {**os.environ, "PM2_HOME": str(home), "BENCH": str(home)}
        subprocess.run([program, *words], env=environment, check=True, stdout=subprocess.DEVNULL, cwd=home)

    with directory_for("pm2") as side:
        apps = [{"name": f"s{n}", "script": SLEEP[0], "args": SLEEP[1:], "interpreter": "none"} for n in range(COUNT)]
        (side.directory / "apps.json").write_text(json.dumps({"apps": apps}))
        pm2(side.directory, "ping")
        begun = time.monotonic()
        pm2(side.directory, "start", "apps.json")
        figures.starts = (time.monotonic() - begun) * 1000
        own = [int((side.directory / "pm2.pid").read_text())]
        figures.memory = pss(own)
        figures.wakes = idle_wakes(own, seconds)
        pm2(side.directory, "kill")
    with directory_for("pm2") as side, noted(1200) as (argv, notes):
        pm2(side.directory, "start", argv[0], "--interpreter", "none", "--", *argv[1:])
        figures.latency = judged("pm2", gaps_in(notes, min(rounds, 5)))
        pm2(side.directory, "kill")
    return figures


SIDES = {"seatrial": of_seatrial, "supervisord": of_supervisord, "runit": of_runit, "pm2": of_pm2}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--idle", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("names", nargs="*", default=list(SIDES))
    arguments = parser.parse_args()
    print("| supervisor | memory (PSS) | wake-ups a second | restart beyond the policy | 20 services up |")
    print("|---|---|---|---|---|")
    is_missed = False
    measured: dict[str, Figures] = {}
    for name in arguments.names:
        figures = SIDES[name](arguments.idle, arguments.rounds)
        if figures is None:
            print(f"| {name} | not installed | | | |")
            continue
        measured[name] = figures
        cells = (
            f"{figures.memory:.1f} MB",
            f"{figures.wakes:.2f}",
            f"{figures.latency:.1f} ms",
            f"{figures.starts:.0f} ms",
        )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
        if name == "seatrial":
            is_missed = any(getattr(figures, bar) > limit for bar, limit in BARS.items())
    bars = (BARS["memory"], BARS["wakes"], BARS["latency"], BARS["starts"])
    print(f"| *bar* | {bars[0]:g} MB | {bars[1]:g} | {bars[2]:g} ms | {bars[3]:g} ms |")
    ours = measured.pop("seatrial", None)
    for name, figures in measured.items() if ours else ():
        parts = (f"{bar} {share(getattr(ours, bar), getattr(figures, bar))}" for bar in BARS)
        print(f"seatrial / {name}: {', '.join(parts)}")
    return int(is_missed)


def share(ours: float | None, other: float | None) -> str:
    """What we need of what the other needs."""
    return f"{ours / other:.2f}" if ours is not None and other else "–"


if __name__ == "__main__":
    sys.exit(main())
