"""JavaScript and TypeScript: from the syntax tree to a scan, and what numbers and strings say. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seatrial.files.source.doing import Words
from seatrial.files.source.grammar import captures, named
from seatrial.files.source.scan import MAX_CALLS, Body, Call, Scan, call_name
from seatrial.model.patterns import pattern
from seatrial.model.source import Amount

if TYPE_CHECKING:
    from tree_sitter import Node

QUERY = """
[(call_expression) (new_expression)] @call
(assignment_expression) @assignment
(variable_declarator) @variable
[(function_declaration) (function_expression) (arrow_function) (method_definition) (generator_function_declaration)
 (generator_function)] @function
(pair value: [(arrow_function) (function_expression)]) @named
[(if_statement) (ternary_expression) (switch_statement)] @condition
(await_expression) @wait
(decorator) @decorator
["===" "=="] @equals
"""
_ENVIRONMENT = pattern(r"""(?:process|Bun|import\.meta)\.env(?:\.(\w+)|\[['"](\w+)['"]\])""")
_SIGNALS = pattern(rb"(?<!\w)SIG[A-Z][A-Z0-9]+(?!\w)")
_SETTINGS = pattern(rb"(?<![\w.])(?:keepAliveTimeout|headersTimeout)(?=\s*:)")
_CONVERSIONS = frozenset(
    {"Number", "parseInt", "parseFloat", "Number.parseInt", "Number.parseFloat", "String", "ms"}
    | {"normalizePort", "toInt", "toNumber", "int"}
)
_DURATION = pattern(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|h|seconds?|minutes?)")
_UNITS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0}
_MAX_DEPTH = 12


def scan_javascript(language: str, file: str, data: bytes) -> tuple[Scan, dict[str, list[Node]]] | None:
    """The scan of a file and the nodes by their kind; None where it can't be read in reasonable time."""
    found = captures(language, QUERY, data)
    if found is None:
        return None
    root, nodes = found
    nodes["signal"] = [*named(root, data, _SIGNALS, ("string_fragment", "property_identifier"))]
    keys = named(root, data, _SETTINGS, ("property_identifier",))
    nodes["setting"] = [pair for key in keys if (pair := key.parent) is not None and pair.type == "pair"]
    nodes["comparison"] = [*_with_strings(nodes.get("equals", ()))]
    if len(nodes.get("call", ())) > MAX_CALLS or len(nodes.get("function", ())) > MAX_CALLS:
        return None
    scan = Scan(file, data)
    scan.calls = [Call(node, call_name(scan, node), node.start_byte, node.end_byte) for node in nodes.get("call", ())]
    scan.conditions = [(node.start_byte, node.end_byte) for node in nodes.get("condition", ())]
    scan.waits = [(node.start_byte, node.end_byte) for node in nodes.get("wait", ())]
    names = _names_of_functions(scan, nodes)
    for node in nodes.get("function", ()):
        name = node.child_by_field_name("name")
        said = scan.text(name) if name is not None else names.get(node.start_byte, "")
        scan.bodies.append(Body(node.start_byte, node.end_byte, said))
    scan.settle()
    scan.listeners = dict(_listeners(scan))
    return scan, nodes


def _listeners(scan: Scan) -> Iterator[tuple[str, Body]]:
    """The functions that an event of the process calls, which `process.emit` is a call of."""
    for call in scan.calls:
        arguments = call.arguments() if call.name in ("process.on", "process.once") else []
        event = string(scan, arguments[0]) if len(arguments) > 1 else None
        body = (scan.body_at(arguments[1]) or scan.named.get(scan.text(arguments[1]))) if event else None
        if event and body is not None:
            yield event, body


def _with_strings(signs: Iterable[Node]) -> Iterator[Node]:
    """What is compared with a string. A query for that alone takes three milliseconds to compile."""
    for sign in signs:
        comparison = sign.parent
        right = comparison.child_by_field_name("right") if comparison is not None else None
        if comparison is not None and right is not None and right.type == "string":
            yield comparison


def _names_of_functions(scan: Scan, nodes: dict[str, list[Node]]) -> dict[int, str]:
    """What a function is called by the variable or property that it is put into, by its first byte."""
    names: dict[int, str] = {}
    for kind, name_field, value_field in (
        ("variable", "name", "value"),
        ("assignment", "left", "right"),
        ("named", "key", "value"),
    ):
        for node in nodes.get(kind, ()):
            name, value = node.child_by_field_name(name_field), node.child_by_field_name(value_field)
            if name is None or value is None:
                continue
            text = scan.text(name)
            if kind == "variable" and name.type == "identifier":
                scan.constants.setdefault(text, value)
            if value.type in ("arrow_function", "function_expression", "function"):
                names[value.start_byte] = text.rpartition(".")[2]
            elif value.type == "call_expression":
                wrapped = _wrapped_function(value)
                if wrapped is not None:
                    names[wrapped.start_byte] = text.rpartition(".")[2]
    return names


def _wrapped_function(call: Node) -> Node | None:
    """The function in `const x = once(async () => …)`."""
    arguments = call.child_by_field_name("arguments")
    first = arguments.named_child(0) if arguments is not None and arguments.named_child_count else None
    return first if first is not None and first.type in ("arrow_function", "function_expression") else None


def string(scan: Scan, node: Node, depth: int = 0) -> str | None:
    """The string that this says, through names of constants; None where it is computed."""
    if node.type == "string":
        return scan.text(node)[1:-1]
    if node.type == "template_string":
        text = scan.text(node)[1:-1]
        return None if "${" in text else text
    if node.type == "identifier" and depth < _MAX_DEPTH:
        value = scan.constants.get(scan.text(node))
        return string(scan, value, depth + 1) if value is not None else None
    if node.type in ("as_expression", "parenthesized_expression", "satisfies_expression") and depth < _MAX_DEPTH:
        inner = node.named_child(0)
        return string(scan, inner, depth + 1) if inner is not None else None
    return None


def fold(scan: Scan, node: Node, depth: int = 0) -> Amount | None:
    """The number that this says; None where nothing is known about it."""
    if depth > _MAX_DEPTH:
        return None
    if node.type in ("unary_expression", "binary_expression", "ternary_expression"):
        return _operation(scan, node, depth)
    kind = node.type
    if kind in ("number", "string", "template_string"):
        return _literal(scan.text(node).strip("'\"`"))
    if kind == "identifier":
        value = scan.constants.get(scan.text(node))
        return fold(scan, value, depth + 1) if value is not None else None
    if kind in ("parenthesized_expression", "as_expression", "non_null_expression", "satisfies_expression"):
        inner = node.named_child(0)
        return fold(scan, inner, depth + 1) if inner is not None else None
    if kind in ("member_expression", "subscript_expression"):
        return _variable(scan.text(node))
    return _conversion(scan, node, depth) if kind == "call_expression" else None


def _operation(scan: Scan, node: Node, depth: int) -> Amount | None:
    if node.type == "unary_expression":
        return _unary(scan, node, depth)
    return (_binary if node.type == "binary_expression" else _ternary)(scan, node, depth)


def _literal(text: str) -> Amount | None:
    text = text.replace("_", "")[:40]
    found = _DURATION.fullmatch(text)
    if found is not None:
        return Amount(
            float(found.group(1)) * _UNITS[found.group(2)[:2] if found.group(2) == "ms" else found.group(2)[0]]
        )
    try:
        value = float(int(text, 0)) if text[:2].lower() in ("0x", "0b", "0o") else float(text)
    except ValueError:
        return None
    return Amount(value) if abs(value) < 1e15 else None


def _variable(text: str) -> Amount | None:
    found = _ENVIRONMENT.fullmatch(text)
    return Amount(None, found.group(1) or found.group(2)) if found else None


def _unary(scan: Scan, node: Node, depth: int) -> Amount | None:
    operand = node.child_by_field_name("argument")
    inner = fold(scan, operand, depth + 1) if operand is not None else None
    operator = scan.text(node)[:1]
    if inner is None or operator not in "+-":
        return None
    return inner if operator == "+" else times(inner, -1.0)


def times(amount: Amount, factor: float) -> Amount:
    """So many times the amount."""
    value = None if amount.value is None else amount.value * factor
    return Amount(value, amount.variable, amount.scale * factor, amount.certain)


def otherwise(first: Amount | None, second: Amount | None) -> Amount | None:
    """`first || second`: the second where the first isn't set."""
    if first is None:
        return Amount(second.value, certain=False) if second is not None else None
    if first.variable and second is not None:
        return Amount(second.value, first.variable, first.scale, second.certain and not second.variable)
    return first


def _binary(scan: Scan, node: Node, depth: int) -> Amount | None:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    operator = node.child_by_field_name("operator")
    if left is None or right is None or operator is None:
        return None
    first, second = fold(scan, left, depth + 1), fold(scan, right, depth + 1)
    if operator.type in ("||", "??"):
        return otherwise(first, second)
    return computed(operator.type, first, second)


def computed(operator: str, first: Amount | None, second: Amount | None) -> Amount | None:
    """The result of arithmetic; a variable stays known through multiplication by a number."""
    if first is None or second is None:
        return None
    if operator == "*" and (not first.variable or not second.variable):
        factor, amount = (first, second) if second.variable else (second, first)
        return times(amount, factor.value) if factor.value is not None and not factor.variable else None
    if first.value is None or second.value is None:
        return None
    certain = first.certain and second.certain and not first.variable and not second.variable
    values = (first.value, second.value)
    results = {"+": values[0] + values[1], "-": values[0] - values[1]}
    if operator == "/" and values[1]:
        results["/"] = values[0] / values[1]
    return Amount(results[operator], certain=certain) if operator in results else None


def _ternary(scan: Scan, node: Node, depth: int) -> Amount | None:
    first, second = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
    if first is None or second is None:
        return None
    return otherwise(fold(scan, first, depth + 1), fold(scan, second, depth + 1))


def _conversion(scan: Scan, node: Node, depth: int) -> Amount | None:
    call = Call(node, call_name(scan, node), node.start_byte, node.end_byte)
    arguments = call.arguments()
    if call.name in _CONVERSIONS and arguments:
        return fold(scan, arguments[0], depth + 1)
    return None


def _pattern(text: str) -> re.Pattern[str]:
    return pattern(text, re.VERBOSE)


_SERVER = r"(?:[\w.]*\.)?(?:\w*[sS]erver|\w*[aA]pp|fastify|\w*[hH]ttps?|listener|terminator|httpTerminator|service)"
WORDS = Words(
    exits=_pattern(r"(?:process|Deno|Bun)\.(?:exit|abort|reallyExit)"),
    closes=_pattern(rf"{_SERVER}\.(?:close|shutdown|stop|terminate|tryShutdown|destroy|closeAsync)"),
    logs=_pattern(
        r"""(?:(?:this\.|app\.|fastify\.|server\.|req\.|request\.)?
        (?:console|\w*[lL]ogger|log|\w*Log|LOG|LOGGER|winston|bunyan|pino|signale|consola|debug|Sentry|sentry|newrelic
           |Bugsnag|bugsnag|Rollbar|rollbar|Honeybadger)
        (?:\.\w+)*|print|debug|logError|captureException|util\.(?:inspect|format)|JSON\.stringify|String|chalk\.\w+)"""
    ),
    asks=_pattern(
        r"""(?:^|\.)(?:\$queryRaw|\$queryRawUnsafe|\$executeRaw|authenticate|pingCheck)$
        |(?:^|\.)\w*(?:[dD]b|[dD]atabase|[pP]ool|[rR]edis|[mM]ongo|[mM]ongoose|[kK]nex|[sS]equelize|[pP]risma|[cC]onnection
          |[dD]ata[sS]ource|[sS]ql|[pP]g|pgClient|redisClient|[mM]ysql)\w*
         (?:\.\w+(?:\(\))?){0,2}\.(?:query|execute|ping|raw|connect|command|findOne|count|countDocuments|ping|info|select|get)$
        |^(?:fetch|axios|got|ky|superagent|request|needle)(?:\.(?:get|post|head|request))?$
        |^https?\.(?:get|request)$"""
    ),
    harmless=_pattern(
        r"""(?:res|response|reply|ctx|context|c|h|req|request|\w*[rR]es(?:p|ponse)?)(?:\.\w+(?:\(.*\))?)*
        |(?:.*\))\.(?:status|json|send|end|code|type|header|set)
        |(?:Date|process\.(?:uptime|memoryUsage|hrtime|cwd)|os\.\w+|Math|JSON|Object|String|Number|Boolean)(?:\.\w+)*
        |Date|\w+\.toISOString|.*\)\.toISOString|NextResponse\.json|Response\.json|Response|clearTimeout|setImmediate"""
    ),
    timers=_pattern(r"(?:global\.|globalThis\.)?setTimeout|timers\.setTimeout"),
    sleeps=_pattern(r"(?:[\w.]*\.)?(?:sleep|delay|wait|timeout|setTimeoutAsync|setTimeoutPromise)"),
    changes=pattern(r"\bthrow\b|process\.exitCode|process\.kill|process\.emit|\breject\b"),
    decides=pattern(
        r"\bif\b|\?(?![.?])|\bawait\b|\bcatch\b|\bthrow\b|readyState|\bis[A-Z]\w*|\bready\b(?!['\"`:])|&&|\|\|"
    ),
    unit=0.001,
    fold=fold,
)
