"""gitignore(5) line by line, and against git itself."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from seatrial.files.gitignore import Ignores, ignores_above, match_name, read_pattern

from ..requirements import require

LINES = (
    ("build", ("build", "a/build"), ("builds", "build.d")),
    ("/build", ("build",), ("a/build",)),
    ("a/build", ("a/build",), ("b/a/build", "build")),
    ("*.env", (".env", "a/b.env"), ("env", "a.env.sample")),
    ("**/logs", ("logs", "a/b/logs"), ("logs2",)),
    ("a/**/z", ("a/z", "a/b/z", "a/b/c/z"), ("z", "b/a/z")),
    ("a/**", ("a/b", "a/b/c"), ("a", "b/a/c")),
    ("a*z/x", ("az/x", "abcz/x"), ("a/z/x",)),
    ("[a-c]1", ("a1", "x/c1"), ("d1", "-1")),
    ("[!a]1", ("b1",), ("a1",)),
    ("[[:digit:]]x", ("1x",), ("ax",)),
    ("a?c", ("abc",), ("ac", "abbc")),
    ("\\#a", ("#a",), ("a",)),
    ("\\!a", ("!a",), ("a",)),
    ("a\\*", ("a*",), ("ab",)),
    ("trailing   ", ("trailing",), ("trailing   ",)),
    ("kept\\ ", ("kept ",), ("kept",)),
    ("foo/*", ("foo/a",), ("foo", "foo/a/b", "a/foo/b")),
)


@pytest.mark.parametrize(("line", "matching", "others"), LINES, ids=[line for line, *_ in LINES])
def test_a_line_matches_what_it_means(line: str, matching: tuple[str, ...], others: tuple[str, ...]) -> None:
    pattern = read_pattern(line)
    assert pattern is not None
    for path in matching:
        assert pattern.matches(path.split("/"), is_directory=False), path
    for path in others:
        assert not pattern.matches(path.split("/"), is_directory=False), path


@pytest.mark.parametrize("line", ["", "   ", "# comment", "!", "/", "a//"])
def test_a_line_that_means_nothing_is_none(line: str) -> None:
    assert read_pattern(line) is None


def test_a_slash_at_the_end_is_for_directories_alone() -> None:
    pattern = read_pattern("build/")
    assert pattern is not None
    assert pattern.matches(["build"], is_directory=True) and not pattern.matches(["build"], is_directory=False)


def test_a_deeper_file_goes_before_one_above_and_the_last_line_before_the_first(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / ".gitignore").write_text("*.yaml\n!keep.yaml\n")
    (tmp_path / "web" / ".gitignore").write_text("!compose.yaml\nkeep.yaml\n")
    top = Ignores().below((), str(tmp_path))
    web = top.below(("web",), str(tmp_path / "web"))
    assert top.ignores(("compose.yaml",), is_directory=False) and not top.ignores(("keep.yaml",), is_directory=False)
    assert not web.ignores(("web", "compose.yaml"), is_directory=False)
    assert web.ignores(("web", "keep.yaml"), is_directory=False)


def test_the_repositorys_own_exclude_file_counts_and_git_s_work_trees_share_it(tmp_path: Path) -> None:
    (tmp_path / "main" / ".git" / "info").mkdir(parents=True)
    (tmp_path / "main" / ".git" / "info" / "exclude").write_text("secret\n")
    linked = tmp_path / "main" / ".git" / "worktrees" / "other"
    linked.mkdir(parents=True)
    (linked / "commondir").write_text("../..\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".git").write_text(f"gitdir: {linked}\n")
    for tree in ("main", "other"):
        ignores, parts = ignores_above(tmp_path / tree, tmp_path / tree)
        assert parts == () and ignores.ignores(("secret",), is_directory=True)


def test_who_names_an_ignored_directory_sees_it(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("/build\n*.yaml\n")
    (tmp_path / "build").mkdir()
    (tmp_path / "src").mkdir()
    ignores, parts = ignores_above(tmp_path / "build", tmp_path)
    assert parts == ("build",) and not ignores.ignores(("build", "compose.yaml"), is_directory=False)
    ignores, _ = ignores_above(tmp_path / "src", tmp_path)
    assert ignores.ignores(("src", "compose.yaml"), is_directory=False)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not match_name("*a" * 60 + "b", "a" * 250)
    pattern = read_pattern("/".join(["**", "a"] * 60) + "/b")
    assert pattern is not None and not pattern.matches(["a"] * 200, is_directory=False)


def test_it_agrees_with_git_on_patterns_of_all_kinds(tmp_path: Path) -> None:
    require("" if shutil.which("git") else "git is not installed")
    chance = random.Random(4)
    pieces = ["a", "b", "ab", "*", "?", "[a-b]", "[!a]", "\\*", "a*", "/", "/", "!", "#", " ", "[[:alpha:]]", "*.x"]
    pieces += ["**/", "/**", "a/**/b", "[", "]", "\\"]
    names = ["a", "b", "ab", "c.x", "ba", "a b", "x", "[", "*"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    trees: dict[str, tuple[list[str], list[str]]] = {}
    for number in range(60):
        lines = ["".join(chance.choices(pieces, k=chance.randint(1, 5))) for _ in range(chance.randint(1, 4))]
        paths = ["/".join(chance.choices(names, k=chance.randint(1, 4))) for _ in range(12)]
        # git takes a name in front of a pattern away before it looks at it, and then `a**` is no longer what it was.
        lines = [line for line in lines if not re.search(r"[^/]\*\*|\*\*[^/]", line)]
        for path in paths:
            (tmp_path / str(number) / path).mkdir(parents=True, exist_ok=True)
        (tmp_path / str(number) / ".gitignore").write_text("\n".join(lines) + "\n")
        trees[str(number)] = lines, paths
    asked = "\0".join(f"{tree}/{path}" for tree, (_, paths) in trees.items() for path in paths)
    command = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "-z", "--stdin"]
    said = subprocess.run(command, input=asked.encode(), capture_output=True, check=False).stdout.decode().split("\0")
    assert len(said) > 50
    for tree, (lines, paths) in trees.items():
        ignores = Ignores().below((), str(tmp_path / tree))
        ours = {path for path in paths if _is_left_out(path, ignores)}
        assert ours == {path for path in paths if f"{tree}/{path}" in said}, lines


def _is_left_out(path: str, ignores: Ignores) -> bool:
    parts = tuple(path.split("/"))
    return any(ignores.ignores(parts[:count], is_directory=True) for count in range(1, len(parts) + 1))
