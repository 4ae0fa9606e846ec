"""The diff that `fix` shows: what `git apply` takes, of any two texts, and quickly where both are long."""

from __future__ import annotations

import difflib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.diffs import unified_diff
from tests.requirements import missing_program, require

LINES = st.lists(st.sampled_from(["a", "b", "c", "d", "é\x0c", "+", "-", "", "\u2028"]), max_size=30)


def applied(old: str, diff: str) -> str:
    """The old text with the diff in it; every line that it quotes must stand there."""
    before, result, at = old.split("\n"), [], 0
    for line in diff.split("\n")[2:-1]:
        if line.startswith("@@"):
            start, _, count = line.split()[1].removeprefix("-").partition(",")
            upto = int(start) - (count != "0")
            result += before[at:upto]
            at = upto
        elif line[0] in " -":
            assert before[at] == line[1:]
            at += 1
        if line[0] in " +":
            result.append(line[1:])
    return "\n".join(result + before[at:])


@given(LINES, LINES)
def test_what_is_applied_to_the_one_gives_the_other(old: list[str], new: list[str]) -> None:
    before, after = "".join(f"{line}\n" for line in old), "".join(f"{line}\n" for line in new)
    assert applied(before, unified_diff(before, after, "f")) == after


@pytest.mark.parametrize(
    ("old", "new"),
    [("a\nb\n", "a\nc\n"), ("a\nb", "a\nb\nc"), ("a\r\n", "a\r\nb\r\n"), ("\ufeffa\x0cb\n", "\ufeffa\n")],
)
def test_it_is_one_that_git_applies(old: str, new: str, tmp_path: Path) -> None:
    require(missing_program("git"))
    (tmp_path / "f").write_bytes(old.encode())
    diff = unified_diff(old, new, "f").encode()
    subprocess.run(["git", "apply", "-"], input=diff, cwd=tmp_path, check=True)
    assert (tmp_path / "f").read_bytes() == new.encode()
    assert unified_diff(old, old, "f") == ""


def test_an_edit_here_and_there_is_shown_as_the_standard_library_shows_it() -> None:
    old = [f"line {number}\n" for number in range(100)]
    new = [*old[:20], "new\n", *old[20:70], "other\n", *old[71:], "last\n"]
    assert unified_diff("".join(old), "".join(new), "f") == "".join(difflib.unified_diff(old, new, "a/f", "b/f"))
    assert unified_diff("", "a\n", "f", is_new=True) == "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n"


def test_thousands_of_edits_are_compared_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Counting(difflib.SequenceMatcher[str]):
        def get_matching_blocks(self) -> list[difflib.Match]:
            asked.append(len(self.a) * len(self.b))
            return super().get_matching_blocks()

    monkeypatch.setattr("seatrial.files.diffs.SequenceMatcher", Counting)
    old = "".join(f"  s{number}:\n    image: a\n" for number in range(3000))
    assert unified_diff(old, old.replace("image: a\n", "image: a\n    init: true\n"), "f").count("\n+") == 3001
    assert sum(asked) <= 3000 * 2
