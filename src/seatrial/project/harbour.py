"""Where instances are kept on this machine: the native engine, each instance with a log and an exit record of its own.

The instances outlive their supervisor. Translates a `Deployment` into what the engine takes; decides nothing.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

from seatrial.engine.interface import StartError, StartOptions
from seatrial.engine.logs.interface import Subject
from seatrial.engine.logs.planning import plan_logging
from seatrial.engine.native.engine import NativeEngine
from seatrial.engine.native.instance import NativeInstance
from seatrial.engine.native.keeping import Keeping, Log, adopt
from seatrial.model.deployment import Deployment
from seatrial.model.place import Sourced
from seatrial.model.service import GrantedFile, Logging, Mount, Service
from seatrial.project.interface import KEPT, Berth, Found, Instance

_FILES = "files"


class NativeHarbour:
    """Starts instances by the native engine."""

    def __init__(self, volumes: Path) -> None:
        self._engine = NativeEngine()
        self._volumes = volumes

    async def start(self, deployment: Deployment, berth: Berth, gate: asyncio.Event | None = None) -> Instance:
        """Start one. Raises StartError, InputError and UnsupportedError."""
        service = with_volumes(with_files(deployment.service, berth.directory / _FILES), self._volumes)
        if berth.hosts_file is not None:
            names = Sourced(Mount("bind", str(berth.hosts_file), "/etc/hosts", read_only=True))
            service = replace(service, hostname=service.hostname or berth.short, mounts=(*service.mounts, names))
        options = StartOptions(
            environment=berth.environment,
            network="own" if berth.own_network else "host",
            hosts=berth.hosts,
            inherited=berth.inherited,
            lasting=True,
            gate=gate,
            plug=berth.plug,
        )
        instance = await self._engine.start(service, options, keeping(deployment, berth))
        if instance.is_over and (ended := await instance.wait()).error:
            await instance.close()
            raise StartError("execute", ended.error, code=ended.code)
        return instance

    async def find(self, berth: Berth) -> Found:
        """What became of the instance that was last started in this directory."""
        try:
            instance = await adopt(str(berth.directory / KEPT))
        except StartError:
            return Found()
        if instance.is_over:
            ended = await instance.wait()
            code = None if ended.error else ended.code
            await instance.close()
            return Found(None, code, ended.oom_kills, ended.time)
        return Found(instance)

    async def let_go(self, instance: Instance) -> None:
        """Close what names it here; it runs on."""
        assert isinstance(instance, NativeInstance)
        await instance.release()

    def log_files(self, deployment: Deployment, berth: Berth) -> int:
        """How many files its log has at most."""
        return plan_logging(logging_of(deployment), subject_of(deployment, berth)).max_file

    async def remove(self, berth: Berth) -> None:
        """Remove the whole directory: the log, too. Raises OSError."""
        if berth.directory.exists():
            shutil.rmtree(berth.directory)


def keeping(deployment: Deployment, berth: Berth) -> Keeping:
    """Where the engine keeps it, and how its log is written: bounded, unless the files say otherwise."""
    planned = plan_logging(logging_of(deployment), subject_of(deployment, berth))
    log = Log(planned.max_size, planned.max_file, planned.compress, planned.attributes, berth.log.name)
    return Keeping(str(berth.directory / KEPT), log if planned.is_kept else None, stay=True)


def logging_of(deployment: Deployment) -> Sourced[Logging] | None:
    """What the files say of its log."""
    return deployment.service.logging


def subject_of(deployment: Deployment, berth: Berth) -> Subject:
    """What log drivers know of an instance."""
    service = deployment.service
    return Subject(
        id=berth.identity,
        name=berth.name,
        image_name=service.image.value if service.image else "",
        command=" ".join(service.argv.value) if service.argv else "",
        environment={name: value.value for name, value in service.environment.items()},
        labels=deployment.labels,
    )


def with_volumes(service: Service, directory: Path) -> Service:
    """The service with its named volumes as directories of ours, which are made; so are the missing sources of binds,
    as the engine does."""
    return replace(service, mounts=tuple(Sourced(_lasting(each.value, service, directory)) for each in service.mounts))


def _lasting(mount: Mount, service: Service, directory: Path) -> Mount:
    if mount.kind == "volume" and mount.source:
        path = directory / mount.source.replace("/", "_")
        if not path.is_dir():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o777)  # for whatever user the service has; the directory above lets nobody else in
        return replace(mount, kind="bind", source=str(path))
    if mount.kind == "bind":
        path = Path(service.context) / Path(mount.source).expanduser()
        if not path.exists() and not path.is_symlink():
            path.mkdir(parents=True)
    return mount


def with_files(service: Service, directory: Path) -> Service:
    """The service with its secrets and configs as read-only mounts, as far as they are there; those that are texts
    become files first."""
    mounts = tuple(
        Sourced(Mount("bind", _source(granted, directory), granted.target, read_only=True))
        for granted in service.granted
        if granted.content is not None or Path(granted.file).exists()
    )
    return replace(service, mounts=(*service.mounts, *mounts))


def _source(granted: GrantedFile, directory: Path) -> str:
    if granted.content is None:
        return granted.file
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = directory / f"{granted.kind}-{granted.name.replace('/', '_')}"
    path.unlink(missing_ok=True)
    path.write_text(granted.content, encoding="utf-8")
    path.chmod(0o444)
    return str(path)
