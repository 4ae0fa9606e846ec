"""From the declared command to the program that runs, as the rules look at it: who stands in between, and how.

Pure. A `Link` is one member of the chain that PID 1 starts; the first is PID 1 itself, the last the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from seatrial.check import images
from seatrial.model.documents import Unit
from seatrial.model.place import Place
from seatrial.model.remembered import remembered
from seatrial.model.service import SHELLS as _SHELLS
from seatrial.model.values import dataclass, replace

INITS = frozenset(
    {"tini", "tini-static", "docker-init", "dumb-init", "catatonit", "seatrial-init", "s6-svscan", "my_init", "init"}
    | {"supervisord", "s6-overlay-suexec", "runsvdir", "systemd", "pid1", "phusion-init", "circusd", "horust"}
)
"""Programs that reap orphans as PID 1."""

SMALL_INITS = frozenset({"tini", "tini-static", "docker-init", "dumb-init", "catatonit", "seatrial-init"})
"""Those that do nothing else."""

_LIBRARY_SERVERS = frozenset({"http.server", "SimpleHTTPServer", "xmlrpc.server", "smtpd"})
"""Modules of Python's own library that serve when they are run; none of them handles SIGTERM."""

SHELLS = _SHELLS


@dataclass(frozen=True, slots=True)
class Link:
    """One member: `argv` and where it is written; `by_shell` says that a shell starts it, `execs` that the shell is
    told to go away, `line` what the shell is given, if that is a line."""

    argv: tuple[str, ...]
    place: Place | None
    by_shell: bool = False
    execs: bool = False
    line: str = ""

    @property
    def program(self) -> str:
        """Its name without directory."""
        return self.argv[0].rpartition("/")[2] if self.argv else ""


@remembered
def chain(unit: Unit) -> tuple[Link, ...]:
    """The links; empty where nothing says what runs."""
    service = unit.service
    if service.argv is None or not service.argv.value:
        return ()
    links = [Link(service.argv.value, service.argv.place)]
    links += [Link(hop.argv, hop.by.place, hop.shell, hop.execs, hop.line) for hop in service.hops if hop.argv]
    takes_options = any(link.program == "npm" and len(link.argv) > 3 for link in links)
    return tuple(_without_lost_names(links) if takes_options else links)


def _without_lost_names(links: Iterable[Link]) -> Iterator[Link]:
    """Of `npm start --token x` npm takes the option and gives on its value, which nothing tells for a secret then."""
    from seatrial.model.redaction import REDACTED, argv

    hidden: set[str] = set()
    for link in links:
        yield replace(link, argv=tuple(REDACTED if word in hidden else word for word in link.argv))
        hidden |= {word for word, shown in zip(link.argv, argv(link.argv), strict=True) if shown == REDACTED}


def behind_inits(links: tuple[Link, ...]) -> tuple[Link, ...]:
    """The chain without the inits in front."""
    at = 0
    while at < len(links) - 1 and links[at].program in INITS:
        at += 1
    return links[at:]


def command_place(unit: Unit) -> Place | None:
    """Where the command that `docker run` gives to the entrypoint is written, or the entrypoint where there is none."""
    service = unit.service
    if service.command and service.command.value and service.command.place:
        return service.command.place
    return service.argv.place if service.argv else None


def is_written_here(unit: Unit) -> bool:
    """Whether the project's own files say what runs."""
    return unit.service.argv is not None and unit.service.argv.place is not None


def library_server(unit: Unit) -> str:
    """The server of Python's own library that `python -m` starts here, "" if none."""
    argv = unit.service.hops[-1].argv if unit.service.hops else unit.service.argv.value if unit.service.argv else ()
    if "-m" not in argv[1:]:
        return ""
    name = argv[argv.index("-m", 1) + 1 :][:1]
    is_python = argv[0].rpartition("/")[2].startswith(("python", "pypy"))
    return name[0] if is_python and name and name[0] in _LIBRARY_SERVERS else ""


