"""`seatrial history`: what the trials of the past said, by commit; and how `seatrial drill --history` adds to it."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.cli import codes
from seatrial.cli.history_arguments import DEFAULT
from seatrial.cli.history_store import Entry, Judged, add, entries
from seatrial.cli.revision import revision_of
from seatrial.cli.streams import emit
from seatrial.model.errors import NothingFoundError
from seatrial.model.verdict import Ruling
from seatrial.report.comparison import COUNTED
from seatrial.report.words import clean, clip

if TYPE_CHECKING:
    from seatrial.report.trial import Trial


def run(arguments: argparse.Namespace) -> int:
    """Print the trials, the newest first, or the rulings of one requirement."""
    own = arguments.file is None
    path = history_file(arguments.file or DEFAULT)
    project = revision_of(Path()).project if own and not arguments.all else ""
    found = entries(path, project=project, service=arguments.service or "", limit=arguments.limit)
    if arguments.name:
        found = [entry for entry in found if any(each.requirement == arguments.name for each in entry.verdicts)]
    if arguments.json:
        emit(json.dumps([_document(entry, arguments.name) for entry in found], indent=2) + "\n")
        return codes.GOOD
    if not found:
        raise NothingFoundError(
            f"{path} has no trial" + (f" with {arguments.name}" if arguments.name else " of this project"),
            hint="seatrial drill --history adds one",
        )
    emit("".join(line + "\n" for line in _lines(found, arguments.name)))
    return codes.GOOD


def remember(trial: Trial, where: str, directory: Path) -> None:
    """Add a trial to the history. Raises InputError and UnsupportedError."""
    recording, revision = trial.recording, revision_of(directory)
    verdicts = tuple(
        Judged(each.requirement, each.ruling.value, each.summary, dict(each.figures)) for each in trial.verdicts
    )
    entry = Entry(
        recorded_at=recording.recorded_at,
        tool=recording.tool,
        project=revision.project,
        service=recording.subject.name,
        engine=recording.machine.engine,
        revision=revision.commit,
        dirty=revision.dirty,
        result=trial.result.value,
        verdicts=verdicts,
    )
    path = history_file(where)
    if where == DEFAULT:
        from seatrial.project.layout import make_state

        make_state(os.environ)
    add(path, entry)


def history_file(where: str) -> Path:
    """The file that is meant."""
    if where != DEFAULT:
        return Path(where)
    from seatrial.project.layout import state_of

    return state_of(os.environ) / "history.sqlite"


def _lines(found: list[Entry], name: str | None) -> Iterator[str]:
    width = max(len(clean(entry.service)) for entry in found)
    for entry in found:
        told = next((_of_one(each) for each in entry.verdicts if each.requirement == name), None) or _counts(entry)
        commit = (entry.revision[:10] or "no commit") + ("+" if entry.dirty else "")
        yield f"{clean(entry.recorded_at)}  {commit:11}  {clean(entry.service):{width}}  {told}"


def _of_one(judged: Judged) -> str:
    return f"{judged.ruling}: {clip(clean(judged.summary), 200)}"


def _counts(entry: Entry) -> str:
    counted = Counter(each.ruling for each in entry.verdicts)
    told = ", ".join(f"{counted[ruling.value]} {word}" for ruling, word in COUNTED.items() if counted[ruling.value])
    failed = [each.requirement for each in entry.verdicts if each.ruling == Ruling.FAIL.value]
    return (told or "no verdict") + (f" ({', '.join(failed)})" if failed else "")


def _document(entry: Entry, name: str | None) -> dict[str, object]:
    return {
        "recorded_at": entry.recorded_at,
        "tool": entry.tool,
        "project": entry.project,
        "service": entry.service,
        "engine": entry.engine,
        "commit": entry.revision or None,
        "dirty": entry.dirty,
        "result": entry.result,
        "verdicts": [
            {
                "requirement": each.requirement,
                "ruling": each.ruling,
                "summary": each.summary,
                "figures": dict(each.figures),
            }
            for each in entry.verdicts
            if not name or each.requirement == name
        ],
    }
