"""seatrial-shim's log writer beside dockerd's, in one run: lines a second, CPU a gigabyte, nothing lost.

Run as root from the repository: `.venv/bin/python bench/shim.py`. It starts a Docker engine of its own (Debian's
docker.io), lets the same program write 100-byte lines to both by turns, counts every line of every log, and prints the
table of docs/shim.md. Ends with 1 if a bar is missed: three times dockerd's lines, a third of its CPU, no line lost.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.docker_engine import DockerEngine, missing  # noqa: E402  # the path is known only now

LINE = 100
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """One log written."""

    lines: int
    seconds: float  # from the time of its first record to the time of its last
    cpu_seconds: float  # of what wrote it, not of the program that spoke

    @property
    def rate(self) -> float:
        return self.lines / self.seconds

    @property
    def cpu_per_gigabyte(self) -> float:
        return self.cpu_seconds / (self.lines * LINE / 1e9)


def main() -> int:
    """Measure, print the table, compare with the bars."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of each run (default 1000000)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, by turns (default 5)")
    parser.add_argument(
        "--long", type=int, default=10_000_000, help="lines of the run with rotation (default 10000000)"
    )
    options = parser.parse_args()
    if reason := missing():
        print(f"bench: {reason}", file=sys.stderr)
        return 4
    place = Path(tempfile.mkdtemp(prefix="seatrial-bench-"))
    try:
        return _measure(place, options)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _measure(place: Path, options: argparse.Namespace) -> int:
    shim = ROOT / "native" / "build" / "seatrial-shim"
    subprocess.run(["make", "-s", "-C", str(ROOT / "native"), str(shim)], check=True)
    subprocess.run(["cc", "-O2", "-static", "-o", place / "lines", ROOT / "bench" / "lines.c"], check=True)
    engine = DockerEngine(place / "engine")
    ours, theirs = [], []
    try:
        for _ in range(options.rounds):
            theirs.append(by_docker(engine, place, options.lines))
            ours.append(by_shim(shim, place, options.lines))
    finally:
        engine.close()
    rotated = by_shim(shim, place, options.long, limit=100_000_000, files=1000)
    return _print_table(ours, theirs, rotated)


def _print_table(ours: list[Measured], theirs: list[Measured], rotated: Measured) -> int:
    rates = [statistics.median(each.rate for each in side) for side in (ours, theirs)]
    costs = [statistics.median(each.cpu_per_gigabyte for each in side) for side in (ours, theirs)]
    print("| 100-byte lines, json-file | seatrial-shim | dockerd | ratio | bar |\n| --- | --- | --- | --- | --- |")
    print(f"| lines a second | {rates[0]:,.0f} | {rates[1]:,.0f} | {rates[0] / rates[1]:.1f} | ≥ 3 |")
    print(f"| CPU seconds a GB | {costs[0]:.2f} | {costs[1]:.2f} | {costs[0] / costs[1]:.2f} | ≤ 0.33 |")
    print(f"\n{rotated.lines:,} lines with rotation at 100 MB: all there, in order; {rotated.rate:,.0f} lines a second")
    return 0 if rates[0] >= 3 * rates[1] and costs[0] <= costs[1] / 3 else 1


def by_docker(engine: DockerEngine, place: Path, count: int) -> Measured:
    """dockerd's own CPU alone is counted, not that of the containerd-shim which copies for it."""
    container = engine.create([f"{place}/lines", str(count)], folder=place)
    try:
        before = _cpu_of(engine.pid())
        engine.start(container)
        engine.wait(container)
        spent = _cpu_of(engine.pid()) - before
        return Measured(count, _check([Path(engine.inspect(container)["LogPath"])], count), spent)
    finally:
        engine.remove(container)


def by_shim(shim: Path, place: Path, count: int, *, limit: int = -1, files: int = 1) -> Measured:
    """The CPU of the shim: that of the process and all it waited for, less what its exit record says of the program."""
    folder = place / "log"
    folder.mkdir()
    words = ["state", folder], ["log", folder, "log", limit, files], ["argv", place / "lines", count], ["environment"]
    described = "seatrial-shim 1\0" + "".join("\0=".join(map(str, record)) + "\0\0" for record in words)
    reading, writing = os.pipe()
    process = subprocess.Popen([shim, str(reading), "1"], pass_fds=(reading,), stdout=subprocess.DEVNULL)
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        stream.write(described)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    record = json.loads((folder / "exit").read_text())
    spent = used.ru_utime + used.ru_stime - record["user_seconds"] - record["system_seconds"]
    numbered = sorted(folder.glob("log.*"), key=lambda path: -int(path.suffix[1:]))
    measured = Measured(count, _check([*numbered, folder / "log"], count), spent)
    shutil.rmtree(folder)
    return measured


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _check(logs: list[Path], count: int) -> float:
    """Every line is there once and in order; the seconds between the first record and the last."""
    expected, first, last = 0, b"", b""
    for record in _records(logs):
        if not record.startswith(b'{"log":"%010d xxx' % expected):
            raise SystemExit(f"bench: line {expected} is lost or out of order: {record[:60]!r}")
        first = first or record
        last = record
        expected += 1
    if expected != count:
        raise SystemExit(f"bench: {count} lines were written and {expected} are in the log")
    return _time(last) - _time(first)


def _records(logs: list[Path]) -> Iterator[bytes]:
    for path in logs:
        with path.open("rb") as stream:
            yield from stream


def _time(record: bytes) -> float:
    """Seconds, exact to the microsecond."""
    shown = json.loads(record)["time"].removesuffix("Z")
    whole, _, fraction = shown.partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{fraction or 0}")


if __name__ == "__main__":
    sys.exit(main())
