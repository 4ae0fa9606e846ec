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
        file = directory / name
        old = file.read_bytes().decode().removeprefix("\ufeff") if file.exists() else ""
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


POD = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\n"
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: a.org/web:1\n"
)
FIELDS = (
    "        resources:|        resources: {}|          requests: {memory: 1Gi}|          limits: {cpu: 1}|# c",
    "        securityContext: &s {runAsUser: 0}|        securityContext: *s|          requests:|  \t|---",
    "        livenessProbe: {httpGet: {path: /, port: 80}}|        readinessProbe: {httpGet: {path: /, port: 80}}",
    "      - name: side|        image: b:1|        args: [gunicorn, --graceful-timeout=28]  # so|  replicas: 2",
    "        lifecycle: {preStop: {exec: {command: [sleep, '30']}}}|      terminationGracePeriodSeconds: 5",
    '  strategy: {type: Recreate}|        command: ["sh", "-c", "x # y"]|        env: []|        ports: !t []',
)
LINES_OF_PODS = [field for line in FIELDS for field in line.split("|")]


@given(st.lists(st.sampled_from(LINES_OF_PODS), max_size=14).map("\n".join), st.booleans())
def test_any_manifest(text: str, is_crlf: bool) -> None:
    whole = POD + text
    mend_twice({"web.yaml": whole.replace("\n", "\r\n") if is_crlf else whole})
