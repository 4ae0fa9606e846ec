"""waitress with drain."""

from wsgi_app import app

from seatrial.drain import serve

serve.waitress(app, port=3000, threads=16)
