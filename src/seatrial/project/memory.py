"""What is remembered of an instance between supervisors, and between starts of the machine: one JSON file.

Pure: values in, values out; `layout` writes and reads the file. The machine's part is `engine/contract/record`; here is
what that doesn't know: whose instance it is, what it was made from, and when people would say that things happened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from seatrial.engine.contract import health, record, restarting
from seatrial.engine.contract.instance import Instance, Terms
from seatrial.engine.contract.machine import create
from seatrial.model import codec
from seatrial.model.deployment import Deployment
from seatrial.model.errors import InputError
from seatrial.model.service import signal_number

VERSION = 2


@dataclass(frozen=True, slots=True)
class Remembered:
    """An instance as its file tells it. `created`, `started` and `finished` are wall-clock seconds, 0 for never.

    `boot` names the machine's run in which it was written; `offset` is what its writer took for the difference of the
    wall clock and the monotonic one. In the same run of the machine it gives the monotonic times back exactly, although
    the wall clock may have been set meanwhile.
    """

    identity: str
    name: str
    service: str
    number: int
    config: str
    boot: str
    created: float
    started: float = 0.0
    finished: float = 0.0
    offset: float = 0.0
    version: int = VERSION


Saved = tuple[Remembered, Mapping[str, Any]]
"""What a file says: of the instance, and of its machine."""


def read(data: Any) -> Saved | None:
    """What a file says; None where it is none of ours, or of a version that we don't know."""
    try:
        found = codec.decode(Remembered, data["about"])
        machine = data["machine"]
    except (codec.WrongError, KeyError, TypeError):
        return None
    known = isinstance(found, Remembered) and found.version == VERSION and isinstance(machine, Mapping)
    return (found, machine) if known else None


def plain(remembered: Remembered, machine: Mapping[str, Any]) -> dict[str, Any]:
    """What goes into the file."""
    return {"about": codec.encode(remembered), "machine": machine}


def is_about_health_alone(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether nothing but results of probes came between two states of a machine."""
    return {**before, "health": None} == {**after, "health": None}


def recall(saved: Saved | None, terms: Terms, clock: record.Clock) -> Instance | None:
    """The machine as it was; None where that can't be read."""
    if saved is None:
        return create(terms)[0]
    try:
        return record.load(saved[1], terms, clock)
    except (KeyError, TypeError, ValueError):
        return None


def terms_of(deployment: Deployment, *, docker_quirks: bool = False) -> Terms:
    """What was promised about the instances of a service. Raises InputError for what can't be kept."""
    service = deployment.service
    try:
        return Terms(
            restart=restarting.of_deployment(deployment.restarting),
            check=health.of_service(service, deployment.probe),
            stop_signal=signal_number(service.effective_stop_signal),
            stop_signal_said=service.stop_signal is not None,
            grace=service.effective_grace,
            on_unhealthy=deployment.on_unhealthy,
            docker_quirks=docker_quirks,
        )
    except ValueError as error:
        raise InputError(f"{deployment.name}: {error}", place=deployment.place) from None


def config_of(deployment: Deployment) -> str:
    """A digest of all that an instance is made from: another one means that it has to be made anew. How many there
    are, and places in files, don't count."""
    plain = codec.encode(replace(deployment, replicas=1, place=None))
    return hashlib.sha256(json.dumps(_without_places(plain), sort_keys=True).encode()).hexdigest()


def _without_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_places(part) for key, part in value.items() if key != "place"}
    return [_without_places(part) for part in value] if isinstance(value, list) else value
