"""base-image-supported: the base image still gets security fixes."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds, launch, lifetimes
from seatrial.check.interface import Bad, Context, Good, Rule, Wrong, finding
from seatrial.model.documents import Unit
from seatrial.model.finding import Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place

NAME = "base-image-supported"
_ARCHIVE = pattern(r"\b(?:archive\.debian\.org|old-releases\.ubuntu\.com|vault\.centos\.org)\b")


def _check(context: Context) -> Iterator[Finding]:
    for unit in context.units:
        for image, place in () if launch.is_fixture(unit) else _images(unit):
            ended = lifetimes.ended(image, context.today)
            if ended is None or _is_meant(unit):
                continue
            when = f"got its last fix by {ended.date}" if ended.date else "was given up and gets no fixes"
            wrong = Wrong(f"{ended.what} {when}: its security holes stay open", place, f"move to {ended.instead}")
            made = finding(NAME, Severity.WARNING, wrong, unit.service.name)
            if made is not None:
                yield made


def _is_meant(unit: Unit) -> bool:
    """Whether it takes its packages from where distributions lie after their end: who wrote that knows it."""
    return any(_ARCHIVE.search(text) for text in builds.run_texts(unit))


def _images(unit: Unit) -> Iterator[tuple[str, Place | None]]:
    if unit.compose is not None and not unit.compose.has_build and unit.compose.image is not None:
        yield unit.compose.image.value, unit.compose.image.place
    for base in builds.bases(unit):
        yield base.image, base.place


_END = 'CMD ["a"]\n'
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The base image, its language and its distribution are not past their end of life.",
    why="After its end of life nobody mends security holes in it any more, rebuilding brings nothing new, and the "
    "package mirrors of a distribution are moved away, so that one day the build itself fails.",
    example="FROM node:14-alpine\n",
    instead="FROM node:24-alpine\n",
    check=_check,
    sources=("https://endoflife.date", "https://github.com/nodejs/release#release-schedule"),
    bad=(
        Bad({"Dockerfile": "FROM node:14-alpine\n" + _END}, "Dockerfile:1:6", "2023-04-30"),
        Bad({"Dockerfile": "FROM node:22.1-buster\n" + _END}, "Dockerfile:1:6", "debian 10 (buster)"),
        Bad({"Dockerfile": "FROM python:3.12-alpine3.17\n" + _END}, "Dockerfile:1:6", "alpine 3.17"),
        Bad({"Dockerfile": "FROM debian:stretch-slim\n" + _END}, "Dockerfile:1:6", "debian 9"),
        Bad({"Dockerfile": "FROM openjdk:17\n" + _END}, "Dockerfile:1:6", "given up"),
        Bad({"Dockerfile": "ARG V=2.7\nFROM python:$V AS a\nFROM scratch\n" + _END}, "Dockerfile:2:6", "python 2.7"),
        Bad({"compose.yaml": "services:\n  db:\n    image: postgres:11\n"}, "compose.yaml:3:12", "postgres 11"),
    ),
    good=(
        Good({"Dockerfile": "FROM node:24-alpine\n" + _END}),
        Good({"Dockerfile": "FROM python:3.13.1-slim-bookworm\n" + _END}),
        Good({"Dockerfile": "FROM python:3\n" + _END}, "the newest 3.x"),
        Good({"Dockerfile": "FROM example.org/node:14\n" + _END}, "somebody else's image"),
        Good({"Dockerfile": "FROM node:99\n" + _END}, "an unknown version"),
        Good(
            {"Dockerfile": "FROM golang:1-buster\nRUN sed -i s/deb/archive.debian.org/ /etc/apt/sources.list\n" + _END},
            "known to whoever wrote it",
        ),
    ),
)
