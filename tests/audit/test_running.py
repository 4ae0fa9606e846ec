"""Auditors that are run: not there, too slow, failing, talkative; and the real ones on the loopback."""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from seatrial.audit import pip_audit
from seatrial.audit.interface import Said, Tool
from seatrial.audit.running import run
from seatrial.cli.arguments import dispatch
from seatrial.model.errors import InputError

from ..requirements import missing_program, require
from .registry import registry
from .test_reading import GRYPE, HADOLINT, TRIVY

PACKAGE = {"name": "shop", "version": "1.0.0", "dependencies": {"lodash": "4.17.15"}}
LOCK = {
    "name": "shop",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "shop", "version": "1.0.0", "dependencies": {"lodash": "4.17.15"}},
        "node_modules/lodash": {
            "version": "4.17.15",
            "resolved": "https://registry.npmjs.org/lodash/-/lodash-4.17.15.tgz",
        },
    },
}
DOCKERFILE = 'FROM node:22.3.0-slim\nUSER node\nCMD ["node", "a.js"]\n'


def fake(directory: Path, name: str, script: str) -> None:
    """A program of that name, in Python."""
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text(f"#!{sys.executable}\nimport sys, time, os, json\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a lock file, and no auditor but those that the test puts into `bin`."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "Dockerfile").write_text(DOCKERFILE)
    (shop / "package.json").write_text(json.dumps(PACKAGE))
    (shop / "package-lock.json").write_text(json.dumps(LOCK, indent=2))
    (shop / ".git").mkdir()
    monkeypatch.chdir(shop)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return shop


def tool(program: str) -> Tool:
    return Tool("it", program, (), ("*",), lambda text: Said(trouble=f"{len(text)} characters"))


def test_a_program_that_is_not_there_is_said_to_be_absent(tmp_path: Path) -> None:
    heard = run(tool("no-such-auditor-here"), tmp_path)
    assert heard.is_absent and heard.failure == "is not installed"


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("time.sleep(300)", "was ended after 0.5 s"),
        ("sys.exit(3)", "ended with 3 and wrote nothing"),
        ("print('x'); sys.exit(3)", "ended with 3"),
        ("os.kill(os.getpid(), 9)", "was killed by signal 9 and wrote nothing"),
    ],
)
def test_what_goes_wrong_is_said(script: str, failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path / "bin", "auditor", script)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    seconds = 0.5 if "sleep" in script else 60.0
    assert run(tool("auditor"), tmp_path, seconds=seconds).failure == failure


def test_much_talk_on_both_pipes_is_no_deadlock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path / "bin", "auditor", "sys.stderr.write('e' * 300000); sys.stdout.write('o' * 300000)")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert run(tool("auditor"), tmp_path, seconds=60).said.trouble == "300000 characters"


