"""Fix for production-dependencies: installs by the lock file, and without those for development."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds, packages
from seatrial.check.fixes.dockerfile_edits import Change, inside
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.run_lines import run_over, whole_command
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.place import Place
from seatrial.model.remembered import remembered

_WITHOUT_DEVELOPMENT = {
    "npm": " --omit=dev",
    "yarn": " --production",
    "pnpm": " --prod",
    "bun": " --production",
    "uv": " --no-dev",
    "poetry": " --only main",
    "composer": " --no-dev",
}


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Rewrite the command: unsafe, for `npm ci` fails where manifest and lock file don't agree, and a step after it may
    need what is left out. A lock file that isn't there is the project's to make."""
    unit = unit_of(context, finding)
    run = run_over(unit, finding.place) if unit else None
    install = _by_place(unit).get(finding.place) if unit else None
    if unit is None or run is None or install is None or "there is no" in finding.message:
        return
    span = whole_command(context, run, install.command)
    if span is None:
        return
    changes = []
    option = _WITHOUT_DEVELOPMENT.get(install.manager, "")
    if "may change the versions" in finding.message:
        at = span[0] + len(" ".join(install.command.words[: install.command.words.index(install.verb)])) + 1
        changes.append(Change(at, at + len(install.verb), "ci"))
        option = option if _leaves_development(unit, install) else ""
    if option:
        changes.append(Change(span[1], span[1], option))
    yield from made(
        inside(context, finding, run, changes, f"install by {install.manager}, for production", is_safe=False)
    )


@remembered
def _by_place(unit: Unit) -> dict[Place, packages.Install]:
    return {each.command.place: each for each in reversed(tuple(packages.of_image(unit)))}


def _leaves_development(unit: Unit, install: packages.Install) -> bool:
    """Whether nothing takes out, or needs, what is for development."""
    if install.has("--omit", "--only", "--production", "--prod", "-P") or "NODE_ENV" in builds.variables(unit):
        return False
    if not any("devDependencies" in manifest.data for manifest in unit.manifests):
        return False
    texts = builds.run_texts(unit)
    return not any(word in text for text in texts for word in ("npm run", "npx ", "prune", "npm test", "NODE_ENV"))
