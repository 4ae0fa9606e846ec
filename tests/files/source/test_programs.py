"""From a service's command to its source: entries, imports, what is left open."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.files.source.entry import read_entry
from seatrial.model.documents import Unit
from seatrial.model.source import Program
from tests.check.conftest import documents_of

NODE = 'FROM node:22\nWORKDIR /app\nCOPY . .\nCMD ["node", "src/index.js"]\n'


def unit_of(directory: Path, files: dict[str, str]) -> Unit:
    (unit,) = documents_of(directory, files).units
    return unit


def program_of(directory: Path, files: dict[str, str]) -> Program:
    program = unit_of(directory, files).program
    assert program is not None
    return program


def names(program: Program) -> list[str]:
    return [facts.file for facts in program.files]


@pytest.mark.parametrize(
    ("line", "paths", "modules"),
    [
        ("node --max-old-space-size=300 server.js", ("server.js",), ()),
        ("node -r ./load.js -r dotenv/config server.js", ("server.js", "./load.js"), ()),
        ("node --import ./i.mjs dist/main", ("dist/main", "./i.mjs"), ()),
        ("bun run src/a.ts", ("src/a.ts",), ()),
        ("tsx watch src/a.ts", ("src/a.ts",), ()),
        ("python -u app.py --port 1", ("app.py",), ()),
        ("python3 -m shop.web", (), ("shop.web",)),
        ("python -m uvicorn shop.main:app --port 1", (), ("shop.main",)),
        ("gunicorn -b 0.0.0.0:80 --workers 2 shop.wsgi:application", (), ("shop.wsgi",)),
        ("uvicorn main:create --factory", (), ("main",)),
        ("flask --app shop run", (), ("shop",)),
        ("nest start", ("src/main.ts",), ()),
    ],
)
def test_a_command_leads_to_its_source(line: str, paths: tuple[str, ...], modules: tuple[str, ...]) -> None:
    entry = read_entry(line.split())
    assert entry is not None and (entry.paths, entry.modules) == (paths, modules)


@pytest.mark.parametrize("line", ["node -e 1", "nginx", "python -c print(1)", "node", "gunicorn", "", "go run ."])
def test_a_command_without_a_source_has_none(line: str) -> None:
    assert read_entry(line.split()) is None


def test_imports_are_followed_through_the_project(tmp_path: Path) -> None:
    program = program_of(
        tmp_path,
        {
            "Dockerfile": NODE,
            "src/index.js": 'import { a } from "./a.js"\nconst b = require("./b")\nimport express from "express"\n',
            "src/a.js": 'export * from "./deep"\n',
            "src/deep/index.js": "",
            "src/b.js": "",
            "src/c.js": "never loaded",
        },
    )
    assert names(program) == ["src/index.js", "src/a.js", "src/b.js", "src/deep/index.js"]
    assert program.external == {"express"} and program.complete


def test_what_a_build_makes_is_read_from_its_source(tmp_path: Path) -> None:
    files = {
        "Dockerfile": "FROM node:22 AS build\nCOPY . .\nFROM node:22\nWORKDIR /app\nCOPY --from=build /dist dist\n"
        'CMD ["npm", "start"]\n',
        "package.json": '{"scripts": {"start": "node dist/main"}}',
        "tsconfig.json": '{\n  // aliases\n  "compilerOptions": {"baseUrl": ".", "paths": {"@/*": ["src/*"]}},\n}',
        "src/main.ts": 'import { stop } from "@/lib/stop"\nimport { x } from "./x.js"\n',
        "src/lib/stop.ts": "",
        "src/x.ts": "",
    }
    assert names(program_of(tmp_path, files)) == ["src/main.ts", "src/lib/stop.ts", "src/x.ts"]


def test_python_packages_are_followed(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM python:3.13\nWORKDIR /srv\nCOPY . .\nCMD ["python", "-m", "shop"]\n',
        "shop/__init__.py": "",
        "shop/__main__.py": "from shop import web\nfrom .models import Item\nimport redis\n",
        "shop/web.py": "import os\n",
        "shop/models.py": "",
    }
    program = program_of(tmp_path, files)
    assert sorted(names(program)) == ["shop/__init__.py", "shop/__main__.py", "shop/models.py", "shop/web.py"]
    assert "redis" in program.external and program.complete


@pytest.mark.parametrize(
    "text",
    [
        'require("./gone")\n',
        "require(name)\n",
        'import x from "@/gone"\n',
        "for (const f of files) require(`./${f}`)\n",
    ],
)
def test_what_could_not_be_followed_leaves_the_program_open(tmp_path: Path, text: str) -> None:
    assert not program_of(tmp_path, {"Dockerfile": NODE, "src/index.js": text}).complete


def test_a_directory_change_before_the_program_counts(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM node:22\nWORKDIR /app\nCOPY . .\nCMD cd web && node a.js\n", "web/a.js": ""}
    assert names(program_of(tmp_path, files)) == ["web/a.js"]


def test_imports_never_leave_the_build_context(tmp_path: Path) -> None:
    (tmp_path / "outside.js").write_text("process.on('SIGTERM', f)")
    program = program_of(tmp_path, {"Dockerfile": NODE, "src/index.js": 'require("../../outside")\n'})
    assert names(program) == ["src/index.js"] and not program.complete


def test_files_that_load_each_other_end(tmp_path: Path) -> None:
    files = {"Dockerfile": NODE, "src/index.js": 'require("./b")\n', "src/b.js": 'require("./index")\n'}
    assert names(program_of(tmp_path, files)) == ["src/index.js", "src/b.js"]


def test_more_files_than_the_bound_leave_the_program_open(tmp_path: Path) -> None:
    many = {f"src/m{number}.js": f'require("./m{number + 1}")\n' for number in range(155)}
    program = program_of(tmp_path, {"Dockerfile": NODE, "src/index.js": 'require("./m0")\n', **many})
    assert not program.complete and len(program.files) <= 151


def test_no_source_is_read_before_somebody_asks(tmp_path: Path) -> None:
    documents = documents_of(tmp_path, {"Dockerfile": NODE, "src/index.js": "console.log(1)\n"})
    (unit,) = documents.units
    assert unit.has_source and "src/index.js" not in documents.texts
    assert unit.program is unit.program and "src/index.js" in documents.texts
