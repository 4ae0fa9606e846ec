"""Generated files, read by two other parsers: BuildKit's own (an old one, PyPI's `dockerfile`) and a port."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from seatrial.files.dockerfile import Instruction, read_dockerfile
from seatrial.files.dockerfile.checks import KEYWORDS as KEYWORDS_OF_DOCKER
from seatrial.model.finding import Severity
from tests.requirements import missing_module, require

pytestmark = pytest.mark.slow

FILES_A_RUN = 40
RUNS = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),  # no shrinking: it would start a process for each step
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

# The parser hangs in a process that has forked, so it has one of its own.
BUILDKIT = """
import dockerfile, json, sys
for text in json.load(sys.stdin):
    try:
        found = [
            [each.cmd.upper(), (each.sub_cmd or "").upper(), each.start_line, list(each.value), each.json,
             [[heredoc.name, heredoc.content] for heredoc in each.heredocs]]
            for each in dockerfile.parse_string(text)
        ]
    except dockerfile.GoParseError:
        found = None
    print(json.dumps(found))
"""

WORDS = st.sampled_from(
    [
        "a",
        "b=c",
        "é",
        "x-y",
        "$A",
        "${A:-b}",
        "'q r'",
        '"s t"',
        "\\ ",
        "\\'",
        '\\"',
        "=",
        "--f=g",
        "--",
        "#h",
        "d='",
        'e="',
        "A=B",
    ]
)
BLANKS = st.sampled_from([" ", "  ", "\t", " \\\n", " \\\n  # note\n", "\\\n", " \\\n\n"])
KEYWORDS = st.sampled_from(
    [
        "FROM",
        "RUN",
        "CMD",
        "ENTRYPOINT",
        "COPY",
        "ADD",
        "ENV",
        "LABEL",
        "ARG",
        "USER",
        "WORKDIR",
        "EXPOSE",
        "VOLUME",
        "shell",
        "HEALTHCHECK",
        "STOPSIGNAL",
        "MAINTAINER",
        "run",
        "Env",
        "HEALTHCHECK CMD",
        "COPY --link",
        "RUN --network=none",
        "ODD",
    ]
)
ARRAYS = st.one_of(
    st.lists(st.sampled_from(["a", "b c", "\\", '"', "é", "", "\t", "\u2028"]), max_size=3).map(json.dumps),
    st.sampled_from(
        ['["a" "b"]', '["a",]', "['a']", '["a"', '["\\x"]', '[ "a" , "b" ]', '["a", 1]', "[[]]", '["\\ud83d"]']
    ),
)


@st.composite
def instruction(draw: st.DrawFn) -> str:
    keyword = draw(KEYWORDS)
    if draw(st.integers(0, 3)) == 0:
        return f"{keyword} {draw(ARRAYS)}"
    parts = [keyword]
    for word in draw(st.lists(WORDS, max_size=4)):
        parts += [draw(BLANKS), word]
    return "".join(parts)


@st.composite
def heredoc(draw: st.DrawFn) -> str:
    opening, closing = draw(
        st.sampled_from(
            [("<<E", "E"), ("<<-E", "\tE"), ("<<'E F'", "E F"), ('3<<"E"', "E"), ("<<E <<F", "E\nx\nF"), ("<<E", "NO")]
        )
    )
    body = draw(st.lists(st.sampled_from(["x", "\ty", "# z", "RUN w", ""]), max_size=3))
    keyword = draw(st.sampled_from(["RUN", "COPY", "ADD", "USER", "ONBUILD RUN"]))
    return "\n".join([f"{keyword} {opening} /d", *body, closing])


LINES = st.one_of(
    instruction(),
    instruction().map("ONBUILD {}".format),
    heredoc(),
    st.sampled_from(["", "# note", "#", "  # note", "# escape=`", "# syntax=x/y", " RUN x"]),
)
FILES = st.lists(LINES, min_size=1, max_size=6).map("\n".join)
BATCHES = st.lists(FILES, min_size=FILES_A_RUN, max_size=FILES_A_RUN)


def values(instruction: Instruction) -> list[str]:
    if instruction.trigger is not None:
        return values(instruction.trigger)
    if instruction.keyword in ("ENV", "LABEL"):
        return [word.text for pair in instruction.pairs for word in (pair.name, pair.value) if word is not None]
    return [word.text for word in instruction.words]


def row(instruction: Instruction) -> list[Any]:
    trigger = instruction.trigger
    heredocs = [[heredoc.name, heredoc.content] for heredoc in instruction.heredocs]
    is_json = trigger.json if trigger else instruction.json
    return [
        instruction.keyword,
        trigger.keyword if trigger else "",
        instruction.place.line,
        values(instruction),
        is_json,
        heredocs,
    ]


def is_known(keyword: str) -> bool:
    """An unknown keyword's arguments are dropped by BuildKit, kept by us. The keyword of no trigger is empty."""
    return not keyword or keyword in KEYWORDS_OF_DOCKER


