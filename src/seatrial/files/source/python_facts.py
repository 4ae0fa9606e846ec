"""Python: handlers, servers, ports, routes, log files and prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seatrial.files.source.doing import actions_of
from seatrial.files.source.python import WORDS, fold, string
from seatrial.files.source.scan import Call, Scan
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.source import Actions, Amount, Listen, LogFile, Logger, Route, Server, Setting, SignalHandler, Timer

if TYPE_CHECKING:
    from tree_sitter import Node

BOTH = ("SIGTERM", "SIGINT")

_SERVERS: tuple[tuple[str, re.Pattern[str], tuple[str, ...], float | None], ...] = (
    ("uvicorn", pattern(r"uvicorn\.run|uvicorn\.Server"), BOTH, 8000),
    ("hypercorn", pattern(r"hypercorn\.run|(?:.*\.)?serve"), BOTH, None),
    ("granian", pattern(r"(?:.*\.)?(?:Granian|Server)"), BOTH, 8000),
    ("aiohttp", pattern(r"(?:web\.|.*\.)?run_app"), BOTH, 8080),
    ("sanic", pattern(r"\w*app\.run"), BOTH, 8000),
    ("quart", pattern(r"\w*app\.run"), BOTH, 5000),
    ("cherrypy", pattern(r"cherrypy\.(?:quickstart|engine\.start)"), BOTH, 8080),
    ("twisted", pattern(r"reactor\.run"), BOTH, None),
    ("rq", pattern(r".*\.work"), BOTH, None),
    ("waitress", pattern(r"(?:waitress\.)?serve"), (), 8080),
    ("flask", pattern(r"\w*(?:app|application|server)\.run"), (), 5000),
    ("bottle", pattern(r"(?:bottle\.)?run|app\.run"), (), 8080),
    ("http", pattern(r".*\.serve_forever"), (), None),
    ("socketserver", pattern(r".*\.serve_forever"), (), None),
    ("wsgiref", pattern(r".*\.serve_forever"), (), None),
    ("grpc", pattern(r".*\.(?:wait_for_termination|add_(?:in)?secure_port)"), (), None),
    ("tornado", pattern(r".*IOLoop\.(?:current|instance)\(\)\.start"), (), None),
)
"""Module, the call that runs it, the signals that it handles, its default port."""
_WORKERS = frozenset({"rq"})
_FILE_HANDLERS = pattern(r"(?:.*\.)?(?:(?:Timed)?Rotating|Watched|Concurrent\w*)?FileHandler")
_OUTPUTS = ("/dev/stdout", "/dev/stderr", "/proc/1/fd", "/proc/self/fd", "/dev/fd")
_DEVELOPMENT = pattern(r"DEBUG|debug|develop|production|LOG_(?:TO_)?FILE|log_?file|LOG_DIR|log_dir|args\.")
_METHODS = frozenset({"get", "route", "api_route", "add_get", "add_route", "add_url_rule", "add_api_route"})
_PATH = pattern(r"/?[A-Za-z0-9._~/%:*<>{}-]*")
_MAX = 200


def mentions(scan: Scan, nodes: dict[str, list[Node]]) -> tuple[str, ...]:
    """The signals that are named, other than to send them."""
    sent = [(call.start, call.end) for call in scan.calls if call.last in ("kill", "killpg", "send_signal")]
    found: dict[str, None] = {}
    for node in nodes.get("signal", ()):
        text = scan.text(node)
        if not any(start <= node.start_byte < end for start, end in sent[:200]):
            found[text] = None
    return tuple(name for name in found if name not in ("SIG_DFL", "SIG_IGN"))


def handlers(scan: Scan, mentioned: tuple[str, ...]) -> Iterator[SignalHandler]:
    """The handlers for signals, and the limits of servers that have their own."""
    for call in scan.calls:
        arguments = call.arguments() if call.last in ("signal", "add_signal_handler", "open_signal_receiver") else []
        if len(arguments) >= 2 and call.last != "open_signal_receiver":
            if scan.text(arguments[1]).endswith(("SIG_DFL", "SIG_IGN")):
                continue
            name = scan.text(arguments[0]).rpartition(".")[2]
            signals = (name,) if name.startswith("SIG") else mentioned
            yield SignalHandler(signals, scan.head(call), call.name[-40:], _of_argument(scan, arguments[1]))
        elif arguments and call.last == "open_signal_receiver":
            yield SignalHandler(mentioned, scan.head(call), call.last)
        yield from _limits(scan, call)


def _limits(scan: Scan, call: Call) -> Iterator[SignalHandler]:
    for name, key in (("uvicorn.run", "timeout_graceful_shutdown"), ("run_app", "shutdown_timeout")):
        if call.name.endswith(name):
            value = call.keywords().get(key)
            amount = fold(scan, value) if value is not None else None
            if value is not None and amount is not None:
                timer = Timer(amount, scan.place(value), f"{call.name} {key}")
                yield SignalHandler(BOTH, scan.head(call), call.name, Actions(timers=(timer,)))


def _of_argument(scan: Scan, node: Node) -> Actions:
    body = scan.body_at(node)
    name = scan.text(node).removeprefix("self.")
    body = body or scan.named.get(name)
    return actions_of(scan, WORDS, body) if body is not None else Actions(calls=(name,))


def servers(scan: Scan, modules: Mapping[str, str]) -> Iterator[Server]:
    """What is run to serve."""
    tops = {module.partition(".")[0] for module in modules.values()}
    for call in scan.calls:
        for module, run_by, handled, _port in _SERVERS:
            if module in tops and run_by.fullmatch(call.name) and _is_of(call, module, modules):
                is_chosen = any("__name__" not in text for text in scan.conditions_around(call.start))
                yield Server(module, scan.head(call), handled, module in _WORKERS, is_chosen)
                break


def _is_of(call: Call, module: str, modules: Mapping[str, str]) -> bool:
    """Whether a bare name (`serve`) really comes from the module."""
    head = call.name.partition(".")[0]
    return head != call.name or modules.get(head, "").partition(".")[0] == module


def listens(scan: Scan, modules: Mapping[str, str]) -> Iterator[Listen]:
    """The ports of those servers."""
    tops = {module.partition(".")[0] for module in modules.values()}
    for call in scan.calls:
        port = _tuple_port(scan, call) if call.last.endswith(("HTTPServer", "TCPServer", "make_server")) else None
        if port is not None:
            yield Listen(port, scan.head(call))
            continue
        for module, run_by, _handled, default in _SERVERS:
            if default is None or module not in tops or not run_by.fullmatch(call.name):
                continue
            if not _is_of(call, module, modules):
                continue
            value = call.keywords().get("port")
            found = fold(scan, value) if value is not None else Amount(default)
            has_other = {"listen", "sock", "unix_socket", "bind", "uds", "fd", "kw", "path"} & set(call.keywords())
            yield Listen(Amount(None) if has_other or found is None else found, scan.head(call))
            break


def _tuple_port(scan: Scan, call: Call) -> Amount | None:
    arguments = call.arguments()
    if call.last == "make_server":
        return fold(scan, arguments[1]) if len(arguments) > 1 else None
    if arguments and arguments[0].type == "tuple" and len(arguments[0].named_children) == 2:
        return fold(scan, arguments[0].named_children[1]) or Amount(None)
    return None


def settings(scan: Scan) -> Iterator[Setting]:
    """How long idle connections are kept."""
    for call in scan.calls:
        if call.last in ("run", "run_app", "Config"):
            for key in ("timeout_keep_alive", "keepalive_timeout"):
                value = call.keywords().get(key)
                if value is not None:
                    yield Setting(key, fold(scan, value) or Amount(None), scan.place(value))


def routes(scan: Scan, nodes: dict[str, list[Node]]) -> Iterator[Route]:
    """The paths that are answered by GET."""
    for node in nodes.get("decorated", ())[:_MAX]:
        yield from _decorated(scan, node)
    for call in scan.calls:
        arguments = call.arguments() if call.last in ("path", "re_path", "url", *_METHODS, "Route") else []
        path = string(scan, arguments[0]) if len(arguments) > 1 else None
        if path is None or not _PATH.fullmatch(path.strip("^$")) or call.last in ("get", "route", "api_route"):
            continue
        handler = arguments[-1]
        name = scan.text(handler).partition(".as_view")[0]
        if re.fullmatch(r"[\w.]+", name):
            body = scan.named.get(name)
            actions = actions_of(scan, WORDS, body) if body is not None else Actions(calls=(name,))
            yield Route("/" + path.strip("^$/"), scan.place(arguments[0]), actions)


def _decorated(scan: Scan, node: Node) -> Iterator[Route]:
    definition = node.child_by_field_name("definition")
    body = scan.body_at(definition) if definition is not None else None
    if body is None:
        return
    for call in scan.within(node.start_byte, body.start):
        arguments = call.arguments()
        if call.last not in _METHODS or not arguments or not call.receiver:
            continue
        path, methods = string(scan, arguments[0]), call.keywords().get("methods")
        if path is None or not path.startswith("/") or not _PATH.fullmatch(path):
            continue
        if methods is not None and "GET" not in scan.text(methods).upper():
            continue
        yield Route(path, scan.place(arguments[0]), actions_of(scan, WORDS, body))


def log_files(scan: Scan, nodes: dict[str, list[Node]]) -> Iterator[LogFile]:
    """The files that logs are written into."""
    for call in scan.calls:
        if _FILE_HANDLERS.fullmatch(call.name):
            arguments = call.arguments()
            node = arguments[0] if arguments else call.keywords().get("filename")
            yield from _log_file(scan, call, call.last, node)
        elif call.name == "logging.basicConfig" and "filename" in call.keywords():
            yield from _log_file(scan, call, "logging.basicConfig", call.keywords()["filename"])
        elif call.name == "logger.add" and call.arguments() and call.arguments()[0].type == "string":
            yield from _log_file(scan, call, "loguru", call.arguments()[0])
    for node in nodes.get("text", ()):
        if scan.text(node).startswith("logging.") and scan.text(node).endswith("FileHandler"):
            is_chosen = any(True for _ in scan.conditions_around(node.start_byte))
            yield LogFile("", scan.place(node), scan.text(node).rpartition(".")[2], is_chosen)


def _log_file(scan: Scan, call: Call, by: str, node: Node | None) -> Iterator[LogFile]:
    path = (string(scan, node) if node is not None else None) or ""
    if path.startswith(_OUTPUTS):
        return
    is_chosen = any(_DEVELOPMENT.search(text) for text in scan.conditions_around(call.start))
    yield LogFile(path, scan.head(call), by, is_chosen or not path)


def prints(scan: Scan) -> tuple[tuple[Place, ...], int]:
    """The first calls of print, and how many there are."""
    found = [call for call in scan.calls if call.name == "print" and "file" not in call.keywords()]
    return tuple(scan.head(call) for call in found[:3]), len(found)


def loggers(scan: Scan) -> Iterator[Logger]:
    """The loggers that are set up here."""
    for call in scan.calls:
        is_chosen = any("__name__" not in text for text in scan.conditions_around(call.start))
        if call.name == "logging.basicConfig" and not is_chosen:
            yield Logger("logging", scan.head(call), None if "handlers" in call.keywords() else False)
        elif call.name in ("structlog.configure", "jsonlogger.JsonFormatter", "JsonFormatter"):
            yield Logger(call.name, scan.head(call), True)
