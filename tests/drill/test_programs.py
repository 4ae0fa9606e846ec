"""What stands in for a dependency: which program, with which words and rights, and what is said where there is none."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.drill import programs, standing
from seatrial.drill.acts.rollout import PREFIX, sweep
from seatrial.drill.dependencies import Dependency
from seatrial.drill.programs import DATA, PROGRAMS, Program, StandIn, Step, lacking, lowered
from seatrial.drill.surroundings import Surroundings
from seatrial.engine.native import beside, leftovers
from seatrial.model.redaction import Redactor
from tests.requirements import require

DATABASE = Dependency("db", 5432, "postgres", "variable DB", user="me", database='a"b')
SHELL = Program(
    "a shell", ("sh",), ("{program}", "-c", "sleep 9"), (Step(("{program}", "-c", "cat >{data}/said"), "hi"),)
)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell is what speaks PostgreSQL."""
    allowed = subprocess.run(["unshare", "--user", "--mount", "true"], capture_output=True, check=False).returncode == 0
    require("" if allowed or os.geteuid() == 0 else "user namespaces are forbidden here")
    monkeypatch.setattr(standing, "PROGRAMS", {"postgres": SHELL})


async def read_beside(one: StandIn) -> str:
    """What a program reads in its copy of a folder."""
    words = standing.beginning(one, ("cat", f"{DATA}/said"))
    reading = await asyncio.create_subprocess_exec(
        *beside.command({}, [*words]), pass_fds=(one.template,), stdout=asyncio.subprocess.PIPE
    )
    return (await reading.communicate())[0].decode()


def stood_in(
    *dependencies: Dependency, neighbours: dict[str, str] | None = None, clean: Callable[[str], str] = str
) -> tuple[StandIn, ...]:
    """What stands in, and whoever has a folder has found in its own copy what was prepared."""

    async def whole() -> tuple[StandIn, ...]:
        async with standing.standing(dependencies, neighbours, clean) as ready:
            for one in ready:
                if one.template >= 0:
                    assert await read_beside(one) == "hi"
            return ready

    return asyncio.run(whole())


def test_words_are_filled_in_and_names_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Program, "found", lambda _self: "/opt/postgres/bin/postgres")
    program = PROGRAMS["postgres"]
    words = program.filled(program.words, replace(DATABASE, address="127.77.1.2"))
    assert words[:6] == ("/opt/postgres/bin/postgres", "-D", DATA, "-F", "-p", "5432")
    assert "listen_addresses=127.77.1.2" in words
    initdb, single = program.steps
    assert program.filled(initdb.words, DATABASE)[:5] == ("/opt/postgres/bin/initdb", "-D", DATA, "-U", "me")
    assert program.text(single, DATABASE).startswith('CREATE DATABASE "a""b"\n')
    assert program.text(single, replace(DATABASE, database="")).startswith('CREATE DATABASE "me"\n')
    assert program.text(single, replace(DATABASE, user="", database="")).startswith('CREATE DATABASE "postgres"\n')
    assert program.text(single, replace(DATABASE, database="x\n\\! rm")).splitlines()[0] == 'CREATE DATABASE "x\\! rm"'
    other = PROGRAMS["mysql"]
    assert "CREATE DATABASE `app`;" in other.text(other.steps[0], replace(DATABASE, user="", database=""))


def test_the_newest_version_of_a_program_is_taken(tmp_path: Path) -> None:
    for version in ("9", "16", "15"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "postgres").touch()
    program = Program("x", ("no-such-program", f"{tmp_path}/*/postgres"), ())
    assert program.found() == f"{tmp_path}/16/postgres"


