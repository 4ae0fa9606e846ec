"""Try `seatrial fix` on real repositories: `fix_corpus.py DIRECTORY…`, each with a repository's files in it.

Works on a copy. Of every file that a fix changes it holds that it still parses (Dockerfiles also by BuildKit's parser,
where the package `dockerfile` is installed; YAML by PyYAML), that what differs is what the edits promise, that no byte
outside of an edit and no comment is lost; of every project that a second run has nothing to do, and that no finding is
there that wasn't before. Prints what broke, and figures; the exit code is 1 if anything did.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.check import fixing
from seatrial.check.run import run
from seatrial.cli.fix_projects import projects
from seatrial.cli.fix_rounds import Options, Outcome, mend
from seatrial.files.editing import Edited, write_sources
from seatrial.files.promises import are_kept
from seatrial.model.documents import Documents
from seatrial.model.edit import Edit

TODAY = "2026-01-01"
COMMENT = re.compile(r"#[^\n\r]*")


@dataclass
class Figures:
    """What was seen."""

    looked: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    edits: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    new: Counter[str] = field(default_factory=Counter)
    rounds: Counter[int] = field(default_factory=Counter)


def main() -> int:
    """Try all, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--safe", action="store_true", help="safe fixes alone")
    arguments = parser.parse_args()
    figures, started = Figures(), time.monotonic()
    for directory in arguments.directories:
        with tempfile.TemporaryDirectory(prefix="fix-corpus-") as scratch:
            copy = Path(scratch) / directory.name
            shutil.copytree(directory, copy, symlinks=True, ignore_dangling_symlinks=True)
            try:
                _try(copy, figures, is_safe=arguments.safe)
            except Exception:
                figures.problems.append(f"{directory.name}: {traceback.format_exc()}")
    _print(figures, time.monotonic() - started)
    return 1 if figures.problems else 0


def _try(root: Path, figures: Figures, *, is_safe: bool) -> None:
    before: Counter[tuple[str, str]] = Counter()
    found = _mended(root, figures, before, is_safe=is_safe)
    for path, mended in found.mended.items():
        name, old = os.path.relpath(path, root), mended.change.source.text
        figures.changed[_kind(name, mended.change.text)] += 1
        for result in mended.rounds:
            _look(name, old, result, figures)
            old = result.text
        figures.edits.update(edit.requirement for edit in mended.done)
    for _, left in found.left:
        figures.left[f"{left.edit.requirement}: {left.reason}"] += 1
    write_sources([each.change for each in found.mended.values()])
    after: Counter[tuple[str, str]] = Counter()
    for path, again in _mended(root, Figures(), after, is_safe=is_safe).mended.items():
        kinds = sorted({edit.requirement for edit in again.done})
        figures.problems.append(
            f"{root.name}/{os.path.relpath(path, root)}: a second run has to do: {', '.join(kinds)}"
        )
    for (requirement, file), count in (after - before).items():
        figures.new[requirement] += count
        figures.problems.append(f"{root.name}/{file}: new finding: {requirement}")


def _mended(root: Path, figures: Figures, findings: Counter[tuple[str, str]], *, is_safe: bool) -> Outcome:
    """What comes of all rounds, and the findings that were there before the first."""
    rounds = 0

    def look() -> Iterator[tuple[Documents, Iterator[Edit]]]:
        nonlocal rounds
        rounds += 1
        for documents in projects(Path(), lambda _path, _error: None):
            outcome = run(documents)
            if rounds == 1:
                figures.looked.update(_kind(name, text) for name, text in documents.texts.items())
                prefix = os.path.relpath(documents.directory, root)
                findings.update((each.requirement, f"{prefix}/{each.place.file}") for each in outcome.all_findings)
            yield documents, fixing.edits(documents, outcome)

    here = Path.cwd()
    os.chdir(root)
    try:
        with contextlib.redirect_stderr(None):
            found = mend(look, Options(unsafe=not is_safe, wrong=lambda _file, _error: None))
    finally:
        os.chdir(here)
    figures.rounds[rounds] += 1
    return found


def _kind(name: str, text: str) -> str:
    base = name.rpartition("/")[2].lower()
    if base.endswith((".yml", ".yaml")):
        return "kubernetes" if re.search(r"(?m)^apiVersion:", text) else "compose"
    if "dockerfile" in base or "containerfile" in base:
        return "dockerfile"
    return "other"


def _look(name: str, old: str, result: Edited, figures: Figures) -> None:
    """Hold one changed file against what is promised."""
    figures.problems += [f"{name}: {problem}" for problem in _problems(_kind(name, result.text), old, result)]


def _problems(kind: str, old: str, result: Edited) -> Iterator[str]:
    new = result.text
    if not are_kept(old, new, result.done):
        yield "the difference is not the promised one"
    if kind in ("compose", "kubernetes") and (problem := _yaml_problem(new)):
        yield f"does not parse any more: {problem}"
    if kind == "dockerfile" and not _docker_problem(old) and (problem := _docker_problem(new)):
        yield f"BuildKit's parser refuses it: {problem}"
    missing = Counter(COMMENT.findall(old)) - Counter(COMMENT.findall(new))
    if missing:
        yield f"lost {next(iter(missing))!r}"
    if old.endswith("\n") != new.endswith("\n") and old:
        yield "the final newline is another"
    if "\r\n" in old and new.count("\n") - new.count("\r\n") != old.count("\n") - old.count("\r\n"):
        yield "line ends are mixed"
    if not _is_in_order(old, new, result):
        yield "a byte outside of the edits is another"


def _is_in_order(old: str, new: str, result: Edited) -> bool:
    """Whether what no edit replaces stands in the new text, in its order."""
    offsets = [0]
    for line in old.split("\n"):
        offsets.append(offsets[-1] + len(line) + 1)
    at, begin = 0, 0
    spans = sorted(
        (offsets[place.line - 1] + place.column - 1, offsets[place.end_line - 1] + place.end_column - 1)
        for edit in result.done
        for place, text in edit.spans
        if text or place.column != place.end_column or place.line != place.end_line
    )
    for start, end in [*spans, (len(old), len(old))]:
        found = new.find(old[begin:start], at)
        if found < 0:
            return False
        at, begin = found + start - begin, max(end, begin)
    return True


def _yaml_problem(text: str) -> str:
    import yaml

    try:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for _ in yaml.compose_all(text, Loader=loader):
            pass
    except yaml.YAMLError as error:
        return str(error).replace("\n", " ")
    return ""


def _docker_problem(text: str) -> str:
    try:
        import dockerfile
    except ImportError:
        return ""
    try:
        dockerfile.parse_string(text)
    except dockerfile.GoParseError as error:
        return str(error)
    return ""


def _print(figures: Figures, seconds: float) -> None:
    for problem in figures.problems:
        print(problem)
    print(f"\n{'looked at':12}", dict(figures.looked))
    print(f"{'changed':12}", dict(figures.changed))
    print(f"{'edits':12}", sum(figures.edits.values()), dict(figures.edits.most_common()))
    print(f"{'rounds':12}", dict(sorted(figures.rounds.items())))
    print(f"{'left':12}", sum(figures.left.values()), dict(figures.left.most_common(12)))
    print(f"{'problems':12}", len(figures.problems), f"in {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
