#!/usr/bin/env python3
"""Measures how long the stop drill takes beyond the service's own time to start and to stop, and prints a table.

    .venv/bin/python bench/drill.py [--rounds 5] [EXAMPLE …]

The drill is from the start of the instance to its end, as its own progress tells; the whole command is what a person
waits for, with Python's start, the reading of the files and the report. The service's own time is from the start of the
instance to its readiness, and from the signal to the exit. Exits with 1 when the bar is missed.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ("node-api", "python-api")
BAR = 1.5


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


def measure(example: str) -> Took:
    """Run the stop drill of an example once. RuntimeError if it did not pass."""
    argv = [sys.executable, "-m", "seatrial", "drill", str(ROOT / "examples" / example), "--only=stop", "--json"]
    begun = time.monotonic()
    told = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=100)
    whole = time.monotonic() - begun
    if told.returncode != 0:
        raise RuntimeError(f"the drill of {example} ended with {told.returncode}: {told.stdout[-2000:]}{told.stderr}")
    (run,) = json.loads(told.stdout)["runs"]
    moments = [float(seconds) for seconds in re.findall(r"^ *([\d.]+) s +stop: ", told.stderr, re.MULTILINE)]
    return Took(whole, moments[-1] - moments[0], run["readiness"]["seconds"], run["stop_seconds"])


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
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
