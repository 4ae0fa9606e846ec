"""The drivers that take a log elsewhere, by their names in Docker. Each module is imported when it is used.

A module has `OPTIONS` (its log options and what checks a value), `check(options)` for what options mean together, and
`open_driver(options, subject)`. `open_driver` may connect, and raises UnsupportedError where a client library is
missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from seatrial.engine.logs.interface import LogDriver, Subject
from seatrial.engine.logs.options import Check, Options
from seatrial.model.errors import InputError

NAMES = ("syslog", "journald", "fluentd", "gelf", "splunk", "awslogs", "gcplogs")


class DriverModule(Protocol):
    """What a module of a driver has."""

    OPTIONS: Mapping[str, Check]

    def check(self, options: Options) -> None:
        """InputError where options can't be together, or one is missing."""

    def open_driver(self, options: Options, subject: Subject) -> LogDriver:
        """The driver itself."""


def module_of(name: str) -> DriverModule:
    """The module of a driver. InputError where there is none of that name."""
    if name not in NAMES:
        raise InputError(
            f"there is no log driver {name!r}",
            hint=f"json-file, local, none, {', '.join(NAMES)} are the ones that there are",
        )
    return cast(DriverModule, import_module(f"seatrial.engine.logs.drivers.{name}"))


def open_driver(name: str, options: Options, subject: Subject) -> LogDriver:
    """A driver that is ready to take records. The options are those that `planning.plan_logging` has checked."""
    return module_of(name).open_driver(options, subject)
