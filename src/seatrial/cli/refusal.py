"""Says why a project can't be drilled: what is wrong in its files first, then the error.

Imported only where there is nothing to run. Judges no file: the findings are those of the readers.
"""

from __future__ import annotations

import os
from dataclasses import replace

from seatrial.cli.streams import complain
from seatrial.model.errors import InputError, NothingFoundError, SeatrialError
from seatrial.model.finding import Severity
from seatrial.model.project import Project
from seatrial.model.service import Service

MOST = 20
"""Findings that are told; `seatrial check` shows all."""
_NO_STAGE = "target stage "


def without_services(project: Project) -> SeatrialError:
    """The error where no service was found at all; what is wrong is told on stderr."""
    if _tell(project):
        return InputError(
            f"no service could be read in {project.directory}: see above", hint="seatrial check shows the lines"
        )
    hint = "name one that has a Dockerfile or a compose file, or: seatrial drill -- COMMAND"
    return NothingFoundError(f"no service was found in {project.directory}", hint=hint)


def without_command(service: Service, project: Project) -> SeatrialError:
    """The error where nothing says what the service runs."""
    stage = next((finding for finding in project.findings if finding.message.startswith(_NO_STAGE)), None)
    if stage is not None:
        return InputError(stage.message, place=stage.place, hint=stage.remedy)
    if _tell(project):
        return InputError(f"service {service.name} has no command that could be read: see above", hint="mend that")
    if service.image is not None and service.dockerfile is None:
        return InputError(
            f"service {service.name} has an image alone, {service.image.value}, and images are not pulled: "
            "nothing here says what it runs",
            place=service.image.place,
            hint=f"say it below {service.name}: x-seatrial: {{command: …}}\nor: seatrial drill -- CMD",
        )
    return InputError(
        f"service {service.name} has no command to run", hint="write a CMD, or: seatrial drill -- COMMAND"
    )


def _tell(project: Project) -> bool:
    """Print what is wrong, and say whether a file could not be read as it should."""
    from seatrial.report.redact import text
    from seatrial.report.words import clean

    told = [finding for finding in project.findings if finding.severity is not Severity.INFO]
    below = os.path.relpath(project.directory)
    for finding in told[:MOST]:
        place = replace(finding.place, file=os.path.normpath(f"{below}/{finding.place.file}"))
        shown = finding.place if finding.place.file.startswith("/") else place
        complain(f"{clean(str(shown))}: {clean(text(finding.message))}")
        for line in finding.remedy.splitlines():
            complain(f"  hint: {clean(text(line))}")
    if len(told) > MOST:
        complain(f"and {len(told) - MOST} more: seatrial check")
    return any(finding.severity is Severity.ERROR for finding in told)
