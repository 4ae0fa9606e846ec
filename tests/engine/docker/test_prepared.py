"""What instances need besides themselves: images built and found, dependencies up, and nothing left of a dead owner."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from seatrial.cli.engines import recipe
from seatrial.engine.docker import DockerEngine
from seatrial.engine.interface import Output, StartOptions
from seatrial.files.join.granted import with_granted
from seatrial.files.project import read_project
from seatrial.model.errors import InputError
from seatrial.model.place import Sourced
from seatrial.model.project import Project
from seatrial.model.service import Service
from tests import docker_engine as testing
from tests.engine.docker.conftest import left

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
NewEngine = Callable[..., DockerEngine]
OWNER = """
import asyncio
from seatrial.engine.docker import DockerEngine
from seatrial.engine.docker.engine import Project
from seatrial.cli.engines import recipe
from seatrial.files.project import read_project
from pathlib import Path

async def main():
    read = read_project(Path({folder!r}), environment={{}})
    web, db = read.service("web"), read.service("db")
    engine = DockerEngine(Project((db,), lambda plan: recipe(plan, read.directory)))
    async with engine.prepared(web) as ready, await engine.start(ready) as instance:
        print("running", flush=True)
        await instance.wait()

asyncio.run(main())
"""


def project(folder: Path, files: Mapping[str, str]) -> Project:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip())
    return read_project(folder, environment={})


def output_of(engine: DockerEngine, said: Service) -> str:
    """What a service writes until its end."""
    output: list[Output] = []

    async def whole() -> None:
        async with (
            engine.prepared(said) as ready,
            await engine.start(ready, StartOptions(on_output=output.append)) as instance,
        ):
            await instance.wait()
            await instance.wait_output()

    asyncio.run(whole())
    return b"".join(one.data for one in output).decode()


def built(new_engine: NewEngine, read: Project, name: str) -> str:
    found = read.service(name)
    assert found is not None
    others = tuple(one for one in read.services if one is not found)
    return output_of(new_engine(others=others, recipe=lambda plan: recipe(plan, read.directory)), found)


def test_a_dockerfile_is_built_from_its_real_context_without_what_dockerignore_leaves_out(
    new_engine: NewEngine, tmp_path: Path
) -> None:
    files = {
        "app/Dockerfile": f"""
            FROM {testing.IMAGE} AS first
            RUN echo made > /made
            FROM first
            ARG WHO=nobody
            ENV WHO=$WHO
            COPY . /app
            CMD ["sh", "-c", "busybox find /app -type f | busybox sort; busybox cat /made; echo $WHO"]
            """,
        "app/.dockerignore": "*.log\n!keep.log\nsecret\nDockerfile\n.dockerignore\n",
        "app/a.txt": "",
        "app/x.log": "",
        "app/keep.log": "",
        "app/secret/key": "",
        "app/deep/b.txt": "",
        "compose.yaml": """
            services:
              web:
                build: {context: app, args: {WHO: me}}
                environment: {UNUSED: "1"}
            """,
    }
    said = built(new_engine, project(tmp_path, files), "web")
    assert said.split() == ["/app/a.txt", "/app/deep/b.txt", "/app/keep.log", "made", "me"]


def test_an_inline_dockerfile_is_built_and_is_no_file_of_the_image(new_engine: NewEngine, tmp_path: Path) -> None:
    files = {
        "a.txt": "",
        "compose.yaml": f"""
            services:
              web:
                build:
                  context: .
                  dockerfile_inline: |
                    FROM {testing.IMAGE}
                    COPY . /app
                    CMD ["busybox", "find", "/app", "-type", "f"]
            """,
    }
    assert sorted(built(new_engine, project(tmp_path, files), "web").split()) == ["/app/a.txt", "/app/compose.yaml"]


def test_a_step_that_fails_is_told_with_its_line_and_its_output(new_engine: NewEngine, tmp_path: Path) -> None:
    text = f'# first\nFROM {testing.IMAGE}\n\nENV A=1\nRUN echo working && \\\n    busybox false\nCMD ["sh"]\n'
    read = project(tmp_path, {"Dockerfile": text})
    with pytest.raises(InputError) as caught:
        built(new_engine, read, read.services[0].name)
    assert caught.value.place is not None and (caught.value.place.file, caught.value.place.line) == ("Dockerfile", 5)
    assert "returned a non-zero code: 1" in caught.value.message and "\n  working" in caught.value.message


def test_an_image_that_is_nowhere_is_said_to_be(new_engine: NewEngine) -> None:
    said = Service("api", "/", None, image=Sourced("seatrial-nowhere:1"))
    with pytest.raises(InputError, match="there is no image seatrial-nowhere:1 here, and it could not be pulled"):
        output_of(new_engine(), said)


COMPOSE = f"""
    services:
      web:
        build: .
        depends_on:
          db: {{condition: service_healthy}}
      db:
        image: {testing.IMAGE}
        command: ["sh", "-c", "busybox mkdir -p /www; echo hello > /www/index.html; busybox httpd -f -p 80 -h /www"]
        healthcheck: {{test: "busybox wget -q -O- http://127.0.0.1/", interval: 0.2s}}
        volumes: ["/data"]
    """
DOCKERFILE = f"""
    FROM {testing.IMAGE}
    VOLUME /cache
    CMD ["sh", "-c", "busybox wget -q -O- http://db/; busybox sleep ${{FOR:-0}}"]
    """


def test_a_service_finds_its_dependencies_healthy_by_their_names(new_engine: NewEngine, tmp_path: Path) -> None:
    read = project(tmp_path, {"compose.yaml": COMPOSE, "Dockerfile": DOCKERFILE})
    assert built(new_engine, read, "web") == "hello\n"


@pytest.mark.parametrize(("is_here", "said"), [(True, "of a file\n"), (False, "no secret\n")])
def test_a_secret_is_a_file_inside_where_the_engine_sees_it(
    is_here: bool, said: str, new_engine: NewEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DockerEngine, "_runs_here", lambda _self: is_here)
    reads = "busybox cat /run/secrets/key 2>/dev/null || echo no secret"
    web = f"web: {{image: {testing.IMAGE}, command: [sh, -c, {reads!r}], secrets: [key]}}"
    files = {"compose.yaml": f"services:\n  {web}\nsecrets: {{key: {{file: ./key}}}}\n", "key": "of a file\n"}
    found = project(tmp_path, files).service("web")
    assert found is not None
    assert output_of(new_engine(), with_granted(found)) == said


def test_a_dependency_that_ends_is_told_with_its_last_words(new_engine: NewEngine, tmp_path: Path) -> None:
    broken = COMPOSE.replace("busybox mkdir -p /www;", "echo no disk; exit 7;")
    read = project(tmp_path, {"compose.yaml": broken, "Dockerfile": DOCKERFILE})
    with pytest.raises(InputError, match="dependency db ended with exit code 7: no disk"):
        built(new_engine, read, "web")


def test_what_a_killed_owner_left_is_swept_by_the_next_and_what_a_live_one_has_is_not(
    new_engine: NewEngine, docker_engine: testing.DockerEngine, tmp_path: Path
) -> None:
    project(tmp_path, {"compose.yaml": COMPOSE, "Dockerfile": DOCKERFILE.replace("${FOR:-0}", "1000")})
    command = [sys.executable, "-c", OWNER.format(folder=str(tmp_path))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None and owner.stdout.readline() == "running\n"
        before = len(left(docker_engine))
        assert before >= 6  # two containers, a network, two volumes, an image
        said = Service("api", "/", Sourced(("busybox", "true")), image=Sourced(testing.IMAGE))
        assert output_of(new_engine(), said) == ""
        assert len(left(docker_engine)) == before
        os.kill(owner.pid, signal.SIGKILL)
    assert len(left(docker_engine)) == before
    assert output_of(new_engine(), said) == ""
    deadline = time.monotonic() + 20
    while left(docker_engine) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left(docker_engine) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_drill_leaves_nothing(
    number: int, new_engine: NewEngine, docker_engine: testing.DockerEngine, tmp_path: Path
) -> None:
    new_engine()  # DOCKER_HOST is set
    project(tmp_path, {"compose.yaml": COMPOSE, "Dockerfile": DOCKERFILE.replace("${FOR:-0}", "1000")})
    command = [sys.executable, "-m", "seatrial", "drill", "--engine", "docker", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as drill:
        assert drill.stderr is not None
        assert any("starting" in line for line in drill.stderr)
        os.kill(drill.pid, number)
        drill.stderr.read()
    assert drill.returncode == 128 + number
    assert left(docker_engine) == []
