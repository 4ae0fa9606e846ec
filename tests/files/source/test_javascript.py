"""What is read of JavaScript and TypeScript: each fact with its exact place."""

from __future__ import annotations

import pickle

import pytest

from seatrial.files.source import read_source
from seatrial.model.place import Place
from seatrial.model.source import Amount, SignalHandler, SourceFacts


def facts_of(text: str, file: str = "a.js") -> SourceFacts:
    return read_source(file, text.encode())


def handler_of(text: str, file: str = "a.js") -> SignalHandler:
    (handler,) = facts_of(text, file).handlers
    return handler


def test_a_handler_is_found_at_its_place_with_what_it_does() -> None:
    handler = handler_of('let é = 1\n  ; process.once("SIGTERM", () => { server.close(() => process.exit(0)) })\n')
    assert handler.signals == ("SIGTERM",)
    assert handler.place == Place("a.js", 2, 5, 2, 17)
    assert handler.actions.closes == Place("a.js", 2, 37, 2, 49)
    assert handler.actions.close_at_once
    assert handler.actions.exit is not None and not handler.actions.exit.at_once


def test_columns_count_characters_and_not_bytes() -> None:
    handler = handler_of('const a = "éé"; process.on("SIGINT", f)\n')
    assert handler.place == Place("a.js", 1, 17, 1, 27)


@pytest.mark.parametrize(
    "text",
    [
        '["SIGTERM", "SIGINT"].forEach((s) => process.on(s, stop))',
        'for (const s of ["SIGTERM", "SIGINT"]) process.on(s, () => stop(s))',
        "const signals = { SIGTERM: 15, SIGINT: 2 }\nObject.keys(signals).forEach((s) => process.on(s, stop))",
    ],
)
def test_signals_of_a_loop_are_all_handled(text: str) -> None:
    assert set(handler_of(text).signals) == {"SIGTERM", "SIGINT"}


def test_a_signal_that_is_only_sent_is_not_mentioned() -> None:
    assert facts_of('process.kill(pid, "SIGTERM"); child.kill("SIGINT")').mentions == ()
    assert facts_of('// "SIGTERM"\non("SIGHUP")').mentions == ("SIGHUP",)


@pytest.mark.parametrize(
    ("body", "at_once"),
    [
        ("process.exit(0)", True),
        ("console.log('bye'); process.exit()", True),
        ("server.close(); process.exit(0)", True),
        ("server.close(() => process.exit(0))", False),
        ("await server.close(); process.exit(0)", False),
        ("if (stopping) process.exit(1); stopping = true; server.close()", False),
        ("server.close().then(() => process.exit(0))", False),
        ("setTimeout(() => process.exit(1), 10)", False),
    ],
)
def test_an_exit_at_once_is_told_from_one_that_waits(body: str, at_once: bool) -> None:
    ended = handler_of(f'process.on("SIGTERM", async () => {{ {body} }})').actions.exit
    assert (ended is not None and ended.at_once) is at_once


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("10000", Amount(10.0, scale=0.001)),
        ("30 * 1000", Amount(30.0, scale=1.0)),
        ("LIMIT", Amount(25.0, scale=0.001)),
        ("10_000", Amount(10.0, scale=0.001)),
        ("Number(process.env.T) || 5000", Amount(5.0, "T", 0.001)),
        ("parseInt(process.env.T ?? '5000', 10)", Amount(5.0, "T", 0.001)),
        ("process.env.T ? Number(process.env.T) : 5000", Amount(5.0, "T", 0.001)),
        ("Number(process.env.T || 5) * 1000", Amount(5.0, "T", 1.0)),
        ("ms('8s')", Amount(8.0, scale=0.001)),
        ("config.limit", Amount(None, scale=0.001)),
    ],
)
def test_the_time_of_a_shutdown_timer_is_worked_out(expression: str, expected: Amount) -> None:
    timer_text = f"setTimeout(() => process.exit(1), {expression}).unref()"
    text = f'const LIMIT = 25e3\nprocess.on("SIGTERM", () => {{ {timer_text} }})'
    (timer,) = handler_of(text).actions.timers
    found = timer.seconds
    assert (found.value, found.variable) == (expected.value, expected.variable)
    if found.variable:
        assert found.scale == pytest.approx(expected.scale)


