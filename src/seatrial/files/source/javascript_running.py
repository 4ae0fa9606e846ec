"""JavaScript: what runs and how it is stopped: signal handlers, fatal errors, servers, ports, time-outs, workers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seatrial.files.source.doing import actions_of
from seatrial.files.source.javascript import WORDS, fold, string
from seatrial.files.source.scan import Body, Call, Scan
from seatrial.model.patterns import pattern
from seatrial.model.source import Actions, Amount, Exit, FatalHandler, Listen, Server, Setting, SignalHandler, Timer
from seatrial.model.values import dataclass

if TYPE_CHECKING:
    from tree_sitter import Node

BOTH = ("SIGTERM", "SIGINT")
_ADDS = frozenset({"on", "once", "addListener", "prependListener", "prependOnceListener"})
_COMPUTED = frozenset({"identifier", "member_expression", "subscript_expression", "as_expression"})
_FATAL = frozenset({"uncaughtException", "unhandledRejection"})
_SIGNAL = pattern(r"SIG[A-Z0-9+]{2,12}")


@dataclass(frozen=True, slots=True)
class Library:
    """A package that installs handlers: for which signals, and the option and default of its own limit, in ms."""

    signals: tuple[str, ...] = BOTH
    option: str = ""
    default: float | None = None


LIBRARIES: Mapping[str, Library] = {
    "@godaddy/terminus": Library(("SIGTERM",), "timeout", 1000.0),
    "lightship": Library((*BOTH, "SIGHUP"), "gracefulShutdownTimeout", 60_000.0),
    "close-with-grace": Library(BOTH, "delay", 10_000.0),
    "http-graceful-shutdown": Library(BOTH, "timeout", 30_000.0),
    "fastify-graceful-shutdown": Library(BOTH, "timeout", 10_000.0),
    "fastify-gracefully-shutdown": Library(BOTH, "timeout", 10_000.0),
    "fastify-cli": Library(),
    "express-graceful-exit": Library(()),
    "exit-hook": Library(BOTH),
    "async-exit-hook": Library(BOTH),
    "node-cleanup": Library(BOTH),
    "death": Library(BOTH),
    "exiting": Library(BOTH),
    "hapi-pulse": Library(BOTH, "timeout", 5000.0),
    "hapi-graceful-pm2": Library(BOTH),
    "node-graceful": Library(BOTH),
    "shutdown-cleanup": Library(BOTH),
    "graceful-shutdown": Library(BOTH),
    "@tygra/nestjs-graceful-shutdown": Library(BOTH),
    "nestjs-graceful-shutdown": Library(BOTH),
    "@google-cloud/functions-framework": Library(BOTH),
    "moleculer": Library(BOTH),
    "sails": Library(BOTH),
    "@loopback/core": Library(BOTH),
    "@adonisjs/ignitor": Library(BOTH),
    "@adonisjs/core": Library(BOTH),
    "@temporalio/worker": Library(BOTH),
    "@apollo/server": Library(BOTH),
    "apollo-server": Library(BOTH),
    "signal-exit": Library(BOTH),
    "probot": Library(BOTH),
    "pm2-graceful-intercom": Library(BOTH),
    "graphile-worker": Library(BOTH),
    "next": Library(BOTH),
}
_NOT_HANDLING_ALONE = frozenset({"next"})

_FACTORIES: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "http": ("http", pattern(r"(?:.*\.)?create(?:Secure)?Server|(?:.*\.)?Server")),
    "https": ("https", pattern(r"(?:.*\.)?create(?:Secure)?Server|(?:.*\.)?Server")),
    "http2": ("http2", pattern(r"(?:.*\.)?create(?:Secure)?Server")),
    "spdy": ("http2", pattern(r".*\.createServer")),
    "net": ("net", pattern(r"(?:.*\.)?createServer|(?:.*\.)?Server")),
    "express": ("express", pattern(r"\w+")),
    "fastify": ("fastify", pattern(r"\w+|\w+\.(?:default|fastify)")),
    "koa": ("koa", pattern(r"\w+")),
    "polka": ("polka", pattern(r"\w+")),
    "connect": ("connect", pattern(r"\w+")),
    "restify": ("restify", pattern(r".*createServer")),
    "@hapi/hapi": ("hapi", pattern(r".*\.[sS]erver|server|Server")),
    "@nestjs/core": ("nest", pattern(r"NestFactory\.create(?:Microservice)?")),
    "@hono/node-server": ("hono", pattern(r"serve")),
    "@grpc/grpc-js": ("grpc", pattern(r"(?:.*\.)?Server")),
    "ws": ("ws", pattern(r"(?:.*\.)?(?:WebSocketServer|Server)")),
    "bullmq": ("bullmq", pattern(r"Worker|.*\.Worker")),
    "bull": ("bull", pattern(r".*\.process")),
    "amqplib": ("amqplib", pattern(r".*\.consume")),
    "kafkajs": ("kafkajs", pattern(r".*[cC]onsumer\w*\.run")),
    "node-cron": ("node-cron", pattern(r".*\.schedule|schedule")),
}
_WORKERS = frozenset({"bullmq", "bull", "amqplib", "kafkajs", "node-cron"})
_ALSO = {"amqplib": ("amqplib/callback_api",), "@hapi/hapi": ("hapi",), "@grpc/grpc-js": ("grpc",)}
_LISTENERS = pattern(r"(?:.*\.)?(?:\w*[sS]erver|\w*[aA]pp|fastify|\w*[hH]ttps?|api|\w*[iI]o)")
_DEVELOPMENT = pattern(r"NODE_ENV|develop|isDev|isLocal|isTest")
_REQUIRED = pattern(r"require\(['\"]([^'\"]{1,100})['\"]\)")
_TIMEOUTS = frozenset({"keepAliveTimeout", "headersTimeout"})


class Names:
    """Which local name comes from which module."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self.modules = modules
        self._all = frozenset(name.removeprefix("node:") for name in modules.values())

    def of(self, name: str) -> str:
        """The module that the head of a call's name is bound to, "" if it isn't from one."""
        required = _REQUIRED.match(name)
        if required is not None:
            return required.group(1).removeprefix("node:")
        found = self.modules.get(name.partition(".")[0].partition("(")[0], "")
        return found.removeprefix("node:")

    def has(self, *modules: str) -> bool:
        """Whether one of these modules is imported."""
        return not self._all.isdisjoint(modules)


