"""Carries out the instructions of a stage on the image's configuration. Runs nothing, reads no file.

One method per instruction; RUN, MAINTAINER and unknown ones have no effect. An instruction that Docker would refuse
now (an expansion that fails, an unknown signal) gets a finding and no effect. Source: buildkit's
dockerfile2llb/convert.go.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from seatrial.files.dockerfile.checks import health_retries, health_seconds
from seatrial.files.dockerfile.expansion import ExpansionError, Options, expand, expand_words
from seatrial.files.dockerfile.heredocs import is_heredoc
from seatrial.files.dockerfile.image import DEFAULT_SHELL, Image
from seatrial.files.dockerfile.ports import parse_ports
from seatrial.files.dockerfile.syntax import Instruction, Pair, Word
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Copy, Healthcheck, Port, signal_number

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What `$PATH` is where the base image's own is not known; also what BuildKit sets where a base image has none."""

MAX_WORK = 32 * 1024 * 1024
"""Characters that all expansions of one image may give together; no honest file comes near."""
_ERROR_COST = 16 * 1024
_PORT_COST = 256

_REMOTE = ("http://", "https://", "git://", "git@", "ssh://")

Pairs = list[tuple[str, str, Place]]


class Notes:
    """Collects findings, and bounds the work of a file that was made to be slow."""

    def __init__(self, escape: str) -> None:
        self.options = Options(escape=escape)
        self.findings: list[Finding] = []
        self._left = MAX_WORK

    def add(self, message: str, place: Place, remedy: str = "") -> None:
        """A finding of requirement "syntax"."""
        self.findings.append(Finding("syntax", Severity.ERROR, message, place, remedy))

    def can_spend(self, amount: int, place: Place) -> bool:
        """Whether this much more work may be done; the first time that it may not, says so."""
        if self._left < 0:
            return False
        self._left -= amount
        if self._left < 0:
            self.add("the file's variables expand to more than can be looked at; the rest is left out", place)
        return self._left >= 0

    def expanded(self, text: str, variables: Mapping[str, str], place: Place) -> str | None:
        """The text with its variables filled in; None (and a finding) if that can't be."""
        if self._left < 0:
            return None
        try:
            value = expand(text, variables, self.options)
        except ExpansionError as error:
            if self.can_spend(_ERROR_COST, place):
                self.add(f"{text[:60]!r} can't be expanded: {error}", place)
            return None
        return value if self.can_spend(len(value), place) else None


