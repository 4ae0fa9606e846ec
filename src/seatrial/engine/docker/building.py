"""Builds an image as `docker build` does, through the engine's API, from the context that .dockerignore leaves.

The context is packed into a file of our own, never into memory. What goes wrong in a step is told with its line.
"""

from __future__ import annotations

import contextlib
import io
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from seatrial.engine.docker.client import said
from seatrial.model.errors import InputError
from seatrial.model.place import Place

if TYPE_CHECKING:
    from docker import APIClient

DOCKERFILE = ".seatrial.Dockerfile"
"""The name, in what is sent, of a Dockerfile that lies outside of the context."""
IGNORE = ".dockerignore"
_STEP = re.compile(r"Step (\d+)/\d+ : (.*)")
_BUILT = re.compile(r"Successfully built ([0-9a-f]+)")
_NEEDS_BUILDKIT = re.compile(r"requires BuildKit|unknown flag: --?(mount|link|chmod|parents|exclude)", re.IGNORECASE)
_NO_BASE = re.compile(
    r"pull access denied|manifest (?:for .* not found|unknown)|repository does not exist|no such host|dial tcp|"
    r"toomanyrequests|unauthorized",
    re.IGNORECASE,
)
_KEPT = 12
"""Lines of the build's output that an error quotes."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to build: `text` is the Dockerfile, `name` where it lies in the context ("" where it lies elsewhere), `file`
    what places call it, `lines` the line of each instruction; `paths` are the context's files (relative to `context`)
    that are sent, `ignore` is the text of its .dockerignore."""

    context: Path
    text: bytes
    name: str
    file: str
    lines: Sequence[int]
    paths: Iterable[str]
    ignore: bytes = b""
    target: str = ""
    arguments: Mapping[str, str] | None = None


def build(api: APIClient, recipe: Recipe, labels: Mapping[str, str], tell: Callable[[str], None]) -> str:
    """The id of the image. InputError, with the step's line, where it can't be built. Blocks."""
    from docker.errors import DockerException

    with tempfile.TemporaryFile(prefix="seatrial-context-") as packed:
        pack(recipe, packed)
        packed.seek(0)
        try:
            told = api.build(
                fileobj=packed,
                custom_context=True,
                dockerfile=recipe.name or DOCKERFILE,
                target=recipe.target or None,
                buildargs=dict(recipe.arguments or {}),
                labels=dict(labels),
                rm=True,
                forcerm=True,
                decode=True,
            )
            return _follow(told, recipe, tell)
        except DockerException as error:
            raise InputError(f"the image can't be built: {said(error)}", place=Place(recipe.file, 1)) from error


def pack(recipe: Recipe, into: IO[bytes]) -> None:
    """The context as a tar. A file that goes away meanwhile, or may not be read, is left out: the step says so.

    The builder takes Dockerfile and .dockerignore out again where the latter says so, so both are always sent.
    """
    with tarfile.open(fileobj=into, mode="w") as tar:
        written: set[str] = set()
        for path in recipe.paths:
            for name in (*_parents(path, written), path):
                if name not in (DOCKERFILE, IGNORE, recipe.name):
                    with contextlib.suppress(OSError):
                        tar.add(recipe.context / name, name, recursive=False, filter=_owned)
        _add(tar, recipe.name or DOCKERFILE, recipe.text)
        if not recipe.name:
            _add(tar, IGNORE, recipe.ignore + f"\n{DOCKERFILE}\n{IGNORE}\n".encode())
        elif recipe.ignore:
            _add(tar, IGNORE, recipe.ignore)


def _add(tar: tarfile.TarFile, name: str, text: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(text), 0o644
    tar.addfile(member, io.BytesIO(text))


def _parents(path: str, written: set[str]) -> Iterator[str]:
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        parent = "/".join(parts[:depth])
        if parent not in written:
            written.add(parent)
            yield parent


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """As the builder takes it: owned by root; sockets and devices are no part of a context."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _follow(told: Iterable[Mapping[str, Any]], recipe: Recipe, tell: Callable[[str], None]) -> str:
    built, step, kept, error = "", 0, list[str](), ""
    for message in told:  # to the end, also after an error: that is what gives the connection back
        error = error or str(message.get("error") or "")
        if "aux" in message and isinstance(message["aux"], Mapping):
            built = str(message["aux"].get("ID") or built)
        for line in str(message.get("stream") or "").splitlines():
            if found := _STEP.match(line):
                step = int(found.group(1))
                tell(line)
            if found := _BUILT.search(line):
                built = built or found.group(1)
            kept = [*kept, line][-_KEPT:]
    if error:
        raise _failure(error, step, kept, recipe)
    if not built:
        raise InputError("the engine did not say what it built", place=Place(recipe.file, 1))
    return built


def _failure(error: str, step: int, kept: Sequence[str], recipe: Recipe) -> InputError:
    """The error at the line of the step that failed; one that the builder has before it begins names its line."""
    named = re.search(r"line (\d+)", error)
    line = recipe.lines[step - 1] if 0 < step <= len(recipe.lines) else int(named.group(1)) if named else 1
    output = [text for text in kept if text.strip() and not text.startswith((" --->", "Step "))]
    message = f"the image can't be built: {' '.join(error.split())}"
    if output:
        message += "".join(f"\n  {text}" for text in output[-5:])
    hint = ""
    if _NO_BASE.search(error):
        hint = "can the engine reach the registry, and does the image exist? docker pull IMAGE"
    if _NEEDS_BUILDKIT.search(error):
        hint = "build it with BuildKit and drill the image: docker build -t app . && seatrial drill --engine docker app"
    return InputError(message, place=Place(recipe.file, line), hint=hint)
