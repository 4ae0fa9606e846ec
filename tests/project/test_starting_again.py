"""`start` of what ran before: what an earlier run has come to says nothing about the one that begins. And its hooks."""

from __future__ import annotations

import asyncio

import pytest

from seatrial.model.deployment import Deployment, Hook, Hooks
from seatrial.model.errors import InputError
from seatrial.model.service import Dependency
from seatrial.project.interface import Berth
from tests.project.fakes import FakeInstance
from tests.project.test_supervisor import Ship, deployment, story, told


@story
async def test_start_goes_in_the_order_of_the_dependencies_again(made: Ship) -> None:
    chain = [deployment("top", Dependency("middle")), deployment("middle", Dependency("base")), deployment("base")]
    await made.up(*chain)
    await told(made.supervisor.stop([]))
    made.journal.clear()
    await told(made.supervisor.start([]))
    started = [line for line in made.journal if line.startswith("start ")]
    assert started == ["start shop-base-1", "start shop-middle-1", "start shop-top-1"]


@story
async def test_a_dependency_that_was_stopped_is_waited_for_and_no_failure(made: Ship) -> None:
    """It had ended when the order was given: that is not the end that the condition means."""
    await made.up(deployment("web", Dependency("db", "service_healthy")), deployment("db", health=True))
    await told(made.supervisor.stop([]))
    made.journal.clear()
    await told(made.supervisor.start([]))
    done = [line for line in made.journal if line.startswith(("start ", "execute "))]
    assert done[:2] == ["start shop-db-1", "execute shop-db-1 check"]
    assert "start shop-web-1" in done


@story
async def test_a_hook_whose_command_is_inside_an_image_is_refused_before_anything_is_made(made: Ship) -> None:
    with pytest.raises(InputError, match="a pre_start hook of web says no command: it is inside its image"):
        await made.up(deployment("web", hooks=Hooks(pre_start=(Hook(()),))))
    assert made.journal == []


@story
async def test_a_hook_before_the_start_is_run_by_its_own_user(made: Ship) -> None:
    users = []
    start = made.harbour.start

    async def noted(each: Deployment, berth: Berth, gate: asyncio.Event | None = None) -> FakeInstance:
        users.append((berth.name, each.service.user.value if each.service.user else ""))
        instance = await start(each, berth, gate)
        if "pre-start" in berth.name:
            instance.end(0)
        return instance

    made.harbour.start = noted  # type: ignore[method-assign]
    await made.up(deployment("web", hooks=Hooks(pre_start=(Hook(("migrate",), user="1234"),))))
    assert users == [("shop-web-1-pre-start-0", "1234"), ("shop-web-1", "")]