def base_image(unit: Unit) -> str:
    """The image from outside that the service stands on, "" where unknown."""
    service = unit.service
    if service.base_images:
        return service.base_images[-1].value
    return service.image.value if service.image and not (unit.compose and unit.compose.has_build) else ""


def shell_kind(unit: Unit) -> str | None:
    """What `sh` is in the image: see `images`. None also where the Dockerfile installs another one."""
    shell = unit.service.shell[0].rpartition("/")[2] if unit.service.shell else "sh"
    if shell == "bash":
        return images.BASH
    return images.shell_of(base_image(unit)) if shell == "sh" else None


@remembered
def is_fixture(unit: Unit) -> bool:
    """Whether the file lies among tests: what a test needs is right as it is, however it would do in production."""
    files = (unit.compose.file if unit.compose else "", unit.dockerfile.file if unit.dockerfile else "")
    path = (unit.origin + "/" + "/".join(file.rpartition("/")[0] for file in files)).lower().split("/")
    name = unit.dockerfile.file.rpartition("/")[2].lower() if unit.dockerfile else ""
    return not _FIXTURES.isdisjoint(path) or "gitpod" in name


@remembered
def is_for_development(unit: Unit) -> bool:
    """Whether the service is plainly meant for a developer's machine or a test: by its file's name, its profiles, its
    stage, or because it runs sources that are mounted from the project."""
    entry = unit.compose
    image = entry.image.value if entry and entry.image and entry.has_build else ""
    words = (
        (_words(images.parse(image).tag) & _OWN_TAGS)
        | _words(entry.file if entry else "")
        | _words(entry.target or "" if entry else "")
    )
    words |= _words(unit.stages[0].name if unit.stages else "") | (_words(unit.origin) & _ELSEWHERE)
    words |= _words(unit.dockerfile.file.rpartition("/")[2] if unit.dockerfile else "")
    for profile in entry.profiles if entry else ():
        words |= _words(profile)
    is_of_docs = entry is not None and "docs" in _words(entry.file.rpartition("/")[2])
    return bool(words & _DEVELOPMENT) or is_of_docs or runs_mounted_sources(unit)


def is_built_upon(unit: Unit) -> bool:
    """Whether a Dockerfile that no service names is there for others to be built on or with, by its name."""
    if unit.compose is not None or unit.dockerfile is None:
        return False
    return bool(_words(unit.dockerfile.file.rpartition("/")[2]) & {"base", "builder"})


def runs_mounted_sources(unit: Unit) -> bool:
    """Whether it runs sources that are mounted from the project, so that it shows each change at once."""
    context = unit.service.context.rstrip("/")
    binds = (mount.value for mount in unit.service.mounts if mount.value.kind == "bind")
    return any(mount.source.rstrip("/") == context and not mount.read_only for mount in binds)


_FIXTURES = frozenset(
    {
        ".devcontainer",
        "devcontainer",
        "test",
        "tests",
        "testdata",
        "testing",
        "fixtures",
        "fixture",
        "__tests__",
        "e2e",
        "vendor",
    }
)
_TESTS = frozenset({"test", "tests", "testing", "testdata", "fixture", "fixtures", "e2e", "ci", "devcontainer"})
_OWN_TAGS = frozenset({"dev", "local", "debug", "test"})
_ELSEWHERE = _TESTS | frozenset({"development", "reload", "scripts"})
"""Words of a directory's name. "dev" isn't among them: a directory of that name may hold an environment's settings."""
_DEVELOPMENT = _TESTS | frozenset(
    {"dev", "develop", "development", "test", "tests", "testing", "local", "ci", "debug", "example", "tilt", "gitpod"}
    | {"reload", "override", "scripts", "cypress", "playwright"}
)


@lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    return frozenset("".join(character if character.isalnum() else " " for character in text.lower()).split())
