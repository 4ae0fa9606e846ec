"""The matcher of .dockerignore against every case of moby's own tests, and against its laws."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files import glob_steps, globs
from seatrial.files.dockerignore import (
    Dockerignore,
    Pattern,
    context_files,
    dockerignore_file,
    normalized_line,
    read_dockerignore,
    read_pattern,
)
from seatrial.files.glob_steps import BadPatternError
from seatrial.files.globs import compile_pattern

DATA = Path(__file__).parent / "data"


def rows(name: str) -> list[list[str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("# ")]


def matcher(*texts: str) -> Dockerignore:
    patterns = [read_pattern(text) for text in texts]
    return Dockerignore(tuple(pattern for pattern in patterns if pattern is not None))


@pytest.mark.parametrize("row", rows("moby_matches.tsv"), ids=" ".join)
def test_agrees_with_every_case_of_mobys_matcher(row: list[str]) -> None:
    expected, text, *patterns = row
    if expected == "bad":
        with pytest.raises(BadPatternError):
            matcher(*patterns)
    else:
        assert (matcher(*patterns).decides(text) is not None) == (expected == "yes")


def test_the_case_table_is_whole() -> None:
    kinds = [row[0] for row in rows("moby_matches.tsv")]
    assert len(kinds) >= 130
    assert {kind: kinds.count(kind) for kind in set(kinds)}.keys() == {"yes", "no", "bad"}


def test_a_range_that_runs_backwards_is_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(BadPatternError):
            compile_pattern("[Local-Only]")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("test1", "test1"),
        ("/test2", "test2"),
        ("/a/file/here", "a/file/here"),
        ("", ""),
        ("lastfile", "lastfile"),
        ("# this is a comment", ""),
        ("! /inverted/abs/path", "!inverted/abs/path"),
        ("!", "!"),
        ("! ", "!"),
        ("  spaced/ ", "spaced"),
        ("a//b/./c/..", "a/b"),
        ("/", "/"),
        (" # not a comment", "# not a comment"),
    ],
)
def test_lines_are_normalized_as_mobys_reader_does(line: str, expected: str) -> None:
    assert normalized_line(line) == expected


def test_byte_order_mark_comments_and_crlf_are_taken_away() -> None:
    ignore = read_dockerignore("\ufeff# head\r\nnode_modules/\r\n\r\n*.log\r\n!keep.log\r\n")
    assert [(pattern.text, pattern.brings_back, pattern.line) for pattern in ignore.patterns] == [
        ("node_modules", False, 2),
        ("*.log", False, 4),
        ("keep.log", True, 5),
    ]
    assert ignore.excludes("node_modules/express/index.js")
    assert ignore.excludes("a.log")
    assert not ignore.excludes("keep.log")
    assert not ignore.excludes("sub/a.log"), "patterns are anchored at the context, unlike .gitignore's"


def test_a_broken_line_is_a_problem_with_its_line_and_the_rest_still_counts() -> None:
    ignore = read_dockerignore("a[\n!\n[z-a]\ndist\n", "web/.dockerignore")
    assert [(str(problem.place), problem.requirement) for problem in ignore.problems] == [
        ("web/.dockerignore:1:1", "syntax"),
        ("web/.dockerignore:2:1", "syntax"),
        ("web/.dockerignore:3:1", "syntax"),
    ]
    assert ignore.excludes("dist/x.js")


def test_the_context_itself_is_never_excluded() -> None:
    ignore = read_dockerignore("**\n*\n.\n/\n")
    assert not ignore.excludes(".")
    assert not ignore.excludes("/")
    assert not ignore.excludes("./")
    assert ignore.excludes("x")


def test_a_dockerfiles_own_ignore_file_comes_first(tmp_path: Path) -> None:
    dockerfile = tmp_path / "build" / "prod.Dockerfile"
    dockerfile.parent.mkdir()
    assert dockerignore_file(tmp_path, dockerfile) is None
    (tmp_path / ".dockerignore").write_text("a")
    assert dockerignore_file(tmp_path, dockerfile) == tmp_path / ".dockerignore"
    own = tmp_path / "build" / "prod.Dockerfile.dockerignore"
    own.write_text("b")
    assert dockerignore_file(tmp_path, dockerfile) == own


def make_tree(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def test_the_walk_leaves_out_what_is_excluded_and_finds_what_is_brought_back(tmp_path: Path) -> None:
    make_tree(
        tmp_path, "app.js", "node_modules/a/x.js", "node_modules/keep/y.js", "docs/a.md", "docs/b.txt", ".git/HEAD"
    )
    (tmp_path / "link").symlink_to("docs")
    ignore = read_dockerignore("node_modules\n!node_modules/keep\n.git\ndocs\n!docs/*.md\n")
    assert list(context_files(tmp_path, ignore)) == ["app.js", "link", "docs/a.md", "node_modules/keep/y.js"]


def test_the_walk_does_not_enter_an_excluded_directory_that_nothing_can_bring_back(tmp_path: Path) -> None:
    ignore = read_dockerignore("node_modules\n!docs/keep.md\n")
    assert ignore.can_prune("node_modules")
    assert not read_dockerignore("**\n!**/*.md").can_prune("node_modules")
    assert not read_dockerignore("**\n!src").can_prune("src")
    assert read_dockerignore("!**/*.js\n**/node_modules").can_prune("a/node_modules/b")
    assert not read_dockerignore("dist").can_prune("src")
    make_tree(tmp_path, *(f"node_modules/p{number}/x" for number in range(30)), "z.js")
    assert list(context_files(tmp_path, ignore, limit=2)) == ["z.js"]


def test_the_walk_stops_at_its_limit_and_at_unreadable_directories(tmp_path: Path) -> None:
    make_tree(tmp_path, "a", "b", "c")
    assert list(context_files(tmp_path, Dockerignore(), limit=2)) == ["a", "b"]
    assert list(context_files(tmp_path / "missing", Dockerignore())) == []


def test_many_wildcards_take_no_exponential_time() -> None:
    for pattern in ("**/a" * 12 + "/b", "*a" * 12 + "b", "a**" * 12 + "b"):
        assert not compile_pattern(pattern)("a/" * 60 + "a" * 60)
    assert compile_pattern("**/a" * 5)("x/a/a/y/a/z/a/a")
    assert compile_pattern("*a*b*c*d*e/**/f*")("xaxbxcxdxe/p/q/f1")
    assert not compile_pattern("*a*b*c*d*e/**/f*")("xaxbxcx/dxe/p/q/f1")


@pytest.mark.parametrize(
    "lines",
    [
        ["**/" * 200 + "a*" * 50],
        ["**/" * 4 + "a*" * 4 + str(number) for number in range(20)],
        ["a{0,99}" * 50 + "*c"],
        ["[a*]*" * 50 + "c"],
    ],
)
def test_what_lies_deep_is_matched_in_as_many_steps_as_its_path_has_characters(
    lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    moved = glob_steps.Walk._moved

    def counted(self: glob_steps.Walk, positions: int, inside: int, character: str) -> tuple[int, int]:
        nonlocal steps
        steps += 1
        return moved(self, positions, inside, character)

    monkeypatch.setattr(glob_steps.Walk, "_moved", counted)
    ignore = read_dockerignore("\n".join(lines))
    paths = ["/".join(["a"] * depth) for depth in range(1, 60)] + ["a/" * 60 + "a" * 60 + "b"]
    assert not ignore.problems
    for path in paths:
        ignore.excludes(path)
    is_quirky = "[" in lines[0] or "{" in lines[0]
    longest = sum(len(path) * (path.count("/") + 1 if is_quirky else 1) for path in paths)
    assert 0 < steps <= longest * len(lines)


@pytest.mark.parametrize("pattern", ["a{1001}", "a{2,1}", "a{2}{3}", "{2}a", "*{2}", "a|{2}", "a{999}" * 20])
def test_a_repetition_that_docker_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(BadPatternError):
        compile_pattern(pattern + "[a]")


@pytest.mark.parametrize(
    ("pattern", "path", "is_covered"),
    [
        ("a{2}[b]", "aab", True),
        ("a{2}[b]", "ab", False),
        ("a{1,3}[b]/", "aaab", False),
        ("a{,3}[b]", "a{,3}b", True),
        ("a{02}[b]", "a{02}b", True),
        ("^{2}a[b]", "ab", True),
        ("x|[b]c|d", "xyz", True),
        ("x|[b]c|d", "1bc2", True),
        ("x|[b]c|d", "1xd", True),
        ("x|[b]c|d", "1x2", False),
        ("[b]c|d", "d/e", True),
    ],
)
def test_repetitions_and_alternatives_mean_what_go_takes_them_for(pattern: str, path: str, is_covered: bool) -> None:
    assert compile_pattern(pattern)(path) == is_covered


NAMES = st.text("ab.", min_size=1, max_size=3).filter(lambda name: name.strip("."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = ["a", "b", ".", "*", "?", "**", "/", "[ab]", "[^a]", "\\a", "**/"]
GLOBS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join)


QUIRKS = [*PIECES, "|", "^", "{2}", "{0,2}", "{1,}", "{", "[a*]", "\\b", "\\B"]


def expression_of(glob: str) -> list[str]:
    """The tokens of the expression that moby makes of a pattern, in Python's words. Raises BadPatternError."""
    return globs._tokens_from_go("".join(globs._rewrite(glob)[1]))


