"""What a project's files say, before anything is judged: instructions, shell lines, manifests, scripts, with places.

The neutral form in which rules see files: `files/` makes these values, `check/` reads them. Nothing here is defaulted
or judged, and nothing opens a file (what a build context holds is asked for through a function that someone gave).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from seatrial.model.finding import Finding
from seatrial.model.place import Place, Sourced
from seatrial.model.service import LAST_STACK_MINOR, Service
from seatrial.model.values import dataclass, field

if TYPE_CHECKING:
    from seatrial.model.kubernetes import Cluster
    from seatrial.model.source import Program


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A simple command of a shell line. `words` come after assignments and `exec`, quotes and known variables resolved.

    `before` and `after` are the operators around it ("&&", "|", ";", "\\n", "" at the ends); `execs` says that `exec`
    stood in front. `place` spans the first word.
    """

    words: tuple[str, ...]
    read_place: Callable[[], Place]
    """Gives `place`: of most commands nobody asks for it."""
    before: str = ""
    after: str = ""
    execs: bool = False

    @property
    def place(self) -> Place:
        """Where its first word stands."""
        return self.read_place()

    @property
    def program(self) -> str:
        """The program's name without its directory."""
        return self.words[0].rpartition("/")[2] if self.words else ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One `name=value` of ENV, ARG or LABEL, as written; `value` is None for `ARG name`."""

    name: str
    value: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile.

    `keyword` is in upper case; `arguments` the text behind keyword and flags, without continuations; `words` as the
    instruction's own grammar splits it (the decoded strings where `json`). `broken` ones are refused by Docker.
    """

    keyword: str
    place: Place
    arguments: str = ""
    arguments_place: Place | None = None
    words: tuple[Sourced[str], ...] = ()
    json: bool = False
    flags: Mapping[str, Sourced[str | None]] = field(default_factory=dict)
    assignments: tuple[Assignment, ...] = ()
    heredocs: tuple[Sourced[str], ...] = ()
    broken: bool = False
    read_shell: Callable[[], tuple[ShellCommand, ...]] = tuple
    """Gives `shell`; remembers its answer."""
    mounts: tuple[str, ...] = ()
    """The values of all `--mount` flags of RUN."""

    @property
    def shell(self) -> tuple[ShellCommand, ...]:
        """The simple commands of RUN, and of CMD, ENTRYPOINT and HEALTHCHECK CMD in shell form, heredocs included."""
        return self.read_shell()


@dataclass(frozen=True, slots=True)
class Stage:
    """A build stage: `base` is its FROM's image as written, `parent` the index of the stage that it stands on.

    `image` is the base with the defaults of the ARGs filled in; "" where it is a stage, or a variable isn't known.
    """

    index: int
    name: str
    base: Sourced[str]
    origin: Instruction
    instructions: tuple[Instruction, ...]
    parent: int | None = None
    image: str = ""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """The directory (absolute) that a Dockerfile is built from.

    `list_files` gives the paths of its files after .dockerignore, relative and sorted; it may read the directory when
    first called and remembers the answer. `ignore_file` is the .dockerignore that counts, "" if there is none.
    `list_entries` gives less at less cost: the files, but of a directory that is `.git`, `node_modules`, `.venv` or the
    like only its name with a slash behind it. `ignores` says whether a path would be left out, be it there or not.
    """

    directory: str
    list_files: Callable[[], Sequence[str]] = tuple
    ignore_file: str = ""
    list_entries: Callable[[], Sequence[str]] = tuple
    ignores: Callable[[str], bool] = field(default=lambda _path: False)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole Dockerfile. `file` is as places call it; `instructions` also hold the ARGs before the first FROM."""

    file: str
    text: str
    instructions: tuple[Instruction, ...]
    stages: tuple[Stage, ...]
    context: BuildContext

    def chain(self, target: str | None = None) -> tuple[Stage, ...]:
        """The stage of that name (the last one if None) and those that it stands on, itself first."""
        if not self.stages:
            return ()
        named = [stage for stage in self.stages if target and target.lower() in (stage.name, str(stage.index))]
        found = [named[-1] if named else self.stages[-1]]
        while (parent := found[-1].parent) is not None and parent < found[-1].index:
            found.append(self.stages[parent])
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Rollout:
    """How Swarm replaces a service (`deploy.update_config`, or `rollback_config`), as written; `place` is its key's,
    `is_bound` says that no second one can run beside it: there is one on each node, or a port of the node is its own.
    """

    place: Place
    order: Sourced[str] | None = None
    parallelism: Sourced[int] | None = None
    failure_action: Sourced[str] | None = None
    is_bound: bool = False


@dataclass(frozen=True, slots=True)
class ComposeEntry:
    """What a compose file says of a service beyond the joined `Service`. `place` is the service's own key.

    `deploy_restart` is the condition of `deploy.restart_policy`.
    """

    name: str
    file: str
    place: Place
    image: Sourced[str] | None = None
    has_build: bool = False
    target: str | None = None
    command: Sourced[tuple[str, ...]] | None = None
    has_healthcheck: bool = False
    deploy_restart: Sourced[str] | None = None
    replicas: Sourced[int] | None = None
    reserved_cpus: Sourced[float] | None = None
    profiles: tuple[str, ...] = ()
    network_mode: str = ""
    privileged: Sourced[bool] | None = None
    environment: Mapping[str, Sourced[str | None]] = field(default_factory=dict)
    """As compose says it alone, `env_file` included; None takes a variable away."""
    build_arguments: tuple[str, ...] = ()
    """The names of `build.args`."""
    rollout: Rollout | None = None
    rollback: Rollout | None = None
    open_keys: frozenset[str] = frozenset()
    """The keys at any depth whose values variables decide that aren't known here: nothing is lacking there."""
    is_stack: bool = False
    """Whether its file is meant for Swarm, which reads nothing of compose's own keys for limits and restart."""
    stack_minor: int = LAST_STACK_MINOR
    """The format 3.x by which `docker stack deploy` reads that file: it refuses keys that came later."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A package.json (or pyproject.toml): `data` are its plain values, `places` where the value of each path stands."""

    file: str
    data: Mapping[str, object]
    places: Mapping[tuple[str, ...], Place] = field(default_factory=dict)

    def text(self, *path: str) -> Sourced[str] | None:
        """The string under these keys."""
        value: object = self.data
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return Sourced(value, self.places.get(path)) if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Script:
    """A shell script of the build context. `path` is the one in the container that led to it.

    `has_carriage_returns` says that its lines end in CR LF; `executable` is the file's own mode.
    """

    file: str
    text: str
    path: str
    shebang: str = ""
    executable: bool = True
    has_carriage_returns: bool = False
    read_commands: Callable[[], tuple[ShellCommand, ...]] = tuple
    read_last: Callable[[], tuple[ShellCommand, ...]] = tuple

    @property
    def commands(self) -> tuple[ShellCommand, ...]:
        """Its simple commands, in order."""
        return self.read_commands()

    @property
    def last(self) -> tuple[ShellCommand, ...]:
        """Those that may be the last that it runs: the ends of its branches. Empty where that isn't known."""
        return self.read_last()


