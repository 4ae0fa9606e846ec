"""The difference of two texts as a unified diff. Pure.

Lines that stand once in either text are found in each other first, and what is between them is compared piece by piece:
a file of ten thousand lines with an edit in every third costs no more than its length.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import Match, SequenceMatcher

_CONTEXT = 3


def unified_diff(old: str, new: str, name: str, *, is_new: bool = False) -> str:
    """What `git apply` and `patch -p1` take; "" where nothing differs. `is_new` says that there is no such file yet."""
    before, after = _lines(old), _lines(new)
    hunks = [_hunk(before, after, group) for group in _Matcher(None, before, after).get_grouped_opcodes(_CONTEXT)]
    head = f"--- {'/dev/null' if is_new else f'a/{name}'}\n+++ b/{name}\n"
    return head + "".join(hunks) if hunks else ""


def _lines(text: str) -> list[str]:
    # Not splitlines(): a form feed or U+2028 ends no line.
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)


class _Matcher(SequenceMatcher[str]):
    """Matches the lines that are in both texts once, then the pieces between them."""

    def set_seqs(self, a: Sequence[str], b: Sequence[str]) -> None:
        """Take the lines, without the index over all of them that the pieces don't need."""
        self.a, self.b = a, b
        self.opcodes: list[tuple[str, int, int, int, int]] | None = None

    def get_matching_blocks(self) -> list[Match]:
        """The stretches that both have, in order, no two of them adjacent; an empty one at the end."""
        joined: list[Match] = []
        for start, there, size in self._pieces():
            last = joined[-1] if joined else Match(0, 0, 0)
            if (last.a + last.size, last.b + last.size) == (start, there):
                joined[-1:] = [Match(last.a, last.b, last.size + size)]
            else:
                joined.append(Match(start, there, size))
        return [*joined, Match(len(self.a), len(self.b), 0)]

    def _pieces(self) -> Iterator[Match]:
        at, there = 0, 0
        for start, other in _anchors(self.a, self.b):
            yield from _between(self.a[at:start], self.b[there:other], at, there)
            yield Match(start, other, 1)
            at, there = start + 1, other + 1
        yield from _between(self.a[at:], self.b[there:], at, there)


def _anchors(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the lines stand that are in both texts once. No edit moves lines; one that was moved is no anchor."""
    once = {line for line, times in Counter(new).items() if times == 1}
    numbers = {line: number for number, line in enumerate(new) if line in once}
    times = Counter(old)
    behind = -1
    for number, line in enumerate(old):
        if times[line] == 1 and numbers.get(line, -1) > behind:
            behind = numbers[line]
            yield number, behind


def _between(old: Sequence[str], new: Sequence[str], at: int, there: int) -> Iterator[Match]:
    if not old or not new:
        return
    for found in SequenceMatcher(None, old, new).get_matching_blocks()[:-1]:
        yield Match(at + found.a, there + found.b, found.size)


def _hunk(old: Sequence[str], new: Sequence[str], group: Sequence[tuple[str, int, int, int, int]]) -> str:
    (_, start, _, there, _), (_, _, end, _, until) = group[0], group[-1]
    lines = []
    for tag, first, last, other, behind in group:
        if tag == "equal":
            lines += [" " + line for line in old[first:last]]
        else:
            lines += ["-" + line for line in old[first:last]]
            lines += ["+" + line for line in new[other:behind]]
    body = "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)
    return f"@@ -{_range(start, end)} +{_range(there, until)} @@\n{body}"


def _range(start: int, end: int) -> str:
    """`line,count` as POSIX's diff -u writes it: the line before, where nothing is there."""
    count = end - start
    return f"{start + 1}" if count == 1 else f"{start + (count > 0)},{count}"
