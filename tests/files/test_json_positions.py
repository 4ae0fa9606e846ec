"""The JSON reader accepts what the standard one accepts, and its spans slice back to the values."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.json_positions import MAX_DEPTH, JsonError, Lines, Node, parse
from seatrial.model.place import Place

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


def plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(value) for value in node.value]
    return node.value


def nodes(node: Node) -> list[Node]:
    below: list[Node] = []
    if isinstance(node.value, dict):
        below = list(node.value.values())
    elif isinstance(node.value, tuple):
        below = list(node.value)
    return [node, *(found for child in below for found in nodes(child))]


@given(VALUES, st.sampled_from([None, 0, 2, "\t"]), st.booleans())
def test_every_span_slices_back_to_its_value(value: object, indent: int | str | None, ascii_only: bool) -> None:
    text = "\r\n " + json.dumps(value, indent=indent, ensure_ascii=ascii_only) + "\n"
    root = parse(text)
    assert plain(root) == value
    for node in nodes(root):
        assert json.loads(text[node.start : node.end]) == plain(node)
        for key, (start, end) in node.keys.items():
            assert json.loads(text[start:end]) == key


@given(st.text() | st.text('{}[]",:0123456789.eE+-\\ntrufals \n', max_size=20))
def test_accepts_exactly_what_is_json(text: str) -> None:
    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        expected = json.loads(text, parse_constant=refuse)
    except ValueError:
        with pytest.raises(JsonError) as caught:
            parse(text)
        assert 0 <= caught.value.offset <= len(text)
        return
    assert plain(parse(text)) == expected or expected in (math.inf, -math.inf)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("{", 1),
        ('{"a" 1}', 5),
        ('{"a":1,}', 7),
        ("[1 2]", 3),
        ("[1,]", 3),
        ("{'a':1}", 1),
        ("1 2", 2),
        ("-", 1),
        ("NaN", 0),
        ('"a\nb"', 2),
        ("// x\n1", 0),
        ("[" * (MAX_DEPTH + 2), MAX_DEPTH + 1),
        ("1" * 401, 0),
    ],
)
def test_what_is_no_json_is_refused_at_its_offset(text: str, offset: int) -> None:
    with pytest.raises(JsonError) as caught:
        parse(text)
    assert caught.value.offset == offset


def test_a_byte_order_mark_at_the_start_is_passed_over_and_the_last_of_two_equal_keys_counts() -> None:
    root = parse('\ufeff{"a": 1, "a": {"b": "x"}}')
    assert root.text("a", "b") == "x"
    assert root.text("a") is None
    assert root.get("a", "b", "c") is None
    assert root.get("z") is None


def test_places_count_lines_and_columns_from_one_in_characters() -> None:
    text = '{\n  "ü": "é",\n  "start": "node server.js"\n}'
    node = parse(text).get("start")
    assert node is not None
    assert Lines(text, "package.json").place(node.start, node.end) == Place("package.json", 3, 12, 3, 28)
    assert Lines(text, "package.json").place(0) == Place("package.json", 1, 1)
