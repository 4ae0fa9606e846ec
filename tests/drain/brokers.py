"""Brokers for the tests of workers: Debian's RabbitMQ, PostgreSQL and Redis and moto's SQS, each on ports, sockets and
folders of its own, ended with the test session. Each is a context manager that gives the address."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.requirements import missing_module, missing_program

WITHIN = 120.0
"""Seconds that a broker has to start: RabbitMQ takes 8 to 20 on two busy cores."""
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The server itself: Debian's command on PATH wants to be root or the user rabbitmq."""
POSTGRES = Path("/usr/lib/postgresql")


class StartError(RuntimeError):
    """A broker did not start."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A short path: a Unix socket's has 107 bytes at most."""
    path = Path(tempfile.mkdtemp(prefix="broker-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(argv: Sequence[str], answers: Callable[[], bool], log: Path, **options: Any) -> Iterator[None]:
    """A server in a session of its own, from its first answer on; all of the session is ended."""
    with log.open("wb") as output:
        server = subprocess.Popen(argv, stdout=output, stderr=output, start_new_session=True, **options)
    try:
        limit = time.monotonic() + WITHIN
        while not answers():
            if server.poll() is not None or time.monotonic() > limit:
                raise StartError(f"{argv[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server, and after it what it may have left."""
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(20)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(20)


def _greets(port: int, hello: bytes, answer: bytes) -> Callable[[], bool]:
    def greets() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                connection.settimeout(5)
                connection.sendall(hello)
                return answer in connection.recv(1000)
        except OSError:
            return False

    return greets


# --- RabbitMQ ---


def missing_rabbitmq() -> str:
    return "" if RABBITMQ.exists() else "rabbitmq-server is not installed"


@contextlib.contextmanager
def rabbitmq() -> Iterator[str]:
    """The URL of a RabbitMQ. Erlang's port mapper is one of our own too: its own would stay for ever."""
    with folder() as data:
        port, mapper = free_port(), free_port()
        environment = _rabbitmq_environment(data, port, mapper)
        names = ("epmd", "-port", str(mapper), "-address", "127.0.0.1")
        greets = _greets(port, b"AMQP\x00\x00\x09\x01", b"RabbitMQ")
        with (
            running(names, lambda: True, data / "epmd.log", env=environment),
            running((str(RABBITMQ),), greets, data / "server.log", env=environment, cwd=data),
        ):
            yield f"amqp://guest:guest@127.0.0.1:{port}/"


def _rabbitmq_environment(data: Path, port: int, mapper: int) -> dict[str, str]:
    """Everything below our folder, on ports of our own, with idle schedulers that sleep."""
    (data / "rabbitmq.conf").write_text(f"listeners.tcp.default = 127.0.0.1:{port}\nlog.file = false\n")
    (data / "plugins").write_text("[].\n")
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(data),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "drain@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_BASE": str(data),
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "plugins"),
        "RABBITMQ_PID_FILE": str(data / "pid"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(data / "generated"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
    }


# --- PostgreSQL ---


def _postgres_programs() -> Path | None:
    """Debian keeps the programs of each version in a folder that is not on PATH."""
    found = sorted(POSTGRES.glob("*/bin/initdb"), key=lambda path: float(path.parents[1].name))
    return found[-1].parent if found else None


def missing_postgres() -> str:
    return "" if _postgres_programs() else "postgresql is not installed"


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The connection string of a PostgreSQL at a Unix socket. It refuses root, so root lends it Debian's own user."""
    programs = _postgres_programs()
    assert programs is not None
    with folder() as data:
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(data, account.pw_uid, account.pw_gid)
        create = (str(programs / "initdb"), "-D", str(data / "data"), "-U", "tests", "-A", "trust", "-E", "UTF8", "-N")
        made = subprocess.run(create, capture_output=True, text=True, check=False, cwd=data, timeout=WITHIN, **user)
        if made.returncode:
            raise StartError(f"initdb: {made.stderr}")
        server = (
            str(programs / "postgres"),
            "-D",
            str(data / "data"),
            "-k",
            str(data),
            "-c",
            "listen_addresses=",
            "-F",
        )
        at = f"host={data} user=tests dbname=postgres"
        with running(server, lambda: _answers_queries(at), data / "log", cwd=data, **user):
            yield at


def _answers_queries(address: str) -> bool:
    import psycopg

    try:
        with psycopg.connect(address, connect_timeout=5) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


# --- Redis, SQS ---


def missing_redis() -> str:
    return missing_program("redis-server")


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis that keeps nothing on disk."""
    with folder() as data:
        port = free_port()
        server = ("redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(data))
        with running(server, _greets(port, b"PING\r\n", b"+PONG"), data / "log"):
            yield f"redis://127.0.0.1:{port}/0"


def missing_sqs() -> str:
    return missing_module("moto") or missing_module("boto3")


@contextlib.contextmanager
def sqs() -> Iterator[str]:
    """The address of moto's SQS: its queues, their visibility and their counts are as Amazon describes them."""
    with folder() as data:
        port = free_port()
        server = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
        hello = b"GET /moto-api/data.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        with running(server, _greets(port, hello, b"HTTP/1.1 200"), data / "log"):
            yield f"http://127.0.0.1:{port}"
