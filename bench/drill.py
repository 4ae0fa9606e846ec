#!/usr/bin/env python3
"""Measures how long the stop drill takes beyond the service's own time to start and to stop, and how long a whole trial
takes on two cores; prints a table of each.

    .venv/bin/python bench/drill.py [--rounds 5] [EXAMPLE …]

The drill is from the start of the instance to its end, as its own progress tells; the whole command is what a person
waits for, with Python's start, the reading of the files and the report. The service's own time is from the start of the
instance to its readiness, and from the signal to the exit. The whole trial is every run that applies, as `seatrial
drill` makes them without options, on two cores where there are more. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ("node-api", "python-api")
WHOLE = "node-api"
CORES = 2
BAR = 1.5
WHOLE_BAR = 25.0


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one stop drill: the whole command, the drill, and what the service itself needed to start and stop."""

    whole: float
    drill: float
    start: float
    stop: float

    @property
    def own(self) -> float:
        """What the drill adds to the service's own time: the looking for a slow path, and the load until the signal."""
        return self.drill - self.start - self.stop


def drilled(example: str, *options: str) -> tuple[float, subprocess.CompletedProcess[str]]:
    """The seconds that a drill of an example takes, and what it told. RuntimeError if it did not pass."""
    argv = [sys.executable, "-m", "seatrial", "drill", str(ROOT / "examples" / example), "--json", *options]
    begun = time.monotonic()
    told = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    took = time.monotonic() - begun
    if told.returncode != 0:
        raise RuntimeError(f"the drill of {example} ended with {told.returncode}: {told.stdout[-2000:]}{told.stderr}")
    return took, told


def measure(example: str) -> Took:
    """Run the stop drill of an example once. RuntimeError if it did not pass."""
    whole, told = drilled(example, "--only=stop")
    (run,) = json.loads(told.stdout)["runs"]
    moments = [float(seconds) for seconds in re.findall(r"^ *([\d.]+) s +stop: ", told.stderr, re.MULTILINE)]
    return Took(whole, moments[-1] - moments[0], run["readiness"]["seconds"], run["stop_seconds"])


def whole_trial(rounds: int) -> bool:
    """Print how long the whole trial takes; whether it is within its bar."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    took = sorted(drilled(WHOLE)[0] for _ in range(rounds))
    middle, cores = statistics.median(took), len(os.sched_getaffinity(0))
    print("\n| whole trial of | cores | whole command | fastest … slowest |")
    print("|---|---|---|---|")
    print(f"| {WHOLE} | {cores} | {middle:.1f} s | {took[0]:.1f} … {took[-1]:.1f} s |")
    return middle <= WHOLE_BAR


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("examples", nargs="*", default=EXAMPLES)
    arguments = parser.parse_args()
    missed = False
    print("| stop drill of | whole command | drill | service starts | service stops | difference | fastest … slowest |")
    print("|---|---|---|---|---|---|---|")
    for example in arguments.examples:
        rounds = [measure(example) for _ in range(arguments.rounds)]
        own = sorted(took.own for took in rounds)
        middle = [
            statistics.median(values)
            for values in zip(*((t.whole, t.drill, t.start, t.stop) for t in rounds), strict=True)
        ]
        cells = [f"{seconds:.2f} s" for seconds in (*middle, statistics.median(own))]
        print(f"| {example} | {' | '.join(cells)} | {own[0]:.2f} … {own[-1]:.2f} s |")
        missed |= statistics.median(own) > BAR
    missed |= not whole_trial(arguments.rounds)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
