"""A stage's final configuration, by what BuildKit leaves in the image."""

from __future__ import annotations

import pytest

from seatrial.files.dockerfile import Image, read_dockerfile, resolve
from seatrial.files.dockerfile.durations import parse_duration
from seatrial.model.place import Place
from seatrial.model.service import Copy, Port


def image(text: str, target: str | None = None, **build_args: str) -> Image:
    return resolve(read_dockerfile(text, "Dockerfile"), target, build_args)


def environment(found: Image) -> dict[str, str]:
    return {name: value.value for name, value in found.environment.items()}


def test_commands_keep_their_form_and_their_place() -> None:
    found = image('FROM a\nENTRYPOINT ["/entry", "x"]\nCMD npm start\n')
    assert found.entrypoint is not None and found.command is not None
    assert (found.entrypoint.value, found.entrypoint_shell_form) == (("/entry", "x"), False)
    assert (found.command.value, found.command_shell_form) == (("/bin/sh", "-c", "npm start"), True)
    assert found.command.place == Place("Dockerfile", 3, 5, 3, 14)


def test_the_shell_in_force_is_the_one_before_the_command() -> None:
    found = image('FROM a\nCMD one\nSHELL ["/bin/bash", "-ec"]\nENTRYPOINT two $HOME\n')
    assert found.command is not None and found.entrypoint is not None
    assert found.command.value == ("/bin/sh", "-c", "one")
    assert found.entrypoint.value == ("/bin/bash", "-ec", "two $HOME")
    assert found.shell.value == ("/bin/bash", "-ec")


def test_nothing_said_leaves_what_the_base_image_has() -> None:
    found = image("FROM a\n")
    assert (found.entrypoint, found.command, found.user, found.workdir, found.healthcheck) == (None,) * 5


def test_an_empty_list_clears() -> None:
    found = image("FROM a\nENTRYPOINT []\nCMD []\n")
    assert found.entrypoint is not None and found.command is not None
    assert (found.entrypoint.value, found.command.value) == ((), ())


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("FROM a AS b\nCMD one\nFROM b\nENTRYPOINT two\n", ()),
        ("FROM a AS b\nCMD one\nENTRYPOINT two\nFROM b\n", ("/bin/sh", "-c", "one")),
        ("FROM a\nENTRYPOINT two\n", ()),
        ("FROM a\nCMD one\nENTRYPOINT two\n", ("/bin/sh", "-c", "one")),
        ("FROM a\nENTRYPOINT two\nCMD one\n", ("/bin/sh", "-c", "one")),
    ],
)
def test_an_entrypoint_resets_a_command_that_is_inherited(text: str, command: tuple[str, ...]) -> None:
    found = image(text).command
    assert found is not None
    assert found.value == command


def test_a_stage_inherits_all_along_its_chain() -> None:
    text = (
        "ARG TAG=12\nFROM debian:$TAG AS base\nENV A=1\nUSER app\nWORKDIR /srv\nEXPOSE 80\nLABEL x=y\n"
        "FROM other AS unrelated\nENV B=2\nFROM base AS Child\nENV C=$A$B\nWORKDIR sub\nFROM child\n"
    )
    found = image(text)
    assert [base.value for base in found.bases] == ["child", "base", "debian:12"]
    assert environment(found) == {"A": "1", "C": "1"}
    assert found.user is not None and found.workdir is not None
    assert (found.user.value, found.workdir.value, found.workdir_known) == ("app", "/srv/sub", True)
    assert found.labels["x"].value == "y"


def test_a_target_is_a_name_in_any_case_or_a_number() -> None:
    text = "FROM a AS one\nUSER x\nFROM b AS two\nUSER y\n"
    users = [image(text, target).user for target in (None, "ONE", "0", "1")]
    assert [user.value if user else None for user in users] == ["y", "x", "x", "y"]


def test_an_unknown_target_is_a_finding_that_names_the_stages() -> None:
    (finding,) = image("FROM a AS one\n", "three").findings
    assert "three" in finding.message
    assert "one" in finding.remedy


def test_the_name_of_a_later_stage_is_an_image() -> None:
    assert [base.value for base in image("FROM b\nFROM x AS b\n", "0").bases] == ["b"]


@pytest.mark.parametrize(
    ("build_args", "expected"),
    [({}, "1 2 out "), ({"A": "x"}, "x 2 out "), ({"B": "y", "PREDEFINED": "z"}, "1 y out z")],
)
def test_arguments_come_from_the_command_line_the_default_or_the_global_one(
    build_args: dict[str, str], expected: str
) -> None:
    text = 'ARG A=0\nARG G=out\nFROM a\nARG A=1\nARG B=2 G\nARG PREDEFINED\nENV ALL="$A $B $G $PREDEFINED"\n'
    assert environment(image(text, **build_args)) == {"ALL": expected}


