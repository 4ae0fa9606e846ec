"""The relay in front of a dependency: it passes bytes on, is cut, made slow and restored."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from seatrial.load.relay import Route, is_here, main


@asynccontextmanager
async def echo(path: str) -> AsyncIterator[None]:
    """A server that says everything again."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            while data := await reader.read(100):
                writer.write(data)

    async with await asyncio.start_unix_server(answer, path):
        yield


async def said(path: str, within: float = 5.0) -> bytes:
    """What comes back for a word; "" at an end or a reset, "hangs" if nothing does."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(b"word")
        async with asyncio.timeout(within):
            return await reader.read(100)
    except TimeoutError:
        return b"hangs"
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def test_a_route_passes_on_is_cut_slow_and_restored(tmp_path: Path) -> None:
    front, back = str(tmp_path / "front"), str(tmp_path / "back")

    async def story() -> list[bytes]:
        route, heard = Route(front, back), []
        async with echo(back):
            await route.restore()
            heard.append(await said(front))
            await route.cut()
            with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):
                heard.append(await said(front))
            await route.restore()
            heard.append(await said(front))
            await route.slow()
            heard.append(await said(front, 0.05))
            await route.restore()
            heard.append(await said(front))
            await route.cut()
        return heard

    assert asyncio.run(story()) == [b"word", b"word", b"hangs", b"word"]


def test_what_is_connected_is_ended_when_the_route_is_cut(tmp_path: Path) -> None:
    front, back = str(tmp_path / "front"), str(tmp_path / "back")

    async def story() -> bytes:
        route = Route(front, back)
        async with echo(back):
            await route.restore()
            reader, writer = await asyncio.open_unix_connection(front)
            writer.write(b"word")
            assert await reader.read(100) == b"word"
            await route.cut()
            try:
                return await asyncio.wait_for(reader.read(100), 5.0)
            except ConnectionResetError:
                return b""
            finally:
                writer.close()
                await asyncio.sleep(0)

    assert asyncio.run(story()) == b""


@pytest.mark.parametrize("nobody", [None, "missing"])
def test_where_it_leads_nowhere_nothing_answers(nobody: str | None, tmp_path: Path) -> None:
    front = str(tmp_path / "front")

    async def story() -> bytes:
        route = Route(front, str(tmp_path / nobody) if nobody else None)
        await route.restore()
        try:
            return await said(front, 0.05)
        finally:
            await route.cut()

    assert asyncio.run(story()) == (b"" if nobody else b"hangs")


@pytest.mark.parametrize(("address", "here"), [("127.0.0.1", True), ("192.0.2.1", False)])
def test_an_address_of_its_own_network_is_known(address: str, here: bool) -> None:
    assert is_here([address, 80]) is here


def test_what_is_in_its_own_network_needs_no_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listening: list[object] = []

    async def listens(route: Route) -> None:
        listening.append(route._listen)

    monkeypatch.setattr(Route, "restore", listens)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    asyncio.run(main([["a", ["127.0.0.1", 80], True], ["b", ["192.0.2.1", 80], True], ["c", ["127.0.0.1", 80]]]))
    assert listening == ["b", "c"]
    assert capsys.readouterr().out == "ok\n"
