"""Draws the timeline of a run: one lane per population, the processes, what listened, and the log. Pure geometry.

A few connections get a row each; many requests are counted into bins of time, so that a page with ten thousand of them
stays as light as one with ten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from seatrial.model.recording import EventKind, ProcessSeen, Run
from seatrial.model.traffic import Connection, Exchange, Outcome, Population
from seatrial.report.html.curves import memory, processor
from seatrial.report.html.marks import ERROR, MARKS, OUT, Mark, mark_of
from seatrial.report.html.picture import CHARACTER, Axis, Bar, Dot, Lane, Picture, Piece, Stack, axis_of, markers_of
from seatrial.report.summary import moment_of, outcomes, sentence, tallies
from seatrial.report.words import clean, clip, command, count

ROWS = 12
"""More connections than this are counted, not drawn one by one."""
ROW_EXCHANGES = 12
"""Likewise for the requests of one connection."""
PROCESSES = 10
REPLICAS = 20
ROW = 12.0
INDENT = "\u00a0\u00a0"
"""Before the name of a process, for each level below the first."""
LABEL = 20.0
HALF = 30.0
"""The height of stacked bars above and below their line."""
BIN = 7.0
"""The width of a bin, in units."""

Sample = tuple[float, Mark, str]
"""A moment, its mark, and the words for it."""


def timeline(run: Run, width: float) -> Picture:
    """The picture of a run, `width` units wide."""
    axis = axis_of(run, width)
    markers, head = markers_of(run, axis)
    lanes: list[Lane] = []
    y = head
    for make in (*_populations(run), _replicas, _listening, _processes, memory, processor, _log):
        lane = make(run, axis, y)
        if lane is not None:
            lanes.append(lane)
            y += lane.height + 6
    title = f"Timeline of the {run.scenario.value} run"
    return Picture(width, y + 22, head, y, tuple(lanes), markers, axis.ticks(), title, describe(run))


def describe(run: Run) -> str:
    """The picture in words, for those who can't see it."""
    parts = [sentence(run) + "."]
    for tally in tallies(run):
        after = outcomes(tally.after) if tally.after else "nothing"
        parts.append(f"{tally.population.value}: after the signal {after}.")
    return " ".join(parts)


LaneMaker = Callable[[Run, Axis, float], Lane | None]


def _populations(run: Run) -> Iterable[LaneMaker]:
    for population in Population:
        members = [each for each in run.connections if each.population is population]
        if members:
            yield _population(population, members)


def _population(population: Population, members: list[Connection]) -> LaneMaker:
    few = len(members) <= ROWS and all(len(each.exchanges) <= ROW_EXCHANGES for each in members)

    def make(_run: Run, axis: Axis, y: float) -> Lane:
        if few:
            return _rows(population.value, members, axis, y)
        requests = sum(len(each.exchanges) for each in members)
        note = count(requests, "request") if requests else count(len(members), "connection")
        return _stacked(population.value, note, list(_samples(members)), axis, y)

    return make


def _samples(members: Iterable[Connection]) -> Iterable[Sample]:
    for connection in members:
        for exchange in connection.exchanges:
            yield moment_of(exchange), mark_of(exchange.outcome), exchange.outcome.value
        if not connection.exchanges:
            moment = connection.closed if connection.closed is not None else connection.begun
            yield moment, mark_of(connection.ending), connection.ending.value


def _rows(label: str, members: list[Connection], axis: Axis, y: float) -> Lane:
    bars: list[Bar] = []
    dots: list[Dot] = []
    for number, connection in enumerate(members):
        middle = y + LABEL + ROW * number + ROW / 2
        end = connection.closed if connection.closed is not None else axis.end
        if connection.opened is not None:
            bars.append(_span(axis, connection.opened, end, (middle - 0.75, 1.5), "life"))
        for exchange in connection.exchanges:
            bars.append(_request(axis, exchange, middle))
            dots.append(_dot(axis, exchange, middle))
        if connection.ending.value.startswith("idle") or not connection.exchanges:
            told = f"connection {number + 1}: {connection.ending.value}, {axis.label(end)}"
            dots.append(Dot(axis.x(end), middle, mark_of(connection.ending), told))
    height = LABEL + ROW * len(members)
    return Lane(y, height, label, count(len(members), "connection"), tuple(bars), tuple(dots))


