"""A worker that takes jobs from a broker, `worker.py KIND ADDRESS LOG SECONDS [async]`: writes down what it begins and
what it ends."""

import asyncio
import os
import random
import sys
import time

from seatrial.drain import sources

kind, address, path, seconds, *flavour = sys.argv[1:]
log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def source():
    if kind == "redis":
        import redis

        return sources.Redis(redis.Redis.from_url(address, decode_responses=True), "jobs", "jobs of worker 1")
    if kind == "rabbitmq":
        import pika

        return sources.Rabbit(pika.BlockingConnection(pika.URLParameters(address)).channel(), "jobs")
    if kind == "sqs":
        import boto3

        client = boto3.client("sqs", endpoint_url=address, region_name="eu-west-1")
        return sources.Sqs(client, client.get_queue_url(QueueName="jobs")["QueueUrl"])
    import psycopg

    return sources.Postgres(psycopg.connect(address), "jobs")


def note(word, job):
    body = job.body.decode() if isinstance(job.body, bytes) else job.body
    os.write(log, f"{word} {body}{' again' if job.again else ''}\n".encode())


def main():
    jobs = source()
    print("ready", flush=True)
    for job in life.jobs(jobs):
        note("begun", job)
        time.sleep(random.random() * float(seconds))
        note("done", job)


async def asynchronous():
    jobs = source()
    print("ready", flush=True)
    async for job in life.jobs(jobs):
        note("begun", job)
        await asyncio.sleep(random.random() * float(seconds))
        note("done", job)


if flavour:
    from seatrial.drain.aio import Life

    life = Life()
    life.run(asynchronous())
else:
    from seatrial.drain.threads import Life

    life = Life()
    life.run(main)
