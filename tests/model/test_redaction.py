"""Which values a recording itself shows to be secrets. How text is masked is tested with the reports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.model.redaction import REDACTED, Redactor, argv, argv_secrets, secrets_of
from tests.report import sample


@pytest.mark.parametrize(
    ("words", "secrets"),
    [
        (("app", "--token", "f00dfeed"), {"f00dfeed"}),
        (("app", "--password=s3cr3t-s3cr3t"), {"s3cr3t-s3cr3t"}),
        (("app", "postgres://me:p%40ssword@db/x"), {"p%40ssword", "p@ssword"}),
        (("curl", "-u", "me:letmein1"), {"letmein1"}),
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


def test_a_recording_knows_the_secrets_of_every_command_line_in_it() -> None:
    run = sample.good_run()
    child = replace(run.processes[0], argv=("worker", "--token", "child-token"))
    subject = replace(
        sample.GOOD.subject,
        argv=("npm", "start", "--token", "outer-token"),
        final_argv=("node", "--token", "inner-token"),
        healthcheck=("CMD", "probe", "--token", "probe-token"),
    )
    told = replace(sample.GOOD, subject=subject, runs=(replace(run, processes=(child,)),))
    assert set(secrets_of(told)) == {"outer-token", "inner-token", "probe-token", "child-token"}
    assert "-token'" not in repr(Redactor(secrets_of(told)).value(told)).replace("'--token'", "")
