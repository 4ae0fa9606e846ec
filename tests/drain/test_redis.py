"""Workers on a real Redis, stopped and killed under work: no job is lost, and none is done twice without being marked.

The pattern is the usual one: a job moves to the worker's own list when it is taken, and leaves that list when it is
done. A stopped worker leaves nothing there. What a killed one leaves is put back by whoever starts next, and marked.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.requirements import missing_program, require

pytestmark = pytest.mark.slow

CLIENT = '''
import socket

class Redis:
    """As much of the protocol as is needed here."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        parts = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\\r\\n" % len(parts) + b"".join(b"$%d\\r\\n%s\\r\\n" % (len(p), p) for p in parts))
        return self.answer()

    def close(self):
        self.file.close()
        self.socket.close()

    def answer(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        if int(rest) < 0:
            return None
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        return self.file.read(int(rest) + 2)[:-2].decode()
'''
WORKER = (
    CLIENT
    + """
import random, sys, time
from seatrial.drain.threads import Life

path, mine = sys.argv[1:]
redis, life = Redis(path), Life(deadline=5.0)

def take():
    return redis("BLMOVE", "jobs", mine, "LEFT", "RIGHT", 0.2)

def give_back(job):
    redis("LMOVE", mine, "jobs", "RIGHT", "LEFT")

def main():
    while job := redis("LPOP", mine):  # what a killed predecessor had in hand
        redis("LPUSH", "jobs", job.removesuffix(" again") + " again")
    print("ready", flush=True)
    for job in life.jobs(take, give_back=give_back):
        time.sleep(random.random() / 100)
        redis("RPUSH", "done", job)
        redis("LREM", mine, 1, job)

life.run(main)
"""
)
NAMESPACE: dict[str, Any] = {}
exec(CLIENT, NAMESPACE)


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of the socket of a Redis that keeps nothing on disk."""
    require(missing_program("redis-server"))
    folder = tmp_path_factory.mktemp("redis")
    path = str(folder / "s")
    argv = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        path,
        "--save",
        "",
        "--dir",
        str(folder),
        "--appendonly",
        "no",
    ]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + 30
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(path)
                break
            except OSError:
                assert time.monotonic() < limit
                time.sleep(0.02)
        yield path
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_no_job_is_lost_and_none_is_done_twice_unmarked(redis: str, how: signal.Signals) -> None:
    client = NAMESPACE["Redis"](redis)
    total = 300
    client("FLUSHALL")
    for number in range(total):
        client("RPUSH", "jobs", f"job {number}")
    limit = time.monotonic() + 90
    while client("LLEN", "done") < total or client("LLEN", "jobs"):
        assert time.monotonic() < limit
        argv = [sys.executable, "-c", WORKER, redis, "worker 1"]
        worker = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        time.sleep(0.3)  # where in its work the signal finds it is left to chance, on purpose
        worker.send_signal(how)
        worker.communicate(timeout=30)
        if how is signal.SIGTERM:
            assert worker.returncode == 0
            assert client("LLEN", "worker 1") == 0
    done = client("LRANGE", "done", 0, -1)
    client.close()
    unmarked = [job for job in done if not job.endswith(" again")]
    assert {job.removesuffix(" again") for job in done} == {f"job {number}" for number in range(total)}
    assert len(unmarked) == len(set(unmarked))
    if how is signal.SIGTERM:
        assert len(done) == total
