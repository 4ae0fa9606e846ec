"""Which values a recording itself shows to be secrets. How text is masked is tested with the reports."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.model import redaction
from seatrial.model.redaction import (
    REDACTED,
    Redactor,
    argv,
    argv_secrets,
    environment_secrets,
    file_secrets,
    is_secret_variable,
    secrets_of,
)
from seatrial.model.traffic import Outside, Seen
from tests.report import sample


@pytest.mark.parametrize(
    ("words", "secrets"),
    [
        (("app", "--token", "f00dfeed"), {"f00dfeed"}),
        (("app", "--password=s3cr3t-s3cr3t"), {"s3cr3t-s3cr3t"}),
        (("app", "postgres://me:p%40ssword@db/x"), {"p%40ssword", "p@ssword"}),
        (("curl", "-u", "me:letmein1"), {"letmein1", "bWU6bGV0bWVpbjE="}),
        (("sh", "-c", "exec app --api-key 'f00dfeed' --port 3000"), {"f00dfeed"}),
        (("curl", "-H", "Authorization: Bearer 0123456789abcdef"), {"0123456789abcdef"}),
        (("app", "ghp_0123456789abcdefghij"), {"ghp_0123456789abcdefghij"}),
    ],
)
def test_the_secrets_of_a_command_line_are_known(words: tuple[str, ...], secrets: set[str]) -> None:
    assert set(argv_secrets(words)) == secrets
    assert not any(secret in " ".join(argv(words)) for secret in secrets)


@pytest.mark.parametrize(
    "words",
    [
        ("node", "server.js", "--port", "3000"),
        ("app", "--private-key", "/etc/tls/key.pem"),
        ("sh", "-c", "exec app --token $API_TOKEN"),
        ("app", "--max-token", "100000"),
        ("app", "--pwd", "abc"),
        ("app", "--token", REDACTED, f"--password={REDACTED}"),
    ],
)
def test_what_is_no_secret_or_too_common_is_not_looked_for_elsewhere(words: tuple[str, ...]) -> None:
    assert list(argv_secrets(words)) == []


S = "S3cr3t9"


@pytest.mark.parametrize(
    "line",
    [
        f"hey -z 5s -a user:{S} {{url}}",
        f"/usr/bin/oha -a user:{S} {{url}}",
        f"ab -A user:{S} http://api/",
        f"curl --user me:{S} {{url}}",
        f"curl -ume:{S} {{url}}",
        f"any --user=me:{S} {{url}}",
        f"any -u me:{S} {{url}}",
        f"./load.sh -a me:{S} {{url}}",
        f"redis-cli -h cache -a {S} PING",
        f"redis-cli --pass {S} PING",
        f"redis-cli -u redis://:{S}@cache PING",
        f"sshpass -p {S} ssh host",
        f"mysqladmin ping -uroot -p{S}",
        f"wrk -H 'Authorization: Bearer {S}' {{url}}",
        f"wrk -H 'Authorization: {S}' {{url}}",
        f"wrk -H 'Cookie: a=1; sid={S}' {{url}}",
        f"wrk -H 'X-Shop-Key: {S}' {{url}}",
        f"wrk -H X-Shop-Key:{S} {{url}}",
        f"wrk '-HX-Shop-Key: {S}' {{url}}",
        f"vegeta attack -header 'X-Shop-Key: {S}'",
        f"curl --header 'Ocp-Apim-Subscription-Key: {S}' {{url}}",
        f"load --password {S} {{url}}",
        f"load --api-key={S} {{url}}",
        f"load http://me:{S}@api/ now",
        f"load 'http://api/?token={S}&a=1'",
        f"load 'http://api/?a=1&sig={S}'",
        f"env PGPASSWORD={S} psql",
        f"env REDISCLI_AUTH={S} redis-cli PING",
        f"k6 run -e API_TOKEN={S}",
        f"curl -b sid={S} {{url}}",
        f"curl -b 'theme=dark; sid={S}' {{url}}",
        f"curl -bsid={S} {{url}}",
        f"curl --cookie sid={S} {{url}}",
        f"curl --oauth2-bearer {S} {{url}}",
        f"ab -n 10 -C sid={S} http://api/",
        f"load --jwt={S} {{url}}",
        f"load --pw {S} {{url}}",
    ],
)
def test_a_secret_of_a_command_line_is_hidden_and_known_however_it_is_given(line: str) -> None:
    """As words, inside of a shell line, and where a program prints its own command line."""
    for words in (tuple(shlex.split(line)), ("sh", "-c", f"exec {line}")):
        assert S not in " ".join(argv(words))
        assert argv(argv(words)) == argv(words)
        assert S in argv_secrets(words)
    assert S not in redaction.text(line)


@pytest.mark.parametrize(
    "line",
    [
        "docker run -u 1000:1000 -p 80:8080 api",
        "docker run --user 1000:1000 api",
        "hey -n 100 -c 5 http://127.0.0.1:80/",
        "redis-cli -p 6379 PING",
        "wrk -H 'Accept: text/html' http://api:1/",
        "curl -A Mozilla/5.0 http://api:80/?sort=key",
        "cache key=user:1 hit",
        "GET /x?sort=key&key=abc 200",
        "Sec-WebSocket-Key: abc",
        "they said: -a is all",
        "broker -a 0.0.0.0:4222",
        "gunicorn -b 0.0.0.0:8000 app:api",
        "curl -b cookies.txt http://api:80/",
        "jwt expired, sent by the bearer of it",
    ],
)
def test_what_is_no_secret_of_a_command_line_is_left_alone(line: str) -> None:
    words = tuple(shlex.split(line))
    assert argv(words) == words
    assert redaction.text(line) == line


def test_a_recording_knows_the_secrets_of_every_command_line_in_it() -> None:
    run = sample.good_run()
    child = replace(run.processes[0], argv=("worker", "--token", "child-token"))
    subject = replace(
        sample.GOOD.subject,
        argv=("npm", "start", "--token", "outer-token"),
        final_argv=("node", "--token", "inner-token"),
        healthcheck=("CMD", "probe", "--token", "probe-token"),
    )
    load = Outside(("hey", "--token", "load-token"), 0, "", Seen())
    told = replace(sample.GOOD, subject=subject, runs=(replace(run, processes=(child,), outside=load),))
    assert set(secrets_of(told)) == {"outer-token", "inner-token", "probe-token", "child-token", "load-token"}
    assert "-token'" not in repr(Redactor(secrets_of(told)).value(told)).replace("'--token'", "")


@pytest.mark.parametrize(
    ("name", "value", "text", "shown"),
    [
        ("DB_PASSWORD", "s3cr3t!", "login s3cr3t! ok", f"login {REDACTED} ok"),
        ("API_TOKEN", 'a"b\\c', '{"t":"a\\"b\\\\c"}', f'{{"t":"{REDACTED}"}}'),
        ("STRIPE_KEY", "a b/c", "?key=a%20b%2Fc", f"?key={REDACTED}"),
        ("STRIPE_KEY", "a b/c?d!", "it is a%20b/c%3Fd%21", f"it is {REDACTED}"),
        ("STRIPE_KEY", "a b/c?d!", "it is a%20b%2Fc%3Fd!", f"it is {REDACTED}"),
        ("STRIPE_KEY", "a b/c?d!", "it is a%20b/c?d!", f"it is {REDACTED}"),
        ("TLS_KEY", "-----BEGIN\nMIIEvQIBADAN\n-----END", "line MIIEvQIBADAN", f"line {REDACTED}"),
        ("DATABASE_URL", "postgres://u:geheim@db/x", "password geheim wrong", f"password {REDACTED} wrong"),
        ("API_TOKEN", "s3cr3t?>~!", "Basic czNjcjN0Pz5+IQ== ok", f"Basic {REDACTED}== ok"),
        ("API_TOKEN", "s3cr3t?>~!", "czNjcjN0Pz5-IQ", REDACTED),
        ("API_TOKEN", "s3cr3t?>~!", "czNjcjN0Pz5%2BIQ%3D%3D", f"{REDACTED}%3D%3D"),
        ("API_TOKEN", "s3crt", "czNjcnQ", "czNjcnQ"),
        ("USE_KEY", "yes", "yes, it is", "yes, it is"),
        ("GREETING", "hello", "hello", "hello"),
    ],
)
def test_values_of_secret_variables_are_hidden(name: str, value: str, text: str, shown: str) -> None:
    assert Redactor(environment_secrets({name: value})).known(text) == shown


@pytest.mark.parametrize(
    ("content", "whole", "text", "shown"),
    [
        ("f00dfeed\n", True, "it is f00dfeed", "it is [redacted]"),
        ("first-line-of\nsecond-line\n", True, "a second-line b", "a [redacted] b"),
        ("A=1\nDB_PASSWORD='two words'\n", True, "with two words", "with [redacted]"),
        ("listen 8080;\npassword: hunter22\n", False, "listen 8080; hunter22", "listen 8080; [redacted]"),
        ("DATABASE=postgres://me:p%40ssword@db/x\n", False, "p@ssword", "[redacted]"),
        ("2026\nno\n", True, "no, 2026", "no, 2026"),
        ("", True, "nothing", "nothing"),
    ],
)
def test_a_file_that_is_secret_gives_all_away_and_another_what_looks_like_it(
    content: str, whole: bool, text: str, shown: str
) -> None:
    assert Redactor(file_secrets(content, whole=whole)).known(text) == shown


def test_a_secret_that_contains_another_is_hidden_whole() -> None:
    assert Redactor(["abcd", "abcdefgh"]).known("abcdefgh abcd") == f"{REDACTED} {REDACTED}"


@pytest.mark.parametrize(
    "name",
    [
        *("PASSWORD", "DB_PASSWORD", "DB_PASS", "PGPASSWORD", "MYSQL_PWD", "dbPassword", "DB_PASSWORD_PROD"),
        *("STRIPE_KEY", "apiKey", "GITHUB_TOKEN_2", "SESSION_COOKIE", "SECRET_KEY_BASE", "REDISCLI_AUTH", "KEY"),
        *("JWT", "DB_PW"),
    ],
)
def test_variables_with_secrets_are_known_by_their_names(name: str) -> None:
    assert is_secret_variable(name)


@pytest.mark.parametrize(
    "name",
    [
        *("PWD", "OLDPWD", "PASSWORD_FILE", "TOKEN_TTL", "REDIS_KEY_PREFIX", "SSH_AUTH_SOCK", "NODE_ENV", "MONKEY"),
        *("KEYBOARD", "KEYCLOAK_URL", "NEXTAUTH_URL", "AUTHOR", "COMPASS", "PASSENGER_APP_ENV"),
        *("JWT_ISSUER", "JWT_EXPIRES_IN", "PWM_RATE"),
    ],
)
def test_other_variables_are_not(name: str) -> None:
    assert not is_secret_variable(name)


@pytest.mark.parametrize("value", ["a", "1", "yes", "true", "3000", "postgres", "Admin", "changeme", "shop"])
def test_a_value_that_is_said_everywhere_is_hidden_at_its_own_place_alone(value: str) -> None:
    redactor = Redactor(environment_secrets({"DB_PASSWORD": value, "DB_USER": "shop"}))
    assert redactor.text(f"{value} at {value}, password={value}") == f"{value} at {value}, password={REDACTED}"


PIECES = (
    "curl",
    "mysql",
    "redis-cli",
    "login",
    "sshpass",
    " ",
    " ",
    "-p",
    "-u",
    "-a",
    "-w ",
    "--",
    "-",
    "pass",
    "token",
    "x7Gd0q2k",
)
MORE = (
    ":",
    "=",
    "@",
    "://",
    "/",
    ",",
    "[",
    "]",
    '"',
    "'",
    "\\",
    "key",
    "value: ",
    "name: ",
    "# ",
    "a",
    "Bearer ",
    "RUN ",
    "&",
)


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from(PIECES + MORE), max_size=9).map("".join), min_size=1, max_size=4))
def test_what_is_not_looked_at_for_want_of_a_hint_holds_nothing(lines: list[str]) -> None:
    quick = [redaction.source_line(lines, number) for number in range(1, len(lines) + 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_has_any", lambda *_: True)
        patch.setattr(redaction, "_stands_alone", lambda *_: False)
        assert quick == [redaction.source_line(lines, number) for number in range(1, len(lines) + 1)]
