"""Which files of a directory are to be read, by compose's and Docker's own rules.

Looks at names and kinds alone; a manifest is opened for the hint of an error, nothing else is. Raises InputError for a
path that can't be used, NothingFoundError where there is nothing to read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.files import disk
from seatrial.files.reading import is_regular, refuse_unreadable
from seatrial.model.errors import NothingFoundError
from seatrial.model.values import dataclass

# The order is compose's own (compose-go, cli.DefaultFileNames and DefaultOverrideFileNames).
COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
DOCKERFILE_NAMES = ("Dockerfile", "Containerfile", "dockerfile")


@dataclass(frozen=True, slots=True)
class Located:
    """The project directory (absolute) and what was found in it."""

    directory: Path
    compose_files: tuple[Path, ...] = ()
    dockerfile: Path | None = None


def locate(path: Path, compose_files: Sequence[Path], environment: Mapping[str, str]) -> Located:
    """What `path` (a directory, a Dockerfile or a compose file) leads to, or the `-f` files: then the directory of the
    first is the project's, as with compose."""
    if compose_files:
        for file in compose_files:
            refuse_unreadable(file)
        named = tuple(file.absolute() for file in compose_files)
        return Located(named[0].parent, named)
    if disk.is_directory(path):
        return _locate_in(path.absolute(), environment)
    refuse_unreadable(path)
    if path.suffix.lower() in (".yaml", ".yml"):
        return Located(path.absolute().parent, (path.absolute(),))
    return Located(path.absolute().parent, (), path.absolute())


def _locate_in(directory: Path, environment: Mapping[str, str]) -> Located:
    found = Located(directory, _compose_files_of(directory, environment), first_of(directory, DOCKERFILE_NAMES))
    for file in found.compose_files:
        refuse_unreadable(file, file.name)
    if found.compose_files or found.dockerfile:
        return found
    raise NothingFoundError(f"no Dockerfile and no compose file in {directory}", hint=_hint(directory))


def first_of(directory: Path, names: Sequence[str]) -> Path | None:
    """The first of these names that exists. What is no regular file is found too: reading it then says what it is."""
    return next((directory / name for name in names if disk.exists(directory / name)), None)


def _compose_files_of(directory: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
    listed = environment.get("COMPOSE_FILE", "")
    if listed:
        files = listed.split(environment.get("COMPOSE_PATH_SEPARATOR") or os.pathsep)
        return tuple(directory / file for file in files if file)
    main = first_of(directory, COMPOSE_NAMES)
    if main is None:
        return ()
    override = first_of(directory, OVERRIDE_NAMES)
    return (main,) if override is None else (main, override)


def _hint(directory: Path) -> str:
    """What can be done without a Dockerfile: the command that the project itself names, where it names one."""
    from seatrial.files.scripts.manifest import read_package_json, read_pyproject

    if is_regular(directory / "package.json"):
        manifest = read_package_json(directory / "package.json", "package.json")
        if "start" in manifest.scripts:
            return "it has a start script; to drill that: seatrial drill -- npm start"
        return "to drill a program without a Dockerfile: seatrial drill -- node server.js"
    if is_regular(directory / "pyproject.toml"):
        programs = sorted(read_pyproject(directory / "pyproject.toml", "pyproject.toml").programs)
        command = programs[0] if programs else "python -m PACKAGE"
        return f"to drill a program without a Dockerfile: seatrial drill -- {command}"
    return "name the directory that holds the Dockerfile, or a command after --"
