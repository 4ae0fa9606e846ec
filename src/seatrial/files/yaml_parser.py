"""The parser of PyYAML, by itself: events with their places, which is all that is asked of it.

`import yaml` also brings constructors, emitters and expressions compiled at import, 12 ms that a short run would spend
on nothing. So the compiled parser is loaded with the four modules that it makes its values of. Where that can't be
done (somebody has imported all of it, or it has no compiled part), the events are those of the whole package: the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.machinery import PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

_PARTS = ("error", "tokens", "events", "nodes")
_MARKED = {"scanner": "ScannerError", "parser": "ParserError", "composer": "ComposerError"}
_UNMARKED = {"emitter": "EmitterError", "serializer": "SerializerError", "representer": "RepresenterError"}


def _of_parser() -> Callable[[str], Any]:
    """The compiled parser, with a package around it that holds only what it looks for there while it is loaded."""
    found = None if "yaml" in sys.modules else PathFinder.find_spec("yaml")
    if found is None or found.submodule_search_locations is None:
        raise ImportError("PyYAML is there as a whole, or not at all")
    package: Any = ModuleType("yaml")
    package.__path__ = found.submodule_search_locations
    sys.modules["yaml"] = package
    try:
        for part in _PARTS:
            import_module(f"yaml.{part}")
        _add_errors(package)
        parser: Callable[[str], Any] = import_module("yaml._yaml").CParser
    finally:
        # Whoever wants the whole package gets it: with these modules, and not with this shell of it.
        del sys.modules["yaml"]
    return parser


def _add_errors(package: Any) -> None:
    plain, marked = package.error.YAMLError, package.error.MarkedYAMLError
    for names, base in ((_MARKED | {"constructor": "ConstructorError"}, marked), (_UNMARKED, plain)):
        for module, name in names.items():
            setattr(package, module, SimpleNamespace(**{name: type(name, (base,), {})}))
    package.reader = SimpleNamespace(ReaderError=type("ReaderError", (plain,), {"__init__": _refused_character}))


def _refused_character(self: Any, name: str, position: int, character: int, encoding: str, reason: str) -> None:
    """What PyYAML's own reader says of a character that YAML doesn't allow."""
    self.name, self.position, self.character, self.encoding, self.reason = name, position, character, encoding, reason


def _of_package() -> Callable[[str], Any]:
    import yaml

    loader: Callable[[str], Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return loader


try:
    PARSER = _of_parser()
except (ImportError, AttributeError):
    PARSER = _of_package()
_events: Any = sys.modules["yaml.events"]
_errors: Any = sys.modules["yaml.error"]

SCALAR = _events.ScalarEvent
ALIAS = _events.AliasEvent
TABLE = _events.MappingStartEvent
OPENING = (TABLE, _events.SequenceStartEvent)
CLOSING = (_events.MappingEndEvent, _events.SequenceEndEvent)
DOCUMENT = _events.DocumentStartEvent
MarkedError: type[Exception] = _errors.MarkedYAMLError
AnyError: type[Exception] = _errors.YAMLError


def events(text: str) -> Iterator[Any]:
    """What the parser sees, one after the other. Raises AnyError; a MarkedError says where."""
    parsing = PARSER(text)
    try:
        while parsing.check_event():
            yield parsing.get_event()
    finally:
        parsing.dispose()
