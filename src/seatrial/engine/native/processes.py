"""The processes of one instance, read from /proc; cheap enough to be asked fifty times a second."""

from __future__ import annotations

import os

from seatrial.engine.interface import ProcessState

TICKS = os.sysconf("SC_CLK_TCK")


class ProcessTable:
    """Finds the processes of one PID namespace.

    A process that was seen in another namespace is not looked at again while its number lives: a number comes back only
    after all others were used (pid_max), and looking at every process of the machine is what would cost.
    """

    def __init__(self, namespace: str, mapped: tuple[int, int] | None) -> None:
        """`namespace` is the link text of /proc/PID/ns/pid; `mapped` the outer and inner number of the only user."""
        self._namespace = namespace
        self._mapped = mapped
        self._foreign: set[str] = set()

    def now(self) -> tuple[ProcessState, ...]:
        """All processes of the namespace, zombies included, by their number in it."""
        names = {name for name in os.listdir("/proc") if name.isdecimal()}
        self._foreign &= names
        ours = [name for name in names - self._foreign if self._is_ours(name)]
        found = [fields for name in ours if (fields := _read(name))]
        numbers = {fields["Pid"]: _inner_pid(fields) for fields in found}
        states = (self._state(fields, numbers) for fields in found)
        return tuple(sorted(states, key=lambda state: state.pid))

    def _is_ours(self, name: str) -> bool:
        try:
            if os.readlink(f"/proc/{name}/ns/pid") == self._namespace:
                return True
        except FileNotFoundError:
            return False
        except OSError:
            pass
        self._foreign.add(name)
        return False

    def _state(self, fields: dict[str, str], numbers: dict[str, int]) -> ProcessState:
        user = int(fields["Uid"].split()[1])
        if self._mapped and user == self._mapped[0]:
            user = self._mapped[1]
        return ProcessState(
            pid=numbers[fields["Pid"]],
            parent=numbers.get(fields["PPid"], 0),
            host_pid=int(fields["Pid"]),
            start_ticks=int(fields["start"]),
            state=fields["State"][:1],
            argv=tuple(fields["argv"].split("\0")) if fields["argv"] else (f"[{fields['Name']}]",),
            user=user,
            handles=signals(fields["SigCgt"]),
            ignores=signals(fields["SigIgn"]),
            blocks=signals(fields["SigBlk"]),
            memory=_bytes(fields, "RssAnon"),
            shared=_bytes(fields, "RssFile") + _bytes(fields, "RssShmem"),
            cpu=int(fields["ticks"]) / TICKS,
        )


def _read(name: str) -> dict[str, str]:
    """Status, start time, processor time and arguments of a process; empty if it went away meanwhile."""
    try:
        with open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as file:
            pairs = (line.rstrip("\n").partition(":\t") for line in file)
            fields = {key: value for key, _, value in pairs}
        with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
            numbers = file.read().rpartition(")")[2].split()  # from the third field on
        fields["start"], fields["ticks"] = numbers[19], str(int(numbers[11]) + int(numbers[12]))
        with open(f"/proc/{name}/cmdline", encoding="utf-8", errors="replace") as file:
            fields["argv"] = file.read().rstrip("\0")  # a program that renames itself pads with them
    except (OSError, IndexError):
        return {}
    return fields if "SigCgt" in fields and "SigBlk" in fields else {}


def _bytes(fields: dict[str, str], name: str) -> int:
    """A size of the status, which a zombie has none of."""
    return int(fields[name].split()[0]) << 10 if name in fields else 0


def _inner_pid(fields: dict[str, str]) -> int:
    """The number in the innermost namespace."""
    return int(fields.get("NSpid", fields["Pid"]).split()[-1])


def signals(mask: str) -> tuple[int, ...]:
    """The numbers in a mask of /proc/PID/status (hexadecimal, bit 0 is signal 1)."""
    bits = int(mask, 16)
    return tuple(number for number in range(1, 65) if bits >> (number - 1) & 1)


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 if there is none of that number."""
    fields = _read(str(pid))
    return int(fields["start"]) if fields else 0
