"""Graceful shutdown for Python services: the stop in order, health, secrets and logs, by the standard library alone.

Nothing is imported until it is used: importing this package costs next to nothing. It changes nothing by being
imported: signals, logging and exception hooks are touched only by what you call.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would cost more than all of this; type checkers know the name
if TYPE_CHECKING:
    from seatrial.drain.health import Check, Health, Status
    from seatrial.drain.secrets import Secret, SecretError, secret

__all__ = ["Check", "Health", "Secret", "SecretError", "Status", "secret"]

_HOMES = {
    "Check": "health",
    "Health": "health",
    "Status": "health",
    "Secret": "secrets",
    "SecretError": "secrets",
    "secret": "secrets",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
