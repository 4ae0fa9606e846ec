"""The native engine: runs a service in namespaces of this machine, with no container engine and no daemon.

It is the only place of the project that starts, signals and reaps the processes of a service, and it starts each
through seatrial-shim. The package imports nothing by itself, so that whoever asks for one of its modules gets no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatrial.engine.native.engine import NativeEngine

__all__ = ["NativeEngine"]


def __getattr__(name: str) -> Any:
    if name == "NativeEngine":
        from seatrial.engine.native.engine import NativeEngine

        return NativeEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
