"""The history of verdicts: a SQLite file that any number of drills may write to at once.

A file that is damaged, of another program or of a newer version is refused with a sentence, and never changed. Older
versions are brought up to date step by step, each in the transaction that also notes it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.model.errors import InputError
from seatrial.model.place import Place

APPLICATION = 0x53545249
"""PRAGMA application_id of our files: "STRI"."""
STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE trial (id INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL, tool TEXT NOT NULL,"
        " project TEXT NOT NULL, service TEXT NOT NULL, engine TEXT NOT NULL, revision TEXT NOT NULL,"
        " dirty INTEGER NOT NULL, result TEXT NOT NULL)",
        "CREATE TABLE verdict (trial INTEGER NOT NULL REFERENCES trial (id), requirement TEXT NOT NULL,"
        " ruling TEXT NOT NULL, summary TEXT NOT NULL, figures TEXT NOT NULL DEFAULT '{}')",
    ),
    ("CREATE INDEX verdict_by_requirement ON verdict (requirement, trial)",),
)
"""The versions of the schema: the statements that lead from each to the next. PRAGMA user_version counts them."""
_MAGIC = b"SQLite format 3\0"
"""What each database begins with."""
PATIENCE = 20.0
"""Seconds for which another writer is waited for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A requirement's ruling in one trial."""

    requirement: str
    ruling: str
    summary: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Entry:
    """One trial. `revision` is the commit, "" without git; `dirty` says that files differed from it."""

    recorded_at: str
    tool: str
    project: str
    service: str
    engine: str
    revision: str
    dirty: bool
    result: str
    verdicts: tuple[Judged, ...] = ()


def add(path: Path, entry: Entry) -> None:
    """Write one trial, whole or not at all. Makes the file where there is none. Raises InputError."""
    with _opened(path, "rwc") as database:
        database.execute("BEGIN IMMEDIATE")
        _upgrade(database, path)
        cursor = database.execute(
            "INSERT INTO trial (recorded_at, tool, project, service, engine, revision, dirty, result)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(entry.recorded_at, entry.tool, entry.project, entry.service, entry.engine),
                *(entry.revision, int(entry.dirty), entry.result),
            ),
        )
        rows = [
            (cursor.lastrowid, each.requirement, each.ruling, each.summary, json.dumps(dict(each.figures)))
            for each in entry.verdicts
        ]
        database.executemany("INSERT INTO verdict VALUES (?, ?, ?, ?, ?)", rows)
        database.execute("COMMIT")


def entries(path: Path, *, project: str = "", service: str = "", limit: int = 0) -> list[Entry]:
    """The trials with their verdicts, the newest first; of one project or service, where named. Raises InputError."""
    if not path.exists():
        return []
    with _opened(path, "rw") as database:
        if _version(database, path) < len(STEPS):
            database.execute("BEGIN IMMEDIATE")
            _upgrade(database, path)
            database.execute("COMMIT")
        rows = database.execute(
            "SELECT id, recorded_at, tool, project, service, engine, revision, dirty, result FROM trial"
            " WHERE (? = '' OR project = ?) AND (? = '' OR service = ?) ORDER BY recorded_at DESC, id DESC LIMIT ?",
            (project, project, service, service, limit or -1),
        ).fetchall()
        return [_entry(database, row) for row in rows]


def _entry(database: sqlite3.Connection, row: tuple[int, str, str, str, str, str, str, int, str]) -> Entry:
    found = database.execute(
        "SELECT requirement, ruling, summary, figures FROM verdict WHERE trial = ? ORDER BY rowid", row[:1]
    )
    verdicts = tuple(
        Judged(_text(name), _text(ruling), _text(summary), _figures(figures))
        for name, ruling, summary, figures in found
    )
    recorded_at, tool, project, service, engine, revision = map(_text, row[1:7])
    return Entry(
        recorded_at, tool, project, service, engine, revision, bool(row[7]), result=_text(row[8]), verdicts=verdicts
    )


def _text(value: object) -> str:
    """What SQLite holds in a column of text, where any type may stand. Raises ValueError for another one."""
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _figures(text: object) -> Mapping[str, float]:
    """Raises ValueError for anything but an object of numbers."""
    try:
        figures = json.loads(_text(text))
    except RecursionError:
        raise ValueError(text) from None
    if not isinstance(figures, dict) or not all(map(_is_figure, figures.values())):
        raise ValueError(text)
    return figures


def _is_figure(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")


@contextlib.contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A connection that begins no transaction by itself; what SQLite says is told as an InputError."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)) as database:
            yield database
    except sqlite3.Error as error:
        raise _refused(path, error) from None
    except ValueError:
        raise InputError("holds what no drill writes", place=Place(str(path), 1), hint=_aside(path)) from None


def _refused(path: Path, error: sqlite3.Error) -> InputError:
    place, said = Place(str(path), 1), str(error)
    if "locked" in said:
        return InputError("is in use by another program", place=place, hint="run it again")
    if "is full" in said or "disk I/O" in said:
        return InputError(f"cannot be written: {said}", place=place, hint=f"df {path.parent}")
    if isinstance(error, sqlite3.OperationalError) and ("unable to open" in said or "readonly" in said):
        return InputError(f"cannot be opened: {said}", place=place, hint=f"ls -ld {path.parent}")
    return InputError(f"is damaged, or no history: {said}", place=place, hint=_aside(path))


def _aside(path: Path) -> str:
    """What to do with a file that can't be used: what was never a database is somebody's, and stays where it is."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return "name another file: this one is left as it is"
    return f"mv {path} {path}.damaged: the next drill begins a new one"


def _version(database: sqlite3.Connection, path: Path) -> int:
    """The version of the schema, 0 of an empty file. Raises InputError for a file that isn't ours to read."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    owner = int(database.execute("PRAGMA application_id").fetchone()[0])
    is_empty = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if owner != APPLICATION and not is_empty:
        raise InputError("is another program's database", place=Place(str(path), 1), hint="name another file")
    if version > len(STEPS):
        problem = f"was written by a newer version (schema {version}; this one knows {len(STEPS)})"
        raise InputError(problem, place=Place(str(path), 1), hint="pip install --upgrade 'seatrial[cli]'")
    return version


def _upgrade(database: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date, inside the caller's transaction."""
    for number, statements in enumerate(STEPS[(version := _version(database, path)) :], version + 1):
        for statement in statements:
            database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION}")
        database.execute(f"PRAGMA user_version = {number}")
