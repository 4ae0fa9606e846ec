"""Facts by base image."""

from __future__ import annotations

import pytest

from seatrial.check import images


@pytest.mark.parametrize(
    ("image", "shell"),
    [
        ("debian:12", images.DASH),
        ("node:22-slim", images.DASH),
        ("docker.io/library/python:3.13", images.DASH),
        ("ubuntu", images.DASH),
        ("node:22-alpine3.20", images.BUSYBOX),
        ("alpine", images.BUSYBOX),
        ("busybox:musl", images.BUSYBOX),
        ("rockylinux:9", images.BASH),
        ("registry.access.redhat.com/ubi9/ubi-minimal:9.4", images.BASH),
        ("gcr.io/distroless/nodejs22-debian12", images.NO_SHELL),
        ("scratch", images.NO_SHELL),
        ("ghcr.io/someone/thing:1", None),
        ("gcr.io/distroless/base:debug", None),
        ("python:3.13-windowsservercore", None),
        ("", None),
    ],
)
def test_sh_is_what_the_base_image_has(image: str, shell: str | None) -> None:
    assert images.shell_of(image) == shell


@pytest.mark.parametrize(
    ("image", "curl", "wget"),
    [
        ("node:22", True, True),
        ("node:22-slim", False, False),
        ("node:22-bookworm-slim", False, False),
        ("node:22-alpine", False, True),
        ("python:3.13-slim-bookworm", False, False),
        ("php:8.3-apache", True, False),
        ("debian:12-slim", False, False),
        ("alpine:3.20", False, True),
        ("nginx:1.27-alpine", None, True),
        ("postgres:17", None, None),
        ("example.org/x", None, None),
        ("scratch", False, False),
    ],
)
def test_tools_are_there_or_not_or_unknown(image: str, curl: bool | None, wget: bool | None) -> None:
    assert (images.has_tool(image, "curl"), images.has_tool(image, "wget")) == (curl, wget)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("node", ("node", "", "")),
        ("localhost:5000/a/b:1@sha256:00", ("localhost:5000/a/b", "1", "sha256:00")),
        ("localhost:5000/a", ("localhost:5000/a", "", "")),
        ("docker.io/library/redis:7", ("redis", "7", "")),
    ],
)
def test_a_reference_is_taken_apart(image: str, parts: tuple[str, str, str]) -> None:
    reference = images.parse(image)
    assert (reference.repository, reference.tag, reference.digest) == parts
