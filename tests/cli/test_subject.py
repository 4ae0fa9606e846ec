"""From arguments and files to a service, its options and the runs that are needed."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from seatrial.cli import choice, codes, drill, subject
from seatrial.cli.arguments import _parser
from seatrial.cli.front import run
from seatrial.drill import archive
from seatrial.drill.dependencies import dependencies_of
from seatrial.model.errors import InputError, NothingFoundError
from seatrial.model.place import Sourced
from seatrial.model.recording import Scenario
from seatrial.model.redaction import Redactor
from seatrial.model.service import Service
from seatrial.model.verdict import Ruling, Verdict
from tests.report import sample


def arguments(*words: str, command: tuple[str, ...] = ()) -> argparse.Namespace:
    parsed = _parser().parse_args(["drill", *words])
    parsed.service_command = command
    return parsed


def service(name: str, dockerfile: str | None = None) -> Service:
    return Service(name, "/", Sourced(("true",)), dockerfile=dockerfile)


def test_the_only_service_is_taken_and_so_is_the_only_one_that_is_built() -> None:
    api, db = service("api", "Dockerfile"), service("db")
    assert choice.choose([db], None) is db
    assert choice.choose([db, api], None) is api
    assert choice.choose([db, api], "db") is db


def test_several_services_must_be_chosen_from() -> None:
    for services in ([service("a"), service("b")], [service("a", "x"), service("b", "y")]):
        with pytest.raises(InputError, match="there are several services: a, b") as caught:
            choice.choose(services, None)
        assert caught.value.hint == "--service a"
    with pytest.raises(InputError, match="there is no service 'c'") as caught:
        choice.choose([service("a")], "c")
    assert "a" in caught.value.hint


def test_a_requirement_needs_its_run() -> None:
    assert subject.scenarios(["stops-in-time"], None) == ({Scenario.STOP}, frozenset())
    needed = {Scenario.ORPHAN, Scenario.LOAD, Scenario.INTERRUPT}
    assert subject.scenarios(["init-reaps-orphans", "interrupt"], None)[0] == needed
    # Of a worker it is measured while it has a job in hand.
    assert subject.scenarios(["pids-limit"], None)[0] == {Scenario.LOAD, Scenario.WORK}
    assert subject.scenarios(["load"], None)[0] == {Scenario.LOAD}
    # The stop proves many things: it is skipped only by its own name.
    assert subject.scenarios(None, ["stops-in-time", "second-signal-safe"])[1] == {Scenario.SECOND_SIGNAL}
    assert subject.scenarios(None, ["stop"])[1] == {Scenario.STOP}


def test_verdicts_are_selected_by_name_or_run() -> None:
    both = (Verdict("stops-in-time", Ruling.PASS, ""), Verdict("handles-sigint", Ruling.PASS, ""))
    assert subject.Choice().among(both) == both
    assert subject.Choice(only=("stop",)).among(both) == both[:1]
    assert subject.Choice(only=("handles-sigint",)).among(both) == both[1:]
    assert subject.Choice(skip=("interrupt",)).among(both) == both[:1]


def test_a_command_becomes_a_service_of_this_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = subject.subject_of(arguments("--rate", "7", "--path", "/x", command=("/bin/node", "a.js")))
    assert found.service.name == "node"
    assert found.service.argv == Sourced(("/bin/node", "a.js"))
    assert found.service.context == found.service.workdir.value == str(tmp_path)
    assert (found.options.rate, found.options.quick_path) == (7.0, "/x")


def test_a_load_command_is_taken_apart_as_a_shell_would(tmp_path: Path) -> None:
    words = (str(tmp_path), "--load-from", "sh -c 'load {url}'", "--connections", "9", "--ws-path", "/chat")
    options = subject.subject_of(arguments(*words, command=("true",))).options
    assert options.load_from == ("sh", "-c", "load {url}")
    assert (options.connections, options.websocket_path) == (9, "/chat")


def test_options_that_were_not_given_keep_the_drills_own_defaults(tmp_path: Path) -> None:
    options = subject.subject_of(arguments(str(tmp_path), command=("true",))).options
    defaults = type(options)()
    assert (options.rate, options.grace, options.ready_timeout) == (defaults.rate, None, defaults.ready_timeout)
    assert options.scenarios() == defaults.scenarios()


def test_a_project_is_read_with_its_routes(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        'FROM node:22\nWORKDIR /app\nCOPY . .\nENV API_TOKEN=tok3n\nCMD ["node", "a.js"]\n'
    )
    (tmp_path / "a.js").write_text(
        'app.get("/slow", handler)\napp.get("/healthz", handler)\napp.get("/items", handler)\napp.ws("/chat", x)\n'
    )
    found = subject.subject_of(arguments(str(tmp_path), "--env", "DB_PASSWORD=hunter2"))
    assert found.service.argv is not None
    assert found.service.argv.value == ("node", "a.js")
    assert [(each.path, each.by) for each in found.options.candidates.slow] == [("/slow", "found in a.js:1")]
    assert [each.path for each in found.options.candidates.websocket] == ["/chat"]
    assert [(each.path, each.health) for each in found.options.candidates.quick] == [
        ("/items", False),
        ("/healthz", True),
    ]
    assert sorted(found.secrets) == ["hunter2", "tok3n"]


COMPOSE = """\
services:
  api:
    image: node:22
    command: node server.js
    env_file: api.env
    depends_on: [store]
    secrets: [db, key, gone, far]
    configs: [settings]
  store:
    image: postgres:16
    secrets: [root]
