"""With fewer rights than its files give it: as a numeric user, or with a read-only root. What breaks then?

The user has no name and owns nothing, as `runAsNonRoot` and most platforms would have it. Beside a read-only root there
is a tmpfs at /tmp, as a compose file would say it.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.drill.acts import work
from seatrial.drill.acts.interface import Act, Known
from seatrial.drill.acts.misfits import bound
from seatrial.drill.exercise import Exercise
from seatrial.model.place import Sourced
from seatrial.model.service import Mount, Service

USER = "10001:10001"
RATE = 20.0
SECONDS = 0.5
_ROOT = ("", "0", "root")


def _is_not_root(service: Service, _known: Known) -> str:
    user = service.user.value if service.user else ""
    return f"it runs as user {user} already" if user.partition(":")[0] not in _ROOT else ""


def _as_user(service: Service, _known: Known) -> Service:
    return replace(service, user=Sourced(USER))


def _is_read_only(service: Service, _known: Known) -> str:
    return "its files say read_only already" if service.read_only and service.read_only.value else ""


def _with_read_only_root(service: Service, _known: Known) -> Service:
    mounts = service.mounts
    hides = f"{service.workdir.value}/".startswith("/tmp/")  # a tmpfs would lie over the service itself
    if not hides and not any(mount.value.target == "/tmp" for mount in mounts):
        mounts = (*mounts, Sourced(Mount("tmpfs", "", "/tmp")))
    return replace(service, read_only=Sourced(True), mounts=mounts)


async def perform(exercise: Exercise, known: Known) -> None:
    """Ask it for a moment, where it speaks HTTP, else give it a job: some things break at the first request."""
    target = exercise.target
    if target is not None and known.target is not None and known.is_http:
        same = replace(known.target, family=target.family, address=target.address, port=target.port)
        await exercise.serve(same, RATE, SECONDS)
    elif not work.why_not(exercise.service, known):
        await work.finish(exercise, known)
    await exercise.note_end()


NON_ROOT = Act(perform, _is_not_root, _as_user, limit=bound)
READ_ONLY = Act(perform, _is_read_only, _with_read_only_root, limit=bound)
