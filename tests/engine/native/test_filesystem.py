"""What an instance sees of the file system: the steps, decided without doing any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.native import filesystem
from seatrial.engine.native.description import Step
from seatrial.engine.native.users import Accounts, User
from seatrial.model.place import Sourced
from seatrial.model.service import Copy, Limits, Mount, Service

ROOT = User("root", 0, 0, "/root", (0,))


def decided(
    context: Path, *, user: User = ROOT, mountinfo: str = "", lonely: bool = False, **fields: Any
) -> list[Step]:
    """The steps for a service with these fields."""
    return both(context, user=user, mountinfo=mountinfo, lonely=lonely, **fields)[0]


def both(
    context: Path, *, user: User = ROOT, mountinfo: str = "", lonely: bool = False, **fields: Any
) -> tuple[list[Step], list[str]]:
    service = Service("s", str(context), None, **fields)
    return filesystem.plan(service, filesystem.Wish(user, "box", (), Accounts(), lonely, mountinfo))


def at(steps: list[Step], target: str) -> list[Step]:
    return [step for step in steps if step["target"] == target]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("")
    (tmp_path / "package.json").write_text("{}")
    return tmp_path


def test_project_is_shown_once_at_its_working_directory(project: Path) -> None:
    steps = decided(project, workdir=Sourced("/app"), copies=(Copy((".",), "."),))
    assert at(steps, "/app") == [{"do": "overlay", "target": "/app", "sources": [str(project)], "mode": 0o755}]


def test_project_copied_above_the_working_directory_is_shown_there_alone(project: Path) -> None:
    steps = decided(project, workdir=Sourced("/srv/app/src"), copies=(Copy((".",), "/srv/app"),))
    assert [step["target"] for step in steps if str(project) in step.get("sources", [])] == ["/srv/app"]


def test_part_of_the_project_at_its_own_place_needs_no_step(project: Path) -> None:
    copies = (Copy(("package.json",), "./"), Copy(("src",), "./src"), Copy(("src/",), "src"))
    steps = decided(project, workdir=Sourced("/app"), copies=copies)
    assert [step["target"] for step in steps if step["target"].startswith("/app")] == ["/app"]


def test_part_of_the_project_elsewhere_is_put_there(project: Path) -> None:
    copies = (Copy(("src",), "/opt/code"), Copy(("package.json",), "/etc/of-ours/"), Copy(("*.json",), "/meta/"))
    steps = decided(project, workdir=Sourced("/app"), copies=copies)
    assert at(steps, "/opt/code")[0]["sources"] == [str(project / "src")]
    assert at(steps, "/etc/of-ours/package.json")[0]["source"] == str(project / "package.json")
    assert at(steps, "/meta/package.json")


def test_copy_of_what_is_not_there_is_said(project: Path) -> None:
    notes = both(project, workdir=Sourced("/app"), copies=(Copy(("dist",), "/app/dist"),))[1]
    assert notes == ["COPY dist: nothing of that name in the project, left out"]


def test_project_at_the_root_is_shown_entry_by_entry(project: Path) -> None:
    steps = decided(project, copies=(Copy((".",), "/"),))
    assert at(steps, "/package.json")[0]["do"] == "file"
    assert str(project / "src") in at(steps, "/src")[0]["sources"]
    assert not any(str(project) in step.get("sources", []) for step in steps)


def test_working_directory_without_project_files_exists(project: Path) -> None:
    steps = decided(project, workdir=Sourced("/opt/seatrial-none/run"), copies=(Copy(("package.json",), "/"),))
    assert at(steps, "/opt/seatrial-none/run")


def test_home_directories_and_own_file_systems_of_the_host_are_left_out(project: Path) -> None:
    steps = decided(project)
    for target in ("/root", "/home"):
        assert next(step["do"] for step in at(steps, target)) == "directory"
    assert next(step["do"] for step in at(steps, "/tmp")) == "tmpfs"
    assert [step["do"] for step in at(steps, "/proc")] == ["proc"]


def test_what_is_mounted_on_the_host_is_bound_read_only(project: Path) -> None:
    mountinfo = (
        "27 1 254:0 / / rw - ext4 /dev/vda rw\n30 27 0:1 / /usr/share rw - ext4 x rw\n31 27 0:2 / /tmp/x rw - t t rw\n"
    )
    steps = decided(project, mountinfo=mountinfo)
    assert [step["do"] for step in at(steps, "/usr")] == ["overlay"]
    assert at(steps, "/usr/share") == [{"do": "bind", "target": "/usr/share", "source": "/usr/share", "optional": True}]
    assert not at(steps, "/tmp/x")


@pytest.mark.parametrize("lonely", [False, True])
def test_files_that_a_container_has_mounted_are_replaced_by_the_instances_own(project: Path, lonely: bool) -> None:
    steps = decided(project, mountinfo="30 27 0:1 /x /etc/hosts rw - ext4 x rw\n", lonely=lonely)
    assert [step["do"] for step in at(steps, "/etc/hosts")][-1] == "file"
    assert "bind" not in [step["do"] for step in at(steps, "/etc/hosts")]


def test_user_namespace_puts_a_directory_with_mounts_together_from_its_entries(project: Path) -> None:
    steps = decided(project, mountinfo="30 27 0:1 / /usr/share rw - ext4 x rw\n", lonely=True)
    assert [step["do"] for step in at(steps, "/usr")] == ["directory"]
    assert [step["do"] for step in at(steps, "/usr/bin")] == ["overlay"]
    assert [step["do"] for step in at(steps, "/usr/share")] == ["bind"]


def test_read_only_seals_all_but_what_was_asked_for(project: Path) -> None:
    mounts = (Sourced(Mount("tmpfs", "", "/tmp")), Sourced(Mount("volume", "", "/data")))
    steps = decided(project, workdir=Sourced("/app"), mounts=mounts, read_only=Sourced(True))
    sealed = {step["target"] for step in steps if step["do"] == "read_only"}
    assert {"/", "/app", "/usr", "/run"} <= sealed
    assert not sealed & {"/tmp", "/data", "/dev"}


def test_mounts_of_the_service(project: Path) -> None:
    mounts = (
        Sourced(Mount("tmpfs", "", "/scratch", options="rw,noexec,size=64m")),
        Sourced(Mount("volume", "db", "/data")),
        Sourced(Mount("bind", "./src", "/code", read_only=True)),
        Sourced(Mount("bind", "package.json", "/etc/package.json")),
        Sourced(Mount("bind", "/no/such/place", "/nothing")),
        Sourced(Mount("bind", "/proc", "/proc")),
    )
    steps, notes = both(project, user=User("", 1000, 1000, "/"), mounts=mounts)
    scratch = {"do": "tmpfs", "target": "/scratch", "options": "size=64m,mode=1777", "noexec": True}
    assert at(steps, "/scratch") == [scratch]
    assert at(steps, "/data") == [{"do": "tmpfs", "target": "/data", "options": "mode=0755", "uid": 1000, "gid": 1000}]
    assert [step["do"] for step in at(steps, "/code")] == ["overlay", "read_only"]
    assert at(steps, "/etc/package.json")[0]["do"] == "file"
    assert at(steps, "/nothing")[0]["do"] == "tmpfs"
    assert any("/no/such/place does not exist" in note for note in notes)
    assert any("/proc" in note and "left out" in note for note in notes)


def test_shared_memory_has_dockers_size_where_nothing_is_said(project: Path) -> None:
    assert at(decided(project), "/dev")[0]["size"] == 64 << 20
    assert at(decided(project, limits=Limits(shm_size=Sourced(1 << 20))), "/dev")[0]["size"] == 1 << 20


def test_invented_user_is_written_into_the_accounts(project: Path) -> None:
    steps = decided(project, user=User("node", 1000, 1000, "/home/node", (1000,), invented=True))
    assert at(steps, "/etc/passwd")[0]["text"].startswith("node:x:1000:1000::/home/node:")
    assert at(steps, "/home/node")[0] == {
        "do": "directory", "target": "/home/node", "mode": 0o755, "uid": 1000, "gid": 1000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "expected"), [("/app/", "/app"), ("/a/../b//c/.", "/b/c"), ("/", "/"), ("/tmp/../tmp/x", "/tmp/x")]
)
def test_targets_are_absolute_and_plain(path: str, expected: str) -> None:
    assert filesystem.real(path) == expected


def test_a_volume_begins_with_what_the_project_has_there(project: Path) -> None:
    (project / "empty").mkdir()
    targets = ("/app/src", "/app/empty", "/data")
    mounts = tuple(Sourced(Mount("volume", "", target)) for target in targets)
    steps, notes = both(project, user=User("", 1000, 1000, "/"), workdir=Sourced("/app"), mounts=mounts)
    assert at(steps, "/app/src")[-1]["sources"] == [str(project / "src")]
    assert [at(steps, target)[-1]["do"] for target in targets] == ["overlay", "tmpfs", "tmpfs"]
    assert "the volume at /app/src begins with the project's files, and is in memory" in notes


def test_a_volume_at_the_projects_own_place_does_not_hide_it(project: Path) -> None:
    mounts = (Sourced(Mount("volume", "", "/app")), Sourced(Mount("volume", "", "/opt")))
    copies = (Copy((".",), "/app"), Copy(("package.json",), "/opt/meta/"))
    steps = decided(project, workdir=Sourced("/app"), copies=copies, mounts=mounts)
    assert [step["do"] for step in at(steps, "/app")] == ["overlay"]
    assert "tmpfs" not in [step["do"] for step in at(steps, "/opt")]


def test_a_mount_does_not_hide_the_programs_that_stand_for_the_images(project: Path) -> None:
    mounts = (Sourced(Mount("tmpfs", "", "/tmp")),)
    wish = filesystem.Wish(ROOT, "box", ("/tmp/clone/.venv", "/opt/node"), Accounts(), False, "")
    steps, _ = filesystem.plan(Service("s", str(project), None, mounts=mounts), wish)
    order = [(step["do"], step["target"]) for step in steps]
    assert ("bind", "/tmp/clone/.venv") in order[order.index(("tmpfs", "/tmp"), order.index(("tmpfs", "/run"))) :]
    assert ("bind", "/opt/node") not in order
