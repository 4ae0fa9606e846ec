"""A service as compose and its image promise it together.

What compose says overrides the image, value by value, as compose and the engine do it (moby, daemon/commit.go, merge).
Imported only where there is a compose file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from seatrial.files.compose import ComposeHealthcheck, ComposeProject, ComposeService, read_compose
from seatrial.files.dockerfile import Image
from seatrial.files.join.building import Build, Built, build_image, shown_path
from seatrial.files.join.granted import granted_file
from seatrial.files.join.image import absolute, finish, service_of_image, with_argv
from seatrial.files.join.locate import DOCKERFILE_NAMES, Located, first_of
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Sourced
from seatrial.model.service import Copy, Healthcheck, Mount, Port, Service
from seatrial.model.values import replace

_PLAIN_IMAGES = frozenset(
    {
        "node",
        "python",
        "ruby",
        "php",
        "golang",
        "openjdk",
        "eclipse-temurin",
        "amazoncorretto",
        "perl",
        "rust",
        "elixir",
    }
    | {"erlang", "debian", "ubuntu", "alpine", "busybox", "fedora", "oven/bun", "denoland/deno"}
)
"""Images whose entrypoint does no more than start the command, so that the command alone says what runs."""

Read = tuple[tuple[Service, ...], tuple[Finding, ...], tuple[str, ...]]


def compose_services(
    located: Located, environment: Mapping[str, str], profiles: Sequence[str], target: str | None
) -> Read:
    """The enabled services, what is wrong, and the files that were read."""
    project = read_compose(located.compose_files, environment, tuple(profiles), located.directory)
    return join_services(project, located.directory, target)


def join_services(project: ComposeProject, directory: Path, target: str | None = None) -> Read:
    """The services of a compose project, each joined with its image."""
    services: list[Service] = []
    findings: list[Finding] = list(project.findings)
    files: list[str] = list(project.files)
    for said in project.services.values():
        built, problems = _build(said, directory, target)
        if built is not None:
            files += built.files
        service, more = _join(said, built, project)
        services.append(service)
        findings += [*problems, *more]
    return tuple(services), tuple(findings), tuple(files)


def _build(said: ComposeService, directory: Path, target: str | None) -> tuple[Built | None, tuple[Finding, ...]]:
    if said.build is None:
        return None, ()
    place = said.build.context.place or said.place
    if said.build.is_remote:
        message = f"the image of {said.name} is built from {said.build.context.value}, which is not read"
        return None, (Finding("syntax", Severity.INFO, message, place),)
    build = _build_of(said, directory, target)
    try:
        built = build_image(build, directory)
    except InputError as error:
        shown = shown_path(build.dockerfile, directory)
        message = f"the Dockerfile of {said.name}, {shown}, {error.message}"
        return None, (Finding("syntax", Severity.ERROR, message, build.place or place, error.hint),)
    return built, built.findings


def _build_of(said: ComposeService, directory: Path, target: str | None) -> Build:
    assert said.build is not None
    context = directory / said.build.context.value
    inline = said.build.dockerfile_inline
    named = said.build.dockerfile
    dockerfile = context / named.value if named else first_of(context, DOCKERFILE_NAMES) or context / "Dockerfile"
    arguments = {name: value.value for name, value in said.build.args.items() if value.value is not None}
    return Build(
        context,
        dockerfile,
        said.build.target.value if said.build.target else target,
        arguments,
        inline.value if inline else None,
        next((part.place for part in (inline, named, said.build.context) if part and part.place), said.place),
    )


def _join(said: ComposeService, built: Built | None, project: ComposeProject) -> tuple[Service, tuple[Finding, ...]]:
    directory = Path(project.directory)
    if built is not None:
        base = service_of_image(said.name, built)
    else:
        base = Service(said.name, _context_without_image(said, directory), None, dockerfile=_unread(said, directory))
    image = built.image if built else Image(stage="")
    service = _with_command(_overlaid(base, said), said, image, is_image_known=built is not None)
    return finish(service, directory, _mounted(said, Path(service.context)))


def _context_without_image(said: ComposeService, directory: Path) -> str:
    if said.build is not None and not said.build.is_remote:
        return str(directory / said.build.context.value)
    return str(directory)


def _unread(said: ComposeService, directory: Path) -> str | None:
    """The Dockerfile that a build names but that could not be read."""
    if said.build is None or said.build.is_remote:
        return None
    return shown_path(_build_of(said, directory, None).dockerfile, directory)


def _overlaid(base: Service, said: ComposeService) -> Service:
    """All that compose overrides but entrypoint and command."""
    return replace(
        base,
        compose_file=said.place.file,
        image=said.image,
        workdir=_workdir(base, said),
        user=said.user or base.user,
        group_add=_values(said.group_add),
        environment=_environment(base, said),
        stop_signal=said.stop_signal or base.stop_signal,
        stop_grace=said.stop_grace,
        healthcheck=_healthcheck(base.healthcheck, said.healthcheck),
        init=said.init,
        tty=bool(said.tty and said.tty.value),
        stdin_open=bool(said.stdin_open and said.stdin_open.value),
        restart=said.restart,
        limits=said.limits,
        logging=said.logging,
        read_only=said.read_only,
        mounts=_mounts(base.mounts, said.volumes),
        granted=tuple(filter(None, (granted_file(each.value) for each in (*said.secrets, *said.configs)))),
        ports=_ports(said.ports, said.expose, base.ports),
        depends_on=said.depends_on,
        cap_add=_values(said.cap_add),
        cap_drop=_values(said.cap_drop),
        no_new_privileges=said.no_new_privileges,
        hostname=said.hostname.value if said.hostname else "",
    )


def _with_command(base: Service, said: ComposeService, image: Image, *, is_image_known: bool) -> Service:
    """The engine's rules (moby, runconfig merge): an entrypoint that isn't empty drops the image's command; an empty
    one drops the image's entrypoint alone; an empty command is none, so that the image's stays."""
    entrypoint, entrypoint_shell = base.entrypoint, image.entrypoint_shell_form
    command, command_shell = base.command, image.command_shell_form
    if said.entrypoint is not None:
        entrypoint, entrypoint_shell = said.entrypoint, False
        if said.entrypoint.value:
            command, command_shell = None, False
    if said.command is not None and said.command.value:
        command, command_shell = said.command, False
    service = replace(base, entrypoint=entrypoint, command=command)
    for_us = _own_command(said)
    if not is_image_known and for_us is not None:
        return with_argv(
            replace(service, entrypoint=None, command=for_us), entrypoint_shell_form=False, command_shell_form=False
        )
    if not is_image_known and not (entrypoint and entrypoint.value) and not _is_plain_image(said):
        return service  # what runs is the image's own affair, and nothing here says what that is
    return with_argv(service, entrypoint_shell_form=entrypoint_shell, command_shell_form=command_shell)


def _own_command(said: ComposeService) -> Sourced[tuple[str, ...]] | None:
    """`x-seatrial: {command: …}`: what to run where the image can't be looked into."""
    extension = said.extensions.get("x-seatrial")
    command = extension.value.get("command") if extension and isinstance(extension.value, Mapping) else None
    if isinstance(command, str):
        import shlex

        try:
            command = shlex.split(command)
        except ValueError:
            return None
    if not extension or not isinstance(command, Sequence) or not command:
        return None
    return Sourced(tuple(str(word) for word in command), extension.place)


