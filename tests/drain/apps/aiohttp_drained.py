"""aiohttp with drain: `/` at once, `/slow` after 0.8 s."""

import asyncio

from aiohttp import web

from seatrial.drain import serve


async def quick(_request):
    return web.Response(text="quick\n")


async def slow(_request):
    await asyncio.sleep(0.8)
    return web.Response(text="slow\n")


app = web.Application()
app.add_routes([web.get("/", quick), web.get("/slow", slow)])
serve.aiohttp(app, host="127.0.0.1", port=3000)
