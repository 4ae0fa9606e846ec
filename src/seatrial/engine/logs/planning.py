"""What the logging part of a service means: what the shim is told, and which driver gets the lines besides. Pure.

Every service has a local json-file, bounded where nothing else is said (10 MB × 5, packed; Docker's own default has no
bound). A driver that is elsewhere is fed from it, so the file is buffer and cache at once, as Docker's dual logging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seatrial.engine.logs import drivers
from seatrial.engine.logs.interface import Subject
from seatrial.engine.logs.options import COMMON, Options, binary_size, boolean, decimal_size, integer, validate
from seatrial.engine.logs.ring import DEFAULT_BYTES
from seatrial.engine.logs.tags import extra_attributes, go_json, make_tag
from seatrial.model.errors import InputError
from seatrial.model.place import Sourced
from seatrial.model.service import Logging

MAX_SIZE = 10_000_000
MAX_FILE = 5
CACHE_SIZE = 20_000_000


@dataclass(frozen=True, slots=True)
class LogPlan:
    """How one instance logs.

    `max_size` (bytes, -1: no limit), `max_file` and `attributes` (the JSON of `attrs`, or "") are the arguments of the
    shim's `log` setting; `compress` says whether rotated files are to be packed. `driver` is "" where the local file
    is all; `buffer` is the size of the queue before the driver in bytes, 0 for `mode: blocking`. `is_readable` is
    whether `seatrial logs` may show it. With `is_kept` false there is no file at all: what the instance writes is
    thrown away.
    """

    max_size: int = MAX_SIZE
    max_file: int = MAX_FILE
    compress: bool = True
    attributes: str = ""
    driver: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    buffer: int = 0
    is_readable: bool = True
    is_kept: bool = True


def plan_logging(logging: Sourced[Logging] | Logging | None, subject: Subject) -> LogPlan:
    """The plan for what a file says of logging. InputError, with the place of `logging`, for a driver or an option that
    is not known or can't be read."""
    if logging is None:
        return LogPlan()
    if isinstance(logging, Logging):
        return _plan(logging, subject)
    try:
        return _plan(logging.value, subject)
    except InputError as error:
        error.place = error.place or logging.place
        raise


def _plan(logging: Logging, subject: Subject) -> LogPlan:
    name, options = logging.driver or "json-file", dict(logging.options)
    if name == "none":
        return LogPlan(is_readable=False, is_kept=False)
    if name in ("json-file", "local"):
        return _local(name, options, subject)
    found = drivers.module_of(name)
    validate(name, options, found.OPTIONS)
    found.check(options)
    if options.get("tag"):
        make_tag(options["tag"], subject)
    return LogPlan(
        decimal_size("cache-max-size", options["cache-max-size"]) if options.get("cache-max-size") else CACHE_SIZE,
        integer(1)("cache-max-file", options.get("cache-max-file") or str(MAX_FILE)),
        boolean("cache-compress", options.get("cache-compress") or "true"),
        _attributes(options, subject),
        name,
        options,
        _buffer(options),
        is_readable=not boolean("cache-disabled", options.get("cache-disabled") or "false"),
    )


def _local(name: str, options: Options, subject: Subject) -> LogPlan:
    """`json-file`; `local` is the same file with Docker's default sizes for it. Both are bounded and packed here."""
    validate(name, options, {**COMMON, "max-size": decimal_size, "max-file": integer(1), "compress": boolean})
    default_size = MAX_SIZE if name == "json-file" else CACHE_SIZE
    max_size = decimal_size("max-size", options["max-size"]) if options.get("max-size") else default_size
    max_file = integer(1)("max-file", options.get("max-file") or str(MAX_FILE))
    compress = boolean("compress", options["compress"]) if options.get("compress") else max_file > 1
    if compress and max_file < 2:
        raise InputError("log option compress: with max-file 1 there are no rotated files", hint='max-file: "2"')
    return LogPlan(max_size, max_file, compress, _attributes(options, subject), options=options)


def _attributes(options: Options, subject: Subject) -> str:
    """The `attrs` of each record: what `--details` shows. A tag only where one was asked for, as in Docker."""
    found = extra_attributes(options, subject)
    if options.get("tag"):
        found["tag"] = make_tag(options["tag"], subject)
    return go_json(found) if found else ""


def _buffer(options: Options) -> int:
    if options.get("mode") != "non-blocking":
        return 0
    size = options.get("max-buffer-size")
    return binary_size("max-buffer-size", size) if size else DEFAULT_BYTES
