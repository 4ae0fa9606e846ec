"""dies-on-fatal-error: handlers of uncaught exceptions end the program, with another code than 0."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.interface import Bad, Context, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.source import FatalHandler, Program, SourceFacts

NAME = "dies-on-fatal-error"
_EVENTS = ("uncaughtException", "unhandledRejection")
_MEANT = pattern(
    r"(?://|/?\*).*\b(?:intention|on purpose|deliberate|by design|keep(?:s|ing)?\b.{0,30}\b(?:alive|running|up)\b"
    r"|stay(?:s|ing)?\b.{0,20}\b(?:alive|up)\b|(?:do not|don't|never|must not|shouldn't|should not|instead of|avoid)\b"
    r".{0,30}\b(?:crash|exit|die|kill|terminat|tear))",
    re.IGNORECASE,
)
"""What comments say where to live on is somebody's decision."""
_ABOVE = 4
"""Lines above a handler in which its comment is looked for."""


def _check(context: Context) -> Iterator[Finding]:
    found = per_service(NAME, Severity.WARNING, _look)(context)
    yield from (each for each in found if not _is_meant(each, context.documents.texts.get(each.place.file, "")))


def _is_meant(finding: Finding, text: str) -> bool:
    """Whether a comment above the handler, or in it, says that the program is to live on."""
    place = finding.place
    lines = text.split("\n")
    first = place.line - 1
    while first > max(place.line - 1 - _ABOVE, 0) and lines[first - 1].strip().startswith(("//", "*", "/*")):
        first -= 1
    return "exits with 0" not in finding.message and bool(_MEANT.search("\n".join(lines[first : place.end_line])))


def _look(unit: Unit) -> Iterator[Wrong]:
    program = source.program_of(unit)
    if program is None:
        return
    for event in _EVENTS:
        found = [(facts, each) for facts in program.files for each in facts.fatal_handlers if each.event == event]
        wrongs = [_wrong(program, facts, handler) for facts, handler in found]
        if wrongs and all(wrong is not None for wrong in wrongs):
            yield from [wrong for wrong in wrongs if wrong is not None][:1]


def _wrong(program: Program, facts: SourceFacts, handler: FatalHandler) -> Wrong | None:
    actions = handler.actions
    if actions.exit is not None and actions.exit.code == 0:
        message = f"the handler of {handler.event} exits with 0: the crash looks like a clean stop"
        return Wrong(message, actions.exit.place, "process.exit(1)")
    there = list(program.called(facts.file, actions))
    only_logs = actions.only_logs or (bool(there) and not actions.exit and all(each.only_logs for each in there))
    if not only_logs:
        return None
    if handler.event == "uncaughtException":
        message = "uncaughtException is logged and no more: the program lives on in a state that nobody knows"
        return Wrong(message, handler.place, "log the error, then process.exit(1): the engine starts it anew")
    message = "unhandledRejection is logged and no more, where Node would end the program with 1"
    return Wrong(message, handler.place, "log the reason, then process.exit(1), or throw it", Severity.INFO)


_FILES = {"Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n'}
_BAD = 'process.on("uncaughtException", (error) => {\n  console.error(error)\n})\n'
_GOOD = _BAD.replace("(error)\n}", "(error)\n  process.exit(1)\n}")
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A handler for uncaughtException or unhandledRejection logs and ends the program with 1.",
    why="After an exception that nobody caught, locks are held, transactions are open and requests have no answer. "
    "Node ends the program then, and the engine starts a new one. A handler that only logs takes that away: the "
    "program goes on half alive, and its health check may well stay green. One that exits with 0 hides the crash.",
    example=_BAD,
    instead=_GOOD,
    check=_check,
    confidence=Confidence.HIGH,
    sources=("https://nodejs.org/api/process.html#warning-using-uncaughtexception-correctly",),
    bad=(
        Bad({**_FILES, "a.js": _BAD}, "a.js:1:1", "lives on"),
        Bad({**_FILES, "a.js": "// Never let the log grow.\n" + _BAD}, "a.js:2:1", "lives on"),
        Bad({**_FILES, "a.js": 'process.on("unhandledRejection", console.error)\n'}, "a.js:1:1", "end the program"),
        Bad({**_FILES, "a.js": _GOOD.replace("exit(1)", "exit(0)")}, "a.js:3:3", "with 0"),
    ),
    good=(
        Good({**_FILES, "a.js": _GOOD}),
        Good({**_FILES, "a.js": _BAD.replace("console.error(error)", "throw error")}),
        Good({**_FILES, "a.js": _BAD.replace("console.error(error)", "die(error)")}, "what die does isn't known"),
        Good(
            {**_FILES, "a.js": "// Deliberately no exit: one bad frame may not end all calls.\n" + _BAD}, "it is meant"
        ),
        Good({**_FILES, "a.js": _BAD.replace(") =>", ") => // keep the process alive\n ")}, "it is meant"),
        Good({**_FILES, "a.js": "start()\n"}, "Node ends the program by itself"),
    ),
)
