"""The table of acts: one for each scenario that is not a stop under load."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seatrial.drill.acts import (
    confined,
    crash,
    dependency,
    freeze,
    load,
    memory,
    misfits,
    other_init,
    overtime,
    raising,
    rollout,
    stand_in,
    work,
)
from seatrial.drill.acts.interface import Act
from seatrial.model.recording import Scenario

ACTS: Mapping[Scenario, Act] = MappingProxyType(
    {
        Scenario.OVERTIME: overtime.ACT,
        Scenario.LOAD: load.ACT,
        Scenario.MEMORY: memory.MEMORY,
        Scenario.MORE_MEMORY: memory.MORE_MEMORY,
        Scenario.DEPENDENCY: dependency.ACT,
        Scenario.WORK: work.ACT,
        Scenario.OTHER_INIT: other_init.ACT,
        Scenario.ROLLOUT: rollout.ACT,
        Scenario.FREEZE: freeze.ACT,
        Scenario.RECOVERY: crash.RECOVERY,
        Scenario.CRASH: crash.ACT,
        Scenario.READ_ONLY: confined.READ_ONLY,
        Scenario.NON_ROOT: confined.NON_ROOT,
        Scenario.EXCEPTION: raising.EXCEPTION,
        Scenario.REJECTION: raising.REJECTION,
        Scenario.NO_DEPENDENCY: misfits.NO_DEPENDENCY,
        Scenario.NO_SETTINGS: misfits.NO_SETTINGS,
        Scenario.PORT_TAKEN: misfits.PORT_TAKEN,
        Scenario.STAND_IN: stand_in.ACT,
    }
)
"""In the order in which they are begun: the longest first, and those that find out more than others need."""
