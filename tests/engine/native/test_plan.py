"""One service and a machine in, a launch out."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.interface import StartOptions
from seatrial.engine.native import plan, users
from seatrial.engine.native.cgroups import Cgroups
from seatrial.model.errors import InputError
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Dependency, Limits, Service, Ulimit

HOST = plan.Host(False, 0, 0, 2, users.Accounts(), "", {"PATH": "/usr/bin", "SECRET": "x"})
NO_CGROUPS = Cgroups((), "", {})


def made(context: Path, *, host: plan.Host = HOST, options: StartOptions | None = None, **fields: Any) -> plan.Plan:
    fields.setdefault("argv", Sourced(("true",)))
    service = Service("s", str(context), **fields)
    return plan.make(service, options or StartOptions(), host, NO_CGROUPS, "/tmp/seatrial-1-2-3-4-abcdef012345")


def test_environment_is_the_services_over_the_engines_and_nothing_else(tmp_path: Path) -> None:
    options = StartOptions(environment={"EXTRA": "1", "PORT": "81"})
    found = made(tmp_path, options=options, environment={"PORT": Sourced("80"), "HOME": Sourced("/data")})
    assert found.launch["environment"] == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOSTNAME": "abcdef012345",
        "HOME": "/data",
        "PORT": "81",
        "EXTRA": "1",
    }


def test_same_input_gives_the_same_plan(tmp_path: Path) -> None:
    assert made(tmp_path) == made(tmp_path)


def test_ulimits_of_the_service_replace_those_of_a_container(tmp_path: Path) -> None:
    limits = Limits(ulimits=(Sourced(Ulimit("nofile", 10, 20)), Sourced(Ulimit("core", -1, -1))))
    wanted = {number: (soft, hard) for number, soft, hard in made(tmp_path, limits=limits).launch["ulimits"]}
    assert wanted[resource.RLIMIT_NOFILE] == (10, 20)
    assert wanted[resource.RLIMIT_CORE] == (-1, -1)
    assert wanted[resource.RLIMIT_NPROC] == (-1, -1)


@pytest.mark.parametrize("limit", [Ulimit("nofile", 20, 10), Ulimit("nofile", -1, 10), Ulimit("nosuch", 1, 1)])
def test_ulimit_that_cannot_be_is_the_users_error(tmp_path: Path, limit: Ulimit) -> None:
    with pytest.raises(InputError):
        made(tmp_path, limits=Limits(ulimits=(Sourced(limit, Place("compose.yaml", 3)),)))


def test_missing_project_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        made(tmp_path / "none")


def test_differences_from_the_real_image_are_said(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        base_images=(Sourced("debian:12"),),
        dockerfile="Dockerfile",
        depends_on=(Sourced(Dependency("db")),),
        limits=Limits(cpus=Sourced(8.0)),
        user=Sourced("node"),
    )
    text = "\n".join(found.approximations)
    for words in (
        "stand for debian:12",
        "RUN steps",
        ".dockerignore",
        "not started: db",
        "no DNS",
        "cut to the 2 cores",
        "node",
    ):
        assert words in text


def test_without_root_the_only_user_is_the_services(tmp_path: Path) -> None:
    host = plan.Host(True, 1234, 1234, 2, users.Accounts(), "", {})
    found = made(tmp_path, host=host, user=Sourced("1000:1000"), group_add=("27",))
    assert (found.launch["map_uid"], found.launch["map_gid"], found.launch["groups"]) == (1000, 1000, None)
    assert any("without root there is one user" in sentence for sentence in found.approximations)
    assert any("supplementary groups" in sentence for sentence in found.approximations)


def test_cgroups_are_shown_where_programs_look_for_their_limits() -> None:
    hybrid = Cgroups(
        ("/sys/fs/cgroup/unified/x", "/sys/fs/cgroup/memory/box/x"),
        "/sys/fs/cgroup/unified/x",
        {"memory": "/sys/fs/cgroup/memory/box/x"},
    )
    assert plan._cgroup_views(hybrid) == (
        ("/sys/fs/cgroup/unified/x", "/sys/fs/cgroup/unified"),
        ("/sys/fs/cgroup/memory/box/x", "/sys/fs/cgroup/memory"),
    )
    unified = Cgroups(("/sys/fs/cgroup/a/x",), "/sys/fs/cgroup/a/x", {"memory": "/sys/fs/cgroup/a/x"})
    assert plan._cgroup_views(unified) == (("/sys/fs/cgroup/a/x", "/sys/fs/cgroup"),)
