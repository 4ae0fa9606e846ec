"""`seatrial config`: the compose files of a project as one document, in the normal form of `docker compose config`.

It asks what compose asks, and no more: that a Dockerfile or a secret is there is for `up` to find out.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seatrial.cli.project_client import show_warnings
from seatrial.files.compose import ComposeProject, read_normal
from seatrial.files.join.fleet import refuse
from seatrial.files.join.ignored import without_effect
from seatrial.files.join.locate import locate
from seatrial.model.errors import NothingFoundError


def shown(arguments: argparse.Namespace) -> str:
    """The document as YAML or JSON, names, or nothing. Raises InputError for what compose refuses."""
    environment = dict(os.environ)
    if arguments.project_name:
        environment["COMPOSE_PROJECT_NAME"] = arguments.project_name
    located = locate(Path(arguments.project_directory), [Path(file) for file in arguments.file], environment)
    if not located.compose_files:
        raise NothingFoundError(f"there is no compose file in {located.directory}", hint="name it with --file")
    project, document = read_normal(located.compose_files, environment, arguments.profile, located.directory)
    refuse(project.findings)
    ignored = [finding for service in project.services.values() for finding in without_effect(service)]
    show_warnings([*project.findings, *ignored])
    if arguments.quiet:
        return ""
    if arguments.only:
        return "".join(f"{name}\n" for name in _names(arguments.only, project, document))
    if arguments.format == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _names(what: str, project: ComposeProject, document: Mapping[str, Any]) -> Iterable[str]:
    """The names of services, named volumes or images that are on, or of all profiles."""
    services: Mapping[str, Mapping[str, Any]] = document["services"]
    match what:
        case "volumes":
            return list(document.get("volumes", ()))
        case "images":
            return [said.get("image") or f"{project.name}-{name}" for name, said in services.items()]
        case "profiles":
            every = (*project.services.values(), *project.disabled.values())
            return sorted({profile.value for service in every for profile in service.profiles})
        case _:
            return services
