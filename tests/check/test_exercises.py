"""The three exercises that this project grew from: everything that files can tell of them is found."""

from __future__ import annotations

from pathlib import Path

from seatrial.check.run import run

from .conftest import documents_of

SLOW_STOP = {
    "Dockerfile": "FROM node:20-alpine\nWORKDIR /app\nCOPY . .\nRUN npm ci\nEXPOSE 3000\nCMD node server.js\n",
    "package.json": '{"scripts": {"start": "node server.js"}}',
    "package-lock.json": "{}",
    "server.js": "require('http').createServer(f).listen(3000)",
}
BARE_COMPOSE = {
    "compose.yaml": "services:\n  api:\n    build: .\n    ports: ['3000:3000']\n",
    "Dockerfile": 'FROM node:20-alpine\nEXPOSE 3000\nCMD ["node", "server.js"]\n',
}
NPM_START = {
    "Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["npm","start"]\n',
    "package.json": '{\n  "scripts": {\n    "start": "node src/index.js"\n  }\n}\n',
    "src/index.js": "process.on('SIGINT', stop)",
}


def found(directory: Path, files: dict[str, str]) -> dict[str, str]:
    outcome = run(documents_of(directory, files))
    return {finding.requirement: str(finding.place) for finding in outcome.findings}


def test_the_api_that_takes_30_s_to_stop_has_no_health_check_and_a_shell_that_does_exec(tmp_path: Path) -> None:
    findings = found(tmp_path, SLOW_STOP)
    assert findings["healthcheck-present"] == "Dockerfile:6:5"
    # Alpine's busybox replaces itself by a simple command: there the shell form is not what makes it slow.
    assert "exec-form-command" not in findings


def test_the_bare_compose_service_lacks_all_four(tmp_path: Path) -> None:
    findings = found(tmp_path, BARE_COMPOSE)
    expected = {"healthcheck-present", "restart-policy", "memory-limit", "log-rotation"}
    assert {name: findings[name] for name in expected} == dict.fromkeys(expected, "compose.yaml:2:3")


def test_npm_start_is_found_with_what_it_runs(tmp_path: Path) -> None:
    outcome = run(documents_of(tmp_path, NPM_START))
    (finding,) = [each for each in outcome.findings if each.requirement == "package-manager-as-pid1"]
    assert str(finding.place) == "Dockerfile:3:5"
    assert "`node src/index.js` (package.json:3)" in finding.message
    assert finding.remedy == 'write ["node", "src/index.js"] as the command'
