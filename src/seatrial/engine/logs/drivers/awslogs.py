"""The driver `awslogs`: Amazon CloudWatch Logs, by boto3 (`pip install 'seatrial[logs-awslogs]'`).

Events go in batches within the service's limits: 10,000 events and 1 MiB with 26 bytes for each, 256 KiB for one, in
the order of time. With `awslogs-multiline-pattern` or `awslogs-datetime-format` the lines from one match to the next
are one event, unless it takes longer than the flush interval.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.engine.logs.drivers.extras import client
from seatrial.engine.logs.interface import LONGEST_LINE, DeliveryError, LogRecord, Subject
from seatrial.engine.logs.options import Check, Options, anything, boolean, integer, one_of
from seatrial.engine.logs.tags import compiled, make_tag
from seatrial.model.errors import InputError

_PER_EVENT = 26
_MOST_BYTES = 1024 * 1024
_MOST_EVENTS = 10_000
_LONGEST_EVENT = 256 * 1024 - _PER_EVENT
_MILLISECOND = 1_000_000

OPTIONS: Mapping[str, Check] = {
    "tag": anything,
    "awslogs-region": anything,
    "awslogs-endpoint": anything,
    "awslogs-group": anything,
    "awslogs-stream": anything,
    "awslogs-create-group": boolean,
    "awslogs-create-stream": boolean,
    "awslogs-datetime-format": anything,
    "awslogs-multiline-pattern": compiled,
    "awslogs-credentials-endpoint": anything,
    "awslogs-force-flush-interval-seconds": integer(1),
    "awslogs-max-buffered-events": integer(1),
    "awslogs-format": one_of("json/emf"),
}
_STRFTIME = {
    "%a": "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "%A": "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
    "%w": "[0-6]",
    "%d": "(?:0[1-9]|[1,2][0-9]|3[0,1])",
    "%b": "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "%B": "(?:January|February|March|April|May|June|July|August|September|October|November|December)",
    "%m": "(?:0[1-9]|1[0-2])",
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%H": "(?:[0,1][0-9]|2[0-3])",
    "%I": "(?:0[0-9]|1[0-2])",
    "%p": "[A,P]M",
    "%M": "[0-5][0-9]",
    "%S": "[0-5][0-9]",
    "%f": r"\d{6}",
    "%z": r"[+-]\d{4}",
    "%Z": "[A-Z]{1,4}T",
    "%j": "(?:0[0-9][1-9]|[1,2][0-9][0-9]|3[0-5][0-9]|36[0-6])",
    "%L": r"\.\d{3}",
}


def check(options: Options) -> None:
    """The group is needed; what makes several lines one event is said in one way."""
    if not options.get("awslogs-group"):
        raise InputError("log option awslogs-group: it is needed", hint="awslogs-group: my-service")
    several = [name for name in ("awslogs-datetime-format", "awslogs-multiline-pattern") if name in options]
    if len(several) > 1:
        raise InputError(f"log options {' and '.join(several)}: one of them alone")
    if several and options.get("awslogs-format"):
        raise InputError(f"log option {several[0]}: it can't be together with awslogs-format")
    multiline(options)


def multiline(options: Options) -> re.Pattern[str] | None:
    """What the first line of an event matches; None where each line is an event."""
    if shape := options.get("awslogs-datetime-format"):
        return compiled("awslogs-datetime-format", re.sub("%.", lambda match: _STRFTIME.get(match[0], ""), shape))
    pattern = options.get("awslogs-multiline-pattern")
    return compiled("awslogs-multiline-pattern", pattern) if pattern else None


def parts_of(text: str, longest: int = _LONGEST_EVENT) -> Iterator[tuple[str, int]]:
    """A text in parts of at most so many bytes, none of which cuts a character; each with its bytes."""
    while len(raw := text.encode("utf-8", "replace")) > longest:
        part = raw[:longest].decode("utf-8", "ignore")
        yield part, len(part.encode())
        text = text[len(part) :]
    if text:
        yield text, len(raw)


class AwsLogs:
    """Events to one stream of a group."""

    longest = LONGEST_LINE
    refused = ""

    def __init__(self, service: Any, options: Options, stream: str) -> None:
        self._service = service
        self._options = options
        self._stream = stream
        self._pattern = multiline(options)
        self.interval = float(options.get("awslogs-force-flush-interval-seconds") or 5)
        self._is_made = False
        self._events: list[dict[str, Any]] = []
        self._bytes = 0
        self._lines: list[str] = []
        self._lines_bytes = 0
        self._lines_time = 0

    def write(self, record: LogRecord) -> None:
        """Add a line; a full batch is sent."""
        if self._pattern is None:
            self._add(record.line, record.time // _MILLISECOND)
            return
        size = len(record.line.encode("utf-8", "replace")) + 1
        if self._pattern.search(record.line) or self._lines_bytes + size > _LONGEST_EVENT:
            self._add_lines()
        if not self._lines:
            self._lines_time = record.time // _MILLISECOND
        self._lines.append(record.line + "\n")
        self._lines_bytes += size

    def _add_lines(self) -> None:
        lines, self._lines, self._lines_bytes = self._lines, [], 0
        self._add("".join(lines), self._lines_time)

    def _add(self, text: str, moment: int) -> None:
        for part, size in parts_of(text):
            if len(self._events) >= _MOST_EVENTS or self._bytes + size + _PER_EVENT > _MOST_BYTES:
                self._send()
            self._events.append({"message": part, "timestamp": moment})
            self._bytes += size + _PER_EVENT

    def flush(self) -> None:
        """Send all, and wait for the answer."""
        self._add_lines()
        self._send()

    def _send(self) -> None:
        events, self._events, self._bytes = self._events, [], 0
        if not events:
            return
        where = {"logGroupName": self._options["awslogs-group"], "logStreamName": self._stream}
        try:
            self._make()
            events.sort(key=lambda event: event["timestamp"])
            answer = self._service.put_log_events(**where, logEvents=events)
        except Exception as error:
            # boto3 makes its errors' classes at run time; a bug of ours comes with its own class's name.
            self._forget()
            raise DeliveryError(f"awslogs {'/'.join(where.values())}: {type(error).__name__}: {error}") from error
        if refused := answer.get("rejectedLogEventsInfo"):
            # Too old, or too far in the future.
            self.refused = f"{where['logGroupName']}: {', '.join(f'{name} {value}' for name, value in refused.items())}"

    def _forget(self) -> None:
        self._events, self._bytes, self._lines, self._lines_bytes = [], 0, [], 0

    def _make(self) -> None:
        """The stream, and the group where that was asked for, unless they are there."""
        if self._is_made or not boolean("", self._options.get("awslogs-create-stream") or "true"):
            return
        group, known = self._options["awslogs-group"], self._service.exceptions
        for attempt in (1, 2):
            try:
                self._service.create_log_stream(logGroupName=group, logStreamName=self._stream)
            except known.ResourceAlreadyExistsException:
                pass
            except known.ResourceNotFoundException:
                if attempt > 1 or not boolean("", self._options.get("awslogs-create-group") or "false"):
                    raise
                self._make_group(group)
                continue
            break
        self._is_made = True

    def _make_group(self, group: str) -> None:
        try:
            self._service.create_log_group(logGroupName=group)
        except self._service.exceptions.ResourceAlreadyExistsException:
            return

    def close(self) -> None:
        self._service.close()


def open_driver(options: Options, subject: Subject) -> AwsLogs:
    """A driver by Docker's options; region and credentials also come from where boto3 finds them."""
    boto3 = client("boto3", "boto3", "logs-awslogs")
    stream = options.get("awslogs-stream") or make_tag(options.get("tag") or "{{.FullID}}", subject)
    try:
        service = _session(boto3, options).client(
            "logs",
            region_name=options.get("awslogs-region") or None,
            endpoint_url=options.get("awslogs-endpoint") or None,
        )
    except Exception as error:
        raise InputError(f"log driver awslogs: {error}", hint="awslogs-region: eu-central-1") from error
    if options.get("awslogs-format"):
        header = {"x-amzn-logs-format": options["awslogs-format"]}
        service.meta.events.register(
            "before-sign.logs.PutLogEvents", lambda request, **_: request.headers.update(header)
        )
    return AwsLogs(service, options, stream)


def _session(boto3: Any, options: Options) -> Any:
    session = boto3.Session()
    if path := options.get("awslogs-credentials-endpoint"):
        fetching = client("botocore.utils", "boto3", "logs-awslogs").ContainerMetadataFetcher()
        found = fetching.retrieve_uri(path)
        return boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found.get("Token"))
    return session
