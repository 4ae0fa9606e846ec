"""Fixes over the rules' own bad examples, also as other editors would have saved them: the finding goes, nothing comes,
every other byte stays, and a second run has nothing to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from seatrial.check import fixing
from seatrial.check.interface import FixSafety
from seatrial.check.run import run
from seatrial.check.table import rule
from seatrial.files.documents import read_documents
from seatrial.files.editing import edited, read_source, write_source
from seatrial.files.promises import are_kept

from .conftest import documents_of, write

MENDED = {
    "exec-form-command": {0, 2},
    "package-manager-as-pid1": {0, 1},
    "entrypoint-hands-over": {0, 1},
    "init-reaps-orphans": set(),
    "healthcheck-detects-failure": {0},
    "waits-for-dependencies": set(),
    "restart-policy": {0},
    "log-rotation": {0},
    "pids-limit": {0},
    "nofile-limit": {0, 1},
    "node-env-production": {0, 1, 3},
}
"""The bad examples, by number, that files alone can be mended for."""

COMPOSE = "services:\n  app:\n    image: x/app\n    ports: ['80:80']\n"
MORE: dict[str, dict[str, str]] = {
    "exec-form-command, variables": {"Dockerfile": "FROM node:22-slim\nCMD node a.js --port $PORT\n"},
    "exec-form-command, more lines": {
        "Dockerfile": "FROM node:22-slim\nCMD java \\\n  # heap\n  -Xmx9m \\\n  -jar a.jar\n"
    },
    "exec-form-command, expansions": {
        "Dockerfile": "FROM node:22-slim\nCMD gunicorn -w $(($(nproc)*2)) -b \"0.0.0.0:${PORT:-80}\" 'a;b'\n"
    },
    "exec-form-command, two stages": {"Dockerfile": "FROM debian:12 AS a\nCMD a b\nFROM a\nUSER 1\n"},
    "healthcheck-detects-failure, flow": {
        "compose.yaml": COMPOSE + '    healthcheck:\n      test: ["CMD", "curl", "http://a/"]\n'
    },
    "healthcheck-detects-failure, list": {
        "compose.yaml": COMPOSE + "    healthcheck:\n      test:\n        - CMD\n        - curl\n        - http://a/\n"
    },
    "healthcheck-detects-failure, string": {
        "compose.yaml": COMPOSE + "    healthcheck:\n      test: curl http://a/ || exit 1\n"
    },
    "healthcheck-detects-failure, json": {
        "Dockerfile": 'FROM node:22\nHEALTHCHECK --interval=5s \\\n  CMD ["curl", "http://a/"]\n'
    },
    "waits-for-dependencies, list": {
        "compose.yaml": COMPOSE
        + "    depends_on:\n    - db\n    # the cache\n    - cache\n"
        + "  db:\n    image: postgres:17\n    healthcheck: {test: pg_isready}\n  cache:\n    image: redis:7\n"
    },
    "waits-for-dependencies, flow": {
        "compose.yaml": COMPOSE
        + "    depends_on: [db]\n  db:\n    image: postgres:17\n    healthcheck: {test: pg_isready}\n"
    },
    "nofile-limit, both": {
        "compose.yaml": COMPOSE + "    ulimits:\n      nofile: {soft: 100, hard: 200}\n",
    },
    "restart-policy, deep": {
        "compose.yaml": "services:\n    web:  # the site\n        image: x\n        environment:\n            A: b\n"
        "            # C: d\n\n    # another\n    api:\n        image: y\n"
    },
    "init-reaps-orphans": {
        "compose.yaml": "services:\n  a:\n    build: .\n  b:\n    build: .\n",
        "Dockerfile": 'FROM node:22-slim\nCMD ["node", "a.js"]\n',
        "package.json": '{"dependencies": {\n  "puppeteer": "^24"\n}}\n',
    },
}
"""Others that are mended, each for the requirement that it begins with."""

EXAMPLES = {f"{name}, {number}": rule(name).bad[number].files for name in MENDED for number in sorted(MENDED[name])}
EXAMPLES |= MORE


def crlf(name: str, text: str) -> str:
    return text if name.endswith(".sh") else text.replace("\n", "\r\n")


def bom(name: str, text: str) -> str:
    return text if name.endswith((".sh", ".json")) else "\ufeff" + text


def unfinished(_name: str, text: str) -> str:
    return text.removesuffix("\n")


def spaced(name: str, text: str) -> str:
    if name.endswith(".json"):
        return text
    return "".join(line if line.endswith("\\\n") else line[:-1] + "  \n" for line in text.splitlines(keepends=True))


def commented(name: str, text: str) -> str:
    if name.endswith((".json", ".sh")):
        return text
    end = "  # so" if name.endswith((".yaml", ".yml")) else ""
    return "".join(f"{line[:-1]}{end}\n#\n" for line in text.splitlines(keepends=True))


CHANGES: dict[str, Callable[[str, str], str]] = {
    "as it is": lambda _name, text: text,
    "CRLF": crlf,
    "BOM": bom,
    "no final newline": unfinished,
    "spaces at line ends": spaced,
    "comments": commented,
    "all": lambda name, text: bom(name, crlf(name, commented(name, spaced(name, text)))),
}


def findings(directory: Path) -> Counter[tuple[str, str]]:
    outcome = run(read_documents(directory, environment={}))
    return Counter((finding.requirement, finding.service) for finding in outcome.all_findings)


def mend(directory: Path, requirement: str = "") -> int:
    """Apply all fixes; the number of edits. Holds that what is outside of them stays."""
    documents = read_documents(directory, environment={})
    by_file: dict[str, list[fixing.Edit]] = {}
    for edit in fixing.edits(documents, run(documents)):
        if requirement in ("", edit.requirement):
            by_file.setdefault(edit.place.file, []).append(edit)
    for name, edits in by_file.items():
        source = read_source(directory / name, name)
        result = edited(source.text, edits, are_kept)
        assert all(left.reason == "it overlaps the fix for package-manager-as-pid1" for left in result.left)
        write_source(source, result.text, name)
        assert (directory / name).read_bytes().startswith(b"\xef\xbb\xbf") == source.has_bom
        assert result.text.endswith("\n") == source.text.endswith("\n")
        is_crlf = "\r\n" in source.text
        assert result.text.count("\n") == result.text.count("\r\n") * is_crlf or not is_crlf
        assert "#" not in source.text or source.text.count("#") == result.text.count("#")
    return sum(map(len, by_file.values()))


# Each alone would also be found in "all"; alone it is easier to understand.
ALONE = ("CRLF", "BOM", "spaces at line ends", "comments")


@pytest.mark.parametrize(
    "change", [pytest.param(each, marks=[pytest.mark.slow] if each in ALONE else []) for each in CHANGES]
)
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_fix_takes_its_finding_away_and_brings_none(example: str, change: str, tmp_path: Path) -> None:
    name = example.partition(",")[0]
    files = {file: CHANGES[change](file, text) for file, text in EXAMPLES[example].items()}
    project = write(tmp_path / "shop", files)
    before = findings(project)
    assert any(requirement == name for requirement, _ in before)
    assert mend(project, name) > 0
    after = findings(project)
    assert not [each for each in after if each[0] == name], "the finding is still there"
    assert not after - before, "a finding that wasn't there before"
    assert mend(project, name) == 0


@pytest.mark.parametrize("example", EXAMPLES)
def test_all_fixes_together_leave_nothing_for_a_second_run(example: str, tmp_path: Path) -> None:
    project = write(tmp_path / "shop", EXAMPLES[example])
    before = findings(project)
    mend(project)
    assert not findings(project) - before
    assert mend(project) == 0


@pytest.mark.parametrize("name", fixing.FIXES)
def test_it_is_known_which_bad_examples_are_mended(name: str, tmp_path: Path) -> None:
    mended = set()
    for number, bad in enumerate(rule(name).bad):
        documents = documents_of(tmp_path / str(number), bad.files)
        if any(edit.requirement == name for edit in fixing.edits(documents, run(documents))):
            mended.add(number)
    assert mended == MENDED[name]
    assert rule(name).fix_safety is not FixSafety.NONE


@pytest.mark.parametrize("name", fixing.FIXES)
def test_a_good_example_has_nothing_to_fix(name: str, tmp_path: Path) -> None:
    for number, good in enumerate(rule(name).good):
        documents = documents_of(tmp_path / str(number), good.files)
        assert not [edit for edit in fixing.edits(documents, run(documents)) if edit.requirement == name]


UNSURE: dict[str, Mapping[str, str]] = {
    "a flow mapping": {"compose.yaml": "services:\n  web: {image: nginx}\n"},
    "an anchor that others merge": {
        "compose.yaml": "services:\n  web: &w\n    image: x\n  api:\n    <<: *w\n    restart: always\n"
        "    logging: {}\n    pids_limit: 9\n"
    },
    "a script without a shebang": {"Dockerfile": "FROM debian:12\nCOPY run /run\nCMD /run a\n", "run": "server\n"},
    "a line with an operator": {"Dockerfile": "FROM debian:12\nCMD migrate && server\n"},
    "a line with a hidden operator": {"Dockerfile": 'FROM debian:12\nCMD server $(cat a | b) "$(c; d)"\n'},
    "a CMD that becomes an argument": {"Dockerfile": 'FROM debian:12\nENTRYPOINT ["a.sh"]\nCMD server --port 80\n'},
    "a script with a script before it": {
        "Dockerfile": 'FROM node:22\nCMD ["npm", "start"]\n',
        "package.json": '{"scripts": {"prestart": "x", "start": "node a.js"}}',
    },
    "a last command in a condition": {
        "Dockerfile": 'FROM debian:12\nCOPY run.sh /\nENTRYPOINT ["/run.sh"]\n',
        "run.sh": '#!/bin/sh\nif true; then\n"$@"\nfi\n',
    },
    "a function of the program's name": {
        "Dockerfile": 'FROM debian:12\nCOPY run.sh /\nENTRYPOINT ["/run.sh"]\n',
        "run.sh": "#!/bin/sh\nnode() { :; }\nnode a.js\n",
    },
}


@pytest.mark.parametrize("case", UNSURE)
def test_what_is_not_sure_is_left(case: str, tmp_path: Path) -> None:
    documents = documents_of(tmp_path, UNSURE[case])
    sure = {"node-env-production"}
    assert not [edit for edit in fixing.edits(documents, run(documents)) if edit.requirement not in sure]


def test_a_block_in_compose_gets_the_indentation_of_its_file_and_its_comments_stay(tmp_path: Path) -> None:
    project = write(tmp_path / "shop", MORE["restart-policy, deep"])
    mend(project, "restart-policy")
    assert (project / "compose.yaml").read_text() == (
        "services:\n    web:  # the site\n        image: x\n        environment:\n            A: b\n"
        "            # C: d\n        restart: unless-stopped\n\n    # another\n    api:\n        image: y\n"
        "        restart: unless-stopped\n"
    )


def test_depends_on_becomes_the_long_form_with_its_comments(tmp_path: Path) -> None:
    project = write(tmp_path / "shop", MORE["waits-for-dependencies, list"])
    mend(project, "waits-for-dependencies")
    assert (
        "    depends_on:\n      db:\n        condition: service_healthy\n    # the cache\n"
        "      cache:\n        condition: service_started\n"
    ) in (project / "compose.yaml").read_text()


def test_the_cause_is_mended_where_its_consequence_wants_the_same_place(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM node:22-slim\nCMD npm start\n", "package.json": '{"scripts":{"start":"node a.js"}}'}
    documents = documents_of(tmp_path, files)
    wanted = [edit for edit in fixing.edits(documents, run(documents)) if "node-env" not in edit.requirement]
    result = edited(files["Dockerfile"], wanted, are_kept)
    assert result.text == 'FROM node:22-slim\nCMD ["node", "a.js"]\n'
    assert [left.edit.requirement for left in result.left] == ["exec-form-command"]