def test_a_global_argument_is_unknown_in_a_stage_that_does_not_say_arg() -> None:
    assert environment(image("ARG A=1\nFROM a$A\nENV B=x$A\n")) == {"B": "x"}


def test_predefined_platform_arguments_can_be_used_in_from_and_after_arg() -> None:
    text = "FROM --platform=$BUILDPLATFORM a-$TARGETARCH\nARG TARGETOS\nENV O=$TARGETOS N=$TARGETARCH\n"
    found = image(text, TARGETARCH="arm64")
    assert found.platform is not None
    assert (found.platform.value, found.bases[0].value) == ("linux/amd64", "a-arm64")
    assert environment(found) == {"O": "linux", "N": ""}


def test_assignments_of_one_instruction_take_the_old_values() -> None:
    found = image("FROM a\nENV A=1\nENV A=2 B=$A\nENV C=$A\nENV PATH=/x:$PATH\n")
    assert environment(found)["B"] + environment(found)["C"] == "12"
    assert environment(found)["PATH"].startswith("/x:/usr/local/sbin:")


def test_the_old_form_of_env_takes_the_rest_of_the_line() -> None:
    assert environment(image('FROM a\nENV A some "quoted" = text\n')) == {"A": "some quoted = text"}


@pytest.mark.parametrize(
    ("lines", "workdir", "known"),
    [
        ("WORKDIR /a", "/a", True),
        ("WORKDIR /a\nWORKDIR b/../c/", "/a/c", True),
        ("WORKDIR /a\nWORKDIR ../../..", "/", True),
        ("WORKDIR b", "/b", False),
        ("ENV D=/x\nWORKDIR $D/y", "/x/y", True),
    ],
)
def test_a_relative_workdir_follows_the_one_before(lines: str, workdir: str, known: bool) -> None:
    found = image(f"FROM a\n{lines}\n")
    assert found.workdir is not None
    assert (found.workdir.value, found.workdir_known) == (workdir, known)


def test_the_workdir_of_scratch_is_known() -> None:
    found = image("FROM scratch\nWORKDIR app\n")
    assert found.workdir_known


def test_a_health_check_has_its_times_in_seconds() -> None:
    text = (
        "FROM a\nHEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=500ms --start-interval=2s --retries=4 "
        'CMD ["/probe", "$X"]\n'
    )
    check = image(text).healthcheck
    assert check is not None
    assert check.test.value == ("CMD", "/probe", "$X")
    times = (check.interval, check.timeout, check.start_period, check.start_interval)
    assert [each.value for each in times] == [90.0, 1.5, 0.5, 2.0]
    assert check.retries.value == 4
    assert check.interval.place == Place("Dockerfile", 2, 24, 2, 29)


def test_the_last_health_check_replaces_the_one_before_as_a_whole() -> None:
    text = "FROM a AS b\nHEALTHCHECK --retries=9 CMD one\nFROM b\nHEALTHCHECK --timeout=2s cmd two\n"
    check = image(text).healthcheck
    assert check is not None
    assert (check.test.value, check.retries.value, check.timeout.value) == (("CMD-SHELL", "two"), 0, 2.0)


def test_a_health_check_can_be_switched_off() -> None:
    check = image("FROM a\nHEALTHCHECK CMD x\nHEALTHCHECK none\n").healthcheck
    assert check is not None
    assert check.is_disabled


def test_ports_are_expanded_and_ranges_spelled_out() -> None:
    found = image("FROM a\nARG P=3000\nEXPOSE $P 53/UDP 8000-8002 3000\n")
    assert [port.value for port in found.ports] == [
        Port(3000),
        Port(53, "udp"),
        Port(8000),
        Port(8001),
        Port(8002),
    ]


def test_copies_from_the_context_have_absolute_targets() -> None:
    text = (
        "FROM a AS b\nWORKDIR /srv\nCOPY package*.json /x/../etc/ ./\nCOPY --from=c /y /z\nADD https://e.org/f /f\n"
        "FROM b\nARG WHO=me\nCOPY --chown=$WHO:$WHO . app\nCOPY <<F local /conf/\nF\n"
    )
    assert [copy.value for copy in image(text).copies] == [
        Copy(("package*.json", "etc"), "/srv/"),
        Copy((".",), "/srv/app", "me:me"),
        Copy(("local",), "/conf/"),
    ]


