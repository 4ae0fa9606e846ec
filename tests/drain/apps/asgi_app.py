"""An ASGI application without a framework: `/` at once, `/slow` after 0.8 s, `/stream` a chunk each 50 ms for 0.8 s."""

import asyncio


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(0.8)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if scope["path"] == "/stream":
        for part in range(16):
            await send({"type": "http.response.body", "body": b"part %d\n" % part, "more_body": True})
            await asyncio.sleep(0.05)
    await send({"type": "http.response.body", "body": b"done\n"})
