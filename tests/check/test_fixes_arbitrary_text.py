"""Whatever the files hold: a fix never raises, breaks no promise, and has nothing to do in a second run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from seatrial.check import fixing
from seatrial.check.run import run
from seatrial.files.documents import read_documents
from seatrial.files.editing import edited
from seatrial.files.promises import are_kept
from seatrial.model.edit import Edit
from seatrial.model.errors import SeatrialError

from .conftest import write
from .test_arbitrary_text import LINES, WORDS


def mend(directory: Path) -> int:
    """Apply all fixes; how many there were."""
    documents = read_documents(directory, environment={})
    by_file: dict[str, list[Edit]] = {}
    for edit in fixing.edits(documents, run(documents)):
        by_file.setdefault(edit.place.file, []).append(edit)
    done = 0
    for name, edits in by_file.items():
        old = (directory / name).read_bytes().decode().removeprefix("\ufeff")
        result = edited(old, edits, are_kept)
        assert not result.done or are_kept(old, result.text, result.done)
        (directory / name).write_bytes(result.text.encode())
        done += len(result.done)
    return done


def mend_twice(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        project = write(Path(directory) / "shop", files)
        try:
            mend(project)
            assert mend(project) == 0
        except SeatrialError:
            return


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_any_dockerfile(text: str) -> None:
    mend_twice({"Dockerfile": "FROM node:22-slim\n" + text, "package.json": '{"scripts": {"start": "node a"}}'})


@given(st.lists(WORDS, max_size=6).map(" ".join), st.sampled_from(["CMD", "ENTRYPOINT", "HEALTHCHECK CMD"]))
def test_any_command(text: str, keyword: str) -> None:
    mend_twice(
        {"Dockerfile": f"FROM node:22-slim\n{keyword} {text}", "package.json": '{"scripts": {"start": "node a"}}'}
    )


@given(st.lists(LINES, max_size=16).map("\n".join))
def test_any_compose_file(text: str) -> None:
    mend_twice({"compose.yaml": "services:\n  web:\n    image: node\n" + text, "Dockerfile": "FROM nginx\nCMD a\n"})


@given(st.lists(WORDS, max_size=20).map(" ".join))
def test_any_entrypoint_script(text: str) -> None:
    dockerfile = 'FROM debian\nCOPY e.sh /\nENTRYPOINT ["/e.sh"]\nCMD ["x"]\n'
    mend_twice({"Dockerfile": dockerfile, "e.sh": "#!/bin/sh\n" + text})
