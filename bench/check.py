#!/usr/bin/env python3
"""Times `seatrial check` beside its peers, on the same files in one run, and prints the table of docs/check.md.

    .venv/bin/python bench/check.py [--corpus DIRECTORY] [--bin DIRECTORY …] [--runs 5]

`--corpus` holds Dockerfiles (named `Dockerfile`, each in a directory of its own) below `dockerfiles/` and manifests
below `manifests/`; without one, as many are made of the rules' own examples. `--bin` are directories where peers are
installed; who is missing is named and left out. Each round runs everybody once, so that a noisy minute does not meet
one of them alone. Seconds are medians of the wall clock; those in brackets are of processor time, which other work on
the machine changes less.

The peers are hadolint (a release of its repository), dockerfilelint (npm), dockerfile-doctor and checkov (both PyPI, a
virtual environment each). All but checkov, which searches the directory, are given the files as arguments; each ends
with 1 where it finds something.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

COUNT = 1200
TEN = {
    "Dockerfile": "FROM node:20-alpine\nWORKDIR /app\nCOPY . .\nRUN npm ci --omit=dev\nEXPOSE 3000\n"
    'HEALTHCHECK CMD curl localhost:3000\nCMD ["npm", "start"]\n',
    ".dockerignore": "node_modules\n.git\n",
    "compose.yaml": "services:\n  web:\n    build: .\n    ports: ['3000:3000']\n    depends_on: [db]\n"
    "  db:\n    image: postgres:16\n    environment: {POSTGRES_PASSWORD: example}\n",
    "package.json": '{"name": "shop", "scripts": {"start": "node server.js"}, "dependencies": {"express": "^4"}}\n',
    "package-lock.json": '{"name": "shop", "lockfileVersion": 3, "packages": {}}\n',
    "server.js": "const app = require('express')()\nconst server = app.listen(3000)\n"
    "process.on('SIGINT', () => server.close(() => process.exit(0)))\n",
    "entrypoint.sh": '#!/bin/sh\nset -e\nnode migrate.js\nexec "$@"\n',
    ".github/workflows/ci.yml": "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps: [{run: npm test}]\n",
    "k8s/deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    spec:\n      containers: [{name: web, image: 'shop:1.0', ports: [{containerPort: 3000}]}]\n",
    "k8s/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n",
}


class Contestant(NamedTuple):
    """A command, and what is to be gone before each run of it."""

    name: str
    argv: tuple[str, ...]
    forgets: Path | None = None


class Timed(NamedTuple):
    """One run: seconds of the wall clock and of the processor, MiB at the most, and whether it said anything."""

    wall: float
    processor: float
    peak: float
    answered: bool


def timed(argv: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Timed:
    """Run it once. What it finds is not the question, but a failure without a word is no answer."""
    with tempfile.TemporaryFile() as output:
        begun = time.monotonic()
        child = subprocess.Popen(argv, cwd=directory, env=environment, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        answered = child.returncode == 0 or os.fstat(output.fileno()).st_size > 0
    return Timed(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, answered)


def compare(contestants: Iterable[Contestant], directory: Path, runs: int, environment: Mapping[str, str]) -> None:
    """Run all of them so many times, in turns, and print their lines of the table."""
    several = tuple(contestants)
    found: dict[str, list[Timed]] = {each.name: [] for each in several}
    for _ in range(runs):
        for each in several:
            if each.forgets is not None:
                shutil.rmtree(each.forgets, ignore_errors=True)
            found[each.name].append(timed(each.argv, directory, environment))
    first = statistics.median(run.wall for run in found[several[0].name])
    for each in several:
        wall, processor = (statistics.median(values) for values in list(zip(*found[each.name], strict=True))[:2])
        peak = max(run.peak for run in found[each.name])
        name = each.name if all(run.answered for run in found[each.name]) else f"{each.name} (gives up half-way)"
        print(f"| {name} | {wall:.3f} ({processor:.3f}) | {wall / first:.1f} | {peak:.0f} |")


def seatrial(cache: Path) -> tuple[Contestant, Contestant]:
    """Ourselves, with nothing kept from an earlier run, and with everything."""
    command = shutil.which("seatrial", path=str(Path(sys.executable).parent)) or "seatrial"
    argv = (command, "check", "--fail-on", "never", "--cache-dir", str(cache))
    return Contestant("seatrial check", argv, forgets=cache), Contestant("seatrial check, again", argv)


def peers(path: str, of_files: Mapping[str, tuple[str, ...]], files: Sequence[str]) -> list[Contestant]:
    """Those of the peers that are installed, given these files."""
    found = []
    for name, words in of_files.items():
        command = shutil.which(name, path=path)
        if command is None:
            print(f"{name} is not installed, and left out", file=sys.stderr)
        else:
            found.append(Contestant(name, (command, *words, *files)))
    return found


def heading(text: str) -> None:
    """The head of a table."""
    print(f"\n{text}\n\n| | seconds | times ours | MiB |\n| --- | --- | --- | --- |", flush=True)


def made_corpus(into: Path) -> Path:
    """Dockerfiles and manifests from the examples of all rules, each with a line that makes it another one."""
    from seatrial.check.table import NAMES, rule

    texts = [
        (name, text)
        for each in NAMES
        for files in (*(bad.files for bad in rule(each).bad), *(good.files for good in rule(each).good))
        for name, text in files.items()
    ]
    dockerfiles = [text for name, text in texts if name.startswith("Dockerfile")]
    manifests = [text for _, text in texts if text.startswith("apiVersion")]
    for number in range(COUNT):
        dockerfile = into / "dockerfiles" / str(number) / "Dockerfile"
        dockerfile.parent.mkdir(parents=True)
        dockerfile.write_text(f"# {number}\n" + dockerfiles[number % len(dockerfiles)])
        manifest = into / "manifests" / f"{number}.yaml"
        manifest.parent.mkdir(parents=True, exist_ok=True)
        manifest.write_text(f"# {number}\n" + manifests[number % len(manifests)])
    return into


def main() -> None:
    """Three comparisons: a small project, many Dockerfiles, many manifests."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--corpus", type=Path, help="where dockerfiles/ and manifests/ are")
    parser.add_argument("--bin", type=Path, action="append", default=[], help="where peers are installed")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    path = os.pathsep.join([*(str(each.absolute()) for each in arguments.bin), os.environ["PATH"]])
    # Python keeps what it has compiled, as it does for everybody who uses it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PATH"] = path
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        corpus = (arguments.corpus or made_corpus(work / "corpus")).absolute()
        small(work / "ten", work / "cache", path, arguments.runs, environment)
        many(corpus, work / "cache", path, arguments.runs, environment)


