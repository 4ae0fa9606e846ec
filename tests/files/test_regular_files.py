"""Only regular files of a bounded size are read, and nothing hangs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.files.reading import is_regular, read_bytes, read_text
from seatrial.model.errors import InputError


def test_reads_text_and_replaces_what_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"caf\xc3\xa9 \xff")
    assert read_text(tmp_path / "f") == "café \ufffd"
    assert read_bytes(tmp_path / "f") == b"caf\xc3\xa9 \xff"


def test_a_fifo_a_directory_a_device_and_a_kernel_file_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "kernel").symlink_to("/proc/kmsg")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("fifo", "kernel", "device", "."):
        with pytest.raises(InputError, match="not a regular file"):
            read_text(tmp_path / name)
    assert not is_regular(tmp_path / "fifo")


def test_a_missing_file_is_an_input_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^Dockerfile:1:1: cannot be read: No such file") as caught:
        read_text(tmp_path / "Dockerfile", "Dockerfile")
    assert caught.value.place is not None
    with pytest.raises(InputError):
        read_text(tmp_path / "a\0b")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError):
        read_text(tmp_path / "loop")
    assert not is_regular(tmp_path / "loop")


def test_a_file_over_the_limit_is_refused_and_one_at_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 100)
    assert len(read_bytes(tmp_path / "f", limit=100)) == 100
    with pytest.raises(InputError, match="larger than"):
        read_bytes(tmp_path / "f", limit=99)
