"""Whether an edited file differs from the one before by exactly what its edits promise, as a parser sees it.

YAML is compared as trees in which anchors, aliases and tags stay what they are; a Dockerfile instruction by
instruction; a script command by command. What can't be read surely (duplicate keys, an error anywhere) is "no".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from seatrial.files.json_positions import Lines
from seatrial.files.shell_commands import shell_commands
from seatrial.model.edit import (
    Appends,
    Becomes,
    Edit,
    Execs,
    InsertsItem,
    Listens,
    Precedes,
    Renames,
    Sets,
    Splices,
    Substitutes,
)

_Yaml = Sets | Substitutes | InsertsItem | Renames
_Docker = Becomes | Splices | Precedes


def are_kept(old: str, new: str, edits: Sequence[Edit]) -> bool:
    """Whether this is so. Never raises for what the texts hold."""
    promises = [promise for edit in edits for promise in edit.promises]
    yaml = [each for each in promises if isinstance(each, _Yaml)]
    docker = [each for each in promises if isinstance(each, _Docker)]
    script = [each for each in promises if isinstance(each, Execs)]
    lines = [each for each in promises if isinstance(each, Appends)]
    source = [each for each in promises if isinstance(each, Listens)]
    if len(yaml) == len(promises):
        return _yaml_kept(old, new, yaml)
    if len(docker) == len(promises):
        return _dockerfile_kept(old, new, docker)
    if len(lines) == len(promises):
        return _lines_kept(old, new, lines)
    if len(source) == len(promises):
        return _source_kept(old, new, source)
    return len(script) == len(promises) and _script_kept(old, new, script)


def _lines_kept(old: str, new: str, promises: Sequence[Appends]) -> bool:
    added = [line for promise in promises for line in promise.lines]
    before = old.split("\n")
    if before[-1] == "":
        before.pop()
    found = [line.removesuffix("\r") for line in new.split("\n")]
    return found == [*(line.removesuffix("\r") for line in before), *added, *([""] if new.endswith("\n") else [])]


class _NotSureError(Exception):
    """The text or the promise is none that can be compared."""


_MAX_DEPTH = 80
"""Levels; compose files need about ten."""
_DIRECTIVE = re.compile(r"#\s*[A-Za-z]+\s*=\s*\S")


def _yaml_kept(old: str, new: str, promises: Sequence[_Yaml]) -> bool:
    try:
        expected = _tree(old)
        for promise in promises:
            _promised(expected, promise)
        return bool(expected == _tree(new))
    except (_NotSureError, RecursionError, LookupError):
        return False


def _tree(text: str) -> list[Any]:
    """The documents of a text. A scalar is `(anchor, tag, text, "plain" or "")`, an alias a text, the others are
    `[anchor, tag, list or dict]`."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    roots: list[Any] = []
    stack: list[list[Any]] = [roots]
    events: Any = yaml.parse(text, Loader=loader)
    try:
        for event in events:
            if isinstance(event, yaml.AliasEvent):
                stack[-1].append(f"*{event.anchor}")
            elif isinstance(event, yaml.ScalarEvent):
                plain = "plain" if event.implicit[0] else ""
                stack[-1].append((event.anchor or "", event.tag or "", event.value, plain))
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                if len(stack) > _MAX_DEPTH:
                    raise _NotSureError
                stack.append([])
                stack[-2].append([event.anchor, event.tag, stack[-1]])
            elif isinstance(event, yaml.MappingEndEvent):
                items = stack.pop()
                stack[-1][-1][2] = _table(items)
            elif isinstance(event, yaml.SequenceEndEvent):
                stack.pop()
    except (yaml.YAMLError, ValueError):
        raise _NotSureError from None
    return roots


def _table(items: list[Any]) -> dict[str, Any]:
    keys = items[::2]
    if not all(isinstance(key, tuple) for key in keys):
        raise _NotSureError
    table = {key[2]: (key, value) for key, value in zip(keys, items[1::2], strict=True)}
    if len(table) != len(keys):
        raise _NotSureError
    return table


def _promised(roots: list[Any], promise: _Yaml) -> None:
    if not 0 <= promise.document < len(roots) or not promise.path:
        raise _NotSureError
    table = _inside(roots[promise.document])
    for key in promise.path[:-1]:
        table = _inside(table[key][1]) if key in table else {}
    last = promise.path[-1]
    if isinstance(promise, Sets):
        _set(table, last, promise)
    elif last not in table:
        raise _NotSureError
    elif isinstance(promise, Renames):
        _rename(table, str(last), promise.name)
    else:
        key, value = table[last]
        changed = _substituted(value, promise) if isinstance(promise, Substitutes) else _with_item(value, promise)
        table[last] = (key, changed)


def _set(table: dict[Any, Any], last: str | int, promise: Sets) -> None:
    (value,) = _tree(promise.written)
    table[last] = (table[last][0] if last in table else ("", "", last, "plain"), value)


def _rename(table: dict[Any, Any], old: str, new: str) -> None:
    """Under another name, at the same place. Order isn't compared, so the place is of no matter."""
    if new in table:
        raise _NotSureError
    key, value = table.pop(old)
    table[new] = ((*key[:2], new, key[3]), value)


