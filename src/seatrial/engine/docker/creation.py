"""Decides what a container is made with: a service in, the body of Docker's "create" out. Pure.

Only what the files say is said to the engine: everything else is the image's, or the engine's own default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seatrial.engine.interface import StartOptions
from seatrial.model.service import Healthcheck, Limits, Service

LOOPBACK = "127.0.0.1"
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container gets besides what its service says. `aliases` are its names in `network`; `published` says that
    its ports are published on the host at `address`; `unset` are variables of the image that are taken away, `absent`
    the targets of mounts that are left out."""

    image: str
    labels: Mapping[str, str]
    network: str = "none"
    aliases: tuple[str, ...] = ()
    published: tuple[int, ...] = ()
    address: str = LOOPBACK
    unset: tuple[str, ...] = ()
    binds: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


def body(service: Service, options: StartOptions, around: Surroundings) -> dict[str, Any]:
    """The body of POST /containers/create."""
    assert service.argv is not None
    environment = {name: value.value for name, value in service.environment.items()} | dict(options.environment)
    wanted: dict[str, Any] = {
        "Image": around.image,
        "Entrypoint": list(service.argv.value),
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in environment.items()]
        + [name for name in around.unset if name not in environment],  # without "=": taken away
        "Labels": dict(around.labels),
        "Tty": service.tty,
        "OpenStdin": service.stdin_open,
        "AttachStdout": True,
        "AttachStderr": True,
        "ExposedPorts": {f"{number}/tcp": {} for number in around.published},
        "HostConfig": _host(service, options, around),
    }
    if service.workdir.value:
        wanted["WorkingDir"] = service.workdir.value
    if service.user:
        wanted["User"] = service.user.value
    if service.stop_signal:
        wanted["StopSignal"] = service.stop_signal.value
    if service.hostname:
        wanted["Hostname"] = service.hostname
    if service.healthcheck is not None:
        wanted["Healthcheck"] = healthcheck(service.healthcheck)
    if around.aliases:
        wanted["NetworkingConfig"] = {"EndpointsConfig": {around.network: {"Aliases": list(around.aliases)}}}
    return wanted


def healthcheck(check: Healthcheck) -> dict[str, Any]:
    """A health check in the API's words: nanoseconds, 0 for the default."""
    return {
        "Test": list(check.test.value),
        "Interval": int(check.interval.value * _NANO),
        "Timeout": int(check.timeout.value * _NANO),
        "StartPeriod": int(check.start_period.value * _NANO),
        "Retries": check.retries.value,
    }


def _host(service: Service, options: StartOptions, around: Surroundings) -> dict[str, Any]:
    """How the host runs it."""
    ports = {f"{number}/tcp": [{"HostIp": around.address, "HostPort": ""}] for number in around.published}
    init = options.init if options.init is not None else bool(service.init and service.init.value)
    security = ["no-new-privileges"] if service.no_new_privileges else []
    return {
        "NetworkMode": around.network,
        "PortBindings": ports,
        "Init": init,
        "ReadonlyRootfs": bool(service.read_only and service.read_only.value),
        "CapAdd": list(service.cap_add),
        "CapDrop": list(service.cap_drop),
        "GroupAdd": list(service.group_add),
        "SecurityOpt": security,
        "ExtraHosts": [f"{name}:{one}" for name, said in options.hosts.items() for one in said.split(",")],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
        "RestartPolicy": restart_policy(options.restart),
        **limits(service.limits),
        **_mounts(service, around),
    }


def restart_policy(text: str) -> dict[str, Any]:
    """A policy in the API's words: "on-failure:3"."""
    name, _, times = text.partition(":")
    return {"Name": name or "no", "MaximumRetryCount": int(times or 0)}


def limits(said: Limits) -> dict[str, Any]:
    """The limits that were said, in the API's words."""
    values: dict[str, Any] = {
        "Memory": said.memory.value if said.memory else None,
        "MemorySwap": said.memory_swap.value if said.memory_swap else None,
        "MemoryReservation": said.memory_reservation.value if said.memory_reservation else None,
        "NanoCpus": math.floor(said.cpus.value * _NANO) if said.cpus else None,
        "CpuShares": said.cpu_shares.value if said.cpu_shares else None,
        "CpusetCpus": said.cpuset.value if said.cpuset else None,
        "PidsLimit": said.pids.value if said.pids else None,
        "ShmSize": said.shm_size.value if said.shm_size else None,
        "OomScoreAdj": said.oom_score_adj.value if said.oom_score_adj else None,
    }
    ulimits = [{"Name": one.value.name, "Soft": one.value.soft, "Hard": one.value.hard} for one in said.ulimits]
    given = {name: value for name, value in values.items() if value is not None}
    return given | ({"Ulimits": ulimits} if ulimits else {})


def _mounts(service: Service, around: Surroundings) -> dict[str, Any]:
    """Volumes are new, empty and the container's own. A bind is one only where it is in `binds`, and read-only; any
    other gets a volume, into which its files are copied: the user's own files never change."""
    mounts: list[dict[str, Any]] = []
    scratch: dict[str, str] = {}
    volume = {"Type": "volume", "VolumeOptions": {"Labels": dict(around.labels)}}
    for mount in (sourced.value for sourced in service.mounts if sourced.value.target not in around.absent):
        if mount.kind == "tmpfs":
            scratch[mount.target] = mount.options or "mode=1777"
        elif mount.target in around.binds:
            source = around.binds[mount.target]
            mounts.append({"Type": "bind", "Source": source, "Target": mount.target, "ReadOnly": True})
        else:
            mounts.append({**volume, "Target": mount.target, "ReadOnly": mount.kind == "volume" and mount.read_only})
    return {"Mounts": mounts, "Tmpfs": scratch}


def ports(service: Service, more: Sequence[int] = ()) -> tuple[int, ...]:
    """The TCP ports that its files say it listens on, and others that are asked for."""
    said = [port.value.number for port in service.ports if port.value.protocol == "tcp"]
    variable = service.environment.get("PORT")
    if variable is not None and variable.value.isascii() and variable.value.isdigit():
        said.append(int(variable.value))
    return tuple(dict.fromkeys((*said, *more)))
