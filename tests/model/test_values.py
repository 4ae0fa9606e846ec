"""Our `dataclass` against the standard library's: whoever uses a value can't tell which of the two made it."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from collections.abc import Callable
from operator import ge, gt, le, lt
from types import ModuleType
from typing import Any, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.model import values
from seatrial.model.place import Place, Sourced

T = TypeVar("T")


def classes(maker: ModuleType) -> tuple[Any, Any, Any, Any]:
    """The same four classes, made by this module."""
    dataclass, field = maker.dataclass, maker.field

    @dataclass(frozen=True, slots=True, order=True)
    class Point:
        """A point."""

        x: int
        y: int = 2
        names: tuple[str, ...] = ()

        @property
        def sum(self) -> int:
            return self.x + self.y

    @dataclass(frozen=True, slots=True)
    class Holder(Generic[T]):
        value: T
        options: dict[str, str] = field(default_factory=dict)
        size: int = field(default=3)

    @dataclass(slots=True)
    class Open:
        found: list[int] = field(default_factory=list)
        count: int = 0

    @dataclass(frozen=True)
    class Loose:
        name: str = "a"

    return Point, Holder, Open, Loose


OURS, THEIRS = classes(values), classes(dataclasses)
WAYS: tuple[Callable[[Any, Any, Any, Any], object], ...] = (
    lambda point, *_: point(1),
    lambda point, *_: point(1, 5, names=("a",)),
    lambda point, *_: point(y=1, x=3).sum,
    lambda point, *_: point(),
    lambda point, *_: point(1, 2, (), 4),
    lambda point, *_: point(1, x=2),
    lambda point, *_: point(1, z=2),
    lambda point, *_: hash(point(1)),
    lambda point, *_: point(1) == point(1, 2, ()),
    lambda point, *_: point(1) == (1, 2, ()),
    lambda point, *_: sorted([point(3), point(1, 9), point(1, 2)]),
    lambda point, *_: point(1) < 3,
    lambda point, *_: setattr(point(1), "x", 3),
    lambda point, *_: delattr(point(1), "x"),
    lambda point, *_: dataclasses.replace(point(1), y=7),
    lambda point, *_: dataclasses.replace(point(1), z=7),
    lambda point, *_: [(field.name, field.default) for field in dataclasses.fields(point)],
    lambda point, *_: dataclasses.asdict(point(1)),
    lambda point, *_: dataclasses.astuple(point(1)),
    lambda point, *_: dataclasses.is_dataclass(point),
    lambda point, *_: copy.deepcopy(point(1, names=("b",))),
    lambda point, *_: (point.__match_args__, point.__slots__, point.__doc__, point.__name__, point.__qualname__),
    lambda point, *_: hasattr(point(1), "__dict__"),
    lambda _, holder, *__: holder({"a": holder(None)}, size=1),
    lambda _, holder, *__: hash(holder(1)),
    lambda _, holder, *__: holder(1).options is holder(1).options,
    lambda _, holder, *__: holder[int].__parameters__ if hasattr(holder[int], "__parameters__") else (),
    lambda *four: four[2](),
    lambda *four: four[2]([1]) == four[2]([1], 0),
    lambda *four: hash(four[2]()),
    lambda *four: four[2]().found is four[2]().found,
    lambda *four: four[3](),
    lambda *four: four[3].name,
    lambda *four: vars(four[3]("b")),
    lambda *four: setattr(four[3](), "name", "c"),
)


def outcome(way: Callable[..., object], of: tuple[Any, Any, Any, Any]) -> str:
    try:
        return repr(way(*of))
    except (TypeError, AttributeError) as error:
        # The words of a wrong call name the class's own path or not, by version; what matters is what is raised.
        return type(error).__name__


@pytest.mark.parametrize("number", range(len(WAYS)))
def test_it_does_what_the_standard_librarys_does(number: int) -> None:
    assert outcome(WAYS[number], OURS) == outcome(WAYS[number], THEIRS)


def test_a_value_survives_pickling() -> None:
    value = Sourced(("a", Place("file", 1)), Place("b", 2, 3))
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) == value


def test_replace_changes_what_is_named_and_nothing_else() -> None:
    place = Place("file", 1, 2, 3, 4)
    assert values.replace(place, line=9) == Place("file", 9, 2, 3, 4) and place.line == 1
    with pytest.raises(TypeError):
        values.replace(place, colour="red")  # type: ignore[call-arg]


def test_what_the_standard_librarys_frozen_slots_stumble_over_is_told_as_it_should_be() -> None:
    point, holder, *_ = OURS
    with pytest.raises(dataclasses.FrozenInstanceError):
        point(1).new = 3
    assert holder[int](3).value == 3


def test_it_matches_by_position() -> None:
    match Place("file", 7):
        case Place(file, line):
            assert (file, line) == ("file", 7)


def test_what_it_does_not_offer_is_refused() -> None:
    with pytest.raises(TypeError, match="not inherited"):

        @values.dataclass(frozen=True)
        class Child(Place):
            more: int = 1

    with pytest.raises(TypeError, match="no default"):

        @values.dataclass
        class Mixed:
            first: int = 1
            second: int  # type: ignore[misc]

    with pytest.raises(ValueError, match="default_factory"):

        @values.dataclass
        class Shared:
            all: list[int] = []  # noqa: RUF012 — what is refused


def test_a_new_is_written_for_what_is_made_often_and_not_before() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Late:
        x: int
        y: tuple[int, ...] = ()
        z: list[int] = values.field(default_factory=list)

    before = Late.__new__
    few = [Late(1), Late(x=1), Late(1, ()), Late(1, y=(), z=[])]
    assert Late.__new__ is before
    many = [Late(1) for _ in range(50)]
    assert Late.__new__ is not before and Late.__new__.__qualname__.endswith("Late.__new__")
    assert {each.z is few[0].z for each in few[1:]} == {False} and all(each == few[0] for each in few + many)


@pytest.mark.parametrize("made", [0, 20])
@pytest.mark.parametrize(("given", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"w": 1})])
def test_a_new_refuses_wrong_arguments_written_or_not(made: int, given: tuple[int, ...], named: dict[str, int]) -> None:
    @values.dataclass(frozen=True, slots=True)
    class Late:
        x: int
        y: int = 0

    for number in range(made):
        Late(number)
    with pytest.raises(TypeError, match="__new__"):
        Late(*given, **named)
    assert Late(1) == Late(1, 0)


@given(st.tuples(st.integers(), st.integers()), st.tuples(st.integers(), st.integers()))
def test_values_compare_as_their_fields_do(one: tuple[int, int], other: tuple[int, int]) -> None:
    first, second = Place("f", *one), Place("f", *other)
    assert (first == second) == (one == other) and (first != second) == (one != other)
    assert all(compare(first, second) == compare(one, other) for compare in (lt, le, gt, ge))
    assert one != other or hash(first) == hash(second)


def test_importing_it_brings_neither_dataclasses_nor_inspect() -> None:
    import subprocess

    code = (
        "import sys; import seatrial.model.values, seatrial.model.patterns; "
        "print(sorted({'dataclasses', 'inspect', 'typing'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, env=_paths())
    assert ran.stdout == "[]\n", ran.stderr


def _paths() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(sys.path)}
