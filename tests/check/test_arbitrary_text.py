"""Whatever the files hold: findings or none, never an exception, and the same findings every time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from seatrial.check.run import run
from seatrial.model.errors import SeatrialError

from .conftest import documents_of

WORDS = st.sampled_from(
    [
        "CMD",
        "ENTRYPOINT",
        "HEALTHCHECK",
        "FROM",
        "RUN",
        "STOPSIGNAL",
        "EXPOSE",
        "node:22-slim",
        "alpine",
        "npm",
        "start",
        "[",
        "]",
        '"sh"',
        '"-c"',
        ",",
        "curl",
        "-f",
        "http://localhost:80/",
        "||",
        "&&",
        "|",
        "true",
        "exec",
        '"$@"',
        "$A",
        "--interval=5m",
        "<<EOF",
        "EOF",
        "'",
        '"',
        "é",
        "#",
        "9",
        "\\\n",
        "\n",
        " ",
        "\r\n",
        "# seatrial: ignore=x",
    ]
)
LINES = st.sampled_from(
    [
        "services:",
        "  web:",
        "  db:",
        "    image: postgres:17",
        "    build: .",
        "    command: npm start",
        "    init: true",
        "    healthcheck:",
        "      test: curl localhost | tee x",
        '      test: ["CMD", "a b"]',
        "    depends_on: [db, web]",
        "    restart: always",
        "    deploy: {restart_policy: {condition: any}}",
        "    logging: {driver: none}",
        "    ulimits:",
        "      nofile: 12",
        "    command: []",
        "    mem_limit: 1g",
        "    ports: ['80:80']",
        "    stop_signal: 9",
        "? [",
        "- x",
        "    environment: {NODE_OPTIONS: --max-old-space-size=99999}",
        "# seatrial: ignore=, why",
        "    profiles: [dev]",
    ]
)


def check_text(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        try:
            documents = documents_of(Path(directory), files)
        except SeatrialError:
            return
        outcome = run(documents)
        assert outcome == run(documents)
        for finding in (*outcome.findings, *outcome.consequences):
            assert finding.message and finding.place.line >= 1 and finding.place.column >= 1


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_any_dockerfile(text: str) -> None:
    check_text({"Dockerfile": "FROM node:22-slim\n" + text, "package.json": '{"scripts": {"start": "node a"}}'})


@given(st.text(max_size=200))
def test_any_text_as_dockerfile(text: str) -> None:
    check_text({"Dockerfile": text.encode("utf-8", "replace").decode()})


@given(st.lists(LINES, max_size=16).map("\n".join))
def test_any_compose_file(text: str) -> None:
    check_text({"compose.yaml": "services:\n  web:\n    image: node\n" + text, "Dockerfile": "FROM nginx\nCMD a\n"})


@given(st.lists(WORDS, max_size=20).map(" ".join))
def test_any_entrypoint_script(text: str) -> None:
    check_text(
        {"Dockerfile": 'FROM debian\nCOPY e.sh /\nENTRYPOINT ["/e.sh"]\nCMD ["x"]\n', "e.sh": "#!/bin/sh\n" + text}
    )
