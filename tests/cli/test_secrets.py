"""No secret leaves a drill: not in the recording that is saved, not in any report, not in the history."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.cli import engines
from seatrial.cli.history_command import remember
from seatrial.cli.subject import Subject
from seatrial.drill import archive, exercise
from seatrial.drill.acts import work
from seatrial.drill.judge import judge
from seatrial.drill.options import DrillOptions, Progress, Stage
from seatrial.drill.outside import KEPT
from seatrial.drill.trial import drill
from seatrial.engine.interface import ExecResult
from seatrial.load.interface import LoadError
from seatrial.model.errors import InputError, SeatrialError
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording, Scenario
from seatrial.model.service import Healthcheck
from seatrial.model.traffic import Outside, Seen
from seatrial.report import json_report, terminal, trial_junit, trial_markdown
from seatrial.report.html import page
from seatrial.report.trial import Trial, prepare
from tests.drill.fakes import Behaviour, FakeEngine, FakeLoad, service
from tests.requirements import require

SECRETS = {
    "of an option": "0ption-s3cret",
    "of an option with =": "equals-s3cret",
    "of a URL": "url-s3cret",
    "of a variable": "variable-s3cret",
    "of a variable with an older name": "cookie-s3cret",
    "of a variable of our own": "caller-s3cret",
    "of a variable's URL": "database-s3cret",
    "of the health check": "probe-s3cret",
    "of the load command's option": "l0ad-s3cret",
    "of the load command's account": "account-s3cret",
    "of the load command's header": "header-s3cret",
    "of the load command's cookie": "sid-s3cret",
    "of the command that gives a job": "give-s3cret",
    "of the command that asks for it": "tell-s3cret",
    "of another service": "other-s3cret",
    "of a file": "file-s3cret",
}
OPTION, EQUALS, URL, VARIABLE, COOKIE, CALLER, DATABASE, PROBE, LOAD, ACCOUNT, HEADER, SID, GIVE, TELL, OTHER, FILE = (
    SECRETS.values()
)
COMMAND = ("node", "server.js", "--token", OPTION, f"--password={EQUALS}", f"redis://me:{URL}@cache:6379")
LOADING = (
    *("hey", "-z", "60s", "--api-key", LOAD, "-a", f"me:{ACCOUNT}", "-H", f"X-Shop-Key: {HEADER}"),
    *("-H", f"Cookie: sid={SID}", "{url}", VARIABLE),
)
SAID = (
    "".join(f"using {secret} now\n" for secret in SECRETS.values())
    + f"GET /x?token=a1b2c3&db=postgres://u:{URL}@db/x\n"
)
ENVIRONMENT = {
    "DB_PASSWORD": Sourced(VARIABLE),
    "SESSION_COOKIE": Sourced(COOKIE),
    "MAIN_DB": Sourced(f"sqlserver://me:{DATABASE}@db/x"),
    "PWD": Sourced("/using"),
}
JOBS = {"job": f"redis-cli -h queue -a {GIVE} LPUSH jobs 1", "job_state": f"hey -a me:{TELL} http://queue/"}


class LoudLoad:
    """A load command that was given secrets and prints all that it knows, more than is kept."""

    def __init__(self, _load: FakeLoad, _instance: object, argv: tuple[str, ...]) -> None:
        self._argv = argv

    async def begin(self, _target: object) -> None:
        return

    async def end(self) -> None:
        return

    async def close(self) -> None:
        return

    def outside(self) -> Outside:
        return Outside(self._argv, 0, f"{VARIABLE}{'.' * KEPT}\n{SAID}"[-KEPT:], Seen())


def drilled_with(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, **behaviour: Any) -> Recording:
    """A drill of a service with secrets in its command and environment, under commands with secrets of their own; all
    that speak say them all."""
    monkeypatch.setattr(exercise, "Load", FakeLoad)
    monkeypatch.setattr(exercise, "OutsideLoad", LoudLoad)
    monkeypatch.setattr(work, "PACE", 0.005)
    monkeypatch.setattr(work, "LIMIT", 0.05)
    monkeypatch.setenv("CI_TOKEN", CALLER)
    check = Healthcheck(Sourced(("CMD", "probe", "--token", PROBE)))
    of = service(*COMMAND, environment=ENVIRONMENT, healthcheck=check)
    others = (service(environment={"OTHER_PASSWORD": Sourced(OTHER)}),)
    options = DrillOptions(
        only=frozenset({scenario}),
        ready_timeout=5.0,
        quick_path=f"/?access_token={OPTION}",
        load_from=LOADING,
        others=others,
        secrets=(FILE,),
        tool="seatrial",
        **JOBS,
    )
    behaviour |= {"output": SAID.encode(), "probe": lambda _argv: ExecResult(0, SAID, 0.0, 0.0)}
    return asyncio.run(drill(of, FakeEngine(Behaviour(**behaviour)), options))


@pytest.fixture
def drilled(monkeypatch: pytest.MonkeyPatch) -> Recording:
    """The stop under a load command."""
    return drilled_with(monkeypatch, Scenario.STOP)


def leaked(text: str) -> list[str]:
    return [what for what, secret in SECRETS.items() if secret in text] + (["of a query"] if "a1b2c3" in text else [])


def outputs(trial: Trial, folder: Path) -> dict[str, str]:
    """Everything that is made of a trial, as text."""
    style = terminal.Style(width=120, detail=terminal.Detail.VERBOSE)
    remember(trial, str(folder / "history"), folder)
    return {
        "terminal": terminal.render(trial, style),
        "JSON": json_report.render(trial),
        "HTML": page.render(trial),
        "Markdown": trial_markdown.render(trial),
        "JUnit": trial_junit.render(trial),
        "history": (folder / "history").read_bytes().decode("latin-1"),
    }


def test_a_saved_recording_holds_no_secret(drilled: Recording) -> None:
    text = archive.dumps(drilled)
    assert leaked(text) == []
    assert drilled.subject.argv[:3] == ("node", "server.js", "--token")
    assert [line.text for line in drilled.runs[0].log[:2]] == ["using [redacted] now"] * 2
    assert archive.loads(text) == drilled


def test_a_load_command_and_what_it_prints_hold_no_secret(drilled: Recording) -> None:
    outside = drilled.runs[0].outside
    assert outside is not None
    assert outside.argv[:5] == ("hey", "-z", "60s", "--api-key", "[redacted]")
    assert outside.argv[5:9] == ("-a", "me:[redacted]", "-H", "X-Shop-Key: [redacted]")
    assert outside.output.count("using [redacted] now") == len(SECRETS)


def test_half_a_secret_at_the_place_of_the_cut_is_hidden_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = VARIABLE[1:]
    monkeypatch.setattr(LoudLoad, "outside", lambda _: Outside(("hey",), 0, rest + " " * (KEPT - len(rest)), Seen()))
    outside = drilled_with(monkeypatch, Scenario.STOP).runs[0].outside
    assert outside is not None
    assert not outside.output.strip()


def test_a_job_that_fails_tells_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = drilled_with(monkeypatch, Scenario.WORK, shell=lambda _line: (2, SAID))
    assert recording.runs[0].disturbed.startswith("--job ended with 2: using [redacted] now")
    assert leaked(archive.dumps(recording)) == []


def test_a_jobs_state_tells_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = drilled_with(monkeypatch, Scenario.WORK, shell=lambda _line: (0, SAID))
    assert "--job-state said last: using [redacted] now" in recording.runs[0].disturbed
    assert leaked(archive.dumps(recording)) == []


def test_a_jobs_state_that_is_cut_tells_no_half_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = drilled_with(monkeypatch, Scenario.WORK, shell=lambda _line: (0, "." * 195 + VARIABLE))
    assert VARIABLE[:4] not in archive.dumps(recording)


@pytest.mark.parametrize("scenario", [Scenario.STOP, Scenario.WORK])
def test_no_report_holds_a_secret(scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = drilled_with(monkeypatch, scenario, shell=lambda _line: (2, SAID))
    shown = outputs(prepare(recording, judge(recording)), tmp_path)
    assert {what: leaked(text) for what, text in shown.items()} == {what: [] for what in shown}
    assert "[redacted]" in shown["JSON"]
    assert "[redacted]" in shown["HTML"]


def test_what_an_engine_complains_of_is_told_without_secrets() -> None:
    of = service(*COMMAND, environment=ENVIRONMENT)
    engine = FakeEngine(Behaviour(start_errors=[LoadError(f"can't use {VARIABLE}", hint=f"try without {DATABASE}")]))
    steps: list[Progress] = []
    with pytest.raises(SeatrialError) as raised:
        asyncio.run(drill(of, engine, DrillOptions(only=frozenset({Scenario.STOP})), steps.append))
    assert (str(raised.value), raised.value.hint) == ("can't use [redacted]", "try without [redacted]")
    assert raised.value.args == ("can't use [redacted]",)


def test_what_an_engine_says_while_it_prepares_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's builds, and dependencies that end: whole messages are cleaned, and cut then."""
    of = service(*COMMAND, environment=ENVIRONMENT)

    class Preparing:
        def __init__(self, _arguments: object, _subject: object, show: Callable[[Progress], None]) -> None:
            self._show = show

        @contextlib.asynccontextmanager
        async def prepared(self, _service: object) -> AsyncIterator[None]:
            self._show(Progress(0.0, Scenario.STOP, Stage.PREPARING, f"building with {VARIABLE}"))
            raise InputError(f"db ended with 1: {'.' * 1996}{VARIABLE}", hint=f"without {DATABASE}")
            yield

    monkeypatch.setattr(engines, "ENGINES", {"native": Preparing})
    steps: list[Progress] = []
    subject = Subject(of, ".", (), DrillOptions())
    with pytest.raises(InputError) as raised:
        asyncio.run(engines.run_trial(argparse.Namespace(engine="native"), subject, steps.append))
    assert [step.text for step in steps] == ["building with [redacted]"]
    assert (raised.value.message[:17], raised.value.hint) == ("db ended with 1: ", "without [redacted]")
    assert VARIABLE[:3] not in raised.value.message


