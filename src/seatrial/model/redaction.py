"""Takes secrets out of what is about to be kept or printed: no recording and no report ever holds one.

What counts as a secret: values known to be such (of environment variables and options that are named like secrets),
wherever they stand but for words that everybody uses; and what looks like one at its own place, in a log line, a
command line or a path: `name=value` with a telling name, credentials in URLs and headers, private keys, and tokens
whose form gives them away. Rather one harmless word too many than one secret too few. Idempotent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from seatrial.model import secret_patterns as like
from seatrial.model.values import replace

if TYPE_CHECKING:
    from seatrial.model.recording import LogLine, Recording

T = TypeVar("T")

REDACTED = "[redacted]"

_PEM_LINES = 120
"""A key block has fewer lines; one that never ends must not swallow the rest of a log."""
_SHORTEST_WORD = 6
"""A word of a command line that is shorter would be found by chance in what is no secret."""
_QUOTES = "\"' "
_NO_SECRET = ("/", "./", "../", "$", "[redacted")
_OF_URLS = str.maketrans("+/", "-_")
_UNQUOTED = ("", "/", "!'()*", ";,/?:@&=+$#!'()*")
"""What is left as it is in a URL: by strict rules, by Python's, by encodeURIComponent, by encodeURI."""
_BETWEEN_WORDS = dict.fromkeys(map(ord, "\t\n\v\f\r\x1c\x1d\x1e\x1f,[]{}\"'"), " ")
_SHORTEST = 4
"""A value that is shorter ("1", "yes") is hidden at its own place alone: elsewhere it would garble every line."""
_SHORTEST_NUMBER = 6
"""A port, a limit."""
_SHORTEST_LINE = 8
_MOST_OF_FILE = 64 * 1024
"""Characters of a file: each of its lines is looked for in each line that is shown."""


def is_secret_name(name: str) -> bool:
    """Whether a variable or option of this name holds a secret. Names of files with secrets (`…_FILE`) do not, and
    PWD is where a shell is."""
    return name != "PWD" and bool(like.NAME.search(name.strip("-")))


def is_secret_variable(name: str) -> bool:
    """The same of an environment variable, whose name may go on after that: GITHUB_TOKEN_OF_CI, but not TOKEN_TTL."""
    if is_secret_name(name):
        return True
    parts = name.split("_")
    begins = ("_".join(parts[:count]) for count in range(1, len(parts)) if parts[count - 1].lower() != "auth")
    return any(map(is_secret_name, begins)) and not like.ABOUT.search(name)


def without_escapes(text: str) -> str:
    """The text without the escape sequences of terminals (colours, titles, links)."""
    return like.ESCAPES.sub("", text) if "\x1b" in text or "\x9b" in text else text


def text(line: str) -> str:
    """A line without what looks like a secret, and without colours: those can stand between a name and its value."""
    return _shown(line, [])


def _shown(line: str, found: list[str]) -> str:
    """A line without what looks like a secret; what was taken out is `found`."""
    line = without_escapes(line)
    folded = line.casefold().replace("\t", " ")
    has_list = _has_list(line)
    if not has_list and not _has_any(folded, like.HINTS):
        return line
    if has_list:
        from seatrial.model import word_lists

        line = word_lists.of_list(line, lambda words: _words(words, found))
    # Each is asked only where what it can't do without is there: most lines need none, and need none compiled.
    if "-----BEGIN" in line:
        line = like.PEM.sub(REDACTED, line)
    if "://" in line and "@" in line:
        line = _hidden(like.URL, line, found)
        line = _hidden(like.URL_TOKEN, line, found)
    if "?" in line or "&" in line:
        line = _hidden(like.QUERY, line, found)
    line = _of_headers(line, folded, found)
    if _has_any(folded, like.NAME_PARTS):
        line = _of_names(line, found)
    if " -" in folded or "chpasswd" in line:
        line = _of_programs(line, found)
    return _hidden(like.FORMS, line, found) if _has_any(line, like.FORM_STARTS) else line


def _hidden(
    of: re.Pattern[str], line: str, found: list[str], parts: Callable[[str], Iterable[str]] | None = None
) -> str:
    """A line without the secrets of a pattern, each of which is its own word or consists of `parts`."""

    def hide(match: re.Match[str]) -> str:
        found.extend(parts(match["secret"]) if parts else (match["secret"].strip("\"'"),))
        begins, ends = (place - match.start() for place in match.span("secret"))
        whole = match.group()
        return f"{whole[:begins]}{REDACTED}{whole[ends:]}"

    return of.sub(hide, line)


