"""When versions of base images stop getting security fixes: data, and the lookup. Pure.

Dates are those that the projects themselves publish (nodejs/Release, devguide.python.org, php.net/supported-versions,
ruby-lang.org, wiki.debian.org/LTS, ubuntu.com/about/release-cycle, alpinelinux.org/releases, postgresql.org, …);
for Debian the end of its LTS, for Ubuntu that of standard support. A version that isn't here isn't known, and nothing
is said about it.
"""

from __future__ import annotations

from functools import lru_cache

from seatrial.check import images
from seatrial.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """What came to its end, and when ("2023-04-30"; "" where an image as a whole was given up)."""

    what: str
    date: str
    instead: str


def _table(text: str) -> dict[str, str]:
    return {line.split()[0]: line.split()[1] for line in text.strip().splitlines()}


_DEBIAN = """
7 2018-05-31
8 2020-06-30
9 2022-06-30
10 2024-06-30
11 2026-08-31
12 2028-06-30
13 2030-06-30
"""
_ALPINE = """
3.3 2017-11-01
3.4 2018-05-01
3.5 2018-11-01
3.6 2019-05-01
3.7 2019-11-01
3.8 2020-05-01
3.9 2020-11-01
3.10 2021-05-01
3.11 2021-11-01
3.12 2022-05-01
3.13 2022-11-01
3.14 2023-05-01
3.15 2023-11-01
3.16 2024-05-23
3.17 2024-11-22
3.18 2025-05-09
3.19 2025-11-01
3.20 2026-04-01
3.21 2026-11-01
"""
_NODE = """
0.10 2016-10-31
0.12 2016-12-31
4 2018-04-30
5 2016-06-30
6 2019-04-30
7 2017-06-30
8 2019-12-31
9 2018-06-30
10 2021-04-30
11 2019-06-01
12 2022-04-30
13 2020-06-01
14 2023-04-30
15 2021-06-01
16 2023-09-11
17 2022-06-01
18 2025-04-30
19 2023-06-01
20 2026-04-30
21 2024-06-01
22 2027-04-30
23 2025-06-01
24 2028-04-30
"""
_PYTHON = """
2 2020-01-01
2.7 2020-01-01
3.3 2017-09-29
3.4 2019-03-18
3.5 2020-09-30
3.6 2021-12-23
3.7 2023-06-27
3.8 2024-10-07
3.9 2025-10-31
3.10 2026-10-31
3.11 2027-10-31
3.12 2028-10-31
3.13 2029-10-31
"""
_UBUNTU = """
12.04 2017-04-28
14.04 2019-04-25
16.04 2021-04-30
16.10 2017-07-20
17.04 2018-01-13
17.10 2018-07-19
18.04 2023-05-31
18.10 2019-07-18
19.04 2020-01-23
19.10 2020-07-17
20.04 2025-05-31
20.10 2021-07-22
21.04 2022-01-20
21.10 2022-07-14
22.10 2023-07-20
23.04 2024-01-25
23.10 2024-07-11
24.10 2025-07-10
25.04 2026-01-15
"""
_PHP = """
5 2018-12-31
5.6 2018-12-31
7 2022-11-28
7.0 2019-01-10
7.1 2019-12-01
7.2 2020-11-30
7.3 2021-12-06
7.4 2022-11-28
8.0 2023-11-26
8.1 2025-12-31
8.2 2026-12-31
"""
_RUBY = """
2 2023-03-31
2.3 2019-03-31
2.4 2020-03-31
2.5 2021-03-31
2.6 2022-04-12
2.7 2023-03-31
3.0 2024-04-23
3.1 2025-03-26
3.2 2026-03-31
"""
_GO = """
1.8 2018-02-16
1.9 2018-08-24
1.10 2019-02-25
1.11 2019-09-03
1.12 2020-02-25
1.13 2020-08-11
1.14 2021-02-16
1.15 2021-08-16
1.16 2022-03-15
1.17 2022-08-02
1.18 2023-02-01
1.19 2023-08-08
1.20 2024-02-06
1.21 2024-08-13
1.22 2025-02-11
1.23 2025-08-12
"""
_POSTGRES = """
9 2021-11-11
10 2022-11-10
11 2023-11-09
12 2024-11-21
13 2025-11-13
14 2026-11-12
"""
_MONGO = """
3 2021-04-30
4 2024-02-29
4.0 2022-04-30
4.2 2023-04-30
4.4 2024-02-29
5 2024-10-31
6 2025-07-31
"""
_OTHERS = {
    "mysql": "5 2023-10-31\n5.6 2021-02-05\n5.7 2023-10-31\n8.0 2026-04-30",
    "centos": "5 2017-03-31\n6 2020-11-30\n7 2024-06-30\n8 2021-12-31",
    "fedora": "36 2023-05-16\n37 2023-12-05\n38 2024-05-21\n39 2024-11-26\n40 2025-05-13",
}
_JAVA = "9 2018-03-20\n10 2018-09-25\n12 2019-09-17\n13 2020-03-17\n14 2020-09-16\n15 2021-03-16\n16 2021-09-14\n"
_JAVA += "18 2022-09-20\n19 2023-03-21\n20 2023-09-19\n22 2024-09-17\n23 2025-03-18\n24 2025-09-16"