@pytest.mark.parametrize(
    ("user", "beside", "expected"),
    [
        (0, True, ["unshare", "--ipc", "setpriv", "--reuid", "65534"]),
        (0, False, ["setpriv", "--reuid", "65534"]),
        (1000, True, ["unshare", "--ipc", "--user", "--map-user=65534"]),
        (1000, False, ["postgres", "-D"]),
    ],
)
def test_no_program_has_the_rights_of_root(
    user: int, beside: bool, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    words = lowered(PROGRAMS["postgres"], ("postgres", "-D"), beside=beside)
    assert list(words[: len(expected)]) == expected
    assert words[-2:] == ("postgres", "-D")
    assert lowered(PROGRAMS["http"], ("python",), beside=beside) == ("python",)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs.shutil, "which", lambda name: None if name == "setpriv" else f"/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert lacking(PROGRAMS["redis"]).startswith("setpriv (util-linux)")
    assert lacking(PROGRAMS["http"]) == ""
    monkeypatch.setattr(programs.shutil, "which", lambda _name: None)
    assert lacking(PROGRAMS["redis"]) == "Redis is not installed here"


def test_a_folder_is_prepared_and_copied_where_nobody_else_sees_it(found: None) -> None:
    (one,) = stood_in(DATABASE)
    assert one.is_started
    assert "this machine's a shell, empty" in one.described
    assert not Path(DATA).exists()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(one.template)


def test_what_can_not_be_prepared_is_not_there(found: None, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = replace(SHELL, steps=(Step(("{program}", "-c", "echo no room; exit 1")),))
    monkeypatch.setattr(standing, "PROGRAMS", {"postgres": fails})
    (one,) = stood_in(DATABASE)
    assert not one.is_started
    assert "not there (a shell could not be prepared: no room)" in one.described


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", "it said nothing"),
        (b"one\ntwo\n\n", "two"),
        (b"x" * 297 + b"topsecret", "x" * 297 + "[re"),
        (b"x" * 290 + b" redis://me:0123456789@db", "x" * 290 + " redis://m"),
        (b"x" * standing.KEPT, "it said nothing"),
        (b"secret\n" + b"x" * (standing.KEPT - 7), "x" * 300),
    ],
)
def test_the_last_line_is_clean_before_it_is_cut_and_none_without_its_begin(said: bytes, told: str) -> None:
    assert standing.last_line(said, Redactor(["topsecret"]).text) == told


def test_what_can_not_be_prepared_says_why_without_secrets(found: None, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = replace(SHELL, steps=(Step(("{program}", "-c", "echo no room for topsecret; exit 1")),))
    monkeypatch.setattr(standing, "PROGRAMS", {"postgres": fails})
    (one,) = stood_in(DATABASE, clean=Redactor(["topsecret"]).text)
    assert "a shell could not be prepared: no room for [redacted]" in one.described


def test_nothing_is_written_into_a_memory_that_others_see(found: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "command", lambda _namespaces, argv: argv)
    (one,) = stood_in(DATABASE)
    assert "a shell could not be prepared: it can have no memory of its own here" in one.described
    assert not Path(DATA).exists()


def test_an_engines_own_is_what_it_is(found: None) -> None:
    own, strange = stood_in(DATABASE, replace(DATABASE, host="far"), neighbours={"db": "172.17.0.2"})
    assert (own.elsewhere, own.described) == (("172.17.0.2", 5432), "db:5432 (variable DB): as its files say")
    assert strange.elsewhere is None
    assert "not there" in strange.described
    assert Surroundings((own, strange)).hosts == {}, "where nothing is cut off the engine's own names are used"
    assert Surroundings((own, strange), relayed=True).hosts == {"db": "127.0.0.1", "far": "127.0.0.1"}


def test_what_answers_and_is_nothing_like_it_is_there_only_where_it_is_cut_off() -> None:
    one = standing.told(Dependency("api", 80, "http", "variable API"))
    assert not one.is_started
    assert one.described.endswith(
        "not there, but for an HTTP server that answers every request with 200 when it is cut off"
    )
    assert Surroundings([one]).found == ()
    assert Surroundings([one], relayed=True).found == (one,)


def test_what_a_killed_trial_left_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a live process made stays, and so does what one of another PID namespace did, who can't be seen from here;
    that its number is another's by now helps nobody."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    living = leftovers.name(1)
    owner, ticks, number = living.rsplit("-", 3)[1:]
    namespace = living.removesuffix(f"-{owner}-{ticks}-{number}")
    stays = {PREFIX + living, f"{PREFIX}seatrial-1-999999999-1-1", "rollout-of-another-program"}
    for name in (*stays, f"{PREFIX}{namespace}-{owner}-{int(ticks) - 1}-1", f"{PREFIX}{namespace}-999999999-1-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "socket").touch()
    sweep()
    assert {path.name for path in tmp_path.iterdir()} == stays
