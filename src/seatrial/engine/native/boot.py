"""How the scripts of `inside/` are started: this Python, isolated, with this package alone on its path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
_CODE = "import sys; sys.path.append({root!r}); from seatrial.engine.native.inside import {module}; {module}.main()"


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs the `main` of a module in `inside/`."""
    return [sys.executable, "-IS", "-B", "-c", _CODE.format(root=ROOT, module=module), *arguments]


def environment() -> dict[str, str]:
    """What such a script needs of the caller's environment: UTF-8, and how to find Python's own library."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return kept | {"LC_ALL": "C.UTF-8"}
