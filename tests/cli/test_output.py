"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.cli.output import OutputFile
from seatrial.model.errors import InputError


def test_a_file_is_written_and_nothing_else(tmp_path: Path) -> None:
    file = OutputFile("--report", tmp_path / "a.html")
    file.check()
    file.write("one ✓")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "one ✓"
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("old and longer")
    path.chmod(0o640)
    OutputFile("--report", path).write("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        OutputFile("--report", tmp_path / "a").write("x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    file = OutputFile("--report", tmp_path / "link")
    file.check()
    file.write("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "x"


def test_a_device_is_written_directly() -> None:
    file = OutputFile("--report", Path("/dev/null"))
    file.check()
    file.write("x")
    assert not Path("/dev/null").is_file()


def test_what_cannot_be_written_is_told_with_a_hint(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "is a directory"), (tmp_path / "a" / "b", "does not exist")):
        with pytest.raises(InputError) as caught:
            OutputFile("--json", path).check()
        assert said in caught.value.message
        assert caught.value.hint


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def full(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        OutputFile("--save", path).write("new")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert path.read_text() == "old"
