"""Finds request paths in a service's JavaScript, TypeScript and Python sources, so that a drill has something to ask.

No parser: comments are blanked out, then a few patterns are looked for, in a bounded number of files. What is found is
a candidate, no promise (a router may be mounted elsewhere): whoever uses one tries it first. It must never raise, never
take long, and never offer a path with parameters or one for another method than GET.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from seatrial.files.dockerignore import Dockerignore, Pattern, context_files, dockerignore_file, read_dockerignore
from seatrial.files.json_positions import Lines
from seatrial.files.reading import read_text
from seatrial.model.errors import InputError
from seatrial.model.place import Place
from seatrial.model.service import Service
from seatrial.model.values import dataclass

MAX_FILES = 300
MAX_FILE_BYTES = 256 * 1024
MAX_ROUTES = 500

SCRIPT_SUFFIXES = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SKIPPED_DIRECTORIES = _words(
    "node_modules .git .venv venv env site-packages dist build out coverage .next vendor public static test tests "
    "__tests__ __pycache__ e2e docs fixtures migrations"
)
_HINTS: Mapping[str, frozenset[str]] = {
    "slow": _words(
        "slow report reports export exports sleep wait long delay delayed heavy generate backup batch busy expensive "
        "render compute download"
    ),
    "stream": _words("stream streams streaming events sse eventstream subscribe feed"),
    "websocket": _words("ws wss websocket websockets"),
    "health": _words(
        "health healthz healthcheck healthy ready readyz readiness live livez liveness ping status alive heartbeat"
    ),
}
_NOT_SERVERS = _words(
    "axios http https cache params headers request superagent got ky client config fetch session sessions agent redis "
    "store storage requests httpx map lodash supertest"
)


@dataclass(frozen=True, slots=True)
class Route:
    """A path that the source seems to serve by GET. `hint` is "slow", "stream", "websocket", "health" or ""."""

    path: str
    place: Place
    hint: str = ""


def candidates(context: Path, ignore: Dockerignore | None = None, *, shown: str = "") -> tuple[Route, ...]:
    """The paths found below this directory: slow-looking first, then streams, health checks and the rest.

    `ignore` leaves out what the image doesn't get; `shown` is put before the file names in places. A path that is found
    more than once is told once, where it was found first.
    """
    found: dict[str, Route] = {}
    for name in _source_files(context, ignore or Dockerignore()):
        try:
            text = read_text(context / name, shown + name, limit=MAX_FILE_BYTES)
        except InputError:
            continue  # too large or unreadable: a source file that isn't read is no error of the user's
        for route in routes_of(text, shown + name):
            found.setdefault(route.path, route)
        if len(found) >= MAX_ROUTES:
            break
    order = [*_HINTS, ""]
    return tuple(sorted(found.values(), key=lambda route: order.index(route.hint)))


def service_routes(service: Service, directory: str) -> tuple[Route, ...]:
    """The candidates of a service of the project in `directory`, without what its .dockerignore leaves out."""
    context = Path(service.context)
    dockerfile = Path(directory, service.dockerfile) if service.dockerfile else None
    file = dockerignore_file(context, dockerfile)
    ignore = Dockerignore()
    if file is not None:
        try:
            ignore = read_dockerignore(read_text(file))
        except InputError:
            ignore = Dockerignore()  # a finding of the project's says so already
    below = context.relative_to(directory).as_posix() if context.is_relative_to(directory) else str(context)
    return candidates(context, ignore, shown="" if below == "." else below + "/")


def routes_of(text: str, file: str) -> tuple[Route, ...]:
    """The paths that one source file seems to serve, in the order of the file."""
    is_python = file.endswith(".py")
    code = _without_comments(text, is_python)
    prefixes = _prefixes(code, is_python)
    lines = Lines(text, file)
    routes: dict[int, Route] = {}
    for pattern in _patterns(is_python):
        for match in pattern.finditer(code):
            path = _path_of(match, prefixes)
            if path is not None and _is_get(code, match):
                start, end = match.span("path")
                hint = "websocket" if "websocket" in match.groupdict() else hint_of(path)
                routes.setdefault(start, Route(path, lines.place(start - 1, end + 1), hint))
    return tuple(routes[start] for start in sorted(routes)[:MAX_ROUTES])


def hint_of(path: str) -> str:
    """What a path's words make one expect: "slow", "stream", "websocket", "health" or ""."""
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", path).lower()))
    return next((hint for hint, telling in _HINTS.items() if words & telling), "")


def _source_files(context: Path, ignore: Dockerignore) -> Iterator[str]:
    patterns = tuple(f"**/{name}" for name in sorted(_SKIPPED_DIRECTORIES))
    looked_at = 0
    for name in context_files(context, _with_skipped(ignore, patterns), limit=20_000):
        stem = name.rpartition("/")[2]
        if not name.endswith((".py", *SCRIPT_SUFFIXES)) or name.endswith((".d.ts", ".min.js", ".config.js")):
            continue
        if ".test." in stem or ".spec." in stem or stem.startswith("test_"):
            continue
        looked_at += 1
        if looked_at > MAX_FILES:
            return
        yield name


def _with_skipped(ignore: Dockerignore, patterns: tuple[str, ...]) -> Dockerignore:
    return Dockerignore((*ignore.patterns, *(Pattern(text) for text in patterns)))


def _path_of(match: re.Match[str], prefixes: Mapping[str, str]) -> str | None:
    groups = match.groupdict()
    receiver = groups.get("receiver") or ""
    path = groups["path"]
    if receiver.lower() in _NOT_SERVERS:
        return None
    if groups.get("relative") is not None or not path.startswith("/"):
        path = "/" + path.lstrip("/^").rstrip("$")
    prefix = prefixes.get(receiver, "")
    whole = prefix.rstrip("/") + path if prefix else path
    return whole if re.fullmatch(r"/[A-Za-z0-9._~/%-]*", whole) and ".." not in whole else None


