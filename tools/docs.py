"""Write the parts of the docs that the code knows; with `--check`, fail where one is out of date.

- docs/requirements.md: the catalogue, with what the drill does for each requirement
- docs/report-json.md: the JSON report, from its schema
- docs/drain.md: the diagram of the stop, from its table
- docs/contract.md: the diagrams and tables of the contract
- README.md, docs/check.md and docs/drill.md: the blocks of `--help`
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from seatrial.model.catalogue import REQUIREMENTS, Requirement

ROOT = Path(__file__).parent.parent
INTRODUCTION = """\
# Requirements

One line, one name: the verdict of a drill, its page and its option all use it. `S` can be read from files, `D` is
proved by running the service. This version drills those that have a chapter below; `seatrial explain NAME` prints one.
"""


def requirements() -> str:
    """The page of the catalogue."""
    parts = [INTRODUCTION]
    for group, found in groupby(REQUIREMENTS, key=lambda requirement: requirement.group):
        parts.append(f"\n## {group}\n\n| name | sides | what it asks |\n| --- | --- | --- |\n")
        parts.extend(_row(requirement) for requirement in found)
    parts.extend(_chapter(requirement) for requirement in REQUIREMENTS if requirement.drilled)
    return "".join(parts)


def _row(requirement: Requirement) -> str:
    name = f"[`{requirement.name}`](#{requirement.name})" if requirement.drilled else f"`{requirement.name}`"
    return f"| {name} | {requirement.sides} | {requirement.title} |\n"


def _chapter(requirement: Requirement) -> str:
    return (
        f"\n### {requirement.name}\n\n{requirement.asks}\n\n**Proof.** {requirement.proof}\n\n"
        f"**What to do.** {requirement.advice}\n"
    )


def with_help(name: str, *command: str) -> str:
    """A page with the real help of a command in its block."""
    argv = [sys.executable, "-m", "seatrial", *command, "--help"]
    environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
    shown = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment).stdout
    text = (ROOT / name).read_text(encoding="utf-8")
    block = f"<!-- help -->\n```\n{shown.rstrip()}\n```\n<!-- /help -->"
    return re.sub(r"<!-- help -->.*?<!-- /help -->", lambda _: block, text, flags=re.DOTALL)


def report_json() -> str:
    """The page of the JSON report."""
    sys.path.insert(0, str(ROOT / "tools"))
    import report_json_docs

    return str(report_json_docs.page())


def drain() -> str:
    """The page of the library, with the diagram of its table."""
    sys.path.insert(0, str(ROOT / "tools"))
    import drain_docs

    return str(drain_docs.page((ROOT / "docs/drain.md").read_text(encoding="utf-8")))


def contract() -> str:
    """The page of the contract, with the diagrams of its tables and of what is compared."""
    sys.path[:0] = [str(ROOT / "tools"), str(ROOT)]
    import contract_docs

    return str(contract_docs.page((ROOT / "docs/contract.md").read_text(encoding="utf-8")))


PAGES: dict[str, Callable[[], str]] = {
    "docs/requirements.md": requirements,
    "docs/report-json.md": report_json,
    "docs/drain.md": drain,
    "docs/contract.md": contract,
    "docs/check.md": lambda: with_help("docs/check.md", "check"),
    "docs/drill.md": lambda: with_help("docs/drill.md", "drill"),
    "README.md": lambda: with_help("README.md"),
}


def main() -> int:
    """Write or check every page; 1 if one is out of date."""
    stale = []
    for name, page in PAGES.items():
        path, text = ROOT / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
            print(f"written: {name}")
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)} (make docs)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
