"""Tags and attributes of a log, as Docker makes them of the log options `tag`, `labels`, `env` and their `-regex`
forms. Pure.

A tag is text with fields of a Go template, of which the common ones are known: {{.ID}} {{.FullID}} {{.Name}}
{{.ImageName}} {{.ImageID}} {{.ImageFullID}} {{.Command}} {{.Hostname}} {{.DaemonName}}. Any other template is refused,
never printed as it stands.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Mapping

from seatrial.engine.logs.interface import Subject
from seatrial.model.errors import InputError

DEFAULT_TAG = "{{.ID}}"
_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_SHORT = 12
_FIELDS: Mapping[str, Callable[[Subject], str]] = {
    ".ID": lambda subject: subject.id[:_SHORT],
    ".FullID": lambda subject: subject.id,
    ".Name": lambda subject: subject.name.removeprefix("/"),
    ".ImageName": lambda subject: subject.image_name,
    ".ImageID": lambda subject: subject.image_id.removeprefix("sha256:")[:_SHORT],
    ".ImageFullID": lambda subject: subject.image_id,
    ".Command": lambda subject: subject.command,
    ".Hostname": lambda _subject: socket.gethostname(),
    ".DaemonName": lambda _subject: "seatrial",
}


def make_tag(template: str, subject: Subject) -> str:
    """The tag that a template stands for. InputError for what no field is known of."""

    def value(match: re.Match[str]) -> str:
        field = _FIELDS.get(match[1])
        if field is None:
            raise InputError(
                f"log option tag: the template {match[0]} is not known",
                hint=f"use text and these: {' '.join('{{' + name + '}}' for name in _FIELDS)}",
            )
        return field(subject)

    if "{{" in _ACTION.sub("", template):
        raise InputError(f"log option tag: {template!r} has a {{{{ without its end")
    return _ACTION.sub(value, template)


def extra_attributes(options: Mapping[str, str], subject: Subject) -> dict[str, str]:
    """The labels and variables of a service that its log options name."""
    found: dict[str, str] = {}
    for kind, values in (("labels", subject.labels), ("env", subject.environment)):
        names = options.get(kind, "").split(",")
        found |= {name: values[name] for name in names if name in values}
        if pattern := options.get(f"{kind}-regex"):
            matches = compiled(f"{kind}-regex", pattern)
            found |= {name: value for name, value in values.items() if matches.search(name)}
    return found


def compiled(option: str, pattern: str) -> re.Pattern[str]:
    """A regular expression of a log option."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InputError(f"log option {option}: {pattern!r} is no regular expression: {error}") from None


def go_json(value: object) -> str:
    """JSON as Go writes it: sorted, without spaces, with <, > and & escaped."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
