"""The table of acts: one for each scenario that is not a stop under load."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seatrial.drill.acts import crash, freeze, load, misfits, raising, stand_in
from seatrial.drill.acts.interface import Act
from seatrial.model.recording import Scenario

ACTS: Mapping[Scenario, Act] = MappingProxyType(
    {
        Scenario.FREEZE: freeze.ACT,
        Scenario.STAND_IN: stand_in.ACT,
        Scenario.CRASH: crash.ACT,
        Scenario.RECOVERY: crash.RECOVERY,
        Scenario.EXCEPTION: raising.EXCEPTION,
        Scenario.REJECTION: raising.REJECTION,
        Scenario.PORT_TAKEN: misfits.PORT_TAKEN,
        Scenario.NO_SETTINGS: misfits.NO_SETTINGS,
        Scenario.LOAD: load.ACT,
    }
)