class Builder:
    """The configuration while it is being built. One serves a whole chain of stages, from the lowest up."""

    def __init__(self, notes: Notes, build_args: Mapping[str, str], global_arguments: Mapping[str, str]) -> None:
        self._notes = notes
        self._build_args = build_args
        self._globals = global_arguments
        self._variables = {"PATH": DEFAULT_PATH}
        self._environment: dict[str, Sourced[str]] = {}
        self._labels: dict[str, Sourced[str]] = {}
        self._entrypoint: Sourced[tuple[str, ...]] | None = None
        self._command: Sourced[tuple[str, ...]] | None = None
        self._shell_forms = {"CMD": False, "ENTRYPOINT": False}
        self._command_is_own = False
        self._shell: Sourced[tuple[str, ...]] = Sourced(DEFAULT_SHELL)
        self._workdir: Sourced[str] | None = None
        self._workdir_known = False
        self._user: Sourced[str] | None = None
        self._stop_signal: Sourced[str] | None = None
        self._healthcheck: Healthcheck | None = None
        self._ports: dict[Port, Sourced[Port]] = {}
        self._volumes: dict[str, Sourced[str]] = {}
        self._copies: list[Sourced[Copy]] = []
        self._made: dict[str, None] = {}
        self._triggers: list[Instruction] = []

    def begin_stage(self, *, from_scratch: bool = False) -> None:
        """A FROM: what earlier stages triggered is carried out now; their CMD is inherited and no longer one's own."""
        self._command_is_own = False
        self._workdir_known = self._workdir_known or from_scratch
        triggers, self._triggers = self._triggers, []
        for trigger in triggers:
            self.apply(trigger)

    def apply(self, instruction: Instruction) -> None:
        """Carries out one instruction."""
        action = _ACTIONS.get(instruction.keyword)
        if action is not None and not instruction.broken:
            action(self, instruction)

    def image(self, stage: str, bases: tuple[Sourced[str], ...], platform: Sourced[str] | None) -> Image:
        """What was built."""
        return Image(
            stage=stage,
            bases=bases,
            platform=platform,
            entrypoint=self._entrypoint,
            entrypoint_shell_form=self._shell_forms["ENTRYPOINT"],
            command=self._command,
            command_shell_form=self._shell_forms["CMD"],
            environment=self._environment,
            workdir=self._workdir,
            workdir_known=self._workdir_known,
            user=self._user,
            stop_signal=self._stop_signal,
            healthcheck=self._healthcheck,
            ports=tuple(self._ports.values()),
            volumes=tuple(self._volumes.values()),
            labels=self._labels,
            copies=tuple(self._copies),
            made=tuple(self._made),
            shell=self._shell,
            triggers=tuple(self._triggers),
            findings=tuple(self._notes.findings),
        )

    def _expanded(self, word: Word) -> str | None:
        return self._notes.expanded(word.text, self._variables, word.place)

    def _expanded_line(self, instruction: Instruction) -> Sourced[str] | None:
        """The one word of USER, WORKDIR and their like."""
        word = instruction.words[0]
        value = self._expanded(word)
        return None if value is None else Sourced(value, word.place)

    def _expanded_pairs(self, pairs: tuple[Pair, ...]) -> Pairs:
        """All values are expanded before any of them is set: `ENV A=1 B=$A` takes the old A."""
        result: Pairs = []
        for pair in pairs:
            name = self._expanded(pair.name)
            value = self._expanded(pair.value) if pair.value is not None else ""
            if name is not None and value is not None:
                result.append((name, value, pair.place))
        return result

    def _set_environment(self, instruction: Instruction) -> None:
        for name, value, place in self._expanded_pairs(instruction.pairs):
            self._variables[name] = value
            self._environment[name] = Sourced(value, place)

    def _set_labels(self, instruction: Instruction) -> None:
        for name, value, place in self._expanded_pairs(instruction.pairs):
            self._labels[name] = Sourced(value, place)

    def _set_arguments(self, instruction: Instruction) -> None:
        for pair in instruction.pairs:
            name = pair.name.text
            if name in self._build_args:
                self._variables[name] = self._build_args[name]
            elif pair.value is not None:
                value = self._expanded(pair.value)
                if value is not None:
                    self._variables[name] = value
            elif name in self._globals:
                self._variables[name] = self._globals[name]

    def _argv(self, instruction: Instruction) -> Sourced[tuple[str, ...]]:
        self._shell_forms[instruction.keyword] = not instruction.json
        place = instruction.arguments_place or instruction.place
        if instruction.json:
            return Sourced(instruction.argv or (), place)
        return Sourced((*self._shell.value, instruction.arguments), place)

    def _set_command(self, instruction: Instruction) -> None:
        self._command = self._argv(instruction)
        self._command_is_own = True

    def _set_entrypoint(self, instruction: Instruction) -> None:
        self._entrypoint = self._argv(instruction)
        if not self._command_is_own:
            self._command = Sourced((), self._entrypoint.place)
            self._shell_forms["CMD"] = False

    def _set_shell(self, instruction: Instruction) -> None:
        self._shell = Sourced(instruction.argv or DEFAULT_SHELL, instruction.arguments_place)

    def _set_workdir(self, instruction: Instruction) -> None:
        path = self._expanded_line(instruction)
        if path is not None:
            self._workdir_known = self._workdir_known or path.value.startswith("/")
            self._workdir = Sourced(self._absolute(path.value), path.place)

    def _absolute(self, path: str) -> str:
        joined = posixpath.join(self._workdir.value if self._workdir else "/", path)
        return "/" + posixpath.normpath(joined).lstrip("/")

    def _set_user(self, instruction: Instruction) -> None:
        self._user = self._expanded_line(instruction) or self._user

    def _set_stop_signal(self, instruction: Instruction) -> None:
        signal = self._expanded_line(instruction)
        if signal is None or signal.place is None:
            return
        try:
            signal_number(signal.value)
        except ValueError:
            message = f"STOPSIGNAL: {signal.value[:40]!r} is not a signal"
            self._notes.add(message, signal.place, "Write a name or a number, such as SIGTERM or 15.")
        else:
            self._stop_signal = signal

    def _set_healthcheck(self, instruction: Instruction) -> None:
        """It replaces an inherited one as a whole; only the engine merges by field, image into container."""
        kind = instruction.words[0].text.upper()
        if kind == "NONE":
            self._healthcheck = Healthcheck(Sourced(("NONE",), instruction.place))
            return
        command = instruction.argv
        test = ("CMD-SHELL", instruction.words[1].text) if command is None else ("CMD", *command)
        retries = instruction.flag("retries")
        self._healthcheck = Healthcheck(
            Sourced(test, instruction.place),
            interval=_seconds(instruction, "interval"),
            timeout=_seconds(instruction, "timeout"),
            start_period=_seconds(instruction, "start-period"),
            start_interval=_seconds(instruction, "start-interval"),
            retries=Sourced(health_retries(retries), retries.value_place) if retries else Sourced(0),
        )

    def _expose(self, instruction: Instruction) -> None:
        for word in instruction.words:
            if not self._notes.can_spend(_PORT_COST, word.place):
                return
            try:
                texts = expand_words(word.text, self._variables, self._notes.options)
                ports = [port for text in texts for port in parse_ports(text)]
            except (ExpansionError, ValueError) as error:
                self._notes.add(f"EXPOSE: {error}", word.place, "Write a port such as 8080 or 53/udp.")
                continue
            if self._notes.can_spend(_PORT_COST * len(ports), word.place):
                for port in ports:
                    self._ports.setdefault(port, Sourced(port, word.place))

    def _add_volumes(self, instruction: Instruction) -> None:
        for word in instruction.words:
            value = self._notes.expanded(word.text.strip(), self._variables, word.place)
            if value == "":
                self._notes.add("VOLUME can't be an empty string", word.place)
            elif value is not None:
                self._volumes[value] = Sourced(value, word.place)

    def _copy(self, instruction: Instruction) -> None:
        if instruction.flag("from") is not None:
            made = self._expanded(instruction.words[-1])
            if made is not None:
                self._made[self._absolute(made or ".")] = None
            return
        named = [self._expanded(word) for word in instruction.words[:-1] if not is_heredoc(word.text)]
        sources = tuple(_in_context(source) for source in named if source and not source.startswith(_REMOTE))
        target = self._expanded(instruction.words[-1])
        owner = instruction.flag("chown")
        owned_by = self._notes.expanded(owner.value or "", self._variables, owner.place) if owner else ""
        if sources and target is not None and owned_by is not None:
            self._copies.append(Sourced(Copy(sources, self._target(target), owned_by), instruction.place))

    def _target(self, path: str) -> str:
        """Absolute; a slash at the end stays, because it makes the target a directory."""
        absolute = self._absolute(path or ".")
        is_directory = path.endswith("/") or path in ("", ".")
        return absolute + "/" if is_directory and absolute != "/" else absolute

    def _add_trigger(self, instruction: Instruction) -> None:
        if instruction.trigger is not None:
            self._triggers.append(instruction.trigger)


def _seconds(instruction: Instruction, name: str) -> Sourced[float]:
    flag = instruction.flag(name)
    return Sourced(health_seconds(flag), flag.value_place) if flag else Sourced(0.0)


def _in_context(source: str) -> str:
    """A source relative to the build context, which `..` can't leave."""
    return posixpath.normpath("/" + source).lstrip("/") or "."


_ACTIONS: Mapping[str, Callable[[Builder, Instruction], None]] = {
    "ADD": Builder._copy,
    "ARG": Builder._set_arguments,
    "CMD": Builder._set_command,
    "COPY": Builder._copy,
    "ENTRYPOINT": Builder._set_entrypoint,
    "ENV": Builder._set_environment,
    "EXPOSE": Builder._expose,
    "HEALTHCHECK": Builder._set_healthcheck,
    "LABEL": Builder._set_labels,
    "ONBUILD": Builder._add_trigger,
    "SHELL": Builder._set_shell,
    "STOPSIGNAL": Builder._set_stop_signal,
    "USER": Builder._set_user,
    "VOLUME": Builder._add_volumes,
    "WORKDIR": Builder._set_workdir,
}
