"""What the shim says went wrong, for people: which step of the set-up, and whether this machine is the reason."""

from __future__ import annotations

import os

from seatrial.engine.interface import StartError
from seatrial.engine.native.shim import Report, find
from seatrial.model.errors import UnsupportedError

STEPS = {
    "clone": "new namespaces",
    "map": "new user namespace",
    "hostname": "host name",
    "loopback": "network",
    "limit": "ulimits",
}
"""Names of the shim's steps for people, where they aren't the same."""


def of_report(report: Report, root: str) -> StartError:
    """The error that the shim reported: which step of the set-up of the instance failed, and why."""
    step, number, about = report.failure()
    reason = os.strerror(number)
    if step == "mount" and about == "/":
        return StartError("private mounts", reason)
    if step == "chdir":
        return StartError(f"working directory {about}", reason)
    if about.startswith(f"{root}/"):
        return StartError("file system", f"{step} {about.removeprefix(root)}: {reason}")
    if step in STEPS:
        return StartError(STEPS[step], reason)
    return StartError(step, f"{about}: {reason}" if about else reason)


def explained(error: StartError, user_namespace: bool) -> StartError | UnsupportedError:
    """A failure to make namespaces is this machine's, with what to do about it; any other is the instance's own."""
    if error.step == "description":
        return UnsupportedError(
            f"this {find()} is of another version ({error.message})",
            hint="install it anew with seatrial; in a checkout: make -C native",
        )
    if error.step == "file system" and error.args[0].startswith("file system: mount /proc: "):
        return UnsupportedError(
            f"this machine does not let seatrial mount a /proc of its own ({error.message})",
            hint="inside a container parts of /proc are masked: docker run --privileged, or run seatrial on the host",
        )
    if error.step != "private mounts" and not error.step.startswith("new "):
        return error
    hint = (
        "run seatrial as root; or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 (Debian), "
        "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces=10000; "
        "inside Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    )
    if not user_namespace:
        hint = "inside Docker: docker run --privileged, or run seatrial on the host"
    return UnsupportedError(f"this machine does not let seatrial make namespaces ({error.message})", hint=hint)
