"""What task definitions of Amazon ECS say: tasks, and their containers as services. Values as written, with places."""

from __future__ import annotations

from seatrial.model.documents import Unit
from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass

DEFAULT_STOP = 30
"""Seconds of `stopTimeout` where nothing is said."""
LONGEST_STOP = 120
"""The most that Fargate allows."""


@dataclass(frozen=True, slots=True)
class TaskContainer:
    """A container of a task. `unit` has what a service of Docker has, too; its `stop_grace` is `stopTimeout`, its
    `depends_on` have ECS's conditions ("HEALTHY"). `place` is that of its name."""

    unit: Unit
    place: Place
    is_essential: bool = True
    privileged: Sourced[bool] | None = None

    @property
    def name(self) -> str:
        """How the task calls it."""
        return self.unit.service.name

    @property
    def effective_stop(self) -> float:
        """Seconds from the stop signal to SIGKILL."""
        said = self.unit.service.stop_grace
        return said.value if said else float(DEFAULT_STOP)


@dataclass(frozen=True, slots=True)
class Task:
    """A task definition: `place` is that of its family, `memory` (bytes) what all of its containers have together.

    Memory is 0 where somebody fills it in.
    """

    family: str
    place: Place
    containers: tuple[TaskContainer, ...]
    memory: Sourced[int] | None = None
    is_fargate: bool = False
    is_windows: bool = False
