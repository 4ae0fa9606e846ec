"""Whatever the files hold: a fix never raises, breaks no promise, and has nothing to do in a second run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from seatrial.check import fixing
from seatrial.check.run import run
from seatrial.cli import fix_rounds
from seatrial.files.documents import read_documents
from seatrial.files.editing import write_sources
from seatrial.files.promises import are_kept
from seatrial.model.documents import Documents
from seatrial.model.edit import Edit
from seatrial.model.errors import SeatrialError

from .conftest import write
from .test_arbitrary_text import LINES, WORDS


def mend(directory: Path) -> int:
    """Apply all fixes, round after round; how many there were."""

    def look() -> Iterator[tuple[Documents, Iterator[Edit]]]:
        documents = read_documents(directory, environment={})
        yield documents, fixing.edits(documents, run(documents))

    found = fix_rounds.mend(look, fix_rounds.Options(unsafe=True, wrong=lambda _file, _error: None))
    for mended in found.mended.values():
        old = mended.change.source.text
        for result in mended.rounds:
            assert are_kept(old, result.text, result.done)
            old = result.text
    write_sources([mended.change for mended in found.mended.values()])
    return sum(len(mended.done) for mended in found.mended.values())


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


FLAGS = ["--watch", "--reload", "--hot", "node", "uvicorn", "bun", "a.js", "app:app", "$PORT", "exec", "npm", "start"]


@given(st.lists(st.sampled_from(FLAGS), min_size=1, max_size=5).map(" ".join), st.sampled_from(["CMD", "ENTRYPOINT"]))
@example("node --watch a.js", "CMD")
def test_any_command_of_a_runner(text: str, keyword: str) -> None:
    mend_twice({"Dockerfile": f"FROM node:22-slim\nEXPOSE 80\n{keyword} {text}\n", "a.js": "b.listen(90)\n"})


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
