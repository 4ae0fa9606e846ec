"""Imports go one way. Each layer says what it may import of ours, and why; everything else is an error."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "seatrial"

LAYERS: dict[str, tuple[set[str], str]] = {
    "model": (set(), "values that everyone speaks in must not pull anything in"),
    "files": ({"model"}, "text becomes a model; it knows nothing of running anything"),
    "check": ({"model"}, "a requirement is a pure function of the model"),
    "audit": ({"model"}, "an adapter runs somebody's program and reads what it says; it knows no rules of ours"),
    "engine": ({"model"}, "an engine runs a service and decides nothing about verdicts"),
    "load": ({"model"}, "load knows connections and HTTP, never processes"),
    "drill": ({"model", "engine", "load"}, "a drill drives an engine and a load, and reads no files of the user's"),
    "project": ({"model", "engine"}, "many services together are still only started and stopped"),
    "report": ({"model"}, "a report turns values into strings and never sees a process or a file"),
    "drain": (set(), "it sits in other people's services and brings nothing along"),
    "cli": (
        {"model", "files", "check", "audit", "engine", "load", "drill", "project", "report"},
        "the command line puts the others together",
    ),
}
PURE = {
    "drill/judge": "verdicts are computed from recordings alone",
    "engine/contract": "the contract's tables take time as an argument",
    "report": "values in, strings out",
    "model": "frozen values",
}
IMPURE_MODULES = {"asyncio", "subprocess", "socket", "os", "ctypes", "threading", "multiprocessing", "signal", "time"}
ALLOWED_IMPURE = {
    ("model/service.py", "signal"): "names and numbers of signals",
    ("engine/contract", "signal"): "names and numbers of signals",
    ("drill/judge", "signal"): "names and numbers of signals",
    ("report", "signal"): "names and numbers of signals",
}


def modules(folder: str) -> list[Path]:
    """All Python files below a folder of the package."""
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "seatrial")


def test_every_folder_is_a_known_layer() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders <= set(LAYERS), "a new folder needs a line in LAYERS, with its why"


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_layer_imports_only_what_it_may(layer: str) -> None:
    allowed, why = LAYERS[layer]
    for path in modules(layer):
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "seatrial" and len(parts) > 1 and parts[1] not in {"__version__", layer}:
                assert parts[1] in allowed, f"{path.relative_to(ROOT)} imports {name}: {why}"


@pytest.mark.parametrize("folder", sorted(PURE))
def test_pure_code_acts_on_nothing(folder: str) -> None:
    for path in modules(folder):
        relative = str(path.relative_to(ROOT))
        for name in imported(path):
            top = name.split(".")[0]
            excused = any(relative.startswith(where) and top == module for where, module in ALLOWED_IMPURE)
            assert top not in IMPURE_MODULES or excused, f"{relative} imports {name}: {PURE[folder]}"
