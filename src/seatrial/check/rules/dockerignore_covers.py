"""dockerignore-covers: what COPY takes of the build context holds no .env, .git, keys or logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from seatrial.check import builds, launch, packages
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Instruction, Unit
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern
from seatrial.model.remembered import remembered

NAME = "dockerignore-covers"
_SECRETS = (
    *("/.env", "/.env.local", "/.env.production", "/.env.prod", "/.env.staging", "/.env.development"),
    *("/id_rsa", "/id_ed25519", "/id_ecdsa", "/.netrc", "/.pypirc", ".p12", ".pfx", ".keystore"),
)
"""How the paths of files with credentials end."""
_SAMPLE = pattern(r"example|sample|test|fixture|mock", re.I)
_BAGGAGE = ("/.git/", "/.hg/", "/.svn/", "/.DS_Store", "/.terraform/", ".log")
"""How the paths of what is only ballast end."""

_CACHE = pattern(
    r"(?:[^/]+/)?(?:__pycache__|\.pytest_cache|\.mypy_cache|\.ruff_cache|\.tox|\.nox|\.nyc_output|\.parcel-cache|\.turbo"
    r"|\.gradle|coverage(?=/(?:lcov|clover|coverage-|index\.html)))/"
)
"""What tools leave behind, by its name alone."""
_OUTPUT = pattern(
    r"((?:dist|\.next|\.nuxt|\.output|build)/)(?:(?<=dist/)(?:[^/]+/)*[^/]+\.(?:js|mjs|cjs|css|html|map)$"
    r"|(?<=[.]next/)|(?<=[.]nuxt/)|(?<=[.]output/)|(?<=build/)(?:static/|asset-manifest\.json))"
)
_BUILDS = pattern(r"\b(?:npm|yarn|pnpm|bun)\s+(?:run\s+)?build|\b(?:next|nuxt|vite|webpack|tsc)\b")
_COMPILES = pattern(r"(?:^|[\s/])mvnw?\s|\bcargo\s+(?:build|install)")
_RUNNERS = frozenset({"jest", "mocha", "vitest", "ava", "tap", "cypress", "@playwright/test", "jasmine", "supertest"})
_TESTS = pattern(r"((?:tests?|__tests__|e2e|cypress)/)[^/]")


def _look(unit: Unit) -> Iterator[Wrong]:
    dockerfile = unit.dockerfile
    copy = _whole_copy(unit)
    if dockerfile is None or copy is None or launch.is_for_development(unit):
        return
    secrets, baggage = taken(unit)
    baggage = [*baggage, *tests(unit)]
    is_final = any(copy is each for each in builds.instructions(unit))
    if not secrets and not baggage:
        return
    modules = [path for path in dockerfile.context.list_entries() if path in ("node_modules/", ".venv/")]
    named = list(dict.fromkeys(path.rstrip("/") for path in (*secrets, *baggage, *modules)))
    shown = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if named[3:] else "")
    ignore = dockerfile.context.ignore_file.rpartition("/")[2]
    why = f"{ignore} does not leave them out" if ignore else "there is no .dockerignore"
    severity = Severity.WARNING if secrets and is_final else Severity.INFO
    where = "into the image" if is_final else "into the build"
    message = f"this copies {shown} {where}: {why}"
    yield Wrong(
        message, copy.place, f"add to {ignore or '.dockerignore'}: {', '.join(sorted(set(named))[:4])}", severity
    )


def taken(unit: Unit) -> tuple[list[str], list[str]]:
    """What the build takes and should not: the paths of credentials, and of what is only ballast."""
    dockerfile, copy = unit.dockerfile, _whole_copy(unit)
    if dockerfile is None or copy is None:
        return [], []
    entries = dockerfile.context.list_entries()
    near = [path for path in entries if path.count("/") < 2]
    secrets = [path for path in near if f"/{path}".endswith(_SECRETS) and not _SAMPLE.search(path)]
    baggage = [path for path in near if f"/{path}".endswith(_BAGGAGE)]
    baggage += _made(unit, entries)
    if any(".git" in text or re.search(r"\bgit\s", text) for text in _runs(unit)):
        baggage = [path for path in baggage if not path.endswith(".git/")]  # the build asks git for the version
    if not any(copy is each for each in builds.instructions(unit)):
        secrets = []  # a build may well need them, and they stay behind
    return secrets, baggage


def _made(unit: Unit, entries: Sequence[str]) -> list[str]:
    """Directories that tools make: caches, and what the build in the image makes anew."""
    found = {made.group() for path in entries if (made := _CACHE.match(path))}
    if any(_BUILDS.search(text) for text in _runs(unit)):
        found |= {made.group(1) for path in entries if (made := _OUTPUT.match(path))}
    if "target/" in entries and any(_COMPILES.search(text) for text in _runs(unit)):
        found.add("target/")
    named = {source.strip("./") for each in _copies(unit) for source in builds.sources(each)}
    return sorted(path for path in found if path.rstrip("/") not in named)


def tests(unit: Unit) -> list[str]:
    """Tests that get into an image that can't run them, since what runs them is left out of it."""
    dockerfile, copy = unit.dockerfile, _whole_copy(unit)
    if dockerfile is None or copy is None or not any(copy is each for each in builds.instructions(unit)):
        return []
    if not any(_leaves_runner_out(install, unit) for install in packages.of_image(unit)):
        return []
    found = {made.group(1) for path in dockerfile.context.list_entries() if (made := _TESTS.match(path))}
    named = {source.strip("./") for each in _copies(unit) for source in builds.sources(each)}
    return sorted(path for path in found if path.rstrip("/") not in named)


