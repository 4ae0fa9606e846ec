"""waitress: `/` at once, `/slow` after 0.8 s."""

import os

import waitress
from wsgi import app

waitress.serve(app, port=int(os.environ.get("PORT", "3000")), threads=16)
