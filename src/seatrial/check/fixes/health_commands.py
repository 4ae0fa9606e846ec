"""Health checks that an image can run with what it has: the program and its words, by the base image. Pure.

A check of an address answers by the status; where no address is known that says that the program is well, it asks
whether the program answers at all, which any server does that isn't stuck.
"""

from __future__ import annotations

import re

from seatrial.check import images

_ADDRESS = re.compile(r"http://[\w.-]+(?::\d{1,5})?(?:/[\w./?=&%+~-]*)?")
_JS = "require('http').get('{}',r=>process.exit(r.statusCode<{}?0:1)).on('error',()=>process.exit(1))"
_PYTHON = "import urllib.request as u; u.urlopen('{}', timeout=3)"
_PYTHON_ANY = (
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', {}, timeout=3); c.request('GET', '/');"
    " raise SystemExit(c.getresponse().status >= 500)"
)


def is_address(text: str) -> bool:
    """Whether this is a plain address, without variables and quotes."""
    return _ADDRESS.fullmatch(text) is not None


def asking(base: str, url: str) -> tuple[str, ...]:
    """What asks this address and fails on an error status; empty where the image has nothing for it."""
    name, family = images.parse(base).repository, images.family(base)
    if name == "node":
        return "node", "-e", _JS.format(url, 400)
    if name == "python":
        return "python", "-c", _PYTHON.format(url)
    if family in ("alpine", "busybox"):
        return "wget", "-q", "-O", "/dev/null", url
    return ()


def answering(base: str, port: int) -> tuple[str, ...]:
    """What asks whether somebody answers on this port, with whatever status below 500 where it speaks HTTP."""
    name, family = images.parse(base).repository, images.family(base)
    if name == "node":
        return "node", "-e", _JS.format(f"http://127.0.0.1:{port}/", 500)
    if name == "python":
        return "python", "-c", _PYTHON_ANY.format(port)
    if family in ("alpine", "busybox"):
        return "nc", "-z", "127.0.0.1", str(port)
    if family in ("debian", "rhel"):
        return "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"
    return ()
