"""What a service writes can't act on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.report.words import clean, clip, seconds


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\rb", "a\\x0db"),
        ("a\x00b\x7f", "a\\x00b\\x7f"),
        ("a\tb\n", "a    b"),
        ("left\u202eright", "left\\u202eright"),
        ("half \x1b", "half \\x1b"),
        ("ünïcode ✓", "ünïcode ✓"),
    ],
)
def test_controls_are_dropped_or_shown(text: str, shown: str) -> None:
    assert clean(text) == shown


@settings(deadline=None, max_examples=40)
@given(st.text(alphabet=st.characters(categories=("Cc", "Cf", "Cs", "L"))))
def test_no_control_character_is_left(text: str) -> None:
    assert all(character >= " " and not "\x7f" <= character <= "\x9f" for character in clean(text))


def test_a_clipped_text_says_so() -> None:
    assert (clip("abcdef", 4), clip("abcd", 4)) == ("abc…", "abcd")


def test_short_durations_are_in_milliseconds() -> None:
    assert (seconds(0.0123), seconds(1.5)) == ("12 ms", "1.50 s")
