"""Puts a process that waits for its word under what no cgroup file does for it: affinity, nice value, systemd's scope.

The first process of an instance, and each command that is run inside: what comes from them inherits it.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from seatrial.engine.native import scopes

if TYPE_CHECKING:
    from seatrial.engine.native.instance import About


def is_needed(about: About) -> bool:
    """Whether there is anything to do, so that a command has to wait for it."""
    return about.affinity is not None or bool(about.nice or about.scope)


def schedule(about: About, pid: int) -> None:
    """What stands in for a cgroup of the processor. Raises ProcessLookupError where the process has ended."""
    if about.affinity is not None:
        os.sched_setaffinity(pid, about.affinity)
    if about.nice:
        with contextlib.suppress(PermissionError):  # less than 0, without the right
            os.setpriority(os.PRIO_PROCESS, pid, about.nice)


async def place(about: About, pid: int) -> str:
    """Do all for a command inside; gives why it can't be done, which must not be passed over."""
    try:
        schedule(about, pid)
        if about.scope:
            await scopes.join(about.scope, pid)
    except (ProcessLookupError, FileNotFoundError):
        return ""  # it was killed meanwhile
    except TimeoutError:
        return f"{about.scope}: systemd does not put the command into it"
    except OSError as error:
        return f"{about.scope}: {error}"
    return ""
