"""Where instances meet their clients: listening sockets that are handed on, and the relay's list of instances.

Carries out what `ports` decides. An instance's own place is kept in a file beside it, so that the next supervisor knows
it; listening sockets that a dead supervisor held are taken back from an instance that has them.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import socket
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from seatrial.engine.contract.health import Check, Kind
from seatrial.model.deployment import Deployment
from seatrial.model.errors import SeatrialError
from seatrial.project.front import listening_socket
from seatrial.project.interface import Berth
from seatrial.project.layout import read_json, write_json
from seatrial.project.ports import Way, reach, tcp_ports
from seatrial.project.progress import note
from seatrial.project.relay import Relay, RelayError

if TYPE_CHECKING:
    from seatrial.project.replica import Replica

_FIRST = 3
"""The first descriptor of those that are inherited (sd_listen_fds(3))."""
_PIDFD_GETFD = 438


def _file(directory: Path) -> Path:
    return directory / "mooring.json"


class TakenError(SeatrialError):
    """Somebody else listens on a port."""


class Moorings:
    """The moorings of one project."""

    def __init__(self, relay: Path) -> None:
        self._relay = Relay(relay)
        self._sockets: dict[str, list[socket.socket]] = {}
        self._retired: set[str] = set()
        self._failure = ""

    async def moor(self, deployment: Deployment, berth: Berth) -> Berth:
        """The berth with what this start needs. Raises OSError where a port is taken."""
        how = reach(deployment)
        if how.way is Way.INHERITED:
            return self._with_sockets(deployment, berth)
        if how.way is not Way.FRONT:
            return berth
        environment = dict(berth.environment)
        number = 0
        if how.variable:
            number = _free_port()
            environment[how.variable] = str(number)
        write_json(_file(berth.directory), {"port": number, "own_network": how.own_network}, durable=False)
        return replace(berth, environment=environment, own_network=how.own_network)

    def _with_sockets(self, deployment: Deployment, berth: Berth) -> Berth:
        listening = self._sockets.get(deployment.name)
        if listening is None:
            listening = [listening_socket(port.address, port.published or 0) for port in tcp_ports(deployment)]
            self._sockets[deployment.name] = listening
        init = deployment.service.init
        environment = {
            **berth.environment,
            "LISTEN_FDS": str(len(listening)),
            "LISTEN_PID": "2" if init is not None and init.value else "1",
        }
        return replace(berth, environment=environment, inherited=tuple(each.fileno() for each in listening))

    def adopt(self, replica: Replica) -> None:
        """Take the listening sockets back from an instance that was started by an earlier supervisor."""
        deployment = replica.deployment
        if reach(deployment).way is not Way.INHERITED or deployment.name in self._sockets:
            return
        if (pid := replica.pid()) and (found := _taken_back(pid, len(tcp_ports(deployment)))):
            self._sockets[deployment.name] = found

    async def retire(self, replica: Replica, all_replicas: Collection[Replica]) -> None:
        """No new connection for this one."""
        self._retired.add(replica.name)
        await self.settle(all_replicas)

    def forget(self, replica: Replica) -> None:
        """It is gone."""
        self._retired.discard(replica.name)

    async def settle(self, replicas: Collection[Replica]) -> None:
        """Tell the relay how it is now, and close what nobody listens on any more. Raises RelayError."""
        using = {each.deployment.name for each in replicas if each.machine.is_running or each.is_pending}
        for name in [name for name in self._sockets if name not in using]:
            for listening in self._sockets.pop(name):
                listening.close()
        wanted: dict[str, Any] = {}
        for replica in replicas:
            if reach(replica.deployment).way is Way.FRONT and replica.deployment.name in using:
                said = wanted.setdefault(replica.deployment.name, _service(replica.deployment))
                if replica.name not in self._retired and (where := _backend(replica)) is not None:
                    said["backends"][f"{replica.name} {replica.machine.run}"] = where
        await self._relay.tell(wanted)

    async def follow(self, replicas: Iterable[Replica]) -> None:
        """As `settle`, after something has happened by itself: what goes wrong is said, once."""
        try:
            await self.settle(list(replicas))
        except RelayError as error:
            if error.message != self._failure:
                note(error.message)
            self._failure = error.message
        else:
            self._failure = ""

    def let_go(self) -> None:
        """Leave all as it is."""
        self._relay.let_go()
        for listening in self._sockets.values():
            for each in listening:
                each.close()
        self._sockets.clear()


def refuse_taken(deployment: Deployment) -> None:
    """Raises TakenError, with the name of who has it, where a published port is taken. Asked before anything of the
    service runs: it would only fail by itself, and say so in its log alone."""
    how = reach(deployment)
    if how.way is Way.INHERITED or how.variable or how.own_network or deployment.shared_port == "reuse-port":
        return
    for port in tcp_ports(deployment):
        # Behind the relay, too, the service listens on its own port of this machine.
        number = port.number if how.way is Way.FRONT else port.published or 0
        try:
            listening_socket(port.address, number).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                continue  # its own affair
            who = _who_listens(number)
            raise TakenError(
                f"{deployment.name}: port {number} of this machine is taken{f' by {who}' if who else ''}",
                hint="end it, or let the service listen on another port: all services share this machine's network",
            ) from None


def _who_listens(number: int) -> str:
    inodes = _listening(os.getpid()).get(number, set())
    for path in Path("/proc").glob("[0-9]*"):
        if inodes & set(_sockets_of(int(path.name))):
            name = (path / "comm").read_text(encoding="utf-8", errors="replace").strip()
            return f"{name} (process {path.name})"
    return ""


def _service(deployment: Deployment) -> dict[str, Any]:
    listen = [[port.address, port.published, port.number] for port in tcp_ports(deployment)]
    return {"listen": listen, "backends": {}}


def _backend(replica: Replica) -> dict[str, Any] | None:
    """Where the relay finds an instance; None while it doesn't run."""
    pid = replica.pid()
    known = read_json(_file(replica.berth.directory))
    if not pid or known is None:
        return None
    ports = {str(port.number): known["port"] or port.number for port in tcp_ports(replica.deployment)}
    return {"ports": ports, "pid": pid if known["own_network"] else 0}