def test_what_a_named_function_does_is_followed() -> None:
    text = (
        "function stop() { close() }\n"
        "const close = async () => { await sleep(3000); app.close(); setTimeout(process.exit, 9000) }\n"
        'process.on("SIGTERM", stop)\n'
    )
    actions = handler_of(text).actions
    assert [timer.seconds.value for timer in actions.timers] == [9.0]
    assert [timer.seconds.value for timer in actions.delays] == [3.0]
    assert actions.closes is not None and not actions.close_at_once


def test_a_function_that_calls_itself_ends() -> None:
    assert handler_of('function f() { f(); g() }\nfunction g() { f() }\nprocess.on("SIGTERM", f)').signals


def test_a_delay_before_the_close_is_seen() -> None:
    actions = handler_of('process.on("SIGTERM", () => setTimeout(() => server.close(), 5000))').actions
    assert [timer.seconds.value for timer in actions.delays] == [5.0]
    assert not actions.close_at_once


@pytest.mark.parametrize(
    ("text", "library", "seconds"),
    [
        (
            'const { createTerminus } = require("@godaddy/terminus")\ncreateTerminus(s, { timeout: 7000 })',
            "terminus",
            7,
        ),
        ('import gracefulShutdown from "http-graceful-shutdown"\ngracefulShutdown(s)', "http-graceful-shutdown", 30),
        ('import closeWithGrace from "close-with-grace"\ncloseWithGrace({ delay: 500 }, f)', "close-with-grace", 0.5),
    ],
)
def test_libraries_that_install_handlers_are_known_with_their_limits(text: str, library: str, seconds: float) -> None:
    handler = handler_of(text)
    assert library in handler.by and "SIGTERM" in handler.signals
    assert handler.actions.timers[0].seconds.value == seconds


def test_nest_hooks_count_as_a_handler() -> None:
    assert "SIGTERM" in handler_of("const app: X = y\napp.enableShutdownHooks()", "main.ts").signals


@pytest.mark.parametrize(
    ("body", "only_logs"),
    [
        ("console.error(e)", True),
        ("logger.fatal({ e }, 'x'); Sentry.captureException(e)", True),
        ("console.error(e); process.exit(1)", False),
        ("throw e", False),
        ("stop(e)", False),
        ("process.exitCode = 1", False),
    ],
)
def test_a_handler_that_only_logs_a_fatal_error_is_told(body: str, only_logs: bool) -> None:
    (handler,) = facts_of(f'process.on("uncaughtException", (e) => {{ {body} }})').fatal_handlers
    assert handler.actions.only_logs is only_logs


@pytest.mark.parametrize(
    ("text", "value", "variable"),
    [
        ("app.listen(3000)", 3000, ""),
        ("app.listen(process.env.PORT || 3000, f)", 3000, "PORT"),
        ("const port = Number(process.env.PORT ?? 8080)\nserver.listen(port, '0.0.0.0')", 8080, "PORT"),
        ("await fastify.listen({ port: 4000, host: '::' })", 4000, ""),
        ("app.set('port', process.env.PORT || 80)\nserver.listen(app.get('port'))", 80, "PORT"),
    ],
)
def test_ports_are_found(text: str, value: float, variable: str) -> None:
    (listen,) = facts_of(text).listens
    assert (listen.port.value, listen.port.variable) == (value, variable)


