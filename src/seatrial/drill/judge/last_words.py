"""What a service said before it ended too early, and what its words point to. Pure."""

from __future__ import annotations

import re

from seatrial.model.recording import EventKind, Recording, Run

LINES = 12
_ERROR = re.compile(
    r"error\b|EADDRINUSE|in use|exception\b|cannot find|can't open|no such file|not found|no module named|\bENOENT\b"
    r"|\bfatal\b|\bpanic\b|permission denied|\bEACCES\b",
    re.IGNORECASE,
)
_MISSING = re.compile(r"cannot find|can't open|no such file|not found|\bENOENT\b", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w.])/[\w.@+/-]*\w")


def last_words(run: Run) -> tuple[str, ...]:
    """The end of the service's own output, for a report that has to show why: the first line that looks like an error,
    where it came earlier, and the last lines."""
    said = [f"{line.stream}: {line.text}" for line in run.log if line.text.strip()]
    last = said[-LINES:]
    error = next((number for number, line in enumerate(said) if _ERROR.search(line)), len(said))
    return (said[error], *last) if error < len(said) - len(last) else tuple(last)


def complaint(run: Run) -> str:
    """The one line that says most of what went wrong: the first that looks like an error, else the last; "" if none."""
    said = [f"{line.stream}: {line.text.strip()}" for line in run.log if line.text.strip()]
    return next((line for line in said if _ERROR.search(line)), said[-1] if said else "")


def what_to_build(recording: Recording, run: Run) -> str:
    """What to do where the service missed a file that another stage of the Dockerfile would have made; else empty."""
    told = [line.text for line in run.log] + [event.detail for event in run.events if event.kind is EventKind.EXITED]
    for text in told:
        for path in _PATH.findall(text) if _MISSING.search(text) else ():
            target = next((target for target in recording.subject.made if _is_below(path, target)), "")
            if target:
                return (
                    f"{path} is what COPY --from would put at {target}: RUN steps of the build stage were not executed "
                    "here; build it in the project first, then drill again"
                )
    return ""


def _is_below(path: str, folder: str) -> bool:
    return path == folder.rstrip("/") or path.startswith(folder.rstrip("/") + "/")
