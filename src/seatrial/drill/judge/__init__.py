"""Verdicts, computed from recordings alone. `table.judge` gives them all. Nothing here looks at the machine."""

from __future__ import annotations

from seatrial.drill.judge.table import JUDGES, judge

__all__ = ["JUDGES", "judge"]
