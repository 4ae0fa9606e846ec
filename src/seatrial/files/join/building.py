"""From a build (context, Dockerfile, target, arguments) to the image's configuration and what is wrong with its files.

Reads the Dockerfile and the .dockerignore that counts. It must never raise for what the user's files hold: a missing or
broken one is a finding where the build was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from seatrial.files.dockerfile import Image, read_dockerfile, resolve
from seatrial.files.dockerignore import Dockerignore, dockerignore_file, read_dockerignore
from seatrial.files.join.copies import copy_findings
from seatrial.files.reading import read_bytes, read_text
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place
from seatrial.model.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Build:
    """What is to be built. `dockerfile` is absolute; `inline` is the text of `dockerfile_inline`."""

    context: Path
    dockerfile: Path
    target: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    inline: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """The image that a build gives, the files that were read for it, and what is wrong with them."""

    build: Build
    image: Image
    dockerfile: str
    ignore: Dockerignore
    findings: tuple[Finding, ...]
    files: tuple[str, ...]


def shown_path(path: Path, directory: Path) -> str:
    """How places call a file: relative to the project directory where it lies in it or beside it."""
    below, within = str(path), f"{directory}/"
    if f"{below}/" == within:
        return "."
    if below.startswith(within) and ".." not in below:
        return below[len(within) :]
    relative = os.path.relpath(path, directory)
    return str(path) if relative.startswith("../../") else relative


def build_image(build: Build, directory: Path) -> Built:
    """Reads and resolves. Raises InputError when the Dockerfile itself can't be read."""
    shown = shown_path(build.dockerfile, directory)
    if build.inline is not None:
        shown = build.place.file if build.place else shown
        # Empty lines in front, so that the places of an inline Dockerfile are lines of the compose file.
        parsed = read_dockerfile("\n" * (build.place.line if build.place else 0) + build.inline, shown)
    else:
        parsed = read_dockerfile(read_bytes(build.dockerfile, shown), shown)
    image = resolve(parsed, build.target, build.arguments)
    ignore, files = _read_ignore(build, directory)
    findings = [*parsed.findings, *image.findings, *ignore.problems]
    findings += copy_findings(image.copies, build.context, ignore)
    return Built(build, image, shown, ignore, tuple(findings), (shown, *files))


def _read_ignore(build: Build, directory: Path) -> tuple[Dockerignore, tuple[str, ...]]:
    file = dockerignore_file(build.context, build.dockerfile if build.inline is None else None)
    if file is None:
        return Dockerignore(), ()
    shown = shown_path(file, directory)
    try:
        return read_dockerignore(read_text(file, shown), shown), (shown,)
    except InputError as error:
        finding = Finding("syntax", Severity.ERROR, error.message, error.place or Place(shown, 1), error.hint)
        return Dockerignore(problems=(finding,), file=shown), (shown,)
