"""A project: the services that the files of one directory promise, and what is wrong with those files."""

from __future__ import annotations

from seatrial.model.finding import Finding
from seatrial.model.service import Service
from seatrial.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    """What was read from a directory. `directory` is absolute; places are relative to it.

    `services` are in the order of the compose file; `files` are the files that were read, as places call them.
    """

    directory: str
    services: tuple[Service, ...]
    findings: tuple[Finding, ...] = ()
    files: tuple[str, ...] = ()

    def service(self, name: str) -> Service | None:
        """The service of that name."""
        return next((service for service in self.services if service.name == name), None)
