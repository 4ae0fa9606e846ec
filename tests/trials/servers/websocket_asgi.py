"""The ASGI application of asgi.py, with WebSockets at /ws that say back what they hear, and a long answer at /large."""

from asgi import app as pages


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
    elif scope.get("path") == "/large":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in range(128):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": part < 127})
    else:
        await pages(scope, receive, send)
