"""Sees what becomes of connections that are not ours: by their packets, and a look at the sockets before the signal.

Of each connection the kernel shows its opening and its end (SYN, FIN, RST) with sequence numbers, which tell how many
bytes either side had sent by then, to the byte; and who pushed data last (PSH, which ends every write) with how that
begins. Just before the signal the sockets are looked at, and from then on packets wait until its moment is known: what
came earlier says how each connection stood, however fast the server went. Whoever had asked and was sent not one byte
more before the server ended it was not answered; whether an answer is whole its own head says, where it could be heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from seatrial.load.diag import Peer, Standing, standing
from seatrial.load.interface import LoadError
from seatrial.load.lives import Life
from seatrial.load.packets import FIN, PSH, RST, SYN, TURN, WRAP, Packet, Tap
from seatrial.model.traffic import Seen

QUICK = 0.25
"""Who was ended this soon after it came was in the queue of a listener that closed; who waited longer was left to."""
CATCHING_UP = 0.05
HEAVY = 5_000
"""Pushes a second from which on to hear them all would take more of the machine than it tells."""
AT_ONCE = 0.1
"""For how long all are heard before the signal where they are too many to be heard all the time."""
BEAT = 0.2
_ENDS = FIN | SYN | RST
_COUNTERS = ("OutRsts", "ListenOverflows", "ListenDrops")


class Witness:
    """Watches the connections of the server on a port of this network namespace, from its making to `testify`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lives: dict[Peer, Life] = {}
        self._signal: float | None = None
        self._counts: dict[str, int] = dict.fromkeys(Seen.__slots__, 0)
        self._before = counters()
        self._loop = asyncio.get_running_loop()
        self._hears_all = True
        self._sound_from = 0.0
        self._missed = 0
        self._beat, self._heard = time.monotonic(), 0
        try:
            self._tap = Tap(_ENDS | PSH)
        except PermissionError:
            raise LoadError(
                "the packets of the instance's network can't be watched here",
                hint="--load-from needs the right to (CAP_NET_RAW): run it as root, or leave it out",
            ) from None
        self._loop.add_reader(self._tap.descriptor, self._read)

    @property
    def open(self) -> int:
        """How many connections stand now."""
        return sum(life.server is not None for life in self._lives.values())

    async def ready(self) -> None:
        """The signal comes next: see how all stand. What they do from now on is looked at when its moment is known."""
        if not self._hears_all:
            self._hear_all(True)
            await asyncio.sleep(AT_ONCE)
        until = time.monotonic() + CATCHING_UP
        while self._read() == TURN and time.monotonic() < until:
            pass
        self._look(standing(self._port))
        self._loop.remove_reader(self._tap.descriptor)

    def signalled(self, when: float) -> None:
        """The stop signal was sent: how all stood then, and what has become of them."""
        rest = self._until(when)
        self._signal = when
        for life in self._lives.values():
            if life.server is not None:
                life.stood = life.standing()
        known = [life.stood for life in self._lives.values() if life.stood is not None]
        self._count("open", len(known))
        self._count("busy", sum(stood.is_busy is True for stood in known))
        self._count("unclear", sum(stood.is_busy is None for stood in known))
        self._beat, self._heard = time.monotonic(), 0
        self._take(rest)
        self._loop.add_reader(self._tap.descriptor, self._read)

    def testify(self) -> Seen:
        """What was seen. The watch is over."""
        while self._read() == TURN:
            pass
        for life in self._lives.values():
            if life.stood is not None and life.stood.is_busy and (life.was_whole or life.is_whole()):
                self._answered("answered", life, life.sent)
        self._count("left", self.open)
        now = counters()
        self._count("resets", now["OutRsts"] - self._before["OutRsts"])
        self._count("overflows", now["ListenOverflows"] - self._before["ListenOverflows"])
        self._count("drops", now["ListenDrops"] - self._before["ListenDrops"])
        self.close()
        return Seen(**self._counts)

    def close(self) -> None:
        """Watch no more. Idempotent."""
        if self._tap.descriptor >= 0:
            self._loop.remove_reader(self._tap.descriptor)
            self._tap.close()

    def _look(self, stand: Mapping[Peer, Standing]) -> None:
        """Compare what was heard with the kernel's own word, which counts where something was missed."""
        for peer, how in stand.items():
            if (life := self._lives.get(peer)) is not None:
                life.look(how)
        if self._counts["missed"]:
            self._lives = {peer: life for peer, life in self._lives.items() if peer in stand}
            self._counts["missed"] = len(stand.keys() - self._lives.keys())

    # --- packets ---

    def _count(self, name: str, number: int = 1) -> None:
        self._counts[name] += number

    def _read(self) -> int:
        """Take in what came; how many packets that were."""
        packets = self._tap.read()
        self._take(packets)
        now = time.monotonic()
        if now - self._beat > BEAT:
            if self._hears_all and self._heard > HEAVY * (now - self._beat):
                self._hear_all(False)
            self._beat, self._heard = now, 0
        return len(packets)

    def _until(self, when: float) -> list[Packet]:
        """Take in what came up to a moment; gives what was read of the rest."""
        while True:
            packets = self._tap.read()
            late = [packet for packet in packets if packet.when > when]
            self._take([packet for packet in packets if packet.when <= when])
            if late or len(packets) < TURN:
                return late

    def _hear_all(self, hears_all: bool) -> None:
        """Hear what is said, too, or only who comes and goes."""
        self._hears_all = hears_all
        self._beat = float("inf") if hears_all else time.monotonic()  # this time to the end
        self._tap.choose(_ENDS | PSH if hears_all else _ENDS)
        self._lose_track()

    def _lose_track(self) -> None:
        """Who spoke last on each connection is not known until somebody speaks again."""
        self._sound_from = time.monotonic()
        for life in self._lives.values():
            life.is_known = False

    def _take(self, packets: list[Packet]) -> None:
        if missed := self._tap.missed():
            self._lose_track()
            self._missed += missed
        for packet in packets:
            if packet.target[1] == self._port and packet.source[1] != self._port:
                self._from_client(packet)
            elif packet.source[1] == self._port:
                self._from_server(packet)
        if self._missed and len(packets) < TURN:  # what had come before those was taken in
            is_over = self._signal is not None and not any(life.stood for life in self._lives.values())
            self._count("missed_late" if is_over else "missed", self._missed)
            self._missed = 0

    def _hears(self, life: Life, packet: Packet) -> bool:
        is_told = bool(packet.size) and life.server is not None and packet.when >= self._sound_from
        self._heard += is_told
        return is_told and self._hears_all

    def _from_client(self, packet: Packet) -> None:
        life = self._lives.get(packet.source)
        if packet.flags & SYN:
            if life is None:  # else it is sent again: the queue was full
                self._open(packet)
            return
        if life is None:
            return
        if self._hears(life, packet):
            life.ask(packet)
        if packet.flags & (FIN | RST):
            del self._lives[packet.source]
            if life.server is not None:
                self._ended_by_client(life, life.taken_by(packet))

    def _open(self, packet: Packet) -> None:
        is_late = self._signal is not None and packet.when > self._signal
        is_known = self._hears_all and packet.when >= self._sound_from
        self._lives[packet.source] = Life(packet.when, is_late, is_known)
        self._count("late" if is_late else "early")

    def _from_server(self, packet: Packet) -> None:
        life = self._lives.get(packet.target)
        if life is None:
            return
        if packet.flags & SYN:
            life.server, life.client = packet.number, packet.acknowledged - 1
            return
        if self._hears(life, packet):
            life.answer(packet)
        if packet.flags & (FIN | RST):
            del self._lives[packet.target]
            self._ended_by_server(life, packet)

    # --- what it means ---

    def _ended_by_client(self, life: Life, taken: int | None) -> None:
        """`taken` is how many bytes the client had got by then."""
        if life.is_late and taken:
            self._answered("late_answered", life, life.sent)
        elif life.is_late:
            self._count("late_left")
        elif life.stood is not None and life.stood.is_busy and taken not in (None, life.stood.sent % WRAP):
            self._answered("answered", life, life.sent)
        elif life.stood is not None:
            self._count("left_by_client")

    def _ended_by_server(self, life: Life, packet: Packet) -> None:
        if life.server is None:
            self._count("refused" if life.is_late else "refused_early")
            return
        sent, stood = life.sent_by(packet), life.stood
        how = "reset" if packet.flags & RST else "fin"
        if life.is_late and sent:
            self._answered("late_answered", life, sent, how)
        elif life.is_late:
            self._count("late_queued" if packet.when - life.begun < QUICK else "late_unserved")
        elif stood is not None and stood.is_busy and sent != stood.sent:
            self._answered("answered", life, sent, how)
        elif stood is not None:
            self._unanswered(life, stood, packet, how)

    def _answered(self, name: str, life: Life, sent: int, how: str = "") -> None:
        """Something was sent: was that all of it? What is reset after it was sent may never be read."""
        self._count(name)
        whole = life.is_whole(sent)
        if life.was_whole or (whole and how != "reset"):
            self._count(f"{name}_whole")
        elif whole is False and how:
            self._count(f"{name}_cut")

    def _unanswered(self, life: Life, stood: Standing, packet: Packet, how: str) -> None:
        sent, received = life.sent_by(packet), life.received_by(packet)
        answered = sent != stood.sent
        asked_again = received is not None and received != stood.received % WRAP
        if stood.is_busy:
            self._count(f"unanswered_{how}")
        elif answered or asked_again:
            self._count("used_again" if answered else "crossed")
            self._count("used_again_cut", answered and life.is_whole(sent) is False)
        elif stood.is_busy is None:
            self._count("unclear_ends")
            self._count("unclear_resets", how == "reset")
        else:
            self._count(f"idle_{how}")


def counters() -> dict[str, int]:
    """Some of this network namespace's own counters (proc_net(5): snmp, netstat)."""
    found = dict.fromkeys(_COUNTERS, 0)
    for file in ("snmp", "netstat"):
        lines = Path("/proc/self/net", file).read_text(encoding="ascii").splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=False):
            pairs = zip(names.split(), values.split(), strict=False)
            found |= {name: int(value) for name, value in pairs if name in found}
    return found
