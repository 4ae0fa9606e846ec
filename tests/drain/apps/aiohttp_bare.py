"""aiohttp's own runner: `/` at once, `/slow` after 0.8 s."""

import asyncio
import os

from aiohttp import web


async def quick(_request):
    return web.Response(text="quick\n")


async def slow(_request):
    await asyncio.sleep(0.8)
    return web.Response(text="slow\n")


app = web.Application()
app.add_routes([web.get("/", quick), web.get("/slow", slow)])
web.run_app(app, port=int(os.environ.get("PORT", "3000")), print=None)
