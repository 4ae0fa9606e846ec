"""Decides everything about one instance: a service and this machine in, a `Launch` out.

It reads the host (passwd, mounts, programs) and changes nothing. Each difference from the real image is a sentence.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.engine.interface import StartOptions
from seatrial.engine.native import capabilities, filesystem, limits, looking, programs, scopes, users
from seatrial.engine.native.cgroups import Cgroups
from seatrial.engine.native.description import Launch, Step
from seatrial.model.errors import InputError
from seatrial.model.service import Service

NOFILE = 1_048_576
"""Open files of a container where nothing is said (dockerd's own limit in its unit file)."""
UNLIMITED = ("cpu", "fsize", "data", "as", "nproc", "rss", "locks")


@dataclass(frozen=True, slots=True)
class Host:
    """What the plan needs to know of this machine."""

    user_namespace: bool
    uid: int
    gid: int
    cores: int
    accounts: users.Accounts
    mountinfo: str
    environment: Mapping[str, str]
    resolver: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The launch, the init in use ("" without one), and what is not as in the real image."""

    launch: Launch
    init: str
    user: users.User
    approximations: tuple[str, ...]
    scope: scopes.Scope | None = None
    """What limits it of systemd's user manager."""


def make(service: Service, options: StartOptions, host: Host, cgroups: Cgroups, stage: str) -> Plan:
    """Decide all. InputError where the service can't be started as its files say."""
    argv = _argv(service)
    if not looking.is_directory(service.context):
        raise InputError(f"service {service.name}: the project directory {service.context} does not exist")
    user = users.resolve(
        service.user.value if service.user else "", service.group_add, host.accounts, programs.base_names(service)
    )
    found = programs.resolve(service, argv, host.environment)
    argv, init, shown = _with_init(service, options, found)
    hostname = service.hostname or Path(stage).name.replace("seatrial-", "")[-12:] or "seatrial"
    wish = filesystem.Wish(
        user=user,
        hostname=hostname,
        shown=programs.prefixes(shown),
        accounts=host.accounts,
        user_namespace=host.user_namespace,
        mountinfo=host.mountinfo,
        cgroup_folders=_cgroup_views(cgroups),
        hosts=options.hosts,
        resolver=host.resolver if options.network == "host" else "options timeout:1\n",
        lasting=options.lasting,
        console=os.ttyname(options.terminal) if options.terminal >= 0 else "",
    )
    steps, notes = filesystem.plan(service, wish)
    environment = _environment(service, options, user, found.path, hostname)
    launch = _launch(service, host, user, steps, cgroups, stage)
    launch |= {"argv": list(argv), "environment": environment, "hostname": hostname, "network": options.network}
    sentences = (*_general(service, host, options, found.path), *_user_notes(user, host, service), *found.notes, *notes)
    return Plan(launch, init, user, tuple(dict.fromkeys(sentences)))


def limited(plan: Plan, enforced: limits.Plan, manager: scopes.Manager | None, unified: str) -> Plan:
    """The plan with the limits that each process has by itself, and those of a scope around it."""
    own = {number: (soft, hard) for number, soft, hard in plan.launch["ulimits"]}
    own |= {_limit_number(each.name): (each.soft, each.hard) for each in enforced.rlimits}
    launch = plan.launch | {"ulimits": [(number, *limit) for number, limit in sorted(own.items())]}
    if manager is None or not enforced.properties:
        return replace(plan, launch=launch)
    scope = manager.scope(f"{Path(plan.launch['stage']).name}.scope", enforced.properties)
    launch |= {"cgroups": [each for each in plan.launch["cgroups"] if each != unified]}  # it can't be in both
    if "MemoryMax" in dict(scope.properties):
        launch |= {"oom": f"{scope.folder}/memory.events"}
    return replace(plan, launch=launch, scope=scope)


def _argv(service: Service) -> tuple[str, ...]:
    if service.argv is None or not service.argv.value:
        raise InputError(
            f"service {service.name}: no command to start",
            hint='add CMD ["program", "argument"] to the Dockerfile, or name a command',
        )
    return service.argv.value


def _with_init(
    service: Service, options: StartOptions, found: programs.Programs
) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """The command under an init where one is asked for; the init's directory is shown too."""
    wanted = options.init if options.init is not None else bool(service.init and service.init.value)
    if not wanted:
        return found.argv, "", found.shown
    name, command = programs.find_init()
    return (*command, "--", *found.argv), name, (*found.shown, str(Path(command[0]).parent))


def _cgroup_views(cgroups: Cgroups) -> tuple[tuple[str, str], ...]:
    """Where the instance sees its own cgroups: in place of the hierarchy's root, as in a container."""
    views = []
    for folder in cgroups.folders:
        parts = folder.split("/")
        if folder.startswith("/sys/fs/cgroup/") and "memory" in cgroups.by_controller:
            hybrid = any(one != cgroups.unified for one in cgroups.by_controller.values())
            views.append((folder, "/".join(parts[:5]) if hybrid else "/sys/fs/cgroup"))
    return tuple(views)


def _environment(service: Service, options: StartOptions, user: users.User, path: str, hostname: str) -> dict[str, str]:
    """The environment of the command: nothing of the caller's, the engine's defaults under the service's values."""
    environment = {"PATH": path, "HOSTNAME": hostname, "HOME": user.home}
    if service.tty:
        environment["TERM"] = "xterm"
    environment |= {name: value.value for name, value in service.environment.items() if name != "PATH"}
    return environment | dict(options.environment)


def _launch(service: Service, host: Host, user: users.User, steps: list[Step], cgroups: Cgroups, stage: str) -> Launch:
    adjusted = service.limits.oom_score_adj
    return {
        "user_namespace": host.user_namespace,
        "network": "own",
        "map_uid": user.uid,
        "map_gid": user.gid,
        "stage": stage,
        "hostname": "seatrial",
        "steps": steps,
        "argv": [],
        "environment": {},
        "workdir": filesystem.real(service.workdir.value or "/"),
        "uid": user.uid,
        "gid": user.gid,
        "groups": None if host.user_namespace else list(user.groups),
        "capabilities": capabilities.granted(service.cap_add, service.cap_drop),
        "no_new_privileges": service.no_new_privileges,
        "ulimits": _ulimits(service),
        "oom_score": adjusted.value if adjusted else 0,
        "cgroups": list(cgroups.folders),
        "oom": _oom_file(cgroups),
        "owned": [*cgroups.folders, stage],
    }


def _oom_file(cgroups: Cgroups) -> str:
    """Where the kernel counts the processes that it kills for memory."""
    folder = cgroups.by_controller.get("memory", "")
    if not folder:
        return ""
    return f"{folder}/{'memory.events' if folder == cgroups.unified else 'memory.oom_control'}"


def _ulimits(service: Service) -> list[tuple[int, int, int]]:
    """Resource limits by number: those of a container by default, then the service's. The caller's don't leak in."""
    wanted = {_limit_number(name): (-1, -1) for name in UNLIMITED if hasattr(resource, f"RLIMIT_{name.upper()}")}
    wanted[resource.RLIMIT_NOFILE] = (NOFILE, NOFILE)
    wanted[resource.RLIMIT_STACK] = (8 << 20, -1)
    wanted[resource.RLIMIT_CORE] = (0, -1)
    for sourced in service.limits.ulimits:
        limit = sourced.value
        if limit.hard != -1 and (limit.soft > limit.hard or limit.soft == -1):
            raise InputError(f"ulimit {limit.name}: soft {limit.soft} is above hard {limit.hard}", place=sourced.place)
        wanted[_limit_number(limit.name)] = (limit.soft, limit.hard)
    return [(number, soft, hard) for number, (soft, hard) in sorted(wanted.items())]


def _limit_number(name: str) -> int:
    number = getattr(resource, f"RLIMIT_{name.upper()}", None)
    if number is None:
        raise InputError(f"{name!r} is not a resource limit", hint="man 2 getrlimit lists them, without RLIMIT_")
    return int(number)


def _general(service: Service, host: Host, options: StartOptions, path: str) -> list[str]:
    """What differs for every service on this engine."""
    images = [image.value for image in service.base_images] or ([service.image.value] if service.image else [])
    named = images[-1] if images else "the base image"
    sentences = [f"the files of this host ({_distribution()}) stand for {named}"]
    sentences += _version_notes(images, path)
    if service.dockerfile:
        sentences.append("the image is not built: RUN steps were not executed and .dockerignore is not applied")
    missing = [sourced.value.service for sourced in service.depends_on if sourced.value.service not in options.hosts]
    if missing:
        sentences.append(f"dependencies are not started: {', '.join(missing)}")
    if options.network == "host":
        sentences.append("the network is that of this host: a port that the service listens on is taken on the host")
    elif options.plug is not None:
        sentences.append("the network is the project's own: no DNS, no outside")
    else:
        sentences.append("the network is loopback alone: no DNS, no outside")
    sentences.append("no seccomp or AppArmor profile is applied")
    cpus = service.limits.cpus
    if cpus is not None and cpus.value > host.cores:
        sentences.append(f"cpus {cpus.value:g} is cut to the {host.cores} cores of this machine")
    if service.tty and options.terminal < 0:
        sentences.append("tty: true is not imitated: output goes to pipes")
    return sentences


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _version_notes(images: list[str], path: str) -> list[str]:
    """Where the tag of a base image names a version of Python or node that is not the one here."""
    notes = []
    for image in images:
        name, _, tag = image.split("@")[0].rsplit("/", 1)[-1].partition(":")
        version = tag.split("-")[0]
        if name not in {"python", "node"} or not version[:1].isdigit():
            continue
        here = programs.version(programs.which({"python": "python3"}.get(name, name), path))
        if here and not f"{here}.".startswith(f"{version}."):
            notes.append(f"{image} has {name} {version}, this host {here}")
    return notes


def _user_notes(user: users.User, host: Host, service: Service) -> list[str]:
    notes = []
    if user.invented and service.user and service.user.value[:1].isdigit():
        notes.append(f"{user.uid} is taken to be the base image's user {user.name}")
    elif user.invented:
        notes.append(f"the user {user.name} is unknown here and is taken to be {user.uid}:{user.gid}")
    if host.user_namespace:
        notes.append(
            f"without root there is one user: the service's {user.uid}:{user.gid} is yours outside, "
            "and all other owners look like nobody"
        )
        if len(user.groups) > 1 or service.group_add:
            notes.append("without root supplementary groups can't be set")
    elif service.copies:
        notes.append("the project's files keep the owners that they have on this host")
    return notes


def own_host(user_namespace: bool) -> Host:
    """This machine, as it is now."""
    return Host(
        user_namespace=user_namespace,
        uid=os.geteuid(),
        gid=os.getegid(),
        cores=len(os.sched_getaffinity(0)),
        accounts=users.Accounts(_text("/etc/passwd"), _text("/etc/group")),
        mountinfo=_text("/proc/self/mountinfo"),
        environment=dict(os.environ),
        resolver=_text("/etc/resolv.conf"),
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
