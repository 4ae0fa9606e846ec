#!/usr/bin/env python3
"""Drills the same application under each server, bare and with drain, and prints the table of docs/drain.md.

    .venv/bin/python bench/drain.py [--runs 20] [--jobs 2] [--only bare|drained] [--into FILE] [SERVER …]

Every drill is appended to FILE as a line of JSON; with `--runs 0` the table is made of what is there. Nothing is
excused but a request that crossed the close of a reused connection. What was lost with drain goes to stderr with its
evidence. Exits with 1 if anything was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.drain.servers import SERVERS, tried

from seatrial.model.recording import Scenario

LAGS = (0.0, 3.0)
KINDS = {"bare": (False,), "drained": (True,)}
STOP = frozenset({Scenario.STOP})
Row = dict[str, Any]
HEAD = """| server | lag | runs | lost | exit | seconds | close announced | served in the lag |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def one(name: str, lag: float, drained: bool) -> Row:
    """One drill; once more if the machine disturbed it."""
    argv = SERVERS[name][drained]
    for _ in range(3):
        got = tried(argv, name, lag=lag, only=STOP)
        if not got.disturbed and got.code is not None:
            break
    return {"name": name, "lag": lag, "drained": drained, **asdict(got)}


def wanted(names: Iterable[str], runs: int, kinds: Iterable[bool]) -> Iterator[tuple[str, float, bool]]:
    """All servers once, then all once more, …: so that a noisy minute does not meet one of them alone."""
    for _ in range(runs):
        for name in names:
            for lag in LAGS:
                yield from ((name, lag, drained) for drained in kinds)


def told(rows: list[Row]) -> str:
    """One line of the table."""
    drained = rows[0]["drained"]
    losses = sum(row["lost"] for row in rows)
    worst = max(row["lost"] for row in rows)
    lost = f"{losses} ({worst} at most)" if losses else "0"
    codes = ", ".join(sorted({str(row["code"]) for row in rows}))
    seconds = sorted(row["seconds"] for row in rows)
    took = f"{seconds[0]:.1f}–{seconds[-1]:.1f}"
    announced = _share(rows, "announced", "answered")
    served = _share(rows, "served", "came") if rows[0]["lag"] else ""
    how = f"**{rows[0]['name']}, drain**" if drained else rows[0]["name"]
    place = f"| {how} | {rows[0]['lag']:g} s | {len(rows)}"
    return f"{place} | {lost} | {codes} | {took} | {announced} | {served} |"


def _share(rows: list[Row], part: str, whole: str) -> str:
    got, of = sum(row[part] for row in rows), sum(row[whole] for row in rows)
    return f"{got} of {of}" if of else "–"


def table(rows: list[Row]) -> str:
    """The whole table."""
    kinds = [(name, lag, drained) for name in SERVERS for lag in LAGS for drained in (False, True)]
    of_a_kind = [[row for row in rows if (row["name"], row["lag"], row["drained"]) == kind] for kind in kinds]
    return "\n".join([HEAD, *(told(mine) for mine in of_a_kind if mine)])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--into", type=Path, default=Path("drain.jsonl"))
    parser.add_argument("servers", nargs="*", default=list(SERVERS))
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.jobs) as pool, arguments.into.open("a", encoding="utf-8") as file:
        todo = [
            pool.submit(one, *what)
            for what in wanted(arguments.servers, arguments.runs, KINDS.get(arguments.only, (False, True)))
        ]
        for future in todo:
            print(json.dumps(future.result()), file=file, flush=True)
    rows = [json.loads(line) for line in arguments.into.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["name"] in arguments.servers]
    print(table(rows))
    bad = [row for row in rows if row["drained"] and (row["lost"] or row["code"])]
    for row in bad:
        print(row["name"], row["lag"], *row["told"], sep="\n    ", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
