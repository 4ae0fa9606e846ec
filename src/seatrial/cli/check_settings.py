"""Settings of `seatrial check` from files: `seatrial.toml`, or `[tool.seatrial]` of a pyproject.toml.

The nearest file counts, from the working directory upwards to the repository's root. Keys: `select`, `ignore` (lists of
names), `fail-on`, `baseline`. What the command line says goes before.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from seatrial.files.reading import is_regular, read_text
from seatrial.model.errors import InputError
from seatrial.model.place import Place
from seatrial.model.values import dataclass, replace

_LEVELS = ("error", "warning", "info", "never")
_KEYS = ("select", "ignore", "fail-on", "baseline")


@dataclass(frozen=True, slots=True)
class Settings:
    """What was said. `baseline` is a path that can be opened from here."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str = "warning"
    baseline: str | None = None

    def overridden(
        self, *, select: tuple[str, ...], ignore: tuple[str, ...], fail_on: str | None, baseline: str | None
    ) -> Settings:
        """With what the command line says in front: `--select` replaces, `--ignore` adds."""
        for name in (*select, *ignore):
            _refuse_unknown(name, None)
        return replace(
            self,
            select=select or self.select,
            ignore=(*self.ignore, *ignore),
            fail_on=fail_on or self.fail_on,
            baseline=baseline or self.baseline,
        )


def read_settings(file: Path | None) -> Settings:
    """The settings of this file, or of the nearest one. Raises InputError for what isn't understood."""
    if file is None:
        return _nearest(Path.cwd())
    text = read_text(file, str(file))
    return _settings(_table(text, file) or {}, file)


def _nearest(start: Path) -> Settings:
    for directory in (start, *start.parents):
        for name in ("seatrial.toml", "pyproject.toml"):
            file = directory / name
            if is_regular(file):
                text = read_text(file, str(file))
                table = _table(text, file) if name == "seatrial.toml" or "tool.seatrial" in text else None
                if table is not None:
                    return _settings(table, file)
        if (directory / ".git").exists():
            break
    return Settings()


def _table(text: str, file: Path) -> dict[str, Any] | None:
    """The table with our keys; None where the file has none."""
    import tomllib

    try:
        root: Any = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not valid TOML: {error}", place=Place(str(file), 1)) from error
    if file.name == "pyproject.toml":
        root = root.get("tool", {})
        root = root.get("seatrial") if isinstance(root, dict) else None
    if isinstance(root, dict) and isinstance(root.get("check"), dict):
        root = root["check"]
    return root if isinstance(root, dict) else None


def _settings(table: dict[str, Any], file: Path) -> Settings:
    place = Place(str(file), 1)
    for key in table:
        if key not in _KEYS:
            raise InputError(f"{key!r} is no setting", place=place, hint="the settings are: " + ", ".join(_KEYS))
    level = table.get("fail-on", "warning")
    if level not in _LEVELS:
        raise InputError(f"fail-on is {level!r}", place=place, hint="write one of: " + ", ".join(_LEVELS))
    baseline = table.get("baseline")
    if baseline is not None and not isinstance(baseline, str):
        raise InputError("baseline is not a file's name", place=place)
    return Settings(
        _list(table, "select", place),
        _list(table, "ignore", place),
        level,
        str(file.parent / baseline) if baseline else None,
    )


def _list(table: dict[str, Any], key: str, place: Place) -> tuple[str, ...]:
    names = table.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{key} is not a list of names", place=place, hint=f'{key} = ["log-rotation"]')
    for name in names:
        _refuse_unknown(name, place)
    return tuple(names)


def _refuse_unknown(name: str, place: Place | None) -> None:
    from seatrial.model import catalogue

    if name == "syntax" or catalogue.find(name) is not None:
        return
    from difflib import get_close_matches

    close = get_close_matches(name, [each.name for each in catalogue.REQUIREMENTS], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "seatrial list"
    raise InputError(f"no requirement is called {name!r}", place=place, hint=hint)


def known_findings(file: str | None) -> Counter[tuple[str, str, str, str]]:
    """What this baseline has; nothing without one. Raises InputError."""
    if not file:
        return Counter()
    from seatrial.check import baseline
    from seatrial.files.reading import read_text

    return baseline.read(read_text(Path(file), file, limit=64 * 1024 * 1024), file)
