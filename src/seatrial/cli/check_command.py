"""`seatrial check`: what the files promise, held against the catalogue.

Prints an answer: the one that an earlier run has kept, if nothing has changed since, else a new one, which is kept.
Rules and readers are imported where an answer has to be found, and only then.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

from seatrial.cli.streams import complain, emit
from seatrial.files import disk
from seatrial.files.cache import Answer, Cache, default_directory, fingerprint

_NOT_IN_KEY = frozenset({"command", "service_command", "cache_dir", "no_cache", "no_color", "output"})
_THRESHOLD = 100_000
"""Values made between two looks for garbage. There is little of it in a run, and the looks are a tenth of its time."""


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and give the exit code."""
    gc.set_threshold(_THRESHOLD, *gc.get_threshold()[1:])
    cache = _cache(arguments)
    key = _key(arguments) if cache else ""
    if cache and (kept := cache.look(key)):
        return _tell(kept, arguments)
    notes = disk.listen()
    try:
        answer = _find(arguments)
    finally:
        disk.stop_listening(notes)
    if cache:
        cache.keep(key, answer, notes)
    return _tell(answer, arguments)


def _find(arguments: argparse.Namespace) -> Answer:
    from seatrial.cli.check_answer import find_answer
    from seatrial.report.findings_values import TextStyle

    return find_answer(arguments, TextStyle(_in_colour(arguments), _in_unicode(arguments)))


def _cache(arguments: argparse.Namespace) -> Cache | None:
    """Where answers are kept; None where they are not to be. Who writes a baseline wants more than the answer, and what
    auditors know changes from day to day."""
    if arguments.no_cache or arguments.write_baseline or arguments.audit is not None:
        return None
    directory = Path(arguments.cache_dir).absolute() if arguments.cache_dir else default_directory()
    return Cache(directory) if directory else None


def _key(arguments: argparse.Namespace) -> str:
    """Everything that an answer depends on besides the disk: what is asked, by whom, where, when, and of which code."""
    from time import gmtime, strftime

    said = sorted((name, repr(value)) for name, value in vars(arguments).items() if name not in _NOT_IN_KEY)
    package = Path(__file__).parent.parent
    code = fingerprint([str(package / part) for part in ("check", "cli", "files", "model", "report")])
    # What is installed decides which readers there are; a directory's time changes with what comes and goes in it.
    installed = [os.stat(place).st_mtime_ns for place in sys.path if os.path.isdir(place)]  # noqa: PTH112, PTH116  # a stat, no object
    style = _in_colour(arguments), _in_unicode(arguments)
    return repr((said, code, installed, sys.version, style, os.geteuid(), _here(), strftime("%Y-%m-%d", gmtime())))


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _in_colour(arguments: argparse.Namespace) -> bool:
    is_wanted = not arguments.no_color and not os.environ.get("NO_COLOR") and not arguments.output
    return is_wanted and sys.stdout.isatty()


def _in_unicode(arguments: argparse.Namespace) -> bool:
    return "utf" in (sys.stdout.encoding or "ascii").lower() or bool(arguments.output)


def _tell(answer: Answer, arguments: argparse.Namespace) -> int:
    for line in answer.talk:
        complain(line)
    if not arguments.output:
        emit(answer.text)
        return answer.code
    try:
        Path(arguments.output).write_text(answer.text, encoding="utf-8")
    except OSError as error:
        from seatrial.model.errors import InputError

        raise InputError(f"{arguments.output} can't be written: {error.strerror}") from error
    return answer.code
