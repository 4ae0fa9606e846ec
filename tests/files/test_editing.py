"""Editing a text keeps every byte outside of the edits; writing replaces a file in one step."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.files.editing import Change, edited, read_source, write_source, write_sources
from seatrial.model.edit import Appends, Edit, Sets
from seatrial.model.errors import InputError
from seatrial.model.place import Place

PROMISE = Sets(("a",), "1")


def edit(line: int, column: int, end_column: int, text: str, requirement: str = "restart-policy") -> Edit:
    return Edit(Place("f", line, column, line, end_column), text, requirement, "", PROMISE)


def apply(text: str, *edits: Edit) -> tuple[str, list[str]]:
    result = edited(text, edits, lambda _old, _new, _edits: True)
    return result.text, [left.reason for left in result.left]


def test_spans_are_replaced_and_insertions_at_one_point_keep_their_order() -> None:
    text, left = apply("one two\nthree\n", edit(2, 1, 6, "3"), edit(1, 8, 8, "\nx"), edit(1, 8, 8, "\ny"))
    assert (text, left) == ("one two\nx\ny\n3\n", [])


def test_of_two_that_overlap_the_first_wins_and_the_other_is_told() -> None:
    text, left = apply("one two\n", edit(1, 5, 8, "2", "log-rotation"), edit(1, 1, 6, "1"), edit(1, 6, 6, "x"))
    assert text == "one 2\n"
    assert left == ["it overlaps the fix for log-rotation"] * 2


def test_new_lines_end_as_the_line_before_them() -> None:
    assert apply("a\r\nb\r\n", edit(1, 2, 2, "\nx"))[0] == "a\r\nx\r\nb\r\n"
    assert apply("a\r\nb", edit(2, 2, 2, "\nx"))[0] == "a\r\nb\r\nx"
    assert apply("a\nb", edit(2, 2, 2, "\nx"))[0] == "a\nb\nx"


@pytest.mark.parametrize("place", [(9, 1, 1), (1, 3, 99), (1, 3, 2)], ids=str)
def test_a_place_that_the_text_does_not_have_is_left(place: tuple[int, int, int]) -> None:
    assert apply("abc\n", edit(*place, "x")) == ("abc\n", ["the file does not have this place"])


def test_line_ends_of_old_macs_are_not_touched() -> None:
    text, left = apply("a\rb\n", edit(1, 1, 2, "x"))
    assert text == "a\rb\n"
    assert left == ["the file has line ends of old Macs"]


def test_an_edit_that_breaks_its_promise_is_left_and_the_others_stay() -> None:
    result = edited("a b\n", [edit(1, 1, 2, "BAD"), edit(1, 3, 4, "c")], lambda _old, new, _edits: "BAD" not in new)
    assert result.text == "a c\n"
    assert [left.reason for left in result.left] == ["it would change more of the file than it should"]


def test_the_same_edit_under_two_names_of_the_file_is_one() -> None:
    again = Edit(Place("../f", 1, 1, 1, 2), "x", "restart-policy", "", PROMISE)
    assert apply("a\n", edit(1, 1, 2, "x"), again) == ("x\n", [])


def test_what_two_edits_add_to_the_end_of_a_file_is_all_there() -> None:
    both = [Edit(Place("f", 1, 1, 1, 1), "", "dockerignore-covers", "", Appends((line,))) for line in (".git", ".env")]
    assert apply("a\n", *both) == ("a\n.git\n.env\n", [])


def test_a_line_that_an_earlier_edit_adds_is_not_added_again() -> None:
    rows = [("host-modules-not-copied", ("a", "b")), ("lockfile-copied", ("b",)), ("dockerignore-covers", ("b", "c"))]
    edits = [Edit(Place("f", 1, 1, 1, 1), "", name, "", Appends(lines)) for name, lines in rows]
    assert apply("", *edits) == ("a\nb\nc\n", [])


def test_what_ends_a_line_comes_before_the_lines_behind_it() -> None:
    text, _ = apply("a\nb\n", edit(1, 2, 2, "\n  deep"), edit(1, 2, 2, "  # why"))
    assert text == "a  # why\n  deep\nb\n"


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab \n\u2028\x0cé"), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))
def test_what_is_outside_of_an_edit_never_changes(text: str, line: int, column: int, end: int) -> None:
    result, left = apply(text, edit(line, column, end, "<new>"))
    if left:
        assert result == text
    else:
        before, _, after = result.partition("<new>")
        assert text.startswith(before) and text.endswith(after) and len(before) + len(after) <= len(text)


def test_writing_keeps_mode_link_and_byte_order_mark(tmp_path: Path) -> None:
    file, link = tmp_path / "real.sh", tmp_path / "link.sh"
    file.write_bytes(b"\xef\xbb\xbfa\r\n")
    file.chmod(0o751)
    link.symlink_to(file)
    source = read_source(link, "link.sh")
    assert source.text == "a\r\n"
    write_source(source, "b\r\n", "link.sh")
    assert link.is_symlink()
    assert file.read_bytes() == b"\xef\xbb\xbfb\r\n"
    assert file.stat().st_mode & 0o777 == 0o751
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.sh", "real.sh"]


def test_a_file_that_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("a\n")
    source = read_source(file, "f")
    file.write_text("somebody else's\n")
    with pytest.raises(InputError, match="has changed since it was read"):
        write_source(source, "b\n", "f")
    assert file.read_text() == "somebody else's\n"
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_source(tmp_path / "f", "f")


def test_the_spans_of_one_edit_are_all_applied_or_none() -> None:
    whole = Edit(Place("f", 1, 1, 1, 2), "x", "log-rotation", "", PROMISE, more=((Place("f", 2, 1, 2, 2), "y"),))
    assert apply("a\nb\n", whole) == ("x\ny\n", [])
    text, left = apply("a\nb\n", edit(2, 1, 2, "z"), whole)
    assert (text, left) == ("a\nz\n", ["it overlaps the fix for restart-policy"])


def test_what_is_deeper_comes_first_where_two_blocks_end_at_one_point() -> None:
    text, _ = apply("a\n", edit(1, 2, 2, "\n  outer"), edit(1, 2, 2, "\n    inner"))
    assert text == "a\n    inner\n  outer\n"


@pytest.mark.parametrize(
    ("text", "new"), [("", "x\ny\n"), ("a\n", "a\nx\ny\n"), ("a", "a\nx\ny"), ("a\r\nb", "a\r\nb\r\nx\r\ny")]
)
def test_lines_come_at_the_end_and_the_text_ends_as_it_did(text: str, new: str) -> None:
    lines = Edit(Place("f", 1, 1, 1, 1), "", "dockerignore-covers", "", Appends(("x", "y")))
    assert apply(text, lines) == (new, [])


def test_of_several_files_all_are_written_or_none(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o640)
    changes = [Change(read_source(tmp_path / name, name), name * 2, name) for name in "ab"]
    changes.append(Change(read_source(tmp_path / "new", "new", may_be_new=True), "new", "new"))
    (tmp_path / "b").write_text("somebody else's")
    with pytest.raises(InputError, match="has changed since it was read"):
        write_sources(changes)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"a": "a", "b": "somebody else's"}
    (tmp_path / "b").write_text("b")
    write_sources(changes)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"a": "aa", "b": "bb", "new": "new"}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_file_that_somebody_makes_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    change = Change(read_source(tmp_path / "new", "new", may_be_new=True), "ours", "new")
    (tmp_path / "new").write_text("theirs")
    with pytest.raises(InputError, match="has changed"):
        write_sources([change])
    assert (tmp_path / "new").read_text() == "theirs"
