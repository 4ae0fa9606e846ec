"""A replica of the tests: an HTTP server on the first free port of those in PORTS.

`drains`: on SIGTERM its health turns to 503 and it serves on for a while, then it finishes what it has and ends with 0.
`plain`: on SIGTERM it ends at once, whatever it has.
"""

import http.server
import os
import signal
import sys
import threading
import time

LAG = 1.0
SLOW = 0.3
stopping = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    busy = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        with self.lock:
            Handler.busy += 1
        try:
            self.answer()
        finally:
            with self.lock:
                Handler.busy -= 1

    def answer(self) -> None:
        if self.path == "/slow":
            time.sleep(SLOW)
        is_well = self.path != "/health" or not stopping.is_set()
        self.send_response(200 if is_well else 503)
        self.send_header("Content-Length", "3")
        if stopping.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *words: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: object, address: object) -> None:
        """A client that went away is none of ours."""


def bound() -> Server:
    while True:
        for port in os.environ["PORTS"].split(","):
            try:
                return Server(("127.0.0.1", int(port)), Handler)
            except OSError:
                continue
        time.sleep(0.05)


def main() -> None:
    server = bound()

    def drain() -> None:
        time.sleep(LAG)
        server.shutdown()

    def stop(*_: object) -> None:
        if sys.argv[1] == "plain":
            os._exit(1)
        stopping.set()
        threading.Thread(target=drain).start()

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever(poll_interval=0.05)
    server.socket.close()
    time.sleep(SLOW)
    while Handler.busy:
        time.sleep(0.01)


main()
