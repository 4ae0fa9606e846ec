"""granian with drain."""

from asgi_app import app

from seatrial.drain import serve

serve.granian(app, port=3000)
