"""What an edit promises is all that may differ, as a parser sees it."""

from __future__ import annotations

import pytest

from seatrial.files.promises import are_kept
from seatrial.model.edit import (
    Appends,
    Becomes,
    Edit,
    Execs,
    InsertsItem,
    Listens,
    Precedes,
    Promise,
    Renames,
    Sets,
    Splices,
    Substitutes,
)
from seatrial.model.place import Place

WEB = "services:\n  web:\n    image: x\n"
SETS = Sets(("services", "web", "restart"), "always")
TEST = ("services", "web", "test")


def kept(old: str, new: str, *promises: Promise) -> bool:
    return are_kept(old, new, [Edit(Place("f", 1), "", "", "", promise) for promise in promises])


@pytest.mark.parametrize(
    ("new", "promise"),
    [
        (WEB + "    restart: always\n", SETS),
        ("services:\n  web:\n    restart: always  # c\n    image: x", SETS),
        (WEB + "    l:\n      a: '1'\n", Sets(("services", "web", "l"), "a: '1'")),
    ],
)
def test_a_value_that_is_set_as_said_is_kept(new: str, promise: Promise) -> None:
    assert kept(WEB, new, promise)


@pytest.mark.parametrize(
    "new",
    [
        WEB,
        WEB + "    restart: 'always'\n",
        WEB + "    restart: no\n",
        WEB + "restart: always\n",
        WEB + "    restart: always\n    init: true\n",
        "services:\n  web:\n    image: y\n    restart: always\n",
        "services:\n  web: &w\n    image: x\n    restart: always\n",
        WEB + "    restart: always\n    restart: always\n",
        WEB + "    restart: always\n  \tx: y\n",
        WEB + "    restart: always\n---\na: b\n",
    ],
)
def test_anything_else_breaks_it(new: str) -> None:
    assert not kept(WEB, new, SETS)


def test_a_path_through_an_alias_is_not_sure() -> None:
    old = "x: &x {image: a}\nservices:\n  web: *x\n"
    assert not kept(old, old.replace("a}", "a, restart: always}"), SETS)


def test_words_and_items_of_a_list() -> None:
    line = "services:\n  web:\n    test: {}\n"
    assert kept(line.format("curl a"), line.format("curl -f a"), Substitutes(TEST, "curl ", "curl -f "))
    assert kept(line.format("[X, curl a]"), line.format("[X, curl -f a]"), Substitutes(TEST, "curl ", "curl -f "))
    assert kept(line.format("[X, curl, a]"), line.format('[X, curl, "-f", a]'), InsertsItem(TEST, "curl", '"-f"'))
    assert not kept(line.format("[X, curl, a]"), line.format('[X, curl, a, "-f"]'), InsertsItem(TEST, "curl", '"-f"'))
    assert not kept(line.format("curl a; curl b"), line.format("curl -f a"), Substitutes(TEST, "curl ", "curl -f "))


def test_instructions_of_a_dockerfile() -> None:
    old = "FROM x\n# c\nRUN a \\\n  b\nCMD a b\n"
    assert kept(old, old.replace("CMD a b", 'CMD ["a", "b"]'), Becomes(5, 'CMD ["a", "b"]'))
    assert kept(old, old.replace("# c", "ENV A=b\n# c"), Precedes(3, "ENV A=b"))
    assert not kept(old, old.replace("CMD a b", 'CMD ["a" "b"]'), Becomes(5, 'CMD ["a", "b"]'))
    assert not kept(old, old.replace("\\\n", "\\\nENV A=b\n"), Precedes(3, "ENV A=b"))
    assert not kept(old, old + "ENV A=b\n", Precedes(3, "ENV A=b"))


def test_commands_of_a_script() -> None:
    old = "#!/bin/sh\na; b\n"
    assert kept(old, "#!/bin/sh\na; exec b\n", Execs(2, 4))
    assert not kept(old, "#!/bin/sh\nexec a; exec b\n", Execs(2, 4))
    assert not kept(old, "#!/bin/sh\na; exec c\n", Execs(2, 4))


def test_hostile_nesting_is_not_sure() -> None:
    deep = "[" * 50_000
    assert not kept(deep, deep, SETS)


def test_values_inside_of_lists_and_of_later_documents() -> None:
    old = "a: b\n---\nc:\n- d: 1\n- e: 2\n"
    assert kept(old, old + "  f: 3\n", Sets(("c", 1, "f"), "3", 1))
    assert not kept(old, old + "  f: 3\n", Sets(("c", 0, "f"), "3", 1))
    assert not kept(old, old + "  f: 3\n", Sets(("c", 1, "f"), "3", 0))
    assert not kept(old, old + "  f: 3\n", Sets(("c", 7, "f"), "3", 1))
    assert kept(old, old.replace("e: 2", "g: 2"), Renames(("c", 1, "e"), "g", 1))


def test_words_inside_of_an_instruction_by_several_edits() -> None:
    old = "# escape=`\nFROM x\nRUN a `\n b\n"
    both = (Splices(3, 5, 5, " -f"), Splices(3, 10, 10, " && c"))
    assert kept(old, "# escape=`\nFROM x\nRUN a -f `\n b && c\n", *both)
    assert not kept(old, "# escape=`\nFROM x\nRUN a -f `\n b && c\nRUN d\n", *both)
    assert kept(old, old.replace("RUN", "USER 1\nENV A=b\nRUN"), Precedes(3, "USER 1\nENV A=b"))
    assert not kept(old, old.replace("RUN", "USER 1\nRUN"), Precedes(3, "USER 1\nENV A=b"))


def test_lines_of_a_list_come_last() -> None:
    assert kept("a\r\n", "a\r\nb\r\nc\r\n", Appends(("b",)), Appends(("c",)))
    assert kept("", "b\n", Appends(("b",)))
    assert not kept("a\n", "b\na\n", Appends(("b",)))
    assert not kept("a\n", "a\nb\nc\n", Appends(("b",)))


def test_statements_behind_a_line_of_a_source() -> None:
    assert kept("a()\nb()\n", "a()\nx()\ny()\nb()\n", Listens(1, "x()\ny()"))
    assert not kept("a()\nb()\n", "a()\nx()\n", Listens(1, "x()"))
    assert not kept("a()\n", "a()\nx()\n", Listens(7, "x()"))
