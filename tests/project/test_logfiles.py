"""The log of a replaced instance goes on in that of the new one."""

from __future__ import annotations

from pathlib import Path

from seatrial.project.logfiles import inherit


def test_the_old_files_become_the_older_ones(tmp_path: Path) -> None:
    old, new = tmp_path / "old" / "a-json.log", tmp_path / "new" / "b-json.log"
    for path, text in ((old, "2"), (new, "4")):
        path.parent.mkdir()
        path.write_text(text)
    (tmp_path / "old" / "a-json.log.1").write_text("1")
    (tmp_path / "old" / "a-json.log.2.gz").write_text("0")
    (tmp_path / "new" / "b-json.log.1").write_text("3")
    inherit(old, new, 5)
    assert {path.name: path.read_text() for path in new.parent.iterdir()} == {
        "b-json.log": "4",
        "b-json.log.1": "3",
        "b-json.log.2": "2",
        "b-json.log.3": "1",
        "b-json.log.4.gz": "0",
    }


def test_no_more_files_are_kept_than_the_log_may_have(tmp_path: Path) -> None:
    old, new = tmp_path / "a-json.log", tmp_path / "b-json.log"
    old.write_text("1")
    new.write_text("2")
    inherit(old, new, 1)
    assert not Path(f"{new}.1").exists()
