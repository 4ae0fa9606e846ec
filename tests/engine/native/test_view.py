"""How each step of the view is done: records for the shim, decided without doing any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.native import view
from seatrial.engine.native.description import Step
from seatrial.engine.native.shim import Record
from seatrial.engine.native.view import MS_BIND, MS_REC, View

ROOT = "/stage/root"


def records(*steps: Step, lonely: bool = False) -> list[Record]:
    """The records of the steps alone, without the stage before them and the change of root after them."""
    return list(View("/stage", list(steps), user_namespace=lonely).records())[3:-1]


def test_stage_and_root_are_in_memory_and_the_root_is_changed_last() -> None:
    found = list(View("/stage", [], user_namespace=False).records())
    assert [(record[0], record[1]) for record in found] == [
        ("mount", "tmpfs"),
        ("directory", ROOT),
        ("mount", "tmpfs"),
        ("root", ROOT),
    ]


def test_overlay_that_the_kernel_refuses_is_a_read_only_bind_and_is_said(tmp_path: Path) -> None:
    source = str(tmp_path)
    decided = View("/stage", [{"do": "overlay", "target": "/app", "sources": [source]}], user_namespace=False)
    found = list(decided.records())
    options = f"lowerdir={source},upperdir=/stage/1-upper,workdir=/stage/1-work"
    assert found[-4:-1] == [
        ("?mount", "overlay", f"{ROOT}/app", "overlay", 0, options),
        ("|mount", source, f"{ROOT}/app", "", MS_BIND | MS_REC, ""),
        ("|read-only", f"{ROOT}/app", "all"),
    ]
    assert decided.approximated[f"{ROOT}/app"][0] == 1
    assert "/app is read-only here" in decided.approximated[f"{ROOT}/app"][1]


def test_user_namespace_tries_the_overlay_twice_and_gives_nothing_away(tmp_path: Path) -> None:
    found = records({"do": "overlay", "target": "/app", "sources": [str(tmp_path)], "uid": 5}, lonely=True)
    attempts = [record for record in found if "overlay" in record]
    assert [record[0] for record in attempts] == ["?mount", "|?mount"]
    assert [str(record[5]).startswith("userxattr,") for record in attempts] == [True, False]
    assert not [record for record in found if "own" in str(record[0])]


def test_separators_in_the_names_of_layers_are_escaped() -> None:
    found = records({"do": "overlay", "target": "/app", "sources": ["/a:b", "/c,d\\e"]})
    (overlay,) = [record for record in found if record[0] == "?mount"]
    assert str(overlay[5]).startswith("lowerdir=/a\\:b:/c\\,d\\\\e,")


def test_scratch_layer_is_like_the_directory_that_it_covers(tmp_path: Path) -> None:
    tmp_path.chmod(0o2751)
    seen = tmp_path.stat()
    found = records({"do": "overlay", "target": "/app", "sources": [str(tmp_path)]})
    assert ("?mode", "/stage/1-upper", 0o2751) in found
    assert ("?own", "/stage/1-upper", seen.st_uid, seen.st_gid) in found


def test_scratch_layer_has_the_directories_that_later_steps_need(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "file").write_text("")
    later: list[Step] = [
        {"do": "file", "target": "/app/etc/deep/x", "text": ""},
        {"do": "tmpfs", "target": "/app/etc/deep"},
        {"do": "directory", "target": "/app/file/no"},
        {"do": "directory", "target": "/elsewhere"},
    ]
    found = records({"do": "overlay", "target": "/app", "sources": [str(tmp_path)]}, *later)
    made = [record[1] for record in found if str(record[1]).startswith("/stage/1-upper/") and record[0] == "directory"]
    assert made == ["/stage/1-upper/etc", "/stage/1-upper/etc/deep"]


def test_optional_step_may_fail_as_a_whole(tmp_path: Path) -> None:
    found = records({"do": "bind", "target": "/x", "source": str(tmp_path), "optional": True})
    assert [record[0] for record in found] == ["?directory", "?mount", "?read-only"]


def test_file_is_bound_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("")
    found = records({"do": "bind", "target": "/etc/one", "source": str(tmp_path / "one")})
    assert [(record[0], record[1]) for record in found[:2]] == [
        ("directory", f"{ROOT}/etc"),
        ("?node", f"{ROOT}/etc/one"),
    ]


def test_file_replaces_a_link_of_its_name_and_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("")
    (tmp_path / "run.sh").chmod(0o750)
    source = str(tmp_path / "run.sh")
    assert records({"do": "file", "target": "/x/run", "source": source})[1:] == [
        ("unlink", f"{ROOT}/x/run"),
        ("install", source, f"{ROOT}/x/run", 0o750),
    ]
    assert ("mode", f"{ROOT}/x", 0o644) in records({"do": "file", "target": "/x", "text": "hello"})


@pytest.mark.parametrize("mode", ["all", "alone"])
def test_seal_is_for_one_mount_and_a_bind_for_all_below(mode: str, tmp_path: Path) -> None:
    steps: dict[str, Step] = {
        "alone": {"do": "read_only", "target": "/"},
        "all": {"do": "bind", "target": "/x", "source": str(tmp_path)},
    }
    assert records(steps[mode])[-1][2] == mode


def test_proc_is_closed_where_docker_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: dict[str, Any] = {"/proc/sys": True, "/proc/kcore": False, "/proc/scsi": True}
    monkeypatch.setattr(view.looking, "exists", lambda path: path in kinds)
    monkeypatch.setattr(view.looking, "is_directory", lambda path: kinds.get(path, False))
    found = records({"do": "proc", "target": "/proc"})
    assert ("read-only", f"{ROOT}/proc/sys", "all") in found
    assert ("mount", "/dev/null", f"{ROOT}/proc/kcore", "", MS_BIND, "") in found
    assert [record[:3] for record in found if record[1] == "tmpfs"] == [("mount", "tmpfs", f"{ROOT}/proc/scsi")]


def test_own_cgroups_stand_in_a_tmpfs_of_their_own_unless_they_are_one_tree() -> None:
    hybrid: list[Step] = [
        {"do": "cgroup", "target": f"/sys/fs/cgroup/{name}", "source": f"/c/{name}", "optional": True}
        for name in ("unified", "memory")
    ]
    assert [record[1] for record in records(*hybrid) if record[0] == "?mount"] == ["tmpfs", "/c/unified", "/c/memory"]
    one: Step = {"do": "cgroup", "target": "/sys/fs/cgroup", "source": "/c/one", "optional": True}
    assert [record[1] for record in records(one) if record[0] == "?mount"] == ["/c/one"]
