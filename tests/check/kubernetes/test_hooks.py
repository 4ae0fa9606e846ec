"""What preStop hooks are known to do, and what they can't."""

from __future__ import annotations

import pytest

from seatrial.check.kubernetes.hooks import seconds_of
from seatrial.model.kubernetes import Handler
from seatrial.model.place import Place

HERE = Place("a.yaml", 1)


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (("sleep", "10"), 10),
        (("/bin/sleep", "1m"), 60),
        (("sh", "-c", "sleep 5"), 5),
        (("/bin/bash", "-ec", "sleep 2 && nginx -s quit; sleep 3s"), 5),
        (("sh", "-c", "echo sleepy; asleep 9"), 0),
        (("nginx", "-s", "quit"), 0),
        (("sh", "-c", "while true; do sleep 1; done"), None),
        (("sh", "-c", "sleep $(cat /delay)"), None),
        (("sh", "/wait.sh"), 0),
        ((), 0),
    ],
)
def test_a_hook_sleeps_as_long_as_its_words_say(command: tuple[str, ...], seconds: float | None) -> None:
    assert seconds_of(Handler("exec", HERE, command)) == seconds


def test_other_kinds_of_hooks() -> None:
    assert seconds_of(Handler("sleep", HERE, seconds=7)) == 7
    assert seconds_of(Handler("httpGet", HERE)) is None
