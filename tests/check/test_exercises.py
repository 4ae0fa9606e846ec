"""The three exercises that this project grew from: all that files can tell of them is found, and mended, and then it
is drilled: what failed before is green after.

Each is mended by `fix --write --unsafe`, for what they lack most is more than files alone can be sure of: a handler in
the program, a health check, limits.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from seatrial.check.run import run
from seatrial.cli.arguments import dispatch
from seatrial.files.documents import read_documents

from ..requirements import missing_program, require
from .conftest import documents_of, write

PLAIN = """\
const http = require('http');
const server = http.createServer((request, response) => {
  const answer = () => response.end('ok');
  request.url === '/slow' ? setTimeout(answer, 1500) : answer();
});
server.listen(3000, () => console.log('listening'));
"""
DRAINS_ON_SIGINT = """\
const http = require('http');
const open = new Set();
let stopping = false;
const server = http.createServer((request, response) => {
  open.add(response);
  response.on('close', () => open.delete(response));
  const answer = () => response.end('ok');
  if (stopping) response.setHeader('Connection', 'close');
  request.url === '/slow' ? setTimeout(answer, 1500) : answer();
});
const stop = () => {
  if (stopping) return;
  stopping = true;
  for (const response of open) if (!response.headersSent) response.setHeader('Connection', 'close');
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 100).unref();
  setTimeout(() => server.closeAllConnections(), 8000).unref();
};
process.on('SIGINT', stop);
server.listen(3000, () => console.log('listening'));
"""
LOCKED = json.dumps({"name": "api", "version": "1.0.0", "lockfileVersion": 3, "packages": {}})
SLOW_STOP = {
    "Dockerfile": "FROM node:20-alpine\nWORKDIR /app\nCOPY . .\nRUN npm ci --omit=dev\nEXPOSE 3000\n"
    "CMD node server.js\n",
    "package.json": '{"name": "api", "version": "1.0.0", "scripts": {"start": "node server.js"}}\n',
    "package-lock.json": LOCKED,
    "server.js": PLAIN,
}
BARE_COMPOSE = {
    "compose.yaml": "services:\n  api:\n    build: .\n    ports: ['3000:3000']\n",
    "Dockerfile": 'FROM node:22-slim\nWORKDIR /app\nCOPY server.js .\nEXPOSE 3000\nCMD ["node", "server.js"]\n',
    "server.js": DRAINS_ON_SIGINT.replace(
        "process.on('SIGINT'", "for (const each of ['SIGTERM', 'SIGINT']) process.on(each"
    ),
}
NPM_START = {
    "Dockerfile": 'FROM node:22-slim\nWORKDIR /app\nCOPY . .\nEXPOSE 3000\nCMD ["npm","start"]\n',
    "package.json": '{\n  "name": "api",\n  "scripts": {\n    "start": "node src/index.js"\n  }\n}\n',
    "src/index.js": DRAINS_ON_SIGINT,
}
EXERCISES = {"slow stop": SLOW_STOP, "bare compose": BARE_COMPOSE, "npm start": NPM_START}
LEFT = {"base-image-pinned", "image-tag-unique", "base-image-supported"}
"""What no fix can know: the version that is to run, and when the project moves to another one."""


def found(directory: Path) -> dict[str, str]:
    outcome = run(read_documents(directory, environment={}))
    return {finding.requirement: str(finding.place) for finding in outcome.all_findings}


def fixed(directory: Path, files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The exercise after `fix --write --unsafe`."""
    project = write(directory / "api", files)
    (project / ".git").mkdir()
    monkeypatch.chdir(project)
    assert dispatch(["fix", "--write", "--unsafe"]) == 0
    shutil.rmtree(project / ".git")
    return project


def test_the_api_that_takes_30_s_to_stop(tmp_path: Path) -> None:
    findings = found(write(tmp_path / "api", SLOW_STOP))
    assert (
        findings.items()
        >= {
            "handles-sigterm": "server.js:6:1",
            "healthcheck-present": "Dockerfile:6:5",
            "non-root-user": "Dockerfile:6:5",
            "lockfile-copied": "Dockerfile:3:1",
            "cache-mount": "Dockerfile:4:5",
        }.items()
    )
    # Alpine's busybox replaces itself by a simple command: there the shell form is not what makes it slow.
    assert "exec-form-command" not in findings