_TABLES = {
    "node": (_table(_NODE), "node:24"),
    "python": (_table(_PYTHON), "python:3.13"),
    "golang": (_table(_GO), "the newest Go"),
    "ruby": (_table(_RUBY), "ruby:3.4"),
    "php": (_table(_PHP), "php:8.4"),
    "debian": (_table(_DEBIAN), "debian:13"),
    "ubuntu": (_table(_UBUNTU), "ubuntu:24.04"),
    "alpine": (_table(_ALPINE), "the newest Alpine"),
    "postgres": (_table(_POSTGRES), "postgres:17, after a dump and restore or pg_upgrade"),
    "mongo": (_table(_MONGO), "mongo:8, one major version after the other"),
    "eclipse-temurin": (_table(_JAVA), "eclipse-temurin:21"),
    "amazoncorretto": (_table(_JAVA), "amazoncorretto:21"),
    "mysql": (_table(_OTHERS["mysql"]), "mysql:8.4"),
    "centos": (_table(_OTHERS["centos"]), "almalinux, rockylinux or quay.io/centos/centos:stream10"),
    "fedora": (_table(_OTHERS["fedora"]), "the newest Fedora"),
}
_CODENAMES = {
    "debian": {"wheezy": "7", "jessie": "8", "stretch": "9", "buster": "10", "bullseye": "11", "bookworm": "12"},
    "ubuntu": {"trusty": "14.04", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "jammy": "22.04"},
}
_GIVEN_UP = {
    "openjdk": "eclipse-temurin, or another build of OpenJDK",
    "java": "eclipse-temurin, or another build of OpenJDK",
    "iojs": "node",
}
"""Official images that were given up as a whole."""


@lru_cache(maxsize=256)
def ended(image: str, today: str) -> Ended | None:
    """What of this image has come to its end by `today`: the image, its version, or the distribution in its tag."""
    reference = images.parse(image)
    if not reference.is_official or not today:
        return None
    name, tag = reference.repository, reference.tag
    if name in _GIVEN_UP:
        return Ended(f"the official {name} image", "", _GIVEN_UP[name])
    if name in _TABLES:
        dates, instead = _TABLES[name]
        for part in (*tag.split("-")[:1], *(each for each in tag.split("-") if each in _CODENAMES.get(name, {}))):
            known = _lookup(dates, _CODENAMES.get(name, {}).get(part, part))
            if known is not None and known[1] < today:
                return Ended(f"{name} {known[0]}", known[1], instead)
    return _distribution(tag, today)


def _distribution(tag: str, today: str) -> Ended | None:
    """The distribution that a tag such as 18-alpine3.12 or 3.9-buster names."""
    for part in tag.split("-")[1:]:
        for name, codenames in _CODENAMES.items():
            version = codenames.get(part)
            date = _TABLES[name][0].get(version, "") if version else ""
            if date and date < today:
                instead = f"a tag whose distribution is newer, such as {_TABLES[name][1]}"
                return Ended(f"{name} {version} ({part})", date, instead)
        if part.startswith("alpine3."):
            known = _lookup(_TABLES["alpine"][0], part[6:])
            if known is not None and known[1] < today:
                return Ended(f"alpine {known[0]}", known[1], "a tag on the newest Alpine")
    return None


def _lookup(dates: dict[str, str], version: str) -> tuple[str, str] | None:
    """The longest beginning of this version that has a date."""
    parts = version.removeprefix("v").split(".")
    for count in range(len(parts), 0, -1):
        known = ".".join(parts[:count])
        if known in dates:
            # "2" of python stands for the last 2.x, but 3.2 is no "3"
            return known, dates[known]
    return None