def option(scan: Scan, node: Node, key: str) -> Node | None:
    """The value of this key of an object literal."""
    for each in node.named_children[:60] if node.type == "object" else ():
        name = each.child_by_field_name("key")
        if each.type == "pair" and name is not None and scan.text(name).strip("'\"") == key:
            return each.child_by_field_name("value")
        if each.type == "shorthand_property_identifier" and scan.text(each) == key:
            return each
    return None


def called_body(scan: Scan, node: Node) -> tuple[Body | None, str]:
    """The function that an argument stands for, or the name of one that another file defines."""
    found = scan.body_at(node)
    if found is not None:
        return found, ""
    if node.type == "call_expression":
        target = node.child_by_field_name("function")
        text = scan.text(target) if target is not None else ""
        name = text.removesuffix(".bind").removeprefix("this.")
        return scan.named.get(name), name
    name = scan.text(node).removeprefix("this.")
    return scan.named.get(name), name


def of_argument(scan: Scan, node: Node) -> Actions:
    """What an argument that is a function does."""
    body, name = called_body(scan, node)
    if body is not None:
        return actions_of(scan, WORDS, body)
    if WORDS.logs.fullmatch(name.removesuffix(".bind")):
        return Actions(only_logs=True)
    if WORDS.exits.fullmatch(name.removesuffix(".bind")):
        return Actions(exit=Exit(scan.place(node), None, True))
    return Actions(calls=(name,))


def mentions(scan: Scan, nodes: dict[str, list[Node]]) -> tuple[str, ...]:
    """The signals that are named, other than to send them."""
    sent = [(call.start, call.end) for call in scan.calls if call.last in ("kill", "sendSignal")]
    found: dict[str, None] = {}
    for node in nodes.get("signal", ()):
        if not any(start <= node.start_byte < end for start, end in sent[:200]):
            found[scan.text(node)] = None
    return tuple(name for name in found if _SIGNAL.fullmatch(name))


def handlers(scan: Scan, mentioned: tuple[str, ...], names: Names) -> Iterator[SignalHandler]:
    """The handlers for signals."""
    for call in scan.calls:
        if call.last in _ADDS and call.receiver:
            yield from _by_event(scan, call, mentioned)
        elif call.last == "enableShutdownHooks":
            yield SignalHandler(BOTH, scan.head(call), call.last)
        else:
            yield from _by_library(scan, call, names)


def _by_event(scan: Scan, call: Call, mentioned: tuple[str, ...]) -> Iterator[SignalHandler]:
    arguments = call.arguments()
    if len(arguments) < 2:
        return
    signal = string(scan, arguments[0])
    if signal is not None and _SIGNAL.fullmatch(signal):
        yield SignalHandler((signal,), scan.head(call), "process.on", of_argument(scan, arguments[1]))
    elif signal is None and call.receiver.rpartition(".")[2] == "process" and arguments[0].type in _COMPUTED:
        signals = tuple(name for name in mentioned if name not in ("SIGKILL", "SIGSTOP"))
        yield SignalHandler(signals, scan.head(call), "process.on", of_argument(scan, arguments[1]))


def _by_library(scan: Scan, call: Call, names: Names) -> Iterator[SignalHandler]:
    module = names.of(call.name)
    library = LIBRARIES.get(module)
    if library is None or module in _NOT_HANDLING_ALONE or not library.signals:
        return
    amount = Amount(library.default, certain=False) if library.default is not None else None
    place = scan.head(call)
    for argument in call.arguments():
        value = option(scan, argument, library.option) if library.option else None
        if value is not None:
            amount, place = fold(scan, value), scan.place(value)
    timers: tuple[Timer, ...] = ()
    if amount is not None:
        value_ms = amount.value
        seconds = Amount(
            None if value_ms is None else value_ms / 1000, amount.variable, amount.scale / 1000, amount.certain
        )
        timers = (Timer(seconds, place, module),)
    yield SignalHandler(library.signals, scan.head(call), module, Actions(timers=timers))


