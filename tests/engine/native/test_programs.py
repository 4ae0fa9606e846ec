"""Which programs of the host stand for the image's."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.engine.native import programs
from seatrial.model.errors import UnsupportedError
from seatrial.model.place import Sourced
from seatrial.model.service import Copy, Hop, Service


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory of the caller's with some programs, outside Docker's PATH."""
    folder = tmp_path / "tools" / "bin"
    folder.mkdir(parents=True)
    for name in ("frobnicate", "quux"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    (folder / "readme").write_text("not a program")
    return folder


def service(context: Path, *argv: str, **fields: object) -> Service:
    return Service("s", str(context), Sourced(argv), **fields)  # type: ignore[arg-type]


@pytest.fixture
def inits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for inits, the only one where they are looked for."""
    monkeypatch.setattr(programs, "DEFAULT_PATH", str(tmp_path))
    monkeypatch.setattr(programs.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


def test_init_is_tini_where_there_are_several(inits: Path) -> None:
    install(inits, "dumb-init", "catatonit", "seatrial-init", "tini")
    assert programs.find_init() == ("tini", (str(inits / "tini"),))


def test_our_init_standing_in_for_tini_ends_with_its_child_as_tini_does(inits: Path) -> None:
    install(inits, "dumb-init", "catatonit", "seatrial-init")
    assert programs.find_init() == ("seatrial-init", (str(inits / "seatrial-init"), "--wait-all=never"))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("node", "server.js"), ("node",)),
        (("/bin/sh", "-c", "npm run build && exec node server.js"), ("/bin/sh", "npm", "node")),
        (("sh", "-c", "PORT=80 uvicorn app:app --host 0.0.0.0"), ("sh", "uvicorn")),
        (("sh", "-c", "a | b; c"), ("sh", "a", "b", "c")),
    ],
)
def test_words_in_command_position(argv: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert programs.command_words([argv]) == words


def test_tool_outside_the_path_is_appended_and_said(tmp_path: Path, tools: Path) -> None:
    found = programs.resolve(service(tmp_path, "frobnicate"), ("frobnicate",), {"PATH": str(tools)})
    assert found.path == f"{programs.DEFAULT_PATH}:{tools}"
    assert found.shown == (str(tools),)
    assert found.notes == (f"frobnicate is the host's {tools}/frobnicate: PATH has {tools} at its end",)


def test_program_that_finally_runs_is_looked_for_too(tmp_path: Path, tools: Path) -> None:
    what = service(tmp_path, "sh", "start.sh", hops=(Hop(("quux", "--fast"), Sourced("start.sh")),))
    assert str(tools) in programs.resolve(what, ("sh", "start.sh"), {"PATH": str(tools)}).path


def test_program_on_the_images_path_needs_nothing(tmp_path: Path, tools: Path) -> None:
    what = service(tmp_path, "frobnicate", environment={"PATH": Sourced(str(tools))})
    assert programs.resolve(what, ("frobnicate",), {}) == programs.Programs(str(tools), ("frobnicate",), (), ())


def test_program_that_nobody_has_changes_nothing(tmp_path: Path, tools: Path) -> None:
    found = programs.resolve(service(tmp_path, "nosuchprogram"), ("nosuchprogram",), {"PATH": str(tools)})
    assert found.path == programs.DEFAULT_PATH
    assert programs.which("readme", str(tools)) == ""


def test_path_that_only_the_image_has_becomes_the_hosts(tmp_path: Path, tools: Path) -> None:
    argv = ("/usr/local/bin/frobnicate", "x")
    found = programs.resolve(service(tmp_path, *argv), argv, {"PATH": str(tools)})
    assert found.argv == (f"{tools}/frobnicate", "x")
    assert "/usr/local/bin/frobnicate of the image" in found.notes[0]


def test_path_inside_the_project_is_left_alone(tmp_path: Path, tools: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "frobnicate").write_text("#!/bin/sh\n")
    for argv, copies in (
        (("/app/bin/frobnicate",), (Copy((".",), "."),)),
        (("/srv/frobnicate",), (Copy(("bin",), "/srv/"),)),
        (("/usr/bin/start",), (Copy(("bin/frobnicate",), "/usr/bin/start"),)),
        (("/opt/frobnicate",), (Copy(("bin/frobnicate",), "/opt/"),)),
    ):
        what = service(tmp_path, *argv, workdir=Sourced("/app"), copies=copies)
        assert programs.resolve(what, argv, {"PATH": str(tools)}).argv == argv


def test_python_image_gets_the_projects_environment_in_its_place(tmp_path: Path) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python3").write_text("#!/bin/sh\n")
    (folder / "python3").chmod(0o755)
    what = service(tmp_path, "python", "app.py", base_images=(Sourced("docker.io/library/python:3.12-slim"),))
    found = programs.resolve(what, ("python", "app.py"), {})
    folders = found.path.split(":")
    assert folders[folders.index("/usr/local/bin") + 1] == str(folder)
    assert any("base image python" in note for note in found.notes)


def test_shims_of_version_managers_are_looked_through(tmp_path: Path, tools: Path) -> None:
    shims = tmp_path / ".pyenv" / "shims"
    shims.mkdir(parents=True)
    (shims / "quux").write_text("#!/bin/sh\n")
    (shims / "quux").chmod(0o755)
    assert programs.which("quux", f"{shims}:{tools}") == f"{tools}/quux"


def test_missing_init_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "INITS", {"no-such-init": ()})
    with pytest.raises(UnsupportedError) as caught:
        programs.find_init()
    assert "apt-get install tini" in caught.value.hint


def test_installation_of_a_program_is_its_prefix(tmp_path: Path) -> None:
    real = tmp_path / "versions" / "1.0" / "bin"
    real.mkdir(parents=True)
    (real / "python3").write_text("")
    link = tmp_path / "environment" / "bin"
    link.mkdir(parents=True)
    (link / "python3").symlink_to(real / "python3")
    expected = (str(tmp_path / "environment"), str(tmp_path / "versions" / "1.0"))
    assert programs.prefixes([str(link)]) == expected


@pytest.mark.parametrize("home", ["/root", "/home/somebody", "/home/somebody/.local"])
def test_home_directory_is_no_installation(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs.looking, "exists", lambda path: str(path) in (f"{home}/bin", f"{home}/lib", home))
    assert programs.prefixes([f"{home}/bin"]) == (f"{home}/bin", f"{home}/lib")


def test_version_of_what_does_not_run_is_unknown(tools: Path) -> None:
    assert programs.version("") == ""
    assert programs.version(str(tools / "none")) == ""


def test_environment_of_the_project_is_shown_where_it_lies_on_this_host_too(tmp_path: Path) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    install(folder, "serve-shop")
    said = {"PATH": Sourced(f"/app/.venv/bin:{programs.DEFAULT_PATH}")}
    found = programs.resolve(
        service(tmp_path, "serve-shop", workdir=Sourced("/app"), environment=said), ("serve-shop",), {}
    )
    assert str(folder) in found.shown
    assert found.path == said["PATH"].value
    assert programs.prefixes(found.shown)[0] == str(tmp_path / ".venv")
