"""The part of SARIF 2.1.0 that the report uses, as a JSON Schema of our own words: every object is closed, so that a
property that the standard doesn't have (or that nobody has looked up here) is an error.

Source: OASIS, SARIF 2.1.0 with errata 01, §3.13 (log) to §3.58 (notification).
"""

from __future__ import annotations

from typing import Any


def _closed(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


_TEXT = {"type": "string"}
_BAG = {"type": "object", "properties": {"tags": {"type": "array", "items": _TEXT, "uniqueItems": True}}}
_MESSAGE = _closed("text", text=_TEXT)
_HELP = _closed("text", text=_TEXT, markdown=_TEXT)
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_FROM_ONE = {"type": "integer", "minimum": 1}
_REGION = _closed("startLine", startLine=_FROM_ONE, startColumn=_FROM_ONE, endLine=_FROM_ONE, endColumn=_FROM_ONE)
_URI = {"type": "string", "format": "uri-reference", "pattern": r"^[^\s\\\\<>\"{}|^`]*$"}
_PHYSICAL = _closed("artifactLocation", artifactLocation=_closed("uri", uri=_URI), region=_REGION)
_LOCATION = _closed("physicalLocation", physicalLocation=_PHYSICAL)
_RELATED = _closed(
    "id physicalLocation", id={"type": "integer", "minimum": -1}, physicalLocation=_PHYSICAL, message=_MESSAGE
)
_RULE = _closed(
    "id",
    id=_TEXT,
    name=_TEXT,
    shortDescription=_MESSAGE,
    fullDescription=_MESSAGE,
    help=_HELP,
    defaultConfiguration=_closed("", level=_LEVEL),
    properties=_BAG,
)
_SUPPRESSION = _closed("kind", kind={"enum": ["inSource", "external"]}, justification=_TEXT)
_RESULT = _closed(
    "message",
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level=_LEVEL,
    message=_MESSAGE,
    locations={"type": "array", "items": _LOCATION},
    relatedLocations={"type": "array", "items": _RELATED, "uniqueItems": True},
    partialFingerprints={"type": "object", "additionalProperties": _TEXT},
    suppressions={"type": "array", "items": _SUPPRESSION, "uniqueItems": True},
    properties=_BAG,
)
_DRIVER = _closed(
    "name",
    name=_TEXT,
    version=_TEXT,
    semanticVersion=_TEXT,
    informationUri={"type": "string", "format": "uri"},
    rules={"type": "array", "items": _RULE, "uniqueItems": True},
)
_NOTIFICATION = _closed("message", level=_LEVEL, message=_MESSAGE)
_INVOCATION = _closed(
    "executionSuccessful",
    executionSuccessful={"type": "boolean"},
    toolExecutionNotifications={"type": "array", "items": _NOTIFICATION},
)
_RUN = _closed(
    "tool",
    tool=_closed("driver", driver=_DRIVER),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": _RESULT},
    invocations={"type": "array", "items": _INVOCATION},
)
SARIF: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_closed(
        "version runs",
        **{"$schema": {"type": "string", "format": "uri"}, "version": {"const": "2.1.0"}},
        runs={"type": "array", "items": _RUN},
    ),
}
