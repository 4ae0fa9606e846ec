"""A service for the tests: speaks when it starts, answers HTTP on $HOST:$PORT, tells each signal, stops on SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import sys

listener = socket.create_server((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])))


def stop(number: int, _frame: object) -> None:
    print(f"got {signal.Signals(number).name}", flush=True)
    sys.exit(int(os.environ.get("CODE", "0")))


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGUSR1, lambda *_: print("got SIGUSR1", flush=True))
print(f"ready (pid {os.getpid()})", flush=True)
while True:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
