"""A project as it is to be kept running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.files.join.fleet import read_fleet
from seatrial.model.codec import WrongError, decode, encode
from seatrial.model.deployment import Deployment, Fleet, Hook, Restarting
from seatrial.model.errors import InputError, NothingFoundError

HERE = "services:\n  web:\n    image: node:22\n    command: [node, server.js]\n"


def fleet(directory: Path, text: str, **environment: str) -> Fleet:
    (directory / "compose.yaml").write_text(text)
    return read_fleet(directory, environment=environment)


def web(directory: Path, more: str = "", **environment: str) -> Deployment:
    found = fleet(directory, HERE + more, **environment).deployment("web")
    assert found is not None
    return found


def test_a_project_survives_json(tmp_path: Path) -> None:
    read = fleet(
        tmp_path,
        HERE + "    deploy: {replicas: 2, restart_policy: {condition: on-failure, delay: 2s, window: 1m}}\n"
        "    labels: {a: b}\n    environment: {PORT: '3000'}\n    stop_grace_period: 30s\n"
        "    healthcheck: {test: [CMD, 'true'], interval: 1s}\n    ports: ['8080:3000']\n    mem_limit: 64m\n",
    )
    assert decode(Fleet, json.loads(json.dumps(encode(read)))) == read


def test_a_bad_value_says_where_it_stands() -> None:
    with pytest.raises(WrongError, match=r"deployments\[0\]\.replicas: a whole number was expected, not a string"):
        decode(
            Fleet,
            {
                "name": "a",
                "directory": "/",
                "deployments": [{"service": {"name": "a", "context": "/", "argv": None}, "replicas": "two"}],
            },
        )


def test_hooks_keep_their_order_and_split_strings_without_a_shell(tmp_path: Path) -> None:
    hooks = web(
        tmp_path,
        "    post_start:\n      - {command: 'touch \"a b\"'}\n      - {command: [sync], user: root, privileged: true}\n"
        "    pre_stop:\n      - {command: [sleep, '1'], environment: [A=1], working_dir: /tmp}\n",
    ).hooks
    assert hooks.post_start == (Hook(("touch", "a b")), Hook(("sync",), user="root", privileged=True))
    assert hooks.pre_stop == (Hook(("sleep", "1"), working_dir="/tmp", environment={"A": "1"}),)


def test_a_hook_without_a_command_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"compose.yaml:6:.* needs a command"):
        web(tmp_path, "    pre_stop:\n      - {user: root}\n")


def test_deploys_restart_policy_keeps_delay_and_window(tmp_path: Path) -> None:
    policy = "    deploy: {restart_policy: {condition: on-failure, delay: 2s, window: 1m, max_attempts: 3}}\n"
    assert web(tmp_path, policy).restarting == Restarting("on-failure:3", 2.0, 60.0, 3)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("{on_unhealthy: explode}", "restart or stop"),
        ("{on_unhealty: stop}", "no key 'on_unhealty'"),
        ("[a]", "must be a mapping"),
    ],
)
def test_what_belongs_to_seatrial_is_checked(tmp_path: Path, own: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        web(tmp_path, f"    x-seatrial: {own}\n")


def test_what_belongs_to_seatrial_is_read(tmp_path: Path) -> None:
    read = web(tmp_path, "    x-seatrial: {on_unhealthy: restart, probe: 'http://127.0.0.1:3000/health'}\n")
    assert (read.on_unhealthy, read.probe) == ("restart", "http://127.0.0.1:3000/health")


def test_the_restart_policy_of_deploy_wins_over_the_older_key(tmp_path: Path) -> None:
    said = "    restart: always\n    deploy: {restart_policy: {condition: none}}\n"
    assert web(tmp_path, said).restarting.policy == "no"


def test_a_probe_without_a_command_keeps_the_times_of_the_health_check(tmp_path: Path) -> None:
    said = "    x-seatrial: {probe: 'tcp://127.0.0.1:1'}\n    healthcheck: {interval: 2s, retries: 7}\n"
    check = web(tmp_path, said).service.healthcheck
    assert check is not None
    assert (check.interval.value, check.retries.value) == (2.0, 7)


def test_secrets_come_from_files_and_variables_and_are_missed_by_name(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x")
    top = "secrets:\n  password: {file: ./password}\n  token: {environment: TOKEN}\n"
    files = web(tmp_path, "    secrets: [password, token]\n" + top, TOKEN="t").service.granted
    assert [(each.target, each.file, each.content) for each in files] == [
        ("/run/secrets/password", str(tmp_path / "password"), None),
        ("/run/secrets/token", "", "t"),
    ]
    (tmp_path / ".env").write_text("TOKEN=of the project\n")
    files = web(tmp_path, "    secrets: [token]\n" + top).service.granted
    assert [each.content for each in files] == ["of the project"]
    (tmp_path / ".env").unlink()
    with pytest.raises(InputError, match="TOKEN, which is not set"):
        web(tmp_path, "    secrets: [password, token]\n" + top)
    with pytest.raises(InputError, match=r"kept by another engine"):
        web(tmp_path, "    secrets: [one]\nsecrets:\n  one: {external: true}\n")


def test_one_name_is_not_enough_for_two_replicas(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"container_name can.t be shared by 2 replicas"):
        web(tmp_path, "    container_name: only\n    scale: 2\n")


def test_an_error_in_the_files_keeps_the_project_from_being_started(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"compose.yaml:5:.*mem_limit"):
        web(tmp_path, "    mem_limit: lots\n")


def test_a_directory_without_a_compose_file_has_nothing_to_bring_up(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="no compose file"):
        read_fleet(tmp_path, environment={})
