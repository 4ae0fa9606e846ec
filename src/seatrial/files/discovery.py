"""Finds the projects below a directory: where compose files, Dockerfiles and Kubernetes manifests are.

Looks at names alone. What git ignores, directories that hold other people's code or none of the project's own, and
hidden ones are not entered; links to directories are not followed; the walk is bounded. What the user names is never
asked about here: it is looked at, whatever `.gitignore` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatrial.files import disk
from seatrial.files.gitignore import Ignores, ignores_above
from seatrial.files.join.locate import COMPOSE_NAMES, DOCKERFILE_NAMES, OVERRIDE_NAMES
from seatrial.files.kubernetes import is_manifest_name
from seatrial.files.pipelines import repository
from seatrial.model.values import dataclass

MAX_DIRECTORIES = 100_000
_NOT_ENTERED = frozenset(
    {"node_modules", "bower_components", "venv", "virtualenv", "__pycache__", "site-packages", "vendor", "third_party"}
)

_OTHER_KINDS = frozenset(
    {
        "dockerignore",
        "md",
        "rst",
        "txt",
        "html",
        "j2",
        "jinja",
        "jinja2",
        "tmpl",
        "template",
        "tpl",
        "erb",
        "in",
        "mustache",
    }
    | {
        "sh",
        "bash",
        "ps1",
        "py",
        "pyc",
        "go",
        "js",
        "mjs",
        "cjs",
        "ts",
        "tsx",
        "jsx",
        "java",
        "kt",
        "rb",
        "rs",
        "php",
        "cs",
    }
    | {
        "c",
        "h",
        "cpp",
        "lua",
        "vim",
        "json",
        "yaml",
        "yml",
        "toml",
        "xml",
        "lock",
        "svg",
        "png",
        "diff",
        "patch",
        "orig",
        "rej",
    }
    | {"bak", "swp"}
)
"""Endings behind `Dockerfile.` that say what else the file is: a program about Dockerfiles, a page, a template."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What to read, in this order: directories with a compose file, then the Dockerfiles that no compose file uses, and
    what may be a manifest; all of them absolute. `left_out` says in words what was not looked at for want of bounds."""

    directories: tuple[str, ...]
    compose_files: tuple[str, ...]
    dockerfiles: tuple[str, ...]
    manifests: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def candidates(root: Path, *, limit: int = MAX_DIRECTORIES) -> Candidates:
    """Everything below `root` (absolute) that may be a project. Looks into `limit` directories at most."""
    directories: list[str] = []
    compose_files: list[str] = []
    dockerfiles: list[str] = []
    manifests: list[str] = []
    left_out: tuple[str, ...] = ()
    for count, (directory, names) in enumerate(_walk(root)):
        if count == limit:
            left_out = (f"{root} holds more than {limit} directories: those after {directory} are not looked at",)
            break
        if any(name in COMPOSE_NAMES for name in names):
            directories.append(directory)
        else:
            compose_files += [_below(directory, name) for name in names if is_compose_name(name)]
        dockerfiles += [_below(directory, name) for name in names if is_dockerfile_name(name)]
        manifests += [_below(directory, name) for name in names if is_manifest_name(name)]
    return Candidates(tuple(directories), tuple(compose_files), tuple(dockerfiles), tuple(manifests), left_out)


def is_compose_name(name: str) -> bool:
    """Whether a file of this name is a compose file that stands on its own, or Swarm's."""
    lower = name.lower()
    is_yaml = lower.endswith((".yml", ".yaml"))
    return is_yaml and lower.startswith(("compose.", "docker-compose", "docker-stack")) and name not in OVERRIDE_NAMES


def is_dockerfile_name(name: str) -> bool:
    """Whether a file of this name is a Dockerfile: `Dockerfile`, `Dockerfile.web`, `web.Dockerfile`."""
    if name in DOCKERFILE_NAMES:
        return True
    lower = name.lower()
    if lower.startswith(("dockerfile.", "containerfile.")):
        return lower.rpartition(".")[2] not in _OTHER_KINDS
    return lower.endswith((".dockerfile", ".containerfile"))


def _is_wanted(name: str) -> bool:
    return is_dockerfile_name(name) or is_compose_name(name) or is_manifest_name(name)


def _walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Directories, each with the names in it that may concern us, sorted."""
    above, parts = ignores_above(root, repository(root))
    waiting: list[tuple[str, tuple[str, ...], Ignores]] = [(str(root), parts, above)]
    while waiting:
        directory, parts, ignores = waiting.pop()
        entries = disk.entries(directory)
        if any(name == ".gitignore" for name, _ in entries):
            ignores = ignores.below(parts, directory)
        below: list[str] = []
        names: list[str] = []
        for name, is_directory in entries:
            if is_directory:
                is_ours = name[0] != "." and name not in _NOT_ENTERED
                if is_ours and not ignores.ignores((*parts, name), is_directory=True):
                    below.append(name)
            elif _is_wanted(name) and not ignores.ignores((*parts, name), is_directory=False):
                names.append(name)
        yield directory, names
        waiting += [(_below(directory, name), (*parts, name), ignores) for name in reversed(below)]


def _below(directory: str, name: str) -> str:
    """The path as a text: there may be thousands."""
    return f"{directory}/{name}" if directory != "/" else directory + name
