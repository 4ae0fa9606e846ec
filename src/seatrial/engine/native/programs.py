"""Which of the host's programs stand for the image's: PATH, the tools that live outside it, an init.

The image has its own /usr/local/bin/node or a virtual environment that `RUN pip install` filled; the host has them
elsewhere (nvm, pyenv, a project's .venv). Whatever is put in their place is said in a sentence.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.engine.native import looking
from seatrial.model.errors import UnsupportedError
from seatrial.model.service import Service

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INITS: Mapping[str, tuple[str, ...]] = {
    "tini": (),
    "seatrial-init": ("--wait-all=never",),
    "catatonit": (),
    "dumb-init": (),
}
"""What can stand for `init: true`, the likest first, with options. Docker's own is tini. Ours outlives a
shell in front of the program, which tini does not, so here it is told to end with its child."""
SHIMS = re.compile(r"/(\.pyenv|\.nodenv|\.asdf|\.rbenv|mise)/shims$")
_COMMAND_WORD = re.compile(r"(?:^|[;&|(]|\bexec\b|\bthen\b|\bdo\b)\s*(?:exec\s+)?(?:[A-Za-z_]\w*=\S*\s+)*([\w./+-]+)")


@dataclass(frozen=True, slots=True)
class Programs:
    """PATH of the instance, host directories that must be visible in it, the command, and what was substituted."""

    path: str
    argv: tuple[str, ...]
    shown: tuple[str, ...]
    notes: tuple[str, ...]


def find_init() -> tuple[str, tuple[str, ...]]:
    """Name of the init to use, and its file with the options it needs. UnsupportedError if there is none."""
    beside = str(Path(sys.executable).parent)
    for name, options in INITS.items():
        found = which(name, f"{beside}:{os.environ.get('PATH', '')}:{DEFAULT_PATH}")
        if found:
            return name, (found, *options)
    raise UnsupportedError(
        "the service asks for an init (init: true), and this machine has none",
        hint="apt-get install tini",
    )


def which(program: str, path: str) -> str:
    """The file of a program on a PATH of the host, or ""; the shims of version managers are looked through."""
    for folder in path.split(":"):
        candidate = f"{folder}/{program}"
        if folder.startswith("/") and not SHIMS.search(folder) and looking.is_program(candidate):
            return candidate
    return ""


@functools.cache
def version(file: str) -> str:
    """What a program says that its version is ("20.20.2"), or "" if it says nothing of the kind in time."""
    if not file:
        return ""
    try:
        said = subprocess.run([file, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+(?:\.\d+)+", said)
    return found.group() if found else ""


def command_words(lines: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The programs that commands name: their first words, and those in command position inside shell lines."""
    words: dict[str, None] = {}
    for argv in lines:
        if argv:
            words[argv[0]] = None
        for text in argv[1:]:
            if " " in text:
                words |= dict.fromkeys(_COMMAND_WORD.findall(text))
    return tuple(words)


def caller_path(service: Service, caller: Mapping[str, str]) -> str:
    """Where the host's own tools are looked for: the project's environment, the caller's PATH, this Python's."""
    folders = [f"{service.context}/.venv/bin", f"{service.context}/venv/bin"]
    if caller.get("VIRTUAL_ENV"):
        folders.append(f"{caller['VIRTUAL_ENV']}/bin")
    folders += [str(Path(sys.executable).parent), caller.get("PATH", ""), f"{sys.base_prefix}/bin"]
    return ":".join(folder for folder in folders if folder)


def base_names(service: Service) -> tuple[str, ...]:
    """The last words of the base images' names without tag: "python", "node"."""
    images = [image.value for image in service.base_images] or ([service.image.value] if service.image else [])
    return tuple(image.split("@")[0].rsplit("/", 1)[-1].split(":")[0] for image in images)


