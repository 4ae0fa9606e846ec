"""Which protocol a population speaks to a target. Each is imported when first spoken: most runs need one alone."""

from __future__ import annotations

from seatrial.load.reader import Reader
from seatrial.model.traffic import Population, Target


def reader_of(population: Population, target: Target) -> Reader:
    """The client's side of a new connection."""
    if population in (Population.WEBSOCKET, Population.WEBSOCKET_BUSY):
        from seatrial.load.websocket import WebSocketReader

        return WebSocketReader()
    if population in (Population.HTTP2, Population.HTTP2_IDLE) or not target.http1:
        from seatrial.load.http2 import Http2Reader

        return Http2Reader()
    from seatrial.load.response import ResponseReader

    return ResponseReader()
