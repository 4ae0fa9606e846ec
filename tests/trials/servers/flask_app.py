"""Flask's own development server: `/` at once, `/slow` after 0.8 s."""

import time

import flask

app = flask.Flask(__name__)


@app.get("/")
def quick():
    return "quick\n"


@app.get("/slow")
def slow():
    time.sleep(0.8)
    return "slow\n"
