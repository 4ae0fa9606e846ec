"""What holds for any text: no exception, places that lie in the file and slice back to what they claim, linear time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.files.dockerfile import Dockerfile, Instruction, read_dockerfile, resolve
from seatrial.files.dockerfile.expansion import ExpansionError, expand, expand_words
from seatrial.model.place import Place

PIECES = st.sampled_from(
    [
        "FROM a",
        "FROM b AS c",
        "RUN x",
        "CMD ",
        "ENTRYPOINT ",
        "ENV A=",
        "ARG A",
        "LABEL ",
        "HEALTHCHECK ",
        "ONBUILD ",
        "COPY ",
        "--from=c ",
        "--interval=5s",
        "NONE",
        "<<EOF",
        "<<-'E F'",
        "EOF",
        "\\\n",
        "\\",
        "`",
        "\n",
        "\r\n",
        "\n\n",
        "\t",
        "  ",
        '["a", "b"]',
        '["',
        "]",
        '"',
        "'",
        "$A",
        "${A:-x}",
        "${A#",
        "}",
        "=",
        "# x\n",
        "# escape=`\n",
        "\ufeff",
        "\x00",
        "é",
        "\x85",
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=25).map("".join), st.text(max_size=120))
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def places(dockerfile: Dockerfile) -> Iterator[Place]:
    for finding in dockerfile.findings:
        yield finding.place
    for instruction in dockerfile.instructions:
        yield from instruction_places(instruction)


def instruction_places(instruction: Instruction) -> Iterator[Place]:
    yield instruction.place
    yield instruction.keyword_place
    yield from (word.place for word in instruction.words)
    yield from (flag.place for flag in instruction.flags)
    yield from (flag.value_place for flag in instruction.flags if flag.value_place)
    yield from (heredoc.place for heredoc in instruction.heredocs)
    for pair in instruction.pairs:
        yield from (pair.place, pair.name.place, *([pair.value.place] if pair.value else []))
    if instruction.trigger:
        yield from instruction_places(instruction.trigger)


def sliced(text: str, place: Place) -> str:
    """What stands at this place, computed without the code under test."""
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: place.line - 1]) + place.column - 1
    end = sum(len(line) + 1 for line in lines[: place.end_line - 1]) + place.end_column - 1
    return text[start:end]


def joined(text: str, escape: str) -> str:
    """The text without continuations and the comments and empty lines between them."""
    first, *rest = text.split("\n")
    result = []
    line = first
    while True:
        trimmed = line.rstrip("\r").rstrip(" \t")
        if not rest or not trimmed.endswith(escape):
            return "".join([*result, line])
        result.append(trimmed[:-1])
        while rest and (not rest[0].strip() or rest[0].lstrip().startswith("#")):
            rest.pop(0)
        if not rest:
            return "".join(result)
        line = rest.pop(0)


@QUICK
@given(TEXTS)
def test_any_text_is_read_and_resolved_without_an_exception(text: str) -> None:
    dockerfile = read_dockerfile(text, "Dockerfile")
    resolve(dockerfile)
    resolve(dockerfile, "c", {"A": text})
    assert dockerfile.instructions or dockerfile.findings


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception(content: bytes) -> None:
    resolve(read_dockerfile(content, "Dockerfile"))


@QUICK
@given(TEXTS)
def test_every_place_lies_inside_the_file(text: str) -> None:
    dockerfile = read_dockerfile(text, "Dockerfile")
    lines = dockerfile.text.split("\n")
    for place in places(dockerfile):
        assert 1 <= place.line <= len(lines)
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1
        if place.end_line:
            assert (place.line, place.column) <= (place.end_line, place.end_column)
            assert place.end_line <= len(lines)
            assert place.end_column <= len(lines[place.end_line - 1]) + 1


@QUICK
@given(TEXTS)
def test_every_place_slices_back_to_what_it_claims(text: str) -> None:
    dockerfile = read_dockerfile(text, "Dockerfile")
    escape = dockerfile.directives.escape_character
    for instruction in dockerfile.instructions:
        claims = [(instruction.written, instruction.keyword_place)]
        if instruction.arguments_place:
            claims.append((instruction.arguments, instruction.arguments_place))
        if not instruction.json and not instruction.trigger:
            claims += [(word.text, word.place) for word in instruction.words]
        for claimed, place in claims:
            found = sliced(dockerfile.text, place)
            assert claimed == found if "\n" not in found else claimed == joined(found, escape)
        for heredoc in instruction.heredocs:
            assert sliced(dockerfile.text, heredoc.place) == heredoc.content


@QUICK
@given(TEXTS, st.sampled_from([expand, expand_words]))
def test_any_text_expands_or_is_refused(text: str, function: Callable[[str, dict[str, str]], object]) -> None:
    try:
        function(text, {"A": "a*b"})
    except ExpansionError as error:
        assert str(error)


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\n" + "RUN <<EOF\n" * 1_500,
        "FROM a\n" + "".join(f"RUN <<E{number}\n" for number in range(1_500)),
        "FROM a\nRUN x" + " \\\n y" * 100_000,
        "FROM a\nRUN " + "<<EOF " * 4_000,
        "FROM a\nENV A=1 \\\n" + "B='x y' \\\n" * 1_500,
        "FROM a\nCMD [" + '"a", ' * 20_000,
        "FROM a\nCMD " + "[" * 200_000,
        'FROM a\nENV A="' + '\\"' * 100_000,
        "FROM a" + " " * 500_000 + "b",
        "# syntax =" + " " * 500_000 + "x" + " " * 500_000 + "y",
        "FROM a\n" + "ONBUILD " * 50_000,
        "FROM a\nENV A=" + "${A:-" * 50_000,
        "FROM a\n" + "EXPOSE 1-65535\n" * 500,
        "FROM a AS s0\n" + "".join(f"FROM s{number} AS s{number + 1}\n" for number in range(3_000)),
        "".join(f"x{number} y\n" for number in range(1_500)),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_files_made_to_be_slow_are_read_in_linear_time(text: str) -> None:
    before = time.process_time()
    resolve(read_dockerfile(text, "Dockerfile"))
    # Each takes well below a second; what is quadratic takes minutes.
    assert time.process_time() - before < 20
