"""When a dependency has come to what the condition says, and when it never will. Pure questions on replicas' machines.

Rules (contract, chapter 11)
* `service_started`: all instances run, or have run. `service_healthy`: all are healthy; one that has ended or is
  unhealthy is an error, and so is a service without a health check. `service_completed_successfully`: the first
  instance that has ended decides, by its code. `up --wait` waits for services by the same word that others wait for
  them with: a job that has done its work does not fail it (compose: getDependencyCondition).
* Other than in compose, an instance that is about to be started again by its policy is waited for: that it crashed once
  is not its last word (contract, chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.engine.contract.health import Status
from seatrial.engine.contract.instance import Instance
from seatrial.engine.contract.lifecycle import State


@dataclass(frozen=True, slots=True)
class Seen:
    """One instance of a dependency, as it is now."""

    name: str
    machine: Instance

    @property
    def is_pending(self) -> bool:
        """Whether it is about to run (again)."""
        return self.machine.is_starting or self.machine.state is State.RESTARTING


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the condition is met; `error` says why it never will be."""

    is_met: bool
    error: str = ""


COMPLETED = "service_completed_successfully"
WAIT = Verdict(False)
MET = Verdict(True)


def judge(service: str, condition: str, replicas: Sequence[Seen]) -> Verdict:
    """How a dependency stands."""
    if condition == "service_healthy":
        return _healthy(replicas)
    if condition == COMPLETED:
        return _completed(service, replicas)
    return _started(replicas)


def _started(replicas: Sequence[Seen]) -> Verdict:
    for each in replicas:
        if each.machine.state is State.CREATED and not each.is_pending and each.machine.error:
            return Verdict(False, f"dependency failed to start: container {each.name}: {each.machine.error}")
    return MET if all(each.machine.run and not each.machine.is_starting for each in replicas) else WAIT


def _healthy(replicas: Sequence[Seen]) -> Verdict:
    for each in replicas:
        machine = each.machine
        if machine.monitor.check is None:
            return Verdict(False, f"container {each.name} has no healthcheck configured")
        if each.is_pending:
            continue
        if machine.run and not machine.is_running:
            return Verdict(False, f"dependency failed to start: container {each.name} exited ({machine.exit_code})")
        if machine.is_running and machine.monitor.status is Status.UNHEALTHY:
            return Verdict(False, f"dependency failed to start: container {each.name} is unhealthy")
    healthy = all(each.machine.is_running and each.machine.monitor.status is Status.HEALTHY for each in replicas)
    return MET if healthy else WAIT


def _completed(service: str, replicas: Sequence[Seen]) -> Verdict:
    for each in replicas:
        machine = each.machine
        if each.is_pending or machine.is_running or not machine.run:
            continue
        if machine.exit_code == 0:
            return MET
        return Verdict(False, f'service "{service}" didn\'t complete successfully: exit {machine.exit_code}')
    return WAIT


def is_up(replica: Seen) -> Verdict:
    """What `up --wait` waits for: running, and healthy where there is a check."""
    machine = replica.machine
    if replica.is_pending or not machine.run:
        return WAIT if not machine.error else Verdict(False, f"container {replica.name}: {machine.error}")
    if machine.is_running:
        if machine.monitor.check is None or machine.monitor.status is Status.HEALTHY:
            return MET
        if machine.monitor.status is Status.UNHEALTHY:
            return Verdict(False, f"container {replica.name} is unhealthy")
        return WAIT
    return Verdict(False, f"container {replica.name} exited ({machine.exit_code})")
