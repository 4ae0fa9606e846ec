"""What a stage of a Dockerfile leaves behind: its image's configuration, each value with the place that said it."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.files.dockerfile.syntax import Instruction
from seatrial.model.finding import Finding
from seatrial.model.place import Sourced
from seatrial.model.service import Copy, Healthcheck, Port
from seatrial.model.values import dataclass, field

DEFAULT_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True, slots=True)
class Image:
    """The final configuration, as far as the file says it; what the base image brings is unknown.

    `bases` are the FROM names after substitution, the stage's own first, then those of the stages it stands on; the
    last is the image that comes from outside. `entrypoint` and `command` are the argv as the engine gets them: the
    shell form is `(*shell, line)` and has its `…_shell_form` set. Each is None if nothing says it (the base image's
    holds), and the empty tuple if it was cleared: by `ENTRYPOINT []`, or a command by an ENTRYPOINT without a CMD of
    its own stage, as Docker does. `workdir` is absolute; a relative one starts at "/" where the base's is unknown, and
    `workdir_known` is False then. `environment` holds what ENV sets, never an ARG. `ports` is EXPOSE in file order.
    `copies` are the COPY and ADD from the build context, in order, with absolute targets. `made`
    are the absolute targets of those from other stages and images. `triggers` are the ONBUILD
    instructions that this image leaves to its children. `findings` are of resolving alone; those of reading are in the
    `Dockerfile`.
    """

    stage: str
    bases: tuple[Sourced[str], ...] = ()
    platform: Sourced[str] | None = None
    entrypoint: Sourced[tuple[str, ...]] | None = None
    entrypoint_shell_form: bool = False
    command: Sourced[tuple[str, ...]] | None = None
    command_shell_form: bool = False
    environment: Mapping[str, Sourced[str]] = field(default_factory=dict)
    workdir: Sourced[str] | None = None
    workdir_known: bool = False
    user: Sourced[str] | None = None
    stop_signal: Sourced[str] | None = None
    healthcheck: Healthcheck | None = None
    ports: tuple[Sourced[Port], ...] = ()
    volumes: tuple[Sourced[str], ...] = ()
    labels: Mapping[str, Sourced[str]] = field(default_factory=dict)
    copies: tuple[Sourced[Copy], ...] = ()
    made: tuple[str, ...] = ()
    shell: Sourced[tuple[str, ...]] = Sourced(DEFAULT_SHELL)
    triggers: tuple[Instruction, ...] = ()
    findings: tuple[Finding, ...] = ()
