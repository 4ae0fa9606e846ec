"""What becomes of findings between the rules and the report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from seatrial.check import baseline
from seatrial.check.run import Options, Outcome, run
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding, Severity

from .conftest import documents_of

COMPOSE = """\
services:
  web:
    image: node:22
    command: node a.js
  worker:
    image: node:22
    command: node b.js
"""
RULES = ("exec-form-command", "package-manager-as-pid1", "healthcheck-detects-failure", "syntax")
SHARED = "services:\n  web:\n    build: .\n  worker:\n    build: .\n"


def checked(directory: Path, options: Options | None = None, **files: str) -> Outcome:
    named = {name.replace("_yaml", ".yaml"): text for name, text in files.items()}
    return run(documents_of(directory, named), options or Options(select=RULES))


def told(outcome: Outcome) -> list[tuple[str, str]]:
    return [(finding.requirement, str(finding.place)) for finding in outcome.findings]


def test_the_same_lack_of_several_services_is_told_once(tmp_path: Path) -> None:
    (finding,) = checked(tmp_path, Options(select=("memory-limit",)), compose_yaml=COMPOSE).findings
    assert finding.message == "2 services have no memory limit: web and worker"
    assert [(each.value, str(each.place)) for each in finding.related] == [("worker", "compose.yaml:5:3")]


def test_several_faults_of_one_service_are_told_one_by_one(tmp_path: Path) -> None:
    lines = "FROM node:22-slim\nENV A_PASSWORD=hunter22\nRUN echo 'root:hunter22' | chpasswd\n"
    outcome = checked(tmp_path, Options(select=("no-secrets-in-image",)), Dockerfile=lines)
    assert [finding.place.line for finding in outcome.findings] == [2, 3]
    assert all("services" not in finding.message for finding in outcome.findings)


def test_a_fault_of_a_shared_dockerfile_is_told_once(tmp_path: Path) -> None:
    outcome = checked(
        tmp_path,
        Options(select=("exec-form-command",)),
        compose_yaml=SHARED,
        Dockerfile="FROM node:22-slim\nCMD node a.js\n",
    )
    assert told(outcome) == [("exec-form-command", "Dockerfile:2:5")]


def test_a_consequence_is_hidden_under_its_cause_and_counted(tmp_path: Path) -> None:
    outcome = checked(tmp_path, Dockerfile="FROM node:22-slim\nCMD npm start\n")
    assert told(outcome) == [("package-manager-as-pid1", "Dockerfile:2:5")]
    assert [finding.requirement for finding in outcome.consequences] == ["exec-form-command"]


def test_without_its_cause_the_consequence_is_told(tmp_path: Path) -> None:
    outcome = checked(
        tmp_path, Options(RULES, ("package-manager-as-pid1",)), Dockerfile="FROM node:22-slim\nCMD npm start\n"
    )
    assert told(outcome) == [("exec-form-command", "Dockerfile:2:5")]


def test_select_and_ignore_choose_by_name(tmp_path: Path) -> None:
    names = ("memory-limit", "log-rotation")
    outcome = checked(tmp_path, Options(select=names, ignore=("log-rotation",)), compose_yaml=COMPOSE)
    assert {finding.requirement for finding in outcome.findings} == {"memory-limit"}


def test_a_comment_above_the_line_ignores_with_its_reason(tmp_path: Path) -> None:
    text = "FROM node:22-slim\n# seatrial: ignore=exec-form-command needs a shell\n# and more\nCMD node a.js\n"
    outcome = checked(tmp_path, Dockerfile=text)
    assert told(outcome) == []
    assert [(each.finding.requirement, each.reason) for each in outcome.ignored] == [
        ("exec-form-command", "needs a shell")
    ]


def test_a_comment_on_the_line_ignores_in_yaml(tmp_path: Path) -> None:
    text = COMPOSE.replace("  web:\n", "  web: # seatrial: ignore=memory-limit measured\n")
    outcome = checked(tmp_path, Options(select=("memory-limit",)), compose_yaml=text)
    assert told(outcome) == [("memory-limit", "compose.yaml:5:3")]


def test_an_ignore_covers_a_whole_instruction_of_several_lines(tmp_path: Path) -> None:
    text = "FROM node:22\n# seatrial: ignore=healthcheck-detects-failure\nHEALTHCHECK --interval=9s \\\n CMD curl http://a\n"
    assert told(checked(tmp_path, Dockerfile=text)) == []


def test_an_ignore_of_an_unknown_name_is_reported_with_what_was_meant(tmp_path: Path) -> None:
    text = 'FROM node:22\n# seatrial: ignore=exec-form-comand oops\nCMD ["node"]\n'
    (finding,) = checked(tmp_path, Dockerfile=text).findings
    assert (finding.requirement, str(finding.place)) == ("syntax", "Dockerfile:2:1")
    assert finding.remedy == "write ignore=exec-form-command"


def test_a_baseline_hides_what_it_knows_wherever_the_line_has_moved(tmp_path: Path) -> None:
    text = "FROM node:22-slim\nCMD node a.js\n"
    before = checked(tmp_path / "a", Dockerfile=text)
    written = baseline.write(before.all_findings, {"Dockerfile": text})
    moved = text.replace("CMD", "ENV A=b\n\nCMD")
    after = checked(tmp_path / "b", Options(select=RULES, known=baseline.read(written, "b.json")), Dockerfile=moved)
    assert (told(after), after.in_baseline) == ([], 1)


def test_a_baseline_holds_no_secret(tmp_path: Path) -> None:
    lines = "FROM node:22-slim\nENV A_PASSWORD hunter22\nENV B_TOKEN=hunter22\n"
    documents = documents_of(tmp_path, {"Dockerfile": lines})
    options = Options(select=("no-secrets-in-image",))
    text = baseline.write(run(documents, options).all_findings, documents.texts)
    assert "hunter22" not in text
    known = baseline.read(text, "b.json")
    again = run(documents, Options(select=("no-secrets-in-image",), known=known))
    assert (again.findings, again.in_baseline) == ((), 2)


def test_a_baseline_hides_no_second_finding_of_the_same_line() -> None:
    finding = documents_finding()
    known = Counter({baseline.key(finding, {}): 1})
    left, dropped = baseline.without_known([finding, finding], {}, known)
    assert (len(left), dropped) == (1, 1)


def documents_finding() -> Finding:
    from seatrial.model.place import Place

    return Finding("syntax", Severity.ERROR, "broken", Place("Dockerfile", 1))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2, "findings": []}', '{"format": 1, "findings": [1]}'])
def test_what_is_no_baseline_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(InputError, match="baseline"):
        baseline.read(text, "base.json")


def test_a_prefix_goes_before_all_places(tmp_path: Path) -> None:
    (finding,) = checked(tmp_path, Options(select=("memory-limit",), prefix="a/b/"), compose_yaml=COMPOSE).findings
    assert str(finding.place) == "a/b/compose.yaml:2:3"
    assert str(finding.related[0].place) == "a/b/compose.yaml:5:3"


def test_a_place_that_a_message_names_gets_the_prefix_too(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM node:22\nCMD ["npm", "start"]\n',
        "package.json": '{"scripts": {"start": "node a.js"}}',
    }
    options = Options(select=("package-manager-as-pid1",), prefix="services/web/")
    (finding,) = run(documents_of(tmp_path, files), options).findings
    assert "(services/web/package.json:1)" in finding.message


def test_many_syntax_findings_of_one_kind_are_told_as_one(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: a\n    secrets: [a, b, c, d, e]\n"
    outcome = checked(tmp_path, Options(select=("syntax",)), compose_yaml=text)
    assert [len(finding.related) for finding in outcome.findings] == [4]


def test_a_binary_file_is_told_in_one_finding(tmp_path: Path) -> None:
    outcome = checked(tmp_path, Options(select=("syntax",)), Dockerfile="FROM a\n\0\n\0b\nc\n")
    assert told(outcome) == [("syntax", "Dockerfile:1:1")]


def test_findings_of_the_machine_are_left_out(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: ${IMAGE}\n    env_file: [.env]\n"
    assert told(checked(tmp_path, Options(select=("syntax",)), compose_yaml=text)) == []
