"""Answers of earlier runs: when one counts, who can read it, and that nothing in the cache can do harm."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import pytest

from seatrial.files import cache as caching
from seatrial.files import disk
from seatrial.files.cache import Answer, Cache, default_directory, fingerprint
from seatrial.files.reading import read_text

ANSWER = Answer(1, "Dockerfile:1 ü\n", ("a line",))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    path = tmp_path / "project" / "Dockerfile"
    path.write_text("FROM a\n")
    return path


def kept(tmp_path: Path, file: Path, key: str = "key", answer: Answer = ANSWER) -> Cache:
    """A cache that holds this answer, which stands on the text of the file and on what lies beside it."""
    notes = disk.listen()
    read_text(file)
    disk.entries(file.parent)
    disk.stop_listening(notes)
    cache = Cache(tmp_path / "cache")
    cache.keep(key, answer, notes)
    return cache


def entry(cache: Cache) -> Path:
    (found,) = cache.directory.iterdir()
    return found


def test_an_answer_is_found_again_under_its_key(tmp_path: Path, file: Path) -> None:
    cache = kept(tmp_path, file)
    assert cache.look("key") == ANSWER and cache.look("another") is None


def test_touching_a_file_changes_nothing_and_changing_it_all(tmp_path: Path, file: Path) -> None:
    cache = kept(tmp_path, file)
    os.utime(file, (1, 1))
    assert cache.look("key") == ANSWER
    status = file.stat()
    file.write_text("FROM b\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cache.look("key") is None, "same size, same time, other content"
    file.write_text("FROM a\n")
    assert cache.look("key") == ANSWER
    (file.parent / "new").touch()
    assert cache.look("key") is None


def test_only_the_owner_can_read_it(tmp_path: Path, file: Path) -> None:
    before = os.umask(0)
    try:
        cache = kept(tmp_path, file)
    finally:
        os.umask(before)
    assert cache.directory.stat().st_mode & 0o777 == 0o700 and entry(cache).stat().st_mode & 0o777 == 0o600


def test_nothing_of_a_file_is_in_it_but_what_was_shown(tmp_path: Path, file: Path) -> None:
    file.write_text("ENV PASSWORD=hunter2hunter2\n")
    cache = kept(tmp_path, file)
    unpacked = zlib.decompress(entry(cache).read_bytes().split(b"\n", 2)[2])
    assert b"hunter2" not in unpacked and json.loads(unpacked)["text"] == ANSWER.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:40],
        lambda data: data + b"x",
        lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
        lambda data: b"seatrial answer 2\n" + data[18:],
        lambda data: b"\xff" * 100,
    ],
)
def test_what_is_broken_is_as_if_it_were_not_there(tmp_path: Path, file: Path, damage: object) -> None:
    cache = kept(tmp_path, file)
    path = entry(cache)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.look("key") is None
    assert kept(tmp_path, file).look("key") == ANSWER, "and is written anew"


@pytest.mark.parametrize(
    "document", ["[]", "{}", '{"code": 0, "text": "", "talk": [], "notes": [["unheard of", "a", ""]]}']
)
def test_what_has_a_checksum_and_another_shape_is_not_there_either(tmp_path: Path, file: Path, document: str) -> None:
    cache = kept(tmp_path, file)
    packed = zlib.compress(document.encode())
    entry(cache).write_bytes(b"seatrial answer 1\n" + disk.digest(packed).encode() + b"\n" + packed)
    assert cache.look("key") is None


def test_what_others_can_write_is_not_trusted(tmp_path: Path, file: Path) -> None:
    cache = kept(tmp_path, file)
    entry(cache).chmod(0o666)
    assert cache.look("key") is None
    entry(cache).unlink()
    cache.directory.chmod(0o777)
    assert kept(tmp_path, file).look("key") is None and not list(cache.directory.iterdir())


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, file: Path) -> None:
    cache = kept(tmp_path, file)
    path = entry(cache)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.look("key") is None
    path.unlink()
    os.mkfifo(path)
    assert cache.look("key") is None, "and a pipe doesn't hold anybody up"


@pytest.mark.parametrize("directory", ["/dev/null/cache", "/proc/cache", "/" + "x" * 300])
def test_where_nothing_can_be_written_nothing_happens(file: Path, directory: str) -> None:
    cache = Cache(Path(directory))
    cache.keep("key", ANSWER, {})
    assert cache.look("key") is None


def test_what_changed_while_it_was_read_is_not_kept(tmp_path: Path, file: Path) -> None:
    notes = disk.listen()
    read_text(file)
    file.write_text("FROM b\n")
    disk.hear({("content up to 9", str(file)): "what another process read"})
    read_text(file, limit=9)
    disk.stop_listening(notes)
    cache = Cache(tmp_path / "cache")
    cache.keep("key", ANSWER, notes)
    assert not cache.directory.exists()


def test_the_answers_that_nobody_asked_for_go_first(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "MAX_ENTRIES", 3)
    for number in range(3):
        cache = kept(tmp_path, file, str(number))
        os.utime(cache._file(str(number)), ns=(number, number))
    assert cache.look("0") == ANSWER, "which makes it the newest"
    kept(tmp_path, file, "3")
    assert [number for number in range(4) if cache.look(str(number))] == [0, 2, 3]
    monkeypatch.setattr(caching, "MAX_BYTES", 1)
    kept(tmp_path, file, "4")
    assert not list(cache.directory.iterdir())


def test_an_answer_of_many_megabytes_is_not_kept(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "MAX_ENTRY_BYTES", 100)
    assert kept(tmp_path, file).look("key") is None


def test_the_directory_is_the_one_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_directory() == Path("/somewhere/seatrial/check")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_directory() == Path("/home/me/.cache/seatrial/check")


def test_other_code_has_another_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").write_text("1")
    first = fingerprint([str(tmp_path)])
    (tmp_path / "a" / "notes.txt").touch()
    assert fingerprint([str(tmp_path)]) == first
    (tmp_path / "a" / "b.py").write_text("12")
    assert fingerprint([str(tmp_path)]) != first
