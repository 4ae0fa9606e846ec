"""lockfile-copied: manifest and lock file are copied before the sources, so that installing is cached."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from seatrial.check import builds, launch, packages
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Instruction, Stage, Unit
from seatrial.model.finding import Severity
from seatrial.model.place import Sourced

NAME = "lockfile-copied"
_FILES = {
    "npm": "package.json package-lock.json",
    "yarn": "package.json yarn.lock",
    "pnpm": "package.json pnpm-lock.yaml",
    "bun": "package.json bun.lock",
    "pip": "requirements.txt",
    "uv": "pyproject.toml uv.lock",
    "poetry": "pyproject.toml poetry.lock",
    "pdm": "pyproject.toml pdm.lock",
    "pipenv": "Pipfile Pipfile.lock",
    "bundle": "Gemfile Gemfile.lock",
    "composer": "composer.json composer.lock",
}
_HOOKS = ("preinstall", "install", "postinstall", "prepare", "prepublish")


def _look(unit: Unit) -> Iterator[Wrong]:
    if unit.dockerfile is None or launch.is_for_development(unit):
        return
    for stage in unit.dockerfile.stages:
        found = _install_after_all(stage)
        if found is None or _needs_sources(unit, found[1]):
            continue
        copy, install = found
        message = f"everything is copied before `{install.text()}`: each change of any file installs all anew"
        remedy = f"COPY {_FILES[install.manager]} ./ first, then install, then COPY . ."
        yield Wrong(message, copy.place, remedy, related=(Sourced("the install", install.command.place),))


def _install_after_all(stage: Stage) -> tuple[Instruction, packages.Install] | None:
    """The COPY of everything and the first install behind it, where nothing was installed before it."""
    copy = next((each for each in stage.instructions if builds.takes_whole_context(each)), None)
    if copy is None:
        return None
    is_copied = False
    for instruction in stage.instructions:
        is_copied = is_copied or instruction is copy
        for install in packages.installs((instruction,)):
            if not is_copied or install.manager not in _FILES:
                return None
            is_special = install.instruction.mounts or re.match(r"\s*if\s", builds.script(install.instruction))
            return None if is_special else (copy, install)
    return None


def _needs_sources(unit: Unit, install: packages.Install) -> bool:
    """Whether the install looks at more than manifest and lock file."""
    if install.manager in ("npm", "yarn", "pnpm", "bun"):
        return any(_has_hooks(manifest.data) for manifest in unit.manifests)
    if install.manager in ("uv", "poetry", "pdm"):
        return not install.has("--no-install-project", "--no-root", "--no-self") and any(
            "build-system" in manifest.data for manifest in unit.manifests
        )
    if install.manager == "composer":
        return not install.has("--no-scripts", "--no-autoloader")
    return install.has("-e", "--editable")


def _has_hooks(data: Mapping[str, object]) -> bool:
    scripts = data.get("scripts")
    hooks = any(name in scripts for name in _HOOKS) if isinstance(scripts, Mapping) else False
    local = (data.get("dependencies"), data.get("devDependencies"))
    versions = [str(version) for group in local if isinstance(group, Mapping) for version in group.values()]
    return hooks or "workspaces" in data or any(each.startswith(("file:", "link:", "workspace:")) for each in versions)


_END = 'CMD ["node", "a.js"]\n'
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="Manifest and lock file are copied, then the dependencies are installed, then the sources are copied.",
    why="A layer is built anew when what was copied before it has changed. With all sources in front of the install, "
    "a changed comment downloads and installs all dependencies again, in each build on each machine.",
    example="COPY . .\nRUN npm ci --omit=dev\n",
    instead="COPY package.json package-lock.json ./\nRUN npm ci --omit=dev\nCOPY . .\n",
    check=per_service(NAME, Severity.INFO, _look),
    fix_safety=FixSafety.UNSAFE,
    fix_note="An install script may need more of the sources than manifest and lock file.",
    sources=("https://docs.docker.com/build/cache/optimize/#order-your-layers",),
    bad=(
        Bad({"Dockerfile": "FROM node:22\nCOPY . .\nRUN npm ci\n" + _END}, "Dockerfile:2:1", "npm ci"),
        Bad({"Dockerfile": "FROM python:3\nADD . /a\nRUN pip install -r requirements.txt\n"}, "Dockerfile:2:1", "pip"),
    ),
    good=(
        Good({"Dockerfile": "FROM node:22\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\n" + _END}),
        Good({"Dockerfile": "FROM node:22\nCOPY . .\nRUN npm install -g serve\n" + _END}, "not the project's own"),
        Good({"Dockerfile": "FROM python:3\nCOPY . .\nRUN pip install .\n"}, "the sources are what is installed"),
        Good(
            {
                "Dockerfile": "FROM node:22\nCOPY . .\nRUN npm ci\n" + _END,
                "package.json": '{"scripts": {"postinstall": "node tools/patch.js"}}',
            },
            "the install runs a script of the sources",
        ),
        Good({"Dockerfile": "FROM node:22\nCOPY . .\nRUN --mount=type=cache,target=/root/.npm npm ci\n" + _END}),
    ),
)
