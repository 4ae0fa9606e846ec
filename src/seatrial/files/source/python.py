"""Python: from the syntax tree to a scan, and what numbers and strings say. Nothing is run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.files.source.doing import Words
from seatrial.files.source.grammar import captures, named
from seatrial.files.source.javascript import computed, otherwise, times
from seatrial.files.source.scan import MAX_CALLS, Body, Call, Scan, call_name
from seatrial.model.patterns import pattern
from seatrial.model.source import Amount

if TYPE_CHECKING:
    from tree_sitter import Node

QUERY = """
(call) @call
(assignment) @assignment
(function_definition) @function
(lambda) @lambda
[(if_statement) (conditional_expression) (match_statement)] @condition
(await) @wait
(decorated_definition) @decorated
"""
_SIGNALS = pattern(rb"(?<!\w)SIG[A-Z][A-Z0-9]+(?!\w)")
_HANDLERS = pattern(rb"logging\.[\w.]*FileHandler(?=[\"'])")
_READS = pattern(r"(?:.*\.)?(?:environ\.get|getenv|env(?:iron)?|env\.\w+|config|environ\.pop)")
_MAX_DEPTH = 12


def scan_python(file: str, data: bytes) -> tuple[Scan, dict[str, list[Node]]] | None:
    """The scan of a file and the nodes by their kind; None where it can't be read in reasonable time."""
    found = captures("python", QUERY, data)
    if found is None:
        return None
    root, nodes = found
    nodes["signal"] = [*named(root, data, _SIGNALS, ("identifier", "string_content"))]
    nodes["text"] = [*named(root, data, _HANDLERS, ("string_content",))]
    if len(nodes.get("call", ())) > MAX_CALLS or len(nodes.get("function", ())) > MAX_CALLS:
        return None
    scan = Scan(file, data)
    scan.calls = [Call(node, call_name(scan, node), node.start_byte, node.end_byte) for node in nodes.get("call", ())]
    scan.conditions = [(node.start_byte, node.end_byte) for node in nodes.get("condition", ())]
    scan.waits = [(node.start_byte, node.end_byte) for node in nodes.get("wait", ())]
    for node in nodes.get("function", ()):
        name = node.child_by_field_name("name")
        scan.bodies.append(Body(node.start_byte, node.end_byte, scan.text(name) if name is not None else ""))
    scan.bodies += [Body(node.start_byte, node.end_byte) for node in nodes.get("lambda", ())]
    for node in nodes.get("assignment", ()):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None and left.type == "identifier":
            scan.constants.setdefault(scan.text(left), right)
    scan.settle()
    return scan, nodes


def string(scan: Scan, node: Node, depth: int = 0) -> str | None:
    """The string that this says, through names of constants; None where it is computed."""
    if node.type == "string":
        text = scan.text(node)
        found = re.fullmatch(r"[rbuRBU]{0,2}(\"\"\"|'''|\"|')(.*)\1", text, re.DOTALL)
        return found.group(2) if found else None
    if node.type == "identifier" and depth < _MAX_DEPTH:
        value = scan.constants.get(scan.text(node))
        return string(scan, value, depth + 1) if value is not None else None
    if node.type == "parenthesized_expression" and depth < _MAX_DEPTH:
        inner = node.named_child(0)
        return string(scan, inner, depth + 1) if inner is not None else None
    return None


def fold(scan: Scan, node: Node, depth: int = 0) -> Amount | None:
    """The number that this says; None where nothing is known about it."""
    if depth > _MAX_DEPTH:
        return None
    kind = node.type
    if kind in ("integer", "float", "string"):
        return _literal(string(scan, node) or "" if kind == "string" else scan.text(node))
    if kind == "identifier":
        value = scan.constants.get(scan.text(node))
        return fold(scan, value, depth + 1) if value is not None else None
    if kind == "parenthesized_expression":
        inner = node.named_child(0)
        return fold(scan, inner, depth + 1) if inner is not None else None
    if kind == "subscript":
        found = re.fullmatch(r"(?:os\.)?environ\[['\"](\w+)['\"]\]", scan.text(node))
        return Amount(None, found.group(1)) if found else None
    if kind in ("unary_operator", "binary_operator", "boolean_operator"):
        return _operation(scan, node, depth)
    if kind == "conditional_expression":
        parts = node.named_children
        return otherwise(fold(scan, parts[0], depth + 1), fold(scan, parts[2], depth + 1)) if len(parts) == 3 else None
    return _read(scan, node, depth) if kind == "call" else None


