"""Writes a log as the shim does, step by step: records, halves of records, rotations."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from seatrial.engine.logs.records import show_time_short

START = 1_763_733_600_000_000_000


def record_bytes(
    text: str, moment: int = START, stream: str = "stdout", attributes: Mapping[str, str] | None = None
) -> bytes:
    """One record of a json-file."""
    found: dict[str, object] = {"log": text, "stream": stream}
    if attributes:
        found["attrs"] = attributes
    found["time"] = show_time_short(moment)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Writer:
    """A log at `path` with at most `files` files. Each record has a later time than the one before."""

    def __init__(self, path: Path, files: int = 3) -> None:
        self.path = path
        self.files = files
        self.count = 0
        self._file = path.open("ab", buffering=0)

    def write(self, text: str, stream: str = "stdout", attributes: Mapping[str, str] | None = None) -> None:
        """A whole record."""
        self.count += 1
        self.raw(record_bytes(text, START + self.count, stream, attributes))

    def raw(self, data: bytes) -> None:
        """Any bytes: half a record, garbage."""
        self._file.write(data)

    def rotate(self) -> None:
        """As the shim does: the packed file of a number moves with the plain one."""
        self._file.close()
        directory = os.open(self.path.parent, os.O_RDONLY)
        fcntl.flock(directory, fcntl.LOCK_EX)
        for number in range(self.files - 1, 0, -1):
            for ending in ("", ".gz"):
                self._numbered(number, ending).unlink(missing_ok=True)
                source = self._numbered(number - 1, ending) if number > 1 else self.path
                if (number > 1 or not ending) and source.exists():
                    source.rename(self._numbered(number, ending))
        if self.files == 1:
            self.path.unlink()
        os.close(directory)
        self._file = self.path.open("wb", buffering=0)

    def _numbered(self, number: int, ending: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}{ending}")

    def close(self) -> None:
        self._file.close()
