"""Credentials on command lines: what each program takes as one, and what only looks so."""

from __future__ import annotations

import pytest

from seatrial.check.command_secrets import may_be_in, what_of, what_of_text

SURE = [
    "curl -u me:s3cr3t-v4lue h.org",
    "curl -fsSLu me:s3cr3t-v4lue h.org",
    "curl -ume:s3cr3t-v4lue h.org",
    "curl --user me:s3cr3t-v4lue h.org",
    "curl --proxy-user=me:s3cr3t-v4lue h.org",
    "wget --http-password=s3cr3t-v4lue h.org",
    "mysql -uroot -ps3cr3t-v4lue",
    "mysqladmin --password=s3cr3t-v4lue ping",
    "/usr/bin/docker login -u a -p s3cr3t-v4lue",
    "helm registry login --password s3cr3t-v4lue",
    "redis-cli -a s3cr3t-v4lue ping",
    "redis-server --requirepass s3cr3t-v4lue",
    "--save 900 1 --requirepass s3cr3t-v4lue",
    "sshpass -ps3cr3t-v4lue ssh h",
    "node server.js --db-password s3cr3t-v4lue",
]


@pytest.mark.parametrize("line", SURE)
def test_a_password_that_stands_there_is_found_and_not_told(line: str) -> None:
    assert what_of(line.split()).startswith("a password")
    assert "s3cr3t" not in what_of(line.split())
    assert may_be_in(line), "or nobody looks at the line"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "curl -u me:$PASSWORD h.org",
        "curl -u $USER:s3cr3t h.org",
        "curl -u me h.org",
        "curl -o me:s3cr3t-v4lue h.org",
        "useradd -u 1000:1000 me",
        "mysql -p -e select",
        "mysql -ppassword",
        "mkdir -ps3cr3t-v4lue",
        "docker run -p 80:8080800 a",
        "docker login --password-stdin r.org",
        "adduser --disabled-password someone",
        "wget --no-password s3cr3t-v4lue",
        "wget --ask-password s3cr3t-v4lue",
        "a --password --verbose",
        "a --password-file s3cr3t-v4lue",
        "a --password=/run/secrets/it",
        "a --password={{password}}",
        "a --password=changeme",
        "redis-cli -a short",
        "redis-cli -p 6379000",
    ],
)
def test_variables_files_placeholders_and_other_options_are_none(line: str) -> None:
    assert what_of(line.split()) == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("PGPASSWORD=s3cr3t-v4lue psql", "a password (PGPASSWORD)"),
        ("export MYSQL_PWD='s3cr3t-v4lue'", "a password (MYSQL_PWD)"),
        ("echo //r.org/:_authToken=s3cr3t-v4lue > .npmrc", "a token for npm"),
        ("PGPASSWORD=$P psql; MYSQL_PWD=${P}; :_authToken=${TOKEN}", ""),
        ("XPGPASSWORD=s3cr3t-v4lue SECRET_KEY_BASE=s3cr3t-v4lue rails assets:precompile", ""),
    ],
)
def test_variables_of_programs_count_as_well(text: str, says: str) -> None:
    assert what_of_text(text) == says