def test_triggers_are_carried_out_in_the_child_and_only_there() -> None:
    text = "FROM a AS b\nONBUILD ENV A=1\nONBUILD CMD two\nFROM b AS c\nENTRYPOINT x\nFROM c\n"
    parent, child = image(text, "b"), image(text, "c")
    assert (environment(parent), len(parent.triggers)) == ({}, 2)
    assert (environment(child), child.triggers) == ({"A": "1"}, ())
    assert child.command is not None
    assert child.command.value == ("/bin/sh", "-c", "two")
    assert child.command.place == Place("Dockerfile", 3, 13, 3, 16)
    assert environment(image(text)) == {"A": "1"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("STOPSIGNAL SIGNOPE", "not a signal"),
        ("ENV A=${B", "can't be expanded"),
        ("USER ${U:?name it}", "U: name it"),
        ("EXPOSE web", "not a port"),
        ("EXPOSE 80/icmp", "not a protocol"),
        ("EXPOSE 90-80", "ends before"),
        ("EXPOSE 70000", "not a port"),
        ("VOLUME $NOTHING", "empty"),
        ("COPY --from=5 a b", "no stage 5"),
        ("COPY --from=0 a b", "its own stage"),
        ("COPY --from=$X a b", "variable"),
        ("WORKDIR 'open", "single-quote"),
    ],
)
def test_what_docker_refuses_while_building_is_a_finding(line: str, message: str) -> None:
    (finding,) = image(f"FROM a\n{line}\nCMD x\n").findings
    assert message in finding.message
    assert finding.place.line == 2


def test_an_empty_base_name_is_a_finding() -> None:
    (finding,) = image("ARG TAG=$NOBODY\nFROM $TAG\n").findings
    assert (finding.place.line, finding.place.column) == (2, 6)


@pytest.mark.parametrize("base", ["alpine:$VERSION", "${REGISTRY}alpine:3", "$BASE"])
def test_a_variable_of_a_base_that_no_argument_declares_is_a_finding(base: str) -> None:
    (finding,) = image(f"FROM {base}\n").findings
    assert "declared by no ARG" in finding.message and finding.place.column == 6
    assert not image(f"ARG VERSION\nARG REGISTRY\nARG BASE\nFROM {base}\n").findings
    assert not image("FROM alpine:${VERSION:-3}\n").findings


@pytest.mark.parametrize("base", ["a/b:sha256:c53", "gcr.io//a:1", "Node:22", "node:", "-a", "a:b c"[:3] + "/x"])
def test_what_is_no_name_of_an_image_is_a_finding(base: str) -> None:
    (finding,) = image(f"FROM {base}\n").findings
    assert "no name of an image" in finding.message


@pytest.mark.parametrize(
    "base",
    [
        "node",
        "node:22.1-slim",
        "localhost:5000/a/b_c:v1",
        "a.org/b__c/d-e.f@sha256:" + "a" * 64,
        "[::1]:5000/a:1",
        "A.org/b",
    ],
)
def test_a_name_of_an_image_is_none(base: str) -> None:
    assert not image(f"FROM {base}\n").findings


def test_a_base_that_whoever_builds_it_has_to_give_is_none() -> None:
    assert not image("ARG BASE\nFROM ${BASE}\n").findings
    assert not image("ARG VERSION=\nFROM a.org/b:$VERSION\n").findings


@pytest.mark.parametrize("signal", ["SIGQUIT", "quit", "3", "RTMIN+3"])
def test_a_stop_signal_is_kept_as_written(signal: str) -> None:
    found = image(f"FROM a\nARG S={signal}\nSTOPSIGNAL $S\n").stop_signal
    assert found is not None
    assert found.value == signal


def test_broken_instructions_have_no_effect() -> None:
    found = image("FROM a\nHEALTHCHECK --retries=x CMD y\nSHELL bash\nONBUILD FROM b\n")
    assert (found.healthcheck, found.triggers, found.shell.place) == (None, (), None)


def test_a_file_without_a_stage_resolves_to_nothing() -> None:
    assert image("").bases == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1h2m3s", 3723.0),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("10ms", 0.01),
        ("3µs", 3e-6),
        ("-1s", -1.0),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "s", "1 s", ".s", "1d", "1s2", "+", "-", "1e3s", "99999999999h", "1.5.5s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_values_that_double_can_not_fill_the_memory() -> None:
    found = image("FROM a\nENV A=aaaaaaaa\n" + "ENV A=$A$A\n" * 40 + "ENV B=$A\n" * 5)
    assert any("grows" in finding.message for finding in found.findings)
    assert len(found.environment["A"].value) < 1_000_000
