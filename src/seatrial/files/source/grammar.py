"""The grammars: loaded when the first file of their kind is parsed, with a limit on what a parse may cost.

Where tree-sitter isn't installed nothing is parsed, and the facts say so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from seatrial.model.values import dataclass

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Query

PARSE_SECONDS = 1.0
"""A file of the largest size that is read takes a tenth of it; a hostile one is given up."""
MAX_DEPTH = 1000
"""Levels of the syntax tree that are looked at: looking is quadratic in the depth, and programs have about thirty."""
MAX_PIECES = 2000
"""Pieces of a file with errors that are looked at."""
MAX_NAMED = 200
_CHUNK = 64 * 1024

_MODULES = {
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "python": ("tree_sitter_python", "language"),
}


@dataclass(frozen=True, slots=True)
class Grammar:
    """A language's parser, and its compiled query."""

    language: Language
    parser: Parser
    query: Query


@cache
def grammar(name: str, query: str) -> Grammar:
    """The grammar of a language. Raises ImportError where it isn't installed."""
    from tree_sitter import Language, Parser, Query

    module, function = _MODULES[name]
    language = Language(getattr(_binding(module), function)())
    return Grammar(language, Parser(language), Query(language, query))


def _binding(package: str) -> Any:
    """The compiled part of a grammar's package. The rest of it imports a third of the standard library, for queries
    that are not ours; that costs more than parsing a file."""
    found = PathFinder.find_spec(package)
    places = found.submodule_search_locations if found else None
    spec = PathFinder.find_spec(f"{package}._binding", places) if places else None
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    binding = spec.loader.create_module(spec)
    if binding is None:
        raise ImportError(f"{package} has no compiled part", name=package)
    spec.loader.exec_module(binding)
    return binding


def captures(name: str, query: str, data: bytes) -> tuple[Node, dict[str, list[Node]]] | None:
    """The root of the file and the nodes that the query finds; None where that would take too long."""
    from tree_sitter import QueryCursor

    found = grammar(name, query)
    until = time.monotonic() + PARSE_SECONDS

    def read(offset: int, _point: object) -> bytes:
        return data[offset : offset + _CHUNK]

    def is_late(_offset: int, _has_error: bool) -> bool:
        return time.monotonic() > until

    try:
        tree = found.parser.parse(read, progress_callback=is_late)
    except ValueError:
        tree = None
    if tree is None:
        found.parser.reset()
        return None
    if _is_rubble(tree.root_node):
        return None
    cursor = QueryCursor(found.query)
    cursor.set_max_start_depth(MAX_DEPTH)
    return tree.root_node, cursor.captures(tree.root_node)


def _is_rubble(root: Node) -> bool:
    """Whether most of the file is one error: looking for something in it is quadratic in its length."""
    if not root.has_error:
        return False
    return root.child_count > MAX_PIECES or any(
        each.child_count > MAX_PIECES for each in root.children if each.type == "ERROR"
    )


def named(root: Node, data: bytes, words: re.Pattern[bytes], kinds: tuple[str, ...]) -> Iterator[Node]:
    """The nodes of these kinds that are exactly such a word. A query that compares texts costs far more."""
    for number, match in enumerate(words.finditer(data)):
        if number >= MAX_NAMED:
            return
        node = root.named_descendant_for_byte_range(match.start(), match.end())
        if node is not None and node.type in kinds and (node.start_byte, node.end_byte) == match.span():
            yield node
