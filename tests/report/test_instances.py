"""Instances as Docker shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seatrial.report.instances import human_bytes, human_duration, ps_json, ps_table, stats_json, stats_table, status


@pytest.mark.parametrize(
    ("seconds", "words"),
    [  # docker/go-units, duration_test.go
        (0.45, "Less than a second"),
        (1, "1 second"),
        (45, "45 seconds"),
        (60, "About a minute"),
        (60 + 45, "About a minute"),
        (3 * 60 + 45, "3 minutes"),
        (59 * 60 + 59, "59 minutes"),
        (3600, "About an hour"),
        (3600 + 29 * 60, "About an hour"),
        (3600 + 31 * 60, "2 hours"),
        (3 * 3600, "3 hours"),
        (24 * 3600, "24 hours"),
        (36 * 3600, "36 hours"),
        (2 * 86_400, "2 days"),
        (7 * 86_400, "7 days"),
        (13 * 86_400 + 5 * 3600, "13 days"),
        (14 * 86_400, "2 weeks"),
        (21 * 86_400, "3 weeks"),
        (52 * 86_400, "7 weeks"),
        (60 * 86_400, "2 months"),
        (365 * 86_400, "12 months"),
        (24 * 30 * 86_400, "24 months"),
        (24 * 30 * 86_400 + 14 * 86_400, "2 years"),
    ],
)
def test_durations_are_said_in_the_engines_words(seconds: float, words: str) -> None:
    assert human_duration(seconds) == words


def row(**more: Any) -> dict[str, Any]:
    base = {
        "ID": "0123456789abcdef" * 4,
        "Name": "shop-web-1",
        "Service": "web",
        "Project": "shop",
        "Image": "node:22",
        "Argv": ["node", "a-rather-long-name.js"],
        "CreatedAt": "2026-01-01T00:00:00Z",
        "CreatedAtSeconds": 1000.0,
        "StartedAt": 1000.0,
        "FinishedAt": 0.0,
        "State": "running",
        "Health": "none",
        "ExitCode": 0,
        "Publishers": [{"URL": "127.0.0.1", "TargetPort": 3000, "PublishedPort": 8080, "Protocol": "tcp"}],
    }
    return {**base, **more}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Up 5 minutes"),
        ({"Health": "healthy"}, "Up 5 minutes (healthy)"),
        ({"Health": "starting"}, "Up 5 minutes (health: starting)"),
        ({"State": "paused"}, "Up 5 minutes (Paused)"),
        ({"State": "restarting", "ExitCode": 1, "FinishedAt": 1289.0}, "Restarting (1) 11 seconds ago"),
        ({"State": "exited", "ExitCode": 137, "FinishedAt": 1180.0}, "Exited (137) 2 minutes ago"),
        ({"State": "created", "StartedAt": 0.0}, "Created"),
    ],
)
def test_the_status_is_said_in_the_engines_words(changes: dict[str, Any], words: str) -> None:
    assert status(row(**changes), 1300.0) == words


def test_the_table_has_composes_columns() -> None:
    assert ps_table([row(Health="healthy")], 1300.0) == (
        "NAME         IMAGE     COMMAND                  SERVICE   CREATED         STATUS                   PORTS\n"
        'shop-web-1   node:22   "node a-rather-long-…"   web       5 minutes ago   Up 5 minutes (healthy)   '
        "127.0.0.1:8080->3000/tcp\n"
    )


def test_the_json_has_an_object_a_line_with_composes_keys() -> None:
    (line,) = ps_json([row()], 1300.0).splitlines()
    shown = json.loads(line)
    assert (shown["Names"], shown["Health"], shown["ID"]) == ("shop-web-1", "", "0123456789ab")
    assert shown["Publishers"] == row()["Publishers"]


def test_bytes_have_four_figures_and_binary_units() -> None:
    assert [human_bytes(n) for n in (0, 1023, 1024, 5 << 20, 1.5 * (1 << 30))] == [
        "0B",
        "1023B",
        "1KiB",
        "5MiB",
        "1.5GiB",
    ]


def test_what_was_not_measured_is_not_shown_as_nothing() -> None:
    assert "-- / --" in stats_table([row()])
    assert "25.00%" in stats_table([row(Memory=256, MemoryLimit=1024, CPUPercent=1.5, PIDs=3)])


def test_stats_as_json_have_dockers_keys_and_the_numbers() -> None:
    line = json.loads(stats_json([row(Memory=256, MemoryLimit=1024, CPUPercent=1.5, PIDs=3)]))
    docker = {"CPUPerc": "1.50%", "MemUsage": "256B / 1KiB", "MemPerc": "25.00%", "PIDs": "3", "NetIO": "--"}
    assert {**line, **docker, "Memory": 256} == line and len(line["ID"]) <= 12
