"""The grammar of `.env` and `env_file`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.compose.dotenv import EnvFileError, parse_env, parse_raw_env


def values(text: str, outside: dict[str, str] | None = None) -> dict[str, str]:
    known: dict[str, str] = {}
    parse_env(text, (outside or {}).get, known)
    return known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A = spaced  ", {"A": "spaced"}),
        ("A: yaml style", {"A": "yaml style"}),
        ("A=x:y=z", {"A": "x:y=z"}),
        ("export A=1\n\texport\tB=2\nexported=3", {"A": "1", "B": "2", "exported": "3"}),
        ("# comment\n\n  # more\nA=1 # end\nB=1#kept\nC=1 #", {"A": "1", "B": "1#kept", "C": "1"}),
        ("A=", {"A": ""}),
        ("A=\nB=1", {"A": "", "B": "1"}),
        ("A.b-c[0]=1", {"A.b-c[0]": "1"}),
        ("Ünder=1", {"Ünder": "1"}),
        ("A=1\r\nB='2'\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("A='single $B \\n'", {"A": "single $B \\n"}),
        ("A='it\\'s'", {"A": "it's"}),
        ('A="quoted # kept" # comment', {"A": "quoted # kept"}),
        ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
        ("A='two\nlines'", {"A": "two\nlines"}),
        (r'A="tab\there\\n \"q\" \x"', {"A": 'tab\there\\n "q" \\x'}),
        (r'A="\0101\012"', {"A": "A\\12"}),
        (r"A=no\tescape", {"A": r"no\tescape"}),
        ("A=1\nB=$A-${A}-${C:-d}", {"A": "1", "B": "1-1-d"}),
        ('A=1\nB="<$A>"', {"A": "1", "B": "<1>"}),
        (r"A=1" + "\n" + r'B="\$A \${A}"', {"A": "1", "B": "$A ${A}"}),
        ("A=$$5", {"A": "$5"}),
        ("A=1\nA=2", {"A": "2"}),
    ],
)
def test_a_file_is_read_as_compose_reads_it(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


def test_a_name_alone_takes_its_value_from_outside_or_is_left_out() -> None:
    assert values("HOME\nNONE\nLAST", {"HOME": "/h", "LAST": "l"}) == {"HOME": "/h", "LAST": "l"}


def test_the_outside_wins_over_the_file_in_interpolation_but_not_over_its_assignments() -> None:
    assert values("A=file\nB=$A", {"A": "outside"}) == {"A": "file", "B": "outside"}


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("A=1\nB C=2", 2, 1, "space"),
        ("A%=1", 1, 2, "'%'"),
        ("A=1\nB='open", 2, 3, "never closed"),
        ('A="open\n\n', 1, 3, "never closed"),
        ("=1", 1, 1, "missing"),
        ("A=1\n\nB=${", 3, 3, "is not a variable"),
        ("A=${B:?say it}", 1, 3, "say it"),
    ],
)
def test_a_broken_line_is_told_with_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(EnvFileError, match=message) as caught:
        values(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_assignments_know_their_lines() -> None:
    found = parse_env('# c\nexport A="x\ny"\n  B=1', {}.get, {})
    assert [(said.name, said.line, said.column) for said in found] == [("A", 2, 8), ("B", 4, 3)]


def test_the_raw_format_keeps_everything_behind_the_equals_sign() -> None:
    known: dict[str, str] = {}
    parse_raw_env('A="$B" # all\r\n # c\nHOME\n\nC=', {"HOME": "/h"}.get, known)
    assert known == {"A": '"$B" # all', "HOME": "/h", "C": ""}
    with pytest.raises(EnvFileError):
        parse_raw_env("A B=1", {}.get, {})


@given(st.text(alphabet="AB=:$ {}'\"\\\n\r#é-", max_size=60))
def test_any_text_is_read_or_refused_inside_the_file(text: str) -> None:
    for parse in (parse_env, parse_raw_env):
        try:
            for said in parse(text, {}.get, {}):
                assert 1 <= said.line <= text.count("\n") + 1
        except EnvFileError as error:
            assert 1 <= error.line <= text.count("\n") + 1


@given(st.dictionaries(st.from_regex("[A-Z_]{1,5}", fullmatch=True), st.text(alphabet="ab $\"\\\n#='{é", max_size=12)))
def test_single_quotes_keep_any_value(said: dict[str, str]) -> None:
    # A quote or a backslash in front of one needs an escape of its own; the others stand for themselves.
    kept = {name: value.replace("'", "").rstrip("\\") for name, value in said.items()}
    assert values("".join(f"{name}='{value}'\n" for name, value in kept.items())) == kept