def _literal(text: str) -> Amount | None:
    try:
        value = float(text.replace("_", "")[:40])
    except ValueError:
        return None
    return Amount(value) if abs(value) < 1e15 else None


def _operation(scan: Scan, node: Node, depth: int) -> Amount | None:
    operator = node.child_by_field_name("operator")
    sign = operator.type if operator is not None else ""
    if node.type == "unary_operator":
        operand = node.child_by_field_name("argument")
        inner = fold(scan, operand, depth + 1) if operand is not None else None
        return times(inner, -1.0 if sign == "-" else 1.0) if inner and sign in "+-" else None
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return None
    first, second = fold(scan, left, depth + 1), fold(scan, right, depth + 1)
    if node.type == "boolean_operator":
        return otherwise(first, second) if sign == "or" else None
    return computed(sign, first, second)


def _read(scan: Scan, node: Node, depth: int) -> Amount | None:
    """`int(os.environ.get("PORT", 8000))`, `env.int("PORT", default=8000)`."""
    call = Call(node, call_name(scan, node), node.start_byte, node.end_byte)
    arguments = call.arguments()
    if not arguments:
        return None
    if call.name in ("int", "float", "str"):
        return fold(scan, arguments[0], depth + 1)
    name = string(scan, arguments[0])
    if not _READS.fullmatch(call.name) or name is None or not re.fullmatch(r"\w{1,80}", name):
        return None
    default = arguments[1] if len(arguments) > 1 else call.keywords().get("default")
    known = fold(scan, default, depth + 1) if default is not None else None
    return Amount(known.value if known else None, name)


def _pattern(text: str) -> re.Pattern[str]:
    return pattern(text, re.VERBOSE)


WORDS = Words(
    exits=_pattern(r"(?:sys\.)?exit|quit|os\._exit|os\.abort"),
    closes=_pattern(
        r"(?:[\w.]*\.)?\w*(?:[sS]erver|httpd|app|runner|site|listener)\.(?:close|shutdown|stop|aclose|cleanup)"
    ),
    logs=_pattern(
        r"(?:self\.)?(?:print|pprint|\w*[lL]ogg(?:er|ing)|log|LOG|LOGGER|structlog|logger)(?:\.\w+)*|str|repr|format"
    ),
    asks=_pattern(
        r"""(?:^|\.)(?:execute|fetchone|fetchval|fetchrow|scalar|ensure_connection|is_usable|server_info)$
        |(?:^|\.)\w*(?:redis|db|database|cache|mongo|client|conn|connection|pool|engine|session|broker|cursor)\w*
         (?:\.\w+(?:\(\))?){0,2}\.(?:ping|execute|query|command|cursor|connect|scalar|fetch|exec|info)$
        |^(?:requests|httpx|urllib\.request|aiohttp)\.(?:get|post|head|request|urlopen)$"""
    ),
    harmless=_pattern(
        r"""(?:jsonify|JSONResponse|PlainTextResponse|Response|HttpResponse|JsonResponse|HTMLResponse|make_response|dict
        |datetime\.\w+|datetime\.datetime\.\w+|time\.\w+|os\.getpid|web\.(?:json_response|Response)|timezone\.now
        |.*\)\.isoformat|str|int|json\.dumps|\w+\.isoformat|self\.(?:send_response|send_header|end_headers|wfile\.write)|platform\.\w+)"""
    ),
    timers=_pattern(r"(?!)"),
    sleeps=_pattern(r"(?:time|asyncio|anyio|trio|gevent)\.sleep|sleep"),
    changes=pattern(r"\braise\b|\bglobal\b|="),
    decides=pattern(
        r"\bif\b|\bawait\b|\bexcept\b|\braise\b|\bfor\b|\bwith\b|\band\b|\bor\b|is_ready|\bready\b(?!['\"])"
    ),
    unit=1.0,
    fold=fold,
)
