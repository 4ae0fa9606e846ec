"""The programs that stand in for what a service depends on: where each is installed, and what prepares and starts it.
Data, and a look at what is there; nothing here starts anything.

As root each runs as nobody: a database does what its clients say, and they are the service. Some refuse to be root even
where that is no more than a name, so without root these get a user namespace in which they are somebody else.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.drill.dependencies import Dependency
from seatrial.engine.native.beside import MEMORY

NOBODY = 65534
DATA = f"{MEMORY}/data"
"""The folder of each, in a memory of its own that nobody else sees and that goes with it."""
_OURS = "seatrial.load.stand_in"


@dataclass(frozen=True, slots=True)
class Step:
    """One command that prepares a folder, and what it reads."""

    words: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """What speaks the protocol of one kind. In words and text {program}, {folder} (where it is installed), {data},
    {address}, {port}, {user} and {database} (quoted for SQL) are filled in."""

    name: str
    commands: tuple[str, ...]
    """The first that is installed is taken; of a path with stars that of the newest version."""
    words: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    """What makes the folder of which each instance gets a copy."""
    refuses_root: bool = False
    tells: tuple[str, str] | None = None
    """A file of its folder, and a word in it that says that it is ready; else it is ready when it listens."""
    is_ours: bool = False
    """It answers, and is nothing like the real one: it is there only where the dependency is cut off."""
    quote: str = '"'
    database: str = ""
    """What is made where no file says a name, and `user` likewise."""
    user: str = ""

    def found(self) -> str:
        """The path of the command; "" where none is installed."""
        return next(filter(None, map(_installed, self.commands)), "")

    def filled(self, words: tuple[str, ...], of: Dependency) -> tuple[str, ...]:
        """The words for one dependency."""
        values = self._values(of)
        return tuple(word.format(**values) for word in words)

    def text(self, step: Step, of: Dependency) -> str:
        """What a step reads."""
        return step.text.format(**self._values(of))

    def _values(self, of: Dependency) -> dict[str, object]:
        path, user = self.found(), _one_line(of.user) or self.user
        name = _one_line(of.database) or self.database or user
        quoted = self.quote + name.replace(self.quote, 2 * self.quote) + self.quote
        where = {"program": path, "folder": str(Path(path).resolve().parent), "data": DATA}
        return where | {"address": of.address, "port": of.port, "user": user, "database": quoted}


@dataclass(frozen=True, slots=True)
class StandIn:
    """A dependency and what stands in for it. `elsewhere` is where an engine's own one listens."""

    dependency: Dependency
    program: Program | None = None
    template: int = -1
    """A descriptor of the folder that it begins with, if it needs one."""
    elsewhere: tuple[str, int] | None = None
    why: str = ""

    @property
    def is_started(self) -> bool:
        """Whether it is there in every run, by a program that is started for each instance."""
        return self.program is not None and not self.program.is_ours

    @property
    def described(self) -> str:
        """For a report."""
        one = f"{self.dependency.name} ({self.dependency.by})"
        if self.elsewhere is not None:
            return f"{one}: as its files say"
        if self.program is None:
            why = f" ({self.why})" if self.why else ""
            return f"{one}: not there{why}, but for what accepts and never answers when it is cut off"
        if self.program.is_ours:
            return f"{one}: not there, but for {self.program.name} when it is cut off"
        made = (
            ", with the database and the user that are asked for; any password is taken" if self.program.steps else ""
        )
        return f"{one}: this machine's {self.program.name}, empty{made}"


def _one_line(text: str) -> str:
    return "".join(text.splitlines())


def _installed(command: str) -> str:
    if "*" not in command:
        return shutil.which(command) or ""
    found = sorted(glob.glob(command), key=lambda path: [int(number) for number in re.findall(r"\d+", path)])  # noqa: PTH207 — a pattern from the root
    return found[-1] if found else ""


_POSTGRES = Program(
    "PostgreSQL",
    ("/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres", "postgres"),
    (
        "{program}", "-D", "{data}", "-F", "-p", "{port}", "-c", "listen_addresses={address}",
        "-c", "unix_socket_directories=", "-c", "dynamic_shared_memory_type=mmap", "-c", "shared_buffers=8MB",
    ),
    (
        Step(
            (
                "{folder}/initdb", "-D", "{data}", "-U", "{user}", "-A", "trust", "-E", "UTF8", "--no-locale", "-N",
                "--wal-segsize=1",
            )
        ),
        Step(
            ("{program}", "--single", "-F", "-D", "{data}", "template1"),
            "CREATE DATABASE {database}\nCREATE ROLE postgres SUPERUSER LOGIN\n",
        ),
    ),
    refuses_root=True,
    tells=("postmaster.pid", "ready"),
    user="postgres",
)  # fmt: skip
_MARIADB = Program(
    "MariaDB",
    ("mariadbd", "/usr/sbin/mariadbd"),
    (
        "{program}", "--no-defaults", "--datadir={data}", "--skip-grant-tables", "--bind-address={address}",
        "--port={port}", "--socket={data}/socket", "--pid-file={data}/pid", "--skip-name-resolve", "--skip-log-bin",
        "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0",
    ),
    (
        Step(
            (
                "{program}", "--no-defaults", "--bootstrap", "--skip-grant-tables", "--datadir={data}",
                "--innodb-log-file-size=4M",
            ),
            "CREATE DATABASE mysql;\nCREATE DATABASE {database};\n",
        ),
    ),
    refuses_root=True,
    quote="`",
    database="app",
)  # fmt: skip
PROGRAMS: Mapping[str, Program] = {
    "redis": Program(
        "Redis",
        ("redis-server", "valkey-server"),
        ("{program}", "--bind", "{address}", "--port", "{port}", "--save", "", "--appendonly", "no"),
    ),
    "postgres": _POSTGRES,
    "mysql": _MARIADB,
    "memcached": Program(
        "memcached",
        ("memcached",),
        ("{program}", "-l", "{address}", "-p", "{port}", "-U", "0"),
        refuses_root=True,
    ),
    "nats": Program("NATS", ("nats-server", "/usr/sbin/nats-server"), ("{program}", "-a", "{address}", "-p", "{port}")),
    "http": Program(
        "an HTTP server that answers every request with 200",
        (sys.executable,),
        ("{program}", "-P", "-m", _OURS, "{port}", "{address}", "200"),
        is_ours=True,
    ),
}  # fmt: skip
"""By kind. RabbitMQ starts in 4 to 8 s alone, and in 20 s where five instances start at once on two cores: it isn't
here for that."""


def lacking(program: Program) -> str:
    """Why a program can't be started here, or ""."""
    if not program.found():
        return f"{program.name} is not installed here"
    words = () if program.is_ours else lowered(program, (), beside=True)
    missing = next((word for word in words if word in _NEEDED and shutil.which(word) is None), "")
    return f"{missing} (util-linux), with which it gives up its rights, is not installed here" if missing else ""


_NEEDED = ("unshare", "setpriv")


def lowered(program: Program, words: tuple[str, ...], *, beside: bool) -> tuple[str, ...]:
    """The words, run as somebody who has no rights. `beside`: in the instance's namespaces, where without root the one
    user that there is looks like root. What it shares with other processes (IPC) goes with it."""
    if program.is_ours:
        return words
    alone = ("unshare", "--ipc") if beside and program.refuses_root else ()
    if os.geteuid() == 0:
        return (*alone, "setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", *words)
    return (*alone, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", *words) if alone else words