def aimed(check: Check, replica: Replica) -> Check:
    """A check as it is made of this very instance: one that asks on the service's port asks where that is."""
    if check.kind is Kind.EXECUTE or not (places := _places(replica)):
        return check
    if check.kind is Kind.TCP:
        host, port = check.argv
        return replace(check, argv=(host, str(places.get(int(port), port))))
    url = urlsplit(check.argv[0])
    if (place := places.get(url.port or 80)) is None:
        return check
    return replace(check, argv=(url._replace(netloc=f"{url.hostname}:{place}").geturl(),))


def _places(replica: Replica) -> dict[int, int]:
    """Where the service's ports are on this machine, if elsewhere: an instance's own one, or the published one where
    we listen."""
    ports, how = tcp_ports(replica.deployment), reach(replica.deployment)
    if how.way is Way.INHERITED:
        return {port.number: port.published for port in ports if port.published}
    if how.way is not Way.FRONT or not how.variable or (known := read_json(_file(replica.berth.directory))) is None:
        return {}
    return {port.number: known["port"] for port in ports}


def own_ports(replica: Replica) -> tuple[int, ...]:
    """The ports on which the instance itself has to listen: none where it is given its sockets."""
    how = reach(replica.deployment).way
    if how is Way.INHERITED:
        return ()
    known = read_json(_file(replica.berth.directory)) if how is Way.FRONT else None
    if known and known["port"]:
        return (known["port"],)
    return tuple(dict.fromkeys(port.number for port in tcp_ports(replica.deployment)))


