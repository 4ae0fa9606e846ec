"""Secrets: where they come from, and that they stay secret."""

from __future__ import annotations

import copy
import dataclasses
import logging
import pickle
import traceback
from pathlib import Path

import pytest

from seatrial.drain import Secret, SecretError, secret

VALUE = "hunter2-very-secret"


def test_the_file_that_the_variable_names_comes_first(tmp_path: Path) -> None:
    named, mounted = tmp_path / "named", tmp_path / "db_password"
    named.write_text(f"  {VALUE}\n")
    mounted.write_text("other")
    found = secret("DB_PASSWORD", folder=str(tmp_path), environ={"DB_PASSWORD_FILE": str(named)})
    assert (found.value, found.source) == (VALUE, str(named))


def test_a_mounted_secret_comes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "db_password").write_text(VALUE)
    assert secret("DB_PASSWORD", folder=str(tmp_path), environ={"DB_PASSWORD": "other"}).value == VALUE


def test_the_environment_comes_last(tmp_path: Path) -> None:
    found = secret("DB_PASSWORD", folder=str(tmp_path), environ={"DB_PASSWORD": f"{VALUE}\n"})
    assert (found.value, found.source) == (VALUE, "environment")


def test_a_missing_secret_says_where_it_could_be(tmp_path: Path) -> None:
    with pytest.raises(SecretError) as caught:
        secret("DB_PASSWORD", folder=str(tmp_path), environ={})
    for part in ("DB_PASSWORD_FILE", f"{tmp_path}/db_password", "environment", "hint:"):
        assert part in str(caught.value)


def test_a_secret_given_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="given twice"):
        secret("A", folder=str(tmp_path), environ={"A": "x", "A_FILE": "/y"})


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_secret_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(SecretError, match="A is empty"):
        secret("A", folder=str(tmp_path), environ={"A": text})


def test_a_file_that_is_missing_is_an_error_and_not_skipped(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="can't be read: No such file"):
        secret("A", folder=str(tmp_path), environ={"A_FILE": str(tmp_path / "absent")})


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SecretError, match="not UTF-8"):
        secret("A", folder=str(tmp_path), environ={})


def test_a_secret_can_be_typed(tmp_path: Path) -> None:
    found: Secret[int] = secret("PORT", int, folder=str(tmp_path), environ={"PORT": " 5432 "})
    assert found.value == 5432


def test_an_error_of_the_type_does_not_show_the_value(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="is no int") as caught:
        secret("PORT", int, folder=str(tmp_path), environ={"PORT": VALUE})
    assert VALUE not in "".join(traceback.format_exception(caught.value))


def test_no_error_of_any_kind_shows_the_value(tmp_path: Path) -> None:
    def named(text: str) -> str:
        return {"known": "yes"}[text]

    with pytest.raises(SecretError, match="secret KIND is no named") as caught:
        secret("KIND", named, folder=str(tmp_path), environ={"KIND": "hush"})
    assert "hush" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_default_stands_in_for_a_missing_secret(tmp_path: Path) -> None:
    assert secret("PORT", int, default=1, folder=str(tmp_path), environ={}).value == 1


def test_a_secret_is_not_shown_by_accident(caplog: pytest.LogCaptureFixture) -> None:
    hidden = Secret("A", VALUE, "environment")
    logging.getLogger("test").warning("it is %s and %r", hidden, hidden)
    shown = f"{hidden} {hidden!r} {hidden:>40} {[hidden]} {caplog.text}"
    assert VALUE not in shown
    assert "<secret A from environment>" in shown
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(hidden)


def test_secrets_compare_by_value() -> None:
    assert Secret("A", VALUE, "x") == Secret("B", VALUE, "y")
    assert Secret("A", VALUE, "x") != Secret("A", "other", "x")
    assert Secret("A", VALUE, "x") != VALUE


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\xff", b"s3cret" * 200_000, None, b"twice"])
def test_no_frame_of_an_error_has_the_value_among_its_variables(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "port").write_bytes(content)
        monkeypatch.setenv("DB_PORT_FILE", str(tmp_path / "port"))
    if content in (None, b"twice"):
        monkeypatch.setenv("DB_PORT", "s3cret")
    with pytest.raises(SecretError) as caught:
        secret("DB_PORT", int, folder=str(tmp_path))
    frames = [frame for frame in caught.traceback if frame.path.name == "secrets.py"]
    assert frames
    assert "s3cret" not in repr([frame.frame.f_locals for frame in frames])


def test_copies_of_settings_keep_the_secret_closed(tmp_path: Path) -> None:
    @dataclasses.dataclass
    class Settings:
        password: Secret[str]

    settings = Settings(secret("DB_PASSWORD", folder=str(tmp_path), environ={"DB_PASSWORD": "s3cret"}))
    for copied in (dataclasses.asdict(settings), copy.copy(settings), copy.deepcopy(settings)):
        assert "s3cret" not in repr(copied)
    assert dataclasses.asdict(settings)["password"].value == "s3cret"


def test_a_folder_that_may_not_be_searched_is_an_error_and_not_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(SecretError, match="can't be read: Permission denied"):
        secret("DB_PASSWORD", folder=str(tmp_path), environ={"DB_PASSWORD": "x"})
