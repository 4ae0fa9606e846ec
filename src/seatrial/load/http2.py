"""Requests over HTTP/2 without TLS, by prior knowledge (RFC 9113, 3.3): one stream after the other on a connection.

It stands on the frames (hyperframe) and the header compression (hpack) of h2, not on h2 itself: that takes a GOAWAY for
the end of everything and can't read the response that a server still finishes after it, which is what a stop is about.
"""

from __future__ import annotations

from hpack import Decoder, Encoder, HPACKError
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from seatrial.load.interface import MARK
from seatrial.load.reader import Reader, encode_path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD = 9
LARGEST_FRAME = 16_384
"""What a server may send unless told otherwise."""
LARGEST_BLOCK = 65_536
WINDOW = (1 << 31) - 1
_DEFAULT_WINDOW = 65_535
_SHOWN = 16


def opening() -> bytes:
    """The client's connection preface: no pushes, and windows so wide that none has ever to be widened."""
    settings = SettingsFrame(0, settings={SettingsFrame.ENABLE_PUSH: 0, SettingsFrame.INITIAL_WINDOW_SIZE: WINDOW})
    return PREFACE + settings.serialize() + WindowUpdateFrame(0, WINDOW - _DEFAULT_WINDOW).serialize()


class Http2Reader(Reader):
    """The client's side of one HTTP/2 connection."""

    __slots__ = ("_answer", "_block", "_buffer", "_decoder", "_encoder", "_last", "_stream")

    def __init__(self) -> None:
        super().__init__()
        self._encoder, self._decoder = Encoder(), Decoder()
        self._stream = -1
        self._buffer = self._answer = self._block = b""
        self._last = False

    @property
    def reusable(self) -> bool:
        return self.complete and not self.farewell and not self.malformed

    def request(self, path: str, host: str, mark: str) -> bytes:
        self._forget()
        first = self._stream < 0
        self._stream += 2
        headers = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", host),
            (":path", encode_path(path).decode("ascii")),
            ("user-agent", "seatrial"),
            ("accept", "*/*"),
            (MARK.lower(), mark),
            ("traceparent", f"00-{mark}-{mark[:16]}-01"),
        ]
        frame = HeadersFrame(self._stream, self._encoder.encode(headers), flags=["END_HEADERS", "END_STREAM"])
        return (opening() if first else b"") + frame.serialize()

    def receive(self, data: bytes) -> None:
        self.begun = True
        self._buffer += data
        try:
            while not self.malformed and (frame := self._next()) is not None:
                self._take(frame)
        except (HyperframeError, HPACKError, ValueError) as error:
            self.malformed = f"no HTTP/2: {error}"

    def receive_aside(self, data: bytes) -> bool:
        self.receive(data)
        return True

    def answer(self) -> bytes:
        data, self._answer = self._answer, b""
        return data

    def _next(self) -> Frame | None:
        """The next whole frame of what came."""
        if len(self._buffer) < _HEAD:
            return None
        if int.from_bytes(self._buffer[:3], "big") > LARGEST_FRAME:
            self.malformed = f"the answer goes on with {self._buffer[:_SHOWN]!r}"
            return None
        frame, length = Frame.parse_frame_header(memoryview(self._buffer[:_HEAD]))
        if len(self._buffer) < _HEAD + length:
            return None
        frame.parse_body(memoryview(self._buffer[_HEAD : _HEAD + length]))
        self._buffer = self._buffer[_HEAD + length :]
        return frame

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, HeadersFrame | ContinuationFrame):
            self._headers(frame)
        elif isinstance(frame, DataFrame) and frame.stream_id == self._stream:
            self.body_bytes += len(frame.data)
            self._end_if("END_STREAM" in frame.flags)
        elif isinstance(frame, RstStreamFrame) and frame.stream_id == self._stream and not self.complete:
            self.cut = f"RST_STREAM with error code {frame.error_code}"
        elif isinstance(frame, GoAwayFrame):
            self._go_away(frame)
        elif isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            self._answer += SettingsFrame(0, flags=["ACK"]).serialize()
        elif isinstance(frame, PingFrame) and "ACK" not in frame.flags:
            self._answer += PingFrame(0, frame.opaque_data, flags=["ACK"]).serialize()

    def _headers(self, frame: HeadersFrame | ContinuationFrame) -> None:
        """Every block is decoded, whosever it is: the compression has one state for the connection."""
        if isinstance(frame, HeadersFrame):
            self._last = "END_STREAM" in frame.flags
        self._block += frame.data
        if len(self._block) > LARGEST_BLOCK:
            self.malformed = f"more than {LARGEST_BLOCK} bytes of headers"
        if "END_HEADERS" not in frame.flags:
            return
        block, self._block = self._block, b""
        fields = dict(self._decoder.decode(block, raw=True))
        if frame.stream_id != self._stream:
            return
        status = int(fields.get(b":status", b"0"))  # trailers have none
        if 100 <= status < 200:
            self._count_interim()
        elif status:
            self.status = status
        self._end_if(self._last)

    def _end_if(self, last: bool) -> None:
        if last:
            self.complete = True
            self.announced = bool(self.farewell)

    def _go_away(self, frame: GoAwayFrame) -> None:
        self.farewell = f"GOAWAY with error code {frame.error_code}"
        if frame.last_stream_id < self._stream and not self.complete:
            self.cut = f"{self.farewell}, this request not taken"