def test_check_joins_what_they_say_and_says_who_is_absent(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(tmp_path / "bin", "trivy", f"print(json.dumps({TRIVY!r}))")
    fake(tmp_path / "bin", "grype", f"sys.stderr.write('token=hunter2'); print(json.dumps({GRYPE!r})); sys.exit(1)")
    hadolint = [*HADOLINT, {"code": "DL3057", "file": "Dockerfile", "line": 1, "message": "HEALTHCHECK missing"}]
    fake(tmp_path / "bin", "hadolint", f"print(json.dumps({hadolint!r}))")
    assert dispatch(["check", "--audit"]) == 1
    said = capsys.readouterr()
    assert "package-lock.json:14" in said.out
    assert "lodash 4.17.15 has a known hole, CVE-2020-8203 (high)" in said.out
    assert "lodash 4.17.15 has a known hole, GHSA-p6mc-m468-83gw (critical)" in said.out
    assert "HEALTHCHECK missing (hadolint DL3057)" in said.out
    assert "npm is not installed: not asked" in said.err
    assert "hunter2" not in said.out + said.err and "Traceback" not in said.err


def test_what_a_comment_of_ours_ignores_is_not_told_by_another(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [{"code": "DL3025", "file": "Dockerfile", "line": 2, "message": "use JSON"}]
    fake(tmp_path / "bin", "hadolint", f"print(json.dumps({found!r}))")
    (project / "Dockerfile").write_text("FROM node:22.3.0-slim\nCMD node a.js\n")
    dispatch(["check", "--audit=hadolint", "--select", "exec-form-command"])
    assert capsys.readouterr().out.count("exec-form-command") == 1
    ignored = "FROM node:22.3.0-slim\n# seatrial: ignore=exec-form-command it is meant\nCMD node a.js\n"
    (project / "Dockerfile").write_text(ignored)
    found[0]["line"] = 3
    fake(tmp_path / "bin", "hadolint", f"print(json.dumps({found!r}))")
    assert dispatch(["check", "--audit=hadolint", "--select", "exec-form-command"]) == 0
    assert "DL3025" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("print('{')", "trivy in .: ended with 0: its output is no JSON"),
        ("sys.stderr.write('FATAL token=hunter2'); sys.exit(1)", "trivy in .: ended with 1 and wrote nothing"),
    ],
)
def test_a_failing_auditor_is_one_line_and_no_secret(
    script: str, line: str, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(tmp_path / "bin", "trivy", script)
    assert dispatch(["check", "--audit=trivy", "--fail-on", "never"]) == 0
    said = capsys.readouterr()
    assert line in said.err.splitlines()
    assert "hunter2" not in said.out + said.err


def test_who_is_asked_for_by_name_and_has_nothing_to_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    fake(tmp_path / "bin", "trivy", "raise SystemExit(3)")
    assert dispatch(["check", "--audit=trivy,grype", "--fail-on", "never"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert "trivy in .: no lock file that it reads" in said
    assert any(line.startswith("grype in .: no lock file that it reads, and grype is not installed") for line in said)
    dispatch(["check", "--audit", "--fail-on", "never"])
    assert "lock file" not in capsys.readouterr().err


def test_an_auditor_of_another_name_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match="no auditor is called 'snyk'"):
        dispatch(["check", "--audit=npm,snyk"])


def test_without_the_option_nobody_is_asked(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake(tmp_path / "bin", "trivy", "open('asked', 'w')")
    dispatch(["check"])
    assert not (project / "asked").exists()
    assert "trivy" not in capsys.readouterr().err


@pytest.mark.slow
def test_the_real_npm_is_asked_against_a_registry(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    require(missing_program("npm"))
    monkeypatch.chdir(project)
    with registry() as server:
        monkeypatch.setenv("npm_config_registry", server.address)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
        assert dispatch(["check", "--audit=npm", "--format", "json"]) == 1
        messages = [each["message"] for each in json.loads(capsys.readouterr().out)["findings"]]
        (told,) = [each for each in messages if "known hole" in each]
        assert told.startswith("lodash 4.17.15 has a known hole, GHSA-p6mc-m468-83gw (high): Prototype Pollution")
        assert told.endswith("; fixed in 4.17.19")
        assert ("/-/npm/v1/security/advisories/bulk", {"lodash": ["4.17.15"]}) in server.asked
        server.body = {}
        assert dispatch(["check", "--audit=npm", "--fail-on", "error"]) == 0
        server.status, server.body = 500, b"token=hunter2"
        assert dispatch(["check", "--audit=npm", "--fail-on", "never"]) == 0
        said = capsys.readouterr()
        assert "npm in .: ended with 1: it failed" in said.err
        assert "hunter2" not in said.out + said.err


class _Osv(BaseHTTPRequestHandler):
    """What pip-audit asks of OSV, for one package."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        vulnerable = {
            "id": "PYSEC-2019-179",
            "aliases": ["CVE-2019-1010083"],
            "summary": "Denial of service",
            "details": "Flask before 1.0 is affected.",
            "affected": [
                {
                    "package": {"name": "flask", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0"}]}],
                }
            ],
        }
        answer: dict[str, Any] = {"vulns": [vulnerable]} if asked["package"]["name"] == "flask" else {}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
def test_the_real_pip_audit_is_asked_against_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    require(missing_program("pip-audit"))
    (tmp_path / "requirements.txt").write_text("flask==0.5\nclick==8.1.0\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Osv)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"http://127.0.0.1:{server.server_address[1]}/v1/query")
        heard = run(pip_audit.TOOL, tmp_path)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert heard.failure == ""
    (found,) = heard.said.vulnerabilities
    assert (found.package, found.version, found.advisory, found.fixed_in) == ("flask", "0.5", "PYSEC-2019-179", "1.0")


@pytest.mark.slow
def test_what_is_not_pinned_is_said_to_have_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    require(missing_program("pip-audit"))
    (tmp_path / "requirements.txt").write_text("flask\n")
    assert run(pip_audit.TOOL, tmp_path).failure == "ended with 1 and wrote nothing"
