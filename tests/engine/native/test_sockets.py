"""What listens, from the kernel's own texts."""

from __future__ import annotations

import sys

import pytest

from seatrial.engine.interface import Listener
from seatrial.engine.native import sockets

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TCP = (
    HEAD
    + """\
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 3 1
"""
)
TCP6 = (
    HEAD
    + """\
   0: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1 1
   1: 00000000000000000000000001000000:0BB9 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 2 1
   2: 0000000000000000FFFF00000100007F:0BBA 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 3 1
"""
)
UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 20 /run/a b.sock
0000000000000000: 00000002 00000000 00010000 0001 01 21 @abstract
0000000000000000: 00000003 00000000 00000000 0001 03 22 /run/connected.sock
0000000000000000: 00000002 00000000 00000000 0002 01 23 /run/datagram.sock
0000000000000000: 00000003 00000000 00000000 0001 03 24
"""

little_endian = pytest.mark.skipif(sys.byteorder != "little", reason="the texts are those of a little-endian machine")


@little_endian
def test_tcp_listeners_with_wildcards_as_loopback() -> None:
    assert list(sockets.tcp(TCP)) == [
        Listener("ipv4", "127.0.0.1", 80),
        Listener("ipv4", "127.0.0.1", 8080, wildcard=True),
    ]


@little_endian
def test_tcp6_listeners_and_mapped_addresses() -> None:
    assert list(sockets.tcp(TCP6)) == [
        Listener("ipv6", "::1", 3000, wildcard=True),
        Listener("ipv6", "::1", 3001),
        Listener("ipv4", "127.0.0.1", 3002),
    ]


def test_unix_listeners_are_streams_that_accept() -> None:
    assert list(sockets.unix(UNIX, "/proc/7/root")) == [
        Listener("unix", "/proc/7/root/run/a b.sock", 0),
        Listener("unix", "@abstract", 0),
    ]


def test_process_that_is_gone_listens_nowhere() -> None:
    assert sockets.listeners(0) == ()