def small(project: Path, cache: Path, path: str, runs: int, environment: Mapping[str, str]) -> None:
    """A project of ten files, and a peer on its Dockerfile alone."""
    for name, text in TEN.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    heading("A project of ten files (peers: its Dockerfile alone)")
    nothing = Contestant("python -c pass", (sys.executable, "-c", "pass"))
    others = peers(path, {"hadolint": (), "dockerfilelint": (), "dockerfile-doctor": ()}, ["Dockerfile"])
    compare((*seatrial(cache), nothing, *others), project, max(runs, 5) * 4, environment)


def many(corpus: Path, cache: Path, path: str, runs: int, environment: Mapping[str, str]) -> None:
    """Everything of one kind in one call."""
    directory = corpus / "dockerfiles"
    files = sorted(str(each.relative_to(directory)) for each in directory.rglob("Dockerfile"))
    heading(f"{len(files)} Dockerfiles")
    scan = ("--directory", ".", "--compact", "--quiet", "--skip-download", "--framework")
    others = peers(path, {"dockerfilelint": (), "dockerfile-doctor": (), "hadolint": ()}, files)
    others += peers(path, {"checkov": (*scan, "dockerfile")}, [])
    compare((*seatrial(cache), *others), directory, runs, environment)
    directory = corpus / "manifests"
    heading(f"{len(list(directory.rglob('*.yaml')))} Kubernetes manifests")
    compare((*seatrial(cache), *peers(path, {"checkov": (*scan, "kubernetes")}, [])), directory, runs, environment)


if __name__ == "__main__":
    main()
