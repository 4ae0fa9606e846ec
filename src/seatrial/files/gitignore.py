"""What git leaves out, by gitignore(5): `.gitignore` of every directory, and the repository's `.git/info/exclude`.

Names are matched in time linear in pattern times name, without regular expressions: a hostile pattern can't stop a
walk. The user's own `core.excludesFile` is not asked: what is found must be the same on every machine. Never raises.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from seatrial.files import disk
from seatrial.files.reading import read_bytes
from seatrial.model.errors import InputError
from seatrial.model.values import dataclass

MAX_BYTES = 256 * 1024
MAX_PATTERNS = 10_000
_SPECIAL = frozenset("*?[\\")
_CLASSES: dict[str, Callable[[str], bool]] = {
    "alpha": str.isalpha,
    "digit": str.isdigit,
    "alnum": str.isalnum,
    "upper": str.isupper,
    "lower": str.islower,
    "space": str.isspace,
    "punct": lambda character: character.isprintable() and not character.isalnum() and not character.isspace(),
    "xdigit": lambda character: character in "0123456789abcdefABCDEF",
    "blank": lambda character: character in " \t",
    "cntrl": lambda character: character < " " or character == "\x7f",
    "print": str.isprintable,
    "graph": lambda character: character.isprintable() and not character.isspace(),
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line. `steps` are its parts between slashes; one that has no slash inside is looked for at any depth."""

    steps: tuple[str, ...]
    brings_back: bool = False
    directories_only: bool = False

    def matches(self, parts: Sequence[str], *, is_directory: bool) -> bool:
        """Whether it means this path, given as parts relative to the file that holds the pattern."""
        if self.directories_only and not is_directory:
            return False
        if len(self.steps) == 2 and self.steps[0] == "**" and self.steps[1] != "**":
            return match_name(self.steps[1], parts[-1])  # nine of ten lines of all such files
        return _match_steps(self.steps, parts)


@dataclass(frozen=True, slots=True)
class Ignores:
    """The patterns that count in a directory: those of the files above it come first, and the last match wins.

    `levels` pairs the directory of each file, as parts below the repository, with its patterns.
    """

    levels: tuple[tuple[tuple[str, ...], tuple[Pattern, ...]], ...] = ()

    def below(self, here: tuple[str, ...], directory: str) -> Ignores:
        """With the .gitignore of this directory, if there is one."""
        patterns = read_patterns(Path(directory) / ".gitignore")
        return Ignores((*self.levels, (here, patterns))) if patterns else self

    def ignores(self, parts: tuple[str, ...], *, is_directory: bool) -> bool:
        """Whether git leaves it out, given that it doesn't leave out the directory that holds it."""
        for base, patterns in reversed(self.levels):
            inner = parts[len(base) :]
            for pattern in reversed(patterns):
                if pattern.matches(inner, is_directory=is_directory):
                    return not pattern.brings_back
        return False


def ignores_above(root: Path, repository: Path) -> tuple[Ignores, tuple[str, ...]]:
    """What counts in `root` (both absolute) from the files above it, and where `root` lies in the repository.

    Who names a directory that is ignored wants to see it all the same: then nothing counts that stands above.
    """
    parts = root.relative_to(repository).parts
    ignores = Ignores()
    exclude = read_patterns(_git_directory(repository) / "info" / "exclude")
    if exclude:
        ignores = Ignores((((), exclude),))
    for depth, name in enumerate(parts):
        ignores = ignores.below(parts[:depth], str(repository.joinpath(*parts[:depth])))
        if ignores.ignores((*parts[:depth], name), is_directory=True):
            return Ignores(), parts
    return ignores, parts


def read_patterns(file: Path) -> tuple[Pattern, ...]:
    """The patterns of this file; none where it is missing or can't be read."""
    if not disk.exists(file):
        return ()
    try:
        text = os.fsdecode(read_bytes(file, limit=MAX_BYTES))
    except InputError:
        return ()
    found = (read_pattern(line) for line in text.removeprefix("\ufeff").split("\n")[:MAX_PATTERNS])
    return tuple(pattern for pattern in found if pattern is not None)


def read_pattern(line: str) -> Pattern | None:
    """One line of such a file; None for a comment, an empty line and what can't match anything."""
    line = _without_trailing_spaces(line.removesuffix("\r"))
    if line.startswith("#"):
        return None
    brings_back = line.startswith("!")
    line = line[brings_back:]
    directories_only = line.endswith("/")
    line = line.removesuffix("/")
    if not line or line.endswith("/"):
        return None
    steps = tuple("**" if len(step) > 1 and not step.strip("*") else step for step in _split(line.removeprefix("/")))
    if "/" not in line:
        steps = ("**", *steps)
    return Pattern(steps, brings_back, directories_only)


def _split(line: str) -> tuple[str, ...]:
    """The parts between slashes; one inside of a class (`[a/b]`) divides nothing."""
    if "[" not in line:
        return tuple(line.split("/"))
    steps, start, at = [], 0, 0
    while at < len(line):
        if line[at] == "/":
            steps.append(line[start:at])
            start = at + 1
        elif line[at] == "\\":
            at += 1
        elif line[at] == "[":
            at = max(_class_end(line, at) - 1, at)
        at += 1
    return (*steps, line[start:])


