"""What a container is made with: exactly what the files say, and nothing of the user's that it could change."""

from __future__ import annotations

from typing import Any

from seatrial.engine.docker.creation import Surroundings, body, ports
from seatrial.engine.interface import StartOptions
from seatrial.model.place import Sourced
from seatrial.model.service import Healthcheck, Limits, Mount, Port, Service, Ulimit

AROUND = Surroundings("sha256:1", {"seatrial.owner": "me"})


def service(**changes: Any) -> Service:
    return Service("api", "/nowhere", Sourced(("node", "server.js")), **changes)


def made(said: Service, around: Surroundings = AROUND, **options: Any) -> dict[str, Any]:
    return body(said, StartOptions(**options), around)


def test_the_whole_argv_is_the_entrypoint_so_that_the_image_adds_nothing() -> None:
    wanted = made(service())
    assert (wanted["Entrypoint"], wanted["Cmd"]) == (["node", "server.js"], [])


def test_the_environment_of_the_drill_goes_over_the_files_and_an_unset_variable_is_taken_away() -> None:
    said = service(environment={"A": Sourced("1"), "B": Sourced("2")})
    around = Surroundings("i", {}, unset=("GONE", "B"))
    assert made(said, around, environment={"A": "3"})["Env"] == ["A=3", "B=2", "GONE"]


def test_what_no_file_says_is_left_to_the_image_and_the_engine() -> None:
    wanted = made(service())
    assert not {"User", "StopSignal", "Healthcheck", "Hostname"} & set(wanted)
    assert not {"Memory", "NanoCpus", "PidsLimit", "Ulimits"} & set(wanted["HostConfig"])


def test_limits_are_said_in_the_words_of_the_engine() -> None:
    said = Limits(
        memory=Sourced(64 << 20),
        memory_swap=Sourced(64 << 20),
        cpus=Sourced(0.5),
        pids=Sourced(100),
        ulimits=(Sourced(Ulimit("nofile", 1024, 2048)),),
    )
    host = made(service(limits=said))["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"]) == (
        64 << 20,
        64 << 20,
        500_000_000,
        100,
    )
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1024, "Hard": 2048}]


def test_a_health_check_is_said_in_nanoseconds() -> None:
    check = Healthcheck(Sourced(("CMD", "true")), interval=Sourced(1.5), retries=Sourced(2))
    assert made(service(healthcheck=check))["Healthcheck"] == {
        "Test": ["CMD", "true"],
        "Interval": 1_500_000_000,
        "Timeout": 0,
        "StartPeriod": 0,
        "Retries": 2,
    }


def test_only_a_chosen_bind_is_one_and_that_is_read_only() -> None:
    mounts = (
        Sourced(Mount("bind", "/home/me/config", "/config", read_only=True)),
        Sourced(Mount("bind", "/home/me/data", "/data")),
        Sourced(Mount("volume", "cache", "/cache")),
        Sourced(Mount("tmpfs", "", "/tmp")),
    )
    host = made(service(mounts=mounts), Surroundings("i", {"l": "1"}, binds={"/config": "/home/me/config"}))[
        "HostConfig"
    ]
    config, data, cache = host["Mounts"]
    assert config == {"Type": "bind", "Source": "/home/me/config", "Target": "/config", "ReadOnly": True}
    assert (data["Type"], data["Target"], data["ReadOnly"], "Source" in data) == ("volume", "/data", False, False)
    assert (cache["Type"], cache["VolumeOptions"]) == ("volume", {"Labels": {"l": "1"}})
    assert host["Tmpfs"] == {"/tmp": "mode=1777"}


def test_a_mount_that_is_left_out_becomes_no_volume() -> None:
    mounts = (Sourced(Mount("bind", "/home/me/key", "/run/secrets/key", read_only=True)),)
    host = made(service(mounts=mounts), Surroundings("i", {}, absent=("/run/secrets/key",)))["HostConfig"]
    assert host["Mounts"] == []


def test_the_init_of_the_options_goes_over_that_of_the_files() -> None:
    assert made(service(init=Sourced(True)))["HostConfig"]["Init"] is True
    assert made(service(init=Sourced(True)), init=False)["HostConfig"]["Init"] is False


def test_published_ports_are_free_ones_on_the_loopback() -> None:
    wanted = made(service(), Surroundings("i", {}, network="bridge", published=(3000,)))
    assert wanted["ExposedPorts"] == {"3000/tcp": {}}
    assert wanted["HostConfig"]["PortBindings"] == {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}


def test_ports_are_those_of_the_files_the_variable_and_the_user() -> None:
    said = service(ports=(Sourced(Port(80)), Sourced(Port(53, "udp"))), environment={"PORT": Sourced("3000")})
    assert ports(said, (80, 9000)) == (80, 3000, 9000)
