"""A real HAProxy in front of a few ports of this machine: whoever answers its health check there gets requests."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.requirements import missing_program, require

SERVERS = 8
WITHIN = 20.0
_CONFIGURATION = """
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout check 2s
  retries 3
  option redispatch
frontend front
  bind 127.0.0.1:{front}
  default_backend replicas
backend replicas
  option httpchk GET /health
  default-server check inter 100ms fall 1 rise 1
"""


@dataclass(frozen=True)
class Balancer:
    """Where it listens, and the ports that replicas may take behind it."""

    url: str
    ports: tuple[int, ...]

    def wait_ready(self) -> None:
        """Wait until a replica answers through it."""
        deadline = time.monotonic() + WITHIN
        while True:
            with (
                contextlib.suppress(urllib.error.URLError, ConnectionError),
                urllib.request.urlopen(self.url, timeout=5),
            ):
                return
            assert time.monotonic() < deadline, f"nothing answers at {self.url}"
            time.sleep(0.05)


def free_ports(number: int) -> list[int]:
    """Ports that are free, below those that the kernel gives to clients: nobody takes them in passing."""
    found: list[int] = []
    for port in range(20_000 + (time.monotonic_ns() // 1000) % 10_000, 32_000):
        with contextlib.closing(socket.socket()) as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == number:
            return found
    raise AssertionError("no free ports")


@contextlib.contextmanager
def balancer(folder: Path) -> Iterator[Balancer]:
    """A running HAProxy."""
    require(missing_program("haproxy"))
    front, *ports = free_ports(SERVERS + 1)
    file = folder / "haproxy.cfg"
    servers = "".join(f"  server s{port} 127.0.0.1:{port}\n" for port in ports)
    file.write_text(_CONFIGURATION.format(front=front) + servers)
    with (folder / "haproxy.log").open("wb") as said:
        process = subprocess.Popen(["haproxy", "-db", "-f", str(file)], stdout=said, stderr=said)
        try:
            yield Balancer(f"http://127.0.0.1:{front}/", tuple(ports))
        finally:
            process.terminate()
            process.wait(10)
