"""Variables in compose files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.compose.interpolation import InterpolationError, interpolate

VARIABLES = {"NAME": "ship", "EMPTY": "", "DOLLAR": "$NAME"}

GOOD = [
    ("plain", "plain"),
    ("$NAME", "ship"),
    ("${NAME}", "ship"),
    ("$NAME-yard", "ship-yard"),
    ("a${NAME}b$EMPTY.", "ashipb."),
    ("$$NAME", "$NAME"),
    ("$${NAME}", "${NAME}"),
    ("$$$NAME", "$ship"),
    ("cost 5$", "cost 5$"),
    ("^anchored$", "^anchored$"),
    ("a $ b", "a $ b"),
    ("$1 and $}", "$1 and $}"),
    ("${EMPTY:-d}", "d"),
    ("${EMPTY-d}", ""),
    ("${NONE:-d}", "d"),
    ("${NONE-d}", "d"),
    ("${NONE:-}", ""),
    ("${NAME:-d}", "ship"),
    ("${NAME:+r}", "r"),
    ("${NAME+r}", "r"),
    ("${EMPTY:+r}", ""),
    ("${EMPTY+r}", "r"),
    ("${NONE+r}${NONE:+r}", ""),
    ("${NAME:?needed}", "ship"),
    ("${EMPTY?needed}", ""),
    ("${NONE:-$NAME}", "ship"),
    ("${NONE:-${EMPTY:-${NAME}}}", "ship"),
    ("${NONE:-${NAME} and ${NAME}}!", "ship and ship!"),
    ("${NAME:+${NONE:-deep}}", "deep"),
    ("${NONE:-a:-b}", "a:-b"),
    ("${NONE:-/path?query+more}", "/path?query+more"),
    ("${NONE:-{}}", "{}"),
    ('${NONE:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
    ("${NONE:-{open}", "{open"),
    ("${NONE:-a}} tail", "a} tail"),
    ("-x ${EMPTY:-d} :?", "-x d :?"),
    ("$DOLLAR", "$NAME"),
    ("${NONE:-$$NAME}", "$NAME"),
    ("$_X$name", ""),
    ("é$NAMEé", "éshipé"),
]


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_variables_are_replaced_as_compose_does(text: str, expected: str) -> None:
    assert interpolate(text, VARIABLES.get).text == expected


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("${", 0),
        ("ab${}", 2),
        ("${ }", 0),
        ("${ NAME}", 0),
        ("${NAME }", 0),
        ("x $NAME ${NAME!}", 8),
        ("${NAME:x}", 0),
        ("${1}", 0),
        ("${NONE:-two\nlines}", 0),
        ("${NONE:-${}}", 8),
        ("${{ matrix.os }}", 0),
    ],
)
def test_what_is_no_variable_is_refused_at_its_dollar_sign(text: str, offset: int) -> None:
    with pytest.raises(InterpolationError) as caught:
        interpolate(text, VARIABLES.get)
    assert (caught.value.offset, caught.value.missing) == (offset, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${NONE:?}", "the required variable NONE has no value"),
        ("${NONE?say which}", "the required variable NONE has no value: say which"),
        ("${EMPTY:?the $NAME sinks}", "the required variable EMPTY has no value: the ship sinks"),
    ],
)
def test_a_required_variable_without_a_value_is_an_error_with_its_reason(text: str, message: str) -> None:
    with pytest.raises(InterpolationError, match="required") as caught:
        interpolate(text, VARIABLES.get)
    assert caught.value.message == message
    assert caught.value.missing


def test_only_variables_that_are_looked_at_count_as_unset() -> None:
    assert interpolate("${A:+${B}}", {}.get).unset == []
    assert interpolate("${NAME:-$B}", VARIABLES.get).unset == []
    assert interpolate("$A ${B} ${C:-$D}", {}.get).unset == [("A", 0), ("B", 3), ("D", 13)]


def test_hostile_nesting_ends_in_an_error_and_not_in_the_stack() -> None:
    with pytest.raises(InterpolationError, match="nested deeper"):
        interpolate("${A:-" * 5000 + "x" + "}" * 5000, {}.get)


@given(st.text())
def test_doubling_every_dollar_sign_keeps_the_text(text: str) -> None:
    assert interpolate(text.replace("$", "$$"), VARIABLES.get).text == text


@given(st.text(alphabet="$", max_size=3), st.text(), st.text(alphabet="ab{}$", max_size=12))
def test_a_value_is_never_looked_at_again(before: str, value: str, after: str) -> None:
    escaped = before.replace("$", "$$") + "${V}" + after.replace("$", "$$")
    assert interpolate(escaped, {"V": value}.get).text == before + value + after


@given(st.text(alphabet="$${}:-+?ABa \n", max_size=60))
def test_any_text_gives_a_result_or_an_error_inside_it(text: str) -> None:
    try:
        interpolate(text, {"A": "1"}.get)
    except InterpolationError as error:
        assert 0 <= error.offset < len(text)
        assert text[error.offset] == "$"