def _of_headers(line: str, folded: str, found: list[str]) -> str:
    """Without the credentials of HTTP's headers."""

    def option(match: re.Match[str]) -> str:
        if not is_secret_name(match["name"]):
            return match.group()
        found.extend(_header_parts(match["secret"]))
        return match.group().removesuffix(match["secret"]) + REDACTED

    if _has_any(line, like.COOKIE_STARTS):
        line = _hidden(like.COOKIE_OPTION, line, found, _header_parts)
    if ":" in line and ("-H" in line or "-header" in line):
        line = like.HEADER_OPTION.sub(option, line)
    if ":" in line and _has_any(folded, ("cookie", "authorization", "key")):
        line = _hidden(like.HEADER, line, found, _header_parts)
    return _hidden(like.BEARER, line, found) if _has_any(folded, ("bearer", "basic")) else line


def _header_parts(value: str) -> Iterator[str]:
    """What of a header's value is secret by itself: without its scheme (Bearer), and each cookie's value."""
    for part in value.split(";"):
        name, _, said = part.strip().partition("=")
        yield said if said.strip("=") else name.rpartition(" ")[2] + part.strip()[len(name) :]


def _of_names(line: str, found: list[str]) -> str:
    """Without the values of what has the name of a secret."""

    def assigned(match: re.Match[str]) -> str:
        value = match["value"]
        is_path = match["sep"] == ":" and value[0] == "/"
        if not is_secret_name(match["name"]) or value.startswith("[redacted") or is_path:
            return match.group()
        quote = next((mark for mark in ('\\"', '"', "'") if value.startswith(mark)), "")
        found.append(value.strip("\\\"'"))
        return f"{match.group().removesuffix(value)}{quote}{REDACTED}{quote}"

    if ":" in line or "=" in line:
        line = like.ASSIGNMENT.sub(assigned, line)
    if "value" in line.casefold():
        line = _hidden(like.PAIR, line, found)
    return _hidden(like.OPTION, line, found) if _has_option(line) else line


def _of_programs(line: str, found: list[str]) -> str:
    """Without the passwords that some programs take in a way of their own."""
    if "chpasswd" in line:
        line = _hidden(like.ACCOUNT, line, found)
    if ":" in line and _has_any(line, like.ACCOUNT_STARTS):
        line = _hidden(like.ACCOUNT_OPTION, line, found)
    for of, programs in like.OF_PROGRAMS:
        if _has_any(line, programs):
            line = _hidden(of, line, found)
    return line


def source_line(lines: Sequence[str], number: int, column: int = 0) -> str:
    """A line of a file (from 1) without what looks like a secret, by what it holds and by the lines about it: those of
    one list or command, and the name of a value. Where it is known that one begins at `column` (from 1) and nothing
    gives it away, all from there on is taken out."""
    from seatrial.model import word_lists

    line = lines[number - 1]
    name, begins = word_lists.name_above(lines, number - 1)
    value = line[begins:].strip(_QUOTES)
    if name and not like.NO_VALUE.match(value) and text(f"{name}: {value}").startswith(f"{name}: {REDACTED}"):
        return line[:begins] + REDACTED
    shown = text(line)
    if not _stands_alone(lines, number - 1):
        above = word_lists.lines_above(lines, number - 1)
        if shown != line or _may_hide(" ".join(each.rstrip("\\ ") for each in (*above, line))):
            shown = word_lists.of_line(shown, word_lists.words_of(above), lambda words: _words(words, []))
    if not column or shown != line or line.lstrip()[:4].upper() in ("COPY", "ADD "):
        return shown
    return line[: column - 1] + REDACTED


def _stands_alone(lines: Sequence[str], index: int) -> bool:
    """Whether a line surely holds no option, no value of one above it, and no word that is read otherwise than it is
    written: then it can be looked at as it is."""
    above = lines[index - 1].lstrip() if index else ""
    near = above + lines[index]
    return "-" not in near and "\\" not in near and not above.startswith(("#", "//"))


def _has_option(line: str) -> bool:
    """Whether a hyphen begins a word: those inside of words are far more frequent."""
    return any(not (part[-1:].isalnum() or part.endswith("_")) for part in line.split("-")[:-1])


