"""The words of commands where they are written as lists: JSON, YAML's lists in one line or of a line for each word,
shell lines that go on below. So an option and its value are found though a comma, quotes or a new line stand between.

What of the words is secret is asked of the caller. It must never raise, and takes time in proportion to the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from seatrial.model.patterns import pattern
from seatrial.model.values import dataclass

Show = Callable[[tuple[str, ...]], Iterable[str]]
"""Words of a command as they are shown, each of them."""

_QUOTED = r""""(?:\\.|[^"\\])*"|'(?:[^']|'')*'"""
_VARIABLE = r"\$\{[^{}]*\}|\$?\{\{[^{}]*\}\}"
_ITEM = pattern(
    rf"""{_QUOTED}|(?:\[redacted\]|{_VARIABLE}|[^\s,\[\]{{}}"'])(?:\[redacted\]|{_VARIABLE}|[^,\[\]{{}}])*"""
)
"""Between the commas of a list."""
_WORD = pattern(rf"""{_QUOTED}|\[redacted\]|(?:{_VARIABLE}|[^\s,\[\]{{}}"'])+""")
"""Between commas or blanks."""
_DASHES = pattern(r"(?:-[ \t]+)+(?=\S)")
_KEY = pattern(r"""["']?[\w./$\-]{1,200}["']?[ \t]*:(?:[ \t]|$)""")
_NAME = pattern(r"""(?:-[ \t]+)*["']?(?P<name>[\w.\-]{1,200})["']?[ \t]*:[ \t]*(?:[>|][+\-\d]{0,2})?$""")
_PAIR_NAME = pattern(r"""(?:-[ \t]+)*["']?name["']?[ \t]*:[ \t]*["']?(?P<name>[\w.\-]{1,200})["']?[ \t]*,?$""", re.I)
_PAIR_VALUE = pattern(r"""[ \t]*(?:-[ \t]+)*["']?value["']?[ \t]*:[ \t]*(?P<value>[^ \t].*)$""", re.I)
_NO_WORDS = frozenset({"\\", "`", ":"})
_MOST_ABOVE = 40
"""Lines: no command is longer, and no file may cost more than its length."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word as a program gets it, and where it is written, with its quotes."""

    text: str
    start: int
    end: int


def of_list(line: str, show: Show) -> str:
    """A text with what `show` makes of the items of the lists in it."""
    words = tuple(_unquoted(found) for found in _ITEM.finditer(line))
    return _with(line, words, show, ()) if len(words) > 1 else line


def of_line(line: str, above: tuple[str, ...], show: Show) -> str:
    """A line of a file with what `show` makes of its words, as they go on from those of the lines above."""
    return line if _is_comment(line) else _with(line, tuple(_words(line)), show, above)


def lines_above(lines: Sequence[str], index: int) -> tuple[str, ...]:
    """The lines that a line goes on from, comments left out: the items of its list, the rest of its command."""
    found: list[str] = []
    below = lines[index]
    for above in reversed(lines[max(index - _MOST_ABOVE, 0) : index]):
        if _is_comment(above):
            continue
        if not _goes_on(above.rstrip(), below):
            break
        found.append(above)
        below = above
    return tuple(reversed(found))


def words_of(lines: Iterable[str]) -> tuple[str, ...]:
    """The words of lines of a file."""
    return tuple(word.text for each in lines for word in _words(each))


def name_above(lines: Sequence[str], index: int) -> tuple[str, int]:
    """The name of what begins at this column of a line, where another line has it: `NAME:` above, or `name: NAME`
    beside `value: …`. "" if there is none."""
    line = lines[index]
    if _is_comment(line):
        return "", 0
    above = lines[index - 1].rstrip() if index else ""
    if ":" not in above and ":" not in line:
        return "", 0  # as in most lines of a Dockerfile
    value = _PAIR_VALUE.match(line) if "value" in line.lower() else None
    if value is not None:
        near = (lines[index - 1] if index else "", lines[index + 1] if index + 1 < len(lines) else "")
        found = next((name for each in near if (name := _PAIR_NAME.fullmatch(each.strip()))), None)
        return (found["name"], value.start("value")) if found is not None else ("", 0)
    named = _NAME.fullmatch(above.lstrip()) if ":" in above else None
    if named is None or _indentation(line) <= _indentation(above) or _KEY.match(line.strip().removeprefix("- ")):
        return "", 0
    return named["name"], _indentation(line)


def _with(line: str, words: tuple[_Word, ...], show: Show, above: tuple[str, ...]) -> str:
    """The line with what is shown of its words."""
    shown = tuple(show((*above, *(word.text for word in words))))[len(above) :]
    for word, now in reversed(tuple(zip(words, shown, strict=True))):
        if now != word.text:
            mark = line[word.start]
            quoted = json.dumps(now, ensure_ascii=False) if mark == '"' else f"'{now}'" if mark == "'" else now
            line = line[: word.start] + quoted + line[word.end :]
    return line


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(("#", "//"))


def _goes_on(above: str, line: str) -> bool:
    """Whether a line belongs to what the line above has begun."""
    if not above or not line.strip():
        return False
    if above.endswith(("\\", "`")):
        return True
    indentation, before = _indentation(line), _indentation(above)
    is_item = line.lstrip().startswith("- ")
    if before > indentation or (_KEY.match(line.lstrip()) and not is_item):
        return False
    # What begins a line begins an instruction of a Dockerfile, a list of YAML's excepted.
    return is_item or indentation > before or indentation > 0


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _words(line: str) -> Iterator[_Word]:
    """The words of a line of a file. An item of a YAML list is one, whatever it holds."""
    start = _indentation(line)
    dashes = _DASHES.match(line, start)
    start = dashes.end() if dashes else start
    if dashes and line[start] not in "[{\"'" and not _KEY.match(line, start):
        item = line[start:].partition(" #")[0].rstrip()
        yield _Word(item, start, start + len(item))
        return
    for found in _WORD.finditer(line, start):
        if found.group() not in _NO_WORDS:
            yield _unquoted(found)


def _unquoted(found: re.Match[str]) -> _Word:
    text = found.group().rstrip()
    end = found.start() + len(text)
    if text[0] == '"' and "\\" not in text:
        text = text[1:-1]
    elif text[0] == '"':
        try:
            text = json.loads(text, strict=False)
        except ValueError:  # an escape that YAML or a shell knows
            text = text[1:-1]
    elif text[0] == "'":
        text = text[1:-1].replace("''", "'")
    return _Word(text, found.start(), end)
