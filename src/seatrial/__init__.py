"""Seatrial: the sea trial for services in containers.

Nothing is imported here: `seatrial.drain` and the static programs must cost a production image nothing else.
"""

__version__ = "0.1.0"
