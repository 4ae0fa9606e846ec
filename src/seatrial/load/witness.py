"""Sees what becomes of connections that are not ours: by the packets that open and end them, and a look at the signal.

Of each connection the kernel shows its opening and its end (SYN, FIN, RST) with sequence numbers, which tell how many
bytes either side had sent by then, to the byte; and who pushed data last (PSH, which ends every write). Together with
how the connections stood at the signal that proves some losses: whoever had asked and was sent not one byte more before
the server ended it was not answered. It can't prove that an answer was whole: for that one has to read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
import time
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.load.diag import Peer, Standing, standing
from seatrial.load.interface import LoadError
from seatrial.model.recording import Seen

ETH_P_ALL = 3
SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
PACKET_STATISTICS = 6
SOL_PACKET = 263
BUFFER = 16 << 20
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
QUICK = 0.25
"""Who was ended this soon after it came was in the queue of a listener that closed; who waited longer was left to."""
_WRAP = 1 << 32
TURN = 1024
"""Packets that are read at once."""
CATCHING_UP = 0.05
_FILTER = (
    (0x20, 0, 0, 0xFFFFF004),  # the packet's type (SKF_AD_PKTTYPE, socket(7)): on loopback each comes twice,
    (0x15, 14, 0, 4),  #          as outgoing, which is left out, and as incoming
    (0x30, 0, 0, 0),  #           the version of IP
    (0x54, 0, 0, 0xF0),
    (0x15, 0, 5, 0x40),
    (0x30, 0, 0, 9),  #           IPv4 that carries TCP
    (0x15, 0, 9, 6),
    (0xB1, 0, 0, 0),  #           behind its header, whose length varies,
    (0x50, 0, 0, 13),  #          the flags
    (0x45, 5, 6, -1),
    (0x15, 0, 5, 0x60),
    (0x30, 0, 0, 6),  #           IPv6 that carries TCP
    (0x15, 0, 3, 6),
    (0x30, 0, 0, 53),
    (0x45, 0, 1, -1),
    (0x06, 0, 0, 128),  #         as much as the headers need
    (0x06, 0, 0, 0),
)
"""Of all packets only those of TCP with certain flags, which stand for -1 (classic BPF: networking/filter.rst)."""
_COUNTERS = ("OutRsts", "ListenOverflows", "ListenDrops")


@dataclass(slots=True)
class Life:
    """A connection under watch: the first sequence numbers of both sides, and how it stood at the signal."""

    begun: float
    is_late: bool
    has_asked: bool = False
    server: int | None = None
    client: int = 0
    stood: Standing | None = None


class Witness:
    """Watches the connections of the server on a port of this network namespace, from its making to `testify`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lives: dict[Peer, Life] = {}
        self._signal: float | None = None
        self._counts: dict[str, int] = dict.fromkeys(Seen.__slots__, 0)
        self._before = counters()
        self._offset = time.time() - time.monotonic()
        self._loop = asyncio.get_running_loop()
        try:
            self._socket = _packets(FIN | SYN | RST)
            self._pushes = _packets(PSH)
        except PermissionError:
            raise LoadError(
                "the packets of the instance's network can't be watched here",
                hint="--load-from needs the right to (CAP_NET_RAW): run it as root, or leave it out",
            ) from None
        self._loop.add_reader(self._socket.fileno(), self._read)
        self._loop.add_reader(self._pushes.fileno(), self._read_pushes)

    @property
    def open(self) -> int:
        """How many connections stand now."""
        return sum(life.server is not None for life in self._lives.values())

    def signalled(self, when: float) -> None:
        """The stop signal was sent: see how all stand."""
        stand = standing(self._port)
        self._read()
        self._signal = when
        exact = self._caught_up() and not _missed(self._pushes)
        self._end(self._pushes)
        for peer, how in stand.items():
            if (life := self._lives.get(peer)) is not None:
                life.stood = replace(how, is_busy=life.has_asked) if exact else how
        known = [life.stood for life in self._lives.values() if life.stood is not None]
        self._count("open", len(known))
        self._count("busy", sum(stood.is_busy is True for stood in known))
        self._count("unclear", sum(stood.is_busy is None for stood in known))

    def testify(self) -> Seen:
        """What was seen. The watch is over."""
        self._read()
        self._count("left", self.open)
        self._count("missed", _missed(self._socket))
        now = counters()
        self._count("resets", now["OutRsts"] - self._before["OutRsts"])
        self._count("overflows", now["ListenOverflows"] - self._before["ListenOverflows"])
        self._count("drops", now["ListenDrops"] - self._before["ListenDrops"])
        self.close()
        return Seen(**self._counts)

    def close(self) -> None:
        """Watch no more. Idempotent."""
        self._end(self._socket)
        self._end(self._pushes)

    def _end(self, packets: socket.socket) -> None:
        if packets.fileno() >= 0:
            self._loop.remove_reader(packets.fileno())
            packets.close()

    # --- packets ---

    def _count(self, name: str, number: int = 1) -> None:
        self._counts[name] += number

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(TURN):
                data, extra, *_ = self._socket.recvmsg(256, 64)
                seconds, nanoseconds = struct.unpack_from("=qq", extra[0][2])
                self._packet(data, seconds + nanoseconds / 1e9 - self._offset)

    def _caught_up(self) -> bool:
        """Read what has been pushed by now; False if there is no end of it: then who spoke last is not known."""
        until = time.monotonic() + CATCHING_UP
        while not (is_empty := self._read_pushes()) and time.monotonic() < until:
            pass
        return is_empty

    def _read_pushes(self) -> bool:
        """Note who spoke last on each connection; whether all was read that had come."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(TURN):
                source, target, start = _ends(data := self._pushes.recv(256))
                is_answer = int.from_bytes(data[start : start + 2], "big") == self._port
                if (life := self._lives.get(target if is_answer else source)) is not None:
                    life.has_asked = not is_answer
            return False
        return True

    def _packet(self, data: bytes, when: float) -> None:
        source, target, start = _ends(data)
        number, acknowledged, _, flags = struct.unpack_from(">IIBB", data, start + 4)
        if target[1] == self._port and source[1] != self._port:
            self._from_client(source, flags, acknowledged, when)
        elif source[1] == self._port:
            self._from_server(target, (flags, number, acknowledged), when)

    def _from_client(self, peer: Peer, flags: int, acknowledged: int, when: float) -> None:
        if flags & SYN:
            is_late = self._signal is not None and when > self._signal
            if peer not in self._lives:  # else it is sent again: the queue was full
                self._lives[peer] = Life(when, is_late)
                self._count("late" if is_late else "early")
            return
        life = self._lives.pop(peer, None)
        if life is not None and life.server is not None:
            self._ended_by_client(life, (acknowledged - life.server - 1) % _WRAP if flags & ACK else None)

    def _from_server(self, peer: Peer, packet: tuple[int, int, int], when: float) -> None:
        flags, number, acknowledged = packet
        life = self._lives.get(peer)
        if life is None:
            return
        if flags & SYN:
            life.server, life.client = number, acknowledged - 1
            return
        del self._lives[peer]
        if life.server is None:
            self._count("refused" if life.is_late else "refused_early")
            return
        sent = (number - life.server - 1) % _WRAP
        received = (acknowledged - life.client - 1) % _WRAP if flags & ACK else None
        if life.is_late:
            unserved = "late_queued" if when - life.begun < QUICK else "late_unserved"
            self._count("late_answered" if sent else unserved)
        elif life.stood is not None:
            self._ended_by_server(life.stood, sent, received, "reset" if flags & RST else "fin")

    # --- what it means ---

    def _ended_by_client(self, life: Life, taken: int | None) -> None:
        """`taken` is how many bytes the client had got by then."""
        if life.is_late:
            self._count("late_answered" if taken else "late_left")
        elif life.stood is not None:
            answered = life.stood.is_busy and taken is not None and taken != life.stood.sent % _WRAP
            self._count("answered" if answered else "left_by_client")

    def _ended_by_server(self, stood: Standing, sent: int, received: int | None, how: str) -> None:
        answered = sent != stood.sent % _WRAP
        asked_again = received is not None and received != stood.received % _WRAP
        if stood.is_busy:
            self._count("answered" if answered else f"unanswered_{how}")
        elif answered or asked_again:
            self._count("used_again" if answered else "crossed")
        elif stood.is_busy is None:
            self._count("unclear_ends")
        else:
            self._count(f"idle_{how}")


def _ends(data: bytes) -> tuple[Peer, Peer, int]:
    """Where a packet comes from, where it goes, and where TCP begins in it."""
    if data[0] >> 4 == 4:
        start, source, target = (data[0] & 15) * 4, data[12:16], data[16:20]
    else:
        start, source, target = 40, data[8:24], data[24:40]
    here, there = struct.unpack_from(">HH", data, start)
    return (source, here), (target, there), start


def _missed(packets: socket.socket) -> int:
    """How many packets found no room to wait in."""
    _, missed = struct.unpack("=II", packets.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    return int(missed)


def counters() -> dict[str, int]:
    """Some of this network namespace's own counters (proc_net(5): snmp, netstat)."""
    found = dict.fromkeys(_COUNTERS, 0)
    for file in ("snmp", "netstat"):
        lines = Path("/proc/self/net", file).read_text(encoding="ascii").splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=False):
            pairs = zip(names.split(), values.split(), strict=False)
            found |= {name: int(value) for name, value in pairs if name in found}
    return found


def _packets(flags: int) -> socket.socket:
    """A socket that gets the packets of this network namespace's TCP that have one of the flags."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    program = b"".join(struct.pack("=HBBI", *step[:3], flags if step[3] < 0 else step[3]) for step in _FILTER)
    steps = ctypes.create_string_buffer(program)
    packets.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(_FILTER), ctypes.addressof(steps)))
    packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    with contextlib.suppress(PermissionError):
        packets.setsockopt(socket.SOL_SOCKET, 33, BUFFER)  # SO_RCVBUFFORCE
    packets.setblocking(False)
    packets.bind(("lo", ETH_P_ALL))  # only now: what is not asked for must not come in
    return packets
