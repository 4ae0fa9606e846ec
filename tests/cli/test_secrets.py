"""No secret leaves a drill: not in the recording that is saved, not in any report."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.cli.subject import Subject
from seatrial.drill import archive, exercise
from seatrial.drill.judge import judge
from seatrial.drill.options import DrillOptions
from seatrial.drill.trial import drill
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording, Scenario
from seatrial.report import json_report, terminal
from seatrial.report.html import page
from seatrial.report.trial import prepare
from tests.drill.fakes import Behaviour, FakeEngine, FakeLoad, service
from tests.requirements import require

SECRETS = {
    "of an option": "0ption-s3cret",
    "of an option with =": "equals-s3cret",
    "of a URL": "url-s3cret",
    "of a variable": "variable-s3cret",
    "of a variable that only reports knew": "cookie-s3cret",
}
OPTION, EQUALS, URL, VARIABLE, COOKIE = SECRETS.values()
COMMAND = ("node", "server.js", "--token", OPTION, f"--password={EQUALS}", f"redis://me:{URL}@cache:6379")
SAID = (
    "".join(f"using {secret} now\n" for secret in SECRETS.values())
    + f"GET /x?token=a1b2c3&db=postgres://u:{URL}@db/x\n"
)


@pytest.fixture
def drilled(monkeypatch: pytest.MonkeyPatch) -> Recording:
    """A drill of a service with secrets in its command and environment, which prints them all."""
    monkeypatch.setattr(exercise, "Load", FakeLoad)
    environment = {"DB_PASSWORD": Sourced(VARIABLE), "SESSION_COOKIE": Sourced(COOKIE), "PWD": Sourced("/using")}
    of = service(*COMMAND, environment=environment)
    options = DrillOptions(
        only=frozenset({Scenario.STOP}), ready_timeout=5.0, quick_path=f"/?access_token={OPTION}", tool="seatrial"
    )
    return asyncio.run(drill(of, FakeEngine(Behaviour(output=SAID.encode())), options))


def leaked(text: str) -> list[str]:
    return [what for what, secret in SECRETS.items() if secret in text] + (["of a query"] if "a1b2c3" in text else [])


def test_a_saved_recording_holds_no_secret(drilled: Recording) -> None:
    text = archive.dumps(drilled)
    assert leaked(text) == []
    assert drilled.subject.argv[:3] == ("node", "server.js", "--token")
    assert [line.text for line in drilled.runs[0].log[:2]] == ["using [redacted] now"] * 2
    assert archive.loads(text) == drilled


def test_no_report_holds_a_secret(drilled: Recording) -> None:
    trial = prepare(drilled, judge(drilled))
    style = terminal.Style(width=120, detail=terminal.Detail.VERBOSE)
    for text in (json_report.render(trial), page.render(trial), terminal.render(trial, style)):
        assert "[redacted]" in text
        assert leaked(text) == []


def test_a_recording_without_secrets_is_judged_as_before(drilled: Recording) -> None:
    again = archive.loads(archive.dumps(drilled))
    assert judge(again) == judge(drilled)


def test_findings_are_printed_without_the_secrets_of_the_command() -> None:
    environment = {"DB_PASSWORD": Sourced(VARIABLE), "PWD": Sourced("/using")}
    subject = Subject(service(*COMMAND, environment=environment), ".", (), DrillOptions())
    assert set(subject.secrets) == {OPTION, EQUALS, URL, VARIABLE}


SERVER = """\
import http.server, os, sys

print("started with", *sys.argv[1:], flush=True)
print("the variable is", os.environ["API_TOKEN"], flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), http.server.BaseHTTPRequestHandler).serve_forever()
"""


@pytest.mark.slow
def test_no_output_of_the_command_holds_a_secret(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    outputs = {name: tmp_path / name for name in ("page.html", "report.json", "saved.json")}
    to = [f"--report={outputs['page.html']}", f"--json={outputs['report.json']}", f"--save={outputs['saved.json']}"]
    words = ["--only=stop", "--grace=1", "--verbose", f"--env=API_TOKEN={VARIABLE}", *to]
    command = ["/usr/bin/python3", "server.py", "--token", OPTION, f"--password={EQUALS}", f"redis://me:{URL}@cache"]
    done = subprocess.run(
        [sys.executable, "-m", "seatrial", "drill", *words, "--", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    require(done.stderr if done.returncode == 4 else "")
    texts = {name: path.read_text(encoding="utf-8") for name, path in outputs.items()}
    assert "the variable is [redacted]" in texts["saved.json"], done.stderr
    assert json.loads(texts["saved.json"])["subject"]["argv"][2] == "--token"
    for name, text in (*texts.items(), ("stdout", done.stdout), ("stderr", done.stderr)):
        assert (name, leaked(text)) == (name, [])
