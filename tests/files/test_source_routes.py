"""Paths that source files seem to serve."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.dockerignore import read_dockerignore
from seatrial.files.routes import candidates, hint_of, routes_of, service_routes
from seatrial.model.service import Service


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("app.get('/slow', (req, res) => {})", ["/slow"]),
        ('router . get ( "/a/b" , h)', ["/a/b"]),
        ("fastify.get<{ Reply: X }>('/typed', async () => {})", ["/typed"]),
        ("app.get(`/tick`, h)", ["/tick"]),
        ("app.get('/users/:id', h); app.get('/f/*', h); app.get('/x{/y}', h)", []),
        ("app.post('/orders', h); app.put('/x', h)", []),
        ("axios.get('/remote', {}); cache.get('/key', 1); app.get('/setting')", []),
        ("// app.get('/no', h)\n/* app.get('/no2', h) */ app.get('/yes', h)", ["/yes"]),
        ("const u = 'http://x'; app.get('/after-url', h)", ["/after-url"]),
        ("if (req.url === '/slow') {} else if (url.pathname == \"/b\") {}", ["/slow", "/b"]),
        ("if (req.url.startsWith('/stream')) {}", ["/stream"]),
        ("switch (p) { case '/one': break; }", ["/one"]),
        ("fastify.route({ method: 'GET', url: '/obj', handler })", ["/obj"]),
        ("router.route('/chained').get(h)", ["/chained"]),
        ("app.use('/api', orders); orders.get('/list', h); other.get('/x', h)", ["/api/list", "/x"]),
    ],
)
def test_javascript_routes_are_found(source: str, expected: list[str]) -> None:
    assert [route.path for route in routes_of(source, "server.js")] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('@app.get("/slow")\nasync def slow(): ...', ["/slow"]),
        ('@app.route("/a")\ndef a(): ...', ["/a"]),
        ('@app.route("/a", methods=["POST"])\ndef a(): ...', []),
        ('@app.route("/a", methods=["GET", "POST"])\ndef a(): ...', ["/a"]),
        ('@app.get("/users/{id}")\n@app.route("/x/<int:y>")\ndef a(): ...', []),
        ('routes = [Route("/s", s), Route("/p", p, methods=["POST"])]', ["/s"]),
        ('# @app.get("/no")\n"""\n@app.get("/no2")\n"""\n@app.get("/yes")\n', ["/yes"]),
        ("urlpatterns = [path('reports/', v), path('x/<int:y>/', v)]", ["/reports/"]),
        ('app.router.add_get("/aio", h); web.get("/b", h)', ["/aio", "/b"]),
        ("if self.path == '/slow': pass", ["/slow"]),
        ('if scope["path"] == "/raw": pass', ["/raw"]),
        ("if environ['PATH_INFO'] == '/wsgi': pass", ["/wsgi"]),
        ('api = APIRouter(prefix="/v1")\n@api.get("/list")\ndef x(): ...', ["/v1/list"]),
        ('requests.get("/no")\n@app.post("/no")\ndef x(): ...', []),
        ('application = tornado.web.Application([(r"/t", MainHandler)])', ["/t"]),
    ],
)
def test_python_routes_are_found(source: str, expected: list[str]) -> None:
    assert [route.path for route in routes_of(source, "app.py")] == expected


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/slow", "slow"),
        ("/api/report", "slow"),
        ("/longPoll", "slow"),
        ("/belong", ""),
        ("/events", "stream"),
        ("/stream/1", "stream"),
        ("/healthz", "health"),
        ("/-/ready", "health"),
        ("/status", "health"),
        ("/", ""),
    ],
)
def test_names_give_hints(path: str, hint: str) -> None:
    assert hint_of(path) == hint


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("app.py", '@app.websocket("/chat")\nasync def chat(socket): ...'),
        ("app.py", 'routes = [WebSocketRoute("/chat", Chat)]'),
        ("server.js", "new WebSocketServer({ server, path: '/chat' })"),
        ("server.js", "const s = new WebSocket.Server({ path: '/chat' })"),
        ("server.js", "app.get('/chat', { websocket: true }, handler)"),
        ("server.js", "app.ws('/chat', (socket) => {})"),
        ("server.js", "app.get('/chat/ws', handler)"),
    ],
)
def test_where_websockets_are_accepted_is_found(file: str, source: str) -> None:
    (route,) = routes_of(source, file)
    assert route.path.startswith("/chat")
    assert route.hint == "websocket"


def test_candidates_are_sorted_by_hint_and_point_at_their_lines(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "server.ts").write_text("app.get('/', a);\napp.get('/healthz', a)\n  app.get('/slow', b,);\n")
    (tmp_path / "z.py").write_text('@app.get("/events")\ndef e(): ...\n@app.get("/slow")\ndef f(): ...\n')
    (tmp_path / "node_modules" / "x").mkdir(parents=True)
    (tmp_path / "node_modules" / "x" / "i.js").write_text("app.get('/dependency', b)")
    (tmp_path / "secret.js").write_text("app.get('/ignored', b)")
    (tmp_path / "a.test.js").write_text("app.get('/tested', b)")
    (tmp_path / "z.js").symlink_to("/dev/zero")
    found = candidates(tmp_path, read_dockerignore("secret.js"), shown="web/")
    assert [(route.path, route.hint, str(route.place)) for route in found] == [
        ("/slow", "slow", "web/z.py:3:10"),
        ("/events", "stream", "web/z.py:1:10"),
        ("/healthz", "health", "web/src/server.ts:2:9"),
        ("/", "", "web/src/server.ts:1:9"),
    ]


def test_a_services_routes_leave_out_what_its_dockerignore_does(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a.js").write_text("app.get('/a', h)")
    (tmp_path / "web" / "b.js").write_text("app.get('/b', h)")
    (tmp_path / "web" / ".dockerignore").write_text("a.js")
    service = Service("web", str(tmp_path / "web"), None, dockerfile="web/Dockerfile")
    assert [str(route.place) for route in service_routes(service, str(tmp_path))] == ["web/b.js:1:9"]
    assert service_routes(replace(service, context="/nowhere", dockerfile=None), str(tmp_path)) == ()


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert candidates(tmp_path / "missing") == ()


@given(st.text(max_size=200) | st.text("app.get('/x\"`,)/*#@=\n ", max_size=80), st.sampled_from(["a.js", "a.py"]))
def test_arbitrary_sources_never_raise_and_paths_stand_where_they_say(text: str, file: str) -> None:
    for route in routes_of(text, file):
        assert route.path.startswith("/")
        assert text.count("\n") + 1 >= route.place.line


@pytest.mark.parametrize("piece", ["/*", "`", "'", '"""', "app.get('/", "path(", "use('/", "#\\", "get<"])
def test_hostile_sources_take_no_long_time(piece: str) -> None:
    text = piece * (40_000 // len(piece))
    assert len(routes_of(text, "a.js")) + len(routes_of(text, "a.py")) < 1000
