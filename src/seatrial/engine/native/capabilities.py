"""Linux capabilities by name, and the set that a container has by default (moby/profiles: oci/caps/defaults.go)."""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.model.errors import InputError

_NAMES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
_DEFAULT = """
CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
AUDIT_WRITE
"""
NAMES = _NAMES.split()
"""In the order of their numbers (linux/capability.h)."""
DEFAULT = _DEFAULT.split()
SYS_ADMIN = 1 << NAMES.index("SYS_ADMIN")


def mask(names: Iterable[str]) -> int:
    """The bits of capabilities by name."""
    return sum(1 << NAMES.index(name) for name in set(names))


def granted(add: Iterable[str], drop: Iterable[str]) -> int:
    """What is left of the default set, by moby's rule (oci/caps/utils.go, TweakCapabilities).

    ALL added loses what is dropped; ALL dropped leaves what is added; else dropping comes before adding.
    """
    added, dropped = {_name(word) for word in add}, {_name(word) for word in drop}
    if "ALL" in added:
        return mask(set(NAMES) - dropped)
    if "ALL" in dropped:
        return mask(added)
    return mask((set(DEFAULT) - dropped) | added)


def _name(word: str) -> str:
    """A capability as people write it: with CAP_ or without, in any case."""
    name = word.upper().removeprefix("CAP_")
    if name != "ALL" and name not in NAMES:
        raise InputError(f"{word!r} is not a capability", hint="man 7 capabilities lists them")
    return name
