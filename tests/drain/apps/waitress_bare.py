"""waitress has no stop of its own."""

import waitress
from wsgi_app import app

waitress.serve(app, port=3000, threads=16)
