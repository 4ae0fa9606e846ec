"""The replacement of a service that runs on a distributed engine, under load."""

from __future__ import annotations
