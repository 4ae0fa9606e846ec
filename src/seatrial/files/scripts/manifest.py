"""What a package.json, pyproject.toml or Pipfile says about commands, with the place of each.

A broken file is a finding with its place and counts as empty. It must never raise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from seatrial.files import disk
from seatrial.files.json_positions import JsonError, Lines, Node, parse
from seatrial.files.reading import is_regular, read_text
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass, field

MAX_WORKSPACES = 200


@dataclass(frozen=True, slots=True)
class Manifest:
    """Commands by name. `file` is the path as shown; `problems` what could not be read."""

    directory: Path
    file: str
    name: str = ""
    scripts: Mapping[str, Sourced[str]] = field(default_factory=dict)
    programs: Mapping[str, Sourced[str]] = field(default_factory=dict)
    """Programs that the project itself installs: package.json `bin`, pyproject `[project.scripts]`."""
    workspaces: tuple[str, ...] = ()
    problems: tuple[Finding, ...] = ()


def read_package_json(path: Path, shown: str) -> Manifest:
    """The scripts of a package.json; spans are those of the values, quotes included."""
    try:
        text = read_text(path, shown)
    except InputError as error:
        return _broken(path, shown, error.place or Place(shown, 1), error.message)
    lines = Lines(text, shown)
    try:
        root = parse(text)
    except JsonError as error:
        return _broken(path, shown, lines.place(error.offset), f"is not valid JSON: {error.message}")
    name = root.text("name") or ""
    programs = _strings(root.get("bin"), lines)
    lone = root.get("bin")
    if lone is not None and isinstance(lone.value, str) and name:
        programs = {name.rpartition("/")[2]: Sourced(lone.value, lines.place(lone.start, lone.end))}
    return Manifest(path.parent, shown, name, _strings(root.get("scripts"), lines), programs, _workspaces(root))


def read_pyproject(path: Path, shown: str) -> Manifest:
    """The scripts of a pyproject.toml ([project.scripts], poetry's, rye's, pdm's) or of a Pipfile."""
    import tomllib

    try:
        text = read_text(path, shown)
        root = tomllib.loads(text)
    except InputError as error:
        return _broken(path, shown, error.place or Place(shown, 1), error.message)
    except (ValueError, RecursionError) as error:
        found = re.search(r"at line (\d+), column (\d+)", str(error))
        place = Place(shown, int(found.group(1)), int(found.group(2))) if found else Place(shown, 1)
        return _broken(path, shown, place, f"is not valid TOML: {error}")
    programs: dict[str, Sourced[str]] = {}
    for keys in (("tool", "poetry", "scripts"), ("project", "scripts")):
        programs.update(_toml_strings(root, keys, text, shown))
    scripts: dict[str, Sourced[str]] = {}
    tables: tuple[tuple[str, ...], ...] = (("tool", "rye", "scripts"), ("tool", "pdm", "scripts"), ("scripts",))
    for table in tables:
        scripts.update(_toml_strings(root, table, text, shown))
    name = _table(root, ("project",)).get("name", "")
    return Manifest(path.parent, shown, name if isinstance(name, str) else "", scripts, programs)


def workspace_manifest(root: Manifest, wanted: str) -> Manifest | None:
    """The package.json of the workspace that has this name or lies at this path."""
    below = Path(disk.real_path(root.directory / wanted / "package.json"))
    if is_regular(below) and below.is_relative_to(disk.real_path(root.directory)):
        return read_package_json(root.directory / wanted / "package.json", _beside(root.file, wanted))
    looked_at = 0
    for pattern in root.workspaces:
        for path in _glob(root.directory, pattern):
            looked_at += 1
            if looked_at > MAX_WORKSPACES:
                return None
            manifest = read_package_json(path, _beside(root.file, path.parent.relative_to(root.directory).as_posix()))
            if manifest.name == wanted:
                return manifest
    return None


def _glob(directory: Path, pattern: str) -> list[Path]:
    if pattern.startswith(("/", "!")) or ".." in pattern or "**" in pattern:
        return []
    found = [directory]
    for step in pattern.strip("/").split("/"):
        found = [each / name for each in found for name in _matching(each, step)][:MAX_WORKSPACES]
    return [path for each in found if is_regular(path := each / "package.json")]


def _matching(directory: Path, step: str) -> list[str]:
    """The names in a directory that one part of a pattern means."""
    if step in ("", "."):
        return ["."]
    if not set(step) & set("*?["):
        return [step]
    return [name for name, _ in disk.entries(directory) if fnmatchcase(name, step) and name[:1] != "."]


def _beside(file: str, directory: str) -> str:
    return file.removesuffix("package.json") + directory.removeprefix("./").rstrip("/") + "/package.json"


def _broken(path: Path, shown: str, place: Place, reason: str) -> Manifest:
    finding = Finding("syntax", Severity.ERROR, f"{path.name} {reason}", place, remedy="mend the file at this place")
    return Manifest(path.parent, shown, problems=(finding,))


def _strings(node: Node | None, lines: Lines) -> dict[str, Sourced[str]]:
    if node is None or not isinstance(node.value, dict):
        return {}
    return {
        key: Sourced(value.value, lines.place(value.start, value.end))
        for key, value in node.value.items()
        if isinstance(value.value, str)
    }


def _workspaces(root: Node) -> tuple[str, ...]:
    node = root.get("workspaces", "packages") or root.get("workspaces")
    if node is None or not isinstance(node.value, tuple):
        return ()
    return tuple(item.value for item in node.value if isinstance(item.value, str))


def _table(root: Mapping[str, Any], keys: tuple[str, ...]) -> Mapping[str, Any]:
    table: Any = root
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}


def _toml_strings(root: Mapping[str, Any], keys: tuple[str, ...], text: str, shown: str) -> dict[str, Sourced[str]]:
    found: dict[str, Sourced[str]] = {}
    for name, value in _table(root, keys).items():
        line = _toml_line(value)
        if line is not None:
            found[name] = Sourced(line, _toml_place(text, keys, name, shown))
    return found


def _toml_line(value: Any) -> str | None:
    """A script's line: a string, a list of words, or one of these in a table (poetry, pdm, rye)."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("cmd", "shell", "reference", "callable") if key in value), None)
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        import shlex

        return shlex.join(value)
    return value if isinstance(value, str) else None


def _toml_place(text: str, keys: tuple[str, ...], name: str, shown: str) -> Place:
    """The place of a value by searching for its table and key; the file's first line where that fails."""
    dotted = r"\s*\.\s*".join(rf"[\"']?{re.escape(key)}[\"']?" for key in keys)
    header = re.compile(rf"^\s*\[\s*{dotted}\s*\]")
    key_line = re.compile(rf"^\s*[\"']?{re.escape(name)}[\"']?\s*=\s*(?=\S)")
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if header.match(line):
            inside = True
        elif line.lstrip().startswith("[") and not line.lstrip().startswith("[["):
            inside = False
        elif inside and (found := key_line.match(line)):
            return Place(shown, number, found.end() + 1, number, len(line.rstrip()) + 1)
    return Place(shown, 1)
