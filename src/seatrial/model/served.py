"""Whether a whole answer served its request, or is an error that came only with the stop.

By what was measured alone: an answer that its path gave before the signal is none of the stop's. It rules nothing.
"""

from __future__ import annotations

from seatrial.model.recording import Run
from seatrial.model.remembered import remembered
from seatrial.model.traffic import COMPLETE, Exchange

ERROR, SERVER_ERROR = 400, 500
UNAVAILABLE, TOO_MANY = 503, 429


def is_new_error(run: Run, exchange: Exchange) -> bool:
    """Whether a whole answer is an error that began after the signal, and that its path never gave before."""
    status = exchange.status or 0
    if exchange.outcome not in COMPLETE or status < ERROR or run.signalled is None:
        return False
    if exchange.first_byte is not None and exchange.first_byte <= run.signalled:
        return False
    target = run.target
    if target is not None and exchange.path == target.slow_path and _is_alike(target.slow_status, status):
        return False
    return not any(_is_alike(before, status) for before in _errors_before(run).get(exchange.path, ()))


@remembered
def _errors_before(run: Run) -> dict[str, set[int]]:
    """The error statuses that each path gave before the signal. There may be as many errors as requests after it."""
    found: dict[str, set[int]] = {}
    signalled = run.signalled
    for connection in run.connections:
        for exchange in connection.exchanges:
            status = exchange.status or 0
            if status >= ERROR and signalled is not None and exchange.ended is not None and exchange.ended <= signalled:
                found.setdefault(exchange.path, set()).add(status)
    return found


def _is_alike(before: int, status: int) -> bool:
    """Whether an error is what the path said before: the same status, or another of the server's own."""
    return before == status or min(before, status) >= SERVER_ERROR


def is_unclear(run: Run, exchange: Exchange) -> bool:
    """Whether an error that came only then says nothing of what other requests would have got: the health endpoint's
    503, by which a service that stops tells the balancer to stay away, or the 429 of what may be a rate limit."""
    return (is_health_answer(run, exchange) or is_limit(run, exchange)) and is_new_error(run, exchange)


def is_health_answer(run: Run, exchange: Exchange) -> bool:
    """Whether this is the health endpoint's 503."""
    target = run.target
    is_health = target is not None and target.quick_is_health and exchange.path == target.quick_path
    return is_health and exchange.status == UNAVAILABLE


def is_limit(run: Run, exchange: Exchange) -> bool:
    """Whether this is the 429 of a request that was begun after the signal: drills send more than a client may."""
    return exchange.status == TOO_MANY and run.signalled is not None and exchange.begun > run.signalled