@dataclass(frozen=True, slots=True)
class Unit:
    """A service with the documents that say it: what most rules look at.

    `stages` are those of its image, the final one first. `entrypoint_script` is the script of the project that PID 1
    is started with, if it is one. `manifests` are the package.json and pyproject.toml beside its Dockerfile or context.
    `health` are the commands of its health check: those of the shell line, or the one of the exec form. `origin` is
    the project's directory as seen from where the check began ("tests/integration/web", "" for that very directory).
    """

    service: Service
    dockerfile: Dockerfile | None = None
    stages: tuple[Stage, ...] = ()
    compose: ComposeEntry | None = None
    entrypoint_script: Script | None = None
    manifests: tuple[Manifest, ...] = ()
    health: tuple[ShellCommand, ...] = ()
    origin: str = ""
    has_source: bool = False
    """Whether the source of what it runs is in the project, in a language that is read."""
    read_program: Callable[[], Program | None] = field(default=lambda: None)
    """Gives `program`; remembers its answer."""

    @property
    def program(self) -> Program | None:
        """The source of what it runs, None where that isn't here."""
        return self.read_program()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A service of another project of the same repository. `prefix` leads from here to its places ("web/", or "")."""

    prefix: str
    unit: Unit


@dataclass(frozen=True, slots=True)
class Documents:
    """All that was read of one project. `texts` are the files' texts by the name that places use, for excerpts and
    inline ignores; `lockfiles` the names of the package managers' lock files (and of manifests) that lie there."""

    directory: str
    units: tuple[Unit, ...] = ()
    dockerfiles: tuple[Dockerfile, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    scripts: tuple[Script, ...] = ()
    lockfiles: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    """What reading itself found wrong (requirement `syntax` and the like)."""
    repository: str = ""
    """The directory (absolute) of the repository that the project lies in; its own where there is none."""
    read_pipelines: Callable[[], Mapping[str, str]] = dict
    """Gives `pipelines`; remembers its answer, and puts them into `texts`, too."""
    cluster: Cluster | None = None
    """What the Kubernetes manifests of the project say; None where there are none."""
    around: Cluster | None = None
    """What manifests elsewhere in the repository say; `prefix` leads from there to here ("web/", or "")."""
    prefix: str = ""
    neighbours: tuple[Neighbour, ...] = ()
    """Services of other projects, whose images the manifests may run."""
    is_alone: bool = False
    """Whether the whole repository was looked through and has one Dockerfile only."""

    @property
    def pipelines(self) -> Mapping[str, str]:
        """The texts of the CI files of the repository, and of its Dependabot and Renovate settings."""
        return self.read_pipelines()
