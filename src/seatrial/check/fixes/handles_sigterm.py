"""Fix for handles-sigterm: SIGTERM does what SIGINT's handler does, or a server of node's gets a handler that drains.

The new handler stops accepting, announces the close on what is being answered, closes each connection as soon as it
is idle, closes what is left before the usual grace period ends, and exits 0. Python programs, and servers whose
variable isn't known, are left to their author.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check.fixes.interface import made, point, unit_of
from seatrial.check.fixes.javascript_text import end_of_call, end_of_line, offset
from seatrial.check.interface import Context
from seatrial.model.edit import Edit, Listens
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.service import DEFAULT_GRACE

_SOURCES = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_ANOTHER = pattern(r"(SIG[A-Z]+) is handled, and (SIG[A-Z]+), which")
_ON = pattern(r"process\.(on|once|addListener)\(\s*(['\"`])(SIG[A-Z]+)\2\s*,\s*([A-Za-z_$][\w$]*)?")
_HANDLER = """\
// On a stop: take no new connections, answer what is open, close what is idle, and exit before the engine kills.
let isStopping = false;
const unanswered = new Set();
SERVER.prependListener('request', (request, response) => {
  unanswered.add(response);
  response.on('close', () => unanswered.delete(response));
  if (isStopping) response.setHeader('Connection', 'close');
});
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    if (isStopping) return;
    isStopping = true;
    for (const response of unanswered) if (!response.headersSent) response.setHeader('Connection', 'close');
    SERVER.close(() => process.exit(0));
    setInterval(() => SERVER.closeIdleConnections(), 100).unref();
    // TODO(seatrial): handles-sigterm: above the slowest request, below the grace period of GRACE s
    setTimeout(() => SERVER.closeAllConnections(), LIMIT).unref();
  });
}"""


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add lines behind a statement: unsafe, for what has to end before the program may is known to its author."""
    file = finding.place.file
    text = context.documents.texts.get(file, "")
    if not text or not file.endswith(_SOURCES):
        return
    another = _ANOTHER.match(finding.message)
    if another is not None:
        yield from made(_beside(text, finding, (another.group(1), another.group(2))))
    elif finding.message.startswith("nothing handles SIGTERM"):
        unit = unit_of(context, finding)
        yield from made(_anew(text, finding, unit.service.effective_grace if unit else DEFAULT_GRACE))


def _beside(text: str, finding: Finding, signals: tuple[str, str]) -> Edit | None:
    """The same listener for the other signal; an anonymous one is reached through its own signal."""
    start = offset(text, finding.place)
    found = _ON.match(text, start)
    if found is None or found.group(3) != signals[0] or not _begins_a_line(text, start):
        return None
    end = end_of_call(text, start + len("process."))
    at = end_of_line(text, end) if end else 0
    if not at:
        return None
    quote, name = found.group(2), found.group(4)
    is_name = bool(name) and bool(re.fullmatch(r"\s*\)", text[found.end() : end]))
    listener = name if is_name else f"() => process.emit({quote}{signals[0]}{quote}, {quote}{signals[0]}{quote})"
    semicolon = ";" if text[end:at].lstrip().startswith(";") else ""
    line = f"process.{found.group(1)}({quote}{signals[1]}{quote}, {listener}){semicolon}"
    return _behind(text, finding, at, [line], f"handle {signals[1]} as {signals[0]}")


def _anew(text: str, finding: Finding, grace: float) -> Edit | None:
    """A handler for a server that listens here."""
    start = offset(text, finding.place)
    end = end_of_call(text, start)
    at = end_of_line(text, end) if end else 0
    if not at or any(word in text for word in ("isStopping", "unanswered", "fastify", "hapi", "Bun.", "Deno.")):
        return None
    server = _server(text, start)
    if not server:
        return None
    limits = {"SERVER": server, "GRACE": f"{grace:g}", "LIMIT": str(max(int(grace * 800), 100))}
    lines = re.sub("SERVER|GRACE|LIMIT", lambda found: limits[found.group()], _HANDLER).split("\n")
    return _behind(text, finding, at, lines, "drain on the stop signal")


def _server(text: str, start: int) -> str:
    """The variable of the server: `server.listen(…)`, or `const server = ….listen(…)`."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    declared = re.fullmatch(r"\s*(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*=\s*", line)
    if declared:
        return declared.group(1)
    named = re.match(r"([A-Za-z_$][\w$]*)\.listen\b", text[start:])
    if named is None or line.strip():
        return ""
    name = named.group(1)
    made_here = re.search(rf"(?:const|let|var)\s+{re.escape(name)}\s*=\s*(?:[\w$.]+\.)?(?:createServer)\s*\(", text)
    return name if made_here else ""


def _begins_a_line(text: str, start: int) -> bool:
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _behind(text: str, finding: Finding, at: int, lines: list[str], note: str) -> Edit:
    """The edit that puts lines behind the line that ends at `at`, as deep as the statement begins."""
    begin = text.rfind("\n", 0, offset(text, finding.place)) + 1
    indentation = re.match(r"[ \t]*", text[begin:])
    deep = indentation.group() if indentation else ""
    written = "\n".join(deep + line if line else line for line in lines)
    number = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    place = point(Place(finding.place.file, number), number, column)
    return Edit(place, "\n" + written, finding.requirement, note, Listens(number, written), is_safe=False)
