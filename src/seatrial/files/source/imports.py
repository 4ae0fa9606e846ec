"""What a file imports, by patterns: far cheaper than a parse, and most files need no more.

An import in a comment in the middle of a line may be taken for one; that reads a file too much, and no harm is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.model.patterns import pattern
from seatrial.model.source import Import

MAX_IMPORTS = 500
_LEADING_COMMENTS = pattern(r"^[ \t]*(?://[^\n]*|/\*.*?(?:\*/|\Z))", re.DOTALL | re.MULTILINE)
_STATIC = pattern(
    r"^[ \t]*(?:import|export)\b(?P<clause>[^'\"`;()]{0,2000}?)\bfrom[ \t\n]*['\"](?P<from>[^'\"\n]{1,200})['\"]"
    r"|^[ \t]*import[ \t]*['\"](?P<bare>[^'\"\n]{1,200})['\"]",
    re.MULTILINE,
)
_REQUIRE = pattern(
    r"(?:(?<![\w$.])(?P<clause>[\w$]{1,100}|\{[^{}]{0,500}\})\s*=\s*(?:await\s+)?)?"
    r"\b(?:require|import|__importStar\(require|__importDefault\(require)\(\s*(?P<quote>['\"`])"
    r"(?P<module>[^'\"`\n$]{1,200})(?P=quote)"
)
_COMPUTED = pattern(r"(?<![\w.])(?:require|import)\(\s*(?:[^'\"`\s)]|`[^`\n]*\$|['\"][^'\"\n]*['\"]\s*\+)")
_NAME = pattern(r"(?:\bas\s+|:\s*)?\b([A-Za-z_$][\w$]*)\b(?!\s*(?:\bas\b|:))")
_FROM = pattern(
    r"^[ \t]*from[ \t]+(?P<module>\.*[\w.]*)[ \t]+import[ \t]*(?:\((?P<many>[^()]{0,4000})\)|(?P<one>[^\n#;]{1,1000}))",
    re.MULTILINE,
)
_IMPORT = pattern(r"^[ \t]*import[ \t]+(?P<modules>[\w., \t]{1,1000})", re.MULTILINE)
_STRINGS = pattern(
    r"(?:DJANGO_SETTINGS_MODULE['\"]\s*,|ROOT_URLCONF\s*=|\binclude\(|uvicorn\.run\(|WSGI_APPLICATION\s*=)\s*"
    r"['\"]([\w.]{1,200})(?::\w+)?['\"]"
)
_COMPUTED_PYTHON = pattern(r"\b(?:import_module|__import__)\(\s*[^'\"\s)]|pkgutil\.(?:iter|walk)_")


def javascript_imports(text: str) -> tuple[tuple[Import, ...], bool]:
    """The modules that a file loads, and whether it computes the names of some."""
    text = _LEADING_COMMENTS.sub("", text)
    found = [*_static(text), *_required(text)]
    return tuple(dict.fromkeys(found))[:MAX_IMPORTS], bool(_COMPUTED.search(text))


def _static(text: str) -> Iterator[Import]:
    for match in _STATIC.finditer(text):
        clause = match.group("clause") or ""
        if clause.lstrip().startswith("type ") and not clause.lstrip().startswith("type from"):
            continue
        names = tuple(name for name in _NAME.findall(clause) if name not in ("import", "type", "as", "default"))
        yield Import(match.group("from") or match.group("bare"), names)


def _required(text: str) -> Iterator[Import]:
    for match in _REQUIRE.finditer(text):
        yield Import(match.group("module"), tuple(_NAME.findall(match.group("clause") or "")))


def python_imports(text: str) -> tuple[tuple[Import, ...], bool]:
    """The modules that a file imports, and whether it computes the names of some."""
    found: list[Import] = []
    for match in _FROM.finditer(text):
        found += _from(match.group("module"), match.group("many") or match.group("one") or "")
    for match in _IMPORT.finditer(text):
        for part in match.group("modules").split(","):
            module, _, name = part.strip().partition(" as ")
            if module:
                found.append(Import(module.strip(), (name.strip() or module.strip().partition(".")[0],)))
    found += [Import(match.group(1), (), True) for match in _STRINGS.finditer(text)]
    return tuple(dict.fromkeys(found))[:MAX_IMPORTS], bool(_COMPUTED_PYTHON.search(text))


def _from(module: str, names: str) -> Iterator[Import]:
    bound: list[str] = []
    dotted = module if module.endswith(".") or not module else module + "."
    for part in re.sub(r"#[^\n]*", "", names).split(","):
        name, _, alias = part.strip().partition(" as ")
        if re.fullmatch(r"\w+", name):
            bound.append(alias.strip() or name)
            if module.strip("."):
                yield Import(dotted + name, (alias.strip() or name,), True)
            else:
                yield Import(dotted + name, (alias.strip() or name,), True)
    yield Import(module, tuple(bound))