class _Items(dict[Any, Any]):
    """A list as a table by numbers, whose changes go into the list."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__({number: (None, item) for number, item in enumerate(items)})
        self.items_ = items

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self.items_[key] = value[1]


def _inside(value: Any) -> dict[Any, Any]:
    if not isinstance(value, list) or not isinstance(value[2], dict | list):
        raise _NotSureError
    return value[2] if isinstance(value[2], dict) else _Items(value[2])


def _substituted(value: Any, promise: Substitutes) -> Any:
    if isinstance(value, tuple):
        if value[2].count(promise.old) != 1:
            raise _NotSureError
        return (*value[:2], value[2].replace(promise.old, promise.new), value[3])
    items = value[2] if isinstance(value, list) else None
    found = [each for each in items or () if isinstance(each, tuple) and promise.old in each[2]]
    if not isinstance(items, list) or len(found) != 1:
        raise _NotSureError
    return [*value[:2], [_substituted(each, promise) if each is found[0] else each for each in items]]


def _with_item(value: Any, promise: InsertsItem) -> Any:
    items = value[2] if isinstance(value, list) else None
    if not isinstance(items, list):
        raise _NotSureError
    at = next((i for i, each in enumerate(items) if isinstance(each, tuple) and each[2] == promise.behind), None)
    if at is None:
        raise _NotSureError
    (item,) = _tree(promise.item)
    return [*value[:2], [*items[: at + 1], item, *items[at + 1 :]]]


def _dockerfile_kept(old: str, new: str, promises: Sequence[_Docker]) -> bool:
    head = _directives(old)
    before = _instructions(old)
    expected = {line: [each] for line, each in before}
    if len(expected) != len(before):
        return False
    for promise in (*_joined_splices(old, promises), *(each for each in promises if not isinstance(each, Splices))):
        written = [each for _, each in _instructions(head + "FROM scratch\n" + promise.written)[1:]]
        if promise.line not in expected or not written or (isinstance(promise, Becomes) and len(written) != 1):
            return False
        # what precedes an instruction stands in front of it, whatever itself becomes
        there = expected[promise.line]
        there[-1:] = written if isinstance(promise, Becomes) else [*written, there[-1]]
    return [each for there in expected.values() for each in there] == [each for _, each in _instructions(new)]


def _directives(text: str) -> str:
    """The parser's directives at the head, which say what a continuation is."""
    lines = []
    for line in text.split("\n"):
        if not _DIRECTIVE.match(line):
            break
        lines.append(line + "\n")
    return "".join(lines)


def _joined_splices(old: str, promises: Sequence[_Docker]) -> list[Becomes]:
    """What the instructions become that are changed in one place or in several."""
    from seatrial.files.dockerfile import read_dockerfile

    by_line: dict[int, list[Splices]] = {}
    for promise in promises:
        if isinstance(promise, Splices):
            by_line.setdefault(promise.line, []).append(promise)
    if not by_line:
        return []
    lines = Lines(old, "")
    found = []
    for each in read_dockerfile(old, "").instructions:
        place = each.place
        if place.line in by_line:
            start = lines.offset(place.line, place.column)
            text = old[start : lines.offset(place.end_line, place.end_column)]
            parts, at = [], 0
            for splice in sorted(by_line[place.line], key=lambda one: one.start):
                parts += [text[at : splice.start], splice.text]
                at = splice.end
            text = "".join(parts) + text[at:]
            found.append(Becomes(place.line, text))
    return found


def _instructions(text: str) -> list[tuple[int, tuple[object, ...]]]:
    from seatrial.files.dockerfile import read_dockerfile

    return [
        (
            each.place.line,
            (
                each.keyword,
                each.json,
                each.broken,
                tuple(word.text for word in each.words),
                tuple((flag.name, flag.value) for flag in each.flags),
                tuple((pair.name.text, pair.value.text if pair.value else None) for pair in each.pairs),
                tuple(heredoc.content for heredoc in each.heredocs),
            ),
        )
        for each in read_dockerfile(text, "").instructions
    ]


def _script_kept(old: str, new: str, promises: Sequence[Execs]) -> bool:
    before = shell_commands(old, Lines(old, "").place)
    after = shell_commands(new, Lines(new, "").place)
    places = {(promise.line, promise.column) for promise in promises}
    changed = {(each.place.line, each.place.column) for each in before} & places
    expected = [(each.words, each.before, each.execs or _at(each) in places) for each in before]
    return changed == places and expected == [(each.words, each.before, each.execs) for each in after]


def _at(command: Any) -> tuple[int, int]:
    return command.place.line, command.place.column


def _source_kept(old: str, new: str, promises: Sequence[Listens]) -> bool:
    """Lines alone: a grammar that would see more is not at hand for every language."""
    lines = old.split("\n")
    for promise in sorted(promises, key=lambda each: each.line, reverse=True):
        if not 0 < promise.line <= len(lines):
            return False
        lines[promise.line : promise.line] = promise.written.split("\n")
    return [line.removesuffix("\r") for line in new.split("\n")] == [line.removesuffix("\r") for line in lines]
