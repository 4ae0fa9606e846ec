"""Resource limits, replicas and restart: what `deploy` says and what the older keys say, put together.

`deploy.resources.limits` wins over `mem_limit` and the like, as in compose; where both are said and differ, compose
refuses the file, and a finding says so.
"""

from __future__ import annotations

from typing import TypeVar

from seatrial.files.compose import keys
from seatrial.files.compose.fields import Fields
from seatrial.files.compose.nodes import Scalar, Table
from seatrial.files.compose.types import RestartPolicy
from seatrial.model.documents import Rollout
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced
from seatrial.model.service import Limits, Ulimit
from seatrial.model.values import dataclass

T = TypeVar("T")

_RESTART = pattern(r"no|always|unless-stopped|on-failure(?::[0-9]{1,9})?")
_CONDITIONS = {"none": "no", "on-failure": "on-failure", "any": "always"}
_LEAST_MEMORY = 6 * 1024 * 1024
"""Docker refuses less."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What `deploy` adds to a service."""

    limits: Limits
    reserved_cpus: Sourced[float] | None
    replicas: Sourced[int] | None
    restart: Sourced[str] | None
    restart_policy: Sourced[RestartPolicy] | None
    rollout: Rollout | None = None
    rollback: Rollout | None = None


def read_deployment(service: Fields) -> Deployment:
    """Limits, replicas and restart of a service."""
    deploy = service.sub("deploy")
    if deploy:
        deploy.check_keys(keys.DEPLOY)
    resources = deploy.sub("resources") if deploy else None
    if resources:
        resources.check_keys(keys.RESOURCES)
    limits = resources.sub("limits") if resources else None
    if limits:
        limits.check_keys(keys.RESOURCE_LIMITS)
    reservations = resources.sub("reservations") if resources else None
    if reservations:
        reservations.check_keys(keys.RESERVATIONS)
    policy = _restart_policy(deploy)
    return Deployment(
        _limits(service, limits, reservations),
        reservations.number("cpus") if reservations else None,
        _replicas(service, deploy),
        _restart(service, policy),
        policy,
        _rollout(service, deploy, "update_config"),
        _rollout(service, deploy, "rollback_config"),
    )


def _rollout(service: Fields, deploy: Fields | None, key: str) -> Rollout | None:
    fields = deploy.sub(key) if deploy else None
    if deploy is None or fields is None:
        return None
    mode = deploy.text("mode")
    ports = (each.get("mode") for each in service.items("ports") if isinstance(each, Table))
    has_port_of_node = any(isinstance(each, Scalar) and each.value == "host" for each in ports)
    return Rollout(
        fields.table.place,
        fields.text("order"),
        fields.integer("parallelism"),
        fields.text("failure_action"),
        has_port_of_node or (mode is not None and mode.value != "replicated"),
    )


def _limits(service: Fields, limits: Fields | None, reservations: Fields | None) -> Limits:
    memory = _either(service, "mem_limit", service.size("mem_limit"), limits.size("memory") if limits else None)
    if memory and 0 < memory.value < _LEAST_MEMORY and memory.place:
        service.problems.error(f"{service.where}: Docker refuses a memory limit below 6 MiB", memory.place)
    reserved = reservations.size("memory") if reservations else None
    return Limits(
        memory=memory,
        memory_swap=service.size("memswap_limit"),
        memory_reservation=_either(service, "mem_reservation", service.size("mem_reservation"), reserved),
        cpus=_either(service, "cpus", service.number("cpus"), limits.number("cpus") if limits else None),
        cpu_shares=service.integer("cpu_shares"),
        cpuset=service.text("cpuset"),
        pids=_either(service, "pids_limit", service.integer("pids_limit"), limits.integer("pids") if limits else None),
        ulimits=_ulimits(service),
        shm_size=service.size("shm_size"),
        oom_score_adj=service.integer("oom_score_adj"),
    )


def _either(service: Fields, key: str, old: Sourced[T] | None, new: Sourced[T] | None) -> Sourced[T] | None:
    if old and new and old.value != new.value and new.place:
        message = f"{service.where}: {key} and deploy say different things ({old.value} and {new.value})"
        service.problems.error(message, new.place, f"remove {key}")
    return new or old


def _ulimits(service: Fields) -> tuple[Sourced[Ulimit], ...]:
    ulimits = service.sub("ulimits")
    if ulimits is None:
        return ()
    found = []
    for name, node in ulimits.table.items():
        if isinstance(node, Table):
            limit = _ulimit(Fields(node, ulimits.problems, f"{ulimits.where}.{name}"), name)
        else:
            said = None if isinstance(node, Scalar) and node.is_broken else ulimits.integer_at(node, name)
            limit = Ulimit(name, said.value, said.value) if said else None
        if limit is not None:
            found.append(Sourced(limit, node.place))
    return tuple(found)


def _ulimit(fields: Fields, name: str) -> Ulimit | None:
    fields.check_keys(keys.ULIMIT)
    soft, hard = fields.integer("soft"), fields.integer("hard")
    if soft is None or hard is None:
        for key in keys.ULIMIT:
            if not fields.says(key):
                fields.problems.error(f"{fields.where} needs soft and hard", fields.table.place)
        return None
    if soft.value > hard.value >= 0 or (soft.value < 0 <= hard.value):
        fields.problems.error(f"{fields.where}: the soft limit is above the hard one", soft.place or fields.table.place)
    return Ulimit(name, soft.value, hard.value)


def _replicas(service: Fields, deploy: Fields | None) -> Sourced[int] | None:
    scale = service.integer("scale")
    replicas = deploy.integer("replicas") if deploy else None
    found = _either(service, "scale", scale, replicas)
    if found and found.value < 0 and found.place:
        service.problems.error(f"{service.where}: the number of replicas can't be negative", found.place)
        return None
    return found


def _restart_policy(deploy: Fields | None) -> Sourced[RestartPolicy] | None:
    fields = deploy.sub("restart_policy") if deploy else None
    if fields is None:
        return None
    fields.check_keys(keys.RESTART_POLICY)
    condition = fields.text("condition")
    if condition and condition.value not in _CONDITIONS and condition.place:
        message = f"{fields.where}.condition must be none, on-failure or any, this is {condition.value!r}"
        fields.problems.error(message, condition.place, "unless-stopped is called any here")
        condition = None
    delay, window, attempts = fields.duration("delay"), fields.duration("window"), fields.integer("max_attempts")
    policy = RestartPolicy(
        condition.value if condition else "any",
        delay.value if delay else None,
        attempts.value if attempts else None,
        window.value if window else None,
    )
    return Sourced(policy, fields.table.place)


def _restart(service: Fields, policy: Sourced[RestartPolicy] | None) -> Sourced[str] | None:
    said = service.text("restart")
    if said is not None:
        if not _RESTART.fullmatch(said.value) and said.place:
            message = f"{service.where}.restart: {said.value!r} is no policy"
            service.problems.error(message, said.place, "write no, always, unless-stopped or on-failure[:times]")
            return None
        return said
    if policy is None:
        return None
    word = _CONDITIONS[policy.value.condition]
    if word == "on-failure" and policy.value.max_attempts:
        word = f"on-failure:{policy.value.max_attempts}"
    return Sourced(word, policy.place)
