"""A log to write and read, and what was reported of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.engine.logs.interface import Subject

from .writer import Writer


@pytest.fixture
def make_writer(tmp_path: Path) -> Iterator[Callable[..., Writer]]:
    """Makes logs, and closes them at the end."""
    made: list[Writer] = []

    def make(files: int = 3, name: str = "web.log") -> Writer:
        made.append(Writer(tmp_path / name, files))
        return made[-1]

    yield make
    for writer in made:
        writer.close()


@pytest.fixture
def reported() -> list[str]:
    """What a reader had to say."""
    return []


@pytest.fixture
def subject() -> Subject:
    """An instance with a name, labels and variables."""
    return Subject(
        id="0123456789abcdef" * 4,
        name="shop-web-1",
        image_id="sha256:" + "fedcba9876543210" * 4,
        image_name="shop-web",
        command="node server.js",
        created=1_763_733_600.0,
        environment={"ZONE": "eu", "PORT": "80"},
        labels={"app": "shop", "team": "a & b"},
    )
