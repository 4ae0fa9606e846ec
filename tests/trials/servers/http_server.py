"""Python's own http.server, threading, HTTP/1.1: `/` at once, `/slow` after 0.8 s."""

import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.8)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"done\n")

    def log_message(self, *_arguments):
        """Say nothing."""


ThreadingHTTPServer(("", int(os.environ.get("PORT", "3000"))), Handler).serve_forever()