def test_the_bare_compose_service_lacks_all_four(tmp_path: Path) -> None:
    findings = found(write(tmp_path / "api", BARE_COMPOSE))
    expected = {"healthcheck-present", "restart-policy", "memory-limit", "cpu-limit", "log-rotation"}
    assert {name: findings[name] for name in expected} == dict.fromkeys(expected, "compose.yaml:2:3")


def test_npm_start_is_found_with_what_it_runs_and_the_signal_that_nobody_handles(tmp_path: Path) -> None:
    outcome = run(documents_of(tmp_path, NPM_START))
    by_name = {each.requirement: each for each in outcome.all_findings}
    npm, signal = by_name["package-manager-as-pid1"], by_name["handles-sigterm"]
    assert str(npm.place) == "Dockerfile:5:5"
    assert "`node src/index.js` (package.json:4)" in npm.message
    assert npm.remedy == 'write ["node", "src/index.js"] as the command'
    assert str(signal.place).startswith("src/index.js:19:") and "SIGINT is handled, and SIGTERM" in signal.message


@pytest.mark.parametrize("name", EXERCISES)
def test_all_but_the_version_is_mended(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = fixed(tmp_path, EXERCISES[name], monkeypatch)
    assert found(project).keys() <= LEFT
    if name == "bare compose":
        assert (project / "compose.yaml").read_text().startswith(BARE_COMPOSE["compose.yaml"])
    if name == "npm start":
        assert 'CMD ["node", "src/index.js"]' in (project / "Dockerfile").read_text()
        assert "process.on('SIGINT', stop);\nprocess.on('SIGTERM', stop);\n" in (project / "src/index.js").read_text()


def failed(project: Path, *, init: bool = False) -> set[str]:
    """What a drill of the project's only service says has failed; `init` starts it as `docker run --init` does."""
    from seatrial.drill.acts.table import ACTS
    from seatrial.drill.judge import judge
    from seatrial.drill.options import Candidate, Candidates, DrillOptions
    from seatrial.drill.trial import drill
    from seatrial.engine.native import NativeEngine
    from seatrial.files.project import read_project
    from seatrial.model.place import Sourced
    from seatrial.model.values import replace
    from seatrial.model.verdict import Ruling

    subject = replace(read_project(project, environment={}).services[0], init=Sourced(init))
    # Its stop is what is mended; what the acts find (a plain log, a writable root) no fix of a file heals.
    options = DrillOptions(candidates=Candidates(slow=(Candidate("/slow", "tests"),)), skip=frozenset(ACTS))
    recording = asyncio.run(drill(subject, NativeEngine(), options, lambda _: None))
    return {each.requirement for each in judge(recording) if each.ruling is Ruling.FAIL}


BEFORE = {
    "slow stop": {"handles-sigterm", "stops-in-time", "exit-code-clean"},
    "bare compose": set(),
    "npm start": {"in-flight-finish", "exit-code-clean"},
}
"""What the drill must find in each before it is mended. The bare service stops well: what it lacks is in compose."""
TRIES = 3


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EXERCISES)
def test_the_drill_fails_before_and_is_green_after(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require(missing_program("node"))
    before = write(tmp_path / "before", EXERCISES[name])
    assert not BEFORE[name] or any(failed(before) >= BEFORE[name] for _ in range(TRIES))
    project = fixed(tmp_path, EXERCISES[name], monkeypatch)
    # Here sh may be dash, which never replaces itself; Alpine's does. And who reaps orphans is the engine's affair:
    # no file of theirs says that they have any.
    dockerfile = (project / "Dockerfile").read_text()
    (project / "Dockerfile").write_text(re.sub(r"(?m)^CMD node (\S+)$", r'CMD ["node", "\1"]', dockerfile))
    tries = []
    for _ in range(TRIES):
        tries.append(failed(project, init=True))
        if not tries[-1]:
            return
    pytest.fail(f"still failed: {tries}")
