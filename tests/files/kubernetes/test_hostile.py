"""Whatever the files hold: values or findings, never an exception, and within bounds."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.kubernetes.manifest import read_manifest
from seatrial.files.kubernetes.objects import Objects

from .conftest import DEPLOYMENT, SERVICE, read

HEAD = b"apiVersion: apps/v1\nkind: Deployment\n"
LINES = st.sampled_from(
    [*DEPLOYMENT.split("\n"), *SERVICE.split("\n"), "---", "? [", "- x", "&a {b: *a}", "\t", "é: ñ"]
)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    read_manifest(HEAD + data, "a.yaml", Objects())


@given(st.lists(LINES, max_size=30).map("\n".join))
def test_any_lines_in_any_order(text: str) -> None:
    objects = Objects()
    read_manifest(text.encode(), "a.yaml", objects)
    assert all(finding.place.line >= 1 for finding in objects.findings)


@given(st.integers(0, len(DEPLOYMENT)), st.integers(0, 60), st.sampled_from(["", "[", "{", "- ", ": ", "9", "'"]))
def test_a_manifest_with_a_piece_exchanged(at: int, length: int, piece: str) -> None:
    text = DEPLOYMENT[:at] + piece + DEPLOYMENT[at + length :]
    read_manifest(text.encode(), "a.yaml", Objects())


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["spec", "template", "containers", "resources", "limits", "env", "patches", "images"]),
                inner,
            )
        ),
    )
)
def test_any_shape_of_a_kustomization_and_a_workload(value: object) -> None:
    import json

    text = json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "spec": value, "patches": value, "images": value})
    with tempfile.TemporaryDirectory() as directory:
        read(Path(directory), {"a.yaml": text, "kustomization.yaml": text})


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (finding,) = read(tmp_path, {"a.yaml": HEAD.decode() + "\n".join(lines)}).findings
    assert "once every alias is unfolded" in finding.message


def test_a_file_that_is_too_large_and_a_pipe_are_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    found = read(
        tmp_path, {"big.json": b'{"apiVersion": "v1", "kind": "Pod"' + b" " * 600_000 + b"}", "a.yaml": SERVICE}
    )
    assert list(found.texts) == ["a.yaml"]


def test_links_that_lead_in_circles_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    assert len(read(tmp_path, {"a.yaml": DEPLOYMENT}).cluster.workloads) == 1
