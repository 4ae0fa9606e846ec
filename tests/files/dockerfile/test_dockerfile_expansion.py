"""Substitution, quotes and escapes, by the obligations of BuildKit's shell lexer tests."""

from __future__ import annotations

import pytest

from seatrial.files.dockerfile.expansion import MAX_LENGTH, ExpansionError, Options, expand, expand_words
from seatrial.files.dockerfile.heredocs import heredoc_opening, heredoc_openings

VARIABLES = {"DIR": "/work", "WORD": "bird", "EMPTY": "", "GREEK": "αβγ", "STARS": "a**b", "PATHS": "/u/u/x.txt"}

GOOD = [
    ("plain", "plain"),
    ("pl'ai'n", "plain"),
    (r"it\'s", "it's"),
    (r"a\tb", "atb"),
    (r'"a\tb"', r"a\tb"),
    (r'"a\\tb"', r"a\tb"),
    (r"'a\tb'", r"a\tb"),
    ("end\\", "end"),
    ("end\\\\", "end\\"),
    ('"in\'ner"', "in'ner"),
    ("'ends\\'", "ends\\"),
    ("\"''\"", "''"),
    ("'\"x\"'", '"x"'),
    ("$.", "$."),
    ("$", "$"),
    ("a$1b", "ab"),
    ("$12b", "b"),
    ("${12:-x}", "x"),
    ("$@@", "@"),
    ("${@:-x}${#:-y}${$:+z}", "xy"),
    ("x$DIR", "x/work"),
    (r"x\$DIR", "x$DIR"),
    (r"x\\$DIR", "x\\/work"),
    (r'"x\$DIR"', "x$DIR"),
    ("'$DIR'", "$DIR"),
    ("\"a'$DIR'\"", "a'/work'"),
    (r"\${}", "${}"),
    ("a${NOT}b", "ab"),
    ("${DIR}s", "/works"),
    ("${NOT:-0}${DIR:-0}${EMPTY:-0}", "0/work0"),
    ("${NOT-0}${DIR-0}${EMPTY-0}", "0/work"),
    ("${NOT:+0}${DIR:+0}${EMPTY:+0}", "0"),
    ("${NOT+0}${DIR+0}${EMPTY+0}", "00"),
    ("${NOT:-$DIR}${NOT:-${NOT:-deep}}", "/workdeep"),
    ("${DIR:+${DIR}:}", "/work:"),
    (r"${NOT:-\$DIR:}", "$DIR:"),
    (r"${NOT:-\${DIR}z}", "${DIRz}"),
    ("${NOT:-a {b}", "a {b"),
    ("${NOT}}", "}"),
    ("${DIR?}${DIR:?}${EMPTY?}", "/work/work"),
    ("$GREEK-${GREEK}", "αβγ-αβγ"),
    ("α\\'β", "α'β"),
    ("a<b <<c", "a<b <<c"),
    ("${WORD#b}", "ird"),
    ("${WORD#*i}", "rd"),
    ("${PATHS#*/}${PATHS##*/}", "u/u/x.txtx.txt"),
    ("${PATHS%/*}${PATHS%%/u*}", "/u/u"),
    ("${WORD#?}${WORD%?}", "irdbir"),
    ("${WORD#}${WORD##}${WORD%}${WORD#$EMPTY}", "birdbirdbirdbird"),
    ("${WORD#*}${WORD##*}", "bird"),
    ("${WORD#no}", "bird"),
    (r"${STARS%%\**}", "a"),
    (r"${STARS%\**}", "a*"),
    (r"${STARS#?\*}", "*b"),
    ("${PATHS/u/v}${PATHS//u/v}", "/v/u/x.txt/v/v/x.txt"),
    (r"${PATHS//\//-}", "-u-u-x.txt"),
    ("${PATHS/$DIR/no}", "/u/u/x.txt"),
    ("${WORD/*i/o}", "ord"),
    ("${WORD/$EMPTY/x}", "xbird"),
    ("${WORD///}", "bird"),
    ("${NOT//a/b}", ""),
]

BAD = [
    "it's",
    '"open',
    '"open\\"',
    "${}",
    "${",
    "${:}",
    "${:-x}",
    "${{x}",
    "${.}",
    "${DIR",
    "${DIR:",
    "${DIR:x}",
    "${DIR:=x}",
    "${DIR=x}",
    "${NOT:-x ${DIR}",
    "${NOT?}",
    "${NOT:?why}",
    "${EMPTY:?}",
    "${DIR:#x}",
    "${DIR:%%x}",
    "${DIR//x}",
    "${DIR//}",
    r"${DIR#\x}",
    "${A:-" * 60 + "}" * 60,
]


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_a_word_expands_as_in_buildkit(text: str, expected: str) -> None:
    assert expand(text, VARIABLES) == expected