def compare(text: str, expected: list[list[Any]] | None) -> None:
    dockerfile = read_dockerfile(text, "Dockerfile")
    if expected is None:
        assert any(finding.severity is Severity.ERROR for finding in dockerfile.findings), text
        return
    found = [row(each) for each in dockerfile.instructions]
    assert [each[0] for each in found] == [each[0] for each in expected], text
    for ours, theirs in zip(found, expected, strict=True):
        # The old parser reads the heredocs of ONBUILD, but does not hand them out.
        end = -1 if ours[0] == "ONBUILD" else None
        if is_known(ours[0]) and is_known(ours[1]):
            assert ours[:end] == theirs[:end], text


@RUNS
@given(BATCHES)
def test_generated_files_are_read_as_buildkit_reads_them(texts: list[str]) -> None:
    require(missing_module("dockerfile"))
    command = [sys.executable, "-c", BUILDKIT]
    answer = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, timeout=60, check=True)
    lines = answer.stdout.splitlines()
    assert len(lines) == len(texts)
    for text, line in zip(texts, lines, strict=True):
        compare(text, json.loads(line))


def port_rows(text: str) -> list[list[Any]] | None:
    import e2b_dockerfile_utils as port

    try:
        found = port.parse_dockerfile_ast(text)
    except port.DockerfileSyntaxError:
        return None
    return [
        [
            each.name.upper(),
            each.start_line,
            each.json,
            [[heredoc.name, heredoc.content, heredoc.expand, heredoc.chomp] for heredoc in each.heredocs],
        ]
        for each in found.instructions
    ]


@RUNS
@given(BATCHES)
def test_generated_files_are_read_as_the_port_reads_them(texts: list[str]) -> None:
    require(missing_module("e2b_dockerfile_utils"))
    for text in texts:
        expected = port_rows(text)
        dockerfile = read_dockerfile(text, "Dockerfile")
        if expected is None:
            assert any(finding.severity is Severity.ERROR for finding in dockerfile.findings), text
            continue
        found = [
            [
                each.keyword,
                each.place.line,
                each.json,
                [[heredoc.name, heredoc.content, heredoc.expand, heredoc.chomp] for heredoc in each.heredocs],
            ]
            for each in dockerfile.instructions
        ]
        assert found == expected, text


@RUNS
@given(
    st.lists(
        st.one_of(WORDS, st.sampled_from(["${A#b}", "${B%%?c}", "${C/a/b}", "${", "}", "$", " ", "'", '"'])), max_size=8
    )
)
def test_generated_words_expand_as_in_the_port(parts: list[str]) -> None:
    require(missing_module("e2b_dockerfile_utils"))
    import e2b_dockerfile_utils as port

    from seatrial.files.dockerfile.expansion import ExpansionError, expand

    text = "".join(parts)
    variables = {"A": "abc", "B": "xcc"}
    try:
        expected = port.ShellLex("\\", env=variables, skip_unset_env=False).process_word(text)
    except ValueError:
        expected = None
    try:
        found = expand(text, variables)
    except ExpansionError:
        found = None
    assert found == expected, text
