"""Lines for the .dockerignore that counts, which is made where there is none. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Appends, Edit
from seatrial.model.finding import Finding
from seatrial.model.place import Place


def adding_lines(context: Context, unit: Unit, finding: Finding, lines: Sequence[str], *, is_safe: bool) -> Edit | None:
    """The edit that puts these lines at the end, where they win over all others."""
    if unit.dockerfile is None or not lines:
        return None
    build = unit.dockerfile.context
    below = posixpath.relpath(build.directory, context.documents.directory)
    if below.startswith("../../.."):
        return None
    file = build.ignore_file or posixpath.normpath(posixpath.join(below, ".dockerignore"))
    place = Place(file, 1, 1, 1, 1)
    note = f"leave {', '.join(lines)} out of the build"
    promise = Appends(tuple(lines))
    return Edit(place, "", finding.requirement, note, promise, is_safe, creates=not build.ignore_file)