secrets:
  db: {file: ./db.txt}
  key: {environment: SHOP_SIGNING}
  gone: {file: ./gone.txt}
  far: {external: true}
  root: {file: ./root.txt}
configs:
  settings: {file: ./settings.ini}
"""


def test_what_compose_gives_as_files_is_secret_and_there(tmp_path: Path) -> None:
    files = {
        "compose.yaml": COMPOSE,
        ".env": "SHOP_SIGNING=of-the-project\n",
        "api.env": "API_TOKEN=of-an-env-file\nCOLOUR=turquoise\n",
        "db.txt": "of-a-file\n",
        "root.txt": '{"user": "shop", "password": "of-another"}\n',
        "settings.ini": "colour = turquoise\npassword = of-a-config\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = subject.subject_of(arguments(str(tmp_path), "--service=api"))
    known = Redactor(found.secrets)
    hidden = ("of-the-project", "of-an-env-file", "of-a-file", "of-another", files["root.txt"].strip(), "of-a-config")
    assert {known.known(f"it is {secret}!") for secret in hidden} == {"it is [redacted]!"}
    assert known.known("turquoise shop") == "turquoise shop"
    assert [mount.value.target for mount in found.service.mounts] == ["/run/secrets/db", "/settings"]
    assert [mount.value.target for mount in found.others[0].mounts] == ["/run/secrets/root"]
    assert [finding.message for finding in found.findings] == [
        "the secret key of api is not at /run/secrets/key: only files are mounted here",
        "the secret gone of api is not at /run/secrets/gone: its file is missing",
    ]
    assert [one.name for one in dependencies_of(found.service, {}, found.others)[0]] == ["store:5432"]


@pytest.mark.parametrize("said", ["", "x\n", "true\n", "5432\n", "store\n", "postgres\n"])
def test_a_trivial_secret_in_a_file_is_no_secret_elsewhere(said: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE.replace("env_file: api.env", "tty: false"))
    (tmp_path / "db.txt").write_text(said)
    known = Redactor(subject.subject_of(arguments(str(tmp_path), "--service=api")).secrets)
    line = f"x true postgres at store:5432 {said.strip()}"
    assert known.known(line) == line


def test_nothing_to_drill_is_told_apart_from_a_bad_argument(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError):
        subject.subject_of(arguments(str(tmp_path)))


def test_the_environment_comes_from_files_then_words_then_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my.env"
    file.write_text("A=1\nB='two words'\n# C=3\n")
    monkeypatch.setenv("OURS", "o")
    words = (str(tmp_path), "--env-file", str(file), "-e", "A=9=9", "-e", "OURS", "-e", "EMPTY=")
    environment = subject.subject_of(arguments(*words, command=("true",))).options.environment
    assert environment == {"A": "9=9", "B": "two words", "OURS": "o", "EMPTY": ""}


def test_a_bad_environment_file_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "my.env"
    file.write_text("A=1\nB='open\n")
    with pytest.raises(InputError) as caught:
        subject.subject_of(arguments(str(tmp_path), "--env-file", str(file), command=("true",)))
    assert str(caught.value).startswith(f"{file}:2:")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("drill", "{}/gone"), "name a directory"),
        (("drill", ".", "-f", "{}/gone"), "name a directory"),
        (("drill", "--env-file", "{}/gone", "--", "true"), "NAME=VALUE"),
        (("drill", "{}/gone", "--", "true"), "DIRECTORY -- COMMAND"),
    ],
)
def test_a_file_that_is_not_there_has_no_lines_and_a_hint(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([word.format(tmp_path) for word in words]) == codes.USAGE
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {tmp_path}/gone: ")
    assert said in hint


@pytest.mark.parametrize("words", [("--job", "x"), ("--job-state", "x")])
def test_a_job_without_what_became_of_it_is_a_mistake_in_the_command(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drill", *words, "--", "true"]) == codes.USAGE
    error, hint = capsys.readouterr().err.splitlines()
    assert words[0] in error
    assert ({"--job", "--job-state"} - {words[0]}).pop() in hint


def test_what_was_asked_for_goes_into_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "_drill_service", lambda arguments: drill.Seen(sample.GOOD))
    kept = tmp_path / "kept.json"
    run(["drill", "--only=stops-in-time", "--skip=orphan", f"--save={kept}", "--", "true"])
    recording = archive.load(kept)
    assert (recording.only, recording.skip) == (("stops-in-time",), ("orphan",))
