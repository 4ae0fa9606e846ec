"""What was overheard on one connection: who spoke last, how many bytes each side has sent, and whether the answer that
began last is whole. It is told of each packet in order, and never guesses what it was not told.
"""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.load.answers import is_whole, method_of
from seatrial.load.diag import Standing
from seatrial.load.packets import ACK, WRAP, Packet


@dataclass(slots=True)
class Life:
    """A connection under watch. `server` and `client` are the first sequence numbers of both sides (None: not accepted
    yet); `has_asked` is whether the client spoke last, and `is_plain` that it sent nothing but requests of HTTP/1, one
    after the other's answer. `is_known` is False while something may have been said unheard; then `aged` is whether
    the client spoke last by the kernel's clock."""

    begun: float
    is_late: bool
    is_known: bool
    server: int | None = None
    client: int = 0
    sent: int = 0
    received: int = 0
    has_asked: bool = False
    is_plain: bool = True
    aged: bool | None = None
    stood: Standing | None = None
    """How it stood at the signal."""
    was_whole: bool = False
    """One answer after the signal is known to have been whole, and something else was asked then."""
    _method: bytes = b""
    _begins: bytes = b""
    _ends: bytes = b""
    _before: int = 0
    """How much was sent before the answer that begins so."""

    def ask(self, packet: Packet) -> None:
        """The client said something."""
        if self.is_late or self.stood is not None:
            self.was_whole = self.was_whole or self.is_whole() is True
        self.received = max(self.received, _end(self.received, packet, self.client))
        method = method_of(packet.begins)
        if method:
            self.is_plain = self.is_plain and not (self.has_asked and self.is_known)
            self.has_asked, self.is_known, self._method = True, True, method
        elif not (self.has_asked and self.is_known):  # else it is the rest of a request
            self.is_plain = False

    def answer(self, packet: Packet) -> None:
        """The server said something."""
        end = _end(self.sent, packet, self.server or 0)
        if self.has_asked or not self.is_known:
            self._begins, self._before = packet.begins, end - packet.size  # the kernel's count may be ahead of it
        if not self.is_known:
            self.is_known, self._method = True, b""
        self.sent, self.has_asked = max(self.sent, end), False
        self._ends = packet.begins if len(packet.begins) == packet.size and end == self.sent else b""

    def look(self, how: Standing) -> None:
        """The kernel's own count, and who spoke last by its clock."""
        self.sent, self.received = max(self.sent, how.sent), max(self.received, how.received)
        self.aged = how.is_busy

    def is_busy(self) -> bool | None:
        """Whether a request is in flight; None where that is not known."""
        if not self.is_plain:
            return None
        if not self.is_known:
            return self.aged if not self.received else self.aged or None
        if self.has_asked or not self.received:
            return self.has_asked
        whole = self.is_whole()
        return None if whole is None else not whole

    def is_whole(self, sent: int | None = None) -> bool | None:
        """Whether the last answer is whole; `sent` is the number of all bytes of the server, where that is known."""
        if self.has_asked or not (self.is_known and self.is_plain):
            return None
        ends = self._ends if sent in (None, self.sent) else b""
        return is_whole(self._begins, (self.sent if sent is None else sent) - self._before, ends, self._method)

    def standing(self) -> Standing:
        """How it stands now."""
        return Standing(self.sent, self.received, self.is_busy())

    def sent_by(self, packet: Packet) -> int:
        """How many bytes the server had sent with this packet of its."""
        return max(self.sent, _end(self.sent, packet, self.server or 0))

    def received_by(self, packet: Packet) -> int | None:
        """How many the server had received by then."""
        return (packet.acknowledged - self.client - 1) % WRAP if packet.flags & ACK else None

    def taken_by(self, packet: Packet) -> int | None:
        """How many the client had received by a packet of its."""
        return (packet.acknowledged - (self.server or 0) - 1) % WRAP if packet.flags & ACK else None


def _end(count: int, packet: Packet, first: int) -> int:
    """How many bytes a side has sent with this packet of its, where it has sent about so many: numbers have 32 bits."""
    more = (packet.number + packet.size - first - 1 - count) % WRAP
    return count + more - (WRAP if more >= WRAP >> 1 else 0)
