"""The table of test_servers.py, measured again without a line of seatrial: util-linux, plain sockets, the exit status.

A server runs as PID 1 of namespaces that `unshare` made; a client enters its network by `nsenter`, has three slow
requests and an idle connection, and sends SIGTERM. What it finds must be what the drill says of the same server. A few
run with the other slow tests, and all with SEATRIAL_ALL_SERVERS=1 (three minutes).
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.requirements import missing_program, require
from tests.trials.conftest import ARGV, SERVERS, grace_of, missing, not_measured
from tests.trials.test_servers import COLUMNS, EVERY, TRIES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
ALL = bool(os.environ.get("SEATRIAL_ALL_SERVERS"))
FEW = ("node exit at once", "dash -c", "uvicorn", "waitress")
CHOSEN = [row for row in EVERY if row[1] == "bare" and (ALL or row[0] in FEW)]
RACES = {("npm start", "in-flight-finish"): "npm takes half a second to end: as long as the rest of the slow answer"}
"""By server and requirement: what a busy machine decides."""
CLIENT = """
import http.client, json, os, select, signal, sys, threading, time

pid, grace = int(sys.argv[1]), float(sys.argv[2])
until = time.monotonic() + 30
while True:
    try:
        idle = http.client.HTTPConnection("127.0.0.1", 3000, timeout=10)
        idle.request("GET", "/")
        idle.getresponse().read()
        break
    except OSError:
        if time.monotonic() > until:
            sys.exit("it never answered")
        time.sleep(0.05)
told, answered, killed = {"idle": "open"}, [], threading.Event()
raw = idle.sock
if raw is None:
    told["idle"] = "closed by its answer"

def slow(is_sent):
    connection = http.client.HTTPConnection("127.0.0.1", 3000, timeout=10)
    try:
        connection.request("GET", "/slow")
        is_sent.set()
        answered.append(connection.getresponse().read())
        if connection.sock is not None:
            connection.sock.recv(1)  # kept open, as a client does, until the server ends it
            connection.close()
    except (OSError, http.client.HTTPException):
        pass

def watch():
    try:
        raw.settimeout(grace + 5)
        told["idle"] = "end" if raw.recv(1) == b"" else "data"
        if killed.is_set():
            told["idle"] = "end by SIGKILL"
        raw.close()
    except TimeoutError:
        pass
    except OSError:
        told["idle"] = "reset"

threads = []
for _ in range(3):
    sent = threading.Event()
    threads.append(threading.Thread(target=slow, args=(sent,)))
    threads[-1].start()
    sent.wait(10)
if raw is not None:
    threads.append(threading.Thread(target=watch))
    threads[-1].start()
time.sleep(0.3)
alive = os.pidfd_open(pid)
begun = time.monotonic()
os.kill(pid, signal.SIGTERM)
told["in_time"] = bool(select.select([alive], [], [], grace)[0])
told["seconds"] = round(time.monotonic() - begun, 2)
if not told["in_time"]:
    killed.set()
    os.kill(pid, signal.SIGKILL)
for thread in threads:
    thread.join()
print(json.dumps({**told, "whole": len([body for body in answered if body])}))
"""


def measured(name: str) -> Mapping[str, Any]:
    """What a client of our own finds at a stop of this server, and its exit code."""
    shell = f"ip link set lo up && exec {shlex.join(ARGV[name])}"
    server = ["unshare", "--fork", "--pid", "--net", "--mount-proc", "--kill-child", "--", "bash", "-c", shell]
    environment = {**os.environ, "PORT": "3000", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    silent = subprocess.DEVNULL
    with subprocess.Popen(server, cwd=SERVERS, env=environment, stdout=silent, stderr=silent) as process:
        try:
            first = first_of(process.pid)
            inside = ["nsenter", "--net", "--target", str(first), sys.executable, "-c", CLIENT]
            client = subprocess.run(
                [*inside, str(first), str(grace_of(name))], capture_output=True, text=True, check=False, timeout=60
            )
            assert client.returncode == 0, client.stderr
            found, code = json.loads(client.stdout), process.wait(20)
            return {**found, "code": code if found["in_time"] else 137}  # unshare itself has no code for SIGKILL
        finally:
            process.kill()


def first_of(pid: int) -> int:
    """The first process of the namespace: the only child of `unshare`, which it forks after having made it."""
    while True:
        with open(f"/proc/{pid}/task/{pid}/children") as children:  # noqa: PTH123 - it is read again and again
            if found := children.read().split():
                return int(found[0])


def unlike(name: str, found: Mapping[str, Any], letters: str, codes: str) -> list[str]:
    """What the table says otherwise; where it has a dot or a question mark nothing is compared."""
    table = dict(zip(COLUMNS, letters, strict=True))
    seen = {
        "stops-in-time": found["in_time"],
        "in-flight-finish": found["whole"] == 3,
        "keep-alive-drained": found["idle"] in ("end", "closed by its answer"),
    }
    judged = {requirement: is_good for requirement, is_good in seen.items() if (name, requirement) not in RACES}
    wrong = [f"{each}: {found}" for each, is_good in judged.items() if table[each] == "PF"[is_good]]
    return wrong + ([] if str(found["code"]) in codes.split("/") else [f"exit code {found['code']} and not {codes}"])


@pytest.mark.parametrize(("name", "init", "letters", "codes"), CHOSEN, ids=[row[0] for row in CHOSEN])
def test_other_means_find_what_the_table_says(
    name: str, init: str, letters: str, codes: str, record_property: Callable[[str, object], None]
) -> None:
    require(missing(name) or not_measured(name) or missing_program("nsenter") or missing_program("ip"))
    require("" if os.geteuid() == 0 else "namespaces of other processes need root")
    tries: list[list[str]] = []
    while len(tries) < TRIES and (not tries or tries[-1]):
        tries.append(unlike(name, measured(name), letters, codes))
    record_property("tries", len(tries))
    assert tries[-1] == []
