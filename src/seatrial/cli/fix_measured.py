"""`seatrial fix --from RECORDING`: what a drill has measured, as edits of the files of the service that was drilled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatrial.check.run import Options
from seatrial.cli.streams import complain
from seatrial.model.documents import Documents
from seatrial.model.edit import Edit
from seatrial.model.errors import InputError
from seatrial.model.place import Place
from seatrial.report.words import clean


class Measurements:
    """A recording that is asked for edits, project by project; `tell` says what became of its advice."""

    def __init__(self, path: Path, options: Options) -> None:
        """Reads the recording. Raises InputError."""
        from seatrial.drill import archive
        from seatrial.model.advice import advise

        self._path = path
        self._recording = archive.load(path)
        self._advice = [each for each in advise(self._recording) if options.wants(each.requirement)]
        self._others: list[str] = []
        self._concerns = False
        self._written: set[str] = set()
        self._said: set[str] = set()

    def edits(self, documents: Documents) -> Iterator[Edit]:
        """The edits of one project: none where it isn't about the recorded service."""
        from seatrial.check import measured

        name = self._recording.subject.name
        if not measured.concerns(documents, name):
            self._others += [unit.service.name for unit in documents.units]
            return
        self._concerns = True
        for text in measured.differences(documents, self._recording.subject):
            complain(f"warning: the files have changed since the recording: {clean(text)}")
        self._said |= {each.requirement for each in self._advice if measured.is_said(documents, name, each)}
        for edit in measured.edits(documents, name, self._advice):
            self._written.add(edit.requirement)
            yield edit

    def tell(self) -> None:
        """Say what is left to a person, and what was not measured. Raises InputError: it is of another service."""
        if not self._concerns:
            known = ", ".join(dict.fromkeys(self._others)) or "none"
            raise InputError(
                f"is a recording of {clean(self._recording.subject.name)}, which is none of the services here: {known}",
                place=Place(str(self._path), 1),
                hint="name the directory of that service, or drill this one: seatrial drill . --save FILE",
            )
        for each in self._advice:
            if each.value is None:
                complain(f"no figure: {each.setting.value}: {clean(each.figure)}")
            elif not each.holds and each.requirement not in self._written | self._said:
                complain(f"by hand: {each.setting.value}: {each.proposed}: {clean(each.figure)}")
