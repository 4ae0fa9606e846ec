"""The source of what a service runs: from its command to the entry file, and from there along the imports.

Bounded in files and bytes; what was left out is named in the program, so that nobody takes a fact that is missing for
one that isn't there. It must never raise for what the files hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from seatrial.files.scripts.tree import Tree
from seatrial.files.source.modules import External, Found, Open
from seatrial.files.source.start import Start
from seatrial.model.source import Program, SourceFacts

MAX_FILES = 150
MAX_TOTAL_BYTES = 2 * 1024 * 1024
_MAX_OPEN = 5

Load = Callable[[Path, str, str], tuple[SourceFacts, int]]
"""Reads a file, which places call so, in this language ("" for that of its ending): its facts and its size."""


def read_program(start: Start, tree: Tree, load: Load) -> Program:
    """All source that the start reaches."""
    return _Reading(start, tree, load).read()


class _Reading:
    def __init__(self, start: Start, tree: Tree, load: Load) -> None:
        self.start, self.tree, self.load = start, tree, load
        self.facts: dict[str, SourceFacts] = {}
        self.links: dict[tuple[str, str], str] = {}
        self.external: set[str] = set()
        self.open: list[str] = []
        self.bytes = 0

    def read(self) -> Program:
        waiting = deque(self.start.files)
        seen = set(waiting)
        while waiting:
            if len(self.facts) >= MAX_FILES or self.bytes > MAX_TOTAL_BYTES:
                self.open.append(f"{waiting[0]} and others: there are more than {MAX_FILES} files")
                break
            for each in self._file(waiting.popleft()):
                if each not in seen:
                    seen.add(each)
                    waiting.append(each)
        shown = self.tree.shown
        return Program(
            shown + self.start.files[0],
            self.start.entry.runner,
            tuple(self.facts.values()),
            self.links,
            frozenset(self.external),
            tuple(self.open[:_MAX_OPEN]),
        )

    def _language(self, path: str) -> str:
        """That of a script without an ending, such as bin/www."""
        is_bare = path in self.start.files and "." not in path.rpartition("/")[2]
        return {"node": "javascript", "python": "python"}.get(self.start.entry.runner, "") if is_bare else ""

    def _file(self, path: str) -> Iterator[str]:
        shown = self.tree.shown
        facts, size = self.load(self.tree.context / path, shown + path, self._language(path))
        self.facts[path] = facts
        self.bytes += size
        if facts.skipped:
            self.open.append(f"{shown + path} {facts.skipped}")
        if facts.is_dynamic:
            self.open.append(f"{shown + path} loads modules whose names are computed")
        for wanted in facts.imports:
            match self.start.modules.resolve(path, wanted, facts.language):
                case Found(files):
                    self.links[shown + path, wanted.module] = shown + files[0]
                    yield from files
                case External(name):
                    self.external.add(name)
                case Open(name):
                    self.open.append(name)
