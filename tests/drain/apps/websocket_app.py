"""A WebSocket that stays open, under the server that the command line names, at a Unix socket or a port."""

import sys

from seatrial.drain import serve


async def app(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.disconnect":
            print("disconnect", message.get("code"), flush=True)
            return


def aiohttp_app():
    from aiohttp import web

    async def socket(request):
        found = web.WebSocketResponse()
        await found.prepare(request)
        async for _ in found:
            pass
        print("disconnect", found.close_code, flush=True)
        return found

    application = web.Application()
    application.add_routes([web.get("/", socket)])
    return application


server, port = sys.argv[1], int(sys.argv[2])
if server == "uvicorn":
    serve.uvicorn(app, port=port, log_level="warning")
elif server == "hypercorn":
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    serve.hypercorn(app, config=config)
elif server == "granian":
    serve.granian(app, port=port)
else:
    serve.aiohttp(aiohttp_app(), host="127.0.0.1", port=port)
