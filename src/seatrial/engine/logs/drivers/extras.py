"""Client libraries that come with an extra: imported when a driver is opened, and named when they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from seatrial.model.errors import UnsupportedError


def client(module: str, package: str, extra: str) -> Any:
    """The module of a client library. UnsupportedError where it is not installed, with what installs it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UnsupportedError(
            f"this log driver needs the package {package}, which can't be imported: {error}",
            hint=f"pip install 'seatrial[{extra}]'",
        ) from error
