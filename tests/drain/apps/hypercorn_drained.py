"""hypercorn with drain."""

from asgi_app import app
from hypercorn.config import Config

from seatrial.drain import serve

config = Config()
config.bind = ["127.0.0.1:3000"]
serve.hypercorn(app, config=config)