def _has_list(line: str) -> bool:
    """Whether an option is an item of a list: its value is the next."""
    return "," in line and _has_any(line, like.LIST_STARTS) and like.LIST_OPTION.search(line) is not None


def _has_any(line: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 — asked for each line that is shown, and `any` takes twice as long
        if word in line:
            return True
    return False


def _may_hide(text: str) -> bool:
    """Whether anything could be taken out of the words of a text, however they are quoted and whatever stands between
    them. Most of what is shown has nothing that a secret could not do without, and need not be taken apart."""
    if not text.isascii() or "\x1b" in text or ('"' in text and "\\" in text):
        return True  # which letters are alike, and what is escaped, is asked word by word
    return _has_any(f" {text.lower().translate(_BETWEEN_WORDS)} ", like.HINTS)


def argv(words: tuple[str, ...]) -> tuple[str, ...]:
    """A command line without its secrets, also where an option and its value are two words."""
    return tuple(_words(words, []))


def argv_secrets(words: tuple[str, ...]) -> Iterator[str]:
    """The values that `argv` takes out: a program often prints them as well, without a name that gives them away."""
    found: list[str] = []
    for _ in _words(words, found):
        pass
    yield from dict.fromkeys(form for secret in found for form in _unquoted(secret) if _is_telling(form))


def _unquoted(secret: str) -> tuple[str, str]:
    from urllib.parse import unquote

    return secret, unquote(secret)


def _words(words: tuple[str, ...], found: list[str]) -> Iterator[str]:
    """The words of a command line as they are shown; what was taken out is `found`."""
    if not _may_hide(" ".join(words)):
        yield from words
        return
    program = ""
    for before, word in zip(("", *words), words, strict=False):
        program = _program(word) or program
        if before.startswith("-") and "=" not in before and not word.startswith("-"):
            yield _option_value(program, before, word, found)
        elif word.startswith("-"):
            yield _option(program, word, found)
        else:
            yield _shown(word, found)


def _program(word: str) -> str:
    """The program that a word names, if it takes passwords in a way of its own."""
    name = word.rpartition("/")[2]
    is_known = name in like.PROGRAMS and not word.endswith("/login")
    return name if is_known or name.startswith(("mysql", "mariadb")) else ""


def _option(program: str, word: str, found: list[str]) -> str:
    """A word that begins with a hyphen: --password=two words, --user=user:password, mysql -pX."""
    name, equals, value = word.partition("=")
    if equals and " " in value and text(f"{name}=x") != f"{name}=x":
        found.append(value)
        return f"{name}={REDACTED}"
    return _shown(f"{program} {word}", found).removeprefix(f"{program} ")


def _option_value(program: str, option: str, word: str, found: list[str]) -> str:
    """The word after an option."""
    if option in like.COOKIE_OPTIONS.get(program, ()) and "=" in word and not like.NO_VALUE.match(word):
        found.extend(_header_parts(word))
        return REDACTED
    is_secret = is_secret_name(option) and not option.lstrip("-").startswith("no-") and "$" not in option
    if is_secret or option == like.PASSWORD_OPTIONS.get(program):
        if like.NO_VALUE.match(word):
            return word
        found.append(word)
        return REDACTED
    name, colon, value = word.partition(":")
    is_variable = like.NO_VALUE.match(value) is not None or ("${" in name and "}" not in name)
    if colon and not value.startswith("//") and not is_variable:
        options = like.ACCOUNT_OPTIONS if program in like.ACCOUNT_PROGRAMS else like.ANYBODYS_ACCOUNT
        if option in options and not value.isdigit():  # 1000:1000 are a user and a group
            found += (value, _base64(word))
            return f"{name}:{REDACTED}"
        if option in ("-H", "-header", "--header") and is_secret_name(name):
            found.extend(_header_parts(value))
            return f"{name}: {REDACTED}"
    return _shown(word, found)


def _base64(word: str) -> str:
    """How user:password goes over the wire, and into what a program says of its requests."""
    from binascii import b2a_base64

    return b2a_base64(word.encode(errors="surrogateescape"), newline=False).decode()


def environment_secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """The secrets among the values of environment variables: of those that are named so, and what looks like one in
    the others (a URL with a password). A mere word that an open variable says as well is none."""
    named = {name for name in environment if is_secret_variable(name)}
    said = {value for name, value in environment.items() if name not in named and value.isalpha()}
    found: list[str] = []
    for name, value in environment.items():
        found += [value] if name in named else []
        _shown(value, found)
    yield from dict.fromkeys(form for secret in found for form in _unquoted(secret) if form not in said)


def file_secrets(content: str, *, whole: bool) -> Iterator[str]:
    """The secrets of a file: what looks like one in its lines, and all that it holds where `whole` of it is one."""
    found = [content.strip()[:_MOST_OF_FILE]] if whole else []
    for line in content.splitlines():
        _shown(line, found)
    yield from dict.fromkeys(form for secret in found if secret for form in _unquoted(secret))


def _is_telling(word: str) -> bool:
    """Whether a value is to be looked for elsewhere too: not a path, a variable, a number or a short word."""
    return len(word) >= _SHORTEST_WORD and not word.startswith(_NO_SECRET) and not word.isdigit()


def secrets_of(recording: Recording) -> Iterator[str]:
    """Values that a recording itself shows to be secrets: those of its command lines, and private keys in its logs."""
    subject = recording.subject
    for words in (subject.argv, subject.final_argv, subject.healthcheck):
        yield from argv_secrets(words)
    for run in recording.runs:
        yield from argv_secrets(run.outside.argv if run.outside is not None else ())
        for process in run.processes:
            yield from argv_secrets(process.argv)
        yield from key_lines(run.log)


def key_lines(log: Iterable[LogLine]) -> Iterable[str]:
    """The lines of private keys in a log: they are secrets wherever else they are quoted."""
    inside: dict[str, int] = {}
    for line in log:
        left = inside.get(line.stream, 0)
        if left and like.BASE64.fullmatch(line.text.strip()):
            yield line.text
        ends = like.PEM_END.search(line.text) is not None
        begins = like.PEM_BEGIN.search(line.text) is not None and not ends
        inside[line.stream] = _PEM_LINES if begins else 0 if ends else max(left - 1, 0)


class Redactor:
    """Takes known and recognisable secrets out of whole values, whatever they are made of."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for part in _parts(secret) for form in _forms(part)}
        # The longest first: a secret that contains another must go as a whole.
        words = sorted(forms, key=lambda word: (-len(word), word))
        self.longest = max(map(len, words), default=0)
        self._known = re.compile("|".join(re.escape(word) for word in words)) if words else None

    def known(self, line: str) -> str:
        """A text without known secrets."""
        return self._known.sub(REDACTED, line) if self._known is not None else line

    def text(self, line: str) -> str:
        """A text without known secrets and without what looks like one."""
        return text(self.known(without_escapes(line)))

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
            return argv(tuple(map(self.known, value)))
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
                inside[line.stream] = 0 if like.PEM_END.search(line.text) else left - 1
                yield replace(line, text=REDACTED)
                continue
            if like.PEM_BEGIN.search(line.text) and not like.PEM_END.search(line.text):
                inside[line.stream] = _PEM_LINES
            shown = self.text(line.text)
            yield line if shown == line.text else replace(line, text=shown)


def _parts(secret: str) -> Iterator[str]:
    """The texts to look for: the value and, of a value of several lines, each line that is long enough to be one."""
    for part in {secret, *(line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE)}:
        word = part.strip()
        is_number = word.isdigit() and len(word) < _SHORTEST_NUMBER
        if (
            len(word) >= _SHORTEST
            and not is_number
            and word.lower() not in like.PLAIN
            and not word.startswith("[redacted")
        ):
            yield word


def _forms(secret: str) -> set[str]:
    """The ways in which a value is written: as it is, in JSON, in a URL, and in base64, in either alphabet."""
    from json import dumps
    from urllib.parse import quote, quote_plus

    written = {dumps(secret)[1:-1], dumps(secret, ensure_ascii=False)[1:-1]}
    # What Python reads from the system may hold what is no text (a lone surrogate), which no URL can.
    if len(secret) >= _SHORTEST_WORD:
        coded = _base64(secret).rstrip("=")
        written |= {coded, coded.translate(_OF_URLS), quote(coded, safe="")}
    written |= {quote(secret, safe=unquoted, errors="replace") for unquoted in _UNQUOTED}
    return {secret, *written, quote_plus(secret, safe="", errors="replace")}