def fatal_handlers(scan: Scan) -> Iterator[FatalHandler]:
    """The handlers for uncaught exceptions and rejections."""
    for call in scan.calls:
        if call.last not in _ADDS or call.receiver.rpartition(".")[2] != "process":
            continue
        arguments = call.arguments()
        event = string(scan, arguments[0]) if len(arguments) > 1 else None
        is_chosen = any(_DEVELOPMENT.search(text) for text in scan.conditions_around(call.start))
        if event in _FATAL and not is_chosen:
            yield FatalHandler(event, scan.head(call), of_argument(scan, arguments[1]))


def servers(scan: Scan, names: Names) -> Iterator[Server]:
    """What is made to serve or to take jobs."""
    used = [package for package in _FACTORIES if names.has(package, *_ALSO.get(package, ()))]
    direct = {names.of(call.name) for call in scan.calls if call.name.startswith("require(")}
    used += [package for package in _FACTORIES if package in direct and package not in used]
    for call in scan.calls if used else ():
        module = names.of(call.name)
        for package in used:
            kind, made_by = _FACTORIES[package]
            # A worker's methods are called on what the package's functions gave.
            is_from = module == package or module in _ALSO.get(package, ()) or kind in _WORKERS
            if is_from and made_by.fullmatch(_REQUIRED.sub("required", call.name)) and _is_meant(scan, call, kind):
                yield Server(kind, scan.head(call), (), kind in _WORKERS)
    if b"Bun.serve" in scan.data:
        yield from (Server("bun", scan.head(call)) for call in scan.calls if call.name == "Bun.serve")


def _is_meant(scan: Scan, call: Call, kind: str) -> bool:
    if kind == "ws":
        return any(option(scan, each, "port") is not None for each in call.arguments()[:1])
    if kind == "bull":
        return "queue" in call.receiver.lower()
    return True


def listens(scan: Scan, names: Names) -> Iterator[Listen]:
    """The calls that listen, with their ports where those are said."""
    for call in scan.calls:
        arguments = call.arguments()
        if call.last == "listen" and call.receiver:
            port = _port(scan, arguments[0]) if arguments else None
            value = port.value if port else None
            is_port = port is not None and (port.variable != "" or (value is not None and 0 < value < 65536))
            if is_port or _is_listener(scan, call):
                yield Listen(port or Amount(None), scan.head(call))
        elif call.name in ("Bun.serve", "serve") or call.last in ("WebSocketServer", "server", "Server"):
            value_node = option(scan, arguments[0], "port") if arguments else None
            port = _port(scan, value_node) if value_node is not None else None
            if port is not None and call.name != "serve":
                yield Listen(port, scan.head(call))
            elif names.of(call.name) == "@hono/node-server":
                yield Listen(port or Amount(3000), scan.head(call))


def _is_listener(scan: Scan, call: Call) -> bool:
    value = scan.constants.get(call.receiver)
    if value is not None and value.type in ("call_expression", "new_expression", "await_expression"):
        made = scan.text(value)
        if not made.startswith("require("):
            return any(word in made for word in ("erver", "express", "astify", "oa", "pp", "polka", "connect", "Nest"))
    arrow = len(call.arguments()) == 1 and scan.body_at(call.arguments()[0]) is not None
    return bool(_LISTENERS.fullmatch(call.receiver)) and not arrow and "unlisten" not in call.receiver


def _port(scan: Scan, node: Node) -> Amount | None:
    if node.type == "object":
        inner = option(scan, node, "port")
        return _port(scan, inner) if inner is not None else None
    if node.type == "shorthand_property_identifier":
        value = scan.constants.get(scan.text(node))
        return fold(scan, value) if value is not None else None
    if node.type == "call_expression" and scan.text(node).replace('"', "'").endswith(".get('port')"):
        for call in scan.calls:
            arguments = call.arguments() if call.last == "set" else []
            if len(arguments) == 2 and string(scan, arguments[0]) == "port":
                return fold(scan, arguments[1])
    return fold(scan, node)


def settings(scan: Scan, nodes: dict[str, list[Node]]) -> Iterator[Setting]:
    """keepAliveTimeout and headersTimeout, assigned or given as options."""
    for node in nodes.get("assignment", ()):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        name = scan.text(left).rpartition(".")[2] if left is not None else ""
        if name in _TIMEOUTS and right is not None:
            yield Setting(name, _seconds(fold(scan, right)), scan.place(node))
    for node in nodes.get("setting", ()):
        key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
        name = scan.text(key) if key is not None else ""
        if name in _TIMEOUTS and value is not None:
            yield Setting(name, _seconds(fold(scan, value)), scan.place(node))


def _seconds(amount: Amount | None) -> Amount:
    if amount is None:
        return Amount(None)
    value = None if amount.value is None else amount.value / 1000
    return Amount(value, amount.variable, amount.scale / 1000, amount.certain)
