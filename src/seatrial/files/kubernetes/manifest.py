"""Reads one file of manifests: which of its documents matter, and what stands in the way of reading it.

Documents of other kinds are blanked before the parser sees them: a file of custom resource definitions may have
fifty thousand lines, of which none is about a workload. Pure; never raises for what a file holds.
"""

from __future__ import annotations

import re
from itertools import pairwise

from seatrial.files.compose.yaml_tree import YamlError, read_documents
from seatrial.files.kubernetes import looks_like_manifest
from seatrial.files.kubernetes.objects import KINDS, Objects
from seatrial.model.finding import Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced

_KIND = pattern(r"""kind["']?[ \t]*:[ \t]*["']?(?:\w*List|{})\b""".format("|".join(KINDS)))
"""It begins with plain letters, which are looked for much faster than anything else."""
_OF_BALANCERS = ("alb.ingress.kubernetes.io/", "nginx.ingress.kubernetes.io/", "upstream-keepalive-timeout")
"""Of Ingresses and ConfigMaps those alone matter that say one of these: texts, which are looked for fastest."""
_SEPARATOR = pattern(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_TEMPLATED = pattern(r"\{\{|\{%|<%|^#@|^\s*\(\(|^<<<<<<< ", re.MULTILINE)
_NO_LINE_END = pattern(r"[^\r\n]+")
_DIRECTIVE = pattern(r"^%", re.MULTILINE)


def is_sure_manifest(data: bytes) -> bool:
    """Whether the text says outright that it is one of the kinds that are read."""
    return looks_like_manifest(data) and bool(_KIND.search(data.decode("utf-8", "replace")))


def read_manifest(data: bytes, file: str, objects: Objects) -> Sourced[str] | None:
    """Read a file into `objects`; what is wrong becomes findings there. Gives the reason if it is left out."""
    if not looks_like_manifest(data):
        return None
    text = _relevant(data.decode("utf-8", "replace").removeprefix("\ufeff"))
    if text is None:
        return None
    try:
        roots = read_documents(data if b"\xff" in data or b"\xfe" in data else text.encode(), file, "")
    except YamlError as error:
        place = error.place
        if _TEMPLATED.search(text):
            return Sourced("is a template, and not read", Place(file, 1))
        # A parser that isn't strict takes the last of two equal keys: wrong, yet the cluster may have it.
        severity = Severity.WARNING if "already defined" in error.message else Severity.ERROR
        objects.findings.append(Finding("syntax", severity, error.message, place, error.remedy or _HINT))
        return None
    for root in roots:
        objects.add(root)
    return None


_HINT = "`kubectl apply --dry-run=client -f` says what it makes of the file"


def _relevant(text: str) -> str | None:
    """The text with all documents blanked that hold nothing of interest, None if none does."""
    if not _matters(text):
        return None
    if _DIRECTIVE.search(text):
        return text
    starts = [match.start() for match in _SEPARATOR.finditer(text)]
    edges = [0, *(start for start in starts if start), len(text)]
    parts = [text[start:end] for start, end in pairwise(edges)]
    return "".join(part if _matters(part) else _blank(part) for part in parts)


def _matters(text: str) -> bool:
    return bool(_KIND.search(text)) or any(mark in text for mark in _OF_BALANCERS)


def _blank(part: str) -> str:
    # Lines are what places need. A separator has to stay one, for the document before it ends there.
    separator = "---" if part.startswith("---") else ""
    return separator + _NO_LINE_END.sub("", part)
