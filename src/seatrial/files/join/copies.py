"""Whether what COPY and ADD name is in the build context at all.

A name that isn't there, or that .dockerignore leaves out, stops the build. Wildcards are let be (BuildKit accepts one
that matches nothing), and so is what may be made before the build.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seatrial.files import disk
from seatrial.files.dockerignore import Dockerignore, clean
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Copy

_OUTPUTS = frozenset({"build", "dist", "target", "out", "bin", "release", "publish", "artifacts", "_build", "output"})
_MADE = (".jar", ".war", ".ear", ".whl", ".tgz", ".gz", ".tar", ".zip", ".deb", ".rpm", ".apk", ".exe", ".dll", ".so")


def _is_made(path: str) -> bool:
    """Whether a path is what builds make: such a file is put there before the image is built, as everybody knows."""
    directories = path.split("/")
    return path.endswith(_MADE) or any(each.lstrip(".") in _OUTPUTS or "-bin" in each for each in directories)


def copy_findings(copies: Sequence[Sourced[Copy]], context: Path, ignore: Dockerignore) -> list[Finding]:
    """One finding for each source that the context doesn't have or doesn't give."""
    found: list[Finding] = []
    for copy in copies:
        for source in copy.value.sources:
            finding = _source_finding(source, copy.place, context, ignore)
            if finding is not None:
                found.append(finding)
    return found


def _source_finding(source: str, place: Place | None, context: Path, ignore: Dockerignore) -> Finding | None:
    path = clean("/" + source).lstrip("/")
    if place is None or not path or "\0" in path or set(source) & set("*?[$") or "://" in source:
        return None
    if not disk.exists(f"{context}/{path}"):
        if _is_made(path):
            return None
        return Finding(
            "syntax",
            Severity.WARNING,
            f"{source} is not in the build context, so the build stops here unless something makes it first",
            place,
            remedy="copy what is there, or build from the directory that holds it",
        )
    pattern = ignore.decides(path)
    if pattern is None or (disk.is_directory(f"{context}/{path}") and not ignore.can_prune(path)):
        return None
    line = f"{ignore.file}:{pattern.line}"
    return Finding(
        "dockerignore-covers",
        Severity.WARNING,
        f"{source} is copied here, but {line} ({pattern.text}) leaves it out of the build context",
        place,
        remedy=f"add `!{path}` to {ignore.file}, or take the COPY out",
        evidence=(f"{line}: {pattern.text}",),
    )
