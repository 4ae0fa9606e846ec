"""Fix for healthcheck-timing: a time-out below the interval, and an interval that notices a hang within minutes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.check.fixes.dockerfile_edits import instruction_over, replacing
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What, setting, spot_at, together
from seatrial.check.interface import Context
from seatrial.check.rules.healthcheck_timing import LONGEST
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.place import Place
from seatrial.model.service import Healthcheck

_DEFAULTS = {"interval": 30.0, "timeout": 30.0, "retries": 3.0}
_ENOUGH = {"interval": 30.0, "timeout": 5.0, "retries": 3.0}
_SHORT = 3.0


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Lower what is too long, of what somebody wrote: unsafe, for a slow check fails sooner then."""
    unit = unit_of(context, finding)
    check = unit.service.healthcheck if unit else None
    if unit is None or check is None:
        return
    by_file: dict[str, list[Edit | None]] = {}
    for name, value in _better(check).items():
        place = _place(check, name)
        if place is not None:
            edit = _edit(context, unit, finding, place, f"{value:g}" + ("" if name == "retries" else "s"))
            by_file.setdefault(place.file, []).append(edit)
    for edits in by_file.values():
        yield from made(together(*edits))


def _edit(context: Context, unit: Unit, finding: Finding, place: Place, value: str) -> Edit | None:
    note = f"shorten it to {value}"
    instruction = instruction_over(unit, place)
    if instruction is not None:
        return replacing(context, finding, instruction, place, value, (note, False))
    spot = spot_at(context, place)
    return setting(context, finding, spot, value, What(note)) if spot else None


def _better(check: Healthcheck) -> Mapping[str, float]:
    """The values that change."""
    said = {
        "interval": check.interval.value or _DEFAULTS["interval"],
        "timeout": check.timeout.value or _DEFAULTS["timeout"],
        "retries": float(check.retries.value or _DEFAULTS["retries"]),
    }
    new = dict(said)
    if new["retries"] * (new["interval"] + new["timeout"]) > LONGEST:
        new |= {name: min(new[name], most) for name, most in _ENOUGH.items() if _place(check, name)}
    if new["timeout"] > new["interval"] and _place(check, "timeout"):
        new["timeout"] = min(_SHORT, new["interval"])
    return {name: value for name, value in new.items() if value != said[name]}


def _place(check: Healthcheck, name: str) -> Place | None:
    return {"interval": check.interval, "timeout": check.timeout, "retries": check.retries}[name].place
