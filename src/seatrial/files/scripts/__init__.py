"""From a declared command to the program that finally runs: package scripts, wrappers, shell lines, entrypoints."""

from seatrial.files.scripts.hops import resolve_hops
from seatrial.files.scripts.tree import Tree

__all__ = ["Tree", "resolve_hops"]
