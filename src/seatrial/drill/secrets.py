"""What is known to be secret before anything of a drill runs: values of the environment, of its command lines, and of
files that services are given.

Whatever a drill keeps or tells goes through the one `Redactor` that knows them; texts that are cut are cleaned before.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from seatrial.drill.options import DrillOptions, Progress
from seatrial.engine.distributed import Described
from seatrial.model.errors import SeatrialError
from seatrial.model.redaction import Redactor, argv_secrets, environment_secrets
from seatrial.model.service import Service

_LONGEST = 2000
"""Characters of a message: it may quote the last lines of a log."""


def known_secrets(service: Service, options: DrillOptions, more: Iterable[str] = ()) -> Iterator[str]:
    """More, and those of the service, of the others that it may depend on, and of the commands that are run beside it.
    The names of the services are said everywhere: a password that is one is hidden at its own place alone."""
    said = {service.name, *(other.name for other in options.others)}
    yield from (
        secret
        for secret in (*_of_commands(service, options), *_of_variables(service, options), *options.secrets, *more)
        if secret not in said
    )


def redactor_of(service: Service, options: DrillOptions, more: Iterable[str] = ()) -> Redactor:
    """Knows these, and what is secret in our own environment: a load command and a job have it too."""
    return Redactor(known_secrets(service, options, (*environment_secrets(os.environ), *more)))


def redactor_of_rollout(described: Described, more: Iterable[str] = ()) -> Redactor:
    """The same of a service that an engine runs already: it knows what the engine told of it."""
    known = (*described.secrets, *argv_secrets(described.argv), *environment_secrets(os.environ), *more)
    return Redactor(secret for secret in known if secret != described.name)


@contextlib.contextmanager
def told_without(redactor: Redactor) -> Iterator[None]:
    """What goes wrong inside is told without secrets, and at no more length than can be read."""
    try:
        yield
    except SeatrialError as error:
        error.message, error.hint = redactor.text(error.message)[:_LONGEST], redactor.text(error.hint)
        error.args = (error.message,)
        raise


def shown_without(redactor: Redactor, show: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Shows each step without secrets."""
    return lambda step: show(replace(step, text=redactor.text(step.text)))


def _of_variables(service: Service, options: DrillOptions) -> Iterator[str]:
    for each in (service, *options.others):
        given = options.environment if each is service else {}
        yield from environment_secrets({name: value.value for name, value in each.environment.items()} | dict(given))


def _of_commands(service: Service, options: DrillOptions) -> Iterator[str]:
    check = service.healthcheck.test.value if service.healthcheck else ()
    own = (service.argv.value if service.argv else (), *(hop.argv for hop in service.hops), check)
    for words in (*own, options.load_from, _words(options.job), _words(options.job_state)):
        yield from argv_secrets(words)


def _words(line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(line))
    except ValueError:  # the shell that runs it will say so
        return (line,)
