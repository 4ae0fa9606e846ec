"""How the ports of a service are reached. Pure: a project in, ways and problems out.

Rules
* By default a service uses the machine's own network, and nobody stands between it and its clients (*direct*).
* *Inherited*: seatrial listens, and each instance gets the listening sockets (LISTEN_FDS). Old and new instances share
  one queue, so a rolling restart loses nothing.
* *Front*: a relay of ours listens on the published port. It is needed where that is another one than the service's own,
  or where several instances can't listen at once. Each instance then listens on a port of its own, where a variable
  tells it (`PORT: "3000"`); else in a network of its own, where two or more would collide.
* On a network of the project's own (`up --network own`) all that is published is behind the relay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from seatrial.model.deployment import Deployment, Fleet
from seatrial.model.errors import InputError
from seatrial.model.service import Port


class Way(Enum):
    """What stands between a service and its clients."""

    DIRECT = "direct"
    INHERITED = "inherited"
    FRONT = "front"


@dataclass(frozen=True, slots=True)
class Reach:
    """How a service is reached. `variable` tells an instance its port, "" where none does; `own_network`: each instance
    has a loopback of its own."""

    way: Way
    variable: str = ""
    own_network: bool = False


def tcp_ports(deployment: Deployment) -> tuple[Port, ...]:
    """The published TCP ports."""
    ports = (port.value for port in deployment.service.ports)
    return tuple(port for port in ports if port.protocol == "tcp" and port.published is not None)


def listened(deployment: Deployment) -> tuple[int, ...]:
    """The TCP ports on which an instance listens as far as its files say, published or not."""
    return tuple(dict.fromkeys(port.value.number for port in deployment.service.ports if port.value.protocol == "tcp"))


def reach(deployment: Deployment) -> Reach:
    """How the instances of a service are reached."""
    published = tcp_ports(deployment)
    is_own = deployment.network == "own"
    if published and deployment.shared_port == "inherited":
        return Reach(Way.INHERITED, own_network=is_own)
    if is_own:
        return Reach(Way.FRONT if published else Way.DIRECT, own_network=True)
    if not published or deployment.shared_port == "reuse-port":
        return Reach(Way.DIRECT)
    several = deployment.replicas > 1 or deployment.shared_port == "front"
    if not several and all(port.published == port.number for port in published):
        return Reach(Way.DIRECT)
    variable = _variable(deployment) if len({port.number for port in published}) == 1 else ""
    return Reach(Way.FRONT, variable, own_network=several and not variable)


def _variable(deployment: Deployment) -> str:
    """The variable by which the service is told its port: one whose value is that port, PORT before others."""
    (port,) = {str(each.number) for each in tcp_ports(deployment)}
    environment = deployment.service.environment
    found = [name for name, value in environment.items() if value.value == port and name.upper().endswith("PORT")]
    return "PORT" if "PORT" in found else next(iter(found), "")


def refuse_conflicts(fleet: Fleet, chosen: Sequence[Deployment]) -> None:
    """Raises InputError where two services would listen on one port of the machine."""
    names = {deployment.name for deployment in chosen}
    taken: dict[int, str] = {}
    for deployment in fleet.deployments:
        if deployment.name not in names or deployment.replicas == 0:
            continue
        for number in _on_the_machine(deployment):
            other = taken.setdefault(number, deployment.name)
            if other != deployment.name:
                raise InputError(
                    f"{other} and {deployment.name} would both listen on port {number} of this machine",
                    place=deployment.place,
                    hint="all services share this machine's network: give one another port, or a network of its own: "
                    "x-seatrial: {shared_port: front}",
                )


def _on_the_machine(deployment: Deployment) -> Iterator[int]:
    """The ports of this machine that are taken when the service runs."""
    published = [port.published for port in tcp_ports(deployment) if port.published is not None]
    yield from dict.fromkeys(published)
    how = reach(deployment)
    if not how.variable and not how.own_network:
        yield from (number for number in listened(deployment) if number not in published)
