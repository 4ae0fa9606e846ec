"""Fixes over the rules' own bad examples, also as other editors would have saved them: the finding goes, nothing comes,
every other byte stays, and a second run has nothing to do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from seatrial.check import fixing
from seatrial.check.interface import FixSafety
from seatrial.check.run import Options, run
from seatrial.check.table import rule
from seatrial.files.documents import read_documents
from seatrial.files.editing import edited, read_source, write_source
from seatrial.files.promises import are_kept
from seatrial.model import catalogue

from .conftest import documents_of, write

MENDED = {
    "exec-form-command": {0, 2},
    "package-manager-as-pid1": {0, 1},
    "dev-runner-in-production": {2, 4},
    "entrypoint-hands-over": {0, 1, 6},
    "one-init": {0},
    "init-reaps-orphans": set(),
    "stop-signal-handled": {0, 1, 2, 3},
    "handles-sigterm": {0, 1, 4, 6},
    "healthcheck-present": {0, 1, 2},
    "healthcheck-detects-failure": {0, 4},
    "healthcheck-tool-present": {0, 1, 3},
    "healthcheck-timing": {0, 1},
    "waits-for-dependencies": {0},
    "restart-policy": {0, 2},
    "memory-limit": {0, 2},
    "cpu-limit": {0},
    "pids-limit": {0},
    "nofile-limit": {0, 1},
    "log-rotation": {0},
    "read-only-root": {0},
    "base-image-slim": {0, 1, 2, 3, 4},
    "production-dependencies": {0, 1, 3, 4},
    "lockfile-copied": set(),
    "cache-mount": {0, 1, 2, 3},
    "host-modules-not-copied": {0, 1, 2, 3},
    "non-root-user": set(range(8)),
    "secrets-as-files": set(),
    "dockerignore-covers": {0, 1, 2, 3, 4, 5, 6, 7},
    "node-env-production": {0, 1, 3},
    "image-labels": {1},
    "grace-period-fits": set(range(9)),
    "pre-stop-delay": {0, 1, 2, 3},
    "probes-distinct": {0, 1, 3, 4},
    "resources-set": {0, 1, 2, 3},
    "security-context": {0, 1},
    "update-order": {0, 1, 2, 3, 4, 5, 6, 7, 8},
}
"""The bad examples, by number, that files alone can be mended for."""

POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
)
COMPOSE = "services:\n  app:\n    image: x/app\n    ports: ['80:80']\n"
MORE: dict[str, dict[str, str]] = {
    "exec-form-command, variables": {"Dockerfile": "FROM node:22-slim\nCMD node a.js --port $PORT\n"},
    "exec-form-command, more lines": {
        "Dockerfile": "FROM node:22-slim\nCMD java \\\n  # heap\n  -Xmx9m \\\n  -jar a.jar\n"
    },
    "exec-form-command, expansions": {
        "Dockerfile": "FROM node:22-slim\nCMD gunicorn -w $(($(nproc)*2)) -b \"0.0.0.0:${PORT:-80}\" 'a;b'\n"
    },
    "exec-form-command, a variable in front": {"Dockerfile": "FROM node:22-slim\nCMD A=1 B='x y' node a.js\n"},
    "exec-form-command, a program whose image says the signal": {
        "Dockerfile": 'FROM nginx:1.27.3\nCMD nginx -g "daemon off;"\n'
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
    "waits-for-dependencies, two that wait for an unchecked store": {
        "compose.yaml": COMPOSE
        + "    depends_on: [db]\n  job:\n    image: x/app\n    depends_on:\n    - db\n"
        + "  db:\n    image: mariadb:11\n",
    },
    "healthcheck-present, of the port that the source says": {
        "Dockerfile": 'FROM node:22-slim\nCOPY a.js .\nEXPOSE 3000\nCMD ["node", "a.js"]\n',
        "a.js": "require('express')().listen(4000)\n",
    },
    "handles-sigterm, anonymous": {
        "Dockerfile": 'FROM node:22-slim\nCOPY a.js .\nCMD ["node", "a.js"]\n',
        "a.js": "const server = require('http').createServer(f)\nserver.listen(3000)\n"
        "process.on('SIGINT', () => {\n  server.close(() => process.exit(0))\n})\n",
    },
    "waits-for-dependencies, flow": {
        "compose.yaml": COMPOSE
        + "    depends_on: [db]\n  db:\n    image: postgres:17\n    healthcheck: {test: pg_isready}\n"
    },
    "nofile-limit, both": {
        "compose.yaml": COMPOSE + "    ulimits:\n      nofile: {soft: 100, hard: 200}\n",
    },
    "memory-limit, deploy": {
        "compose.yaml": COMPOSE + "    deploy:\n      resources:\n        limits:\n          cpus: '1'\n",
    },
    "memory-limit, heap": {
        "compose.yaml": "services:\n  a:\n    image: node:22\n    command: node --max-old-space-size=900 a.js\n",
    },
    "memory-limit, in a stack": {"compose.yaml": COMPOSE + "    deploy:\n      mode: global\n"},
    "memory-limit, in a stack, flow": {"compose.yaml": COMPOSE + "    deploy: {mode: global}\n"},
    "pids-limit, in a stack": {
        "compose.yaml": COMPOSE + "    deploy: {mode: global, resources: {limits: {memory: 64M}}}\n"
    },
    "handles-sigterm, with a timer above the grace period": {
        "compose.yaml": "services:\n  web:\n    build: .\n",
        "Dockerfile": 'FROM node:22-slim\nCOPY a.js .\nCMD ["node", "a.js"]\n',
        "a.js": "const server = require('http').createServer(f)\nserver.listen(3000)\nprocess.on('SIGINT', () => {\n"
        "  server.close(() => process.exit(0))\n  setTimeout(() => process.exit(1), 30000)\n})\n",
    },
    "dockerignore-covers, credentials and history": {
        "Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n',
        "a.js": "",
        ".env": "A=1\n",
        ".git/HEAD": "",
    },
    "cpu-limit, flow": {"compose.yaml": "services:\n  app: {image: x/app, ports: ['80:80']}\n"},
    "restart-policy, flow": {"compose.yaml": "services: {app: {image: x/app}}\n"},
    "lockfile-copied, npm": {
        "Dockerfile": 'FROM node:22-slim\nWORKDIR /app\nCOPY . .\nRUN npm ci --omit=dev\nCMD ["node", "a.js"]\n',
        "package.json": "{}",
        "package-lock.json": "{}",
    },
    "lockfile-copied, pip": {
        "Dockerfile": "FROM python:3.13-slim\nADD . /a\nENV A=b\nRUN pip install -r /a/requirements.txt\n"
        'USER 1\nCMD ["python", "a.py"]\n',
        "requirements.txt": "flask\n",
    },
    "cache-mount, more lines": {
        "Dockerfile": "FROM debian:12\nRUN apt-get update \\\n && apt-get install -y tini\nRUN apt-get update; \\\n"
        '    apt-get install -y vim\nCMD ["a"]\n'
    },
    "image-labels, source": {
        "Dockerfile": 'FROM node:22\nCMD ["node", "a.js"]\n',
        ".github/workflows/ci.yml": "jobs:\n  a:\n    steps:\n      - run: docker push a\n",
        "package.json": '{"repository": {"url": "git+https://git.example.org/a/b.git"}}',
    },
    "security-context, two containers": {
        "web.yaml": POD + "      - name: side\n        image: a.org/side:1\n        securityContext: {}\n",
    },
    "secrets-as-files, compose": {
        "compose.yaml": "services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: ${PW}\n",
        ".env": "PW=x\n",
    },
    "secrets-as-files, with other secrets": {
        "compose.yaml": 'services:\n  db:\n    image: mysql:8.4\n    environment: {MYSQL_ROOT_PASSWORD: "$PW", A: b}\n'
        "secrets:\n  other: {file: x}\n",
        ".env": "PW=x\n",
    },
    "resources-set, empty": {"web.yaml": POD + "        resources: {}\n"},
    "resources-set, several documents": {"web.yaml": POD + "---\n" + POD.replace("web", "api") + "---\n"},
    "resources-set, dashes at the key's depth": {
        "web.yaml": POD.replace(
            "      - name: web\n        image",
            "      - name: web\n        ports:\n        - containerPort: 80\n        image",
        )
        + "      volumes: []\n"
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
    if name.endswith((".json", ".sh", ".js", ".ts")):
        return text
    end = "  # so" if name.endswith((".yaml", ".yml")) else ""
    return "".join(f"{line[:-1]}{end}\n#\n" for line in text.splitlines(keepends=True))


CHANGES: dict[str, Callable[[str, str], str]] = {
    "as it is": lambda _name, text: text,
    "no final newline": unfinished,
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
        source = read_source(directory / name, name, may_be_new=all(edit.creates for edit in edits))
        result = edited(source.text, edits, are_kept)
        assert all(left.reason == "it overlaps the fix for package-manager-as-pid1" for left in result.left)
        write_source(source, result.text, name)
        assert (directory / name).read_bytes().startswith(b"\xef\xbb\xbf") == source.has_bom
        assert result.text.endswith("\n") == source.text.endswith("\n") or source.is_new
        is_crlf = "\r\n" in source.text
        assert result.text.count("\n") == result.text.count("\r\n") * is_crlf or not is_crlf
        todo = result.text.count("# TODO(seatrial): ")
        assert source.text.count("#") == result.text.count("#") - todo + source.text.count("# TODO(seatrial): ")
    return sum(map(len, by_file.values()))


@pytest.mark.parametrize(
    "change",
    [
        "all",
        pytest.param("as it is", marks=pytest.mark.slow),
        pytest.param("no final newline", marks=pytest.mark.slow),
    ],
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("name", fixing.FIXES)
def test_a_good_example_has_nothing_to_fix(name: str, tmp_path: Path) -> None:
    for number, good in enumerate(rule(name).good):
        documents = documents_of(tmp_path / str(number), good.files)
        assert not [edit for edit in fixing.edits(documents, run(documents)) if edit.requirement == name]


UNSURE: dict[str, Mapping[str, str]] = {
    "an alias": {"compose.yaml": "x: &w {image: x}\nservices:\n  web: *w\n"},
    "keys of JSON": {
        "web.json": json.dumps(
            {
                "apiVersion": "v1",
                "kind": "ReplicationController",
                "metadata": {"name": "web"},
                "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "b:1"}]}}},
            }
        )
    },
    "lists of packages that a later RUN needs": {
        "Dockerfile": 'FROM debian:12\nRUN apt-get update\nRUN apt-get install -y tini\nUSER 1\nCMD ["a"]\n'
    },
    "a lock file that isn't there": {
        "Dockerfile": 'FROM node:22-slim\nCOPY . .\nRUN npm install\nUSER node\nCMD ["node", "a.js"]\n',
        "package.json": "{}",
        ".dockerignore": "node_modules\n",
    },
    "a health check with a header": {
        "Dockerfile": 'FROM node:22-slim\nHEALTHCHECK CMD curl -f -H a:b http://a/\nUSER node\nCMD ["node", "a.js"]\n'
    },
    "an anchor that others merge": {
        "compose.yaml": "services:\n  web: &w\n    image: x\n  api:\n    <<: *w\n    restart: always\n"
        "    logging: {}\n    pids_limit: 9\n    mem_limit: 1g\n    cpus: 1\n"
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
    # These look at nothing that is unsure in any of the cases.
    sure = {"node-env-production", "non-root-user", "stop-signal-handled", "base-image-slim", "host-modules-not-copied"}
    sure |= {"cache-mount"} if "npm" in str(UNSURE[case]) else set()
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


@pytest.mark.parametrize(
    ("source", "command", "port"),
    [
        ("listen(4000)", '["node", "a.js"]', "4000"),
        ("listen(3000)", '["node", "a.js"]', "3000"),
        ("listen(4000).listen(3000)", '["node", "a.js"]', "3000"),
        ("listen(process.env.PORT || 4000)", '["node", "a.js", "3000"]', "3000"),
        ("listen(4000)\nb.listen(5000)", '["node", "a.js"]', ""),
        ("listen(g())", '["node", "a.js"]', "3000"),
    ],
)
def test_a_check_asks_the_port_that_the_source_says_and_none_where_that_is_not_sure(
    source: str, command: str, port: str, tmp_path: Path
) -> None:
    project = write(
        tmp_path / "shop",
        {
            "Dockerfile": f"FROM node:22-slim\nCOPY a.js .\nEXPOSE 3000\nCMD {command}\n",
            "a.js": f"const e = require('express'), a = e(), b = e()\na.{source}\n",
        },
    )
    mend(project, "healthcheck-present")
    text = (project / "Dockerfile").read_text()
    assert f"http://127.0.0.1:{port}/" in text if port else "HEALTHCHECK" not in text
    assert "healthcheck-port" not in {requirement for requirement, _ in findings(project)}


def test_a_line_that_two_requirements_ask_for_is_there_once(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM node:22-slim\nCOPY . .\nRUN npm ci\nCMD ["node", "a.js"]\n',
        "package.json": "{}",
        "package-lock.json": "{}",
    }
    project = write(tmp_path / "shop", files)
    mend(project)
    assert (project / ".dockerignore").read_text() == "node_modules\n"


def test_the_cause_is_mended_where_its_consequence_wants_the_same_place(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM node:22-slim\nCMD npm start\n", "package.json": '{"scripts":{"start":"node a.js"}}'}
    documents = documents_of(tmp_path, files)
    kept = ("package-manager-as-pid1", "exec-form-command")
    wanted = [edit for edit in fixing.edits(documents, run(documents)) if edit.requirement in kept]
    result = edited(files["Dockerfile"], wanted, are_kept)
    assert result.text == 'FROM node:22-slim\nCMD ["node", "a.js"]\n'
    assert not result.left


def test_a_package_manager_in_shell_form_is_not_put_into_exec_form_by_itself(tmp_path: Path) -> None:
    # Measured: npm then passes the signal on, and the requests in flight are cut, which sh had kept alive.
    documents = documents_of(tmp_path, {"Dockerfile": "FROM node:22-slim\nCMD npm start\n"})
    assert not [edit for edit in fixing.edits(documents, run(documents)) if edit.requirement == "exec-form-command"]


def test_every_requirement_that_can_have_a_fix_has_one_or_says_why_not() -> None:
    by_nature = {each.name for each in catalogue.REQUIREMENTS if "F" in each.sides}
    assert by_nature <= {*fixing.FIXES, *fixing.UNFIXED}
    assert not {*fixing.FIXES} & {*fixing.UNFIXED}
    page = (Path(__file__).parents[2] / "docs/fix.md").read_text()
    for name in (*fixing.FIXES, *fixing.UNFIXED):
        assert f"| {name} |" in page, name


def test_the_lock_file_is_copied_first_and_the_rest_behind_the_install(tmp_path: Path) -> None:
    project = write(tmp_path / "shop", MORE["lockfile-copied, npm"])
    mend(project, "lockfile-copied")
    assert (project / "Dockerfile").read_text() == (
        "FROM node:22-slim\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci --omit=dev\nCOPY . .\n"
        'CMD ["node", "a.js"]\n'
    )


def test_a_limit_holds_the_heap_that_is_given(tmp_path: Path) -> None:
    project = write(tmp_path / "shop", MORE["memory-limit, heap"])
    mend(project, "memory-limit")
    assert "    mem_limit: 1216m\n" in (project / "compose.yaml").read_text()


def test_lines_of_a_dockerignore_come_last_and_the_file_ends_as_it_did(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a"]\n',
        "package.json": "{}",
        "node_modules/a": "",
    }
    project = write(tmp_path / "shop", {**files, ".git/HEAD": "", ".dockerignore": "*.md\r\n!node_modules"})
    mend(project)
    assert (project / ".dockerignore").read_bytes() == b"*.md\r\n!node_modules\r\n.git\r\nnode_modules"


def test_the_limits_of_compose_and_of_manifests_agree(tmp_path: Path) -> None:
    """Whichever of them is silent gets what the other says, and both get the same where neither does."""
    pod = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
        "      containers:\n      - name: web\n        image: a.org/web:1\n"
    )
    compose = "services:\n  web:\n    build: web\n    image: a.org/web\n"
    dockerfile = 'FROM node:22.3.0-slim\nCMD ["node", "a.js"]\n'
    for number, (one, other, wanted) in enumerate(
        [
            (compose, pod, {"mem_limit: 512m", "memory: 512Mi"}),
            (compose + "    mem_limit: 1g\n", pod, {"memory: 1024Mi"}),
            (compose, pod + "        resources: {limits: {cpu: 1, memory: 320Mi}}\n", {"mem_limit: 320m"}),
        ]
    ):
        root = tmp_path / str(number)
        (root / "web").mkdir(parents=True)
        for name, text in {"compose.yaml": one, "web.yaml": other, "web/Dockerfile": dockerfile}.items():
            (root / name).write_text(text)
        documents = read_documents(root, environment={})
        texts = " ".join(
            edit.text
            for edit in fixing.edits(documents, run(documents))
            if edit.requirement in ("memory-limit", "resources-set")
        )
        assert all(each in texts for each in wanted), (wanted, texts)


STACK = "services:\n  db:\n    image: postgres:17\n    ports: ['80:80']\n    deploy:\n      mode: global\n"


def test_a_stack_gets_its_limits_where_swarm_reads_them(tmp_path: Path) -> None:
    """It refuses compose's own keys for them, takes no limit below the reservation, and restarts what ends anyway."""
    stack = STACK + "      resources:\n        reservations: {memory: 1G}\n"
    project = write(tmp_path / "shop", {"compose.yaml": stack})
    mend(project)
    service = yaml.safe_load((project / "compose.yaml").read_text())["services"]["db"]
    assert service["deploy"]["resources"]["limits"] == {"memory": "2048m", "cpus": "1.0", "pids": 200}
    assert not {"mem_limit", "cpus", "pids_limit", "restart", "read_only", "depends_on"} & set(service)
    assert mend(project) == 0


