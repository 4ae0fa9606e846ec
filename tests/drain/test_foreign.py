"""Nothing of anybody else's is changed: no module patched by an import, no attribute of a foreign module set."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.drain.servers import NEEDS
from tests.requirements import require

LIBRARY = Path(__file__).parents[2] / "src" / "seatrial" / "drain"
MODULES = sorted(f"seatrial.drain.{path.stem}" for path in LIBRARY.glob("*.py") if path.stem != "__init__")
ALLOWED = {"threading.excepthook"}
"""A hook that Python documents for this; set by `run` and put back at its end."""
COMPARED = """
import sys, types

def seen():
    found = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("seatrial") or name in ("__main__", "__mp_main__") or module is None:
            continue
        for attribute, value in list(vars(module).items()):
            if isinstance(value, types.ModuleType):
                continue  # a module that was imported meanwhile becomes an attribute of its package
            found[name, attribute] = value
            if isinstance(value, type) and value.__module__ == name:
                found |= {(name, attribute, key): part for key, part in vars(value).items() if callable(part)}
    return found

for name in %(first)r:
    __import__(name)
before = seen()
known = {key[0] for key in before}
for name in %(ours)r:
    __import__(name)
after = seen()
changed = [key for key in before.keys() | after.keys() if key[0] in known and before.get(key) is not after.get(key)]
print(sorted({".".join(key) for key in changed}))
"""
FIRST = (
    "asyncio", "atexit", "concurrent.futures", "contextvars", "hmac", "http.server", "json", "logging",
    "multiprocessing", "queue", "select", "signal", "socket", "socketserver", "subprocess", "threading", "traceback",
    "uuid", "warnings",
)  # fmt: skip


@pytest.mark.slow
def test_importing_all_of_it_changes_no_foreign_module() -> None:
    for name in NEEDS:
        require("" if find_spec(name) else f"{name} is not installed")
    code = COMPARED % {"first": (*FIRST, *NEEDS), "ours": MODULES}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def foreign(tree: ast.Module) -> set[str]:
    """The names that a module's imports bind."""
    return {
        (name.asname or name.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }


def targets(node: ast.AST) -> Iterator[ast.AST]:
    """What an assignment, a deletion or a setattr changes."""
    if isinstance(node, ast.Assign | ast.Delete):
        for target in node.targets:
            yield from target.elts if isinstance(target, ast.Tuple | ast.List) else (target,)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        yield node.target
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
        yield ast.Attribute(node.args[0], "?", ast.Store())


def set_in(source: str) -> set[str]:
    """The attributes of imported things that a source sets."""
    tree = ast.parse(source)
    imported = foreign(tree)
    found = [t for node in ast.walk(tree) for t in targets(node) if isinstance(t, ast.Attribute | ast.Subscript)]
    return {ast.unparse(t) for t in found if ast.unparse(t).split(".")[0].split("[")[0] in imported}


def test_a_patch_would_be_found() -> None:
    source = "import signal, os.path as p\nsignal.alarm = None\nsetattr(p, 'join', 1)\nx = 1\na, p.sep = 1, 2"
    assert set_in(source) == {"signal.alarm", "p.?", "p.sep"}


@pytest.mark.parametrize("module", MODULES)
def test_no_attribute_of_a_foreign_module_is_set(module: str) -> None:
    source = (LIBRARY / f"{module.rpartition('.')[2]}.py").read_text(encoding="utf-8")
    # SEATRIAL_… for a program to come, and the handlers of the root logger when `configure` is called
    mine = {"logging.root.handlers[:]"} | {found for found in set_in(source) if found.startswith("os.environ[")}
    assert set_in(source) - mine <= ALLOWED
