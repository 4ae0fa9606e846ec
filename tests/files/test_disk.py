"""The one door to the disk: nothing passes by it, and what was asked can be asked again."""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial import files
from seatrial.files import disk
from seatrial.files.reading import answer, is_regular, read_bytes, refuse_unreadable
from seatrial.model.errors import InputError

DOORS = {"disk.py", "reading.py"}
OTHERS = {
    "cache.py": "its own files, not the user's",
    "editing.py": "writes; what it reads it compares at once",
}
FORBIDDEN = frozenset(
    {"stat", "lstat", "access", "listdir", "scandir", "readlink", "exists", "lexists", "isfile"}
    | {"isdir", "islink", "realpath", "getsize", "getmtime", "is_file", "is_dir", "iterdir", "glob", "rglob"}
    | {"read_text", "read_bytes", "resolve", "open", "is_symlink", "is_fifo", "samefile"}
)


def calls_past_the_door(source: str, own: frozenset[str] = frozenset()) -> Iterator[str]:
    """The calls in a module that look at the disk by themselves. `own` are functions of ours with such a name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN - own:
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "disk"):
                yield f"line {node.lineno}: {ast.unparse(node.func)}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            yield f"line {node.lineno}: open"


def functions_of(folder: Path) -> frozenset[str]:
    """The names of all functions that the modules of a folder define."""
    trees = (ast.parse(path.read_text()) for path in folder.glob("*.py"))
    return frozenset(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_no_reader_looks_at_the_disk_but_through_the_door() -> None:
    root = Path(files.__file__).parent
    own = {folder: functions_of(folder) for folder in root.rglob("*") if folder.is_dir() and folder.name[0] != "_"}
    found = [
        f"{path.relative_to(root)} {call}"
        for path in sorted(root.rglob("*.py"))
        if path.name not in DOORS | set(OTHERS)
        for call in calls_past_the_door(path.read_text(), own.get(path.parent, frozenset()))
    ]
    assert not found, "ask `seatrial.files.disk` or `files.reading`: the cache must know what was asked"


def test_the_search_for_such_calls_finds_them() -> None:
    source = "import os\nos.stat(p)\np.is_file()\nopen(p)\ndisk.exists(p)\nread_text(p)\n"
    assert [call.partition(":")[0] for call in calls_past_the_door(source)] == ["line 2", "line 3", "line 4"]


@pytest.fixture
def heard() -> Iterator[disk.Notes]:
    notes = disk.listen()
    yield notes
    disk.stop_listening(notes)


def ask_everything(path: Path) -> None:
    disk.exists(path)
    disk.kind_of(path)
    disk.is_executable(path)
    disk.real_path(path)
    disk.entries(path)
    with contextlib.suppress(InputError):
        read_bytes(path, limit=100)
    with contextlib.suppress(InputError):
        refuse_unreadable(path)


def change(name: str, path: Path) -> None:
    if name == "content":
        path.write_text("other")
    elif name == "gone":
        path.unlink()
    elif name == "larger than may be read":
        path.write_text("x" * 101)
    elif name == "a directory":
        path.unlink()
        path.mkdir()
    elif name == "a pipe":
        path.unlink()
        os.mkfifo(path)
    elif name == "executable":
        path.chmod(0o755)
    else:
        path.unlink()
        path.symlink_to("nothing")


CHANGES = ("content", "gone", "larger than may be read", "a directory", "a pipe", "executable", "a broken link")


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_changes_an_answer(tmp_path: Path, heard: disk.Notes, name: str) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    ask_everything(path)
    assert all(answer(*question) == said for question, said in heard.items())
    change(name, path)
    assert any(answer(*question) != said for question, said in heard.items())


def test_a_listing_tells_a_file_from_a_directory_and_names_from_each_other(tmp_path: Path) -> None:
    seen = set()
    steps: tuple[Callable[[], object], ...] = (list, (tmp_path / "a").touch, (tmp_path / "a").unlink)
    for step in (*steps, (tmp_path / "a").mkdir):
        step()
        seen.add(answer("entries", str(tmp_path)))
    assert len(seen) == 3


def test_while_somebody_listens_a_question_has_one_answer(tmp_path: Path) -> None:
    notes = disk.listen()
    assert disk.entries(tmp_path) == () and not disk.exists(tmp_path / "a")
    (tmp_path / "a").touch()
    assert disk.entries(tmp_path) == () and not disk.exists(tmp_path / "a")
    more = disk.listen()
    assert disk.entries(tmp_path) == () and ("entries", str(tmp_path)) in more
    disk.stop_listening(more)
    disk.stop_listening(notes)
    assert disk.entries(tmp_path) == (("a", False),) and disk.exists(tmp_path / "a")


def test_what_a_known_listing_lacks_is_not_looked_for_and_stands_on_the_listing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    notes = disk.listen()
    disk.entries(tmp_path)
    (tmp_path / "late").touch()
    assert not disk.exists(tmp_path / "late") and not disk.is_regular(tmp_path / "late" / "below")
    assert set(notes) == {("entries", str(tmp_path))}, "nothing more was asked"
    with disk.apart() as alone:
        assert disk.kind_of(tmp_path / "b") == "" and set(alone) == set(notes)
    assert disk.is_directory(tmp_path / "link") and disk.is_directory(f"{tmp_path}/b/../a") is False
    assert disk.is_directory(f"{tmp_path}/a/..") and disk.is_directory(f"{tmp_path}/")
    disk.stop_listening(notes)
    assert disk.exists(tmp_path / "late")


def test_a_listing_that_cannot_be_read_says_nothing_of_what_is_there(tmp_path: Path, heard: disk.Notes) -> None:
    file = tmp_path / "file"
    file.touch()
    assert disk.entries(file) == () and not disk.exists(file / "a") and ("exists", str(file / "a")) in heard


def test_a_small_file_that_is_read_twice_is_opened_once(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    notes = disk.listen()
    assert read_bytes(file) == b"one"
    file.write_bytes(b"two")
    assert read_bytes(file) == b"one", "all readers of one run see the same"
    disk.stop_listening(notes)
    assert read_bytes(file) == b"two" and disk.is_consistent(notes)


def test_who_listens_apart_is_not_overheard_until_told(heard: disk.Notes) -> None:
    with pytest.raises(KeyError), disk.apart() as alone:
        disk.exists("/a/b/c")
        raise KeyError
    assert not heard and alone == {("exists", "/a/b/c"): "no"}
    disk.hear(alone)
    disk.exists("/a/b/d")
    assert len(heard) == 2 and len(alone) == 1


def test_what_another_process_asked_is_heard(heard: disk.Notes) -> None:
    disk.hear({("exists", "/a"): "yes"})
    disk.hear({("exists", "/a"): "yes"})
    assert heard == {("exists", "/a"): "yes"} and disk.is_consistent(heard)
    disk.hear({("exists", "/a"): "no"})
    assert not disk.is_consistent(heard)


def test_what_another_process_has_listed_is_not_looked_at_again(tmp_path: Path, heard: disk.Notes) -> None:
    with disk.apart() as alone:
        disk.entries(tmp_path)
        known = disk.listings()
    disk.hear(alone)
    (tmp_path / "late").touch()
    disk.know(known)
    assert disk.entries(tmp_path) == () and heard.keys() == {("entries", str(tmp_path))}


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "/proc/self/mem", "/dev/null/x"])
def test_odd_paths_are_answered_like_missing_ones(path: str) -> None:
    assert not is_regular(Path(path)) or path.startswith("/proc")
    assert disk.entries(path) == () and not disk.is_executable(path) and isinstance(disk.real_path(path), str)


PROJECT = {
    ".git/HEAD": "",
    ".gitignore": "ignored\n",
    ".github/workflows/ci.yml": "jobs: {}\n",
    "compose.yaml": "services:\n  web:\n    build: web\n    env_file: [web/.env]\n    depends_on: [db]\n"
    "  db:\n    image: postgres:16\n  cli:\n    build: {context: ., dockerfile: cli/Dockerfile}\n",
    "web/.env": "A=1\n",
    "web/.dockerignore": "node_modules\n",
    "web/Dockerfile": "FROM node:20\nWORKDIR /app\nCOPY . .\nCMD npm start\n",
    "web/package.json": '{"scripts": {"start": "node server.js"}, "workspaces": ["packages/*"]}',
    "web/server.js": "require('http').createServer((q, r) => r.end()).listen(3000)\n",
    "web/packages/a/package.json": "{}",
    "cli/Dockerfile": 'FROM python:3.12\nCOPY cli/entry.sh /\nENTRYPOINT ["/entry.sh"]\n',
    "cli/entry.sh": '#!/bin/sh\nexec python app.py "$@"\n',
    "cli/pyproject.toml": "[project]\nname='a'\n",
    "k8s/app.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n"
    "      containers: [{name: a, image: web}]\n",
    "k8s/kustomization.yaml": "resources: [app.yaml]\n",
    "ignored/Dockerfile": "FROM a\n",
}


def make(root: Path) -> None:
    for name, text in PROJECT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_whole_check_asks_nothing_that_is_not_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: disk.Notes
) -> None:
    from seatrial.cli.arguments import dispatch

    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    dispatch(["check", "--no-cache", "--output", os.devnull])  # imports everything
    heard.clear()
    asked: set[str] = set()

    def spy(of: Any, name: str) -> None:
        real = getattr(of, name)

        def asking(path: Any, *rest: Any, **named: Any) -> Any:
            if isinstance(path, str | Path):
                asked.add(os.path.abspath(path))  # noqa: PTH100 — links stay as they are
            return real(path, *rest, **named)

        monkeypatch.setattr(of, name, asking)

    for name in ("stat", "scandir", "listdir", "open", "access"):
        spy(os, name)
    dispatch(["check", "--no-cache", "--output", os.devnull])
    monkeypatch.undo()
    inside = {path for path in asked if Path(path).is_relative_to(tmp_path)}
    noted = {os.path.abspath(tmp_path / path) for _, path in heard}  # noqa: PTH100
    assert len(inside) > 20 and not inside - noted
    assert not any("/ignored/" in path for path in inside)


def test_what_is_pretended_is_answered_whatever_is_there(tmp_path: Path) -> None:
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "link"
    old.write_text("a")
    link.symlink_to(old)
    with disk.pretending({str(old): b"b", str(new): b"c"}):
        assert [read_bytes(path) for path in (old, link, new)] == [b"b", b"b", b"c"]
        assert disk.entries(tmp_path) == (("link", False), ("new", False), ("old", False))
        assert disk.exists(new) and is_regular(new) and not disk.exists(tmp_path / "other")
        assert disk.is_directory(tmp_path) and disk.entries(tmp_path / "other") == ()
    assert read_bytes(old) == b"a" and not disk.exists(new) and len(disk.entries(tmp_path)) == 2
    assert old.read_text() == "a" and not new.exists()
