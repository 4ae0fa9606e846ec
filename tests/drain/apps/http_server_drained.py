"""http.server with drain."""

from http_server_bare import Handler, Server

from seatrial.drain import plain
from seatrial.drain.threads import Life

life = Life()
plain.serve_forever(Server(("127.0.0.1", 3000), plain.draining(Handler, life)), life)