def test_common_words_are_no_secrets_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that are words which everybody says would make the recording unreadable, and no safer."""
    monkeypatch.setattr(exercise, "Load", FakeLoad)
    words = {"A": "a", "B": "1", "C": "true", "D": "postgres", "E": "3000", "F": "shop", "G": "api"}
    environment = {f"{name}_PASSWORD": Sourced(word) for name, word in words.items()} | {"DB_USER": Sourced("shop")}
    said = "a 1 true postgres 3000 shop api\n"
    options = DrillOptions(only=frozenset({Scenario.STOP}), ready_timeout=5.0)
    of = service("node", "shop.js", "--password", "postgres", environment=environment)
    engine = FakeEngine(Behaviour(output=f"{said}password=postgres\n".encode()))
    recording = asyncio.run(drill(of, engine, options))
    assert [line.text for line in recording.runs[0].log] == [said.strip(), "password=[redacted]"]
    assert (recording.subject.name, recording.subject.argv) == ("api", ("node", "shop.js", "--password", "[redacted]"))


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
CLIENT = """\
import os, sys, time, urllib.error, urllib.request

print("asking with", *sys.argv[1:], os.environ["CI_TOKEN"], flush=True)
while True:
    time.sleep(0.05)
    try:
        urllib.request.urlopen(os.environ["SEATRIAL_URL"], timeout=1)
    except urllib.error.HTTPError:
        continue
    except OSError as error:
        print(error)
