"""Takes secrets out of what is about to be kept or printed: no recording and no report ever holds one.

What counts as a secret: values known to be such (environment variables named like secrets), and what looks like one in
a log line, a command line or a path: `name=value` with a telling name, credentials in URLs and headers, private keys,
and tokens whose form gives them away. Rather one harmless word too many than one secret too few. Idempotent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from seatrial.model.patterns import pattern
from seatrial.model.values import replace

if TYPE_CHECKING:
    from seatrial.model.recording import LogLine, Recording

T = TypeVar("T")

REDACTED = "[redacted]"

# ESC sequences go as a whole (CSI, OSC and the like, two-character forms): their remains would be noise.
_ESCAPES = pattern(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_KEYWORD = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret(?:[_-]?key(?:[_-]?base)?|[_-]?id|[_-]?value)?|token|credentials?|"
    r"api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|signing[_-]?key|encryption[_-]?key|master[_-]?key|"
    r"account[_-]?key|auth[_-]?key|authorization|cookie|session[_-]?(?:id|key)|sessid|signature|"
    r"client[_-]?secret|connection[_-]?string|dsn|salt|otp|sas"
)
_NAME = pattern(rf"(?:^|[_.\-]|(?-i:(?<=[a-z])(?=[A-Z])))(?:{_KEYWORD})[_-]?\d*$", re.IGNORECASE)

# A name, a separator, a value: FOO_TOKEN=x, "password": "x", --api-key x. The value ends at white space unless quoted.
_ASSIGNMENT = pattern(
    rf"""(?P<name>(?<![\w.\-])[\w.\-]{{0,200}}(?:{_KEYWORD})[_-]?\d*)(?P<close>\\?["'])?(?P<sep>\s*(?:=>|[=:])\s*)"""
    r"""(?P<scheme>(?:bearer|basic|digest|token)\s+)?"""
    r"""(?P<value>\\?"(?:\\.|[^"\\])*\\?"|'(?:\\.|[^'\\])*'|[^\s"'&;,})\]]+)""",
    re.IGNORECASE,
)
_HEADER = pattern(r"\b((?:set-)?cookie|(?:proxy-)?authorization|x-api-key)(\s*:\s*)(?!//)([^\"'\r\n]+)", re.IGNORECASE)
_OPTION = pattern(rf"((?<![\w\-])--?[\w\-]{{0,64}}(?:{_KEYWORD})\s+)(?!-)(\S+)", re.IGNORECASE)
# user:password@ — a raw password may hold an @ or even a /; a port and a path that holds an @ are no password.
_URL = pattern(
    r"\b([a-z][a-z0-9+.\-]{1,20}://)([^\s/@:\"'<>]{0,200}):"
    r"(?!\d{1,5}[/?#])([^\s/?#\"'<>]{1,300}@|[^\s\"'<>]{1,300}?@)(?=[\w\[.\-%])",
    re.IGNORECASE,
)
_URL_TOKEN = pattern(r"\b([a-z][a-z0-9+.\-]{1,20}://)[\w\-.~%]{16,200}@(?=[\w\[])", re.IGNORECASE)
_BEARER = pattern(r"\b(bearer|basic)(\s+)(?=\S*(?-i:[0-9A-Z=]))([A-Za-z0-9._~+/\-]{8,}=*)", re.IGNORECASE)
# Kubernetes' pairs on one line: {name: DB_PASSWORD, value: x}
_PAIR = pattern(
    rf"""(\bname["']?\s*:\s*["']?[\w.\-]{{0,200}}(?:{_KEYWORD})[_-]?\d*["']?\s*,\s*["']?value["']?\s*:\s*)"""
    r"""("(?:\\.|[^"\\])*"|'[^']*'|[^\s,}"'\[][^,}]*)""",
    re.IGNORECASE,
)
# Programs that take a password in a way of their own: echo user:password | chpasswd, curl -u user:password, mysql -pX
_ACCOUNT = pattern(r"([\w.\-]{1,100}:)(?!\$)([^\s\"'|]+)(?=[\"']?\s*\|\s*(?:sudo\s+)?[\w/]{0,40}chpasswd)")
_CURL = pattern(
    r"(\bcurl\b[^|;&\n]{0,500}?\s(?:-u|--user)(?:\s+|=)[\"']?[^\s:\"'$]{1,100}:)(?!\$|\[redacted)([^\s\"']+)"
)
_MYSQL = pattern(
    r"(\b(?:mysql|mariadb)\w{0,20}[^|;&\n]{0,500}?\s-p)(?!\$|\[redacted|\d+(?::\d+)?(?:\s|$))([^\s\"'|;&]+)"
)
_FORMS = pattern(
    r"\beyJ[\w-]{5,}\.[\w-]{4,}\.[\w-]*"  # JWT
    r"|\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{16}\b"  # AWS key ids
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bnpm_[A-Za-z0-9]{20,}|\bpypi-[\w-]{20,}"
    r"|\bxox[abeoprs]-[\w-]{8,}|\b[sr]k_(?:live|test)_\w{8,}|\bsk-[\w-]{20,}|\bAIza[\w-]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"
)
_FORM_STARTS = (
    *("eyJ", "AKIA", "ASIA", "AROA", "AIDA", "AGPA", "ANPA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "npm_", "pypi-", "xox", "sk_live", "rk_live", "sk_test", "rk_test", "sk-", "AIza", "SG."),
)
"""One of these is in everything that `_FORMS` matches."""
_PEM_BEGIN = pattern(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
_PEM = pattern(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_PEM_END = pattern(r"-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
_PEM_LINES = 120
"""A key block has fewer lines; one that never ends must not swallow the rest of a log."""
_BASE64 = pattern(r"[A-Za-z0-9+/]{16,}={0,2}")
_NAME_PARTS = (
    *("pass", "pwd", "secret", "token", "credential", "key", "authorization", "cookie", "sess", "signature", "dsn"),
    *("connection", "salt", "otp", "sas"),
)
"""One of these is in everything that `_KEYWORD` matches, in whatever case."""
_HINTS = (
    *_NAME_PARTS,
    *("://", "bearer", "basic", *(start.casefold() for start in _FORM_STARTS)),
    *("curl", "mysql", "mariadb"),
)
"""One of these is in everything that is taken out, in whatever case."""
_SHORTEST_WORD = 6
"""A word of a command line that is shorter would be found by chance in what is no secret."""
_NO_SECRET = ("/", "./", "../", "$", "[redacted")
_PLAIN = frozenset({"true", "false", "none", "null", "production", "development", "test", "localhost", "changeme"})


def is_secret_name(name: str) -> bool:
    """Whether a variable or option of this name holds a secret. Names of files with secrets (`…_FILE`) do not."""
    return bool(_NAME.search(name.strip("-")))


def without_escapes(text: str) -> str:
    """The text without the escape sequences of terminals (colours, titles, links)."""
    return _ESCAPES.sub("", text) if "\x1b" in text or "\x9b" in text else text


def text(line: str) -> str:
    """A line without what looks like a secret, and without colours: those can stand between a name and its value."""
    line = without_escapes(line)
    folded = line.casefold()
    if not _has_any(folded, _HINTS):
        return line
    # Each is asked only where what it can't do without is there: most lines need none, and need none compiled.
    if "-----BEGIN" in line:
        line = _PEM.sub(REDACTED, line)
    if "://" in line and "@" in line:
        line = _URL.sub(rf"\1\2:{REDACTED}@", line)
        line = _URL_TOKEN.sub(rf"\1{REDACTED}@", line)
    if ":" in line and _has_any(folded, ("cookie", "authorization", "x-api-key")):
        line = _HEADER.sub(rf"\1\2{REDACTED}", line)
    if _has_any(folded, ("bearer", "basic")):
        line = _BEARER.sub(rf"\1\2{REDACTED}", line)
    if _has_any(folded, _NAME_PARTS):
        line = _of_names(line)
    line = _of_programs(line)
    return _FORMS.sub(REDACTED, line) if _has_any(line, _FORM_STARTS) else line


def _of_names(line: str) -> str:
    """Without the values of what has the name of a secret."""
    if ":" in line or "=" in line:
        line = _ASSIGNMENT.sub(_assigned, line)
    if "value" in line.casefold():
        line = _PAIR.sub(rf"\1{REDACTED}", line)
    return _OPTION.sub(rf"\1{REDACTED}", line) if _has_option(line) else line


def _of_programs(line: str) -> str:
    """Without the passwords that some programs take in a way of their own."""
    if "chpasswd" in line:
        line = _ACCOUNT.sub(rf"\1{REDACTED}", line)
    if "curl" in line and "-u" in line:
        line = _CURL.sub(rf"\1{REDACTED}", line)
    if "mysql" in line or "mariadb" in line:
        line = _MYSQL.sub(rf"\1{REDACTED}", line)
    return line


def source_line(line: str, column: int = 0) -> str:
    """A line of a file without what looks like a secret. Where it is known that one begins at `column` (from 1) and
    nothing of the line gives it away (`value: x` below the name), all from there on is taken out."""
    shown = text(line)
    if not column or shown != line or line.lstrip()[:4].upper() in ("COPY", "ADD "):
        return shown
    return line[: column - 1] + REDACTED


def _has_option(line: str) -> bool:
    """Whether a hyphen begins a word: those inside of words are far more frequent."""
    return any(not (part[-1:].isalnum() or part.endswith("_")) for part in line.split("-")[:-1])


def _has_any(line: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 — asked for each line that is shown, and `any` takes twice as long
        if word in line:
            return True
    return False


def _assigned(match: re.Match[str]) -> str:
    value = match["value"]
    if not is_secret_name(match["name"]) or value.startswith("[redacted") or (match["sep"] == ":" and value[0] == "/"):
        return match.group()
    quote = next((mark for mark in ('\\"', '"', "'") if value.startswith(mark)), "")
    return f"{match['name']}{match['close'] or ''}{match['sep']}{match['scheme'] or ''}{quote}{REDACTED}{quote}"


def argv(words: tuple[str, ...]) -> tuple[str, ...]:
    """A command line without its secrets, also where an option and its value are two words."""
    shown: list[str] = []
    for before, word in zip(("", *words), words, strict=False):
        is_value = before.startswith("-") and "=" not in before and not word.startswith("-")
        if is_value and is_secret_name(before):
            shown.append(REDACTED)
        elif is_value and before in ("-u", "--user") and ":" in word:
            shown.append(f"{word.split(':', 1)[0]}:{REDACTED}")
        else:
            shown.append(text(word))
    return tuple(shown)


def argv_secrets(words: tuple[str, ...]) -> Iterator[str]:
    """The values that `argv` takes out: a program often prints them as well, without a name that gives them away."""
    from urllib.parse import unquote

    for before, word, shown in zip(("", *words), words, argv(words), strict=False):
        if shown == word:
            continue
        if shown == REDACTED:
            found = [word]
        elif before in ("-u", "--user"):
            found = [word.partition(":")[2]]
        else:
            found = list(_secrets_in(word))
        for secret in found:
            yield from (form for form in {secret, unquote(secret)} if _is_telling(form))


def _secrets_in(word: str) -> Iterator[str]:
    """The secrets inside of one word: a URL, `--name=value`, a script with options of its own."""
    yield from (match[3].removesuffix("@") for match in _URL.finditer(word))
    yield from (match[3] for match in _BEARER.finditer(word))
    yield from (match["value"].strip("\\\"'") for match in _ASSIGNMENT.finditer(word) if is_secret_name(match["name"]))
    yield from (match[2].strip("\"'") for match in _OPTION.finditer(word))
    yield from (match.group() for match in _FORMS.finditer(word))


def _is_telling(word: str) -> bool:
    """Whether a value is to be looked for elsewhere too: not a path, a variable, a number or a short word."""
    return len(word) >= _SHORTEST_WORD and not word.startswith(_NO_SECRET) and not word.isdigit()


def secrets_of(recording: Recording) -> Iterator[str]:
    """Values that a recording itself shows to be secrets: those of its command lines, and private keys in its logs."""
    subject = recording.subject
    for words in (subject.argv, subject.final_argv, subject.healthcheck):
        yield from argv_secrets(words)
    for run in recording.runs:
        for process in run.processes:
            yield from argv_secrets(process.argv)
        yield from key_lines(run.log)


def key_lines(log: Iterable[LogLine]) -> Iterable[str]:
    """The lines of private keys in a log: they are secrets wherever else they are quoted."""
    inside: dict[str, int] = {}
    for line in log:
        left = inside.get(line.stream, 0)
        if left and _BASE64.fullmatch(line.text.strip()):
            yield line.text
        ends = _PEM_END.search(line.text) is not None
        begins = _PEM_BEGIN.search(line.text) is not None and not ends
        inside[line.stream] = _PEM_LINES if begins else 0 if ends else max(left - 1, 0)


class Redactor:
    """Takes known and recognisable secrets out of whole values, whatever they are made of."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {part for secret in secrets for part in _parts(secret)}
        # The longest first: a secret that contains another must go as a whole.
        words = sorted(known, key=lambda word: (-len(word), word))
        self._known = re.compile("|".join(re.escape(word) for word in words)) if words else None

    def text(self, line: str) -> str:
        """A text without known secrets and without what looks like one."""
        line = without_escapes(line)
        if self._known is not None:
            line = self._known.sub(REDACTED, line)
        return text(line)

    def value(self, value: T) -> T:
        """The same value (dataclasses, tuples, strings, mappings) with every text redacted."""
        redacted: T = self._any(value)
        return redacted

    def _any(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, tuple):
            return self._tuple(value)
        if hasattr(type(value), "__dataclass_fields__"):
            return self._object(value)
        return value

    def _tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        from seatrial.model.recording import LogLine

        if value and isinstance(value[0], LogLine):
            return tuple(self._log(value))
        if value and isinstance(value[0], str):
            known = self._known
            return argv(tuple(known.sub(REDACTED, word) for word in value) if known else value)
        return tuple(self._any(part) for part in value)

    def _object(self, value: Any) -> Any:
        changed = {}
        for name in value.__match_args__:
            before = getattr(value, name)
            after = self._any(before)
            if after is not before and after != before:
                changed[name] = after
        return replace(value, **changed) if changed else value

    def _log(self, lines: tuple[LogLine, ...]) -> Iterable[LogLine]:
        """Log lines; a private key stretches over several, which other output of the other stream may interrupt."""
        inside: dict[str, int] = {}
        for line in lines:
            left = inside.get(line.stream, 0)
            if left:
                inside[line.stream] = 0 if _PEM_END.search(line.text) else left - 1
                yield replace(line, text=REDACTED)
                continue
            if _PEM_BEGIN.search(line.text) and not _PEM_END.search(line.text):
                inside[line.stream] = _PEM_LINES
            shown = self.text(line.text)
            yield line if shown == line.text else replace(line, text=shown)


def _parts(secret: str) -> Iterable[str]:
    """The texts to look for: the value and, of a value of several lines, each line that is long enough to be one."""
    for part in {secret, *secret.splitlines()}:
        word = part.strip()
        if len(word) >= 4 and word.lower() not in _PLAIN:
            yield word
