"""Workers on real brokers, stopped and killed under work: no job is lost, and none is begun twice without being marked.

A worker writes down each job that it begins and ends. It is stopped or killed where chance finds it, and the next one
started, until no job is left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drain import brokers
from tests.drain.servers import APPS
from tests.requirements import missing_module, require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
TOTAL = 60
KINDS = ("redis", "rabbitmq", "postgres", "sqs")
CLIENTS = {"redis": "redis", "rabbitmq": "pika", "postgres": "psycopg", "sqs": "boto3"}
KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="session")
def addresses() -> Iterator[dict[str, str]]:
    """The brokers that were started so far; they end with the session."""
    with contextlib.ExitStack() as started:
        found: dict[str, Any] = {"started": started}
        yield found


def address(kind: str, addresses: dict[str, Any]) -> str:
    """A broker's address; starts it for the first test that asks."""
    require(getattr(brokers, f"missing_{kind}")() or missing_module(CLIENTS[kind]))
    if kind not in addresses:
        addresses[kind] = addresses["started"].enter_context(getattr(brokers, kind)())
    found: str = addresses[kind]
    return found


class Queue:
    """A broker's queue, as the tests fill and count it."""

    def __init__(self, kind: str, where: str) -> None:
        self.kind, self.where = kind, where
        getattr(self, f"_clear_{kind}")()

    def put(self, bodies: list[str]) -> None:
        getattr(self, f"_put_{self.kind}")(bodies)

    def left(self) -> int:
        found: int = getattr(self, f"_left_{self.kind}")()
        return found

    # Redis
    def _clear_redis(self) -> None:
        import redis

        self.client: Any = redis.Redis.from_url(self.where, decode_responses=True)
        self.client.flushall()

    def _put_redis(self, bodies: list[str]) -> None:
        self.client.rpush("jobs", *bodies)

    def _left_redis(self) -> int:
        return int(self.client.llen("jobs") + self.client.llen("jobs of worker 1"))

    # RabbitMQ
    def _clear_rabbitmq(self) -> None:
        import pika

        self.client = pika.BlockingConnection(pika.URLParameters(self.where)).channel()
        self.client.queue_declare("jobs", durable=True)
        self.client.queue_purge("jobs")

    def _put_rabbitmq(self, bodies: list[str]) -> None:
        self.client.confirm_delivery()
        for body in bodies:
            self.client.basic_publish("", "jobs", body)

    def _left_rabbitmq(self) -> int:
        return int(self.client.queue_declare("jobs", durable=True, passive=True).method.message_count)

    # PostgreSQL
    def _clear_postgres(self) -> None:
        import psycopg

        self.client = psycopg.connect(self.where, autocommit=True)
        self.client.execute("DROP TABLE IF EXISTS jobs")
        self.client.execute("CREATE TABLE jobs (id bigserial PRIMARY KEY, body text, tries int NOT NULL DEFAULT 0)")

    def _put_postgres(self, bodies: list[str]) -> None:
        for body in bodies:
            self.client.execute("INSERT INTO jobs (body) VALUES (%s)", (body,))

    def _left_postgres(self) -> int:
        return int(self.client.execute("SELECT count(*) FROM jobs").fetchone()[0])

    # SQS
    def _clear_sqs(self) -> None:
        import boto3

        keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}
        self.client = boto3.client("sqs", endpoint_url=self.where, region_name="eu-west-1", **keys)
        with contextlib.suppress(self.client.exceptions.QueueDoesNotExist):
            self.client.delete_queue(QueueUrl=self.client.get_queue_url(QueueName="jobs")["QueueUrl"])
        self.url = self.client.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "3"})["QueueUrl"]

    def _put_sqs(self, bodies: list[str]) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def _left_sqs(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def close(self) -> None:
        if self.kind == "rabbitmq":
            self.client.connection.close()
        else:
            self.client.close()


class Trial:
    """A queue, and one worker after another at it."""

    def __init__(self, kind: str, where: str, folder: Path, flavour: tuple[str, ...] = ()) -> None:
        self.queue, self.log = Queue(kind, where), folder / "log"
        self.log.touch()
        self._kind, self._where, self._flavour = kind, where, flavour

    def worker(self, *, seconds: float, grace: float = 8.0) -> subprocess.Popen[str]:
        """A worker that is ready."""
        argv = [sys.executable, "worker.py", self._kind, self._where, str(self.log), str(seconds), *self._flavour]
        environment = {**os.environ, **KEYS, "SEATRIAL_GRACE": str(grace)}
        process = subprocess.Popen(argv, cwd=APPS, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def lines(self, word: str) -> list[str]:
        """What was written down of jobs begun, or done."""
        lines = self.log.read_text().splitlines()
        return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]

    def is_over(self, total: int) -> bool:
        """Whether all jobs were done and none is left."""
        done = {line.removesuffix(" again") for line in self.lines("done")}
        return len(done) == total and not self.queue.left()


@contextlib.contextmanager
def tried(kind: str, addresses: dict[str, Any], folder: Path, *flavour: str) -> Iterator[Trial]:
    trial = Trial(kind, address(kind, addresses), folder, flavour)
    try:
        yield trial
    finally:
        trial.queue.close()


def until(condition: Any, within: float = 60.0) -> None:
    limit = time.monotonic() + within
    while not condition():
        assert time.monotonic() < limit, "not in time"
        time.sleep(0.02)


def ended(process: subprocess.Popen[str]) -> int:
    try:
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    return process.returncode


FLAVOURS = [*((kind,) for kind in KINDS), ("rabbitmq", "async")]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.parametrize("kind", FLAVOURS, ids=" ".join)
def test_no_job_is_lost_and_none_is_begun_twice_unmarked(
    kind: tuple[str, ...], how: signal.Signals, addresses: dict[str, Any], tmp_path: Path
) -> None:
    jobs = [f"job {number}" for number in range(TOTAL)]
    with tried(kind[0], addresses, tmp_path, *kind[1:]) as trial:
        trial.queue.put(jobs)
        limit = time.monotonic() + 150
        while not trial.is_over(TOTAL):
            assert time.monotonic() < limit, "not all done in time"
            seen = len(trial.lines("done"))
            worker = trial.worker(seconds=0.01)
            until(lambda: len(trial.lines("done")) >= seen + TOTAL // 3 or trial.is_over(TOTAL))  # noqa: B023
            worker.send_signal(how)  # where in its work it is then is left to chance, on purpose
            assert ended(worker) == (0 if how is signal.SIGTERM else -9)
        begun, done = trial.lines("begun"), trial.lines("done")
    assert {job.removesuffix(" again") for job in done} == set(jobs)
    first = [job for job in begun if not job.endswith(" again")]
    assert len(first) == len(set(first)), "something was begun twice, and not marked"
    if how is signal.SIGTERM:
        assert begun == done
        assert sorted(first) == sorted(jobs)


@pytest.mark.parametrize("kind", FLAVOURS, ids=" ".join)
def test_a_job_that_takes_too_long_is_given_back_at_once_and_marked(
    kind: tuple[str, ...], addresses: dict[str, Any], tmp_path: Path
) -> None:
    with tried(kind[0], addresses, tmp_path, *kind[1:]) as trial:
        trial.queue.put(["long"])
        worker = trial.worker(seconds=600.0, grace=2.0)
        until(lambda: trial.lines("begun") == ["long"])
        worker.send_signal(signal.SIGTERM)
        assert ended(worker) == 124
        worker = trial.worker(seconds=0.01)
        until(lambda: trial.lines("done") == ["long again"])
        worker.send_signal(signal.SIGTERM)
        assert ended(worker) == 0
        assert trial.queue.left() == 0


# --- Celery, with the recipe of docs/drain.md ---

TASK = """

@app.task(bind=True)
def noted(self, number):
    import os, time
    again = " again" if self.request.delivery_info["redelivered"] else ""
    log = os.open(os.environ["TASK_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, f"begun job {number}{again}\\n".encode())
    time.sleep(float(os.environ["TASK_SECONDS"]))
    os.write(log, f"done job {number}{again}\\n".encode())
    os.close(log)
"""


class CeleryTrial:
    """The documented application on RabbitMQ, and one worker after another."""

    def __init__(self, where: str, folder: Path) -> None:
        from tests.drain.test_examples import EXAMPLES

        code = EXAMPLES["celery_app.py"][1].replace("/tmp/ready", str(folder / "ready")) + TASK
        (folder / "celery_app.py").write_text(code.replace("memory://", where))
        self.name = f"tasks of {folder}"
        self.folder, self.log, self.ready = folder, folder / "log", folder / "ready"
        self.log.touch()

    lines = Trial.lines

    def environment(self, seconds: float) -> dict[str, str]:
        return {**os.environ, "TASK_LOG": str(self.log), "TASK_SECONDS": str(seconds)}

    def put(self, total: int) -> None:
        send = f"noted.apply_async((number,), queue={self.name!r})"
        code = f"from celery_app import noted\nfor number in range({total}): {send}"
        argv = [sys.executable, "-c", code]
        subprocess.run(argv, cwd=self.folder, env=self.environment(0), check=True, timeout=60)

    def worker(self, *, seconds: float) -> subprocess.Popen[str]:
        argv = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "celery_app",
            "worker",
            "--pool",
            "threads",
            "--concurrency",
            "2",
            "-l",
            "warning",
        ]
        with (self.folder / "worker.log").open("a") as output:
            process = subprocess.Popen(
                [*argv, "--without-gossip", "--without-mingle", "-n", "tests@localhost", "-Q", self.name],
                cwd=self.folder, env=self.environment(seconds), stdout=output, stderr=output, text=True,
                start_new_session=True,
            )  # fmt: skip
        until(lambda: self.ready.exists() or process.poll() is not None)
        assert process.poll() is None, (self.folder / "worker.log").read_text()
        return process


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_celery_with_the_recipe_loses_no_task_and_marks_what_is_done_again(
    how: signal.Signals, addresses: dict[str, Any], tmp_path: Path
) -> None:
    require(missing_module("celery"))
    trial = CeleryTrial(address("rabbitmq", addresses), tmp_path)
    total = 30
    trial.put(total)
    for _ in range(20):
        seen = len(trial.lines("done"))
        worker = trial.worker(seconds=0.02)
        with contextlib.suppress(AssertionError):
            until(lambda: len(trial.lines("done")) >= min(seen + 15, total), within=5.0)  # noqa: B023
        os.killpg(worker.pid, how) if how is signal.SIGKILL else worker.send_signal(how)
        assert ended(worker) == (0 if how is signal.SIGTERM else -9), (tmp_path / "worker.log").read_text()
        if how is signal.SIGKILL:
            trial.ready.unlink()
        assert not trial.ready.exists()
        if len({line.removesuffix(" again") for line in trial.lines("done")}) == total:
            break
    jobs = sorted(f"job {number}" for number in range(total))
    assert {line.removesuffix(" again") for line in trial.lines("done")} == set(jobs)
    first = [job for job in trial.lines("begun") if not job.endswith(" again")]
    assert len(first) == len(set(first)), "something was begun twice, and not marked"
    if how is signal.SIGTERM:
        assert sorted(trial.lines("done")) == sorted(trial.lines("begun"))
        assert len(trial.lines("done")) == total
