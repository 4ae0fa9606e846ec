"""What the supervisor does, told as stories with a harbour of fakes."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.health import Check, Kind
from seatrial.engine.contract.lifecycle import State
from seatrial.model.deployment import Deployment, Fleet, Hook, Hooks, Restarting
from seatrial.model.errors import InputError
from seatrial.model.place import Sourced
from seatrial.model.service import Dependency, Healthcheck, Limits, Port, Service
from seatrial.project.events import Events
from seatrial.project.interface import Found
from seatrial.project.layout import Layout
from seatrial.project.moorings import TakenError, aimed
from seatrial.project.replica import Replica
from seatrial.project.supervisor import Supervisor
from seatrial.project.wishes import ProjectError, UpOptions, refuse_limits
from tests.project.conftest import free_port
from tests.project.fakes import FakeHarbour, FakeInstance


def deployment(name: str, *waits: Dependency, health: bool = False, **more: Any) -> Deployment:
    check = Healthcheck(Sourced(("CMD", "check")), interval=Sourced(0.001), retries=Sourced(2)) if health else None
    service = Service(
        name,
        "/",
        Sourced(("run", name)),
        healthcheck=check,
        depends_on=tuple(Sourced(each) for each in waits),
        stop_grace=Sourced(more.pop("grace", 10.0)),
    )
    return Deployment(service, **more)


def fleet(*deployments: Deployment) -> Fleet:
    return Fleet("shop", "/", deployments)


class Ship:
    """A supervisor with its harbour."""

    def __init__(self, directory: Path) -> None:
        self.harbour = FakeHarbour()
        self.layout = Layout(directory / "shop", directory / "shop.sock")
        self.layout.make()
        self.events = Events(self.layout.events)
        self.supervisor = self.another()

    def another(self, known: Fleet | None = None) -> Supervisor:
        return Supervisor(known or Fleet("shop", "/", ()), self.layout, self.harbour, self.events)

    async def up(self, *deployments: Deployment, **options: Any) -> list[str]:
        return await told(self.supervisor.up(fleet(*deployments), UpOptions(**options)))

    @property
    def journal(self) -> list[str]:
        return self.harbour.journal

    def running(self, name: str) -> FakeInstance:
        return self.harbour.running[name]

    def web(self) -> list[Replica]:
        return self.supervisor.of_service("web")

    def actions(self) -> list[str]:
        return [f"{each['Action']} {each['Actor']['Attributes']['name']}" for each in self.events.since(0)]


async def told(steps: AsyncIterator[dict[str, Any]]) -> list[str]:
    return [f"{step['status']} {step['what']}" async for step in steps]


@asynccontextmanager
async def ship(directory: Path) -> AsyncIterator[Ship]:
    made = Ship(directory)
    try:
        yield made
    finally:
        await made.supervisor.close()


def story(test: Callable[[Ship], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """A test that gets a ship, in an event loop of its own."""

    def run(tmp_path: Path) -> None:
        async def within() -> None:
            async with ship(tmp_path) as made, asyncio.timeout(20):
                await test(made)

        asyncio.run(within())

    run.__name__ = test.__name__
    return run


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)


@story
async def test_what_is_depended_on_starts_first_and_stops_last(made: Ship) -> None:
    web = deployment("web", Dependency("db"))
    await made.up(web, deployment("db"))
    assert made.journal == ["start shop-db-1", "start shop-web-1"]
    await told(made.supervisor.stop([]))
    assert [line for line in made.journal if line.startswith("end")] == ["end shop-web-1 0", "end shop-db-1 0"]


@story
async def test_a_service_waits_until_its_dependency_is_healthy(made: Ship) -> None:
    made.harbour.probe_codes["shop-db-1"] = [1, 0]
    web = deployment("web", Dependency("db", "service_healthy"))
    steps = await made.up(web, deployment("db", health=True))
    assert made.journal.index("start shop-web-1") > made.journal.index("execute shop-db-1 check")
    assert steps.index("Healthy shop-db-1") < steps.index("Starting shop-web-1")


@story
async def test_an_unhealthy_dependency_fails_the_start(made: Ship) -> None:
    made.harbour.probe_codes["shop-db-1"] = [1] * 100_000
    web = deployment("web", Dependency("db", "service_healthy"))
    with pytest.raises(ProjectError, match="container shop-db-1 is unhealthy"):
        await made.up(web, deployment("db", health=True))
    assert "start shop-web-1" not in made.journal


@story
async def test_a_dependency_without_a_check_can_not_be_waited_for(made: Ship) -> None:
    with pytest.raises(ProjectError, match="has no healthcheck configured"):
        await made.up(deployment("web", Dependency("db", "service_healthy")), deployment("db"))


@story
async def test_an_optional_dependency_that_fails_is_a_warning(made: Ship) -> None:
    optional = Dependency("db", "service_healthy", required=False)
    steps = await made.up(deployment("web", optional), deployment("db"))
    assert "Warning web" in steps
    assert "start shop-web-1" in made.journal


@story
async def test_a_job_must_end_with_0(made: Ship) -> None:
    jobs = [deployment("web", Dependency("job", "service_completed_successfully")), deployment("job")]
    going = asyncio.create_task(made.up(*jobs))
    await eventually(lambda: "shop-job-1" in made.harbour.running)
    made.running("shop-job-1").end(3)
    with pytest.raises(ProjectError, match='service "job" didn\'t complete successfully: exit 3'):
        await going


@story
async def test_a_crash_during_the_boot_is_waited_out_where_the_policy_restarts(made: Ship) -> None:
    restarts = deployment("db", health=True, restarting=Restarting("always"))
    going = asyncio.create_task(made.up(deployment("web", Dependency("db", "service_healthy")), restarts))
    made.harbour.probe_codes["shop-db-1"] = [1]
    await eventually(lambda: "shop-db-1" in made.harbour.running)
    made.running("shop-db-1").end(1)
    await going
    assert made.journal.count("start shop-db-1") == 2
    assert "start shop-web-1" in made.journal


@story
async def test_a_stop_during_the_wait_for_a_restart_leaves_nothing_prepared(made: Ship) -> None:
    await made.up(deployment("web", restarting=Restarting("always", delay=30.0)))
    replica = made.supervisor.replicas["shop-web-1"]
    made.running("shop-web-1").end(1)
    await eventually(lambda: replica.machine.state is State.RESTARTING)
    await told(made.supervisor.stop([]))
    assert replica.machine.state is State.EXITED
    await told(made.supervisor.start([]))
    assert made.journal.count("start shop-web-1") == 2


@story
async def test_dockers_quirks_are_the_projects_wish(made: Ship) -> None:
    quirky = replace(fleet(deployment("web", restarting=Restarting("always"))), docker_quirks=True)
    await told(made.supervisor.up(quirky, UpOptions()))
    assert made.supervisor.replicas["shop-web-1"].machine.terms.docker_quirks


@story
async def test_a_second_up_changes_nothing(made: Ship) -> None:
    await made.up(deployment("web"))
    steps = await made.up(deployment("web"))
    assert steps == ["Running shop-web-1"]
    assert made.journal == ["start shop-web-1"]


@story
async def test_what_changed_is_made_anew(made: Ship) -> None:
    await made.up(deployment("web"), deployment("db"))
    changed = replace(deployment("web"), labels={"a": "b"})
    await made.up(changed, deployment("db"))
    assert made.journal.count("start shop-web-1") == 2
    assert made.journal.count("start shop-db-1") == 1
    assert "remove shop-web-1" in made.journal


@story
async def test_what_is_made_anew_in_any_case_are_the_named_services_or_what_they_depend_on(made: Ship) -> None:
    web, database = deployment("web", Dependency("db")), deployment("db")
    await made.up(web, database)
    await made.up(web, database, names=("web",), force_recreate=True)
    assert [made.journal.count(f"start shop-{name}-1") for name in ("web", "db")] == [2, 1]
    await made.up(web, database, names=("web",), anew_deps=True)
    assert [made.journal.count(f"start shop-{name}-1") for name in ("web", "db")] == [2, 2]
    await made.up(web, database, force_recreate=True)
    assert [made.journal.count(f"start shop-{name}-1") for name in ("web", "db")] == [3, 3]


@story
async def test_a_port_that_is_taken_is_told_before_anything_is_made(made: Ship) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        port = Sourced(Port(number, "tcp", number, "127.0.0.1"))
        web = deployment("web")
        web = replace(web, service=replace(web.service, ports=(port,)))
        with pytest.raises(TakenError, match=f"web: port {number} of this machine is taken"):
            await made.up(web, deployment("db"))
        assert made.supervisor.replicas == {} and made.journal == []
        assert "Created shop-web-1" in await made.up(web, start=False)


@story
async def test_waiting_tells_what_is_healthy_from_what_runs(made: Ship) -> None:
    steps = await made.up(deployment("web"), deployment("db", health=True), wait=True)
    assert sorted(steps[-2:]) == ["Healthy shop-db-1", "Running shop-web-1"]


@story
async def test_waiting_ends_with_the_job_that_others_need(made: Ship) -> None:
    jobs = [deployment("web", Dependency("job", "service_completed_successfully")), deployment("job")]
    going = asyncio.create_task(made.up(*jobs, wait=True))
    await eventually(lambda: "shop-job-1" in made.harbour.running)
    made.running("shop-job-1").end(0)
    assert (await going)[-1] == "Running shop-web-1"


@story
async def test_waiting_fails_for_a_service_that_ends_and_is_no_job(made: Ship) -> None:
    going = asyncio.create_task(made.up(deployment("web"), deployment("db", health=True), wait=True))
    made.harbour.probe_codes["shop-db-1"] = [1] * 9  # keeps the wait going
    await eventually(lambda: "shop-web-1" in made.harbour.running)
    made.running("shop-web-1").end(0)
    with pytest.raises(ProjectError, match=r"shop-(web-1 exited \(0\)|db-1 is unhealthy)"):
        await going


@story
async def test_a_probe_of_a_socket_that_is_handed_on_asks_where_we_listen(made: Ship) -> None:
    number = free_port()
    web = deployment("web", shared_port="inherited")
    web = replace(web, service=replace(web.service, ports=(Sourced(Port(8000, "tcp", number, "127.0.0.1")),)))
    await made.up(web)
    (replica,) = made.web()
    asked = Check(Kind.HTTP, ("http://127.0.0.1:8000/health",))
    assert aimed(asked, replica).argv == (f"http://127.0.0.1:{number}/health",)
    assert aimed(Check(Kind.TCP, ("127.0.0.1", "8000")), replica).argv == ("127.0.0.1", str(number))
    assert aimed(Check(Kind.TCP, ("127.0.0.1", "9000")), replica).argv == ("127.0.0.1", "9000")


@story
async def test_each_instance_behind_the_relay_is_probed_on_its_own_port(made: Ship) -> None:
    port = Sourced(Port(3000, published=free_port()))
    web = deployment("web", replicas=2)
    web = replace(web, service=replace(web.service, ports=(port,), environment={"PORT": Sourced("3000")}))
    await made.up(web)
    asked = [Check(Kind.TCP, ("127.0.0.1", "3000")), Check(Kind.HTTP, ("http://localhost:3000/health?a=b",))]
    own = [str(json.loads((each.berth.directory / "mooring.json").read_text())["port"]) for each in made.web()]
    assert len(set(own)) == 2
    for replica, number in zip(made.web(), own, strict=True):
        tcp, http = [aimed(check, replica).argv for check in asked]
        assert tcp == ("127.0.0.1", number) and http == (f"http://localhost:{number}/health?a=b",)
        for other in (Check(Kind.TCP, ("127.0.0.1", "4000")), Check(Kind.EXECUTE, ("127.0.0.1", "3000"))):
            assert aimed(other, replica) == other
    await told(made.supervisor.down())  # the relay is a process of its own, and ends with the project


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"memory": 1 << 20}, "below 6 MiB"),
        ({"memory_swap": 64 << 20}, "needs a memory limit"),
        ({"memory": 64 << 20, "memory_swap": 32 << 20}, "less than the memory limit"),
        ({"memory": 64 << 20, "memory_reservation": 65 << 20}, "above the memory limit"),
        ({"memory_reservation": 1 << 20}, "reservation is below 6 MiB"),
        ({"cpus": -1.0}, "can't be negative"),
        ({"oom_score_adj": 1001}, "not between"),
    ],
)
def test_limits_that_docker_refuses_are_refused(values: dict[str, Any], words: str) -> None:
    web = deployment("web")
    limits = Limits(**{name: Sourced(value) for name, value in values.items()})
    with pytest.raises(InputError, match=words):
        refuse_limits(replace(web, service=replace(web.service, limits=limits)))
    good = Limits(memory=Sourced(64 << 20), memory_swap=Sourced(-1), cpus=Sourced(99.0), oom_score_adj=Sourced(-1000))
    refuse_limits(replace(web, service=replace(web.service, limits=good)))


@story
async def test_limits_are_said_once_a_service_with_their_means(made: Ship) -> None:
    made.harbour.enforcement = (
        "memory 64 MiB: cgroup1",
        "pids 20: cgroup1",
        "cpus 0.5: scheduler (nice 3: no cgroup)",
        "cpuset 9: not enforced (there is none)",
    )
    steps = [step async for step in made.supervisor.up(fleet(deployment("web", replicas=3)), UpOptions())]
    assert [step["text"] for step in steps if step["text"]] == [
        "memory 64 MiB, pids 20 (cgroup1); cpus 0.5 (scheduler: nice 3: no cgroup)",
        "web: cpuset 9: not enforced (there is none)",
    ]


@story
async def test_scaling_down_removes_the_last_ones(made: Ship) -> None:
    await made.up(deployment("web", replicas=3))
    assert len(made.supervisor.replicas) == 3
    await made.up(deployment("web", replicas=1))
    assert list(made.supervisor.replicas) == ["shop-web-1"]


@story
async def test_orphans_are_named_and_removed_on_request(made: Ship) -> None:
    await made.up(deployment("web"), deployment("old"))
    assert await made.up(deployment("web")) == ["Warning ", "Running shop-web-1"]
    assert "Removed shop-old-1" in await made.up(deployment("web"), remove_orphans=True)


@story
async def test_a_start_that_fails_fails_the_command_with_its_reason(made: Ship) -> None:
    made.harbour.failing.add("shop-web-1")
    with pytest.raises(ProjectError, match="shop-web-1: execute: no such file"):
        await made.up(deployment("web"))
    (replica,) = made.supervisor.replicas.values()
    assert replica.machine.state is State.CREATED
    assert replica.machine.exit_code == 128


@story
async def test_down_removes_all(made: Ship) -> None:
    await made.up(deployment("web"), deployment("db"))
    await told(made.supervisor.down())
    assert made.supervisor.replicas == {}
    assert list(made.layout.instances()) == []


@story
async def test_two_downs_at_once_both_end_well(made: Ship) -> None:
    await made.up(deployment("web"), deployment("db"))
    await asyncio.gather(told(made.supervisor.down()), told(made.supervisor.down()))
    assert made.supervisor.replicas == {}
    await made.up(deployment("web"))
    assert len(made.web()) == 1


@story
async def test_a_full_disk_under_the_supervisors_log_keeps_nothing_from_being_done(made: Ship) -> None:
    class Full:
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def flush(self) -> None:
            """Nothing was written."""

    await made.up(deployment("web"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", Full())
        patch.setattr("seatrial.project.replica.write_json", lambda *_, **__: Full().write(""))
        steps = await told(made.supervisor.stop([]))
    assert steps == ["Stopping shop-web-1", "Stopped shop-web-1"]
    assert made.web()[0].problems


@story
async def test_the_events_come_in_dockers_order(made: Ship) -> None:
    await made.up(deployment("web"))
    assert {each["Actor"]["Attributes"]["image"] for each in made.events.since(0)} == {"shop-web"}
    await told(made.supervisor.restart(["web"]))
    await told(made.supervisor.down())
    assert [action.split()[0] for action in made.actions()] == [
        *("create", "start"),
        *("kill", "die", "stop", "start", "restart"),
        *("kill", "die", "stop", "destroy"),
    ]


@story
async def test_hooks_run_around_start_and_stop(made: Ship) -> None:
    hooks = Hooks(post_start=(Hook(("warm", "up")),), pre_stop=(Hook(("say", "bye")),))
    await made.up(deployment("web", hooks=hooks))
    await told(made.supervisor.stop([]))
    assert made.journal == [
        "start shop-web-1",
        "execute shop-web-1 warm up",
        "execute shop-web-1 say bye",
        "signal shop-web-1 15",
        "end shop-web-1 0",
    ]


@story
async def test_a_hook_that_fails_keeps_the_service_from_being_stopped(made: Ship) -> None:
    await made.up(deployment("web", hooks=Hooks(pre_stop=(Hook(("say", "bye")),))))
    made.running("shop-web-1").probe_codes = [1]
    with pytest.raises(Exception, match="pre_stop of shop-web-1: say bye ended with code 1"):
        await told(made.supervisor.stop([]))
    assert made.supervisor.replicas["shop-web-1"].machine.is_running


@story
async def test_a_deaf_service_is_killed_after_its_grace_period(made: Ship) -> None:
    made.harbour.deaf.add("shop-web-1")
    await made.up(deployment("web", grace=0.02))
    await told(made.supervisor.stop([]))
    assert made.journal[1:] == ["signal shop-web-1 15", "signal shop-web-1 9", "end shop-web-1 137"]


@story
async def test_the_next_supervisor_takes_over_what_runs(made: Ship) -> None:
    await made.up(deployment("web", restarting=Restarting("always")))
    instance = made.running("shop-web-1")
    await made.supervisor.close()
    made.harbour.left["shop-web-1"] = Found(instance)
    made.supervisor = made.another(made.supervisor.fleet)
    await made.supervisor.adopt()
    assert made.supervisor.replicas["shop-web-1"].machine.state is State.RUNNING
    instance.end(1)
    await eventually(lambda: made.journal.count("start shop-web-1") == 2)


@story
async def test_a_stop_under_way_is_carried_on_by_the_next_supervisor(made: Ship) -> None:
    made.harbour.deaf.add("shop-web-1")
    await made.up(deployment("web", grace=0.3))
    stopping = asyncio.create_task(told(made.supervisor.stop([])))
    await eventually(lambda: "signal shop-web-1 15" in made.journal)
    instance = made.running("shop-web-1")
    await made.supervisor.close()
    stopping.cancel()
    made.harbour.left["shop-web-1"] = Found(instance)
    made.supervisor = made.another(made.supervisor.fleet)
    await made.supervisor.adopt()
    await eventually(lambda: "signal shop-web-1 9" in made.journal)
    replica = made.supervisor.replicas["shop-web-1"]
    await eventually(lambda: replica.machine.state is State.EXITED)
    assert made.journal.count("signal shop-web-1 15") == 1


@story
async def test_a_restart_that_was_due_is_made_by_the_next_supervisor(made: Ship) -> None:
    await made.up(deployment("web", restarting=Restarting("always", delay=0.2)))
    made.running("shop-web-1").end(1)
    replica = made.supervisor.replicas["shop-web-1"]
    await eventually(lambda: replica.machine.state is State.RESTARTING)
    await made.supervisor.close()
    made.supervisor = made.another(made.supervisor.fleet)
    await made.supervisor.adopt()
    again = made.supervisor.replicas["shop-web-1"]
    assert again.machine.state is State.RESTARTING
    await eventually(lambda: made.journal.count("start shop-web-1") == 2)
    assert again.machine.manager.count == 1


@story
async def test_a_clock_that_is_set_between_two_supervisors_changes_no_deadline(made: Ship) -> None:
    await made.up(deployment("web", restarting=Restarting("always", delay=0.2)))
    made.running("shop-web-1").end(1)
    replica = made.supervisor.replicas["shop-web-1"]
    await eventually(lambda: replica.machine.restart_at is not None)
    due = replica.machine.restart_at
    await made.supervisor.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seatrial.project.replica.time.time", lambda: 4e9)
        made.supervisor = made.another(made.supervisor.fleet)
        await made.supervisor.adopt()
        again = made.supervisor.replicas["shop-web-1"].machine.restart_at
    assert due is not None
    assert again == pytest.approx(due, abs=0.001)


@story
async def test_a_state_that_can_not_be_read_is_removed_with_what_ran(made: Ship) -> None:
    await made.up(deployment("web"))
    instance = made.running("shop-web-1")
    await made.supervisor.close()
    made.harbour.left["shop-web-1"] = Found(instance)
    (made.layout.instance("shop-web-1") / "state.json").write_text("{")
    made.supervisor = made.another(made.supervisor.fleet)
    await made.supervisor.adopt()
    assert instance.closed
    assert made.supervisor.replicas == {}
    await made.up(deployment("web"))
    assert made.journal.count("start shop-web-1") == 2


@story
async def test_a_paused_service_is_frozen_and_thawed_to_be_stopped(made: Ship) -> None:
    await made.up(deployment("web"))
    await told(made.supervisor.pause([]))
    assert made.supervisor.replicas["shop-web-1"].machine.state is State.PAUSED
    await told(made.supervisor.stop([]))
    assert made.journal[1:] == ["freeze shop-web-1", "signal shop-web-1 15", "end shop-web-1 0", "thaw shop-web-1"]


@story
async def test_what_does_not_end_is_killed_whole(made: Ship) -> None:
    await made.up(deployment("web"))
    replica = made.supervisor.replicas["shop-web-1"]
    replica._carry_out(c.Kill("too long", replica.machine.run, everything=True))
    await replica.settle()
    assert "kill all of shop-web-1" in made.journal


@story
async def test_a_rolling_restart_has_the_new_one_ready_before_the_old_one_ends(made: Ship) -> None:
    await made.up(deployment("web", health=True, replicas=2))
    made.journal.clear()
    await told(made.supervisor.rolling(["web"]))
    order = [line for line in made.journal if line.split()[0] in ("start", "signal", "remove")]
    assert order == [
        *("start shop-web-3", "signal shop-web-1 15", "remove shop-web-1"),
        *("start shop-web-1", "signal shop-web-2 15", "remove shop-web-2"),
    ]


@story
async def test_a_new_instance_that_does_not_come_up_leaves_the_old_one_alone(made: Ship) -> None:
    await made.up(deployment("web", health=True))
    made.harbour.probe_codes["shop-web-2"] = [1] * 100
    with pytest.raises(ProjectError, match="shop-web-2 did not come up beside shop-web-1: it is unhealthy"):
        await told(made.supervisor.rolling([]))
    assert list(made.supervisor.replicas) == ["shop-web-1"]
    assert not made.running("shop-web-1").is_over


@story
async def test_an_end_that_nobody_saw_keeps_its_code_and_is_restarted_by_the_policy(made: Ship) -> None:
    await made.up(deployment("job"), deployment("web", restarting=Restarting("on-failure")))
    await made.supervisor.close()
    made.harbour.left = {"shop-job-1": Found(None, 7), "shop-web-1": Found(None, 1)}
    made.supervisor = made.another(made.supervisor.fleet)
    await made.supervisor.adopt()
    job = made.supervisor.replicas["shop-job-1"].machine
    assert (job.state, job.exit_code) == (State.EXITED, 7)
    await eventually(lambda: made.journal.count("start shop-web-1") == 2)


@story
async def test_after_the_machine_went_down_always_and_unless_stopped_differ(made: Ship) -> None:
    kinds = {name: deployment(name, restarting=Restarting(name)) for name in ("always", "unless-stopped", "no")}
    await made.up(*kinds.values())
    await told(made.supervisor.stop(["always", "unless-stopped"]))
    await made.up(deployment("steady", restarting=Restarting("unless-stopped")), *kinds.values(), start=False)
    await told(made.supervisor.start(["steady"]))
    await made.supervisor.close()
    for path in made.layout.instances():
        state = path / "state.json"
        state.write_text(state.read_text().replace(made.supervisor.replicas[path.name].remembered.boot, "earlier"))
    made.journal.clear()
    made.supervisor = made.another(made.supervisor.fleet)
    await made.supervisor.adopt()
    await eventually(lambda: len(made.journal) >= 2)
    assert sorted(made.journal) == ["start shop-always-1", "start shop-steady-1"]
    assert made.supervisor.replicas["shop-no-1"].machine.exit_code == 255


def test_a_service_with_an_image_alone_needs_a_command(tmp_path: Path) -> None:
    async def run() -> None:
        async with ship(tmp_path) as made:
            bare = replace(deployment("db").service, argv=None, image=Sourced("postgres:16"))
            with pytest.raises(InputError, match=r"db has postgres:16 and no build") as refused:
                await made.up(Deployment(bare))
            assert "x-seatrial: {command:" in refused.value.hint

    asyncio.run(run())
