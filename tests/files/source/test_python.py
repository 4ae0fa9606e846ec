"""What is read of Python."""

from __future__ import annotations

import pytest

from seatrial.files.source import read_source
from seatrial.model.place import Place
from seatrial.model.source import SourceFacts


def facts_of(text: str) -> SourceFacts:
    return read_source("a.py", text.encode())


def test_a_signal_handler_is_found_at_its_place() -> None:
    facts = facts_of("import signal\nsignal.signal(signal.SIGTERM, stop)\n")
    (handler,) = facts.handlers
    assert handler.signals == ("SIGTERM",)
    assert handler.place == Place("a.py", 2, 1, 2, 14)


def test_handlers_of_loops_are_found() -> None:
    facts = facts_of("for s in (signal.SIGTERM, signal.SIGINT):\n    loop.add_signal_handler(s, stop)\n")
    assert set(facts.handlers[0].signals) == {"SIGTERM", "SIGINT"}


def test_the_default_action_is_no_handler() -> None:
    assert facts_of("signal.signal(signal.SIGTERM, signal.SIG_DFL)\n").handlers == ()


def test_sending_a_signal_mentions_none() -> None:
    assert facts_of("import signal\nos.kill(pid, signal.SIGTERM)\n").mentions == ()


@pytest.mark.parametrize(
    ("text", "kind", "handles"),
    [
        ("from flask import Flask\napp = Flask(__name__)\napp.run()", "flask", False),
        ("import uvicorn\nuvicorn.run(app)", "uvicorn", True),
        ("from aiohttp import web\nweb.run_app(app)", "aiohttp", True),
        ("from waitress import serve\nserve(app)", "waitress", False),
        ("from http.server import HTTPServer\nHTTPServer(('', 80), H).serve_forever()", "http", False),
    ],
)
def test_servers_are_known_with_the_signals_that_they_handle(text: str, kind: str, handles: bool) -> None:
    (server,) = facts_of(text).servers
    assert server.kind == kind and ("SIGTERM" in server.handles) is handles


@pytest.mark.parametrize(
    ("text", "value", "variable"),
    [
        ("import uvicorn\nuvicorn.run(app, port=9000)", 9000, ""),
        ("from flask import Flask\napp.run(port=int(os.environ.get('PORT', 5001)))", 5001, "PORT"),
        ("from flask import Flask\napp.run()", 5000, ""),
        ("from http.server import HTTPServer\nHTTPServer(('', 8000), H).serve_forever()", 8000, ""),
        ("from aiohttp import web\nweb.run_app(app, port=os.getenv('P') or 80)", 80, "P"),
    ],
)
def test_ports_are_found(text: str, value: float, variable: str) -> None:
    (listen,) = facts_of(text).listens
    assert (listen.port.value, listen.port.variable) == (value, variable)


@pytest.mark.parametrize(
    ("body", "asks", "is_constant"),
    [
        ("return jsonify(ok=True)", False, True),
        ("return {'status': 'ok'}", False, True),
        ("db.session.execute(text('SELECT 1'))\n    return 'ok'", True, False),
        ("check()\n    return 'ok'", True, False),
        ("return ('ok', 200) if state.up else ('no', 503)", False, False),
    ],
)
def test_what_a_route_asks_is_found(body: str, asks: bool, is_constant: bool) -> None:
    (route,) = facts_of(f"def check():\n    redis.ping()\n\n@app.route('/health')\ndef health():\n    {body}\n").routes
    assert route.path == "/health" and route.actions is not None
    assert (route.actions.asks is not None) is asks
    assert route.actions.is_constant is is_constant


def test_limits_of_servers_are_shutdown_timers() -> None:
    (handler,) = facts_of("import uvicorn\nuvicorn.run(app, timeout_graceful_shutdown=45)\n").handlers
    assert handler.actions.timers[0].seconds.value == 45


def test_log_files_are_found() -> None:
    text = "logging.FileHandler('/var/log/a.log')\nlogging.basicConfig(filename='b.log')\nFileHandler('/dev/stdout')\n"
    assert [each.path for each in facts_of(text).log_files] == ["/var/log/a.log", "b.log"]


def test_imports_are_read_in_all_their_forms() -> None:
    text = "import a.b as c, d\nfrom .e import f\nfrom g import (\n    h,  # why\n    i as j,\n)\nimport_module(n)\n"
    facts = facts_of(text)
    sure = [each.module for each in facts.imports if not each.optional]
    assert sure == [".e", "g", "a.b", "d"]
    assert facts.is_dynamic


def test_what_a_condition_decides_is_told() -> None:
    text = (
        "from flask import Flask\nimport logging\nif kind == 'dev':\n    logging.basicConfig()\n    app.run()\n"
        "if __name__ == '__main__':\n    app.run()\n"
    )
    facts = facts_of(text)
    assert [server.conditional for server in facts.servers] == [True, False]
    assert facts.loggers == ()