@given(st.lists(st.sampled_from(QUIRKS), min_size=1, max_size=7).map("".join), PATHS)
def test_walking_in_step_agrees_with_an_engine_that_tries_again(glob: str, path: str) -> None:
    try:
        tokens = expression_of(glob)
        walked = glob_steps.any_of(tokens)(path)
    except BadPatternError:
        return
    try:
        expected = re.compile("^" + "".join(tokens) + "\\Z", re.ASCII)
    except re.error:
        return  # Go can repeat what matches nothing
    assert walked == bool(expected.search(path))


@given(GLOBS, st.lists(PATHS, min_size=1, max_size=4))
def test_what_is_covered_is_matched_itself_or_lies_in_a_directory_that_is(glob: str, paths: list[str]) -> None:
    try:
        covers, tokens = compile_pattern(glob), expression_of(glob)
        kind = globs._rewrite(glob)[0]
    except BadPatternError:
        return
    walk, matches = glob_steps.Walk(tokens), re.compile("^" + "".join(tokens) + "\\Z", re.ASCII).search
    for path in paths:
        expected = any(matches(each) for each in (path, *globs._parents(path)))
        assert walk.covers(path) == expected
        assert covers(path) == expected or kind in ("prefix", "suffix"), "moby takes these for plain text"


@given(GLOBS, PATHS)
def test_what_is_looked_for_first_stands_in_every_path_that_matches(glob: str, path: str) -> None:
    try:
        pattern = read_pattern(glob)
    except BadPatternError:
        return
    assert pattern is None or not pattern.covers(path) or pattern.needle in path


