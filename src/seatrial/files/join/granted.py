"""Secrets and configs that compose gives a service as files: which they are, and what in them must never be shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seatrial.files import disk
from seatrial.files.compose import FileGrant
from seatrial.files.reading import read_text
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.model.service import GrantedFile, Mount, Service
from seatrial.model.values import replace

_LARGEST = 512 * 1024
"""Bytes: engines take no larger secret."""


def granted_file(grant: FileGrant) -> GrantedFile | None:
    """The file that is meant, which may be missing; None where what is in it is not known here."""
    if grant.file:
        return GrantedFile(grant.kind, grant.source, grant.target, file=grant.file)
    content = grant.content or grant.value
    return GrantedFile(grant.kind, grant.source, grant.target, content=content) if content is not None else None


def with_granted(service: Service) -> Service:
    """The service with those that are files of this machine as read-only mounts."""
    mounts = tuple(
        Sourced(Mount("bind", granted.file, granted.target, read_only=True))
        for granted in service.granted
        if granted.file and disk.exists(granted.file)
    )
    return replace(service, mounts=(*service.mounts, *mounts)) if mounts else service


def not_mounted(service: Service) -> Iterator[Finding]:
    """Those that are not among its mounts, which may be what keeps it from getting ready."""
    targets = {mount.value.target for mount in service.mounts}
    for granted in service.granted:
        if granted.target not in targets:
            why = "its file is missing" if granted.file else "only files are mounted here"
            message = f"the {granted.kind} {granted.name} of {service.name} is not at {granted.target}: {why}"
            remedy = f"{granted.kind}s: {{{granted.name}: {{file: PATH}}}}"
            place = Place(service.compose_file or "compose.yaml", 1)
            yield Finding("syntax", Severity.INFO, message, place, remedy, service=service.name)


def granted_secrets(services: Iterable[Service]) -> Iterator[str]:
    """What is secret in the files that these services are given: all of a secret, and of a config what looks like one.
    A file that can't be read gives no secret away."""
    from seatrial.model.redaction import file_secrets

    for granted in {granted: None for service in services for granted in service.granted}:
        try:
            text = granted.content if granted.content is not None else read_text(granted.file, limit=_LARGEST)
        except InputError:
            continue
        yield from file_secrets(text, whole=granted.kind == "secret")
