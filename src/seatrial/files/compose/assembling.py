"""Puts the files of a project together: include, reset, extend, override, in compose's own order.

Decides the order and nothing else: each step has its own module.
"""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.files.compose.extending import apply_extends
from seatrial.files.compose.including import apply_includes
from seatrial.files.compose.interpolation import Lookup
from seatrial.files.compose.loading import MAX_FILES, Loader
from seatrial.files.compose.merging import merge, without_resets
from seatrial.files.compose.nodes import Table
from seatrial.model.place import Place
from seatrial.model.values import replace


def load(loader: Loader, paths: Sequence[str], base: str, lookup: Lookup, within: tuple[str, ...] = ()) -> Table:
    """The tree of these files, the later on top of the earlier.

    `base` is what their relative paths are relative to, `within` the files that include them, outermost first.
    """
    loader.loads += 1
    merged = Table({}, Place(loader.shown(paths[0]), 1), base)
    if loader.loads > MAX_FILES:
        loader.problems.error(f"more than {MAX_FILES} files are included", merged.place)
        return merged
    for path in paths:
        for document in loader.documents(path, base, None):
            tree = loader.interpolated(document, lookup)
            # Included first, so that services can extend what comes from there.
            tree = apply_includes(loader, tree, lookup, (*within, path), load)
            merged = without_resets(merged, tree)
            tree = apply_extends(loader, tree, path, lookup)
            result = merge(merged, tree, loader.problems)
            if isinstance(result, Table):
                merged = replace(result, place=document.place)
    return merged
