"""Instances as `docker compose ps` and `docker stats` show them. Values in, strings out; sees no process and no clock.

A row is a mapping with the keys of `docker compose ps --format json`, and `StartedAt`, `FinishedAt` (wall seconds, 0
for never) and `Paused` beside them, from which the words for people are made here, at the moment of showing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_MINUTE, _HOUR, _DAY, _WEEK, _MONTH, _YEAR = 60, 3600, 86_400, 604_800, 2_592_000, 31_536_000
_COMMAND = 20
"""Characters of a command that a table shows (docker/cli, formatter.Ellipsis)."""

Row = Mapping[str, Any]


def human_duration(seconds: float) -> str:
    """A duration in words, as the engine says it ("About a minute"). Source: docker/go-units, HumanDuration."""
    whole, minutes, hours = int(seconds), int(seconds // _MINUTE), int(seconds / _HOUR + 0.5)
    for limit, words in (
        (whole < 1, "Less than a second"),
        (whole == 1, "1 second"),
        (whole < _MINUTE, f"{whole} seconds"),
        (minutes == 1, "About a minute"),
        (minutes < 60, f"{minutes} minutes"),
        (hours == 1, "About an hour"),
        (hours < 48, f"{hours} hours"),
        (hours < 24 * 14, f"{whole // _DAY} days"),
        (hours < 24 * 60, f"{whole // _WEEK} weeks"),
        (hours < 24 * 365 * 2, f"{whole // _MONTH} months"),
    ):
        if limit:
            return words
    return f"{whole // _YEAR} years"


def status(row: Row, now: float) -> str:
    """The words of the STATUS column (contract, chapter 1)."""
    state, health = row["State"], row.get("Health", "")
    up = human_duration(now - row["StartedAt"]) if row["StartedAt"] else ""
    since_end = human_duration(now - row["FinishedAt"]) if row["FinishedAt"] else ""
    if state == "paused":
        return f"Up {up} (Paused)"
    if state == "restarting":
        return f"Restarting ({row['ExitCode']}) {since_end} ago"
    if state == "running":
        shown = {"": "", "none": "", "starting": " (health: starting)"}.get(health, f" ({health})")
        return f"Up {up}{shown}"
    if state == "exited":
        return f"Exited ({row['ExitCode']}) {since_end} ago"
    return {"created": "Created", "dead": "Dead", "removing": "Removal In Progress"}.get(state, str(state))


def ports(row: Row) -> str:
    """The PORTS column: what is published, then what is only exposed."""
    shown = []
    for each in row.get("Publishers") or ():
        target = f"{each['TargetPort']}/{each['Protocol']}"
        published = each.get("PublishedPort")
        shown.append(f"{each.get('URL') or '0.0.0.0'}:{published}->{target}" if published else target)
    return ", ".join(shown)


def command(argv: Sequence[str]) -> str:
    """The COMMAND column: quoted, and cut to 20 characters."""
    line = " ".join(argv)
    return json.dumps(line if len(line) <= _COMMAND else line[: _COMMAND - 1] + "…", ensure_ascii=False)


def ps_table(rows: Sequence[Row], now: float) -> str:
    """`ps` for people."""
    header = ("NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS")
    lines = [
        (
            row["Name"],
            row["Image"],
            command(row["Argv"]),
            row["Service"],
            f"{human_duration(now - row['CreatedAtSeconds'])} ago",
            status(row, now),
            ports(row),
        )
        for row in rows
    ]
    return table([header, *lines])


def ps_json(rows: Sequence[Row], now: float) -> str:
    """`ps --format json`: an object a line with compose's keys."""
    return "".join(json.dumps(_ps_object(row, now), ensure_ascii=False) + "\n" for row in rows)


def _ps_object(row: Row, now: float) -> dict[str, Any]:
    labels = ",".join(f"{name}={value}" for name, value in sorted(row.get("Labels", {}).items()))
    return {
        "Command": command(row["Argv"]),
        "CreatedAt": row["CreatedAt"],
        "ExitCode": row["ExitCode"],
        "Health": "" if row["Health"] == "none" else row["Health"],
        "ID": row["ID"][:12],
        "Image": row["Image"],
        "Labels": labels,
        "Name": row["Name"],
        "Names": row["Name"],
        "Ports": ports(row),
        "Project": row["Project"],
        "Publishers": list(row.get("Publishers") or ()),
        "RunningFor": f"{human_duration(now - row['CreatedAtSeconds'])} ago",
        "Service": row["Service"],
        "State": row["State"],
        "Status": status(row, now),
    }


def human_bytes(number: float) -> str:
    """Bytes as `docker stats` prints them: four significant figures, binary units. Source: go-units, BytesSize."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if number < 1024 or unit == "TiB":
            return f"{number:.4g}{unit}"
        number /= 1024
    raise AssertionError("the last unit takes all")


def stats_table(rows: Sequence[Row]) -> str:
    """`stats` for people; what could not be measured is `--`, as in Docker's."""
    header = ("CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "PIDS")
    lines = [(row["ID"][:12], row["Name"], *_usage(row)) for row in rows]
    return table([header, *lines])


def stats_json(rows: Sequence[Row]) -> str:
    """`stats --format json`: Docker's keys with their texts (network and disk are not measured), and the numbers."""
    lines = []
    for row in rows:
        cpu, memory, share, pids = _usage(row)
        texts = {"CPUPerc": cpu, "MemUsage": memory, "MemPerc": share, "NetIO": "--", "BlockIO": "--"}
        docker = {**texts, "PIDs": pids, "Container": row["ID"][:12], "ID": row["ID"][:12], "Name": row["Name"]}
        lines.append(json.dumps({**row, **docker}) + "\n")
    return "".join(lines)


def _usage(row: Row) -> tuple[str, str, str, str]:
    used, limit, cpu = row.get("Memory"), row.get("MemoryLimit"), row.get("CPUPercent")
    share = f"{100 * used / limit:.2f}%" if used is not None and limit else "--"
    shown = "--" if cpu is None else f"{cpu:.2f}%"
    pids = "--" if row.get("PIDs") is None else str(row["PIDs"])
    return shown, f"{_bytes(used)} / {_bytes(limit)}", share, pids


def _bytes(number: float | None) -> str:
    return "--" if number is None else human_bytes(number)


def table(lines: Sequence[Sequence[str]]) -> str:
    """Columns as Docker's: three spaces between them, none at the end of a line."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )
