"""Writes docs/report-json.md from the schema of the JSON report. `--check` compares instead: 1 if they differ."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seatrial.report.json_report import schema

PAGE = Path(__file__).parent.parent / "docs" / "report-json.md"


def main() -> int:
    """Write or check the page."""
    text = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


def page() -> str:
    """The page in Markdown."""
    described = schema()
    head = (
        "# The JSON report",
        "",
        "<!-- Made by tools/report_json_docs.py from src/seatrial/report/schema.json; change that. -->",
        "",
        f"{described['description']}",
        "The schema (JSON Schema 2020-12) is in the package: `seatrial/report/schema.json`.",
        "",
        "| field | type | what it is |",
        "| --- | --- | --- |",
    )
    return "\n".join((*head, *_rows(described, ""))) + "\n"


def _rows(described: dict[str, Any], prefix: str) -> Iterator[str]:
    for name, field in described.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield f"| `{path}` | {_type(field)} | {field['description']}{_words(field)} |"
        inner = _object(field)
        array = _object(field.get("items", {}))
        yield from _rows(inner or array or {}, f"{path}." if inner else f"{path}[].")


def _object(field: dict[str, Any]) -> dict[str, Any] | None:
    choices = [field, *field.get("anyOf", ())]
    return next((each for each in choices if "properties" in each), None)


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(each) for each in reversed(field["anyOf"]))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return "string"
    kind = field["type"]
    if kind == "array":
        return f"array of {_type(field['items'])}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _words(field: dict[str, Any]) -> str:
    words = field.get("enum") or field.get("propertyNames", {}).get("enum")
    label = " One of " if "enum" in field else " Keys: "
    return label + ", ".join(f"`{'null' if word is None else word}`" for word in words) + "." if words else ""


if __name__ == "__main__":
    sys.exit(main())
