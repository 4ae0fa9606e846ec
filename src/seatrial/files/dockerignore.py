"""Which files of a build context Docker leaves out: .dockerignore by the rules of moby's own matcher.

Not .gitignore's rules: patterns are anchored at the context, the last match wins, a file in an excluded directory can
be brought back. The rules are those of github.com/moby/patternmatcher (whose quirks count: `|` is an alternation where
the pattern has a wildcard). A broken pattern is a problem with its line and is then skipped; nothing here raises.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path

from seatrial.files import disk
from seatrial.files.glob_steps import BadPatternError
from seatrial.files.globs import Covers, compile_pattern
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place
from seatrial.model.values import dataclass

_QUIRKS = frozenset("|{}^\\")
"""What moby's matcher takes in ways of its own."""
_GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What Go's strings.TrimSpace takes away; Python's str.strip() takes more."""

MAX_LINE = 64 * 1024
MAX_FILES = 200_000
MAX_ENTRIES = 20_000
BULKY = frozenset(
    {".git", ".hg", ".svn", "node_modules", "bower_components", ".venv", "venv", "__pycache__", ".tox", ".nox"}
    | {"target", ".next", ".nuxt", ".gradle", ".terraform", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".yarn"}
    | {"vendor"}
)
"""Directories that are generated or large: that they are there is all that matters."""


@dataclass(frozen=True)
class Pattern:
    """One pattern. `text` is cleaned and without its `!`, which is `brings_back`."""

    text: str
    brings_back: bool = False
    line: int = 0

    @cached_property
    def covers(self) -> Covers:
        """Whether a path is what this pattern names, or lies below that. Raises BadPatternError when first asked
        for."""
        return compile_pattern(self.text)

    @cached_property
    def needle(self) -> str:
        """What stands in every path that matches, and in every path below one: cheaper to look for than to match."""
        if not _QUIRKS.isdisjoint(self.text):
            return ""
        runs = self.text.partition("[")[0].replace("?", "*").split("*")
        return max((run.strip("/") for run in runs), key=len)

    def can_match_below(self, directory: str) -> bool:
        """Whether anything inside this directory could match: false only if that is certain."""
        if "|" in self.text:
            return True
        literal = self.text
        for index, character in enumerate(self.text):
            if character in "*?[\\{":
                literal = self.text[:index]
                break
        inside = directory + "/"
        return literal.startswith(inside) or inside.startswith(literal)


@dataclass(frozen=True, slots=True)
class Dockerignore:
    """The patterns of one file, in order, and what is wrong with it."""

    patterns: tuple[Pattern, ...] = ()
    problems: tuple[Finding, ...] = ()
    file: str = ""

    def excludes(self, path: str) -> bool:
        """Whether this path (relative to the context, with slashes) is left out of the context."""
        cleaned = clean(path).lstrip("/")
        return cleaned not in ("", ".") and self.decides(cleaned) is not None

    def decides(self, path: str) -> Pattern | None:
        """The pattern that leaves `path` out, itself or one of its parents; None if it stays in."""
        decided: Pattern | None = None
        for pattern in self.patterns:
            if pattern.brings_back is not (decided is not None) or pattern.needle not in path:
                continue
            if pattern.covers(path):
                decided = None if pattern.brings_back else pattern
        return decided

    def can_prune(self, directory: str) -> bool:
        """Whether all in this directory is surely left out: excluded, and no later `!` can bring anything back."""
        for pattern in reversed(self.patterns):
            if pattern.brings_back and pattern.can_match_below(directory):
                return False
            if not pattern.brings_back and pattern.needle in directory and pattern.covers(directory):
                return True
        return False


def read_dockerignore(text: str, file: str = ".dockerignore") -> Dockerignore:
    """Reads a .dockerignore. Broken patterns end up in `problems`."""
    patterns, broken = _read(text)
    return Dockerignore(patterns, tuple(_problem(file, *each) for each in broken), file)


@lru_cache(maxsize=4)
def _read(text: str) -> tuple[tuple[Pattern, ...], tuple[tuple[int, str, str], ...]]:
    """The patterns, and of the broken ones the number of their line, the line and the reason. One file is read by
    several, and thousands of patterns take a second."""
    patterns: list[Pattern] = []
    broken: list[tuple[int, str, str]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        try:
            pattern = _read_line(line.removesuffix("\r"), number)
        except BadPatternError as error:
            broken.append((number, line, str(error)))
            continue
        if pattern is not None:
            patterns.append(pattern)
    return tuple(patterns), tuple(broken)


def dockerignore_file(context: Path, dockerfile: Path | str | None) -> Path | None:
    """The file that counts: `<Dockerfile>.dockerignore` beside the Dockerfile, else the context's own."""
    candidates = [f"{context}/.dockerignore"]
    if dockerfile is not None:
        candidates.insert(0, f"{dockerfile}.dockerignore")
    return next((Path(path) for path in candidates if disk.is_regular(path)), None)