def test_a_limit_that_is_not_asked_for_is_not_added_to_a_stack(tmp_path: Path) -> None:
    documents = documents_of(tmp_path, {"compose.yaml": STACK})
    edits = list(fixing.edits(documents, run(documents, Options(select=("pids-limit",)))))
    assert [edit.note for edit in edits] == ["add a limit of processes"]
    assert "memory" not in edits[0].text and "cpus" not in edits[0].text


@pytest.mark.parametrize(("version", "limits"), [("3.3", {"memory", "cpus"}), ("3.9", {"memory", "cpus", "pids"})])
def test_a_stack_gets_no_key_that_its_version_does_not_know(version: str, limits: set[str], tmp_path: Path) -> None:
    """`docker stack deploy` holds the file against the schema of its version, and refuses the whole of it."""
    stack = f'version: "{version}"\n{STACK.replace("image: postgres:17", "build: .")}'
    dockerfile = 'FROM node:22-slim\nCMD ["node", "a.js"]\n'
    project = write(tmp_path / "shop", {"compose.yaml": stack, "Dockerfile": dockerfile})
    outcome = run(read_documents(project, environment={}), Options(select=("pids-limit",)))
    assert ['version: "3.9"' in each.remedy for each in outcome.findings] == [version == "3.3"]
    mend(project)
    service = yaml.safe_load((project / "compose.yaml").read_text())["services"]["db"]
    assert service["deploy"]["resources"]["limits"].keys() == limits
    assert ("start_period" in service["healthcheck"]) == (version == "3.9")
    assert mend(project) == 0
