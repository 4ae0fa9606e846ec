"""Which user and groups a service runs as: by the host's own /etc/passwd, which stands for the image's."""

from __future__ import annotations

from dataclasses import dataclass

KNOWN_USERS = {
    "node": 1000, "nobody": 65534, "nginx": 101, "postgres": 999, "redis": 999, "mysql": 999, "bun": 1000, "deno": 1993,
}  # fmt: skip
"""Users of well-known base images, for a host that doesn't have them."""
FIRST_USER = 1000


@dataclass(frozen=True, slots=True)
class User:
    """Who the command runs as. `invented` says that the host doesn't know the name."""

    name: str
    uid: int
    gid: int
    home: str
    groups: tuple[int, ...] = ()
    invented: bool = False


@dataclass(frozen=True, slots=True)
class Accounts:
    """The texts of /etc/passwd and /etc/group."""

    passwd: str = ""
    group: str = ""

    def entry(self, word: str) -> list[str] | None:
        """The line of a user by name or number."""
        column = 2 if word.isdigit() else 0
        lines = (line.split(":") for line in self.passwd.splitlines())
        return next((fields for fields in lines if len(fields) >= 7 and fields[column] == word), None)

    def group_id(self, word: str) -> int | None:
        """The number of a group by name or number."""
        if word.isdigit():
            return int(word)
        lines = (line.split(":") for line in self.group.splitlines())
        return next((int(fields[2]) for fields in lines if len(fields) >= 3 and fields[0] == word), None)

    def groups_of(self, name: str) -> tuple[int, ...]:
        """The groups that list a user."""
        lines = (line.split(":") for line in self.group.splitlines())
        return tuple(int(fields[2]) for fields in lines if len(fields) >= 4 and name in fields[3].split(","))


def resolve(said: str, extra_groups: tuple[str, ...], accounts: Accounts, images: tuple[str, ...] = ()) -> User:
    """The user of `USER`/`user:` ("", "name", "uid", either with ":group").

    A number that the base image has a name for (1000 is `node` in `node`) is that user, with its home directory.
    """
    word, _, group = said.partition(":")
    word = next((name for name in images if word.isdigit() and KNOWN_USERS.get(name) == int(word)), word)
    entry = accounts.entry(word or "0")
    invented = False
    if entry and (not word.isdigit() or int(word) == 0):
        name, uid, gid, home = entry[0], int(entry[2]), int(entry[3]), entry[5] or "/"
    elif word.isdigit():  # a bare number: the host's user of that number is not the image's
        name, uid, gid, home = "", int(word), 0, "/"
    elif not word:
        name, uid, gid, home = "root", 0, 0, "/root"
    else:
        invented = True
        uid = gid = KNOWN_USERS.get(word, FIRST_USER)
        name, home = word, f"/home/{word}"
    groups = accounts.groups_of(name) if name and not invented and not group else ()
    if group:
        known = accounts.group_id(group)
        gid = uid if known is None else known
    added = tuple(found for found in map(accounts.group_id, extra_groups) if found is not None)
    return User(name, uid, gid, home, tuple(dict.fromkeys((gid, *groups, *added))), invented)
