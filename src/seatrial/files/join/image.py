"""A service as its image alone promises it, and the last steps that every service takes.

Pure but for the scripts that `finish` follows. It must never fill in a default: what no file says stays None.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from seatrial.files.join.building import Built
from seatrial.files.scripts import Tree, resolve_hops
from seatrial.model.finding import Finding
from seatrial.model.place import Sourced
from seatrial.model.service import BuildPlan, Copy, Mount, Service
from seatrial.model.values import replace


def service_of_image(name: str, built: Built) -> Service:
    """What `docker run IMAGE` would start. `argv` is left to `with_argv`."""
    image = built.image
    return Service(
        name=name,
        context=str(built.build.context),
        argv=None,
        entrypoint=image.entrypoint,
        command=image.command,
        base_images=image.bases,
        dockerfile=built.dockerfile,
        workdir=image.workdir or Sourced("/"),
        copies=tuple(copy.value for copy in image.copies),
        made=image.made,
        user=image.user,
        environment=dict(image.environment),
        stop_signal=image.stop_signal,
        healthcheck=image.healthcheck,
        mounts=tuple(Sourced(Mount("volume", "", absolute(said.value)), said.place) for said in image.volumes),
        ports=image.ports,
        shell=image.shell.value,
        build=BuildPlan(
            str(built.build.context),
            str(built.build.dockerfile),
            built.build.target or "",
            dict(built.build.arguments),
            built.build.inline,
        ),
    )


def with_argv(service: Service, *, entrypoint_shell_form: bool, command_shell_form: bool) -> Service:
    """Joins entrypoint and command to what PID 1 is started with, as the engine does (the entrypoint comes first).

    A command after a shell-form entrypoint is passed on, but only as `$0` and so on of a shell that ignores them.
    """
    entrypoint = service.entrypoint.value if service.entrypoint else ()
    command = service.command.value if service.command else ()
    said_by = service.entrypoint if entrypoint else service.command
    if said_by is None or not entrypoint + command:
        return service
    shell_form = entrypoint_shell_form if entrypoint else command_shell_form
    return replace(service, argv=Sourced(entrypoint + command, said_by.place), shell_form=shell_form)


def finish(service: Service, directory: Path, mounted: tuple[Copy, ...] = ()) -> tuple[Service, tuple[Finding, ...]]:
    """Follows the command to what finally runs. `mounted` are binds of the project's files, which hide copied ones."""
    if service.argv is None:
        return service, ()
    if service.context == str(directory):
        context, below = directory, "."
    else:
        context = Path(service.context)
        below = context.relative_to(directory).as_posix() if context.is_relative_to(directory) else str(context)
    tree = Tree(context, service.workdir.value, (*service.copies, *mounted), "" if below == "." else below + "/")
    hops, findings = resolve_hops(service.argv, tree, _values(service.environment))
    return replace(service, hops=hops), findings


def absolute(path: str) -> str:
    """A container path as the engine takes it: from the root, without dots."""
    return "/" + posixpath.normpath(posixpath.join("/", path)).lstrip("/")


def _values(environment: Mapping[str, Sourced[str]]) -> dict[str, str]:
    return {name: value.value for name, value in environment.items()}
