"""What is secret of a pod: by its template, and by the Secret objects that the template names. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.model.redaction import environment_secrets, file_secrets

Object = Mapping[str, Any]


def literal_secrets(spec: Object) -> Iterator[str]:
    """The secrets among the values that the template itself gives to variables."""
    for container in _containers(spec):
        given = {str(one["name"]): one.get("value") for one in container.get("env") or ()}
        yield from environment_secrets({name: value for name, value in given.items() if isinstance(value, str)})


def named_secrets(spec: Object) -> tuple[str, ...]:
    """The names of the Secrets that its variables and volumes come from."""
    return tuple(dict.fromkeys(name for name in _names(spec) if name))


def _names(spec: Object) -> Iterator[str | None]:
    for container in _containers(spec):
        for one in container.get("env") or ():
            yield ((one.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name")
        for one in container.get("envFrom") or ():
            yield (one.get("secretRef") or {}).get("name")
    for volume in spec.get("volumes") or ():
        yield (volume.get("secret") or {}).get("secretName")
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield (source.get("secret") or {}).get("name")


def kept_secrets(secret: Object) -> Iterator[str]:
    """What a Secret holds: all of each of its values."""
    for value in (secret.get("data") or {}).values():
        try:
            content = base64.b64decode(value).decode("utf-8", "replace")
        except (binascii.Error, TypeError, ValueError):
            continue
        yield from file_secrets(content, whole=True)


def _containers(spec: Object) -> Iterator[Object]:
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()
