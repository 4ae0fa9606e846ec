"""What the supervisor is asked and answers with: options, its error, and questions on single instances and services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.model import codec
from seatrial.model.deployment import Deployment
from seatrial.model.errors import InputError, SeatrialError
from seatrial.project.layout import read_json
from seatrial.project.replica import Replica, deployment_file


class ProjectError(SeatrialError):
    """What was asked for did not come about: a dependency failed, a hook failed, an instance would not start."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """How `up` brings a project up. `names` empty: all services. `wait_limit` in seconds, 0 for none."""

    names: tuple[str, ...] = ()
    with_dependencies: bool = True
    force_recreate: bool = False
    no_recreate: bool = False
    remove_orphans: bool = False
    wait: bool = False
    wait_limit: float = 0.0
    start: bool = True


def in_force(replica: Replica) -> str:
    """The limits and by what they are enforced: that is never left out."""
    return "; ".join(replica.instance.enforcement) if replica.instance else ""


def not_enforced(replica: Replica) -> list[str]:
    """The limits that this machine can't enforce, each with the reason."""
    return [each for each in (replica.instance.enforcement if replica.instance else ()) if ": not enforced" in each]


def deployment_in(directory: Path) -> Deployment | None:
    """What the instance in this directory was made from; None where that can't be read."""
    try:
        found = codec.decode(Deployment, read_json(deployment_file(directory)))
    except codec.WrongError:
        return None
    return found if isinstance(found, Deployment) else None


def refuse_without_command(chosen: Sequence[Deployment]) -> None:
    """Raises InputError, with the line to add, where nobody says what a service runs."""
    for deployment in chosen:
        service = deployment.service
        if service.argv is None or not service.argv.value:
            image = service.image.value if service.image else "an image"
            said = service.command.value if service.command else ()
            what = "its entrypoint is" if said else "what it runs is"
            command = ", ".join(said) if said else "PROGRAM, ARGUMENT"
            raise InputError(
                f"{deployment.name} has {image} and no build: {what} inside the image, and no image is used",
                place=deployment.place,
                hint=f"services: {{{deployment.name}: {{x-seatrial: {{command: [{command}]}}}}}}",
            )
