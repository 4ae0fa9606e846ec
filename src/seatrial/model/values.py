"""Frozen values that cost nothing until they are made: `dataclass`, `field` and `replace` as the standard library's.

`dataclasses.dataclass` compiles five methods for each class when its module is imported, 0.5 to 1 ms a class, and
`seatrial check` would spend most of its start-up on classes of which a run makes a third. Here a class gets the few
methods that all have in common, and its `__new__` is compiled when more than a few values are made. To a type
checker, and to `dataclasses.fields`, `replace` and `is_dataclass`, it is a dataclass. What isn't used here isn't
offered: no inheritance of fields, `__post_init__`, `InitVar`, `kw_only`, `init=False`. Must never import more than
`operator`.
"""

from __future__ import annotations

from operator import attrgetter, eq, ge, gt, le, lt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
    from typing import Any

    New = Callable[..., Any]

else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, eq=True, order=False):
        """A class whose annotated names are its fields, as `dataclasses.dataclass` makes it."""

        def made(cls):
            return _made(cls, frozen=frozen, slots=slots, comparable=eq, order=order)

        return made if cls is None else made(cls)

    def field(*, default=..., default_factory=...):
        """A default that is made anew for each value."""
        return _Field(default, default_factory)

    def replace(value, /, **changes):
        """The same value with other fields."""
        cls = value.__class__
        values = [*cls.__values__(value)]
        for name, other in changes.items():
            if name not in cls.__match_args__:
                raise TypeError(f"{cls.__name__} has no field {name!r}")
            values[cls.__match_args__.index(name)] = other
        return cls(*values)


_FEW = 32
"""Values of a class that are made without compiling anything: that takes as long as a hundred of them."""


_FORM = frozenset({"__slots__", "__orig_bases__"})
"""What the form of a class's values follows from, besides its bases."""


class _Field:
    """What `field(…)` says; `...` where it says nothing."""

    __slots__ = ("default", "factory")

    def __init__(self, default: Any = ..., factory: Any = ...) -> None:
        self.default = default
        self.factory = factory


_REQUIRED = _Field()


def _made(cls: type, *, frozen: bool, slots: bool, comparable: bool, order: bool) -> type:
    names = tuple(cls.__annotations__)
    fields = {name: _field_of(cls, name) for name in names}
    _refuse_what_is_not_offered(cls, fields)
    body = {key: value for key, value in cls.__dict__.items() if key not in ("__dict__", "__weakref__")}
    for name, said in fields.items():
        if slots or said.default is ...:
            body.pop(name, None)
        else:
            body[name] = said.default
    if slots:
        body["__slots__"] = names
    body["__reduce__"] = _reduced
    body["__qualname__"] = cls.__qualname__
    body["__match_args__"] = names
    body["__values__"] = values = staticmethod(_values_getter(names))
    body["__dataclass_fields__"] = _Fields(fields)
    body.setdefault("__repr__", _shown)
    if frozen:
        body["__setattr__"] = _refuse_setting
        body["__delattr__"] = _refuse_deleting
    if comparable:
        body |= _comparing(values, frozen=frozen, order=order)
    new = type(cls)(cls.__name__, cls.__bases__, body)
    _write_when_used(new, fields)
    return new


def _field_of(cls: type, name: str) -> _Field:
    said = cls.__dict__.get(name, ...)
    if said is ...:
        return _REQUIRED
    return said if said.__class__ is _Field else _Field(said)


def _refuse_what_is_not_offered(cls: type, fields: Mapping[str, _Field]) -> None:
    if any("__dataclass_fields__" in base.__dict__ for base in cls.__mro__[1:]) or "__post_init__" in cls.__dict__:
        raise TypeError(f"{cls.__name__}: fields are not inherited, and there is no __post_init__")
    has_default = ""
    for name, said in fields.items():
        if said.default is not ... and said.default.__class__.__hash__ is None:
            raise ValueError(f"{cls.__name__}.{name}: a mutable default; use a default_factory")
        if said.default is not ... or said.factory is not ...:
            has_default = name
        elif has_default:
            raise TypeError(f"{cls.__name__}.{name} has no default, but {has_default} before it has one")


def _write_when_used(cls: Any, fields: Mapping[str, _Field]) -> None:
    """A `__new__` for the first few values; after those, the compiled one is in its place."""
    made = 0

    def write(own: type, *values: Any, **named: Any) -> Any:
        nonlocal made
        made += 1
        value: Any = object.__new__(own)
        if made <= _FEW and _filled(value, fields, values, named):
            return value
        cls.__new__ = new = _written_new(cls, fields)
        return new(own, *values, **named)

    cls.__new__ = write


