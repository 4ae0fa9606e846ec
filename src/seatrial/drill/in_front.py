"""A shell that a drill puts before the command, or in its place, and what that needs of an image.

On the native engine the host has it all. A real image may have no shell, or no grep: then the drill proves nothing, and
must say so, instead of taking the shell's failure for the service's.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.engine.interface import Ended
from seatrial.model.place import Sourced
from seatrial.model.service import Hop, Service

SHELL = ("/bin/sh", "-c")
LACKING = 97
"""The exit code of a shell that has not what the drill needs."""
NOT_STARTED = (126, 127)
"""Those of a shell that could not start the command."""
UNFOUND = "the shell that this drill puts before the command could not start it"
_NEEDS = f"[ -x /bin/grep ] && [ -x /bin/sleep ] || exit {LACKING}; "
WHY = "its image has no /bin/sh, /bin/grep or /bin/sleep, which this drill puts before the command"


def behind(service: Service, script: str) -> Service:
    """The same command as the arguments of a script ("$@"), and as a step of its own: an engine looks for those."""
    assert service.argv is not None
    argv = (*SHELL, _NEEDS + script, "sh", *service.argv.value)
    step = Hop(service.argv.value, Sourced(SHELL[0]), shell=True, execs=True)
    argv_behind = Sourced(argv, service.argv.place)
    return replace(service, argv=argv_behind, shell_form=False, hops=(step, *service.hops))


def why_failed(service: Service, changed: Service, ended: Ended | None) -> str:
    """Why an instance of the changed service ended for want of such a shell, or ""."""
    if ended is None or changed.argv is None or changed.argv == service.argv or changed.argv.value[:2] != SHELL:
        return ""
    if ended.code in NOT_STARTED and not ended.error:
        return UNFOUND
    return WHY if ended.error or ended.code == LACKING else ""