def context_files(directory: Path, ignore: Dockerignore, *, limit: int = MAX_FILES) -> Iterator[str]:
    """The paths of all files in the context that are not left out, sorted within their directory.

    Links are not followed and count as files. Excluded directories are not entered unless a `!` may need them. Stops
    after `limit` entries looked at; unreadable directories are passed over.
    """
    looked_at = 0
    waiting = [""]
    while waiting:
        inner = waiting.pop()
        below: list[str] = []
        for name, is_directory in disk.entries(directory / inner):
            looked_at += 1
            if looked_at > limit:
                return
            path = f"{inner}/{name}" if inner else name
            excluded = ignore.excludes(path)
            if not is_directory and not excluded:
                yield path
            elif is_directory and not (excluded and ignore.can_prune(path)):
                below.append(path)
        waiting.extend(reversed(below))


def context_entries(directory: Path, ignore: Dockerignore, *, limit: int = MAX_ENTRIES) -> Iterator[str]:
    """Like `context_files`, but cheap: of a directory in `BULKY` only its name with a slash, if any of it stays."""
    looked_at = 0
    waiting = [""]
    while waiting:
        inner = waiting.pop(0)
        for name, is_directory in disk.entries(directory / inner):
            looked_at += 1
            if looked_at > limit:
                return
            path = f"{inner}/{name}" if inner else name
            if is_directory and name in BULKY:
                if any(not ignore.excludes(f"{path}/{child}") for child, _ in disk.entries(directory / path)[:50]):
                    yield path + "/"
            elif not is_directory:
                if not ignore.excludes(path):
                    yield path
            elif not (ignore.excludes(path) and ignore.can_prune(path)):
                waiting.append(path)


def clean(path: str) -> str:
    """Go's filepath.Clean: the shortest path that means the same. Unlike posixpath.normpath, `//x` is `/x`."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def read_pattern(text: str, line: int = 0) -> Pattern | None:
    """One pattern as moby's matcher takes it; None for an empty one. Raises BadPatternError."""
    text = text.strip(_GO_SPACE)
    if not text:
        return None
    text = clean(text)
    if text == "!":
        raise BadPatternError("a lone ! brings nothing back")
    brings_back = text.startswith("!")
    pattern = Pattern(text[1:] if brings_back else text, brings_back, line)
    _ = pattern.covers  # compiled now: a bad pattern shows here, not in the middle of a walk
    return pattern


def normalized_line(line: str) -> str:
    """One line as moby's ignorefile reader gives it on: trimmed, cleaned, without a leading slash; "" for none."""
    if line.startswith("#"):
        return ""
    text = line.strip(_GO_SPACE)
    mark = "!" if text.startswith("!") else ""
    text = text[len(mark) :].strip(_GO_SPACE)
    if text:
        text = clean(text)
        if len(text) > 1 and text.startswith("/"):
            text = text[1:]
    return mark + text


def _read_line(line: str, number: int) -> Pattern | None:
    if len(line) > MAX_LINE:
        raise BadPatternError("the line is longer than 64 KiB; Docker refuses the file")
    if "\0" in line:
        raise BadPatternError("the line holds a NUL byte")
    return read_pattern(normalized_line(line), number)


def _problem(file: str, number: int, line: str, reason: str) -> Finding:
    return Finding(
        "syntax",
        Severity.ERROR,
        f"this pattern cannot be used: {reason}",
        Place(file, number),
        remedy="Docker stops the build here: write the pattern anew, or put a backslash before the special character",
        evidence=(line.strip()[:200],),
    )
