"""base-image-slim: a slim base image, and on Alpine none of the modules that have nothing for musl."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.check import builds, images
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced

NAME = "base-image-slim"
_HAVE_SLIM = frozenset({"node", "python", "ruby", "rust", "perl"})
_NEED_TOOLS = frozenset(
    {
        "gcc",
        "g++",
        "cc",
        "make",
        "cmake",
        "git",
        "svn",
        "hg",
        "curl",
        "wget",
        "bundle",
        "gem",
        "cargo",
        "cpanm",
        "unzip",
    }
    | {"node-gyp", "configure", "pg_config", "mysql_config", "convert", "xz", "ssh", "autoconf"}
)
"""Programs of the full images whose use says that somebody needs more than the slim one."""
_SYSTEM_LIBRARIES = pattern(r"build-essential|\b[a-z0-9.+-]+-dev\b|\b(?:git|gcc|make)\b")
_NO_MUSL = {
    "canvas": "has no prebuilt binary for musl and is compiled",
    "node-sass": "has no prebuilt binary for newer Node on musl and is compiled",
    "playwright": "has browsers for glibc alone",
    "@tensorflow/tfjs-node": "is linked against glibc",
    "oracledb": "needs Oracle's client, which is linked against glibc, for its thick mode",
    "isolated-vm": "is compiled on musl",
}
_NO_MUSL_WHEELS = frozenset({"torch", "tensorflow", "opencv-python", "opencv-python-headless", "jaxlib", "playwright"})
_PIP = ("pip",)
_BUILDS = ("build-base", "g++", "gcompat", "libc6-compat", "chromium", "build-essential")


def _look(unit: Unit) -> Iterator[Wrong]:
    base = builds.final_base(unit)
    if base is None or not builds.is_service(unit):
        return
    if images.family(base.image) == "alpine":
        yield from _on_musl(unit, base)
    elif _is_full(base) and not _uses_tools(unit):
        reference = base.reference
        slim = f"{reference.repository}:{_slim_tag(reference.tag)}"
        full = base.image.partition("@")[0]
        message = f"{full} is the full image, with compilers and headers: several hundred MB more than its slim one"
        yield Wrong(message, base.place, f"write {slim}, and build what needs a compiler in an earlier stage")


def _slim_tag(tag: str) -> str:
    word, _, rest = tag.partition("-")
    return "-".join(part for part in (word, "slim", rest) if part) if word and word != "latest" else "VERSION-slim"


def _is_full(base: builds.Base) -> bool:
    reference = base.reference
    variants = set(reference.tag.split("-"))
    return (
        reference.is_official
        and reference.repository in _HAVE_SLIM
        and not variants & {"slim", "nanoserver", "windowsservercore"}
        and "alpine" not in reference.tag
    )


def _uses_tools(unit: Unit) -> bool:
    return any(_SYSTEM_LIBRARIES.search(text) for text in builds.run_texts(unit)) or any(
        command.program in _NEED_TOOLS for _instruction, command in builds.runs(unit)
    )


def _on_musl(unit: Unit, base: builds.Base) -> Iterator[Wrong]:
    if any(word in text for text in builds.run_texts(unit) for word in _BUILDS):
        return  # somebody knows
    for name, why, place in (*_modules(unit), *_wheels(unit)):
        message = f"{base.image} is musl, and {name} {why}"
        related = (Sourced(name, place),) if place else ()
        instead = f"write {base.reference.repository}:{base.reference.tag.split('-')[0]}-slim, whose libc is glibc"
        yield Wrong(message, base.place, instead, related=related)
        return


def _modules(unit: Unit) -> Iterator[tuple[str, str, Place | None]]:
    for manifest in unit.manifests:
        dependencies = manifest.data.get("dependencies")
        if isinstance(dependencies, Mapping):
            for name in dependencies:
                if name in _NO_MUSL:
                    yield name, _NO_MUSL[name], manifest.places.get(("dependencies", name))


def _wheels(unit: Unit) -> Iterator[tuple[str, str, Place | None]]:
    for _instruction, command in builds.runs(unit, _PIP):
        if command.program.startswith("pip") and "install" in command.words:
            for word in command.words:
                if word.partition("==")[0].partition("[")[0].lower() in _NO_MUSL_WHEELS:
                    yield word, "has wheels for glibc alone", command.place


_END = 'CMD ["node", "a.js"]\n'
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="The final stage stands on a slim or Alpine image, and on Alpine nothing needs glibc.",
    why="The full images of the languages hold compilers, headers and version control for building: a gigabyte to pull "
    "at each new machine, and hundreds of packages with security holes of their own. Alpine is small because its libc "
    "is musl: what is published as a binary for glibc doesn't run there, or is compiled at each build.",
    example="FROM node:22.3.0\n",
    instead="FROM node:22.3.0-slim\n",
    check=per_service(NAME, Severity.INFO, _look, Confidence.MEDIUM),
    confidence=Confidence.MEDIUM,
    fix_safety=FixSafety.UNSAFE,
    fix_note="What a build step needs of the full image can't be known in every case.",
    sources=("https://github.com/docker-library/docs/tree/master/node#image-variants",),
    bad=(
        Bad({"Dockerfile": "FROM node:22.3.0\n" + _END}, "Dockerfile:1:6", "full image"),
        Bad({"Dockerfile": "FROM node:22.3.0\nRUN apt-get install -y tini\n" + _END}, "Dockerfile:1:6", "full image"),
        Bad({"Dockerfile": "FROM python:3.13-bookworm\n" + _END}, "Dockerfile:1:6", "full image"),
        Bad(
            {"Dockerfile": "FROM node:22-alpine\n" + _END, "package.json": '{"dependencies": {"canvas": "^2"}}'},
            "Dockerfile:1:6",
            "canvas",
        ),
        Bad({"Dockerfile": "FROM python:3.13-alpine\nRUN pip install torch==2\n" + _END}, "Dockerfile:1:6", "glibc"),
    ),
    good=(
        Good({"Dockerfile": "FROM node:22-slim\n" + _END}),
        Good({"Dockerfile": "FROM node:22 AS build\nRUN npm ci\nFROM node:22-alpine\n" + _END}, "the final one counts"),
        Good({"Dockerfile": "FROM python:3.13\nRUN apt-get install -y git\n" + _END}, "more than slim is needed"),
        Good({"Dockerfile": "FROM php:8.4\n" + _END}, "there is no slim one"),
        Good(
            {
                "Dockerfile": "FROM node:22-alpine\nRUN apk add build-base cairo-dev\n" + _END,
                "package.json": '{"dependencies": {"canvas": "^2"}}',
            },
            "somebody knows",
        ),
    ),
)
