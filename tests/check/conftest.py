"""Projects written to disk, read as `seatrial check` reads them, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hypothesis import HealthCheck, settings

from seatrial.files.documents import read_documents
from seatrial.model.documents import Documents

settings.register_profile(
    "check",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.load_profile("check")


def write(directory: Path, files: Mapping[str, str]) -> Path:
    """Write these files; what begins with `#!` is made executable."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        if text.startswith("#!"):
            path.chmod(0o755)
    return directory


def documents_of(directory: Path, files: Mapping[str, str]) -> Documents:
    """The documents of a project with these files."""
    return read_documents(write(directory / "shop", files), environment={})
