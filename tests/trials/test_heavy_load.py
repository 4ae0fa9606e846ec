"""Our own heavy load on both engines: the server counts, too, and the counts are the same to the last request."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from seatrial.engine.docker import DockerEngine
from seatrial.engine.interface import Engine, Listener, Output, StartOptions
from seatrial.engine.native import NativeEngine
from seatrial.load.interface import Plan, Result
from seatrial.load.remote import WORKER, Load
from seatrial.model.place import Sourced
from seatrial.model.service import Service
from seatrial.model.traffic import Population, Target
from tests.engine.docker.conftest import host_image as host_image
from tests.engine.docker.conftest import new_engine as new_engine
from tests.engine.docker.conftest import on_host_files
from tests.requirements import missing_program, require

from .conftest import SERVERS

pytestmark = pytest.mark.slow
WITHIN = 30.0
COUNTS = """
const { handle, port } = require('./handler');
let answered = 0;
require('node:http').createServer((request, response) => {
  response.on('finish', () => answered++);
  handle(request, response);
}).listen(port);
process.on('SIGTERM', () => {
  console.log(JSON.stringify({ answered }));
  process.exit(0);
});
"""
SUBJECT = Service(
    name="heavy",
    context=str(SERVERS),
    argv=Sourced(("node", "-e", COUNTS)),
    workdir=Sourced("/srv/trial"),
    environment={"PORT": Sourced("3000")},
)
ONLY_HEAVY = Plan(
    Target("ipv4", "", 0), rate=0, idle=0, never_used=0, in_flight=0, keep_alive=0, crowd=64, crowd_rate=300, lead=2.0
)


async def loaded(engine: Engine, service: Service) -> tuple[Result, int]:
    """What the load counts, and what the server says that it has answered."""
    said: list[bytes] = []

    def hear(output: Output) -> None:
        said.append(output.data)

    async with engine.prepared(service) as ready:
        instance = await engine.start(ready, StartOptions(on_output=hear))
        async with instance:
            deadline = time.monotonic() + WITHIN
            found: list[Listener] = []
            while not found and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
                found = [one for one in instance.listeners() if one.port == 3000]
            target = Target(found[0].family, found[0].address, found[0].port)
            load = Load(await instance.spawn_beside(WORKER))
            await load.begin(replace(ONLY_HEAVY, target=target))
            await load.aim()
            result = await load.finish(WITHIN)
            await load.close()
            await instance.signal(signal.SIGTERM)
            await instance.wait()
            await instance.wait_output()
    return result, json.loads(b"".join(said))["answered"]


@pytest.mark.parametrize("name", ["native", "docker"])
def test_the_server_counts_as_many_answers_as_we_do(name: str, request: pytest.FixtureRequest) -> None:
    require(missing_program("node"))
    engine: Engine = NativeEngine()
    service = SUBJECT
    if name == "docker":
        new_engine: Callable[..., DockerEngine] = request.getfixturevalue("new_engine")
        engine, service = new_engine(), on_host_files(SUBJECT, request.getfixturevalue("host_image"))
    result, answered = asyncio.run(loaded(engine, service))
    assert sum(bulk.answered for bulk in result.bulk) == answered
    assert {bulk.population for bulk in result.bulk if bulk.answered} == {Population.KEEP_ALIVE, Population.OPEN_LOOP}
    assert [bulk.lost + bulk.refused + bulk.abandoned for bulk in result.bulk] == [0] * len(result.bulk)