def test_what_listens_to_events_is_no_server() -> None:
    assert facts_of("history.listen(() => render())\nstore.listen(f)").listens == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('const express = require("express")\nconst app = express()', "express"),
        ('import http from "node:http"\nhttp.createServer(f)', "http"),
        ('import { NestFactory } from "@nestjs/core"\nNestFactory.create(M)', "nest"),
        ('import Fastify from "fastify"\nFastify({ logger: true })', "fastify"),
        ('import { Worker } from "bullmq"\nnew Worker("q", f)', "bullmq"),
    ],
)
def test_servers_and_workers_are_known_by_their_package(text: str, kind: str) -> None:
    (server,) = facts_of(text, "a.ts").servers
    assert server.kind == kind and server.is_worker is (kind == "bullmq")


def test_keep_alive_settings_are_found_as_assignments_and_options() -> None:
    first, second = facts_of("server.keepAliveTimeout = 65 * 1000\nf({ headersTimeout: 66000 })").settings
    assert (first.name, first.seconds.value) == ("keepAliveTimeout", 65)
    assert (second.name, second.seconds.value) == ("headersTimeout", 66)


@pytest.mark.parametrize(
    ("handler", "asks", "is_constant"),
    [
        ("(req, res) => res.send('ok')", "", True),
        ("(req, res) => { res.status(200).json({ up: process.uptime() }) }", "", True),
        ("async (req, res) => { await pool.query('SELECT 1'); res.send('ok') }", "pool.query", False),
        ("async (req, res) => { await check(); res.send('ok') }", "prisma.$queryRaw", False),
        ("(req, res) => res.sendStatus(state.ready ? 200 : 503)", "", False),
        ("(req, res) => { if (closing) return res.sendStatus(503); res.send('ok') }", "", False),
    ],
)
def test_what_a_route_asks_is_found(handler: str, asks: str, is_constant: bool) -> None:
    text = f"const check = () => prisma.$queryRaw('x')\napp.get('/health', {handler})"
    (route,) = facts_of(text).routes
    assert route.path == "/health" and route.actions is not None
    assert (route.actions.asks.value if route.actions.asks else "") == asks
    assert route.actions.is_constant is is_constant


def test_routes_of_a_bare_server_and_of_nest_are_found() -> None:
    bare = facts_of("http.createServer((req, res) => { if (req.url === '/live') { redis.ping() } })")
    assert [(route.path, bool(route.actions and route.actions.asks)) for route in bare.routes] == [("/live", True)]
    nest = facts_of("@Controller('health')\nclass A {\n  @Get('live')\n  live() { return 'ok' }\n}\n", "a.ts")
    assert [route.path for route in nest.routes] == ["/health/live"]


def test_log_files_are_found_with_their_paths() -> None:
    text = (
        'const winston = require("winston")\nnew winston.transports.File({ filename: "app.log" })\n'
        "fs.createWriteStream(path.join(__dirname, 'logs', 'access.log'), { flags: 'a' })\n"
        'pino.destination("/dev/stdout")\nfs.createWriteStream("picture.png")\n'
    )
    assert [each.path for each in facts_of(text).log_files] == ["app.log", "logs/access.log"]


def test_the_value_can_be_pickled_and_compared() -> None:
    facts = facts_of('process.on("SIGTERM", () => process.exit(0)); app.get("/a", (q, s) => s.end())')
    assert pickle.loads(pickle.dumps(facts)) == facts


def test_a_file_without_a_word_of_interest_is_not_parsed_but_its_imports_are_known() -> None:
    facts = facts_of('import { a } from "./a"\nexport const b = a + 1\n')
    assert [each.module for each in facts.imports] == ["./a"] and not facts.skipped


def test_a_log_file_that_a_setting_asks_for_is_conditional() -> None:
    first, second = facts_of(
        'if (process.env.LOG_FILE) {\n  fs.createWriteStream("a.log")\n}\nif (x) {\n  // production\n'
        '  fs.createWriteStream("b.log")\n}\n'
    ).log_files
    assert first.conditional and not second.conditional


def test_a_fatal_handler_for_development_is_none() -> None:
    assert facts_of("if (process.env.NODE_ENV === 'test') process.on('uncaughtException', f)").fatal_handlers == ()
