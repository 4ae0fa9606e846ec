"""The rules of `develop.watch`."""

from __future__ import annotations

from pathlib import Path

from seatrial.model.deployment import Hook, WatchRule

from .conftest import Read

HEAD = "services:\n  web:\n    image: a\n    develop:\n      watch:\n        - "


def test_a_rule_may_run_a_command_inside(read: Read, tmp_path: Path) -> None:
    exec_ = "{command: make all, user: root, working_dir: /app, environment: {A: b}}"
    found = read(HEAD + f"{{path: ./src, action: sync+exec, target: /app, ignore: [x/], exec: {exec_}}}\n")
    (rule,) = found.services["web"].watch
    hook = Hook(("make", "all"), "root", False, "/app", {"A": "b"})
    assert rule == WatchRule(str(tmp_path / "src"), "sync+exec", "/app", ("x/",), (), hook)


def test_a_command_is_needed_where_one_is_to_be_run(read: Read) -> None:
    for rule in ("{path: ., action: sync+exec}", "{path: ., action: sync+exec, exec: {user: root}}"):
        found = read(HEAD + rule + "\n")
        assert found.services["web"].watch == () or found.services["web"].watch[0].hook is None
        assert any("command" in finding.message for finding in found.findings), found.findings
