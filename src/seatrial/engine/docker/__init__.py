"""The Docker engine: runs a service as a container of an engine that is there (docker, or podman's compatible socket).

It speaks to the engine through Docker's own client, which is an extra of ours (`seatrial[docker]`). It must never touch
a container, network, volume or image that it did not make: all of its own carry labels that name their owner. The
package imports nothing by itself, so that whoever asks for one of its modules gets no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatrial.engine.docker.engine import DockerEngine

__all__ = ["DockerEngine"]


def __getattr__(name: str) -> Any:
    if name == "DockerEngine":
        from seatrial.engine.docker.engine import DockerEngine

        return DockerEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