def _without_trailing_spaces(line: str) -> str:
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(line) else kept


def _git_directory(repository: Path) -> Path:
    """Where git keeps what all work trees share: `.git`, or what the file `.git` of a linked work tree names."""
    git = repository / ".git"
    if disk.is_directory(git):
        return git
    named = _line_of(git).removeprefix("gitdir:").strip()
    directory = repository / named if named else git
    common = _line_of(directory / "commondir")
    return Path(posixpath.normpath(directory / common)) if common else directory


def _line_of(file: Path) -> str:
    try:
        return read_bytes(file, limit=4096).decode("utf-8", "replace").strip()
    except InputError:
        return ""


def _match_steps(steps: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether these steps, of which `**` stands for any number of directories, lead to exactly this path."""
    if steps[-1] == "**":
        # What ends in `/**` is everything below, and not the directory itself.
        return len(parts) > 0 and _match_from(steps, parts, at_least=1)
    return _match_from(steps, parts, at_least=0)


def _match_from(steps: Sequence[str], parts: Sequence[str], *, at_least: int) -> bool:
    step = part = 0
    star, resume = -1, 0
    while part < len(parts):
        if step < len(steps) and steps[step] == "**":
            star, resume = step, part + (at_least if step == len(steps) - 1 else 0)
            if resume > len(parts):
                return False
            step, part = step + 1, resume
        elif step < len(steps) and match_name(steps[step], parts[part]):
            step, part = step + 1, part + 1
        elif star >= 0:
            resume += 1
            step, part = star + 1, resume
        else:
            return False
    return all(each == "**" for each in steps[step:]) and (not at_least or step == len(steps))


def match_name(glob: str, name: str) -> bool:
    """Whether a name without slashes matches `*`, `?`, `[…]` and backslashes, by git's wildmatch."""
    return _matcher(glob)(name)


@lru_cache(maxsize=10_000)
def _matcher(glob: str) -> Callable[[str], bool]:
    if _SPECIAL.isdisjoint(glob):
        return glob.__eq__
    rest = glob[1:]
    if glob[0] == "*" and _SPECIAL.isdisjoint(rest):
        return lambda name: name.endswith(rest)
    tokens = _tokens(glob)
    return (lambda name: _match_tokens(tokens, name)) if tokens is not None else (lambda _name: False)


def _match_tokens(tokens: Sequence[str], name: str) -> bool:
    token = at = 0
    star, resume = -1, 0
    while at < len(name):
        if token < len(tokens) and tokens[token] == "*":
            star, resume = token, at
            token += 1
        elif token < len(tokens) and _is_one(tokens[token], name[at]):
            token, at = token + 1, at + 1
        elif star >= 0:
            resume += 1
            token, at = star + 1, resume
        else:
            return False
    return all(each == "*" for each in tokens[token:])


def _is_one(token: str, character: str) -> bool:
    if token == "?":
        return True
    if len(token) > 1 and token[0] == "[":
        return _in_class(token, character)
    return token[-1] == character


def _tokens(glob: str) -> list[str] | None:
    """`*`, `?`, whole classes, and single characters (with a backslash where they are escaped); None if it is broken,
    which matches nothing."""
    tokens = []
    at = 0
    while at < len(glob):
        end = at + 1
        if glob[at] == "\\":
            end += 1
            if end > len(glob):
                return None
        elif glob[at] == "[":
            end = _class_end(glob, at)
            if not end:
                return None
        tokens.append(glob[at:end])
        at = end
    return tokens


def _class_end(glob: str, at: int) -> int:
    """Behind the bracket that closes this class, 0 if none does. The first character is a member even if it is `]`."""
    at += 2 if glob[at + 1 : at + 2] in ("!", "^") else 1
    first = True
    while at < len(glob):
        if glob[at] == "]" and not first:
            return at + 1
        if glob.startswith("[:", at):
            close = glob.find(":]", at + 2)
            at = close + 1 if close >= 0 and glob[at + 2 : close] in _CLASSES else at
        elif glob[at] == "\\":
            at += 1
        at += 1
        first = False
    return 0


def _in_class(token: str, character: str) -> bool:
    inverted = token[1] in "!^"
    members = token[2 if inverted else 1 : -1]
    return _is_member(members, character) is not inverted


def _is_member(members: str, character: str) -> bool:
    at = 0
    while at < len(members):
        if members.startswith("[:", at) and (close := members.find(":]", at + 2)) >= 0:
            kind = _CLASSES.get(members[at + 2 : close])
            if kind is not None:
                if kind(character):
                    return True
                at = close + 2
                continue
        low, at = _member(members, at)
        high = low
        if members[at : at + 1] == "-" and at + 1 < len(members):
            high, at = _member(members, at + 1)
        if low <= character <= high:
            return True
    return False


def _member(members: str, at: int) -> tuple[str, int]:
    escaped = members[at] == "\\" and at + 1 < len(members)
    at += escaped
    return members[at], at + 1