def _request(axis: Axis, exchange: Exchange, middle: float) -> Bar:
    return _span(axis, exchange.begun, moment_of(exchange), (middle - 3.5, 7), "busy", _told(axis, exchange))


def _dot(axis: Axis, exchange: Exchange, middle: float) -> Dot:
    return Dot(axis.x(moment_of(exchange)), middle, mark_of(exchange.outcome), _told(axis, exchange))


def _told(axis: Axis, exchange: Exchange) -> str:
    status = f" {exchange.status}" if exchange.status is not None else ""
    path = clip(clean(exchange.path), 80)
    begun, ended = axis.label(exchange.begun), axis.label(moment_of(exchange))
    return f"{path}{status}: {exchange.outcome.value}, {begun} to {ended}"


def _span(axis: Axis, begin: float, end: float, place: tuple[float, float], kind: str, title: str = "") -> Bar:
    left, right = axis.x(begin), axis.x(end)
    return Bar(left, round(max(right - left, 1.0), 1), place[0], place[1], kind, title)


def _stacked(label: str, note: str, samples: Sequence[Sample], axis: Axis, y: float) -> Lane:
    """Samples counted into bins: what is good above the line, all else below it."""
    number = max(int(axis.width / BIN), 1)
    seconds = (axis.end - axis.begin) / number
    bins: dict[int, Counter[tuple[Mark, str]]] = {}
    for moment, mark, words in samples:
        if axis.begin <= moment <= axis.end:
            index = min(int((moment - axis.begin) / seconds), number - 1)
            bins.setdefault(index, Counter())[mark, words] += 1
    tops = [_tops(counted) for counted in bins.values()]
    above, below = max((a for a, _ in tops), default=0), max((b for _, b in tops), default=0)
    unit = HALF / max(above, below, 1)
    room = HALF if above else 4.0
    baseline = y + LABEL + room
    stacks = tuple(_stack(axis, index, seconds, bins[index], (baseline, unit)) for index in sorted(bins))
    scale = f", ≤ {max(above, below)} in {seconds * 1000:.3g} ms" if bins else ""
    height = LABEL + room + (HALF if below else 4.0)
    return Lane(y, height, label, note + scale, stacks=stacks, baseline=baseline)


def _tops(counted: Counter[tuple[Mark, str]]) -> tuple[int, int]:
    above = sum(number for (mark, _), number in counted.items() if mark.above)
    return above, counted.total() - above


def _stack(
    axis: Axis, index: int, seconds: float, counted: Counter[tuple[Mark, str]], scale: tuple[float, float]
) -> Stack:
    baseline, unit = scale
    begin = axis.begin + index * seconds
    left, right = axis.x(begin), axis.x(begin + seconds)
    pieces = []
    up = down = baseline
    for mark in MARKS:
        height = unit * sum(number for (each, _), number in counted.items() if each is mark)
        if not height:
            continue
        if mark.above:
            up -= height
        pieces.append(Piece(round(up if mark.above else down, 1), round(max(height, 0.6), 1), mark))
        if not mark.above:
            down += height
    words = ", ".join(f"{number} {word}" for (_, word), number in counted.most_common())
    title = f"{axis.label(begin)} to {axis.label(begin + seconds)}: {words}"
    return Stack(left, round(max(right - left - 0.6, 0.8), 1), title, tuple(pieces))


def _listening(run: Run, axis: Axis, y: float) -> Lane | None:
    begun: dict[str, float] = {}
    spans: list[tuple[str, float, float]] = []
    for event in run.events:
        if event.kind is EventKind.LISTENING:
            begun.setdefault(event.name, event.time)
        elif event.kind is EventKind.NOT_LISTENING and event.name in begun:
            spans.append((event.name, begun.pop(event.name), event.time))
    last = run.exit.time if run.exit else axis.end
    spans += [(name, moment, max(last, moment)) for name, moment in begun.items()]
    spans = sorted((span for span in spans if span[2] >= axis.begin), key=lambda span: span[1])[:PROCESSES]
    if not spans:
        return None
    bars = []
    for number, (name, start, end) in enumerate(spans):
        title = f"{clean(name)}: {axis.label(start)} to {axis.label(end)}"
        place = (y + LABEL + number * (ROW + 4), ROW + 2)
        bars.append(_named(_span(axis, start, end, place, "listening", title), clean(name), axis))
    return Lane(y, LABEL + len(spans) * (ROW + 4), "listening", bars=tuple(bars))


