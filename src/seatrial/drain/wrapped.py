"""The application that SEATRIAL_APP names, with the middleware around it: for `python -m seatrial.drain`.

Imported by servers as `seatrial.drain.wrapped:app`. SEATRIAL_READY=/path has a readiness path of the application's own
answered with 503 as soon as the stop begins.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from seatrial.drain.health import Health


def found(target: str) -> Any:
    """What `module:attribute` names."""
    module, _, attributes = target.partition(":")
    value: Any = import_module(module)
    for attribute in (attributes or "app").split("."):
        value = getattr(value, attribute)
    return value


def health_from_environment() -> Health | None:
    """A health that only speaks during a stop, at the path of SEATRIAL_READY."""
    path = os.environ.get("SEATRIAL_READY")
    return Health(live="", ready=path, only_stopping=True) if path else None


def __getattr__(name: str) -> Any:
    """`app` and `life`, made when they are first asked for: importing this module imports no application."""
    if name not in ("app", "life"):
        raise AttributeError(name)
    from seatrial.drain import aio, asgi

    target = found(os.environ["SEATRIAL_APP"])
    application = target() if os.environ.get("SEATRIAL_FACTORY") else target
    if not isinstance(application, asgi.Middleware):
        application = asgi.Middleware(application, aio.Life(), health=health_from_environment())
    globals()["app"], globals()["life"] = application, application.life
    return globals()[name]