def _leaves_runner_out(install: packages.Install, unit: Unit) -> bool:
    if install.manager not in ("npm", "yarn", "pnpm"):
        return install.manager in ("uv", "poetry") and install.has("--no-dev", "--only", "--without")
    for_development = [manifest.data.get("devDependencies") for manifest in unit.manifests]
    is_there = any(_RUNNERS & set(names) for names in for_development if isinstance(names, Mapping))
    is_production = builds.variables(unit).get("NODE_ENV") == "production"
    return is_there and (is_production or install.has("--omit", "--production", "--prod", "--only"))


def _copies(unit: Unit) -> Iterator[Instruction]:
    stages = unit.dockerfile.stages if unit.dockerfile else ()
    yield from (each for stage in stages for each in stage.instructions if each.keyword in ("COPY", "ADD"))


def _runs(unit: Unit) -> Iterator[str]:
    stages = unit.dockerfile.stages if unit.dockerfile else ()
    yield from (builds.script(each) for stage in stages for each in stage.instructions if each.keyword == "RUN")


@remembered
def _whole_copy(unit: Unit) -> Instruction | None:
    own = next((each for each in builds.instructions(unit) if builds.takes_whole_context(each)), None)
    stages = unit.dockerfile.stages if unit.dockerfile else ()
    every = (each for stage in stages for each in stage.instructions)
    return own or next((each for each in every if builds.takes_whole_context(each)), None)


_FILES = {"Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n', "a.js": ""}
_BUILT = {"Dockerfile": 'FROM node:22-slim\nCOPY . .\nRUN npm run build\nCMD ["node", "a.js"]\n', "dist/a.js": ""}
_TESTED = {
    "Dockerfile": 'FROM node:22-slim\nRUN npm ci --omit=dev\nCOPY . .\nCMD ["node", "a.js"]\n',
    "package.json": '{"devDependencies": {"jest": "30"}}',
    "package-lock.json": "{}",
}
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="What the .dockerignore leaves in the build context holds no credentials, no .git, no logs, no caches, "
    "nothing that the build makes anew, and no tests that the image can't run.",
    why="COPY . . takes everything that is there: the developer's .env with real credentials, the whole history in "
    ".git, logs and keys. They are in the image for whoever can pull it, and since .git changes with each commit, the "
    "cache of the build is lost each time. What counts is what the patterns do to the real files: `.env` in the "
    ".dockerignore does not leave out `app/.env`.",
    example="COPY . .\n",
    instead="# .dockerignore\n.git\n.env*\n**/.env*\n*.log\nnode_modules\ndist\n**/__pycache__\ntests\n",
    check=per_service(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.SAFE,
    fix_note="Lines are added to the .dockerignore, which is made where there is none; for a .env and "
    "tests on request only.",
    sources=("https://docs.docker.com/build/concepts/context/#dockerignore-files",),
    bad=(
        Bad({**_FILES, ".env": "A=1"}, "Dockerfile:2:1", "there is no .dockerignore"),
        Bad({**_FILES, ".git/HEAD": ""}, "Dockerfile:2:1", ".git"),
        Bad({**_FILES, "app/.env": "", ".dockerignore": ".env\n"}, "Dockerfile:2:1", "does not leave them out"),
        Bad({**_FILES, ".env": "", ".dockerignore": ".env\n!.env\n"}, "Dockerfile:2:1", ".env"),
        Bad({**_FILES, "app/__pycache__/a.pyc": ""}, "Dockerfile:2:1", "app/__pycache__"),
        Bad({**_FILES, **_BUILT}, "Dockerfile:2:1", "this copies dist into"),
        Bad(
            {"Dockerfile": "FROM rust:1.80\nCOPY . .\nRUN cargo build --release\n", "target/CACHEDIR.TAG": ""},
            "Dockerfile:2:1",
            "copies target into",
        ),
        Bad({**_TESTED, "tests/a.test.js": ""}, "Dockerfile:3:1", "tests"),
    ),
    good=(
        Good({**_FILES, ".env": "", ".git/HEAD": "", ".dockerignore": ".env\n.git\n"}),
        Good({**_FILES, "app/.env": "", ".dockerignore": "**/.env\n"}),
        Good(_FILES, "nothing there to leave out"),
        Good({"Dockerfile": "FROM node:22\nCOPY src src\n", "src/a.js": "", ".env": ""}, "only what is named"),
        Good({**_FILES, ".env.example": ""}, "an example"),
        Good({**_FILES, "dist/a.js": ""}, "nothing builds it here, so it is what is meant"),
        Good({**_FILES, **_BUILT, ".dockerignore": "dist\n"}),
        Good({**_FILES, "coverage/a.py": "", "build/a.sh": "", "target/a.txt": ""}, "names that sources may have"),
        Good({**_TESTED, "tests/a.js": "", ".dockerignore": "tests\n"}),
        Good({**_FILES, "tests/a.js": ""}, "they may be run there"),
    ),
)
