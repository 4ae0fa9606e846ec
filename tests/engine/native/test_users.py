"""Who a service runs as."""

from __future__ import annotations

import pytest

from seatrial.engine.native.users import Accounts, User, resolve

ACCOUNTS = Accounts(
    "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:w:/var/www:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
    "root:x:0:\nwww-data:x:33:\nssl:x:110:www-data,alice\nusers:x:100:\n",
)


@pytest.mark.parametrize(
    ("said", "user"),
    [
        ("", User("root", 0, 0, "/root", (0,))),
        ("root", User("root", 0, 0, "/root", (0,))),
        ("www-data", User("www-data", 33, 33, "/var/www", (33, 110))),
        ("www-data:users", User("www-data", 33, 100, "/var/www", (100,))),
        ("1000", User("", 1000, 0, "/", (0,))),
        ("1000:1000", User("", 1000, 1000, "/", (1000,))),
        ("node", User("node", 1000, 1000, "/home/node", (1000,), invented=True)),
        ("app:app", User("app", 1000, 1000, "/home/app", (1000,), invented=True)),
    ],
)
def test_user_by_name_or_number(said: str, user: User) -> None:
    assert resolve(said, (), ACCOUNTS) == user


def test_groups_that_are_added_come_after_its_own() -> None:
    assert resolve("1000:1000", ("users", "27", "unknown"), ACCOUNTS).groups == (1000, 100, 27)


def test_number_that_the_base_image_has_a_name_for_is_that_user() -> None:
    assert resolve("1000:1000", (), Accounts(), ("node",)) == User(
        "node", 1000, 1000, "/home/node", (1000,), invented=True
    )
    assert resolve("1001", (), Accounts(), ("node",)).home == "/"


def test_host_without_accounts_still_has_root() -> None:
    assert resolve("", (), Accounts()) == User("root", 0, 0, "/root", (0,))
