"""Whose a container, network, volume or image is: labels that tell the owner, and the removal of what a dead one left.

A label names the machine, its boot and the process (by namespace, number and start time). What belongs to a live owner,
or to one that can't be looked for from here (another machine's, on an engine that is shared), is never touched.
"""

from __future__ import annotations

import contextlib
import itertools
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.engine.native import leftovers

if TYPE_CHECKING:
    from docker import APIClient

OWNER, HOST = "seatrial.owner", "seatrial.host"
_counter = itertools.count(1)


def labels() -> dict[str, str]:
    """The labels of one trial of this process."""
    return {OWNER: leftovers.name(next(_counter)) + "-trial", HOST: _host()}


def _host() -> str:
    return f"{_text('/etc/machine-id') or platform.node()}/{_text('/proc/sys/kernel/random/boot_id')}"


def _text(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    return ""


def is_orphaned(found: Mapping[str, str]) -> bool:
    """Whether these are the labels of a dead owner."""
    machine, _, boot = found.get(HOST, "").partition("/")
    own_machine, _, own_boot = _host().partition("/")
    if not boot or machine != own_machine:
        return False
    return boot != own_boot or leftovers.is_orphaned(found.get(OWNER, ""))


def sweep(api: APIClient) -> None:
    """Remove what dead owners left."""
    _remove(api, {"label": [OWNER]}, is_orphaned)


def remove(api: APIClient, own: Mapping[str, str]) -> None:
    """Remove all that carries these labels."""
    _remove(api, {"label": [f"{name}={value}" for name, value in own.items()]}, lambda _labels: True)


def _remove(api: APIClient, filters: dict[str, list[str]], is_meant: Callable[[Mapping[str, str]], bool]) -> None:
    """Containers first, with their unnamed volumes: they hold on to all others."""
    from docker.errors import DockerException

    def each(found: list[dict[str, Any]] | None, key: str, take: Callable[[str], object]) -> None:
        for one in found or ():
            if is_meant(one.get("Labels") or {}):
                with contextlib.suppress(DockerException, OSError):  # another's sweep may have been faster
                    take(one[key])

    each(api.containers(all=True, filters=filters), "Id", lambda name: api.remove_container(name, v=True, force=True))
    each(api.networks(filters=filters), "Id", api.remove_network)
    each(api.volumes(filters=filters).get("Volumes"), "Name", lambda name: api.remove_volume(name, force=True))
    each(api.images(all=True, filters=filters), "Id", lambda name: api.remove_image(name, force=True))
