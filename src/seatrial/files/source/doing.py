"""What a function does when it is called: whether it ends the process, closes a server, waits, asks somebody else.

One walk over the calls in its range, following functions of the same file. A language differs in its words alone:
`Words`. What isn't recognised makes a fact weaker, never stronger.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from seatrial.files.source.scan import Body, Call, Scan
from seatrial.model.place import Place, Sourced
from seatrial.model.source import Actions, Amount, Exit, Timer
from seatrial.model.values import dataclass, field, replace

if TYPE_CHECKING:
    from tree_sitter import Node

_MAX_DEPTH = 5
_MAX_CALLS = 40
_MAX_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Words:
    """How a language says things. The patterns are matched against the whole name of what is called."""

    exits: re.Pattern[str]
    closes: re.Pattern[str]
    logs: re.Pattern[str]
    asks: re.Pattern[str]
    harmless: re.Pattern[str]
    timers: re.Pattern[str]
    sleeps: re.Pattern[str]
    changes: re.Pattern[str]
    """What a function says that does more than log, besides calling something."""
    decides: re.Pattern[str]
    """What a function says whose answer depends on something."""
    unit: float
    """Seconds in one unit of a timer."""
    fold: Callable[[Scan, Node], Amount | None]


@dataclass(slots=True)
class _Seen:
    exit: Exit | None = None
    closes: Place | None = None
    close_at_once: bool = False
    timers: list[Timer] = field(default_factory=list)
    delays: list[Timer] = field(default_factory=list)
    asks: Sourced[str] | None = None
    calls: list[str] = field(default_factory=list)
    only_logs: bool = True
    is_constant: bool = True

    def actions(self) -> Actions:
        return Actions(
            self.exit,
            self.closes,
            self.close_at_once,
            tuple(self.timers[:8]),
            tuple(self.delays[:8]),
            self.asks,
            tuple(dict.fromkeys(self.calls))[:_MAX_CALLS],
            self.only_logs and self.exit is None,
            self.is_constant and self.asks is None and self.exit is None,
        )


def actions_of(scan: Scan, words: Words, body: Body, depth: int = 0) -> Actions:
    """What this function does. Each function is looked at once; one that calls itself adds nothing by that."""
    known = scan.known.get(body.start)
    if known is None:
        scan.known[body.start] = Actions(only_logs=True, is_constant=True)
        known = scan.known[body.start] = _Walk(scan, words, body, depth).walk()
    return known


class _Walk:
    def __init__(self, scan: Scan, words: Words, body: Body, depth: int) -> None:
        self.scan, self.words, self.body, self.depth = scan, words, body, depth
        self.seen = _Seen()
        self.skip_until = -1

    def walk(self) -> Actions:
        seen, words = self.seen, self.words
        text = self.scan.slice(self.body.start, min(self.body.end, self.body.start + _MAX_TEXT))
        seen.only_logs = not words.changes.search(text)
        seen.is_constant = not words.decides.search(text)
        for call in self.scan.within(self.body.start, self.body.end):
            if call.start >= self.skip_until:
                self._call(call)
        return seen.actions()

    def _call(self, call: Call) -> None:
        words, name = self.words, call.name
        if words.exits.fullmatch(name):
            self._exit(call)
        elif words.timers.fullmatch(name):
            self._timer(call)
        elif words.sleeps.fullmatch(name):
            self._sleep(call)
        elif words.closes.fullmatch(name):
            self._close(call)
        elif words.logs.fullmatch(name):
            return
        elif words.asks.search(name):
            self.seen.asks = self.seen.asks or Sourced(call.name[-60:], self.scan.head(call))
            self._more()
        else:
            self._other(call)

    def _more(self) -> None:
        self.seen.only_logs = self.seen.is_constant = False

    def _is_direct(self, call: Call) -> bool:
        return self.scan.innermost(call.start) is self.body

    def _is_first(self, call: Call) -> bool:
        """Whether it comes at once: in the function itself, on no condition, after nothing that is waited for."""
        is_waited = self.scan.waits_before(self.body.start, call.start) or bool(self.seen.delays)
        is_sure = not self.scan.is_conditional(call.start, self.body.start)
        return self._is_direct(call) and is_sure and not is_waited

    def _exit(self, call: Call) -> None:
        self._more()
        arguments = call.arguments()
        code = self.words.fold(self.scan, arguments[0]) if arguments else Amount(0)
        number = (
            int(code.value) if code and code.value is not None and code.certain and abs(code.value) < 1000 else None
        )
        found = Exit(self.scan.head(call), number, self._is_first(call))
        if self.seen.exit is None or (found.at_once and not self.seen.exit.at_once):
            self.seen.exit = found

    def _close(self, call: Call) -> None:
        self._more()
        if self.seen.closes is None:
            self.seen.closes = self.scan.head(call)
            self.seen.close_at_once = self._is_first(call)
        if any(self.scan.text(each).endswith("process.exit") for each in call.arguments()):
            self.seen.exit = self.seen.exit or Exit(self.scan.head(call))

    def _timer(self, call: Call) -> None:
        arguments = call.arguments()
        if len(arguments) < 2:
            self._sleep(call)
            return
        self._more()
        amount = self.words.fold(self.scan, arguments[1])
        inner = self._of_argument(arguments[0])
        self.skip_until = arguments[0].end_byte
        if amount is None:
            amount = Amount(None)
        timer = Timer(_scaled(amount, self.words.unit), self.scan.head(call), call.last)
        passed = self.scan.text(arguments[0])
        if inner is not None and inner.closes is not None:
            self.seen.delays.append(timer)
            self.seen.closes = self.seen.closes or inner.closes
            self.seen.timers += inner.timers
        elif passed.startswith("process.exit") or (inner is not None and inner.exit is not None):
            self.seen.timers.append(timer)
        elif inner is None and not self._is_direct(call):
            self.seen.delays.append(timer)  # new Promise(resolve => setTimeout(resolve, …))

    def _of_argument(self, node: Node) -> Actions | None:
        body = self.scan.body_at(node) or self.scan.named.get(self.scan.text(node))
        if body is None or body is self.body or self.depth >= _MAX_DEPTH:
            return None
        return actions_of(self.scan, self.words, body, self.depth + 1)

    def _sleep(self, call: Call) -> None:
        self._more()
        arguments = call.arguments()
        amount = self.words.fold(self.scan, arguments[0]) if arguments else None
        if amount is not None:
            self.seen.delays.append(Timer(_scaled(amount, self.words.unit), self.scan.head(call), call.last))

    def _other(self, call: Call) -> None:
        name = call.name.removeprefix("this.").removeprefix("self.")
        known = self.scan.named.get(name) or self._emitted(call)
        body = known if self.depth < _MAX_DEPTH else None
        if body is not None and body is not self.body and not body.start <= call.start < body.end:
            self._merge(actions_of(self.scan, self.words, body, self.depth + 1), call)
            return
        if self.words.harmless.fullmatch(call.name):
            return
        self._more()
        if "(" not in name:
            self.seen.calls.append(name)

    def _emitted(self, call: Call) -> Body | None:
        """The function that `process.emit("SIGINT")` calls."""
        arguments = call.arguments() if self.scan.listeners and call.name == "process.emit" else []
        return self.scan.listeners.get(self.scan.text(arguments[0]).strip("'\"`")) if arguments else None

    def _merge(self, there: Actions, call: Call) -> None:
        seen, first = self.seen, self._is_first(call)
        if there.exit is not None and (seen.exit is None or (there.exit.at_once and first)):
            seen.exit = replace(there.exit, at_once=there.exit.at_once and first)
        if seen.closes is None and there.closes is not None:
            seen.closes, seen.close_at_once = there.closes, there.close_at_once and first
        seen.timers += there.timers
        seen.delays += there.delays
        seen.asks = seen.asks or there.asks
        seen.calls += there.calls
        seen.only_logs &= there.only_logs
        seen.is_constant &= there.is_constant


def _scaled(amount: Amount, unit: float) -> Amount:
    value = None if amount.value is None else amount.value * unit
    return replace(amount, value=value, scale=amount.scale * unit)
