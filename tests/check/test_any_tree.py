"""`seatrial check` on trees of whatever files: it answers, in time, and the cache answers the same."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.check.table import NAMES, rule
from seatrial.cli import check_projects, codes
from seatrial.cli.front import run

DIRECTORIES = ("", "web", "web/api", "k8s", ".github/workflows", "node_modules/a")
NAMES_OF_FILES = (
    *("Dockerfile", "Dockerfile.web", ".dockerignore", "compose.yaml", "compose.override.yml", "docker-compose.yml"),
    *("package.json", "package-lock.json", "pyproject.toml", "requirements.txt", "entrypoint.sh", "server.js"),
    *("app.py", ".env", ".gitignore", "deploy.yaml", "kustomization.yaml", "Chart.yaml", "ci.yml", "seatrial.toml"),
)
EXAMPLES = tuple(
    (name.rpartition("/")[2], text)
    for each in NAMES
    for files in (*(bad.files for bad in rule(each).bad), *(good.files for good in rule(each).good))
    for name, text in files.items()
)
ODD = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        (
            *(b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"FROM \xff\nRUN \xc3\x28\n", b"a: &a [*a]\n"),
            *(b"FROM a\nRUN <<E\n", b"services: {a: {build: {context: ../..}}}\n", b"a: " + b"[" * 500, b"- " * 300),
            *(b"services:\n  a:\n    extends: {service: a}\n", b"include: [compose.yaml]\n", b"*\n!*\n", b"{" * 300),
        )
    ),
)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes]:
    """Files by their paths: parts of good and bad examples at places of all kinds, some of them damaged."""
    files = {}
    for _ in range(draw(st.integers(1, 8))):
        name, text = draw(st.sampled_from(EXAMPLES))
        if draw(st.integers(0, 4)) == 0:
            name = draw(st.sampled_from(NAMES_OF_FILES))
        data = text.encode()
        if draw(st.integers(0, 2)) == 0:
            at = draw(st.integers(0, len(data)))
            data = data[:at] + draw(ODD) + data[at + draw(st.integers(0, 20)) :]
        if draw(st.integers(0, 5)) == 0:
            data = data.replace(b"\n", b"\r\n")
        files[f"{draw(st.sampled_from(DIRECTORIES))}/{name}".lstrip("/")] = data
    return files


def check(*words: str) -> tuple[int, str]:
    """The exit code and what it writes to a file, "" if it doesn't come to that."""
    out = Path("report")
    out.unlink(missing_ok=True)
    code = run(["check", "--output", "report", *words])
    text = out.read_text() if out.exists() else ""
    out.unlink(missing_ok=True)
    return code, text


@contextlib.contextmanager
def directory_of(files: dict[str, bytes]):  # type: ignore[no-untyped-def]
    """The working directory is a new one that holds these files."""
    before = Path.cwd()
    root = Path(tempfile.mkdtemp(prefix="tree-"))
    try:
        for name, data in files.items():
            path = root / name
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        os.chdir(root)
        yield root
    finally:
        os.chdir(before)
        shutil.rmtree(root)


def answers(files: dict[str, bytes]) -> None:
    """Holds a tree to what every tree is to be."""
    with directory_of(files):
        begun = time.process_time()
        first = check("--no-cache", "--format", "json")
        assert time.process_time() - begun < 20, "bounded, not fast: the machine may be busy"
        assert first[0] in (codes.GOOD, codes.FAILED, codes.USAGE, codes.NOTHING_FOUND)
        assert check("--format", "json") == first
        assert check("--format", "json") == first, "now from the cache"


@settings(max_examples=15)
@given(trees())
def test_any_tree_has_an_answer_and_the_cache_the_same(files: dict[str, bytes]) -> None:
    answers(files)


@pytest.mark.slow
@settings(max_examples=200)
@given(trees())
def test_hundreds_of_trees_have_an_answer_and_the_cache_the_same(files: dict[str, bytes]) -> None:
    answers(files)


@settings(max_examples=5)
@given(trees(), trees())
def test_after_any_change_the_cache_says_what_a_new_look_says(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    with directory_of(before) as root:
        check("--format", "json")
        for name, data in after.items():
            with contextlib.suppress(OSError):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(data)
            assert check("--format", "json") == check("--no-cache", "--format", "json")


@settings(max_examples=4)
@given(trees())
def test_several_processes_find_what_one_finds(files: dict[str, bytes]) -> None:
    many = {f"{number}/{name}": data for number in range(3) for name, data in files.items()}
    with directory_of(many), pytest.MonkeyPatch.context() as patch:
        alone = check("--no-cache", "--format", "json")
        patch.setattr(check_projects, "WORTH_A_FORK", 1)
        patch.setattr(check_projects, "FEW_DIRECTORIES", 1)
        patch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
        assert check("--no-cache", "--format", "json") == alone


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(ord('b') + n)}: &{chr(ord('b') + n)} [{', '.join(['*' + chr(ord('a') + n)] * 9)}]\n" for n in range(9)
)


def hostile(root: Path) -> None:
    """What nobody has in a repository, all of it."""
    (root / "good").mkdir()
    (root / "good" / "Dockerfile").write_text("FROM node\nCMD npm start\n")
    for name in ("fifo", "device", "large", "socket", "loop", "dangling", "unreadable", "directory", "bomb", "deep"):
        (root / name).mkdir()
    os.mkfifo(root / "fifo" / "Dockerfile")
    (root / "device" / "Dockerfile").symlink_to("/dev/zero")
    with (root / "large" / "Dockerfile").open("wb") as stream:
        stream.truncate(50 * 1024 * 1024)
    (root / "loop" / "Dockerfile").symlink_to("Dockerfile")
    (root / "loop" / "again").symlink_to("..")
    (root / "dangling" / "compose.yaml").symlink_to("nowhere")
    (root / "unreadable" / "Dockerfile").write_text("FROM a\n")
    (root / "unreadable" / "Dockerfile").chmod(0)
    (root / "directory" / "Dockerfile").mkdir()
    (root / "bomb" / "compose.yaml").write_text(BOMB)
    (root / "bomb" / "app.yaml").write_text("apiVersion: v1\nkind: Pod\n" + BOMB)
    (root / "deep" / "compose.yaml").write_text("services: " + "{a: " * 5000)
    (root / "deep" / "app.yaml").write_text("apiVersion: v1\nkind: List\nitems: " + "[" * 100_000)
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(root / "socket")
        server.bind("Dockerfile")
        os.chdir(root)


def test_what_cannot_be_read_is_named_and_the_rest_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with directory_of({}) as root:
        hostile(root)
        begun = time.process_time()
        code, text = check("--no-cache")
        assert time.process_time() - begun < 30
        assert code == codes.USAGE and "bug" not in capsys.readouterr().err
        assert "good/Dockerfile:2:5" in text
        for name in ("fifo", "device", "large", "socket", "loop", "dangling"):
            assert f"{name}/" in text, name
        assert "larger than 4096 KiB" in text and "not a regular file" in text
        assert check() == check("--no-cache") == (code, text)
