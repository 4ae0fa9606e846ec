"""The variables around a project: the environment, `.env` files, and what they decide (name, profiles).

Reads env files through `files.reading`; a broken or missing one is told, and what could be read of it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from pathlib import Path

from seatrial.files.compose.dotenv import Assignment, EnvFileError, parse_env, parse_raw_env
from seatrial.files.compose.interpolation import Lookup
from seatrial.files.compose.problems import Problems
from seatrial.files.reading import is_regular, read_text
from seatrial.model.errors import InputError
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.values import dataclass

_PROJECT_NAME = pattern(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A file with variables: its path, what places call it, and where it was asked for (None: by nobody)."""

    path: str
    shown: str
    place: Place | None = None
    raw: bool = False


def read_env_file(
    problems: Problems, file: EnvFile, lookup: Lookup, known: MutableMapping[str, str]
) -> list[Assignment]:
    """The assignments of one file, put into `known` too."""
    try:
        text = read_text(Path(file.path), file.shown)
    except InputError as error:
        place = file.place or error.place or Place(file.shown, 1)
        problems.error(f"{file.shown} {error.message}", place, error.hint)
        return []
    try:
        return (parse_raw_env if file.raw else parse_env)(text, lookup, known)
    except EnvFileError as error:
        problems.error(error.message, Place(file.shown, error.line, error.column))
        return []


def read_env_files(problems: Problems, files: Iterable[EnvFile], lookup: Lookup) -> dict[str, str]:
    """The variables of several `.env` files, the later on top. One that nobody asked for may be missing."""
    values: dict[str, str] = {}
    for file in files:
        if file.place is not None or is_regular(Path(file.path)):
            read_env_file(problems, file, lookup, values)
    return values


def normalized_name(text: str) -> str:
    """A project name as compose makes one of a directory's: lower case, letters, digits, `-` and `_`."""
    return "".join(re.findall("[a-z0-9_-]", text.lower())).lstrip("_-")


def is_project_name(text: str) -> bool:
    """Whether compose takes this as a project's name."""
    return bool(_PROJECT_NAME.fullmatch(text))
