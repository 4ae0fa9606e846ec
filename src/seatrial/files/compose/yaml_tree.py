"""Reads YAML into a tree with places, as compose's parser would, and says where it can't be read.

The parser's events are put together here, without recursion: hostile nesting costs nothing, and aliases share one
value, so that a "billion laughs" is counted and refused instead of being unfolded. Never raises for what a text holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from seatrial.files import yaml_parser
from seatrial.files.compose.nodes import Entry, Listing, Mark, Node, Scalar, Table, is_null
from seatrial.files.compose.scalars import resolve_tagged
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.values import dataclass, field

MAX_DEPTH = 80
"""Levels; a compose file needs about ten. Later steps walk the tree recursively and rely on this."""
MAX_UNFOLDED = 100_000
"""Values that the aliases of one document stand for: compose's own limit."""
MAX_VALUES = 250_000
"""Values that are written in one document: a hundred times those of a large one."""

_MARKS = {"!reset": Mark.RESET, "!override": Mark.OVERRIDE}
_LINE_END = pattern(r"\r\n|\r|\n")
_LINE_ENDS_OF_NO_EDITOR = "\x85\u2028\u2029"
_LINE_BREAKS = "\r\n\x85\u2028\u2029"


class YamlError(Exception):
    """A text that is no YAML that compose would take; `place` says where, `remedy` what to do."""

    def __init__(self, message: str, place: Place, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.remedy = remedy


def read_documents(data: bytes, file: str, base: str) -> list[Node]:
    """The documents of a file, each as its root node; empty ones are left out.

    `file` is what places call it, `base` the directory that its relative paths are relative to. Raises YamlError.
    """
    text = _decode(data, file)
    return _Builder(text, _Spans(text, file), base).build()


def _decode(data: bytes, file: str) -> str:
    start = Place(file, 1)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise YamlError("the file starts like UTF-16 and is none", start, "save the file as UTF-8") from None
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace").removeprefix("\ufeff")
        place = _Spans(before, file).at(len(before))
        raise YamlError(f"byte 0x{data[error.start]:02x} is not UTF-8", place, "save the file as UTF-8") from None


class _Spans:
    """Turns offsets into places."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        # The parser also counts NEL and U+2028 as line ends; no editor does, so a place must not.
        self.starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
        self.is_counted_alike = not any(end in text for end in _LINE_ENDS_OF_NO_EDITOR)

    def at(self, offset: int) -> Place:
        """The place of one character."""
        line, column = self._position(min(offset, len(self.text)))
        return Place(self.file, line, column)

    def span(self, start: int, end: int) -> Place:
        """The place from one character up to another, exclusive."""
        end = max(start, min(end, len(self.text)))
        return Place(self.file, *self._position(start), *self._position(end))

    def of(self, event: Any) -> Place:
        """The place of a whole event. The parser has counted the lines already, which saves looking for them."""
        start, end = event.start_mark, event.end_mark
        if not self.is_counted_alike or end.index >= len(self.text):
            return self.span(start.index, end.index)  # the parser also counts a line after the last one
        return Place(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1


@dataclass(slots=True)
class _Frame:
    """A container that is still open. `keys` collects a table's keys; `weight` and `depth` are of what is inside."""

    start: int
    is_table: bool
    anchor: str | None
    mark: Mark
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    merges: list[Node] = field(default_factory=list)
    key: tuple[str, Place, bool] | None = None
    weight: int = 1
    depth: int = 1


@dataclass(slots=True)
class _Builder:
    text: str
    spans: _Spans
    base: str
    frames: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int, int] | None] = field(default_factory=dict)
    roots: list[Node] = field(default_factory=list)
    unfolded: int = 0

    def build(self) -> list[Node]:
        for event in self._events():
            if isinstance(event, yaml_parser.SCALAR):
                self._scalar(event)
            elif isinstance(event, yaml_parser.ALIAS):
                self._alias(event)
            elif isinstance(event, yaml_parser.OPENING):
                self._open(event)
            elif isinstance(event, yaml_parser.CLOSING):
                self._close(event)
            elif isinstance(event, yaml_parser.DOCUMENT):
                self.anchors.clear()
                self.unfolded = 0
        return [root for root in self.roots if not is_null(root)]

    def _events(self) -> Iterator[Any]:
        try:
            yield from yaml_parser.events(self.text)
        except yaml_parser.MarkedError as error:
            raise self._explained(error) from None
        except (yaml_parser.AnyError, ValueError, RecursionError) as error:
            raise self._refused(error) from None

    def _refused(self, error: Any) -> YamlError:
        if not hasattr(error, "character"):
            return YamlError(f"not readable as YAML: {error}", self.spans.at(0))
        # The pure parser counts characters, the C one bytes.
        code = _code(error.character)
        offset = next((i for i, c in enumerate(self.text) if ord(c) == code), 0)
        remedy = "save the file as UTF-8" if code == 0 else ""
        return YamlError(f"character U+{code:04X} is not allowed", self.spans.at(offset), remedy)

    def _explained(self, error: Any) -> YamlError:
        mark: Any = error.problem_mark or error.context_mark
        offset = mark.index if mark else 0
        message = error.problem or error.context or "not readable as YAML"
        remedy = ""
        if self.text[offset : offset + 1] == "\t" or "\\t" in message:
            message, remedy = "a tab stands where YAML wants spaces", "indent with spaces"
        elif error.context and error.context != message:
            opened: Any = error.context_mark
            since = f" that starts on line {self.spans.at(opened.index).line}" if opened else ""
            message = f"{message} {error.context}{since}"
        return YamlError(message, self.spans.at(offset), remedy)

    def _fail(self, message: str, event: Any, remedy: str = "") -> YamlError:
        return YamlError(message, self.spans.span(event.start_mark.index, event.end_mark.index), remedy)

    def _scalar(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        plain = bool(event.implicit[0]) and event.tag != "!"
        mark = _MARKS.get(event.tag or "", Mark.NONE)
        start = self._content_start(event, start, end)
        text: str = event.value
        indent = 0 if self.text[start:end] == text else 1 if self.text[start + 1 : end - 1] == text else -1
        # A value with a tag of compose's own is a string to compose's parser: `!override 5` is "5".
        tag = "" if event.tag == "!" else event.tag or ""
        place = self.spans.of(event) if start == event.start_mark.index else self.spans.span(start, end)
        if self._is_key():
            is_merge = plain and not tag and text == "<<"
            self._set_key(text, place, is_merge, event)
            return
        try:
            value = resolve_tagged(text, tag, plain)
        except ValueError as error:
            raise self._fail(str(error), event) from None
        node = Scalar(value, place, self.base, mark, indent)
        self._anchor(event.anchor, node, 1, 0)
        self._add(node, 1, 0)

    def _content_start(self, event: Any, start: int, end: int) -> int:
        # The parser's span starts at the anchor or tag; a place is that of the value itself.
        while event.anchor is not None or event.tag is not None:
            if start >= end or self.text[start] not in "&!":
                break
            while start < end and not self.text[start].isspace():
                start += 1
            while start < end and self.text[start].isspace():
                start += 1
        return start

    def _alias(self, event: Any) -> None:
        found = self.anchors.get(event.anchor)
        if found is None:
            known = event.anchor in self.anchors
            what = "contains itself" if known else "is not defined before this"
            raise self._fail(f"the anchor {event.anchor!r} {what}", event)
        node, weight, depth = found
        if self._is_key():
            text = node.value if isinstance(node, Scalar) else None
            if not isinstance(text, str):
                raise self._fail("a key must be a string", event)
            self._set_key(text, self.spans.span(event.start_mark.index, event.end_mark.index), False, event)
            return
        self.unfolded += weight
        if self.unfolded > MAX_UNFOLDED:
            raise self._fail(f"more than {MAX_UNFOLDED} values once every alias is unfolded", event)
        self._add(node, weight, depth)

    def _open(self, event: Any) -> None:
        if self._is_key():
            raise self._fail("a key must be a string, not a list or a mapping", event)
        if len(self.frames) >= MAX_DEPTH:
            raise self._fail(f"nested deeper than {MAX_DEPTH} levels", event)
        is_table = isinstance(event, yaml_parser.TABLE)
        mark = _MARKS.get(event.tag or "", Mark.NONE)
        start = self._content_start(event, event.start_mark.index, len(self.text))
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.frames.append(_Frame(start, is_table, event.anchor, mark))

    def _close(self, event: Any) -> None:
        frame = self.frames.pop()
        end = event.end_mark.index
        while end > frame.start and self.text[end - 1 : end] in (" ", "\t", *_LINE_BREAKS):
            end -= 1
        place = self.spans.span(frame.start, end)
        if frame.is_table:
            entries = self._merged(frame)
            node: Node = Table(entries, place, self.base, frame.mark)
        else:
            node = Listing(tuple(frame.items), place, self.base, frame.mark)
        self._anchor(frame.anchor, node, frame.weight, frame.depth)
        self._add(node, frame.weight, frame.depth)

    def _merged(self, frame: _Frame) -> dict[str, Entry]:
        # Keys of the table itself win over merged ones, and an earlier merged table over a later one.
        entries = dict(frame.entries)
        for source in frame.merges:
            tables = source.items if isinstance(source, Listing) else (source,)
            for table in tables:
                if not isinstance(table, Table):
                    raise YamlError("`<<` needs a mapping or a list of mappings", table.place)
                for key, entry in table.entries.items():
                    entries.setdefault(key, entry)
        return entries

    def _anchor(self, name: str | None, node: Node, weight: int, depth: int) -> None:
        if name is not None:
            self.anchors[name] = (node, weight, depth)

    def _is_key(self) -> bool:
        return bool(self.frames) and self.frames[-1].is_table and self.frames[-1].key is None

    def _set_key(self, text: str, place: Place, is_merge: bool, event: Any) -> None:
        frame = self.frames[-1]
        if not is_merge and text in frame.entries:
            first = frame.entries[text].place.line
            raise self._fail(f"the key {text!r} is already defined on line {first}", event, "keep one of the two")
        if is_merge and frame.merges:
            raise self._fail("`<<` is given twice", event, "write one `<<: [*first, *second]`")
        frame.key = (text, place, is_merge)

    def _add(self, node: Node, weight: int, depth: int) -> None:
        if not self.frames:
            self.roots.append(node)
            return
        frame = self.frames[-1]
        frame.weight += weight
        frame.depth = max(frame.depth, depth + 1)
        if frame.weight - self.unfolded > MAX_VALUES:
            raise YamlError(f"more than {MAX_VALUES} values in one document", node.place, "make several files of it")
        if len(self.frames) + depth > MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} levels once every alias is unfolded", node.place)
        if not frame.is_table:
            frame.items.append(node)
        elif frame.key is not None:
            text, place, is_merge = frame.key
            frame.key = None
            if is_merge:
                frame.merges.append(node)
            else:
                frame.entries[text] = Entry(place, node)


def _code(character: int | str | bytes) -> int:
    return character if isinstance(character, int) else ord(character[:1])