def _free_port() -> int:
    """A port that nobody listens on now. If it is taken before the instance does, that fails and is restarted."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _taken_back(pid: int, count: int) -> list[socket.socket]:
    """Copies of the descriptors that a process inherited (pidfd_getfd(2)), if they are listening sockets still."""
    found: list[socket.socket] = []
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return []
    try:
        for number in range(_FIRST, _FIRST + count):
            copy = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, number, 0)
            if copy < 0:
                break
            try:
                listening = socket.socket(fileno=copy)
            except OSError:
                os.close(copy)
                break
            found.append(listening)
    finally:
        os.close(process)
    if len(found) == count and all(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for each in found):
        return found
    for each in found:
        each.close()
    return []


def listens(replica: Replica, numbers: Collection[int]) -> bool:
    """Whether processes of this very instance listen on all these ports: on a network that others share, that somebody
    does says nothing."""
    if not numbers:
        return True
    if replica.instance is None:
        return False
    pids = [process.host_pid for process in replica.instance.processes()]
    if not pids:
        return False
    inodes = _listening(pids[0])
    own = {inode for pid in pids for inode in _sockets_of(pid)}
    return all(inodes.get(number, set()) & own for number in numbers)


async def wait_accepted(replica: Replica, limit: float = 5.0) -> None:
    """Wait until an instance to which nobody connects any more has accepted all who did: the kernel resets those in the
    queue of a socket that is closed."""
    end = asyncio.get_running_loop().time() + limit
    while _queued(replica) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.01)


def _queued(replica: Replica) -> int:
    """How many connections wait to be accepted by an instance."""
    if replica.instance is None or not (pids := [process.host_pid for process in replica.instance.processes()]):
        return 0
    numbers, own = own_ports(replica), {inode for pid in pids for inode in _sockets_of(pid)}
    rows = _rows(pids[0])
    return sum(queued for number, inode, queued in rows if number in numbers and inode in own)


def _listening(pid: int) -> dict[int, set[str]]:
    """The inodes of the sockets that listen in the network of a process, by port."""
    found: dict[int, set[str]] = {}
    for number, inode, _ in _rows(pid):
        found.setdefault(number, set()).add(inode)
    return found


def _rows(pid: int) -> Iterator[tuple[int, str, int]]:
    """Port, inode and queue of each socket that listens in the network of a process."""
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if len(fields) > 9 and fields[3] == "0A":
                yield int(fields[1].rpartition(":")[2], 16), fields[9], int(fields[4].rpartition(":")[2], 16)


def _sockets_of(pid: int) -> Iterable[str]:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return
    for name in names:
        try:
            link = os.readlink(f"/proc/{pid}/fd/{name}")  # noqa: PTH115 — it is no path
        except OSError:
            continue
        if link.startswith("socket:["):
            yield link[8:-1]


def takes(replica: Replica) -> bool:
    """Whether an instance that was given its sockets waits on one of them: in an epoll set (proc(5), fdinfo), or in
    accept(2) itself. Before it does it isn't there, whatever else runs."""
    if replica.instance is None or not (pids := [process.host_pid for process in replica.instance.processes()]):
        return False
    numbers = {port.published for port in tcp_ports(replica.deployment)}
    inodes = {inode for number, inode, _ in _rows(pids[0]) if number in numbers}
    return any(_polled(pid) & inodes or _is_accepting(pid) for pid in pids)


def _polled(pid: int) -> set[str]:
    """The inodes that the epoll sets of a process have."""
    found: set[str] = set()
    for path in Path(f"/proc/{pid}/fdinfo").glob("*"):
        try:
            text = path.read_text(encoding="ascii")
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("tfd:") and "ino:" in line:
                found.add(str(int(line.rpartition("ino:")[2].split()[0], 16)))
    return found


def _is_accepting(pid: int) -> bool:
    for path in Path(f"/proc/{pid}/task").glob("*/wchan"):
        try:
            if "accept" in path.read_text(encoding="ascii"):
                return True
        except OSError:
            continue
    return False


async def wait_taking(replica: Replica, limit: float = 15.0) -> None:
    """Wait until it takes connections. A server may wait in a way that can't be seen, so this ends in any case."""
    end = asyncio.get_running_loop().time() + limit
    while replica.machine.is_running and not takes(replica) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.02)


async def wait_listening(replica: Replica, numbers: Collection[int], pause: float = 0.02) -> None:
    """Wait until it listens; ends as well when it runs no more."""
    while replica.machine.is_running and not listens(replica, numbers):
        await asyncio.sleep(pause)
