"""Reads one source file: JavaScript, TypeScript or Python, as bytes, into what it says about running.

`read_source` is a pure function of a name and bytes, and its result can be pickled. A file without any word of interest
is not parsed. It must never raise, whatever the bytes are, and never take long: what is too large, generated or
hostile is skipped, and the facts say so.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.files.source.imports import javascript_imports, python_imports
from seatrial.model.patterns import pattern
from seatrial.model.source import Function, Import, SourceFacts

MAX_BYTES = 128 * 1024
LANGUAGES: Mapping[str, str] = {
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "tsx",
    ".py": "python",
}
_MAX_FUNCTIONS = 60
_LONG_LINE = 4000
_JAVASCRIPT = pattern(
    rb"SIG[A-Z]|\.listen\(|uncaughtException|unhandledRejection|keepAliveTimeout|headersTimeout|createWriteStream"
    rb"|appendFile|console\.|createLogger|pino|bunyan|log4js|[/'\"`](?:health|read|live|alive|ping|status)|@Controller"
    rb"|process\.exit|[gG]race|terminus|lightship|exit-hook|enableShutdownHooks|NestFactory|Worker\(|\.consume\("
    rb"|express|fastify|koa|hapi|restify|polka|connect\(|\.run\(|\.schedule\(|\.process\(|\.close\(|\.ping\("
    rb"|\$queryRaw|authenticate\(|(?i:select 1)|createServer"
    rb"|serve\(|\.get\(|transports|seatrial|death|exiting|pulse|functions-framework|moleculer|sails|apollo|loopback|adonis"
)
_PYTHON = pattern(
    rb"SIG[A-Z]|signal|\.run\(|run_app|serve|Handler|basicConfig|logger\.add|print\(|@\w+\.|path\(|add_\w+\(|\.work\("
    rb"|wait_for_termination|IOLoop|reactor|quickstart|sys\.exit|execute\(|ping\(|timeout_|loguru|structlog"
)


def language_of(path: str) -> str:
    """The language of a file by its name, "" if it is none that is read."""
    name = path.rpartition("/")[2].lower()
    return "" if name.endswith(".d.ts") else LANGUAGES.get("." + name.rpartition(".")[2] if "." in name else "", "")


def read_source(path: str, data: bytes, language: str = "") -> SourceFacts:
    """What this file says. `path` is how places call it; its ending says the language where `language` doesn't."""
    language = language or language_of(path)
    data = data.removeprefix(b"\xef\xbb\xbf")
    reason = _reason_to_skip(path, language, data)
    if reason:
        return SourceFacts(path, language, skipped=reason)
    text = data.decode("utf-8", "replace")
    data = text.encode()  # valid in any case: what is not has made the parser's library crash
    imports, is_dynamic = python_imports(text) if language == "python" else javascript_imports(text)
    if not _may_tell(language, data):
        return SourceFacts(path, language, imports, is_dynamic)
    try:
        found = _python(path, data, imports) if language == "python" else _javascript(language, path, data, imports)
    except ImportError:
        return SourceFacts(path, language, imports, is_dynamic, skipped="tree-sitter is not installed")
    if found is None:
        return SourceFacts(path, language, imports, is_dynamic, skipped="takes too long to parse")
    return found if not is_dynamic else _with_dynamic(found)


def _may_tell(language: str, data: bytes) -> bool:
    """Whether there is anything in it to parse it for. What most files have in them is looked for first."""
    if language == "python":
        return b"signal" in data or b"print(" in data or _PYTHON.search(data) is not None
    is_usual = b"console." in data or b".listen(" in data or b"process.exit" in data
    return is_usual or _JAVASCRIPT.search(data) is not None


def _with_dynamic(facts: SourceFacts) -> SourceFacts:
    from seatrial.model.values import replace

    return replace(facts, is_dynamic=True)


def _reason_to_skip(path: str, language: str, data: bytes) -> str:
    if not language:
        return "is in no language that is read"
    if len(data) > MAX_BYTES:
        return f"is larger than {MAX_BYTES // 1024} KiB"
    if b"\0" in data:
        return "is no text"
    lines = data.count(b"\n") + 1
    if ".min." in path or len(data) / lines > _LONG_LINE:
        return "is minified"
    return ""


def _modules(imports: tuple[Import, ...]) -> dict[str, str]:
    return {name: each.module.removeprefix("node:") for each in imports for name in each.names}


def _javascript(language: str, path: str, data: bytes, imports: tuple[Import, ...]) -> SourceFacts | None:
    from seatrial.files.source import javascript_running as running
    from seatrial.files.source import javascript_saying as saying
    from seatrial.files.source.doing import actions_of
    from seatrial.files.source.javascript import WORDS, scan_javascript

    found = scan_javascript(language, path, data)
    if found is None:
        return None
    scan, nodes = found
    names = running.Names(_modules(imports))
    mentioned = running.mentions(scan, nodes)
    places, count = saying.prints(scan)
    bodies = [body for body in scan.bodies if body.name][:_MAX_FUNCTIONS]
    return SourceFacts(
        path,
        language,
        imports,
        False,
        mentioned,
        tuple(running.handlers(scan, mentioned, names)),
        tuple(running.fatal_handlers(scan)),
        tuple(Function(body.name, actions_of(scan, WORDS, body)) for body in bodies),
        tuple(running.servers(scan, names)),
        tuple(running.listens(scan, names)),
        tuple(running.settings(scan, nodes)),
        tuple(saying.routes(scan, nodes))[: saying.MAX_ROUTES],
        tuple(saying.log_files(scan, names))[:_MAX_FUNCTIONS],
        places,
        count,
        tuple(saying.loggers(scan, names)),
    )


def _python(path: str, data: bytes, imports: tuple[Import, ...]) -> SourceFacts | None:
    from seatrial.files.source import python_facts as facts
    from seatrial.files.source.doing import actions_of
    from seatrial.files.source.python import WORDS, scan_python

    found = scan_python(path, data)
    if found is None:
        return None
    scan, nodes = found
    modules = _modules(imports)
    mentioned = facts.mentions(scan, nodes)
    places, count = facts.prints(scan)
    bodies = [body for body in scan.bodies if body.name][:_MAX_FUNCTIONS]
    return SourceFacts(
        path,
        "python",
        imports,
        False,
        mentioned,
        tuple(facts.handlers(scan, mentioned)),
        (),
        tuple(Function(body.name, actions_of(scan, WORDS, body)) for body in bodies),
        tuple(facts.servers(scan, modules)),
        tuple(facts.listens(scan, modules)),
        tuple(facts.settings(scan)),
        tuple(facts.routes(scan, nodes)),
        tuple(facts.log_files(scan, nodes)),
        places,
        count,
        tuple(facts.loggers(scan)),
    )
