"""Which commands of a script may come last: branches, functions, what is never reached; and texts that nobody wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.json_positions import Lines
from seatrial.files.scripts.shell_blocks import last_commands as starts
from seatrial.files.shell_commands import last_commands


def last(text: str) -> list[str]:
    return [" ".join(command.words) for command in last_commands(text, Lines(text, "run.sh").place)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('migrate\n"$@"\n', ["$@"]),
        ('if [ "$1" = a ]; then b; else "$@"; fi\n', ["b", "$@"]),
        ("if a\nthen\n  b\nelif c\nthen\n  d\nelse\n  e\nfi\n", ["b", "d", "e"]),
        ("if a; then\n  exec b\nfi\n$@\n", ["$@"]),
        (
            'case "$1" in\n  web) node a.js ;;\n  w|worker)\n    celery w\n    ;;\n  (*) exec "$@" ;;\nesac\n',
            ["node a.js", "celery w"],
        ),
        ('main() {\n  "$@"\n}\nmain "$@"\n', ["$@"]),
        ("function run {\n  node a.js\n}\nrun\n", ["node a.js"]),
        ('main() { exec "$@"; }\nmain "$@"\n', []),
        ("for a in 1 2; do echo $a; done\nnode a.js\n", ["node a.js"]),
        ("for ((i=0;i<3;i++)); do a; done; node a.js", ["node a.js"]),
        ("migrate && gunicorn app\n", ["gunicorn app"]),
        ("[ -n x ] || exec b\nc\n", ["c"]),
        ("{ a; node b; }\n", ["node b"]),
        ("cat <<EOF > x\nfi\nEOF\nnode a.js\n", ["node a.js"]),
        ("if [[ $a == b && $c =~ ^(d|e)$ ]]; then node x; fi", ["node x"]),
    ],
)
def test_the_ends_of_all_branches_may_come_last(text: str, expected: list[str]) -> None:
    assert last(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'exec "$@"\nnode a.js\n',
        "if a; then exec b; else exec c; fi\nnode a.js\n",
        "while true; do node a.js; done\n",
        "node a.js | tee log\n",
        "(node a.js)\n",
        "node a.js &\n",
        "if a; then node b.js\n",
        "esac\nnode a.js\n",
        "if a; then " * 60 + "node a.js" + "; fi" * 60,
    ],
)
def test_what_is_never_reached_goes_on_or_cannot_be_followed_is_none_of_them(text: str) -> None:
    assert last(text) == []


@given(
    st.lists(
        st.sampled_from(
            (
                "if",
                "then",
                "fi",
                "case",
                "in",
                "esac",
                "a)",
                ";;",
                "{",
                "}",
                "(",
                ")",
                "f()",
                "do",
                "while",
                "done",
                "for",
                ";",
                "\n",
                "&&",
                "|",
                "&",
                "exec",
                '"$@"',
                "node",
                "function",
            )
        ),
        max_size=30,
    )
)
def test_no_text_is_too_strange(words: list[str]) -> None:
    text = " ".join(words)
    assert all(0 <= at < len(text) for at in starts(text))
