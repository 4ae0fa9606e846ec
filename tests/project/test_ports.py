"""How the ports of services are reached."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.model.deployment import Deployment, Fleet
from seatrial.model.errors import InputError
from seatrial.model.place import Sourced
from seatrial.model.service import Port, Service
from seatrial.project.ports import Reach, Way, reach, refuse_conflicts


def deployment(name: str, *ports: Port, environment: dict[str, str] | None = None, **more: Any) -> Deployment:
    known = {key: Sourced(value) for key, value in (environment or {}).items()}
    service = Service(name, "/", Sourced(("run",)), ports=tuple(Sourced(port) for port in ports), environment=known)
    return Deployment(service, **more)


SAME, OTHER = Port(3000, published=3000), Port(3000, published=8080)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (deployment("web"), Reach(Way.DIRECT)),
        (deployment("web", Port(3000)), Reach(Way.DIRECT)),
        (deployment("web", SAME), Reach(Way.DIRECT)),
        (deployment("web", Port(53, "udp", 5353)), Reach(Way.DIRECT)),
        (deployment("web", OTHER), Reach(Way.FRONT)),
        (deployment("web", SAME, shared_port="inherited"), Reach(Way.INHERITED)),
        (deployment("web", SAME, shared_port="reuse-port", replicas=3), Reach(Way.DIRECT)),
        (deployment("web", SAME, replicas=3), Reach(Way.FRONT, own_network=True)),
        (deployment("web", SAME, shared_port="front"), Reach(Way.FRONT, own_network=True)),
        (deployment("web", SAME, replicas=2, environment={"PORT": "3000"}), Reach(Way.FRONT, "PORT")),
        (deployment("web", SAME, replicas=2, environment={"HTTP_PORT": "3000"}), Reach(Way.FRONT, "HTTP_PORT")),
        (deployment("web", SAME, replicas=2, environment={"PORT": "4000"}), Reach(Way.FRONT, own_network=True)),
        (deployment("web", network="own"), Reach(Way.DIRECT, own_network=True)),
        (deployment("web", SAME, network="own", environment={"PORT": "3000"}), Reach(Way.FRONT, own_network=True)),
        (deployment("web", SAME, network="own", shared_port="reuse-port"), Reach(Way.FRONT, own_network=True)),
        (deployment("web", SAME, network="own", shared_port="inherited"), Reach(Way.INHERITED, own_network=True)),
    ],
)
def test_what_stands_before_a_service_follows_from_its_ports(service: Deployment, expected: Reach) -> None:
    assert reach(service) == expected


def test_two_services_on_one_port_are_refused_by_name() -> None:
    fleet = Fleet("shop", "/", (deployment("web", SAME), deployment("api", Port(3000))))
    with pytest.raises(InputError, match="web and api would both listen on port 3000 of this machine"):
        refuse_conflicts(fleet, fleet.deployments)


def test_what_has_a_port_or_a_network_of_its_own_collides_with_nobody() -> None:
    told = deployment("api", OTHER, environment={"PORT": "3000"})
    alone = deployment("old", Port(3000, published=9090), shared_port="front")
    fleet = Fleet("shop", "/", (deployment("web", SAME), told, alone))
    refuse_conflicts(fleet, fleet.deployments)
    inside = tuple(deployment(name, Port(3000), network="own") for name in ("web", "api"))
    refuse_conflicts(Fleet("shop", "/", inside), inside)
