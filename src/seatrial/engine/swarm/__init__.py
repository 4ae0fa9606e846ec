"""Docker Swarm: a service that runs there, updated in its own way and watched."""

from __future__ import annotations

from seatrial.engine.swarm.service import SwarmService

__all__ = ["SwarmService"]
