"""What the shim is told: the format, and the order in which rights are given up."""

from __future__ import annotations

from pathlib import Path

from seatrial.engine.interface import StartOptions
from seatrial.engine.native import plan, records, shim, users
from seatrial.engine.native.cgroups import Cgroups
from seatrial.engine.native.shim import Record
from seatrial.engine.native.view import View
from seatrial.model.place import Sourced
from seatrial.model.service import Service

CGROUPS = Cgroups(("/c/unified/x", "/c/memory/x"), "/c/unified/x", {"memory": "/c/memory/x"})


def told(context: Path, *, lonely: bool = False) -> list[Record]:
    """The records of a small service."""
    host = plan.Host(lonely, 1234, 1235, 2, users.Accounts(), "", {})
    service = Service("s", str(context), Sourced(("node", "a b")), user=Sourced("1000:1001"), no_new_privileges=True)
    decided = plan.make(service, StartOptions(), host, CGROUPS, "/stage")
    return list(records.instance(decided.launch, View("/stage", [], user_namespace=lonely), (1234, 1235)))


def names(found: list[Record]) -> list[str]:
    return [str(record[0]) for record in found]


def test_words_end_with_nul_and_records_with_an_empty_word() -> None:
    assert shim.encode([("argv", "a", ""), ("hold",)]) == b"seatrial-shim 1\0argv\0=a\0=\0\0hold\0\0"
    assert shim.encode([("file", "/x", 0o644, "\udcff")]).endswith(b"=420\0=\xff\0\0")


def test_report_is_a_word_and_the_rest() -> None:
    assert shim.parse(b"error mount 13 /a b\n").failure() == ("mount", 13, "/a b")
    assert shim.parse(b"error loopback 1 \n").failure() == ("loopback", 1, "")
    assert shim.parse(b"done\n") == shim.Report("done", "")


def test_rights_are_given_up_last_and_parent_death_follows_the_user(tmp_path: Path) -> None:
    order = names(told(tmp_path))
    steps = ["root", "limit", "chdir", "bound", "groups", "group", "user", "no-new-privileges", "capabilities"]
    places = [len(order) - 1 - order[::-1].index(step) for step in (*steps, "parent-death")]
    assert places == sorted(places)
    assert order[-3:] == ["parent-death", "argv", "environment"]


def test_cgroups_are_entered_counted_and_removed(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert [record[1] for record in found if record[0] == "cgroup"] == [
        f"{one}/cgroup.procs" for one in CGROUPS.folders
    ]
    assert [record[1] for record in found if record[0] == "remove"] == [*CGROUPS.folders, "/stage"]
    assert ("oom", "/c/memory/x/memory.oom_control") in found


def test_user_namespace_has_one_user_and_no_other_groups(tmp_path: Path) -> None:
    found = told(tmp_path, lonely=True)
    assert [record[1:] for record in found if record[0] == "map"] == [
        ("setgroups", "deny"),
        ("uid_map", "1000 1234 1"),
        ("gid_map", "1001 1235 1"),
    ]
    assert "groups" not in names(found)
    assert "map" not in names(told(tmp_path))
