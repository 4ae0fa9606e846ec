"""dies-on-fatal-error: handlers of uncaught exceptions end the program, with another code than 0."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.interface import Bad, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.source import FatalHandler, Program, SourceFacts

NAME = "dies-on-fatal-error"
_EVENTS = ("uncaughtException", "unhandledRejection")


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
    check=per_service(NAME, Severity.WARNING, _look),
    confidence=Confidence.HIGH,
    sources=("https://nodejs.org/api/process.html#warning-using-uncaughtexception-correctly",),
    bad=(
        Bad({**_FILES, "a.js": _BAD}, "a.js:1:1", "lives on"),
        Bad({**_FILES, "a.js": 'process.on("unhandledRejection", console.error)\n'}, "a.js:1:1", "end the program"),
        Bad({**_FILES, "a.js": _GOOD.replace("exit(1)", "exit(0)")}, "a.js:3:3", "with 0"),
    ),
    good=(
        Good({**_FILES, "a.js": _GOOD}),
        Good({**_FILES, "a.js": _BAD.replace("console.error(error)", "throw error")}),
        Good({**_FILES, "a.js": _BAD.replace("console.error(error)", "die(error)")}, "what die does isn't known"),
        Good({**_FILES, "a.js": "start()\n"}, "Node ends the program by itself"),
    ),
)
