"""dependencies-audited: CI looks for known security holes in the dependencies or the image."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from seatrial.check.interface import Bad, Context, Good, Rule, Wrong, finding
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place

NAME = "dependencies-audited"
_AUDITS = pattern(
    r"\baudit\b|trivy|grype|snyk|pip-audit|\bsafety\b|osv-scanner|dependency-review|docker scout|scout-action|anchore"
    r"|clair|govulncheck|bundler-audit|brakeman|dependency-check|codeql|semgrep|sonar|mend|whitesource|blackduck"
    r"|prisma|aqua|xray|socket|vulnerab|dependency_scanning|container_scanning|Dependency-Scanning|security",
    re.I,
)
_BOTS = pattern(r"dependabot\.ya?ml$|renovate")
_BUILDS = pattern(r"docker|npm|yarn|pnpm|pip|poetry|\buv\b|bundle|composer|buildah|podman")
_LOCKS = frozenset(
    {"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "requirements.txt", "uv.lock"}
    | {"poetry.lock", "pdm.lock", "Pipfile.lock", "Gemfile.lock", "composer.lock"}
)

_TOOLS = {
    "package-lock.json": "npm audit --omit=dev",
    "npm-shrinkwrap.json": "npm audit --omit=dev",
    "yarn.lock": "yarn audit (yarn npm audit from yarn 2 on)",
    "pnpm-lock.yaml": "pnpm audit --prod",
    "Gemfile.lock": "bundler-audit",
    "composer.lock": "composer audit",
}
"""What asks for the holes in what a lock file names; for Python's pip-audit."""
_MANAGERS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipenv",
    "Gemfile.lock": "bundle",
    "composer.lock": "composer",
}
"""What installs by a lock file; pip by all others."""


def _check(context: Context) -> Iterator[Finding]:
    locks = [file for file in context.documents.lockfiles if file.rpartition("/")[2] in _LOCKS]
    pipelines = context.documents.pipelines if locks else {}
    if any(_BOTS.search(file) or _AUDITS.search(text) for file, text in pipelines.items()):
        return
    building = [file for file, text in sorted(pipelines.items()) if _BUILDS.search(text)]
    if not building:
        return
    name = locks[0].rpartition("/")[2]
    # Of several pipelines the one that calls what the lock file is of.
    first = next((file for file in building if _MANAGERS.get(name, "pip") in pipelines[file]), building[0])
    tool = _TOOLS.get(name, "pip-audit")
    lock = posixpath.normpath(context.documents.prefix + locks[0])
    message = f"CI builds what {lock} names, and nothing looks for known security holes in it"
    remedy = f"run {tool} or a scanner of images (trivy, grype) in CI, or switch on Dependabot or Renovate"
    made = finding(NAME, Severity.INFO, Wrong(message, Place(first, 1), remedy, confidence=Confidence.MEDIUM))
    if made is not None:
        yield made


_FILES = {"Dockerfile": "FROM node:22\n", "package-lock.json": "{}"}
_CI = ".github/workflows/ci.yml"
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="CI runs an audit of the dependencies or a scanner of the image.",
    why="A hole in a dependency becomes known after the dependency was chosen. Somebody has to ask, again and again: "
    "an audit in CI, a scanner of the image, or a bot that proposes the update.",
    example="steps:\n  - run: npm ci && npm test\n",
    instead="steps:\n  - run: npm ci && npm test\n  - run: npm audit --omit=dev --audit-level=high\n",
    check=_check,
    confidence=Confidence.MEDIUM,
    sources=("https://docs.npmjs.com/cli/commands/npm-audit",),
    bad=(
        Bad({**_FILES, _CI: "jobs:\n  a:\n    steps:\n      - run: npm ci\n"}, _CI + ":1:1", "package-lock.json"),
        Bad(
            {"Dockerfile": "FROM node:22\n", "pnpm-lock.yaml": "", _CI: "steps: [run: pnpm i]\n"},
            _CI + ":1:1",
            "pnpm-lock.yaml",
        ),
        Bad(
            {**_FILES, ".github/workflows/a.yml": "run: docker build .\n", _CI: "run: npm ci\n"},
            _CI + ":1:1",
            "package-lock.json",
        ),
    ),
    good=(
        Good(_FILES, "there is no CI here"),
        Good({**_FILES, _CI: "jobs:\n  a:\n    steps:\n      - run: npm ci && npm audit\n"}),
        Good({**_FILES, _CI: "steps: [run: npm ci]\n", ".github/dependabot.yml": "version: 2\n"}, "a bot does"),
        Good({**_FILES, _CI: "jobs:\n  stale:\n    steps: []\n"}, "that CI builds nothing"),
    ),
)
