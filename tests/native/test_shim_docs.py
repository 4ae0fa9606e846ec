"""seatrial-shim's man page and its page in the docs name all that a description may hold and all that it reports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "".join((ROOT / "native" / name).read_text() for name in ("seatrial-shim.c", "json-file.h", "exit-record.h"))
RECORDS = re.findall(r'\{ "([a-z-]+)", \d, ', SOURCE)
REPORTS = set(re.findall(r'tell\("([a-z-]+)[ \\]', SOURCE))


@pytest.mark.parametrize("page", ["native/seatrial-shim.1", "docs/shim.md"])
def test_every_record_and_report_line_is_documented(page: str) -> None:
    assert len(RECORDS) > 30 and len(REPORTS) > 7, "the source is not read rightly any more"
    text = (ROOT / page).read_text()
    assert [name for name in (*RECORDS, *sorted(REPORTS)) if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)] == []