def _is_get(code: str, match: re.Match[str]) -> bool:
    """False where the call names its methods and GET is none of them."""
    if "any_method" not in match.groupdict() or match.group("any_method") is None:
        return True
    following = re.split(r"\n\n|\bdef\b|@|Route\(|\badd_\w+\(", code[match.end() : match.end() + 300])[0]
    methods = re.search(r"methods?\s*[=:]\s*([\[({]?[^\])}]*)", following)
    return methods is None or re.search(r"\bGET\b", methods.group(1), re.IGNORECASE) is not None


def _prefixes(code: str, is_python: bool) -> dict[str, str]:
    """Where routers of this file are mounted, by the name of their variable."""
    found: dict[str, str] = {}
    for pattern in _prefix_patterns(is_python):
        for match in pattern.finditer(code):
            found.setdefault(match.group("name"), match.group("prefix"))
    return found


def _without_comments(text: str, is_python: bool) -> str:
    """The text with comments (and Python's long strings) blanked out, every other character in its old place."""
    return _comments(is_python).sub(
        lambda match: _blank(match.group()) if match.group("blank") else match.group(), text
    )


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


# Each is compiled when first needed: most runs read no Python, or no JavaScript, or nothing at all.
@cache
def _comments(is_python: bool) -> re.Pattern[str]:
    # Every alternative also ends at the end of the text, so that nothing is scanned twice.
    strings = r"\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?"
    if is_python:
        return re.compile(rf"(?P<blank>#[^\n]*|\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z))|{strings}", re.DOTALL)
    return re.compile(rf"(?P<blank>//[^\n]*|/\*.*?(?:\*/|\Z))|{strings}|`(?:\\.|[^`\\])*`?", re.DOTALL)


@cache
def _patterns(is_python: bool) -> tuple[re.Pattern[str], ...]:
    quoted = r"(?P<quote>['\"`])(?P<path>/[^'\"`\s]{0,200})(?P=quote)"
    equal = rf"\b(?:url|path|pathname|uri|route|target|req\.path)\b(?:\)|\]|['\"]\])?\s*(?:===?|==)\s*{quoted}"
    if is_python:
        name = r"r?(?P<quote>['\"])(?P<path>/[^'\"\s]{0,200})(?P=quote)"
        return tuple(
            re.compile(pattern)
            for pattern in (
                rf"@(?P<receiver>\w+)\.get\(\s*(?:path\s*=\s*)?{name}",
                rf"@(?P<receiver>\w+)\.(?P<any_method>route|api_route)\(\s*(?:path\s*=\s*|rule\s*=\s*)?{name}",
                rf"\b(?P<any_method>Route|add_url_rule|add_api_route|add_route)\(\s*(?:path\s*=\s*)?{name}",
                rf"(?P<websocket>@(?P<receiver>\w+)\.websocket|\bWebSocketRoute)\(\s*(?:path\s*=\s*)?{name}",
                rf"\b(?:web\.get|add_get)\(\s*{name}",
                r"\bpath\(\s*(?P<quote>['\"])(?P<relative>)(?P<path>[^'\"\s/][^'\"\s]{0,200})(?P=quote)\s*,",
                rf"\(\s*{name}\s*,\s*\w*Handler\b",
                equal,
                rf"(?:\[['\"](?:path|PATH_INFO)['\"]\]|get\(['\"]PATH_INFO['\"][^)]*\))\s*==\s*{quoted}",
            )
        )
    return tuple(
        re.compile(pattern)
        for pattern in (
            rf"(?P<websocket>)\bnew\s+(?:WebSocketServer|WebSocket\.Server|ws\.Server)\([^()]{{0,300}}?\bpath\s*:\s*{quoted}",
            rf"(?P<websocket>)\b(?P<receiver>\w+)\s*\.\s*get\s*\(\s*{quoted}\s*,\s*\{{\s*websocket\s*:\s*true",
            rf"(?P<websocket>)\b(?P<receiver>\w+)\s*\.\s*ws\s*\(\s*{quoted}\s*,",
            rf"\b(?P<receiver>\w+)\s*\.\s*get\s*(?:<[^<>()]{{0,200}}>)?\s*\(\s*{quoted}\s*,",
            rf"\b(?P<receiver>\w+)\s*\.\s*route\s*\(\s*{quoted}\s*\)\s*\.\s*get\b",
            rf"\bmethod\s*:\s*['\"]GET['\"]\s*,\s*(?:url|path)\s*:\s*{quoted}",
            rf"\b(?:url|path)\s*:\s*{quoted}\s*,\s*method\s*:\s*['\"]GET['\"]",
            rf"@Get\(\s*{quoted}",
            equal,
            rf"\b(?:url|pathname|path)\s*\??\.\s*startsWith\(\s*{quoted}",
            rf"\bcase\s+(?:['\"]GET )?{quoted}\s*:",
        )
    )


@cache
def _prefix_patterns(is_python: bool) -> tuple[re.Pattern[str], ...]:
    quoted = r"['\"](?P<prefix>/[^'\"\s]{0,200})['\"]"
    if is_python:
        return (
            re.compile(
                rf"\b(?P<name>\w+)\s*=\s*(?:APIRouter|Blueprint)\([^()]{{0,300}}?\b(?:url_)?prefix\s*=\s*{quoted}"
            ),
            re.compile(rf"\binclude_router\(\s*(?P<name>\w+)\s*,[^()]{{0,300}}?\bprefix\s*=\s*{quoted}"),
        )
    return (re.compile(rf"\.\s*use\(\s*{quoted}\s*,\s*(?P<name>\w+)\s*\)"),)