def _is_plain_image(said: ComposeService) -> bool:
    if said.build is not None:
        return True
    if said.image is None:
        return False
    name = said.image.value.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    name = head if colon and "/" not in tag else name
    return name.removeprefix("docker.io/").removeprefix("library/") in _PLAIN_IMAGES


def _workdir(base: Service, said: ComposeService) -> Sourced[str]:
    if said.working_dir is None or not said.working_dir.value:
        return base.workdir
    return Sourced(absolute(said.working_dir.value), said.working_dir.place)


def _environment(base: Service, said: ComposeService) -> dict[str, Sourced[str]]:
    joined = dict(base.environment)
    for name, value in said.environment.items():
        if value.value is None:
            joined.pop(name, None)
        else:
            joined[name] = Sourced(value.value, value.place)
    return joined


def _healthcheck(image: Healthcheck | None, said: ComposeHealthcheck | None) -> Healthcheck | None:
    """Field by field: what compose leaves out, or sets to zero, is the image's."""
    if said is None:
        return image
    if said.is_disabled:
        by = said.disable or said.test
        return Healthcheck(Sourced(("NONE",), by.place if by and by.place else said.place))
    base = image or Healthcheck(Sourced((), said.place))
    joined = Healthcheck(
        test=said.test if said.test and said.test.value else base.test,
        interval=_unless_zero(said.interval, base.interval),
        timeout=_unless_zero(said.timeout, base.timeout),
        start_period=_unless_zero(said.start_period, base.start_period),
        start_interval=_unless_zero(said.start_interval, base.start_interval),
        retries=said.retries if said.retries and said.retries.value else base.retries,
    )
    return joined if joined.test.value else None


def _unless_zero(said: Sourced[float] | None, image: Sourced[float]) -> Sourced[float]:
    return said if said and said.value else image


def _mounts(image: tuple[Sourced[Mount], ...], said: tuple[Sourced[Mount], ...]) -> tuple[Sourced[Mount], ...]:
    """Compose's mounts, and the image's anonymous volumes where compose mounts nothing."""
    taken = {absolute(mount.value.target) for mount in said}
    return (*said, *(mount for mount in image if mount.value.target not in taken))


def _ports(*sources: Iterable[Sourced[Port]]) -> tuple[Sourced[Port], ...]:
    """Published ports first, then what is exposed; each number and protocol once."""
    joined: dict[tuple[int, str], Sourced[Port]] = {}
    for source in sources:
        for port in source:
            joined.setdefault((port.value.number, port.value.protocol), port)
    return tuple(joined.values())


def _mounted(said: ComposeService, context: Path) -> tuple[Copy, ...]:
    """Binds of files of the context, as if they were copied: scripts are looked for there, too."""
    found: list[Copy] = []
    for mount in said.volumes:
        source = Path(mount.value.source)
        if mount.value.kind == "bind" and source.is_absolute() and source.is_relative_to(context):
            found.append(Copy((source.relative_to(context).as_posix(),), mount.value.target))
    return tuple(found)


def _values(items: Iterable[Sourced[str]]) -> tuple[str, ...]:
    return tuple(item.value for item in items)
