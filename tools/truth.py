"""Run `seatrial check` over the repositories of the record of truth, and hold what it says against what was judged.

    git clone https://github.com/OWNER/NAME CORPUS/OWNER+NAME && git -C CORPUS/OWNER+NAME checkout COMMIT
    python tools/truth.py CORPUS

The repositories and their commits are in tests/check/truth/repositories.json. What isn't there is left out, and said.
Ends with 1 where a finding that was judged right is gone, or one that was judged wrong and mended is back.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

TRUTH = Path(__file__).parent.parent / "tests" / "check" / "truth"
Key = tuple[str, str, int, str]
"""Repository, path, line, rule."""


class Ran(NamedTuple):
    """What one run over a repository gave."""

    name: str
    findings: list[dict[str, Any]]
    files: int
    seconds: float

    @property
    def keys(self) -> set[Key]:
        """What tells its findings apart."""
        return {
            (self.name, each["place"]["file"], each["place"]["line"], each["requirement"]) for each in self.findings
        }


def read(name: str) -> Any:
    """One file of the record."""
    return json.loads((TRUTH / name).read_text(encoding="utf-8"))


def key(entry: dict[str, Any]) -> Key:
    """What tells a judged finding apart."""
    return entry["repository"], entry["path"], entry["line"], entry["rule"]


def run(name: str, directory: Path) -> Ran:
    """Check one repository. Raises CalledProcessError where the check itself breaks: that is a bug."""
    command = [sys.executable, "-m", "seatrial", "check", "--no-cache", "--format", "json", "--fail-on", "never", "."]
    start = time.monotonic()
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 2, 3):
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    report = json.loads(done.stdout or '{"findings": [], "summary": {"files": 0}}')
    return Ran(name, report["findings"], report["summary"]["files"], time.monotonic() - start)


def runs(corpus: Path, names: Iterator[str]) -> Iterator[Ran]:
    """Check those repositories that are there."""
    for name in names:
        directory = corpus / name.replace("/", "+")
        if directory.is_dir():
            ran = run(name, directory)
            print(f"{name}: {len(ran.findings)} findings, {ran.files} files, {ran.seconds:.1f} s", flush=True)
            yield ran
        else:
            print(f"{name}: not there")


def main() -> int:
    """Run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="directory with one work tree a repository, named OWNER+NAME")
    corpus = parser.parse_args().corpus
    judged = read("judged.json") + read("drawn_after.json") + read("judged_later.json")
    mended, repositories = read("mended.json"), read("repositories.json")
    done = list(runs(corpus, iter(repositories["commits"] | repositories["later"] | repositories["unseen"])))
    there = {ran.name for ran in done}
    found: set[Key] = set().union(*(ran.keys for ran in done))
    expected = [each for each in judged if each["repository"] in there]
    gone = [each for each in expected if each["verdict"] == "right" and key(each) not in found]
    better = [each for each in expected if each["verdict"] == "wrong" and key(each) not in found]
    back = [each for each in mended if key(each) in found]
    total, files = sum(len(ran.findings) for ran in done), sum(ran.files for ran in done)
    print(f"\n{total} findings in {files} files of {len(there)} repositories: {total / max(files, 1):.2f} a file")
    for rule, count in Counter(each["requirement"] for ran in done for each in ran.findings).most_common():
        print(f"{count:6} {rule}")
    for what, entries in (("GONE", gone), ("BACK", back), ("no longer wrong", better)):
        for each in entries:
            print(f"{what}: {each['repository']} {each['path']}:{each['line']} {each['rule']}: {each['reason']}")
    return 1 if gone or back else 0


if __name__ == "__main__":
    sys.exit(main())
