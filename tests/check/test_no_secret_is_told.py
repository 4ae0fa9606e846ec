"""A project full of secrets in every form: no format of a check shows one, nor a baseline, nor what `fix` says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.check.run import Options, run
from seatrial.cli.front import run as main
from seatrial.files.documents import read_documents
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place
from seatrial.report.findings_values import FORMATS, FindingsReport, TextStyle, render

from .conftest import write

PLANTED = "Pl4nted"
"""Each secret begins so."""


def secrets() -> Callable[[], str]:
    count = iter(range(1000))
    return lambda: f"{PLANTED}{next(count):03}x"


def project() -> Mapping[str, str]:
    """Files with a finding at or about each secret."""
    new = secrets()
    package = {"scripts": {"start": f"node server.js --password {new()}", "serve": f"node s.js --api-key={new()}"}}
    dockerfiles = {
        "list": f'FROM node:latest\nHEALTHCHECK CMD ["curl","-u","a:{new()}","http://localhost/"]\n'
        f'CMD ["npm","start","--","--db-password","{new()}"]\n',
        "line": f"FROM node:22.1.0\nRUN npm install --registry https://r.e && curl -u me:{new()} https://x.e\n"
        f"RUN docker login -u a -p {new()} && npm install x\nHEALTHCHECK CMD redis-cli -a {new()} ping || true\n"
        f"CMD node server.js --db-password {new()} --token={new()}\n",
        "lines": f'FROM node:22.1.0-slim\nCMD ["sh", "-c", \\\n  "node a.js --password {new()}; true"]\n',
        "script": 'FROM node:22.1.0\nWORKDIR /app\nCOPY . .\nCMD ["npm","start"]\n',
    }
    compose = f"""\
services:
  shell:
    build: .
    command: sh -c "node server.js --password {new()}"
    environment: ["API_TOKEN={new()}", "REDIS_URL=redis://:{new()}@redis:6379"]
    healthcheck: {{test: "curl -u a:{new()} http://localhost/ | cat"}}
  cache:
    image: redis:7.2.4
    command: redis-server --requirepass {new()}
    healthcheck: {{test: [CMD, redis-cli, -a, {new()}, ping]}}
  block:
    image: node:22.1.0
    environment:
      DB_PASSWORD: {new()}
    command:
      - npm
      - start
      - --db-password
      - {new()}
  my:
    image: mysql:8.0.36
    healthcheck: {{test: "mysqladmin ping -p{new()} || true"}}
  ms:
    image: mcr.microsoft.com/mssql/server:2022-latest
    healthcheck: {{test: "/opt/mssql-tools/bin/sqlcmd -U sa -P '{new()}' -Q x || true"}}
"""
    manifest = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: w}}}}
  template:
    metadata: {{labels: {{app: w}}}}
    spec:
      containers:
      - name: web
        image: redis:latest
        command: ["redis-server","--requirepass","{new()}"]
        args:
        - --masterauth
        - {new()}
        env:
        - name: DB_PASSWORD
          value: {new()}
        livenessProbe: {{exec: {{command: [redis-cli, -a, {new()}, ping]}}}}
        readinessProbe: {{exec: {{command: [redis-cli, -a, {new()}, ping]}}}}
        lifecycle: {{preStop: {{exec: {{command: ["redis-cli","-a","{new()}","shutdown"]}}}}}}
"""
    return {
        "package.json": json.dumps(package, indent=1),
        "server.js": "require('http').createServer().listen(3000)\n",
        "Dockerfile": dockerfiles["script"],
        **{f"{name}.Dockerfile": text for name, text in dockerfiles.items()},
        "compose.yaml": compose,
        "k8s/web.yaml": manifest,
        "entry.sh": f"#!/bin/sh\nnode server.js --password {new()}\n",
        "entry.Dockerfile": 'FROM node:22.1.0\nCOPY . .\nENTRYPOINT ["./entry.sh"]\n',
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the project lies."""
    made = write(tmp_path / "shop", project())
    monkeypatch.chdir(made)
    return made


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.usefixtures("folder")
def test_no_format_of_a_check_shows_a_secret(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--no-cache", "--fail-on=never", f"--format={form}"])
    printed = capsys.readouterr()
    assert "package-manager-as-pid1" in printed.out
    assert PLANTED not in printed.out + printed.err


def test_no_baseline_shows_a_secret(folder: Path) -> None:
    main(["check", "--no-cache", "--write-baseline", "known.json"])
    text = (folder / "known.json").read_text(encoding="utf-8")
    assert "exec-form-command" in text and PLANTED not in text


@pytest.mark.usefixtures("folder")
def test_what_fix_says_beside_its_diff_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    main(["fix", "--unsafe", "--write"])
    printed = capsys.readouterr()
    assert printed.err and PLANTED not in printed.out + printed.err


@pytest.mark.parametrize("form", FORMATS)
def test_a_finding_at_any_line_of_these_files_shows_no_secret(form: str, folder: Path) -> None:
    """Whichever rule points there, now or later."""
    texts = {name: text for name, text in project().items() if name != "entry.sh"}
    places = [Place(name, line) for name, text in texts.items() for line in range(1, text.count("\n") + 2)]
    findings = tuple(Finding("any", Severity.WARNING, "here", place) for place in places)
    assert PLANTED not in render(FindingsReport("seatrial", "1", findings, texts), form, TextStyle())


@settings(max_examples=12)
@given(
    st.text("abXY019!%&.-_", min_size=3, max_size=10), st.sampled_from(["--db-password", "--requirepass", "--token"])
)
def test_a_remedy_that_quotes_a_command_shows_none_of_its_secrets(tmp_path: Path, word: str, option: str) -> None:
    secret = f"{PLANTED}{word}"
    files = {
        "Dockerfile": f'FROM node:22.1.0-slim\nCMD node server.js "{option}" "{secret}"\n',
        "package.json": json.dumps({"scripts": {"start": f"node server.js {option} '{secret}'"}}),
        "compose.yaml": "services: {web: {build: {context: .}, command: [npm, start]}, api: {build: {context: .}}}\n",
    }
    documents = read_documents(write(tmp_path / "shop", files), environment={})
    outcome = run(documents, Options(today="2026-11-01"))
    assert {"exec-form-command", "package-manager-as-pid1"} <= {each.requirement for each in outcome.all_findings}
    report = FindingsReport("seatrial", "1", outcome.all_findings, documents.texts)
    assert [form for form in FORMATS if PLANTED in render(report, form, TextStyle())] == []
