"""JavaScript: what is answered and what is written: routes, log files, loggers, console.log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seatrial.files.source.doing import actions_of
from seatrial.files.source.javascript import WORDS, string
from seatrial.files.source.javascript_running import Names, called_body, of_argument, option
from seatrial.files.source.scan import Body, Call, Scan
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.source import LogFile, Logger, Route

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_ROUTES = 200
_NOT_ROUTERS = pattern(
    r"(?:axios|https?|cache|params|headers|request|superagent|got|ky|client|config|fetch|session|redis|store|map|agent"
    r"|supertest|api|\w*[cC]lient|\w*[cC]onfig\w*|\w*[cC]ache|nock\(.*|request\(.*|.*[rR]epository|.*Map|localStorage)"
)
_DEVELOPMENT = pattern(r"NODE_ENV|production|develop|isDev|isProd|isLocal|LOG_(?:TO_)?FILE|logFile|LOG_DIR", re.I)
_OUTPUTS = ("/dev/stdout", "/dev/stderr", "/proc/1/fd", "/proc/self/fd", "/dev/fd")
_LOG_NAME = pattern(r"\.log(?:\.|$)|(?:^|/)logs?/", re.I)
_PRINTS = frozenset({"console.log", "console.info", "console.error", "console.warn", "console.debug"})
_ROUTE_PATH = pattern(r"/[A-Za-z0-9._~/%:*-]*")
_DECORATOR = pattern(r"@(Controller|Get|All|HealthCheck)\b(?:\(\s*(?:\{[^}]*path\s*:\s*)?['\"`]?([^'\"`)}]*)['\"`]?)?")


def routes(scan: Scan, nodes: dict[str, list[Node]]) -> Iterator[Route]:
    """The paths that are answered by GET."""
    for call in scan.calls:
        if call.last in ("get", "all", "use") and call.receiver:
            yield from _registered(scan, call)
        elif call.last == "route" and call.receiver:
            yield from _described(scan, call)
    yield from _compared(scan, nodes)
    yield from _decorated(scan, nodes)


def _registered(scan: Scan, call: Call) -> Iterator[Route]:
    arguments = call.arguments()
    path = string(scan, arguments[0]) if len(arguments) > 1 else None
    if path is None or not _ROUTE_PATH.fullmatch(path) or _NOT_ROUTERS.fullmatch(call.receiver.rpartition(".")[2]):
        return
    body, name = called_body(scan, arguments[-1])
    if call.last == "use" and body is None:
        return  # a router mounted there, or somebody else's middleware
    is_known = body is not None or re.fullmatch(r"[\w.]+", name)
    if len(arguments) > 2 and body is None:
        return
    yield Route(path, scan.place(arguments[0]), of_argument(scan, arguments[-1]) if is_known else None)


def _described(scan: Scan, call: Call) -> Iterator[Route]:
    arguments = call.arguments()
    if not arguments:
        return
    url = option(scan, arguments[0], "url") or option(scan, arguments[0], "path")
    method, handler = option(scan, arguments[0], "method"), option(scan, arguments[0], "handler")
    path = string(scan, url) if url is not None else None
    if url is None or path is None or (method is not None and "GET" not in scan.text(method).upper()):
        return
    yield Route(path, scan.place(url), of_argument(scan, handler) if handler is not None else None)


def _compared(scan: Scan, nodes: dict[str, list[Node]]) -> Iterator[Route]:
    """`if (req.url === '/health') { … }`: what stands in the block is what is done."""
    for node in nodes.get("comparison", ())[:MAX_ROUTES]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None or not re.search(r"(?:url|path|pathname)$", scan.text(left)):
            continue
        path = string(scan, right)
        if path is None or not _ROUTE_PATH.fullmatch(path):
            continue
        around = [each for each in scan.conditions if each[0] <= node.start_byte < each[1]]
        if not around:
            continue
        _, end = around[-1]
        block = scan.data.find(b"{", node.end_byte, end)
        stop = scan.data.find(b"}", block, end) if block >= 0 else end
        actions = actions_of(scan, WORDS, Body(block, stop + 1)) if block >= 0 else None
        yield Route(path, scan.place(right), actions)


def _decorated(scan: Scan, nodes: dict[str, list[Node]]) -> Iterator[Route]:
    """Nest's `@Controller('health') class … { @Get('live') live() { … } }`."""
    prefix = ""
    for node in sorted(nodes.get("decorator", ()), key=lambda each: each.start_byte)[: 4 * MAX_ROUTES]:
        found = _DECORATOR.match(scan.text(node))
        if found is None or found.group(1) == "HealthCheck":
            continue
        path = (found.group(2) or "").strip("/ ")
        if found.group(1) == "Controller":
            prefix = path
            continue
        body = next((each for each in scan.bodies if each.start >= node.end_byte), None)
        whole = "/" + "/".join(part for part in (prefix, path) if part)
        if body is not None and _ROUTE_PATH.fullmatch(whole):
            yield Route(whole, scan.place(node), actions_of(scan, WORDS, body))


