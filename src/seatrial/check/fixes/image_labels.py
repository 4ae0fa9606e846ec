"""Fix for image-labels: OCI's names for label-schema's, and the source where package.json says it."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds
from seatrial.check.fixes.dockerfile_edits import Change, before_command, inside, own
from seatrial.check.fixes.interface import made, spanned, unit_of
from seatrial.check.fixes.yaml_edits import together
from seatrial.check.interface import Context
from seatrial.model.documents import Instruction, Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern

_OCI = "org.opencontainers.image."
_OLD = pattern(r"org\.label-schema\.([\w-]+)(?=[\"']?(?:=|\s))")
_NAMES = {
    "build-date": "created",
    "name": "title",
    "description": "description",
    "usage": "documentation",
    "url": "url",
    "vcs-url": "source",
    "vcs-ref": "revision",
    "vendor": "vendor",
    "version": "version",
}
"""What label-schema calls that OCI has a name for; its own version (`schema-version`) has none, and stays."""
_ADDRESS = pattern(r"(?:git\+)?(https://[\w.-]+/[\w./~-]+?)(?:\.git)?/?")
_SHORT = pattern(r"(?:github:)?([\w.-]+/[\w.-]+)")


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Rename them, or add one: unsafe, for somebody may read the old names."""
    unit = unit_of(context, finding)
    if unit is None:
        return
    if "label-schema" in finding.message:
        labels = [each for each in builds.instructions(unit) if each.keyword == "LABEL"]
        edits = [edit for each in labels if (edit := _renamed(context, finding, each))]
        yield from made(together(*edits))
    elif source := _source(unit):
        line = f'LABEL {_OCI}source="{source}"'
        if own(unit):
            yield from made(
                before_command(context, unit, finding, [line], "add the label of the source", is_safe=False)
            )


def _renamed(context: Context, finding: Finding, label: Instruction) -> Edit | None:
    whole = spanned(context, label.place)
    found = [each for each in _OLD.finditer(whole) if each.group(1) in _NAMES]
    changes = [Change(each.start(), each.end(), _OCI + _NAMES[each.group(1)]) for each in found]
    return inside(context, finding, label, changes, "call the labels by OCI's names", is_safe=False)


def _source(unit: Unit) -> str:
    """The address of the repository, as package.json says it."""
    for manifest in unit.manifests:
        said = manifest.text("repository", "url") or manifest.text("repository")
        text = said.value if said else ""
        if found := _ADDRESS.fullmatch(text):
            return found.group(1)
        if short := _SHORT.fullmatch(text):
            return f"https://github.com/{short.group(1)}"
    return ""
