"""The formats of a check's report, compared whole where people read them."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import jsonschema
import pytest

from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.report import redact
from seatrial.report.findings_values import FORMATS, FindingsReport, Page, TextStyle, render
from tests.report.sarif_schema import SARIF

DOCKERFILE = "FROM node:22-slim\nCMD npm start\n"
COMPOSE = "services:\n\tweb:\n  environment: {API_TOKEN: abcdefgh12345}\n"
NPM = Finding(
    "package-manager-as-pid1",
    Severity.WARNING,
    "`npm start` is the main process",
    Place("Dockerfile", 2, 5, 2, 14),
    'write ["node", "a.js"] as the command',
    related=(Sourced("runs `node a.js`", Place("package.json", 3, 14, 3, 25)),),
    service="web",
)
LOGS = Finding(
    "log-rotation",
    Severity.INFO,
    "never | rotated",
    Place("compose.yaml", 2, 2, 2, 5),
    confidence=Confidence.MEDIUM,
)
SECRET = Finding("no-secrets-in-image", Severity.ERROR, "a secret", Place("compose.yaml", 3, 17))
REPORT = FindingsReport(
    "seatrial",
    "1.2.3",
    (NPM, LOGS, SECRET),
    {"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE},
    {"log-rotation": Page("log-rotation", "log files rotate", "what", "why", "instead\n", "Logs")},
    ((NPM, "it is meant so"),),
    consequences=2,
    services=1,
    files=2,
)
TEXT = """\
Dockerfile:2:5 warning[package-manager-as-pid1] `npm start` is the main process
   2 │ CMD npm start
     │     ^^^^^^^^^
   package.json:3:14: runs `node a.js`
   hint: write ["node", "a.js"] as the command

compose.yaml:2:2 info[log-rotation] never | rotated (likely)
   2 │     web:
     │     ^^^

compose.yaml:3:17 error[no-secrets-in-image] a secret
   3 │   environment: {API_TOKEN: [redacted]}

1 error, 1 warning, 1 info in 1 service, 2 files; 1 ignored by a comment; 2 hidden as a consequence of another
"""
GITHUB = """\
::warning file=Dockerfile,line=2,col=5,endLine=2,endColumn=13,title=package-manager-as-pid1::`npm start` is the main \
process%0Awrite ["node", "a.js"] as the command
::notice file=compose.yaml,line=2,col=2,endLine=2,endColumn=4,title=log-rotation::never | rotated
::error file=compose.yaml,line=3,col=17,title=no-secrets-in-image::a secret
"""
MARKDOWN = """\
## seatrial check

