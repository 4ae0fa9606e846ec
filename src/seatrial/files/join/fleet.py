"""A project as it is to be kept running: each service of the compose files with what is done around it.

Reads files; starts nothing. What belongs to seatrial alone stands below `x-seatrial` of a service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.files import disk
from seatrial.files.compose import ComposeService, read_compose
from seatrial.files.compose.types import ComposeHealthcheck
from seatrial.files.join.compose import join_services
from seatrial.files.join.granted import granted_file
from seatrial.files.join.ignored import without_effect
from seatrial.files.join.locate import Located, locate
from seatrial.model.deployment import Deployment, Fleet, Restarting
from seatrial.model.errors import InputError, NothingFoundError
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Sourced
from seatrial.model.service import Healthcheck, Service
from seatrial.model.values import replace

OWN = "x-seatrial"
_OWN_KEYS = {
    "command": None,
    "on_unhealthy": ("restart", "stop"),
    "probe": None,
    "shared_port": ("reuse-port", "inherited", "front"),
}


def read_fleet(
    path: Path,
    *,
    environment: Mapping[str, str],
    compose_files: Sequence[Path] = (),
    profiles: Sequence[str] = (),
    name: str = "",
    named: Sequence[str] = (),
) -> Fleet:
    """The project at `path`. `name` overrides the one that the files say; services that are `named` turn their own
    profiles on.

    Raises NothingFoundError without a compose file, and InputError for what keeps the project from being started: the
    first error of its files, or a secret that isn't there.
    """
    located = _located(path, compose_files, environment)
    known = {**environment, "COMPOSE_PROJECT_NAME": name} if name else environment
    project = read_compose(located.compose_files, known, tuple(profiles), located.directory, named)
    services, findings, files = join_services(project, located.directory)
    refuse(findings)
    deployments = tuple(
        _deployment(service, said) for service, said in zip(services, project.services.values(), strict=True)
    )
    ignored = tuple(found for said in project.services.values() for found in without_effect(said))
    return Fleet(project.name, project.directory, deployments, tuple(project.disabled), (*findings, *ignored), files)


def read_name(path: Path, *, environment: Mapping[str, str], compose_files: Sequence[Path] = ()) -> str:
    """The name of the project at `path`, although its files may say more that is wrong. Raises NothingFoundError."""
    located = _located(path, compose_files, environment)
    return read_compose(located.compose_files, environment, (), located.directory).name


def _located(path: Path, compose_files: Sequence[Path], environment: Mapping[str, str]) -> Located:
    try:
        located = locate(path, compose_files, environment)
    except NothingFoundError:
        located = None
    if located is None or not located.compose_files:
        raise NothingFoundError(
            f"there is no compose file in {path.absolute()}",
            hint="name it with --file, or run one service without files: seatrial run -- COMMAND",
        )
    return located


def refuse(findings: Sequence[Finding]) -> None:
    """Raises InputError for the first error, which says how many there are."""
    wrong = [finding for finding in findings if finding.severity is Severity.ERROR]
    if wrong:
        more = f" (and {len(wrong) - 1} more: seatrial check)" if len(wrong) > 1 else ""
        raise InputError(wrong[0].message + more, place=wrong[0].place, hint=wrong[0].remedy)


def _deployment(service: Service, said: ComposeService) -> Deployment:
    _refuse_ungranted(said)
    own = _own(said)
    if own.get("probe") and service.healthcheck is None and said.healthcheck and not said.healthcheck.is_disabled:
        service = replace(service, healthcheck=_times(said.healthcheck))
    return Deployment(
        service,
        place=said.place,
        replicas=said.replicas.value if said.replicas else 1,
        container_name=said.container_name.value if said.container_name else "",
        restarting=_restarting(said),
        hooks=said.hooks,
        labels={name: value.value for name, value in said.labels.items()},
        on_unhealthy=own.get("on_unhealthy", ""),
        probe=own.get("probe", ""),
        shared_port=own.get("shared_port", ""),
        attach=said.attach is None or said.attach.value,
        watch=said.watch,
        hosts=_hosts(said),
    )


def _hosts(said: ComposeService) -> dict[str, str]:
    """Names of `extra_hosts`; the gateway to the host is the host itself here."""
    found: dict[str, list[str]] = {}
    for each in said.extra_hosts:
        name, address = each.value
        found.setdefault(name, []).append("127.0.0.1" if address == "host-gateway" else address)
    return {name: ",".join(addresses) for name, addresses in found.items()}


def _times(said: ComposeHealthcheck) -> Healthcheck:
    """The times of a health check without a command, for a probe that needs none."""
    return Healthcheck(
        Sourced((), said.place),
        interval=said.interval or Sourced(0.0),
        timeout=said.timeout or Sourced(0.0),
        start_period=said.start_period or Sourced(0.0),
        start_interval=said.start_interval or Sourced(0.0),
        retries=said.retries or Sourced(0),
    )


def _own(said: ComposeService) -> dict[str, str]:
    """What `x-seatrial` says, each value one of those that exist."""
    extension = said.extensions.get(OWN)
    if extension is None:
        return {}
    if not isinstance(extension.value, Mapping):
        raise InputError(f"{said.name}: {OWN} must be a mapping", place=extension.place, hint=f"{OWN}: {{command: …}}")
    found = {}
    for key, value in extension.value.items():
        if key not in _OWN_KEYS:
            raise InputError(f"{said.name}: {OWN} has no key {key!r}", place=extension.place, hint=_known_keys())
        allowed = _OWN_KEYS[key]
        if key != "command" and (not isinstance(value, str) or (allowed and value not in allowed)):
            wanted = " or ".join(allowed) if allowed else "a string"
            raise InputError(f"{said.name}: {OWN}.{key} must be {wanted}", place=extension.place)
        found[str(key)] = str(value)
    return found


def _known_keys() -> str:
    return f"{OWN} knows {', '.join(sorted(_OWN_KEYS))}"


_POLICIES = {"none": "no", "on-failure": "on-failure", "any": "always"}
"""`deploy.restart_policy.condition` in the words of `restart`."""


def _restarting(said: ComposeService) -> Restarting:
    """`deploy.restart_policy` wins over `restart`, as in compose (create.go, getRestartPolicy)."""
    if said.restart_policy is None:
        return Restarting(said.restart.value if said.restart else "no")
    wanted = said.restart_policy.value
    policy = _POLICIES[wanted.condition]
    if policy == "on-failure" and wanted.max_attempts:
        policy = f"on-failure:{wanted.max_attempts}"
    return Restarting(policy, wanted.delay or 0.0, wanted.window or 0.0, wanted.max_attempts)


def _refuse_ungranted(said: ComposeService) -> None:
    """Raises InputError for the first secret or config that isn't there."""
    for sourced in (*said.secrets, *said.configs):
        grant, place = sourced.value, sourced.place
        what = f"the {grant.kind} {grant.source} of {said.name}"
        if grant.file and not disk.exists(grant.file):
            raise InputError(f"{what} is in {grant.file}, which is not there", place=place)
        if granted_file(grant) is not None:
            continue
        if grant.environment:
            hint = f"export {grant.environment}=…"
            raise InputError(f"{what} is in the variable {grant.environment}, which is not set", place=place, hint=hint)
        why = "kept by another engine (external: true)" if grant.external else "not defined"
        raise InputError(f"{what} is {why}", place=place, hint=f"{grant.kind}s: {{{grant.source}: {{file: PATH}}}}")
