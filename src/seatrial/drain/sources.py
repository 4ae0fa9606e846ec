"""Sources of jobs for `life.jobs`: Redis, RabbitMQ, SQS, PostgreSQL, by clients that you bring; none is imported here.

    for job in life.jobs(Rabbit(channel, "mails")):
        send(job.body, careful=job.again)

A job is acknowledged when the loop asks for the next one, and given back when its time ran out. One that was in
somebody's hands before, as its worker was stopped or killed, comes with `again`: it may have been done in part. All are
for blocking clients; `aio.Life` calls them in threads, one call at a time.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

PAUSE = 0.2
"""Seconds between two looks at a queue that can't be waited for."""
WAIT = 0.5
"""Seconds that a take waits for a job: below the time that the stop has for a take under way."""


class Job(NamedTuple):
    """One job. `handle` is what its source knows it by."""

    body: Any
    again: bool
    """Whether it may have been begun before."""
    handle: Any = None


class Source(ABC):
    """Where jobs come from and go back to. Each method is called by one thread at a time."""

    @abstractmethod
    def take(self) -> Job | None:
        """Wait for a job, half a second or so; None if there was none."""

    @abstractmethod
    def done(self, job: Job) -> None:
        """The job is done: it must not come again."""

    @abstractmethod
    def give_back(self, job: Job) -> None:
        """The job was begun and is not done: another worker shall have it, at once."""


class Redis(Source):
    """A list of Redis, by a `redis.Redis`. `mine` is the name of a list that this worker alone has, also after its
    restart: what a killed worker leaves there comes first. Needs Redis 6.2."""

    def __init__(self, client: Any, queue: str, mine: str) -> None:
        self._client, self._queue, self._mine = client, queue, mine
        self._marks = f"{queue}:again"
        self._recovers = True

    def take(self) -> Job | None:
        if self._recovers:
            left = self._client.lindex(self._mine, 0)
            if left is not None:
                return Job(left, again=True)
            self._recovers = False
        body = self._client.blmove(self._queue, self._mine, WAIT, "LEFT", "RIGHT")
        return None if body is None else Job(body, again=bool(self._client.sismember(self._marks, body)))

    def done(self, job: Job) -> None:
        self._client.lrem(self._mine, 1, job.body)
        if job.again:
            self._client.srem(self._marks, job.body)

    def give_back(self, job: Job) -> None:
        self._client.sadd(self._marks, job.body)  # first: the list itself has no place for a mark
        self._client.lmove(self._mine, self._queue, "LEFT", "LEFT")


class Rabbit(Source):
    """A queue of RabbitMQ, by a channel of a `pika.BlockingConnection`. Takes one message at a time, so that none waits
    in a worker that is about to stop. Jobs longer than the connection's heartbeat need `heartbeat=0`."""

    def __init__(self, channel: Any, queue: str) -> None:
        self._channel, self._queue = channel, queue

    def take(self) -> Job | None:
        method, _, body = self._channel.basic_get(self._queue)
        if method is None:
            self._channel.connection.process_data_events(PAUSE)
            return None
        return Job(body, again=bool(method.redelivered), handle=method.delivery_tag)

    def done(self, job: Job) -> None:
        self._channel.basic_ack(job.handle)

    def give_back(self, job: Job) -> None:
        self._channel.basic_nack(job.handle, requeue=True)
        self._channel.connection.process_data_events(0)  # out of the client's buffer


class Sqs(Source):
    """A queue of SQS, by a `boto3.client("sqs")`. The visibility timeout must be longer than any job."""

    def __init__(self, client: Any, url: str) -> None:
        self._client, self._url = client, url

    def take(self) -> Job | None:
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=1, WaitTimeSeconds=0, AttributeNames=["ApproximateReceiveCount"]
        )
        messages = answer.get("Messages", ())
        if not messages:
            time.sleep(PAUSE)
            return None
        count = int(messages[0].get("Attributes", {}).get("ApproximateReceiveCount", 1))
        return Job(messages[0]["Body"], again=count > 1, handle=messages[0]["ReceiptHandle"])

    def done(self, job: Job) -> None:
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=job.handle)

    def give_back(self, job: Job) -> None:
        self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=job.handle, VisibilityTimeout=0)


class Postgres(Source):
    """A table of PostgreSQL, by a `psycopg.Connection` that is not in autocommit:
    `CREATE TABLE jobs (id bigserial PRIMARY KEY, body text, tries int NOT NULL DEFAULT 0)`.

    The row stays locked while the job is done, and the lock ends with the connection. What the job itself writes by
    this connection becomes true together with its end, or not at all.
    """

    def __init__(self, connection: Any, table: str = "jobs") -> None:
        if not table.replace(".", "_").isidentifier():
            raise ValueError(f"no name of a table: {table!r}")
        self._connection, self._table = connection, table

    def take(self) -> Job | None:
        free = f"SELECT id FROM {self._table} ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1"
        count = f"UPDATE {self._table} SET tries = tries + 1 WHERE id = ({free}) RETURNING id, body, tries"
        row = self._connection.execute(count).fetchone()
        self._connection.commit()  # the count stands even if this worker is killed; the lock is taken again
        lock = f"SELECT 1 FROM {self._table} WHERE id = %s FOR UPDATE SKIP LOCKED"
        if row is None or self._connection.execute(lock, (row[0],)).fetchone() is None:
            self._connection.rollback()
            time.sleep(PAUSE if row is None else 0.0)
            return None
        return Job(row[1], again=row[2] > 1, handle=row[0])

    def done(self, job: Job) -> None:
        self._connection.execute(f"DELETE FROM {self._table} WHERE id = %s", (job.handle,))
        self._connection.commit()

    def give_back(self, job: Job) -> None:  # noqa: ARG002  # the lock is the connection's
        self._connection.rollback()
