"""The engine itself: what it can do, the image of a service, what the service depends on, and its instances."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import platform
import secrets
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from seatrial.engine.cleaning import to_the_end
from seatrial.engine.docker import creation, dependencies, image, owner
from seatrial.engine.docker.building import Recipe, build
from seatrial.engine.docker.client import Calls, connect, said
from seatrial.engine.docker.instance import About, DockerInstance
from seatrial.engine.docker.watching import Watch
from seatrial.engine.interface import StartError, StartOptions
from seatrial.engine.native.cgroups import size
from seatrial.model.errors import InputError
from seatrial.model.recording import Machine
from seatrial.model.service import BuildPlan, Limits, Service

if TYPE_CHECKING:
    from docker import APIClient

INIT = "docker-init"
USUAL = ("bridge", "podman")
"""The networks that a container is in where nothing is said, by docker and by podman."""
LARGEST = 64 << 20
"""Bytes of a bind that are copied into a volume, so that the service may write there."""


def _silent(_line: str) -> None:
    """What is told of a build where nobody listens."""


@dataclass(frozen=True, slots=True)
class Project:
    """What the engine needs besides the service. `others` are the services that it may depend on, `recipe` reads what a
    build needs, `ports` are published besides those of the files; `tell` gets the steps of a build, a line each."""

    others: Sequence[Service] = ()
    recipe: Callable[[BuildPlan], Recipe] | None = None
    ports: tuple[int, ...] = ()
    tell: Callable[[str], None] = _silent


@dataclass(slots=True)
class _Trial:
    """All that is made for one service: what it is labelled with, its network, the images by service."""

    labels: dict[str, str]
    watch: Watch
    network: str = "none"
    images: dict[str, image.Facts] = field(default_factory=dict)
    environment: frozenset[str] = frozenset()
    neighbours: dict[str, str] = field(default_factory=dict)
    running: Mapping[str, str] = field(default_factory=dict)


class DockerEngine:
    """Runs services as containers. One engine may start many instances at once, of one service at a time."""

    restarts = True
    """Whether it starts an instance again by itself: by the container's restart policy."""

    def __init__(self, project: Project | None = None, api: APIClient | None = None) -> None:
        self._project = project or Project()
        self._api = api or connect()
        self._calls = Calls(self._api)
        self._info: Mapping[str, Any] = self._api.info()
        self._is_here = self._runs_here()
        self._trial: _Trial | None = None
        self._counter = itertools.count(1)

    def _runs_here(self) -> bool:
        """Whether the engine's containers are on this machine, as far as its answers tell."""
        local = self._api.base_url.startswith("http+docker://")
        return local and self._info.get("KernelVersion") == platform.release()

    @property
    def enters(self) -> bool:
        """Whether a program of the host can be run in a container's network namespace: the load is made there."""
        return self._is_here and os.geteuid() == 0

    @property
    def neighbours(self) -> Mapping[str, str]:
        """The addresses, by name, of what the service depends on."""
        return dict(self._trial.neighbours) if self._trial is not None else {}

    def machine(self) -> Machine:
        """Where this is, and what it can enforce."""
        info = self._info
        words = tuple(
            f"{what}: {'by the engine' if info.get(key) else 'not enforced'}"
            for what, key in (("memory", "MemoryLimit"), ("cpus", "CpuCfsQuota"), ("pids", "PidsLimit"))
        )
        return Machine(
            engine="docker",
            kernel=str(info.get("KernelVersion", "")),
            cores=int(info.get("NCPU") or 1),
            rootless=any("rootless" in option for option in info.get("SecurityOptions") or ()),
            enforcement=words,
        )

    # --- what instances need ---

    @contextlib.asynccontextmanager
    async def prepared(self, service: Service) -> AsyncIterator[Service]:
        """The image built, or pulled where it is not there, and what the service depends on up; gives the service as
        its image completes it. At the end all that was made is gone. InputError, UnsupportedError."""
        labels = owner.labels()
        await self._calls(lambda: owner.sweep(self._api))
        self._trial = _Trial(labels, Watch(self._api, labels))
        try:
            ready = await self._with_image(service)
            self._trial.environment = frozenset(ready.environment)
            await self._start_dependencies(ready)
            yield ready
        finally:
            await to_the_end(self._clean(self._trial))
            self._trial = None

    async def _clean(self, trial: _Trial) -> None:
        trial.watch.close()
        await self._calls.settle()
        await self._calls(lambda: owner.remove(self._api, trial.labels))
        self._api.close()

    async def _with_image(self, service: Service) -> Service:
        """The service as its image completes it; the image is there afterwards."""
        facts = await self._image(service)
        assert self._trial is not None
        self._trial.images[service.name] = facts
        whole = service.build is None and service.compose_file is None
        ready = replace(image.joined(service, facts.config, whole=whole), measured=facts.image)
        if ready.argv is None:
            hint = "give it a CMD, or: seatrial drill --engine docker IMAGE -- COMMAND"
            raise InputError(f"service {service.name}: its image has no command to run", hint=hint)
        return ready

    async def _image(self, service: Service) -> image.Facts:
        if service.build is not None:
            return await self._built(service, service.build)
        if service.image is None:
            hint = "name an image: seatrial drill --engine docker IMAGE -- COMMAND"
            raise InputError(f"service {service.name} has neither an image nor a Dockerfile", hint=hint)
        return await self._pulled(service.image.value)

    async def _built(self, service: Service, plan: BuildPlan) -> image.Facts:
        assert self._trial is not None and self._project.recipe is not None
        recipe, labels, tell = self._project.recipe(plan), self._trial.labels, self._project.tell
        made = await self._calls(lambda: build(self._api, recipe, labels, tell))
        facts = await self._calls(lambda: self._facts(made))
        named = replace(facts.image, name=service.image.value if service.image else service.name)
        return replace(facts, image=named)

    async def _pulled(self, name: str) -> image.Facts:
        from docker.errors import DockerException, ImageNotFound

        try:
            return await self._calls(lambda: self._facts(name))
        except ImageNotFound:
            self._project.tell(f"Pulling {name}")
        try:
            await self._calls(lambda: self._api.pull(*_reference(name)))
            return await self._calls(lambda: self._facts(name))
        except DockerException as error:
            message = f"there is no image {name} here, and it could not be pulled: {said(error)}"
            raise InputError(
                message, hint=f"docker pull {name}; or name a directory or Dockerfile that is there"
            ) from error

    def _facts(self, name: str) -> image.Facts:
        facts = image.facts(self._api.inspect_image(name), self._api.history(name))
        return replace(facts, image=replace(facts.image, name=facts.image.name or name))

    async def _start_dependencies(self, service: Service) -> None:
        assert self._trial is not None
        needed = dependencies.order(service, self._project.others)
        self._trial.network = await self._network(needs_one=bool(needed) or not self.enters)
        if not needed:
            return
        ready = [await self._with_image(each) for each in needed]
        self._trial.running = await dependencies.start(ready, [service], self._calls, self._create_dependency)
        for name, container in self._trial.running.items():
            told = await self._calls(partial(self._api.inspect_container, container))
            address = told["NetworkSettings"]["Networks"].get(self._trial.network, {}).get("IPAddress")
            if address:  # one that has completed has none
                self._trial.neighbours[name] = address

    async def _create_dependency(self, service: Service) -> str:
        around, copied, _ = self._surroundings(service, aliases=(service.name,))
        return await self._create(service, StartOptions(), around, copied)

    # --- an instance ---

    async def start(self, service: Service, options: StartOptions | None = None) -> DockerInstance:
        """Start one instance, between the entry and the exit of `prepared`."""
        assert self._trial is not None, "start is called while the service is prepared"
        options = options or StartOptions()
        instance = await self._start(service, options)
        if self._is_here and await instance.is_elsewhere():
            # The engine's machine only looks like this one (it shares our kernel, and not our view of it).
            self._is_here = False
            await instance.close()
            self._trial.network = await self._network(needs_one=True)
            instance = await self._start(service, options)
        return instance

    async def _start(self, service: Service, options: StartOptions) -> DockerInstance:
        assert self._trial is not None
        around, copied, notes = self._surroundings(service)
        if not self.enters:
            numbers = creation.ports(service, self._project.ports)
            around = replace(around, published=numbers, address=self._address())
            notes = (*notes, _hidden(numbers))
        container = await self._create(service, options, around, copied)
        running = self._trial.running
        wants_init = options.init if options.init is not None else bool(service.init and service.init.value)
        about = About(
            init=INIT if wants_init else "",
            tty=service.tty,
            is_here=self._is_here,
            published=not self.enters,
            host=self._reached_at(),
            comes_back=bool(options.restart),
            depends_on=tuple(found for each in service.depends_on if (found := running.get(each.value.service))),
            approximations=notes,
            enforcement=self._enforcement(service.limits),
        )
        instance = DockerInstance(self._calls, self._trial.watch, container, about)
        try:
            await instance.launch(options.on_output)
        except BaseException:
            await to_the_end(instance.close())
            raise
        return instance

    def _surroundings(
        self, service: Service, aliases: tuple[str, ...] = ()
    ) -> tuple[creation.Surroundings, dict[str, str], tuple[str, ...]]:
        """What the container gets, the folders that are copied into it by their place inside, and what differs."""
        trial = self._trial
        assert trial is not None
        binds, copied, notes = self._binds(service)
        around = creation.Surroundings(
            image=trial.images[service.name].id,
            labels=trial.labels,
            network=trial.network,
            aliases=aliases,
            unset=() if aliases else tuple(trial.environment - set(service.environment)),
            binds=binds,
            absent=self._absent(service),
        )
        return around, copied, notes

    async def _network(self, *, needs_one: bool) -> str:
        """A network of the trial's own, where one is needed: names are found in it, which the engine's usual one has
        not. Else the engine's usual network; none where it was told to have none."""
        trial = self._trial
        assert trial is not None
        if needs_one:
            name = f"seatrial-{secrets.token_hex(6)}"
            await self._calls(lambda: self._api.create_network(name, labels=trial.labels))
            return name
        usual = await self._calls(lambda: self._api.networks(names=list(USUAL)))
        return next((name for name in USUAL if any(one["Name"] == name for one in usual)), "none")

    def _binds(self, service: Service) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
        """Read-only binds stay binds where the engine sees our files. The others become volumes with a copy."""
        binds: dict[str, str] = {}
        copied: dict[str, str] = {}
        notes: list[str] = []
        absent = self._absent(service)
        notes += [f"{target} is not there: it is a single file, and the engine is elsewhere" for target in absent]
        for mount in (sourced.value for sourced in service.mounts if sourced.value.kind == "bind"):
            if mount.target in absent:
                continue
            if self._is_here and (mount.read_only or not Path(mount.source).is_dir()) and Path(mount.source).exists():
                binds[mount.target] = mount.source
                if not mount.read_only:
                    notes.append(f"{mount.target} is read-only here: it is a file of this host")
            elif _bytes_below(mount.source) <= LARGEST:
                copied[mount.target] = mount.source
                notes.append(f"{mount.target} is a copy: what is written there does not reach this host")
            else:
                binds[mount.target] = mount.source
                notes.append(f"{mount.target} is read-only here: it is too large to be copied")
        shared = [mount.value.target for mount in service.mounts if mount.value.kind == "volume" and mount.value.source]
        notes += [f"the volume at {target} is new, empty and shared with nobody" for target in shared]
        return binds, copied, tuple(notes)

    def _absent(self, service: Service) -> tuple[str, ...]:
        """Where files are to be that an engine elsewhere does not see: only a folder has a volume to be copied into."""
        mounts = (sourced.value for sourced in service.mounts if sourced.value.kind == "bind" and not self._is_here)
        return tuple(mount.target for mount in mounts if Path(mount.source).is_file())

    async def _create(
        self, service: Service, options: StartOptions, around: creation.Surroundings, copied: Mapping[str, str]
    ) -> str:
        from docker.errors import DockerException

        wanted = creation.body(service, options, around)
        name = f"seatrial-{os.getpid()}-{next(self._counter)}-{secrets.token_hex(4)}"
        try:
            made = await self._calls(lambda: self._api.create_container_from_config(wanted, name))
            for target, source in copied.items():
                await self._calls(partial(self._api.put_archive, made["Id"], target, _packed(source)))
        except DockerException as error:
            raise StartError("create", said(error)) from error
        return str(made["Id"])

    def _address(self) -> str:
        """Where ports are published: on the loopback of an engine that is here, else on all addresses there."""
        return creation.LOOPBACK if self._api.base_url.startswith("http+docker://") else "0.0.0.0"

    def _reached_at(self) -> str:
        return (
            creation.LOOPBACK if self._address() == creation.LOOPBACK else urlsplit(self._api.base_url).hostname or ""
        )

    def _enforcement(self, limits: Limits) -> tuple[str, ...]:
        """The limits that were said, and whether this engine can enforce them."""
        version = self._info.get("CgroupVersion") or "1"
        said_ones = {
            "MemoryLimit": f"memory {size(limits.memory.value)}" if limits.memory else "",
            "CpuCfsQuota": f"cpus {limits.cpus.value:g}" if limits.cpus else "",
            "PidsLimit": f"pids {limits.pids.value}" if limits.pids else "",
        }
        return tuple(
            f"{what}: {f'cgroup{version}, by the engine' if self._info.get(key) else 'not enforced by this engine'}"
            for key, what in said_ones.items()
            if what
        )


def _hidden(ports: Sequence[int]) -> str:
    """What a published port hides, in a sentence."""
    numbers = ", ".join(map(str, ports)) or "none that is known"
    return (
        f"load goes through published ports ({numbers}), where the engine may accept a connection that nobody serves "
        "and end one in its own way: refused, reset and closed connections are the engine's, not the service's; what "
        "listens on the loopback inside, or on another port, is not reached. As root on the engine's own machine load "
        "is made inside the container"
    )


def _reference(name: str) -> tuple[str, str | None]:
    """Repository and tag, as the API's "pull" wants them: without a tag it would pull all."""
    if "@" in name:
        return name, None
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "latest")


def _bytes_below(path: str) -> int:
    """The bytes of a file, or of all below a directory, as far as they can be read."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
        if total > LARGEST:
            break
    return total


def _packed(source: str) -> bytes:
    """What is below a directory, as a tar of its own paths."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar, contextlib.suppress(OSError):
        tar.add(source, ".")
    return packed.getvalue()