@pytest.mark.parametrize("text", BAD)
def test_what_buildkit_refuses_is_refused(text: str) -> None:
    with pytest.raises(ExpansionError):
        expand(text, VARIABLES)


def test_the_message_of_a_demanded_variable_is_expanded() -> None:
    with pytest.raises(ExpansionError, match="NOT: set it, bird"):
        expand("${NOT:?set it, $WORD}", VARIABLES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one", ["one"]),
        ("one  two ", ["one", "two"]),
        ("a${SPACED}b", ["a1", "2b"]),
        ('a"${SPACED}"b', ["a1  2b"]),
        ('a "${SPACED}"b', ["a", "1  2b"]),
        ("a$LEADING", ["a", "x"]),
        ("a$TRAILING", ["ax"]),
        ("a${TRAILING}b", ["ax", "b"]),
        ('" in  "', [" in  "]),
        (r"a\ b", ["a b"]),
        (r"a\" b", ['a"', "b"]),
        ("''", []),
        ("a${NOT:-b}", ["b"]),  # a quirk of BuildKit's: what stands before is lost
    ],
)
def test_words_split_after_expansion_but_not_in_quotes(text: str, expected: list[str]) -> None:
    variables = {"SPACED": "1  2", "LEADING": "  x", "TRAILING": "x "}
    assert expand_words(text, variables) == expected


def test_another_escape_character_escapes() -> None:
    assert expand("C:\\`$DIR\\$DIR", VARIABLES, Options(escape="`")) == "C:\\$DIR\\/work"


def test_unset_names_can_stay_as_they_are() -> None:
    text = "$NOT ${NOT} ${NOT:-x} ${NOT#y} ${NOT/a/b} $WORD"
    assert expand(text, VARIABLES, Options(skip_unset=True)) == text.replace("$WORD", "bird")


def test_a_value_can_not_grow_without_bound() -> None:
    variables = {"BIG": "x" * MAX_LENGTH}
    with pytest.raises(ExpansionError, match="grows"):
        expand("$BIG" * 20, variables)


def test_many_stars_do_not_make_a_pattern_slow() -> None:
    value = {"LONG": "ab" * 20_000}
    assert expand("${LONG##*a*a*a*a*a*a*a*a*a*c}", value) == value["LONG"]
    assert expand("${LONG//*a*a*a*a*a*c*/x}", value) == value["LONG"]


@pytest.mark.parametrize(
    ("word", "name", "expands", "chomps", "descriptor"),
    [
        ("<<EOF", "EOF", True, False, 0),
        ("<<'EOF'", "EOF", False, False, 0),
        ('<<"EOF"', "EOF", False, False, 0),
        ("<<-EOF", "EOF", True, True, 0),
        ("<<- EOF", "EOF", True, True, 0),
        ("<< EOF", "EOF", True, False, 0),
        ('<<EO"F"', "EOF", False, False, 0),
        ("4<<EOF", "EOF", True, False, 4),
        (r"<<eo\'f", "eo'f", True, False, 0),
        (r"<<'e'o\'f", "eo'f", False, False, 0),
        ("<<'a b'", "a b", False, False, 0),
        ("<<$EOF", "$EOF", True, False, 0),
    ],
)
def test_a_heredoc_opening_is_recognised(word: str, name: str, expands: bool, chomps: bool, descriptor: int) -> None:
    opening = heredoc_opening(word)
    assert opening is not None
    assert (opening.name, opening.expand, opening.chomp, opening.descriptor) == (name, expands, chomps, descriptor)


@pytest.mark.parametrize("word", ["", "EOF", "<<", "<<-", "<EOF", "<<<EOF", "<<EOF sh", "<<''"])
def test_other_words_open_no_heredoc(word: str) -> None:
    assert heredoc_opening(word) is None


@pytest.mark.parametrize("word", ["<<'EOF", '<<"EOF', "<<EOF'", '<<EOF"'])
def test_a_quote_that_is_never_closed_is_refused(word: str) -> None:
    with pytest.raises(ExpansionError):
        heredoc_opening(word)


def test_a_line_can_open_several_heredocs() -> None:
    line = "RUN cat <<A 3<<B '<<C' \"<<D\" << -E"
    assert [opening.name for opening in heredoc_openings(line)] == ["A", "B", "-E"]
