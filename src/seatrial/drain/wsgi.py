"""WSGI: count what is in flight until the last byte is handed over, announce the close, answer health.

app = Middleware(app, life, health=health)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from seatrial.drain.health import Health, answer
from seatrial.drain.threads import Life

Headers = list[tuple[str, str]]
CLOSE = ("Connection", "close")


class Middleware:
    """The outermost layer of a WSGI application. `health` is a `Health`, or None to answer no path.

    Counts and answers only: `serve.waitress`, `seatrial.drain.gunicorn`, `life.run` or `life.attach` begin the life.
    `announce` says the close in a header; False for servers that refuse the header and announce by themselves.
    """

    __slots__ = ("_announce", "_app", "_health", "_life")

    def __init__(
        self, app: Any, life: Life | None = None, *, health: Health | None = None, announce: bool = True
    ) -> None:
        self._app = app
        self._life = life or Life()
        self._health = health
        self._announce = announce

    @property
    def life(self) -> Life:
        """The life that it counts for."""
        return self._life

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        life = self._life
        if self._health is not None and (
            check := self._health.route(environ.get("PATH_INFO", ""), stopping=life.stopping)
        ):
            body = self._checked(check, start_response)
            return [] if environ.get("REQUEST_METHOD") == "HEAD" else body

        def start(status: str, headers: Headers, *error: Any) -> Any:
            if life.stopping and self._announce:
                headers = [*(pair for pair in headers if pair[0].lower() != "connection"), CLOSE]
            return start_response(status, headers, *error)

        key = life.enter(environ)
        try:
            body = self._app(environ, start)
        except BaseException:
            life.leave(key)
            raise
        return _Counted(body, life, key)

    def _checked(self, check: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
        from http import HTTPStatus  # here: only this needs its sixty names

        assert self._health is not None
        status, body = answer(self._health, check, ready=self._life.ready)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        start_response(
            f"{status} {HTTPStatus(status).phrase}", headers + [CLOSE] * (self._life.stopping and self._announce)
        )
        return [body]


class _Counted:
    """A response body that is in flight until the server closes it, as PEP 3333 obliges servers to."""

    __slots__ = ("_body", "_key", "_life", "_parts")

    def __init__(self, body: Iterable[bytes], life: Life, key: int) -> None:
        self._body, self._life, self._key = body, life, key
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # servers ask to know a Content-Length; no length, no len()

    def close(self) -> None:
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            self._life.leave(self._key)
