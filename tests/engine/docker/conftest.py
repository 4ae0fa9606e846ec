"""A real engine for the driver: Debian's dockerd of the test session, and images made of this machine's own files."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.docker import DockerEngine
from seatrial.engine.docker.engine import Project
from seatrial.model.place import Sourced
from seatrial.model.service import Mount, Service
from tests import docker_engine as testing
from tests.requirements import missing_module, require

HOST_IMAGE = "seatrial-host"
"""An image of links and empty directories, over which this machine's /usr and /etc are bound."""
_LINKS = ("bin", "lib", "lib32", "lib64", "libx32")
_FOLDERS = ("usr", "etc", "run", "sbin", "srv", "srv/trial", "tmp", "var", "var/lib", "var/log", "var/tmp")
"""With the folders above each: those that are not named are made for root alone."""


@pytest.fixture
def new_engine(docker_engine: testing.DockerEngine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DockerEngine]:
    """Makes drivers of the session's engine."""
    require(missing_module("docker"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{docker_engine.socket}")
    return lambda **project: DockerEngine(Project(**project))


@pytest.fixture(autouse=True)
def _nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test with an engine nothing of ours is on it."""
    yield
    if "docker_engine" in request.fixturenames:
        assert left(request.getfixturevalue("docker_engine")) == []


def left(engine: testing.DockerEngine) -> list[Any]:
    """Containers, networks, volumes and images with a label of ours."""
    label = "%7B%22label%22%3A%5B%22seatrial.owner%22%5D%7D"  # {"label":["seatrial.owner"]}
    volumes = engine.call("GET", f"/volumes?filters={label}")["Volumes"] or []
    paths = ("containers/json?all=1&", "networks?", "images/json?all=1&")
    return [*volumes, *(one for path in paths for one in engine.call("GET", f"/{path}filters={label}"))]


@pytest.fixture(scope="session")
def host_image(docker_engine: testing.DockerEngine) -> str:
    """The name of the image for programs of this machine."""
    return import_host_image(docker_engine)


def import_host_image(engine: testing.DockerEngine) -> str:
    """Make the image for programs of this machine on an engine, and give its name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in _LINKS:
            if Path(f"/{name}").is_symlink():
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, str(Path(f"/{name}").readlink())
                tar.addfile(link)
        for name in _FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name.endswith("tmp") else 0o755
            tar.addfile(folder)
        for name in ("etc/passwd", "etc/group"):  # where the engine looks up a user, whatever is bound there
            tar.add(f"/{name}", name)
    engine.call("POST", f"/images/create?fromSrc=-&repo={HOST_IMAGE}", packed.getvalue(), "application/x-tar")
    return HOST_IMAGE


def on_host_files(service: Service, image: str) -> Service:
    """A service of this machine's programs as a container: what it needs of the host is bound read-only."""
    base = os.path.realpath(sys.base_prefix)
    folders = dict.fromkeys(("/usr", "/etc", sys.prefix, *([] if base.startswith("/usr") else [base])))
    binds = [Sourced(Mount("bind", folder, folder, read_only=True)) for folder in folders]
    own = Sourced(Mount("bind", service.context, service.workdir.value, read_only=True))
    return replace(service, image=Sourced(image), mounts=(*service.mounts, *binds, own))
