"""granian's own stop."""

import granian

granian.Granian("asgi_app:app", port=3000, interface="asgi", log_level="warning").serve()