def _filled(value: Any, fields: Mapping[str, _Field], values: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Fills a value in as the compiled `__new__` would. False where that would refuse the arguments."""
    if len(values) > len(fields):
        return False
    given = dict(zip(fields, values, strict=False))
    if not named.keys().isdisjoint(given) or not named.keys() <= fields.keys():
        return False
    given |= named
    for name, said in fields.items():
        if name in given:
            what = given[name]
        elif said.factory is not ...:
            what = said.factory()
        elif said.default is not ...:
            what = said.default
        else:
            return False
        object.__setattr__(value, name, what)
    return True


def _written_new(cls: Any, fields: Mapping[str, _Field]) -> New:
    """The `__new__` of these fields. A frozen value begins as one of a twin of its class that can be set: that is the
    quickest way past a `__setattr__` that refuses."""
    is_frozen = cls.__setattr__ is not object.__setattr__
    scope: dict[str, Any] = {"_made": ..., "_new": object.__new__}
    if is_frozen:
        scope["_Twin"] = type(cls.__name__, cls.__bases__, {key: cls.__dict__[key] for key in _FORM & {*cls.__dict__}})
    parameters, lines = ["cls"], [f"  self = _new({'_Twin' if is_frozen else 'cls'})"]
    for name, said in fields.items():
        parameters.append(name)
        value = name
        if said.factory is not ...:
            scope[f"_make_{name}"] = said.factory
            parameters[-1] += "=_made"
            value = f"_make_{name}() if {name} is _made else {name}"
        elif said.default is not ...:
            scope[f"_default_{name}"] = said.default
            parameters[-1] += f"=_default_{name}"
        lines.append(f"  self.{name} = {value}")
    if is_frozen:
        lines.append("  self.__class__ = cls")
    body = "\n".join([*lines, "  return self"])
    source = f"def write({', '.join(scope)}):\n def __new__({', '.join(parameters)}):\n{body}\n return __new__"
    written: dict[str, Any] = {}
    exec(source, written)
    new: New = written["write"](**scope)
    new.__qualname__ = f"{cls.__qualname__}.__new__"
    new.__module__ = cls.__module__
    return new


def _comparing(values: Callable[[Any], Any], *, frozen: bool, order: bool) -> dict[str, Any]:
    """`__eq__` and what goes with it: values of one class are compared by their fields."""

    def comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
        def compared(self: Any, other: Any) -> Any:
            return compare(values(self), values(other)) if other.__class__ is self.__class__ else NotImplemented

        return compared

    def hashed(self: Any) -> int:
        return hash(values(self))

    methods: dict[str, Any] = {"__eq__": comparison(eq), "__hash__": hashed if frozen else None}
    if order:
        methods |= {f"__{compare.__name__}__": comparison(compare) for compare in (lt, le, gt, ge)}
    return methods


def _values_getter(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """What gives the values of all fields as a tuple, in one call without a loop where there are several."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _shown(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{self.__class__.__qualname__}({shown})"


def _reduced(self: Any) -> tuple[Any, tuple[Any, ...]]:
    """How it is pickled: made anew of its values, which is quicker than setting them one by one."""
    return self.__class__, self.__values__(self)


def _refuse_setting(self: Any, name: str, value: Any) -> None:  # noqa: ARG001 — the language's own signature
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(self: Any, name: str) -> None:  # noqa: ARG001  # the signature of __delattr__
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


class _Fields:
    """`__dataclass_fields__`, by which the standard library knows a dataclass: made when somebody asks for it."""

    __slots__ = ("fields", "made")

    def __init__(self, fields: Mapping[str, _Field]) -> None:
        self.fields = fields
        self.made: Any = None

    def __get__(self, instance: object, owner: type) -> Any:
        if self.made is None:
            import dataclasses

            twin: dict[str, Any] = {"__annotations__": owner.__annotations__, "__module__": owner.__module__}
            for name, said in self.fields.items():
                if said.factory is not ...:
                    twin[name] = dataclasses.field(default_factory=said.factory)
                elif said.default is not ...:
                    twin[name] = said.default
            made: Any = dataclasses.dataclass(type(owner.__name__, (), twin))
            self.made = made.__dataclass_fields__
        return self.made
