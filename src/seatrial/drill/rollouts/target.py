"""Where the load of a rollout goes: from a URL, or from an address that the engine publishes, to a target."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from seatrial.model.errors import InputError, UnsupportedError
from seatrial.model.traffic import Target

HINT = "--url http://HOST:PORT/PATH, where your clients come in"


async def target_of(url: str, by: str) -> Target:
    """The target that a URL names. InputError for one that is none or whose host is not found; UnsupportedError for
    one that our load does not speak."""
    parts = _split(url)
    port = parts.port or 80
    family, address = await _resolved(parts.hostname or "", port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        family=family,
        address=address,
        port=port,
        quick_path=path,
        quick_by=by,
        host=parts.netloc.rpartition("@")[2],
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not all("!" <= character <= "~" for character in url):
        raise InputError(f"{url!r} is not an address that requests can be sent to", hint=HINT)
    if parts.scheme == "https":
        raise UnsupportedError(
            f"the load speaks no TLS, which {url} asks for", hint="--url with the plain port behind what ends TLS"
        )
    if parts.scheme != "http":
        raise InputError(f"{url!r} is not an address of HTTP", hint=HINT)
    return parts


async def _resolved(host: str, port: int) -> tuple[str, str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InputError(f"{host} is not found: {error.strerror or error}", hint=HINT) from None
    address = str(found[0][4][0])
    return ("ipv6" if ipaddress.ip_address(address).version == 6 else "ipv4"), address