def resolve(service: Service, argv: tuple[str, ...], caller: Mapping[str, str]) -> Programs:
    """PATH and command of the instance, with the host's tools in the place of the image's."""
    said = service.environment.get("PATH")
    path = said.value if said else DEFAULT_PATH
    theirs = caller_path(service, caller)
    notes: list[str] = []
    folders: dict[str, None] = {}
    for base in base_names(service):
        tool = {"python": "python3", "node": "node"}.get(base, "")
        found = which(tool, theirs) if tool else ""
        if found and str(Path(found).parent) not in path.split(":"):
            folder = str(Path(found).parent)
            path = _after_local(path, folder)
            folders[folder] = None
            notes.append(f"{folder} stands for the /usr/local/bin of the base image {base}")
    for word in command_words([argv, *(hop.argv for hop in service.hops)]):
        if "/" in word or which(word, path):
            continue
        own = _in_project(word, path, service)
        if own.endswith("/bin"):  # an environment: its scripts and links name where it lies on this host
            folders[own] = None
        elif not own:
            found = which(word, theirs)
            if found:
                folder = str(Path(found).parent)
                path += f":{folder}"
                folders[folder] = None
                notes.append(f"{word} is the host's {found}: PATH has {folder} at its end")
    argv, more = _absolute(argv, theirs, service)
    # Programs given by their paths, an init's own command too, may link to an installation below a home directory.
    named = [str(Path(word).parent) for word in argv if word.startswith("/") and looking.is_program(word)]
    return Programs(path, argv, (*folders, *named, *more[0]), (*notes, *more[1]))


def _in_project(word: str, path: str, service: Service) -> str:
    """The project's own folder that a PATH entry inside the working directory (node_modules/.bin, .venv/bin) shows,
    if it has the program; else empty."""
    workdir = service.workdir.value.rstrip("/") + "/"
    inside = [folder.removeprefix(workdir) for folder in path.split(":") if folder.startswith(workdir)]
    places = [f"{service.context}/{folder}" for folder in inside]
    return next((place for place in places if looking.is_program(f"{place}/{word}")), "")


def _after_local(path: str, folder: str) -> str:
    """PATH with a directory where the base image has its own programs: right after /usr/local/bin."""
    folders = path.split(":")
    place = folders.index("/usr/local/bin") + 1 if "/usr/local/bin" in folders else 0
    return ":".join([*folders[:place], folder, *folders[place:]])


def _absolute(
    argv: tuple[str, ...], theirs: str, service: Service
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]]:
    """A command given by a path that only the image has (/usr/local/bin/node): the host's program of that name."""
    nothing: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    if not argv or not argv[0].startswith("/") or looking.exists(argv[0]):
        return argv, nothing
    if _is_copied(argv[0], service):
        return argv, nothing
    name = argv[0].rsplit("/", 1)[-1]
    found = which(name, f"{theirs}:{DEFAULT_PATH}")
    if not found:
        return argv, nothing
    return (found, *argv[1:]), ((str(Path(found).parent),), (f"{argv[0]} of the image is the host's {found}",))


def _is_copied(path: str, service: Service) -> bool:
    """Whether the project itself has the file that is at this place in the instance."""
    workdir = service.workdir.value.rstrip("/")
    places = [(f"{workdir}/", "")]
    for copy in service.copies:
        target = copy.target if copy.target.startswith("/") else f"{workdir}/{copy.target}"
        target = os.path.normpath(target)
        for source in copy.sources:
            if path in (target, f"{target}/{source.rsplit('/', 1)[-1]}"):
                return True
            places.append((f"{target.rstrip('/')}/", source))
    inner = [f"{source}/{path.removeprefix(start)}" for start, source in places if path.startswith(start)]
    return any(looking.is_file(f"{service.context}/{one}") for one in inner)


def prefixes(folders: Iterable[str]) -> tuple[str, ...]:
    """The directories that programs in these folders need: their installation, and that of what they link to."""
    found: dict[str, None] = {}
    for folder in folders:
        found |= dict.fromkeys(_prefix(folder))
        for name in ("python3", "python", "node"):
            real = os.path.realpath(f"{folder}/{name}")
            if looking.exists(real):
                found |= dict.fromkeys(_prefix(str(Path(real).parent)))
    return tuple(one for one in found if looking.exists(one))


def _prefix(folder: str) -> tuple[str, ...]:
    """The installation that a directory of programs belongs to; of a home directory only programs and libraries."""
    if not folder.endswith("/bin"):
        return (folder,)
    prefix = folder.removesuffix("/bin")
    is_home = prefix == "/root" or prefix.rsplit("/", 1)[0] == "/home" or prefix.endswith("/.local")
    return (folder, f"{prefix}/lib") if is_home else (prefix,)
