"""Whether an edited file differs from the one before by exactly what its edits promise, as a parser sees it.

YAML is compared as trees in which anchors, aliases and tags stay what they are; a Dockerfile instruction by
instruction; a script command by command. What can't be read surely (duplicate keys, an error anywhere) is "no".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial.files.json_positions import Lines
from seatrial.files.shell_commands import shell_commands
from seatrial.model.edit import Becomes, Edit, Execs, InsertsItem, Precedes, Sets, Substitutes


def are_kept(old: str, new: str, edits: Sequence[Edit]) -> bool:
    """Whether this is so. Never raises for what the texts hold."""
    promises = [edit.promise for edit in edits]
    yaml = [each for each in promises if isinstance(each, Sets | Substitutes | InsertsItem)]
    docker = [each for each in promises if isinstance(each, Becomes | Precedes)]
    script = [each for each in promises if isinstance(each, Execs)]
    if len(yaml) == len(promises):
        return _yaml_kept(old, new, yaml)
    if len(docker) == len(promises):
        return _dockerfile_kept(old, new, docker)
    return len(script) == len(promises) and _script_kept(old, new, script)


class _NotSureError(Exception):
    """The text or the promise is none that can be compared."""


_MAX_DEPTH = 80
"""Levels; compose files need about ten."""


def _yaml_kept(old: str, new: str, promises: Sequence[Sets | Substitutes | InsertsItem]) -> bool:
    try:
        expected = _tree(old)
        for promise in promises:
            _promised(expected, promise)
        return bool(expected == _tree(new))
    except (_NotSureError, RecursionError):
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


def _promised(roots: list[Any], promise: Sets | Substitutes | InsertsItem) -> None:
    if len(roots) != 1:
        raise _NotSureError
    table = _inside(roots[0])
    for key in promise.path[:-1]:
        table = _inside(table[key][1]) if key in table else {}
    last = promise.path[-1]
    if isinstance(promise, Sets):
        if not table:
            raise _NotSureError
        (value,) = _tree(promise.written)
        table[last] = (table[last][0] if last in table else ("", "", last, "plain"), value)
    elif last not in table:
        raise _NotSureError
    else:
        key, value = table[last]
        changed = _substituted(value, promise) if isinstance(promise, Substitutes) else _with_item(value, promise)
        table[last] = (key, changed)


def _inside(value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or not isinstance(value[2], dict):
        raise _NotSureError
    return value[2]


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


def _dockerfile_kept(old: str, new: str, promises: Sequence[Becomes | Precedes]) -> bool:
    expected = _instructions(old)
    for promise in promises:
        at = next((i for i, (line, _) in enumerate(expected) if line == promise.line), None)
        written = _instructions("FROM scratch\n" + promise.written)[1:]
        if at is None or len(written) != 1:
            return False
        if isinstance(promise, Becomes):
            expected[at] = (promise.line, written[0][1])
        else:
            expected.insert(at, (0, written[0][1]))
    return [each for _, each in expected] == [each for _, each in _instructions(new)]


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