| | where | what | instead |
| --- | --- | --- | --- |
| warning | [Dockerfile:2](Dockerfile#L2) | **package-manager-as-pid1**: `npm start` is the main process | write \
\\["node", "a.js"\\] as the command |
| info | [compose.yaml:2](compose.yaml#L2) | **log-rotation**: never \\| rotated |  |
| error | [compose.yaml:3](compose.yaml#L3) | **no-secrets-in-image**: a secret |  |

<details><summary>1 finding ignored by a comment</summary>

- [Dockerfile:2](Dockerfile#L2) `package-manager-as-pid1`: it is meant so

</details>
"""


def test_the_command_offers_the_formats_that_there_are() -> None:
    from seatrial.cli.check_arguments import FORMATS as OFFERED

    assert OFFERED == FORMATS


def shown(form: str, report: FindingsReport = REPORT) -> str:
    return render(report, form, TextStyle())


@pytest.mark.parametrize(("form", "expected"), [("text", TEXT), ("github", GITHUB), ("markdown", MARKDOWN)])
def test_what_people_read_is_exactly_so(form: str, expected: str) -> None:
    assert shown(form) == expected


def test_colour_changes_nothing_but_colour() -> None:
    import re

    coloured = render(REPORT, "text", TextStyle(colour=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == TEXT


def test_json_says_all_that_is_known() -> None:
    document = json.loads(shown("json"))
    assert document["summary"]["warning"] == 1
    first = document["findings"][0]
    assert first["place"] == {"file": "Dockerfile", "line": 2, "column": 5, "end_line": 2, "end_column": 14}
    assert first["related"][0]["place"]["file"] == "package.json"
    assert document["ignored"][0]["reason"] == "it is meant so"


def test_sarif_has_rules_places_and_suppressions() -> None:
    (run,) = json.loads(shown("sarif"))["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [each["ruleId"] for each in run["results"]]
    assert [result["level"] for result in run["results"]] == ["warning", "note", "error", "warning"]
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 14}
    assert run["results"][3]["suppressions"] == [{"kind": "inSource", "justification": "it is meant so"}]


ODD = replace(NPM, place=Place("a b/Dockerf\u00efle", 0, 0), related=(), remedy="")


@pytest.mark.parametrize(
    "report",
    [
        REPORT,
        FindingsReport("seatrial", "1", ()),
        replace(REPORT, findings=(ODD, ODD), pages={}, ignored=((NPM, ""),), problems=("a: can't be read",)),
    ],
    ids=["usual", "empty", "odd"],
)
def test_sarif_keeps_to_the_standard(report: FindingsReport) -> None:
    jsonschema.Draft202012Validator.check_schema(SARIF)
    jsonschema.Draft202012Validator(SARIF).validate(json.loads(shown("sarif", report)))


def test_sarif_fingerprints_stay_when_lines_move() -> None:
    moved = replace(NPM, place=Place("Dockerfile", 4, 5, 4, 14))
    after = replace(REPORT, findings=(moved,), texts={"Dockerfile": DOCKERFILE.replace("CMD", "ENV A=b\n\nCMD")})
    before = json.loads(shown("sarif", replace(REPORT, findings=(NPM,), ignored=())))
    now = json.loads(shown("sarif", replace(after, ignored=())))
    prints = [each["runs"][0]["results"][0]["partialFingerprints"] for each in (before, now)]
    assert prints[0] == prints[1]


def test_junit_has_a_failure_for_each_finding_but_information() -> None:
    root = ElementTree.fromstring(shown("junit"))
    assert (root.get("tests"), root.get("failures")) == ("3", "2")
    failed = [case.get("classname") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["seatrial.check.no-secrets-in-image", "seatrial.check.package-manager-as-pid1"]
    assert root.findtext(".//system-out") == "compose.yaml:2:2: never | rotated"


def test_a_case_of_junit_has_one_failure_at_most_and_a_name_of_its_own() -> None:
    again = replace(NPM, place=Place("web/Dockerfile", 9, 5))
    note = replace(NPM, place=Place("web/Dockerfile", 11, 5), severity=Severity.INFO)
    root = ElementTree.fromstring(shown("junit", replace(REPORT, findings=(NPM, again, note), pages={})))
    cases = list(root.iter("testcase"))
    assert {len(case) for case in cases} == {1}
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases) == 3
    assert (root.get("tests"), root.get("failures")) == ("3", "2")


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_shows_a_secret_or_a_control_character(form: str) -> None:
    nasty = replace(LOGS, message="PASSWORD=hunter22 \x1b[31m\x00", remedy="DB_PASSWORD=hunter22")
    text = shown(form, replace(REPORT, findings=(nasty, SECRET), problems=("TOKEN=hunter22",)))
    assert "hunter22" not in text and "abcdefgh12345" not in text
    assert "\x1b" not in text and "\x00" not in text


MANIFEST = """\
env:
- name: DB_PASSWORD
  value: planted-1
- {name: DB_PASSWORD, value: planted-2}
- {"name": "DB_PASSWORD", "value": "planted 3"}
RUN echo "joe:planted4" | chpasswd
RUN curl -fsS -u joe:planted5 https://h.org/a
HEALTHCHECK CMD mysqladmin ping -pplanted6
ENV PASSWORD planted7
"""


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("line", "column"), [(3, 10), (4, 31), (5, 35), (6, 1), (7, 5), (8, 17), (9, 5)])
def test_no_format_shows_the_line_of_a_secret_as_it_is(form: str, line: int, column: int) -> None:
    finding = replace(SECRET, place=Place("a", line, column, line, column + 8))
    assert "planted" not in shown(form, FindingsReport("seatrial", "1", (finding,), {"a": MANIFEST}))


@pytest.mark.parametrize("line", [4, 5, 6, 7, 8])
def test_another_finding_at_such_a_line_shows_no_secret_either(line: int) -> None:
    finding = replace(NPM, place=Place("a", line, 1, line, 4))
    text = shown("text", FindingsReport("seatrial", "1", (finding,), {"a": MANIFEST}))
    assert "planted" not in text
    assert "[redacted]" in text


def test_the_line_that_copies_a_key_file_is_shown() -> None:
    finding = replace(SECRET, place=Place("a", 1, 6, 1, 12))
    assert "COPY id_rsa /root/" in shown(
        "text", FindingsReport("seatrial", "1", (finding,), {"a": "COPY id_rsa /root/"})
    )


@pytest.mark.parametrize(
    "line",
    ["docker run -u 1000:1000 curlimages/curl a", "mysql -p 3306 -h db", "name: token, value: [a]", "mysql -p$PW"],
)
def test_what_is_no_password_is_shown(line: str) -> None:
    assert redact.source_line([line], 1) == line


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_report_is_a_good_document(form: str) -> None:
    text = shown(form, FindingsReport("seatrial", "1", (), services=1, files=1))
    if form in ("json", "sarif"):
        assert json.loads(text)
    elif form == "junit":
        ElementTree.fromstring(text)
    else:
        assert text == "" if form == "github" else "o findings" in text
