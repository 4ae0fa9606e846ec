"""Writes compose files and reads them back as a project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from seatrial.files.compose import ComposeProject, read_compose

Read = Callable[..., ComposeProject]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads files given as texts; all named in `use` (the first one by default) are compose files."""

    def reads(
        files: str | Mapping[str, str],
        environment: Mapping[str, str] | None = None,
        *,
        use: Collection[str] = (),
        profiles: Collection[str] = (),
    ) -> ComposeProject:
        texts = {"compose.yaml": files} if isinstance(files, str) else files
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        names = use or [next(iter(texts))]
        return read_compose([tmp_path / name for name in names], environment or {}, profiles, tmp_path)

    return reads
