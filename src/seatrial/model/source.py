"""What a program's own source says about signals, servers, health and logs, with places: one value for each file.

`files/source` makes these values from JavaScript, TypeScript and Python; rules join them with what the other files say.
Nothing here is judged, and a fact that isn't there is no promise that the program does without: see `Program.complete`.
All of it can be pickled, so that what was read of a file can be kept by the file's content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that the source says. Where an environment variable may say another, `variable` is its name and `value`
    what holds without it (None if that isn't known); `scale` turns the variable's unit into that of `value`.

    `certain` is false for what something else decides too, such as a condition.
    """

    value: float | None
    variable: str = ""
    scale: float = 1.0
    certain: bool = True

    def resolved(self, environment: Mapping[str, Sourced[str]]) -> float | None:
        """The number with these variables; None where it isn't known."""
        said = environment.get(self.variable) if self.variable else None
        if said is None:
            return self.value
        try:
            return float(said.value.strip()[:32]) * self.scale
        except ValueError:
            return None

    def is_certain(self, environment: Mapping[str, Sourced[str]]) -> bool:
        """Whether nothing outside of the project's files can change it."""
        return self.certain and (not self.variable or self.variable in environment)


@dataclass(frozen=True, slots=True)
class Timer:
    """After so many seconds something is done, or goes on. `by` names who says so ("setTimeout", a library)."""

    seconds: Amount
    place: Place
    by: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """An end of the process. `at_once` says that nothing is waited for before it; `code` is None where not known."""

    place: Place
    code: int | None = None
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Actions:
    """What a function does, with the functions of its own file that it calls.

    `closes` is the first call that closes a server, `close_at_once` whether nothing is waited for before it; `timers`
    end the process after a time, `delays` are waited for; `asks` is the first question to a dependency; `calls` are
    functions that other files define. `only_logs` says that it does nothing but log, `is_constant` that its answer
    depends on nothing.
    """

    exit: Exit | None = None
    closes: Place | None = None
    close_at_once: bool = False
    timers: tuple[Timer, ...] = ()
    delays: tuple[Timer, ...] = ()
    asks: Sourced[str] | None = None
    calls: tuple[str, ...] = ()
    only_logs: bool = False
    is_constant: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A named function, for those who call it from another file."""

    name: str
    actions: Actions


@dataclass(frozen=True, slots=True)
class SignalHandler:
    """A handler for these signals ("SIGTERM"). `by` is how it was installed: "process.on", "signal.signal", or the
    name of a library. `signals` is empty where it isn't known which they are."""

    signals: tuple[str, ...]
    place: Place
    by: str
    actions: Actions = Actions()


@dataclass(frozen=True, slots=True)
class FatalHandler:
    """A handler for `event`: "uncaughtException" or "unhandledRejection"."""

    event: str
    place: Place
    actions: Actions = Actions()


@dataclass(frozen=True, slots=True)
class Server:
    """Something that runs until it is stopped. `kind` names the library ("express", "http", "flask", "bullmq").

    `handles` are the signals for which it installs a handler itself; `is_worker` says that it takes jobs rather than
    requests; `conditional` that a condition of the program's decides whether it is run.
    """

    kind: str
    place: Place
    handles: tuple[str, ...] = ()
    is_worker: bool = False
    conditional: bool = False


@dataclass(frozen=True, slots=True)
class Listen:
    """A port that is listened on."""

    port: Amount
    place: Place


@dataclass(frozen=True, slots=True)
class Setting:
    """A time-out of a server in seconds: `name` as the library calls it ("keepAliveTimeout")."""

    name: str
    seconds: Amount
    place: Place


@dataclass(frozen=True, slots=True)
class Route:
    """A path that is answered, and what its handler does; None where the handler isn't known."""

    path: str
    place: Place
    actions: Actions | None = None


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log that is written into a file; `path` is "" where it isn't known."""

    path: str
    place: Place
    by: str
    conditional: bool = False


@dataclass(frozen=True, slots=True)
class Logger:
    """A logger that is set up. `is_structured` is None where that can't be told."""

    library: str
    place: Place
    is_structured: bool | None = None


@dataclass(frozen=True, slots=True)
class Import:
    """A module that is loaded, as written ("./shutdown", ".models", "express"), and the names bound by it.

    `optional` ones need not exist: a name that may be a submodule, a string that looks like a module.
    """

    module: str
    names: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """All that one file says. `language` is "javascript", "typescript", "tsx" or "python".

    `mentions` are signals that it names other than to send them; `is_dynamic` says that it loads modules whose names
    are computed; `skipped` why it was not read, "" if it was. `prints` are the places of the first bare prints
    (console.log, print), `print_count` how many there are.
    """

    file: str
    language: str
    imports: tuple[Import, ...] = ()
    is_dynamic: bool = False
    mentions: tuple[str, ...] = ()
    handlers: tuple[SignalHandler, ...] = ()
    fatal_handlers: tuple[FatalHandler, ...] = ()
    functions: tuple[Function, ...] = ()
    servers: tuple[Server, ...] = ()
    listens: tuple[Listen, ...] = ()
    settings: tuple[Setting, ...] = ()
    routes: tuple[Route, ...] = ()
    log_files: tuple[LogFile, ...] = ()
    prints: tuple[Place, ...] = ()
    print_count: int = 0
    loggers: tuple[Logger, ...] = ()
    skipped: str = ""

    @property
    def says_something(self) -> bool:
        """Whether there is a fact in it to point at."""
        found = (self.handlers, self.fatal_handlers, self.functions, self.servers, self.listens, self.settings)
        return any(found) or any((self.routes, self.log_files, self.prints, self.loggers))


@dataclass(frozen=True, slots=True)
class Program:
    """The source of what a service runs: its own files that are reached from `entry`, by their imports.

    `runner` is who starts it: "node", "python", or a server such as "gunicorn". `links` says for each file which file
    a module as written in it is; `external` are the modules from outside, `open` what was not followed and why: where
    there is any, something may be said in a file that was not read.
    """

    entry: str
    runner: str
    files: tuple[SourceFacts, ...]
    links: Mapping[tuple[str, str], str]
    external: frozenset[str] = frozenset()
    open: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all of its own files were read."""
        return not self.open

    def facts(self, file: str) -> SourceFacts | None:
        """What was read of this file."""
        return next((each for each in self.files if each.file == file), None)

    def called(self, file: str, actions: Actions) -> Iterator[Actions]:
        """What the functions of other files do that these actions call."""
        facts = self.facts(file)
        for name in actions.calls if facts else ():
            head, _, tail = name.rpartition(".")
            for each in facts.imports if facts else ():
                target = self.links.get((file, each.module))
                if target is None or not {head.partition(".")[0] or tail, tail} & set(each.names):
                    continue
                there = self.facts(target)
                yield from (f.actions for f in (there.functions if there else ()) if f.name == tail)
