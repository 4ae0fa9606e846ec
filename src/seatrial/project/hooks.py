"""Runs the hooks of a service: before its first start, inside after each start, inside before each stop.

Rules (contract, chapter 11): in their order, each to its end; one that fails fails the command that caused it, and the
last 10 lines (2048 bytes) of its output are in the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seatrial.model.deployment import Deployment, Hook, Hooks, Restarting
from seatrial.model.errors import SeatrialError
from seatrial.model.place import Sourced
from seatrial.project.interface import Berth, Harbour

if TYPE_CHECKING:
    from seatrial.project.replica import Replica

LIMIT = 600.0
"""Seconds that a hook may take: compose waits for ever, and so does whoever waits for it."""
_LINES, _BYTES = 10, 2048


class HookError(SeatrialError):
    """A hook failed."""


async def run_inside(replica: Replica, hooks: Sequence[Hook], kind: str) -> None:
    """Run hooks inside a running instance. Raises HookError."""
    for hook in hooks:
        if replica.instance is None:
            return
        # By env(1): the engine's own command takes the service's environment and directory.
        argv = _with_surroundings(hook)
        result = await replica.instance.execute(argv, timeout=LIMIT, as_root=hook.privileged or hook.user == "root")
        if result.code != 0:
            said = "timed out" if result.code is None else f"ended with code {result.code}"
            raise HookError(f"{kind} of {replica.name}: {' '.join(hook.command)} {said}{_tail(result.output)}")


def _with_surroundings(hook: Hook) -> tuple[str, ...]:
    words: tuple[str, ...] = ()
    if hook.working_dir:
        words += ("-C", hook.working_dir)
    words += tuple(f"{name}={value}" for name, value in hook.environment.items())
    return ("env", *words, *hook.command) if words else hook.command


async def before_start(harbour: Harbour, deployment: Deployment, berth: Berth) -> None:
    """Run the `pre_start` hooks, each as an instance of its own beside the service's. Raises HookError."""
    for number, hook in enumerate(deployment.hooks.pre_start):
        service = replace(
            deployment.service,
            argv=Sourced(hook.command),
            workdir=Sourced(hook.working_dir) if hook.working_dir else deployment.service.workdir,
            user=Sourced(hook.user) if hook.user else deployment.service.user,
            environment={
                **deployment.service.environment,
                **{name: Sourced(value) for name, value in hook.environment.items()},
            },
            healthcheck=None,
        )
        own = replace(berth, name=f"{berth.name}-pre-start-{number}", directory=berth.directory / f"pre-start-{number}")
        own.directory.mkdir(mode=0o700, exist_ok=True)
        instance = await harbour.start(
            replace(deployment, service=service, hooks=Hooks(), restarting=Restarting()), own
        )
        try:
            ended = await instance.wait()
        finally:
            await instance.close()
            await harbour.remove(own)
        if ended.code != 0:
            raise HookError(f"pre_start of {berth.name}: {' '.join(hook.command)} ended with code {ended.code}")


def _tail(output: str) -> str:
    lines = output[-_BYTES:].splitlines()[-_LINES:]
    return (":\n" + "\n".join(lines)) if lines else ""
