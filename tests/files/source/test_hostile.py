"""Whatever the bytes are: facts or a reason, in bounded time, and never an exception."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.files.source import MAX_BYTES, read_source

QUIET = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
FILES = ("a.js", "a.ts", "a.tsx", "a.py", "a.mjs")
JAVASCRIPT = b"""
import { pool } from './db.js'
const app = require('express')()
app.get('/health', async (req, res) => { await pool.query('SELECT 1'); res.json({ ok: true }) })
const server = app.listen(process.env.PORT || 3000, () => console.log(`up ${1}`))
server.keepAliveTimeout = 65_000
function stop(s) { setTimeout(() => process.exit(1), 10 * 1000).unref(); server.close(() => process.exit(0)) }
['SIGINT', 'SIGTERM'].forEach(s => process.on(s, stop))
process.on('uncaughtException', err => console.error(err))
if (process.env.LOG) fs.createWriteStream('/var/log/a.log')
"""
PYTHON = b"""
import signal, os
from flask import Flask
app = Flask(__name__)
@app.route("/health", methods=["GET"])
def health():
    db.session.execute("SELECT 1")
    return {"ok": True}
signal.signal(signal.SIGTERM, lambda *_: exit(0))
if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", 5000)))
"""
SEEDS = {"a.js": JAVASCRIPT, "a.ts": JAVASCRIPT, "a.tsx": JAVASCRIPT, "a.mjs": JAVASCRIPT, "a.py": PYTHON}


@QUIET
@given(st.sampled_from(FILES), st.binary(max_size=400))
def test_arbitrary_bytes_give_facts(file: str, data: bytes) -> None:
    assert read_source(file, b"process.on('SIGTERM', " + data).file == file


@QUIET
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 40), st.binary(max_size=8)), max_size=6),
)
def test_mutated_source_gives_facts(file: str, changes: list[tuple[int, int, bytes]]) -> None:
    data = bytearray(SEEDS[file])
    for at, length, new in changes:
        data[at : at + length] = new
    facts = read_source(file, bytes(data))
    places = [each.place for each in (*facts.handlers, *facts.servers, *facts.listens, *facts.routes)]
    lines = bytes(data).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n")
    for place in places:
        assert 1 <= place.line <= len(lines)
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1


@pytest.mark.parametrize(
    "unit", [b"(", b"[", b"{", b"a(", b"- ", b"`${", b"()=>", b"x={a:", b"if(a)", b"a<", b"/[", b'"', b".b()"]
)
@pytest.mark.parametrize("file", ["a.tsx", "a.py"])
def test_deep_nesting_is_given_up_in_time(unit: bytes, file: str) -> None:
    began = time.monotonic()
    read_source(file, b"process.on('SIGTERM', f)\n" + (unit * 20 + b"\n") * 200)
    assert time.monotonic() - began < 60, "seconds are far more than it takes, and minutes would be a hang"


def test_large_binary_and_minified_files_are_skipped_with_the_reason() -> None:
    assert "larger" in read_source("a.js", b"a" * (MAX_BYTES + 1)).skipped
    assert read_source("a.js", b"process.on\0").skipped == "is no text"
    assert read_source("a.js", b"process.on(1);" * 1000).skipped == "is minified"
    assert read_source("a.rb", b"x").skipped


def test_a_byte_order_mark_and_carriage_returns_move_nothing() -> None:
    facts = read_source("a.js", b"\xef\xbb\xbfa()\r\nprocess.on('SIGTERM', f)\r\n")
    assert str(facts.handlers[0].place) == "a.js:2:1"


def test_invalid_utf_8_counts_as_one_character_each() -> None:
    facts = read_source("a.js", b"x = '\xff\xfe'; process.on('SIGTERM', f)\n")
    assert facts.handlers[0].place.column == 11


def test_every_byte_cut_off_a_file_gives_facts() -> None:
    for file, data in (("a.ts", JAVASCRIPT), ("a.py", PYTHON)):
        for end in range(0, len(data), 23):
            assert read_source(file, data[:end]).file == file
