"""The engines that `--engine` names, one line each, and what each is made with. An engine is imported when it is asked
for."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from seatrial.cli.subject import Subject
from seatrial.drill.options import Progress, Stage
from seatrial.drill.secrets import redactor_of, shown_without, told_without
from seatrial.drill.trial import drill
from seatrial.engine.interface import Engine
from seatrial.model.recording import Recording, Scenario
from seatrial.model.service import BuildPlan

if TYPE_CHECKING:
    from seatrial.engine.docker.building import Recipe

Show = Callable[[Progress], None]


def _native(_arguments: argparse.Namespace, _subject: Subject, _show: Show) -> Engine:
    from seatrial.engine.native import NativeEngine

    return NativeEngine()


def _docker(arguments: argparse.Namespace, subject: Subject, show: Show) -> Engine:
    from seatrial.engine.docker import DockerEngine
    from seatrial.engine.docker.engine import Project

    def tell(line: str) -> None:
        show(Progress(time.monotonic(), Scenario.STOP, Stage.PREPARING, line))

    ports = (arguments.port,) if arguments.port else ()
    return DockerEngine(Project(subject.others, lambda plan: recipe(plan, subject.directory), ports, tell))


ENGINES: Mapping[str, Callable[[argparse.Namespace, Subject, Show], Engine]] = MappingProxyType(
    {"native": _native, "docker": _docker}
)


async def run_trial(arguments: argparse.Namespace, subject: Subject, show: Show) -> Recording:
    """The whole trial on the engine that was chosen. What it says while it prepares holds no secret either."""
    redactor = redactor_of(subject.service, subject.options)
    engine = ENGINES[arguments.engine](arguments, subject, shown_without(redactor, show))
    with told_without(redactor):
        async with engine.prepared(subject.service) as service:
            return await drill(service, engine, subject.options, show)


def recipe(plan: BuildPlan, directory: str) -> Recipe:
    """What the engine needs to build an image: the Dockerfile, and the files of the context that .dockerignore leaves.
    Raises InputError where a file can't be read."""
    from seatrial.engine.docker.building import Recipe
    from seatrial.files.dockerfile import read_dockerfile
    from seatrial.files.dockerignore import Dockerignore, context_files, dockerignore_file, read_dockerignore
    from seatrial.files.join.building import shown_path
    from seatrial.files.reading import read_bytes, read_text

    context, dockerfile = Path(plan.context), Path(plan.dockerfile)
    shown = shown_path(dockerfile, Path(directory))
    text = plan.inline.encode() if plan.inline is not None else read_bytes(dockerfile, shown)
    inside = plan.inline is None and dockerfile.is_relative_to(context)
    ignore_file = dockerignore_file(context, dockerfile if plan.inline is None else None)
    ignore = read_text(ignore_file) if ignore_file is not None else ""
    return Recipe(
        context=context,
        text=text,
        name=dockerfile.relative_to(context).as_posix() if inside else "",
        file=shown,
        lines=[instruction.place.line for instruction in read_dockerfile(text, shown).instructions],
        paths=context_files(context, read_dockerignore(ignore) if ignore else Dockerignore()),
        ignore=ignore.encode(),
        target=plan.target,
        arguments=plan.arguments,
    )
