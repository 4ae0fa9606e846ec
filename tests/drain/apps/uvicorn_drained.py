"""uvicorn with drain."""

from asgi_app import app

from seatrial.drain import serve

serve.uvicorn(app, port=3000, log_level="warning")
