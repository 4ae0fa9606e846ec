"""What an image says, joined with what the files say over it. Pure: the engine's answers in, values out.

The files stand over the image, value by value, as the engine itself does it when a container is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seatrial.model.place import Sourced
from seatrial.model.service import Healthcheck, Hop, Image, Layer, Mount, Port, Service

HEAVIEST = 5
"""Layers that are kept, the heaviest first."""
_NANO = 1e9
_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True, slots=True)
class Facts:
    """An image as the engine describes it: its id, its configuration, and its layers."""

    id: str
    config: Mapping[str, Any]
    image: Image


def facts(told: Mapping[str, Any], history: Iterable[Mapping[str, Any]]) -> Facts:
    """From the answers to "inspect" and "history"."""
    layers = [Layer(int(one.get("Size") or 0), _words(str(one.get("CreatedBy") or ""))) for one in history]
    heaviest = sorted((layer for layer in layers if layer.size), key=lambda layer: -layer.size)[:HEAVIEST]
    size = int(told.get("Size") or 0) or sum(layer.size for layer in layers)
    name = next(iter(told.get("RepoTags") or ()), "")
    return Facts(str(told["Id"]), told.get("Config") or {}, Image(name, size, tuple(heaviest)))


def _words(line: str) -> str:
    """A step of the history as a Dockerfile says it: `RUN npm ci`, `COPY dir:1f… in /app`."""
    text = " ".join(line.split())
    for front in ("/bin/sh -c #(nop) ", "/bin/sh -c #(nop)"):
        if text.startswith(front):
            return text.removeprefix(front).strip()
    if text.startswith("/bin/sh -c "):
        text = "RUN " + text.removeprefix("/bin/sh -c ")
    return text.removesuffix(" # buildkit")


def joined(service: Service, config: Mapping[str, Any], *, whole: bool) -> Service:
    """The service as the engine will run it. `whole`: the image alone says what it is, so that its variables are the
    service's own; else those of its base are nobody's settings."""
    service = _with_command(service, config)
    healthcheck = _healthcheck(service.healthcheck, config.get("Healthcheck") or {})
    environment = dict(service.environment)
    if whole:
        environment = _environment(config) | environment
    return replace(
        service,
        environment=environment,
        user=service.user or _sourced(config.get("User")),
        workdir=service.workdir if service.workdir.value != "/" else Sourced(config.get("WorkingDir") or "/"),
        stop_signal=service.stop_signal or _sourced(config.get("StopSignal")),
        healthcheck=healthcheck,
        ports=service.ports or _ports(config.get("ExposedPorts") or {}),
        mounts=(*service.mounts, *_volumes(config.get("Volumes") or {}, service)),
        shell=tuple(config.get("Shell") or service.shell),
        made=(),
    )


def _sourced(text: str | None) -> Sourced[str] | None:
    return Sourced(text) if text else None


def _environment(config: Mapping[str, Any]) -> dict[str, Sourced[str]]:
    pairs = (line.partition("=") for line in config.get("Env") or ())
    return {name: Sourced(value) for name, _, value in pairs if name != "PATH"}


def _ports(exposed: Iterable[str]) -> tuple[Sourced[Port], ...]:
    split = (name.partition("/") for name in exposed)
    return tuple(Sourced(Port(int(number), kind or "tcp")) for number, _, kind in split if number.isdigit())


def _volumes(said: Iterable[str], service: Service) -> tuple[Sourced[Mount], ...]:
    known = {mount.value.target for mount in service.mounts}
    return tuple(Sourced(Mount("volume", "", target)) for target in said if target not in known)


def _with_command(service: Service, config: Mapping[str, Any]) -> Service:
    """Entrypoint and command by the engine's rule (moby, runconfig merge): an entrypoint of the files that isn't empty
    drops the image's command; what the files don't say is the image's."""
    if service.argv is not None and service.entrypoint is None and service.command is None:
        return service  # whoever made it said the whole argv
    entrypoint = _first(service.entrypoint, config.get("Entrypoint"))
    inherits = service.entrypoint is None or not service.entrypoint.value
    command = _first(service.command, config.get("Cmd") if inherits else None)
    argv = entrypoint.value + command.value
    if service.argv is not None and argv == service.argv.value:
        return service
    is_shell = argv[: len(_SHELL)] == tuple(config.get("Shell") or _SHELL)
    hops: tuple[Hop, ...] = ()
    if service.argv is not None and entrypoint.value and command.value == service.argv.value:
        # The image's own entrypoint stands in front of the command that the files know.
        hops = (Hop(command.value, Sourced(entrypoint.value[0], command.place)), *service.hops)
        is_shell = False
    place = command.place or entrypoint.place
    return replace(service, argv=Sourced(argv, place) if argv else None, hops=hops, shell_form=is_shell)


def _first(said: Sourced[tuple[str, ...]] | None, image: Sequence[str] | None) -> Sourced[tuple[str, ...]]:
    return said if said is not None else Sourced(tuple(image or ()))


def _healthcheck(said: Healthcheck | None, image: Mapping[str, Any]) -> Healthcheck | None:
    """Each field that the files leave out is the image's."""
    test = tuple(image.get("Test") or ())
    if said is None and not test:
        return None
    interval, timeout, start_period, start_interval = (
        Sourced(float(image.get(name) or 0) / _NANO) for name in ("Interval", "Timeout", "StartPeriod", "StartInterval")
    )
    retries = Sourced(int(image.get("Retries") or 0))
    own = Healthcheck(Sourced(test), interval, timeout, start_period, start_interval, retries)
    if said is None:
        return own
    return Healthcheck(
        said.test if said.test.value else own.test,
        said.interval if said.interval.value else own.interval,
        said.timeout if said.timeout.value else own.timeout,
        said.start_period if said.start_period.value else own.start_period,
        said.start_interval if said.start_interval.value else own.start_interval,
        said.retries if said.retries.value else own.retries,
    )
