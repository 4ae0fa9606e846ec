"""Commands followed to what finally runs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.scripts import Tree, resolve_hops
from seatrial.files.scripts.launchers import RunProgram, RunScript, read_intent
from seatrial.files.scripts.shell_line import commands, directory_after, last_program, pieces, script_hand_over
from seatrial.model.finding import Finding
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Copy, Hop

ALL = (Copy((".",), "/app"),)


def follow(
    directory: Path, *argv: str, environment: dict[str, str] | None = None, copies: tuple[Copy, ...] = ALL
) -> tuple[tuple[Hop, ...], tuple[Finding, ...]]:
    return resolve_hops(Sourced(argv, Place("Dockerfile", 9, 5)), Tree(directory, "/app", copies), environment or {})


def final(directory: Path, *argv: str, environment: dict[str, str] | None = None) -> str:
    hops, findings = follow(directory, *argv, environment=environment)
    assert findings == ()
    return " ".join(hops[-1].argv) if hops else ""


def package(directory: Path, **members: object) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "package.json").write_text(json.dumps(members, indent=2))


SCRIPTS = {
    "start": "NODE_ENV=production node server.js",
    "prestart": "node migrate.js",
    "serve": "exec node dist/main.js",
    "again": "npm run serve",
    "loop": "npm run pool",
    "pool": "npm run loop",
    "chain": "node migrate.js && node server.js",
    "piped": "node server.js | pino-pretty",
    "test": "vitest run",
    "nested": "cd packages/api && npm start",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package(tmp_path, name="@org/shop", scripts=SCRIPTS, bin={"shop": "./bin/shop.js"}, workspaces=["packages/*"])
    package(tmp_path / "packages/api", name="@org/api", scripts={"start": "node api.js"})
    return tmp_path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("npm start", "node server.js"),
        ("npm run start", "node server.js"),
        ("npm --silent run start -- --port 1", "node server.js --port 1"),
        ("npm run start --silent x --if-present -- -y", "node server.js x -y"),
        ("npm start -- --inspect", "node server.js --inspect"),
        ("npm run-script serve", "node dist/main.js"),
        ("npm run again", "node dist/main.js"),
        ("npm t", "vitest run"),
        ("npm --prefix packages/api start", "node api.js"),
        ("npm start --prefix=packages/api", "node api.js"),
        ("npm -w @org/api start", "node api.js"),
        ("npm start --workspace packages/api", "node api.js"),
        ("npm run nested", "node api.js"),
        ("npm run chain", "node server.js"),
        ("npm run piped", "node server.js"),
        ("npm exec -- serve -p 1", "serve -p 1"),
        ("npx --yes serve@14 -p 1", "serve -p 1"),
        ("npx shop", "node bin/shop.js"),
        ("yarn start", "node server.js"),
        ("yarn run serve -x", "node dist/main.js -x"),
        ("yarn --cwd packages/api start", "node api.js"),
        ("yarn workspace @org/api start", "node api.js"),
        ("yarn nodemon app.js", "nodemon app.js"),
        ("yarn node app.js", "node app.js"),
        ("pnpm start", "node server.js"),
        ("pnpm run serve", "node dist/main.js"),
        ("pnpm --filter @org/api start", "node api.js"),
        ("pnpm exec tsx watch a.ts", "tsx watch a.ts"),
        ("pnpm install", ""),
        ("bun run serve", "node dist/main.js"),
        ("bun start", "node server.js"),
        ("bun run server.ts", ""),
        ("bunx serve", "serve"),
        ("node --run serve", "node dist/main.js"),
        ("node server.js", ""),
        ("shop --now", "node bin/shop.js --now"),
        ("tini -- npm start", "node server.js"),
        ("/sbin/tini -g -v -- node a.js", "node a.js"),
        ("/usr/bin/dumb-init -r 15:2 -- node a.js", "node a.js"),
        ("seatrial-init -- node a.js", "node a.js"),
        ("catatonit -g -- node a.js", "node a.js"),
        ("env -i A=b C=d node a.js", "node a.js"),
        ("cross-env NODE_ENV=production node a.js", "node a.js"),
        ("gosu app node a.js", "node a.js"),
        ("su-exec 1000:1000 tini -- node a.js", "node a.js"),
        ("timeout -k 5 60 node a.js", "node a.js"),
        ("uv run app.py", "python app.py"),
        ("uv run --no-dev --with x uvicorn app:app", "uvicorn app:app"),
        ("uv run -m app.main x", "python -m app.main x"),
        ("uvx --from a b@1 c", "b c"),
        ("poetry run gunicorn app:app", "gunicorn app:app"),
        ("pipenv run python app.py", "python app.py"),
        ("rye run uvicorn a:b", "uvicorn a:b"),
        ("python -m uvicorn app:app", "uvicorn app:app"),
        ("python3.12 -u -X dev -m gunicorn a:b", "gunicorn a:b"),
        ("python -m http.server", ""),
        ("python app.py", ""),
        ("docker-entrypoint.sh postgres", "postgres"),
        ("npm run loop", "npm run pool"),
        ("npm install", ""),
        ("make run", ""),
    ],
)
def test_launchers_lead_to_what_finally_runs(project: Path, line: str, expected: str) -> None:
    assert final(project, *line.split()) == expected


def test_a_script_says_where_it_stands_and_what_runs_around_it(project: Path) -> None:
    (hop,), _ = follow(project, "npm", "start")
    assert hop.argv == ("node", "server.js")
    assert (hop.by.value, str(hop.by.place)) == ("npm start", "package.json:4:14")
    assert (hop.shell, hop.execs) == (True, False)
    assert [before.value for before in hop.before] == ["node migrate.js"]
    assert hop.after == ()
    (hop,), _ = follow(project, "npm", "run", "serve")
    assert (hop.shell, hop.execs) == (True, True)


def test_a_shell_form_is_a_hop_of_its_own_with_known_variables_put_in(project: Path) -> None:
    argv = ("/bin/sh", "-c", 'exec uvicorn app:app --port "${PORT:-80}" --host $HOST $OTHER > /dev/null 2>&1')
    (hop,), _ = follow(project, *argv, environment={"HOST": "0.0.0.0"})
    assert hop.argv == ("uvicorn", "app:app", "--port", "80", "--host", "0.0.0.0", "$OTHER")
    assert (hop.shell, hop.execs, hop.by) == (True, True, Sourced("sh -c", Place("Dockerfile", 9, 5)))


def test_npm_start_without_a_script_runs_server_js_if_there_is_one(tmp_path: Path) -> None:
    package(tmp_path, scripts={})
    _, (finding,) = follow(tmp_path, "npm", "start")
    assert 'no script "start"' in finding.message
    (tmp_path / "server.js").write_text("")
    assert final(tmp_path, "npm", "start") == "node server.js"


def test_a_missing_script_is_a_finding(project: Path) -> None:
    hops, (finding,) = follow(project, "npm", "run", "deploy")
    assert hops == ()
    assert finding.message == 'package.json has no script "deploy", which `npm run deploy` runs'


@pytest.mark.parametrize("text", ['{"scripts": {"start": "node a.js",}}', "", "{", "[" * 500, "\0", '{"scripts": 3}'])
def test_a_broken_package_json_is_a_finding_with_its_place_and_never_a_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)
    hops, (finding,) = follow(tmp_path, "npm", "start")
    assert hops == ()
    assert finding.place.file == "package.json"
    if text.startswith('{"scripts": {'):
        assert str(finding.place) == "package.json:1:35"


def test_pyproject_scripts_point_at_their_lines(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "shop"\n\n[project.scripts]\nshop = "shop.cli:main"\n\n'
        '[tool.pdm.scripts]\nserve = {cmd = "uvicorn a:b"}\n'
    )
    (hop,), _ = follow(tmp_path, "shop", "--now")
    assert hop.argv == ("python", "-c", "from shop.cli import main; main()", "--now")
    assert str(hop.by.place) == "pyproject.toml:5:8"
    assert final(tmp_path, "pdm", "run", "serve") == "uvicorn a:b"
    (tmp_path / "pyproject.toml").write_text("[project\n")
    _, (finding,) = follow(tmp_path, "shop")
    assert str(finding.place) == "pyproject.toml:1:9"


@pytest.mark.parametrize(
    ("script", "expected", "shell_stays"),
    [
        ('#!/bin/sh\nset -e\nif [ "$1" = x ]; then\n  echo hi\nfi\nexec "$@"\n', "node server.js", False),
        ('#!/usr/bin/env bash\nmigrate\n"$@"\n', "node server.js", True),
        ("#!/bin/sh\nexec gunicorn \\\n  --workers 2 app:app\n", "gunicorn --workers 2 app:app", False),
        ('#!/bin/sh\nexec gosu app "$@"\n', "node server.js", False),
        ("#!/bin/sh\r\npython manage.py migrate\r\npython app.py\r\n", "python app.py", True),
        ("#!/bin/sh\ncat <<EOF > /etc/x\nexec nothing\nEOF\nnode a.js\n", "node a.js", True),
        ("#!/usr/bin/env node\nprocess.exit()\n", "", False),
        ("\x7fELF\n", "", False),
    ],
)
def test_an_entrypoint_script_is_read(tmp_path: Path, script: str, expected: str, shell_stays: bool) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "entry.sh").write_bytes(script.encode())
    copies = (Copy((".",), "/app"), Copy(("docker/entry.sh",), "/usr/local/bin/"))
    for path in ("entry.sh", "/usr/local/bin/entry.sh", "docker/entry.sh"):
        hops, _ = follow(tmp_path, path, "node", "server.js", copies=copies)
        assert " ".join(hops[-1].argv if hops else ()) == expected
        if hops:
            assert (hops[0].shell, hops[0].execs) == (True, not shell_stays)
            assert hops[0].by.place is not None
            assert hops[0].by.place.file == "docker/entry.sh"


def test_a_script_run_by_a_shell_needs_no_shebang(tmp_path: Path) -> None:
    (tmp_path / "start.sh").write_text("exec node a.js")
    assert final(tmp_path, "sh", "-e", "start.sh") == "node a.js"
    assert final(tmp_path, "/bin/sh", "-c", "./start.sh") == "./start.sh", "the kernel refuses it, so we do not guess"
    (tmp_path / "start.sh").write_text("#!/bin/sh\nexec node a.js")
    assert final(tmp_path, "/bin/sh", "-c", "./start.sh") == "node a.js"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("node a.js", ("node", "a.js")),
        ("a && b; c", ("c",)),
        ("a || true", ("a",)),
        ("nginx & node a.js", ("node", "a.js")),
        ("node a.js & wait", ("node", "a.js")),
        ("if x; then exec y; fi", ("y",)),
        ("A=1 B='2 3' node \"a b.js\" # no", ("node", "a b.js")),
        ("node a.js 2>&1 | tee log", ("node", "a.js")),
        ("x $(cat a b) `c d`", ("x", "$(cat a b)", "`c d`")),
        ("'unfinished", None),
        ("", None),
        ("cd /x", None),
    ],
)
def test_the_last_program_of_a_line(line: str, expected: tuple[str, ...] | None) -> None:
    command = last_program(line, {})
    assert (command.words if command else None) == expected


def test_directories_of_a_line_are_joined() -> None:
    assert directory_after("cd a && cd b && node x", {}) == "a/b"
    assert directory_after("cd a; cd /c", {}) == "/c"
    assert directory_after("node x", {}) == ""


@given(st.text(max_size=80) | st.text("ab $\"'`(){}|&;<>\\\n#=-cdexecsh@", max_size=40))
def test_arbitrary_lines_never_raise(text: str) -> None:
    commands(text, {"a": "b c"})
    last_program(text, {})
    script_hand_over(text, ("x",), {})
    read_intent(text.split())


LAUNCHER_WORDS = [
    "npm",
    "npx",
    "yarn",
    "run",
    "start",
    "--",
    "-",
    "-w",
    "--prefix=x",
    "-p",
    "exec",
    "uv",
    "sh",
    "-c",
    "-m",
]


@given(st.lists(st.sampled_from(LAUNCHER_WORDS), max_size=7))
def test_arbitrary_launcher_lines_never_raise_and_shrink_or_name_a_script(words: list[str]) -> None:
    intent = read_intent(words)
    if isinstance(intent, RunProgram):
        assert intent.argv
    if isinstance(intent, RunScript):
        assert intent.name


def test_a_long_line_costs_what_its_length_costs() -> None:
    begun = time.monotonic()
    ((words, _, _),) = pieces("$A" * 100_000, {})
    assert words == ["$A" * 100_000]
    assert time.monotonic() - begun < 15, "it takes a hundred times longer where each part costs those before it"
