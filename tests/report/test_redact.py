"""A report never shows a secret, and leaves alone what is none."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.model.recording import LogLine
from seatrial.report import redact
from seatrial.report.redact import REDACTED, Redactor, is_secret_name
from seatrial.report.trial import prepare

from . import sample

KEY = (
    "-----BEGIN RSA PRIVATE KEY-----",
    "MIIEowIBAAKCAQEAx1x1x1x1x1x1",
    "q0q0q0q0q0q0q0q0q0q0==",
    "-----END RSA PRIVATE KEY-----",
)


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("password=hunter2 user=me", "hunter2"),
        ("\x1b[32mpassword\x1b[0m=\x1b[33mhunter2\x1b[0m", "hunter2"),
        ("DB_PASSWORD: hunter2", "hunter2"),
        ('{"level":"info","password":"hun\\"ter2","a":1}', "ter2"),
        ("'apiKey': 'abc123'", "abc123"),
        ('secret = "several words here" end', "words"),
        ("GET /x?access_token=abc123&y=1", "abc123"),
        ("run --token abc123 now", "abc123"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("authorization=Bearer abc.def", "abc.def"),
        ("sent Bearer 0123456789abcdef", "0123456789abcdef"),
        ("Set-Cookie: sid=s3cr3t; Path=/", "s3cr3t"),
        ("postgres://user:p@ss@db:5432/x", "p@ss"),
        ("postgres://user:p/ss@db:5432/x", "p/ss"),
        ("redis://:s3cr3t@cache:6379", "s3cr3t"),
        ("https://0123456789abcdef0123@sentry.example/1", "0123456789abcdef0123"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "c2ln"),
        ("ghp_0123456789abcdefghijklmnopqrstuvwxyz", "0123456789abc"),
        (" ".join(KEY), "MIIEowIBAAKCAQEAx1x1x1x1x1x1"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(line: str, secret: str) -> None:
    shown = redact.text(line)
    assert secret not in shown
    assert REDACTED in shown
    assert redact.text(shown) == shown


@pytest.mark.parametrize(
    "line",
    [
        "listening on http://0.0.0.0:3000",
        "password authentication failed for user me",
        "author=me tokens=12 max_tokens=100 bypass=1 compass=2",
        "DB_PASSWORD_FILE=/run/secrets/db",
        "basic authentication is on",
        "https://example.com:8080/@me",
        "GET /users/1 200 3 ms",
    ],
)
def test_what_is_no_secret_is_left_alone(line: str) -> None:
    assert redact.text(line) == line


@pytest.mark.parametrize(
    "name", ["PASSWORD", "DB_PASSWORD", "dbPassword", "API_KEY", "AWS_SECRET_ACCESS_KEY", "SECRET_KEY_BASE"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["PORT", "PASSWORD_FILE", "AUTHOR", "COMPASS", "KEYBOARD", "NODE_ENV"])
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_an_option_and_its_value_are_two_words_of_a_command_line() -> None:
    words = ("app", "--api-key", "abc", "-u", "me:pw", "--password=x", "--port", "3000")
    assert redact.argv(words) == (
        "app", "--api-key", REDACTED, "-u", f"me:{REDACTED}", f"--password={REDACTED}", "--port", "3000",
    )  # fmt: skip


def test_known_values_are_taken_out_wherever_they_stand() -> None:
    redactor = Redactor(["hunter2", "hunter2hunter2", "ok", "true"])
    assert redactor.text("it is hunter2hunter2, ok, true") == f"it is {REDACTED}, ok, true"


def test_a_private_key_is_taken_out_of_a_log_line_by_line() -> None:
    told = [LogLine(float(n), "stderr", text) for n, text in enumerate((*KEY, "after"))]
    told.insert(2, LogLine(1.5, "stdout", "another stream"))
    shown = [line.text for line in Redactor().value(tuple(told))]
    assert shown == [REDACTED, REDACTED, "another stream", REDACTED, REDACTED, "after"]


def test_a_private_key_of_the_log_is_no_evidence_either() -> None:
    run = replace(sample.good_run(), log=tuple(LogLine(1.0, "stdout", text) for text in KEY))
    verdict = replace(sample.GOOD_VERDICTS[0], evidence=(f"stdout: {KEY[1]}", "stdout: fine"))
    trial = prepare(replace(sample.GOOD, runs=(run,)), [verdict])
    assert KEY[1] not in repr(trial)
    assert "stdout: fine" in trial.verdicts[0].evidence


def test_a_whole_trial_holds_no_secret() -> None:
    assert "hunter2" not in repr(sample.terrible())


@settings(deadline=None, max_examples=40)
@given(st.text())
def test_any_text_can_be_redacted_twice(line: str) -> None:
    once = redact.text(line)
    assert redact.text(once) == once


@pytest.mark.parametrize("line", ["token" + "a" * 20_000, "a" * 20_000 + "=token", "secret" * 3000, "a://b:" * 3000])
def test_long_lines_take_no_long_time(line: str) -> None:
    begun = time.process_time()
    redact.text(line)
    assert time.process_time() - begun < 2