@given(st.lists(GLOBS | GLOBS.map("!{}".format), max_size=5), st.lists(PATHS, max_size=6))
def test_the_pruned_walk_finds_exactly_what_is_not_excluded(lines: list[str], paths: list[str]) -> None:
    import tempfile

    ignore = read_dockerignore("\n".join(lines))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for path in paths:
            try:
                make_tree(root, path)
            except OSError:
                continue  # a file is in the way of a directory, or the other way round
        everything = {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}
        assert set(context_files(root, ignore)) == {path for path in everything if not ignore.excludes(path)}


@given(PATHS, PATHS)
def test_what_lies_below_an_excluded_path_is_excluded(path: str, below: str) -> None:
    ignore = Dockerignore((Pattern(path),))
    assert ignore.excludes(path)
    assert ignore.excludes(f"{path}/{below}")
    assert not Dockerignore((Pattern(path), Pattern(path, brings_back=True))).excludes(path)


@given(st.binary(max_size=60), PATHS)
def test_arbitrary_bytes_never_raise(data: bytes, path: str) -> None:
    for text in (data.decode("utf-8", "replace"), data.decode("latin-1")):
        ignore = read_dockerignore(text)
        assert isinstance(ignore.excludes(path), bool)
        assert isinstance(ignore.excludes(text), bool)
