"""YAML as compose's parser reads it."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seatrial.files.compose import yaml_tree
from seatrial.files.compose.fields import plain
from seatrial.files.compose.nodes import Listing, Mark, Node, Scalar, Table, text_of
from seatrial.files.compose.scalars import resolve
from seatrial.files.compose.yaml_tree import YamlError, read_documents


def tree(text: str | bytes) -> Table:
    data = text.encode() if isinstance(text, str) else text
    (root,) = read_documents(data, "compose.yaml", "/p")
    assert isinstance(root, Table)
    return root


def value(text: str) -> Any:
    return plain(tree("k: " + text))["k"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:22", "22:22"),
        ("3306:3306", "3306:3306"),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("Y", "Y"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("0", 0),
        ("-12", -12),
        ("+5", 5),
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("08", 8.0),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("-", ["-"]),
        (".inf", float("inf")),
        ("2024-01-02", date(2024, 1, 2)),
        ("2024-13-02", "2024-13-02"),
        ("2024-01-02T03", "2024-01-02T03"),
        ("-0", -0.0),
        ("123456789012345678901234567890", 123456789012345678901234567890.0),
        ("'true'", "true"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("!!int '7'", 7),
        ("!!float 1", 1.0),
        ("!custom 5", "5"),
        ("! 5", "5"),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">-\n  a\n  b\n", "a b"),
    ],
)
def test_plain_values_have_the_types_that_compose_gives_them(text: str, expected: object) -> None:
    found = resolve(text) if text == "-" else value(text)
    assert found == ("-" if text == "-" else expected)
    assert type(found) is (str if text == "-" else type(expected))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *[("0777", "511"), ("1.50", "1.5"), ("1.0", "1"), ("TRUE", "true"), ("1e21", "1e+21"), ("0.00001", "1e-05")],
        *[("-.inf", "-Inf"), ("1e3", "1000"), ("0.0001", "0.0001"), ("~", ""), ("1.5e-7", "1.5e-07")],
        *[("-0", "-0"), ("2024-1-2", "2024-01-02 00:00:00 +0000 UTC")],
    ],
)
def test_numbers_become_strings_as_go_prints_them(text: str, shown: str) -> None:
    node = tree("k: " + text).get("k")
    assert isinstance(node, Scalar)
    assert text_of(node) == shown


def test_places_are_those_of_the_values_themselves() -> None:
    root = tree("a: &x !!str  word\nb:\n  - 'q'\n  - {c: *x}\n")
    b = root.get("b")
    assert isinstance(b, Listing)
    inner = b.items[1]
    assert isinstance(inner, Table)
    places = [root.get("a"), b.items[0], inner, inner.get("c")]
    assert [str(node.place) for node in places if node] == [
        "compose.yaml:1:14",
        "compose.yaml:3:5",
        "compose.yaml:4:5",
        "compose.yaml:1:14",
    ]
    assert (b.place.line, b.place.end_line, inner.place.end_column) == (3, 4, 12)


def test_line_numbers_are_an_editors_with_any_line_ends() -> None:
    assert str(tree("a: 1\r\nb: 2\r\n").entries["b"].place) == "compose.yaml:2:1"
    assert tree('a: "x\u2028y"\nb: 2\n').entries["b"].place.line == 2


def test_merge_keys_give_way_to_own_keys_and_to_earlier_tables() -> None:
    text = """
    x: &x {a: 1, b: 1}
    y: &y {b: 2, c: 2}
    z: &z [*x, *y]
    one: {<<: *x, b: 3}
    many: {<<: [*y, *x], d: 4}
    list: {c: 5, <<: *z}
    quoted: {"<<": 1}
    """
    found = plain(tree(text))
    assert isinstance(found, dict)
    assert found["one"] == {"a": 1, "b": 3}
    assert found["many"] == {"a": 1, "b": 2, "c": 2, "d": 4}
    assert found["list"] == {"a": 1, "b": 1, "c": 5}
    assert found["quoted"] == {"<<": 1}


def test_reset_and_override_are_marks_and_keep_the_value() -> None:
    root = tree("a: !reset\nb: !reset null\nc: !override [1, 2]\nd: !override 5\ne: &r !reset []\nf: *r\n")
    marks = {key: node.mark for key, node in root.items()}
    reset, override = Mark.RESET, Mark.OVERRIDE
    assert marks == {"a": reset, "b": reset, "c": override, "d": override, "e": reset, "f": reset}
    assert plain(root) == {"a": "", "b": "null", "c": [1, 2], "d": "5", "e": [], "f": []}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "already defined on line 1"),
        ("a:\n\tb: 1\n", "2:1", "tab"),
        ("a: [1, 2\n", "2:1", "flow sequence"),
        ("a: 'open\n", "2:1", "scanning a quoted scalar"),
        ("a: *none\n", "1:4", "not defined"),
        ("a: &a [*a]\n", "1:8", "contains itself"),
        ("a: &a {b: {c: *a}}\n", "1:15", "contains itself"),
        ("[1, 2]: x\n", "1:1", "key must be a string"),
        ("{a: 1}: x\n", "1:1", "key must be a string"),
        ("a: {<<: 5}\n", "1:9", "needs a mapping"),
        ("a: {<<: {}, <<: {}}\n", "1:13", "twice"),
        ("a: !!int no\n", "1:4", "tagged !!int"),
        ("a: b: c\n", "1:5", "mapping values"),
        ("a: \x01\n", "1:4", "U+0001"),
        ("%YAML 3.0\n---\na: 1\n", "1:1", "incompatible"),
        ("a: @b\n", "1:4", "cannot start"),
    ],
)
def test_what_compose_refuses_is_an_error_with_its_place(text: str, place: str, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        tree(text)
    assert str(caught.value.place) == f"compose.yaml:{place}"
    assert message in caught.value.message


def test_encodings_are_told_apart() -> None:
    assert plain(tree(b"\xef\xbb\xbfa: \xc3\xa9")) == {"a": "é"}
    assert plain(tree("a: é".encode("utf-16"))) == {"a": "é"}
    for data, place in [(b"a: 1\nb: \xff\n", "2:4"), ("a: 1".encode("utf-16-le"), "1:2"), (b"\xff\xfea", "1:1")]:
        with pytest.raises(YamlError) as caught:
            tree(data)
        assert str(caught.value.place) == f"compose.yaml:{place}"
        assert "UTF-8" in caught.value.remedy


def test_several_documents_are_kept_apart_and_empty_ones_left_out() -> None:
    roots = read_documents(b"a: &x 1\n---\n---\nb: 2\n...\n", "f", "/")
    assert [plain(root) for root in roots] == [{"a": 1}, {"b": 2}]
    with pytest.raises(YamlError, match="not defined"):
        read_documents(b"a: &x 1\n---\nb: *x\n", "f", "/")


def laughs(width: int, levels: int) -> str:
    lines = (f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * width)}]" for level in range(1, levels))
    return "\n".join(["l0: &l0 lol", *lines])


def test_a_billion_laughs_are_refused_and_a_few_are_not() -> None:
    begun = time.monotonic()
    with pytest.raises(YamlError, match="every alias"):
        tree(laughs(10, 12))
    assert time.monotonic() - begun < 20, "the refusal must not unfold the aliases first"
    assert len(tree(laughs(3, 5)).entries) == 5


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 5_000 + "x", "a: " + "&a [" * 200 + "]" * 200])
def test_deep_nesting_is_refused_without_recursion(text: str) -> None:
    with pytest.raises(YamlError):
        read_documents(text.encode(), "f", "/")


def test_aliases_can_not_build_a_tower_either() -> None:
    text = "l0: &l0 x\n" + "\n".join(f"l{n}: &l{n} {{k: *l{n - 1}}}" for n in range(1, 200))
    with pytest.raises(YamlError, match="deeper"):
        tree(text)


def spans(node: Node) -> list[Any]:
    below = [entry.place for entry in node.entries.values()] if isinstance(node, Table) else []
    children = [value for _, value in node.items()] if isinstance(node, Table) else []
    if isinstance(node, Listing):
        children = list(node.items)
    return [node.place, *below, *(place for child in children for place in spans(child))]


@given(st.text(alphabet="ab: -\n[]{},'\"|>&*!#%@`?<\t\r~1é\u2028", max_size=60))
@example("a: &a\n- *a")
@example("? a\n: b")
def test_any_text_is_read_or_refused_with_places_inside_it(text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    try:
        roots = read_documents(text.encode(), "f", "/")
    except YamlError as error:
        places = [error.place]
    else:
        places = [place for root in roots for place in spans(root)]
    for place in places:
        assert 1 <= place.line <= len(lines)
        assert 1 <= place.column <= len(lines[place.line - 1]) + 2
        assert place.end_line == 0 or (place.line, place.column) <= (place.end_line, place.end_column)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_documents(data, "f", "/")
    except YamlError as error:
        assert error.message


def test_what_is_written_out_is_no_bomb_however_much_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_UNFOLDED", 20)
    services = {f"s{number}" for number in range(20)}
    waits = "".join(f"{name}: [{', '.join(services - {name})}]\n" for name in services)
    assert sum(len(found) for found in plain(tree(waits)).values()) == 20 * 19


def test_too_much_in_one_document_is_refused_for_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_VALUES", 10)
    monkeypatch.setattr(yaml_tree, "MAX_UNFOLDED", 20)
    with pytest.raises(YamlError, match="more than 10 values in one document"):
        tree("a: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]")
    assert len(read_documents(b"---\na: [1, 2, 3, 4, 5]\n---\nb: [1, 2, 3, 4, 5]\n", "f", "/")) == 2
    assert tree("a: &a [1, 2]\nb: [*a, *a, *a, *a]").entries
    with pytest.raises(YamlError, match="every alias"):
        tree("a: &a [1, 2]\nb: [*a, *a, *a, *a, *a, *a, *a]")
