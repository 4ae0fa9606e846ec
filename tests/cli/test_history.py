"""The history of verdicts: many writers, old versions, and files that are no history."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seatrial.cli import codes, history_store
from seatrial.cli.front import run
from seatrial.cli.history_command import history_file, remember
from seatrial.cli.history_store import Entry, Judged, add, entries
from seatrial.cli.revision import revision_of
from seatrial.model.errors import InputError
from tests.report import sample
from tests.requirements import require

ENTRY = Entry("2026-01-02T03:04:05+00:00", "seatrial 1", "/p", "api", "native", "abc", dirty=False, result="fail")
VERDICTS = (Judged("stops-in-time", "fail", "too late", {"stop_seconds": 12.5}), Judged("a", "pass", "ok", {}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def entry(at: str, verdicts: tuple[Judged, ...] = VERDICTS, **changes: object) -> Entry:
    from dataclasses import replace

    return replace(ENTRY, recorded_at=at, verdicts=verdicts, **changes)  # type: ignore[arg-type]


def test_what_is_written_is_read_back_the_newest_first(file: Path) -> None:
    first, second = entry("2026-01-01"), entry("2026-01-02", dirty=True, revision="")
    add(file, second)
    add(file, first)
    assert entries(file) == [second, first]
    assert entries(file, limit=1) == [second]


def test_trials_are_chosen_by_project_and_service(file: Path) -> None:
    add(file, entry("2026-01-01"))
    add(file, entry("2026-01-02", project="/q", service="web"))
    assert [each.service for each in entries(file, project="/q")] == ["web"]
    assert [each.project for each in entries(file, service="api")] == ["/p"]


def test_a_file_that_is_not_there_has_no_trials_and_is_not_made(file: Path) -> None:
    assert entries(file) == []
    assert not file.exists()


def test_many_writers_lose_nothing(file: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: add(file, entry(f"2026-01-{n:02}")), range(1, 25)))
    found = entries(file)
    assert [each.recorded_at for each in found] == [f"2026-01-{n:02}" for n in range(24, 0, -1)]
    assert all(each.verdicts == VERDICTS for each in found)


@pytest.mark.parametrize("version", range(len(history_store.STEPS)))
def test_an_older_version_is_brought_up_to_date_with_what_it_holds(file: Path, version: int) -> None:
    with sqlite3.connect(file) as database:
        for statement in (each for step in history_store.STEPS[:version] for each in step):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {version}")
        if version:
            database.execute(f"PRAGMA application_id = {history_store.APPLICATION}")
            database.execute("INSERT INTO trial VALUES (1, '2025', 't', '/p', 'api', 'native', '', 0, 'pass')")
    database.close()
    assert [each.recorded_at for each in entries(file)] == ["2025"] * bool(version)
    add(file, entry("2026"))
    assert len(entries(file)) == 1 + bool(version)


def refused(file: Path) -> str:
    before = file.read_bytes()
    with pytest.raises(InputError) as caught:
        add(file, ENTRY)
    assert file.read_bytes() == before, "what is not ours is not touched"
    return f"{caught.value.message} {caught.value.hint}"


def test_a_damaged_file_is_refused_and_left_alone(file: Path) -> None:
    file.write_bytes(b"SQLite format 3\0" + b"no database at all" * 100)
    assert "is damaged" in refused(file)
    assert "mv " in refused(file)


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "figures", ["[1]", "1", "null", '{"a": "b"}', '{"a": true}', '{"a": NaN}', "{", b"{}", None, DEEP]
)
def test_figures_that_no_drill_writes_are_refused(file: Path, figures: object) -> None:
    add(file, entry("2026"))
    with sqlite3.connect(file) as database:
        database.execute("DROP INDEX verdict_by_requirement")
        database.execute("ALTER TABLE verdict RENAME TO kept")
        database.execute("CREATE TABLE verdict AS SELECT * FROM kept")
        database.execute("UPDATE verdict SET figures = ?", (figures,))
    database.close()
    with pytest.raises(InputError, match="holds what no drill writes") as caught:
        entries(file)
    assert "mv " in caught.value.hint


@pytest.mark.parametrize("column", ["service", "recorded_at", "revision", "result"])
def test_what_is_no_text_is_refused(file: Path, column: str) -> None:
    add(file, entry("2026"))
    with sqlite3.connect(file) as database:
        database.execute(f"UPDATE trial SET {column} = ?", (b"\xff\x00",))
    database.close()
    with pytest.raises(InputError, match="holds what no drill writes"):
        entries(file)


def test_a_full_disk_is_no_damage(file: Path) -> None:
    with pytest.raises(InputError, match="cannot be written") as caught, history_store._opened(file, "rwc") as database:
        database.execute("PRAGMA max_page_count = 1")
        database.execute("CREATE TABLE trial (id INTEGER)")
    assert (caught.value.hint, "full" in caught.value.message) == (f"df {file.parent}", True)


def test_a_file_that_was_never_a_database_is_not_to_be_moved_away(file: Path) -> None:
    file.write_bytes(b"require('http')" * 100)
    assert "name another file" in refused(file)
    assert "mv " not in refused(file)


def test_a_truncated_file_is_refused(file: Path) -> None:
    for number in range(30):
        add(file, entry(f"{number:02}"))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2 - 100])
    with pytest.raises(InputError, match="is damaged"):
        entries(file)


def test_another_programs_database_is_refused(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.close()
    assert "another program's" in refused(file)


def test_a_newer_version_is_refused(file: Path) -> None:
    add(file, ENTRY)
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert "newer version (schema 99" in refused(file)


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        add(tmp_path / "missing" / "h.sqlite", ENTRY)


def test_a_file_that_another_holds_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(file, ENTRY)
    monkeypatch.setattr(history_store, "PATIENCE", 0.01)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert "in use" in refused(file)
    finally:
        holder.close()


def git(directory: Path, *words: str) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(directory), *names, *words], check=True, capture_output=True)


def test_the_commit_is_known_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    require("" if shutil.which("git") else "git is not installed")
    below = tmp_path / "web"
    below.mkdir()
    assert revision_of(below).commit == ""
    git(tmp_path, "init", "-q")
    assert (revision_of(below).project, revision_of(below).commit) == (str(tmp_path), ""), "no commit yet"
    (below / "a").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    clean = revision_of(below)
    assert (len(clean.commit), clean.dirty) == (40, False)
    (below / "a").write_text("2")
    assert revision_of(below).dirty


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision_of(tmp_path).commit == ""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.setenv("SEATRIAL_STATE", str(tmp_path / "state"))
    return directory


def test_the_command_lists_the_trials_of_this_project(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remember(sample.terrible(), "-", project)
    remember(sample.good(), "-", project.parent)
    assert run(["history"]) == codes.GOOD
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(
        "2026-01-02T03:04:06Z  no commit    api  4 failed, 1 not proved, 1 passed (handles-sigterm, "
    )
    assert run(["history", "--all"]) == codes.GOOD
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_command_tells_the_rulings_of_one_requirement(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remember(sample.terrible(), "mine.sqlite", project)
    assert run(["history", "in-flight-finish", "--file", "mine.sqlite"]) == codes.GOOD
    assert capsys.readouterr().out.rstrip().endswith("fail: 3 of 3 requests in flight were cut")
    assert not history_file("-").exists(), "a file of one's own is all that is written"


def test_json_has_all_verdicts_with_their_figures(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remember(sample.terrible(), "-", project)
    assert run(["history", "--json"]) == codes.GOOD
    (trial,) = json.loads(capsys.readouterr().out)
    assert (trial["service"], trial["commit"], trial["dirty"], trial["result"]) == ("api", None, False, "fail")
    stop = next(each for each in trial["verdicts"] if each["requirement"] == "handles-sigterm")
    assert stop["figures"] == {"stop_seconds": 10.01}


def test_an_empty_history_says_how_to_begin_one(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history"]) == codes.NOTHING_FOUND
    assert "seatrial drill --history" in capsys.readouterr().err
    assert run(["history", "--json"]) == codes.GOOD
    assert json.loads(capsys.readouterr().out) == []


def test_the_state_directory_is_for_its_user_alone(project: Path) -> None:
    remember(sample.good(), "-", project)
    assert history_file("-").parent.stat().st_mode & 0o077 == 0


def test_history_is_not_written_from_a_replay(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "--replay", "x.json", "--history"]) == codes.USAGE
    assert "--history does not apply to --replay" in capsys.readouterr().err


@pytest.mark.parametrize("where", [".", "missing/h.sqlite"])
def test_where_it_cannot_be_written_is_told_before_the_drill(
    project: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drill", "--history", where, "--", "true"]) == codes.USAGE
    assert "--history: " in capsys.readouterr().err


@pytest.mark.slow
def test_a_drill_adds_its_verdicts(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["drill", "--only=stops-in-time", "--ready-timeout=0.5", "-q", "--history=own.sqlite"]
    assert run([*words, "--", "/bin/sleep", "600"]) == codes.FAILED
    capsys.readouterr()
    assert run(["history", "stops-in-time", "--file=own.sqlite"]) == codes.GOOD
    assert "not proved: the service was not ready within 0.5 s" in capsys.readouterr().out