def _replicas(run: Run, axis: Axis, y: float) -> Lane | None:
    """Each task or pod of a distributed engine, and within its life the time in which it was to stop."""
    if not run.replicas:
        return None
    bars = []
    for number, replica in enumerate(run.replicas[:REPLICAS]):
        top = y + LABEL + number * (ROW + 4)
        begin = replica.created if replica.created is not None else axis.begin
        end = max(replica.ended if replica.ended is not None else axis.end, begin)
        code = f" with {replica.code}" if replica.code is not None else ""
        fate = f"until {axis.label(end)}{code}" if replica.ended is not None else "to the end"
        title = clean(f"{replica.name}: from {axis.label(begin)} {fate}")
        bars.append(_named(_span(axis, begin, end, (top, ROW + 2), "process", title), clean(replica.name), axis))
        if replica.told is not None:
            stop = min(max(replica.told, begin), end)
            told = f"{replica.name}: to stop since {axis.label(stop)}"
            bars.append(_span(axis, stop, end, (top + ROW - 2, 4.0), "busy", clean(told)))
    more = len(run.replicas) - REPLICAS
    note = count(len(run.replicas), "replica") + (f", {more} more not shown" if more > 0 else "")
    height = LABEL + min(len(run.replicas), REPLICAS) * (ROW + 4)
    return Lane(y, height, "replicas", note, tuple(bars))


def _processes(run: Run, axis: Axis, y: float) -> Lane | None:
    seen = list(_tree([each for each in run.processes if _end(each) >= axis.begin]))
    if not seen:
        return None
    shown = seen[:PROCESSES]
    bars, dots = [], []
    for number, (depth, process) in enumerate(shown):
        top = y + LABEL + number * (ROW + 4)
        end = _end(process)
        fate = "killed with its PID namespace" if process.killed_with_namespace else f"until {axis.label(end)}"
        name = f"{process.pid} {command(process.argv)}"
        bar = _span(axis, process.first_seen, end, (top, ROW + 2), "process", clip(f"{name}: {fate}", 200))
        bars.append(_named(bar, INDENT * (depth - 1) + "└ " * min(depth, 1) + name, axis))
        if process.killed_with_namespace:
            dots.append(Dot(axis.x(end), top + ROW / 2 + 1, mark_of(Outcome.RST), clip(f"{name}: {fate}", 200)))
    more = f", {len(seen) - len(shown)} more not shown" if len(seen) > len(shown) else ""
    height = LABEL + len(shown) * (ROW + 4)
    return Lane(y, height, "processes", count(len(seen), "process", "processes") + more, tuple(bars), tuple(dots))


def _tree(seen: Sequence[ProcessSeen]) -> Iterator[tuple[int, ProcessSeen]]:
    """Every process with its depth, children below their parent; whose parent isn't there stands at the top."""
    pids = {process.pid for process in seen}
    children: dict[int, list[ProcessSeen]] = {}
    for process in seen:
        is_below = process.parent in pids and process.parent != process.pid
        children.setdefault(process.parent if is_below else 0, []).append(process)
    waiting = [(0, process) for process in reversed(children.pop(0, []))]
    while waiting:
        depth, process = waiting.pop()
        yield depth, process
        waiting += [(depth + 1, child) for child in reversed(children.pop(process.pid, []))]
    yield from ((0, process) for circle in children.values() for process in circle)


def _end(process: ProcessSeen) -> float:
    return process.ended if process.ended is not None else process.last_seen


def _named(bar: Bar, name: str, axis: Axis) -> Bar:
    """The bar with its name, cut to what fits between its left end and the picture's right one."""
    room = int((axis.width - bar.x - 8) / CHARACTER)
    text = clip(name, room) if room >= 4 else ""
    return Bar(bar.x, bar.width, bar.y, bar.height, bar.kind, bar.title, text)


def _log(run: Run, axis: Axis, y: float) -> Lane | None:
    if not run.log:
        return None
    samples = [(line.time, ERROR if line.stream == "stderr" else OUT, f"on {line.stream}") for line in run.log]
    return _stacked("log", count(len(run.log) + run.log_truncated, "line"), samples, axis, y)
