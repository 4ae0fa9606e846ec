"""Files over image, value by value, as the engine joins them; and what an image weighs."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.engine.docker.image import facts, joined
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Healthcheck, Layer, Service

HERE = Place("Dockerfile", 3)
NODE = {"Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["node"], "Env": ["PATH=/bin", "NODE_VERSION=20", "PORT=80"]}


def service(**changes: Any) -> Service:
    return Service("api", "/nowhere", **{"argv": None, **changes})


def words(*argv: str) -> Sourced[tuple[str, ...]]:
    return Sourced(argv, HERE)


def argv_of(said: Service, config: dict[str, Any]) -> tuple[str, ...] | None:
    found = joined(said, config, whole=False).argv
    return found.value if found else None


@pytest.mark.parametrize(
    ("entrypoint", "command", "expected"),
    [
        (None, None, ("docker-entrypoint.sh", "node")),
        (None, words("node", "a.js"), ("docker-entrypoint.sh", "node", "a.js")),
        (words("/run.sh"), None, ("/run.sh",)),
        (words("/run.sh"), words("x"), ("/run.sh", "x")),
        (words(), words("node", "a.js"), ("node", "a.js")),
        (words(), None, ("node",)),
    ],
)
def test_entrypoint_and_command_are_joined_by_the_engines_rule(
    entrypoint: Any, command: Any, expected: tuple[str, ...]
) -> None:
    assert argv_of(service(entrypoint=entrypoint, command=command), NODE) == expected


def test_the_entrypoint_of_the_base_image_is_a_step_before_the_command_that_the_files_know() -> None:
    said = service(argv=words("node", "a.js"), command=words("node", "a.js"))
    found = joined(said, NODE, whole=False)
    assert found.argv == Sourced(("docker-entrypoint.sh", "node", "a.js"), HERE)
    assert [hop.argv for hop in found.hops] == [("node", "a.js")]
    assert not found.shell_form


def test_an_image_alone_gives_its_variables_and_a_base_image_does_not() -> None:
    assert set(joined(service(), NODE, whole=True).environment) == {"NODE_VERSION", "PORT"}
    assert not joined(service(), NODE, whole=False).environment


def test_a_shell_form_command_of_the_image_is_known_as_one() -> None:
    assert joined(service(), {"Cmd": ["/bin/sh", "-c", "node a.js"]}, whole=True).shell_form


def test_what_the_files_say_of_user_signal_and_check_goes_over_the_image() -> None:
    config = {
        "User": "node",
        "StopSignal": "SIGQUIT",
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5_000_000_000, "Retries": 2},
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/data": {}},
        "WorkingDir": "/app",
    }
    own = joined(service(), config, whole=True)
    assert own.user == Sourced("node") and own.stop_signal == Sourced("SIGQUIT") and own.workdir == Sourced("/app")
    assert own.healthcheck is not None and own.healthcheck.interval == Sourced(5.0)
    assert [port.value.number for port in own.ports] == [80]
    assert [mount.value.target for mount in own.mounts] == ["/data"]
    check = Healthcheck(Sourced(()), retries=Sourced(7))
    said = joined(service(user=Sourced("0"), healthcheck=check), config, whole=False)
    assert said.user == Sourced("0") and said.healthcheck is not None
    assert (said.healthcheck.test.value, said.healthcheck.retries.value) == (("CMD", "true"), 7)


def test_the_heaviest_layers_come_first_in_the_words_of_a_dockerfile() -> None:
    history = [
        {"Size": 0, "CreatedBy": '/bin/sh -c #(nop)  CMD ["node"]'},
        {"Size": 5, "CreatedBy": "/bin/sh -c #(nop) COPY dir:1 in /app "},
        {"Size": 70, "CreatedBy": "RUN /bin/sh -c npm ci # buildkit"},
        {"Size": 80, "CreatedBy": "/bin/sh -c apt-get   update"},
    ]
    found = facts({"Id": "sha256:1", "Size": 155, "RepoTags": ["api:1"], "Config": {}}, history)
    assert (found.image.name, found.image.size) == ("api:1", 155)
    assert found.image.layers == (
        Layer(80, "RUN apt-get update"),
        Layer(70, "RUN /bin/sh -c npm ci"),
        Layer(5, "COPY dir:1 in /app"),
    )
