"""Reads a project: a directory, a Dockerfile or a compose file into services.

The one entrance to `files` for the commands. Raises InputError for a path that can't be used and NothingFoundError
where there is nothing to read; what is wrong inside the files becomes findings. Compose and its YAML parser are
imported only where there is a compose file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.files.join.locate import Located, locate
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern
from seatrial.model.project import Project
from seatrial.model.service import Service

_NOT_IN_NAMES = pattern(r"[^a-z0-9_-]")


def read_project(
    path: Path,
    *,
    environment: Mapping[str, str],
    compose_files: Sequence[Path] = (),
    target: str | None = None,
    profiles: Sequence[str] = (),
) -> Project:
    """The services that the files at `path` promise.

    `compose_files` are those of `-f`, in their order; `target` is the stage that is built where compose names none.
    `environment` is what compose interpolates from and build arguments without a value are taken from; nothing of it
    gets into a service otherwise.
    """
    return read_located(
        locate(path, compose_files, environment), environment=environment, target=target, profiles=profiles
    )


def read_located(
    located: Located, *, environment: Mapping[str, str], target: str | None = None, profiles: Sequence[str] = ()
) -> Project:
    """The same for what was located already."""
    services: tuple[Service, ...] = ()
    findings: tuple[Finding, ...] = ()
    files: tuple[str, ...] = ()
    if located.compose_files:
        from seatrial.files.join.compose import compose_services

        services, findings, files = compose_services(located, environment, profiles, target)
    if located.dockerfile is not None and not any(service.dockerfile for service in services):
        try:
            service, more, read = _dockerfile_service(located, located.dockerfile, target)
        except InputError:
            if not located.compose_files:
                raise  # else no service of the project needs it: who searches for Dockerfiles says what is wrong
        else:
            services, findings, files = (*services, service), findings + more, files + read
    return Project(str(located.directory), services, tuple(dict.fromkeys(findings)), tuple(dict.fromkeys(files)))


def _dockerfile_service(
    located: Located, dockerfile: Path, target: str | None
) -> tuple[Service, tuple[Finding, ...], tuple[str, ...]]:
    from seatrial.files.join.building import Build, build_image
    from seatrial.files.join.image import finish, service_of_image, with_argv

    built = build_image(Build(located.directory, dockerfile, target), located.directory)
    service = with_argv(
        service_of_image(service_name(located.directory), built),
        entrypoint_shell_form=built.image.entrypoint_shell_form,
        command_shell_form=built.image.command_shell_form,
    )
    service, findings = finish(service, located.directory)
    return service, built.findings + findings, built.files


def service_name(directory: Path) -> str:
    """A service's name from its directory's, by compose's rule for project names."""
    return _NOT_IN_NAMES.sub("", directory.name.lower()).lstrip("_-") or "service"
