"""Recordings survive the way to JSON and back; bad files are told by their place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.drill import archive
from seatrial.model import recording as recording_values
from seatrial.model import service as service_values
from seatrial.model import traffic as traffic_values
from seatrial.model import values
from seatrial.model.errors import InputError
from seatrial.model.recording import FORMAT, FileGrown, Recording

from .recordings import STOP, all_good, load, recording

GREW = load(files=(FileGrown("/var/log/app.log", None, 100, marked=True),))
WHOLE = replace(all_good(), runs=(*all_good().runs, GREW))
"""With a value of each kind."""


def test_a_recording_is_the_same_after_writing_and_reading() -> None:
    assert archive.loads(archive.dumps(WHOLE)) == WHOLE


def test_a_saved_file_is_read_back(tmp_path: Path) -> None:
    told = recording(STOP)
    archive.save(told, tmp_path / "trial.json")
    assert archive.load(tmp_path / "trial.json") == told
    assert [path.name for path in tmp_path.iterdir()] == ["trial.json"]


def _any_recording() -> st.SearchStrategy[Recording]:
    """Recordings of any values. Hypothesis reads the arguments of a class from its `__init__`: it has to be written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "_FEW", 0)
        for kind in {**vars(recording_values), **vars(traffic_values), **vars(service_values)}.values():
            if isinstance(kind, type) and hasattr(kind, "__values__"):
                kind(*(None for _ in kind.__match_args__))
    return st.from_type(Recording)


@settings(max_examples=8, deadline=None)
@given(told=st.deferred(_any_recording))
def test_any_recording_is_the_same_after_writing_and_reading(told: Recording) -> None:
    told = replace(told, format=FORMAT)
    try:
        text = archive.dumps(told)
    except ValueError as error:
        assert "Out of range float" in str(error)  # the clock never gives such a time
    else:
        assert archive.loads(text) == told


def change(path: list[Any], value: Any) -> str:
    """The text of a good recording with one value replaced (or removed, for `...`)."""
    data = json.loads(archive.dumps(recording(STOP)))
    inner = data
    for step in path[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["format"], 99, "format: 99 is not supported"),
        (["format"], True, "format: True is not supported"),
        (["format"], ..., "format: is missing"),
        (["runs"], {}, "runs: an array was expected, not an object"),
        (["runs", 0, "scenario"], "dance", "runs[0].scenario: 'dance' is none of 'stop'"),
        (["runs", 0, "grace"], "10", "runs[0].grace: a number was expected, not a string"),
        (["runs", 0, "grace"], True, "runs[0].grace: a number was expected, not true or false"),
        (["runs", 0, "grace"], 10**400, "runs[0].grace: the number is too large"),
        (["runs", 0, "exit", "code"], 1.5, "runs[0].exit.code: a whole number was expected, not a number"),
        (["runs", 0, "exit"], [], "runs[0].exit: an object was expected, not an array"),
        (["runs", 0, "readiness", "ready"], ..., "runs[0].readiness.ready: is missing"),
        (["runs", 0, "connections", 0, "ending"], None, "runs[0].connections[0].ending: 'None' is none of"),
        (["subject", "argv"], None, "subject.argv: an array was expected, not null"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(path: list[Any], value: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        archive.loads(change(path, value), "trial.json")
    assert said in caught.value.message
    assert str(caught.value).startswith("trial.json:1:1: ")


def test_fields_of_a_newer_writer_are_ignored_and_missing_ones_take_their_default() -> None:
    data = json.loads(archive.dumps(recording(STOP)))
    data["weather"] = "fair"
    del data["runs"][0]["load_lag"]
    assert archive.loads(json.dumps(data)).runs[0].load_lag == 0.0


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "is not JSON"),
        ("{\n  oops", 2, "is not JSON"),
        ("[" * 100_000, 1, "is not"),
        ("[]", 1, "an object was expected, not an array"),
        ("null", 1, "an object was expected, not null"),
        ('{"format": NaN}', 1, "NaN is not a number"),
        ('{"format": 1' + "0" * 5000 + "}", 1, "is not a recording"),
    ],
)
def test_what_is_no_recording_is_an_input_error(text: str, line: int, said: str) -> None:
    with pytest.raises(InputError) as caught:
        archive.loads(text, "trial.json")
    assert said in caught.value.message
    assert caught.value.place is not None
    assert caught.value.place.line == line


def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\x1f\x8b\xff\x00")
    for path in (tmp_path / "missing.json", tmp_path, binary):
        with pytest.raises(InputError):
            archive.load(path)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        archive.save(recording(STOP), tmp_path / "missing" / "trial.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError):
        archive.save(recording(STOP), tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