"""


def run_command(folder: Path, *words: str) -> tuple[dict[str, str], str]:
    """A real drill of the server as a command of secrets; what is said as in `run_drill`."""
    (folder / "server.py").write_text(SERVER, encoding="utf-8")
    (folder / "client.py").write_text(CLIENT, encoding="utf-8")
    command = ["/usr/bin/python3", "server.py", "--token", OPTION, f"--password={EQUALS}", f"redis://me:{URL}@cache"]
    return run_drill(folder, f"--env=API_TOKEN={VARIABLE}", *words, "--", *command)


def run_drill(folder: Path, *words: str) -> tuple[dict[str, str], str]:
    """A real drill with every output that there is; each as text, and what the command complained of."""
    names = ("report", "json", "junit", "markdown", "save", "history")
    to = [f"--{name}={folder / name}" for name in names]
    done = subprocess.run(
        [sys.executable, "-m", "seatrial", "drill", "--only=stop", "--grace=1", "--verbose", *to, *words],
        cwd=folder,
        env={**os.environ, "CI_TOKEN": CALLER},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    require(done.stderr if done.returncode == 4 else "")
    texts = {name: (folder / name).read_bytes().decode("latin-1") for name in names}
    return texts | {"stdout": done.stdout, "stderr": done.stderr}, done.stderr


@pytest.mark.slow
def test_no_output_of_the_command_holds_a_secret(tmp_path: Path) -> None:
    texts, complaint = run_command(tmp_path)
    assert "the variable is [redacted]" in texts["save"], complaint
    assert json.loads(texts["save"])["subject"]["argv"][2] == "--token"
    assert {name: leaked(text) for name, text in texts.items()} == {name: [] for name in texts}


@pytest.mark.slow
def test_no_output_holds_a_secret_of_the_load_command(tmp_path: Path) -> None:
    require("" if os.geteuid() == 0 else "root, whom a load command needs")
    client = f"/usr/bin/python3 client.py --api-key {LOAD} --user me:{ACCOUNT} -H 'X-Shop-Key: {HEADER}'"
    texts, complaint = run_command(tmp_path, f'--load-from=sh -c "exec {client} {VARIABLE}"')
    (run,) = json.loads(texts["save"])["runs"]
    assert "asking with --api-key [redacted] --user me:[redacted]" in run["outside"]["output"], complaint
    assert {name: leaked(text) for name, text in texts.items()} == {name: [] for name in texts}


GIVEN = """\
services:
  api:
    image: python:3
    command: [/usr/bin/python3, /app/server.py]
    working_dir: /app
    volumes: ["./app:/app"]
    env_file: api.env
    secrets: [db, key]
    configs: [settings]
secrets:
  db: {file: ./db}
  key: {file: ./key.json}
configs:
  settings: {file: ./settings}
"""
READER = """\
import os
for name in ("/run/secrets/db", "/run/secrets/key", "/settings"):
    print(name, "is", open(name).read(), flush=True)
"""


@pytest.mark.slow
def test_no_output_holds_a_secret_that_compose_gives_as_a_file(tmp_path: Path) -> None:
    files = {
        "compose.yaml": GIVEN,
        "api.env": f"API_TOKEN={VARIABLE}\n",
        "db": f"{FILE}\n",
        "key.json": json.dumps({"kind": "account", "said": OTHER}),
        "settings": f"colour = turquoise\npassword = {OPTION}\n",
        "app/server.py": READER + SERVER,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    texts, complaint = run_drill(tmp_path, str(tmp_path))
    log = [line["text"] for line in json.loads(texts["save"])["runs"][0]["log"]]
    shown = ["/run/secrets/db is [redacted]", "", "/run/secrets/key is [redacted]", "/settings is colour = turquoise"]
    assert log[:4] == shown, complaint
    assert "the variable is [redacted]" in log
    assert {name: leaked(text) for name, text in texts.items()} == {name: [] for name in texts}