def log_files(scan: Scan, names: Names) -> Iterator[LogFile]:
    """The files that logs are written into."""
    has_winston = "winston" in names.modules.values()
    for call in scan.calls:
        arguments = call.arguments() if call.last in _FILE_CALLS else []
        by, node = "", arguments[0] if arguments else None
        if call.last == "File" and (has_winston or "transports" in call.name):
            by, node = "winston's File transport", _named(scan, node, ("filename",))
        elif call.last == "DailyRotateFile":
            by, node = "winston's DailyRotateFile", _named(scan, node, ("filename",))
        elif call.name == "pino.destination":
            by, node = call.name, _named(scan, node, ("dest",)) if node is not None and node.type == "object" else node
        elif call.last in ("createWriteStream", "appendFile", "appendFileSync", "createStream") and node is not None:
            path = _path(scan, node)
            by = call.last if path and _LOG_NAME.search(path) else ""
        if by and node is not None:
            yield from _log_file(scan, call, by, node)


_FILE_CALLS = frozenset(
    {"File", "DailyRotateFile", "destination", "createWriteStream", "appendFile", "appendFileSync", "createStream"}
)


def _named(scan: Scan, node: Node | None, keys: tuple[str, ...]) -> Node | None:
    return next((found for key in keys if node is not None and (found := option(scan, node, key)) is not None), None)


def _path(scan: Scan, node: Node) -> str:
    """A path as far as it is said: the last part of `path.join(__dirname, 'logs', 'a.log')` counts."""
    said = string(scan, node)
    if said is not None:
        return said
    texts = re.findall(r"['\"`]([^'\"`]*)['\"`]", scan.text(node))
    return "/".join(texts)


def _log_file(scan: Scan, call: Call, by: str, node: Node) -> Iterator[LogFile]:
    path = _path(scan, node)
    if node.type == "number" or path.startswith(_OUTPUTS):
        return
    is_chosen = any(_DEVELOPMENT.search(text) for text in scan.conditions_around(call.start))
    depends = node.type not in ("string", "template_string", "call_expression", "identifier", "binary_expression")
    yield LogFile(path, scan.head(call), by, is_chosen or depends or "process.env" in scan.text(node))


def prints(scan: Scan) -> tuple[tuple[Place, ...], int]:
    """The first calls of console.log and its like, and how many there are."""
    found = [call for call in scan.calls if call.name in _PRINTS]
    return tuple(scan.head(call) for call in found[:3]), len(found)


_STRUCTURED = {"pino": True, "bunyan": True, "pino-http": True, "@elastic/ecs-winston-format": True}
_PLAIN_FORMATS = pattern(r"format\.(?:simple|cli|printf|prettyPrint)\b|\b(?:simple|printf|prettyPrint)\(")


def loggers(scan: Scan, names: Names) -> Iterator[Logger]:
    """The loggers that are made here."""
    text = ""
    for call in scan.calls:
        module = names.of(call.name)
        if module in ("pino", "bunyan", "pino-http"):
            yield Logger(module, scan.head(call), True)
        elif module == "winston" and call.last == "createLogger":
            text = text or scan.slice(0, len(scan.data))
            is_plain, is_json = bool(_PLAIN_FORMATS.search(text)), "json(" in text
            yield Logger("winston", scan.head(call), None if is_plain and is_json else not is_plain)
        elif module in ("log4js", "signale", "consola", "tracer", "loglevel", "npmlog"):
            yield Logger(module, scan.head(call), None)
