"""base-image-pinned: an exact version of the base image, not latest, no tag, or a tag that moves between releases."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds, images, launch
from seatrial.check.interface import Bad, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern

NAME = "base-image-pinned"
_MOVING = frozenset(
    {"latest", "stable", "lts", "current", "edge", "nightly", "rolling", "mainline", "dev", "devel", "unstable", "sid"}
    | {"testing", "main", "master", "canary", "next", "oldstable"}
)
_FEATURES_IN_MINORS = frozenset({"python", "golang", "ruby", "php", "rust", "alpine", "elixir", "perl"})
"""Images whose major version alone goes on to new feature releases: python:3 was 3.12, then 3.13."""
_PATCHES_IN_MAJORS = frozenset({"node", "postgres", "nginx", "redis", "mysql", "mariadb", "mongo", "haproxy"})
_VARIANTS = frozenset(
    {"alpine", "slim", "bookworm", "bullseye", "buster", "trixie", "fpm", "cli", "apache", "jdk", "jre", "latest-slim"}
)
"""What stands in a tag beside the version; alone it means the newest version: node:alpine."""
_NO_LONGER_MOVE = frozenset({"python:2", "php:5", "php:7", "ruby:2", "ruby:1"})
_ALL_VARIABLE = pattern(r"[\"']?\$(?:\w+|\{[^}]*\})[\"']?")
_NUMBERS = {"ubuntu": "24.04", "debian": "13.2", "fedora": "43", "amazonlinux": "2023"}
"""How a version of these is written, that is not of three numbers."""
_ONLY_MOVING = ("gcr.io/distroless/", "cgr.dev/chainguard/")
"""Registries that publish no version tags for free."""


def _look(unit: Unit) -> Iterator[Wrong]:
    if launch.is_fixture(unit):
        return
    for base in builds.bases(unit):
        reference, written = base.reference, base.stage.base.value
        if reference.digest or _ALL_VARIABLE.fullmatch(base.stage.base.value):
            continue  # whoever builds it says the whole image
        if written.count("$") > 1 and reference.tag and "$" in written.rpartition(":")[2]:
            continue  # registry and tag are arguments: whoever releases it gives both
        if base.image.endswith(":") or "::" in base.image or ":-" in base.image:
            continue  # whoever builds it says the version: the ARG in the tag has no default
        if reference.is_official and not images.is_published(reference.repository):
            continue  # the name of what is built on this very machine
        by = f" ({written})" if written != base.image else ""
        severity, message = _judge(reference)
        if message:
            yield Wrong(f"{base.image}{by} {message}", base.place, _remedy(reference), severity)


def _judge(reference: images.Reference) -> tuple[Severity, str]:
    tag, name = reference.tag, reference.repository
    if name.startswith(_ONLY_MOVING):
        return Severity.INFO, "has no version tags: only a digest keeps it as it is"
    if not tag:
        return Severity.WARNING, "has no tag, which means latest: another build can get another image"
    word = tag.split("-")[0].lower()
    is_variant = word in _VARIANTS and name in _FEATURES_IN_MINORS | _PATCHES_IN_MAJORS
    if word in _MOVING or is_variant:
        return Severity.WARNING, "names whatever is newest: another build can get another major version"
    number = builds.version(tag)
    if f"{name}:{number}" in _NO_LONGER_MOVE:
        return Severity.INFO, ""
    if name in _FEATURES_IN_MINORS and number and "." not in number:
        return Severity.WARNING, f"goes from one feature release of {name} to the next without a change here"
    if name in _PATCHES_IN_MAJORS and number and "." not in number:
        return Severity.INFO, "is a floating major version: builds of the same commit differ"
    return Severity.INFO, ""


def _remedy(reference: images.Reference) -> str:
    words = reference.tag.split("-")
    variant = "-".join(words if words[0] in _VARIANTS else words[1:])
    name = reference.repository
    if name.startswith(_ONLY_MOVING):
        return f"write {name}@sha256:… and let Dependabot or Renovate move it"
    number = _NUMBERS.get(name, "VERSION" if "/" in name else "MAJOR.MINOR.PATCH")
    tag = f"{number}-{variant}" if variant else number
    return f"write {name}:{tag} with the version that is in use now, or better add its digest: {name}:…@sha256:…"


_END = 'CMD ["a"]\n'
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="FROM names an exact version, best with a digest.",
    why="`latest`, no tag, or a major version alone mean another image each time that it is pulled: the same commit "
    "builds on one machine and not on the other, a rebuild for a small fix brings a new major version along, and "
    "nobody can say what runs. A tag can be moved, a digest can't.",
    example="FROM python:latest\n",
    instead="FROM python:3.13.7-slim-bookworm\n",
    check=per_service(NAME, Severity.WARNING, _look),
    sources=(
        "https://docs.docker.com/build/building/best-practices/#pin-base-image-versions",
        "https://docs.docker.com/dhi/core-concepts/digests/",
    ),
    bad=(
        Bad({"Dockerfile": "FROM node\n" + _END}, "Dockerfile:1:6", "no tag"),
        Bad({"Dockerfile": "FROM node:latest\n" + _END}, "Dockerfile:1:6", "newest"),
        Bad({"Dockerfile": "FROM node:lts-alpine\n" + _END}, "Dockerfile:1:6", "newest"),
        Bad({"Dockerfile": "FROM node:alpine\n" + _END}, "Dockerfile:1:6", "newest"),
        Bad({"Dockerfile": "FROM python:3-slim\n" + _END}, "Dockerfile:1:6", "feature release"),
        Bad({"Dockerfile": "FROM node:22-slim\n" + _END}, "Dockerfile:1:6", "floating major"),
        Bad({"Dockerfile": "ARG V=latest\nFROM ruby:$V\n" + _END}, "Dockerfile:2:6", "ruby:latest (ruby:$V)"),
        Bad({"Dockerfile": "FROM node AS a\nFROM node AS b\nFROM a\n" + _END}, "Dockerfile:1:6", "no tag"),
        Bad({"Dockerfile": "FROM gcr.io/distroless/nodejs22-debian12\n" + _END}, "Dockerfile:1:6", "digest"),
    ),
    good=(
        Good({"Dockerfile": "FROM node:22.3.0-slim\n" + _END}),
        Good({"Dockerfile": "FROM node@sha256:" + "a" * 64 + "\n" + _END}),
        Good({"Dockerfile": "FROM debian:bookworm-slim\n" + _END}, "a distribution's release gets fixes alone"),
        Good({"Dockerfile": "FROM scratch\n" + _END}),
        Good({"Dockerfile": "FROM node:22.3.0 AS base\nFROM base\n" + _END}, "a stage"),
        Good({"Dockerfile": "ARG BASE\nFROM ${BASE}\n" + _END}, "whoever builds it says the version"),
        Good({"Dockerfile": "ARG BASE=node:latest\nFROM ${BASE}\n" + _END}, "a whole image to be given"),
        Good({"Dockerfile": "FROM example.org/team/app:2\n" + _END}, "what a tag means there isn't known"),
        Good({"Dockerfile": "ARG V\nFROM example.org/app:$V\n" + _END}, "whoever builds it says the tag"),
        Good({"Dockerfile": "ARG R=a.org\nARG V=latest\nFROM $R/base:$V\n" + _END}, "the release gives both"),
        Good({"Dockerfile": "FROM shop-base\n" + _END}, "no official image: the name of what is built here"),
        Good(
            {"compose.yaml": "services: {a: {build: tests/stop}}\n", "tests/stop/Dockerfile": "FROM busybox\n" + _END},
            "a test's own image",
        ),
    ),
)
