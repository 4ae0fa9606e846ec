"""A service with one connection to PostgreSQL, by psycopg; KIND is what is wrong with it, if anything."""

import asyncio
import os

import psycopg
from aiohttp import web

KIND = os.environ.get("KIND", "")
LIMIT = None if KIND == "hangs" else 0.7


class Database:
    """A connection that is made anew after an error."""

    def __init__(self) -> None:
        self.connection: psycopg.AsyncConnection | None = None
        self.lock = asyncio.Lock()

    async def query(self, text: str) -> None:
        async with asyncio.timeout(LIMIT), self.lock:
            try:
                if self.connection is None:
                    connect = psycopg.AsyncConnection.connect
                    self.connection = await connect(os.environ["DATABASE_URL"], autocommit=True)
                await self.connection.execute(text)
            except BaseException:
                lost, self.connection = self.connection, None
                if lost is not None:
                    await lost.close()
                raise


async def application() -> web.Application:
    database = Database()

    async def live(_request: web.Request) -> web.Response:
        return web.Response()

    async def ready(_request: web.Request) -> web.Response:
        try:
            await database.query("SELECT count(*) FROM pg_database")
        except (psycopg.Error, TimeoutError) as error:
            print(repr(error), flush=True)
            return web.Response(status=503)
        return web.Response()

    app = web.Application()
    app.router.add_get("/live", live)
    app.router.add_get("/ready", ready)
    return app


web.run_app(application(), port=3000)
