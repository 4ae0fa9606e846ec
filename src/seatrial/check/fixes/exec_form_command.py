"""Fix for exec-form-command: a plain line of words as a JSON array, one with variables or quotes gets `exec`.

A shell runs a script without a shebang by itself, the kernel refuses it: so a program that may be a script of the
project is left alone, and one that is named by its path is rewritten on request only. Also left alone is a program that
would then get a stop signal which ends it at once, where the shell had kept it away, and a package manager, which would
then pass the signal on to a program that may have no handler: measured, the requests in flight are cut.
"""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images, launch
from seatrial.check.fixes.commands import exec_form, may_be_execed, plain_words
from seatrial.check.fixes.interface import instruction_at, point, spanned, unit_of
from seatrial.check.interface import Context
from seatrial.check.rules.exec_form_command import ASSIGNMENTS
from seatrial.model.documents import Unit
from seatrial.model.edit import Becomes, Edit
from seatrial.model.finding import Finding
from seatrial.model.servers import GRACEFUL

_PACKAGE_MANAGERS = frozenset({"npm", "npx", "yarn", "pnpm", "bun", "bunx"})
_SAY_WHICH = frozenset({"nginx", "httpd", "php", "postgres"})
"""Official images with the STOPSIGNAL of their program."""


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Rewrite the arguments; no shell would have changed any of these words."""
    unit = unit_of(context, finding)
    instruction = instruction_at(unit, finding.place, "CMD", "ENTRYPOINT") if unit else None
    if unit is None or instruction is None or instruction.json or instruction.broken or instruction.heredocs:
        return
    line = spanned(context, finding.place)
    words = plain_words(line)
    assigned = ASSIGNMENTS.match(line)
    before = assigned.group() if assigned else ""
    program = words[0] if words else line[len(before) :].split(" ")[0]
    if not _is_alone(unit, instruction.keyword) or _may_be_a_script(unit, program) or _ends_at_once(unit, program):
        return
    is_safe = "/" not in program
    if words:
        promise = Becomes(instruction.place.line, f"{instruction.keyword} {exec_form(words)}")
        note = f"write {instruction.keyword} in exec form"
        yield Edit(finding.place, exec_form(words), finding.requirement, note, promise, is_safe)
    elif instruction.arguments.startswith(before) and may_be_execed(instruction.arguments[len(before) :]):
        promise = Becomes(instruction.place.line, f"{instruction.keyword} {before}exec {line[len(before) :]}")
        at = point(finding.place, finding.place.line, finding.place.column + len(before))
        yield Edit(at, "exec ", finding.requirement, f"replace the shell by {program}", promise, is_safe)


def _is_alone(unit: Unit, keyword: str) -> bool:
    """Whether no ENTRYPOINT gets the words of this CMD, and no CMD becomes the arguments of this ENTRYPOINT."""
    entrypoint, command = unit.service.entrypoint, unit.service.command
    shell = unit.service.shell[0].rpartition("/")[2] if unit.service.shell else "sh"
    other = command if keyword == "ENTRYPOINT" else entrypoint
    return shell in launch.SHELLS and not (other and other.value)


def _ends_at_once(unit: Unit, program: str) -> bool:
    """Whether the stop signal, which reaches it from now on, isn't the one that it ends gracefully on."""
    name = program.rpartition("/")[2]
    if name in _PACKAGE_MANAGERS:
        return True
    says_which = images.parse(launch.base_image(unit)).repository in _SAY_WHICH or unit.service.stop_signal is not None
    return not says_which and ("php-fpm" if name.startswith("php-fpm") else name) in GRACEFUL


def _may_be_a_script(unit: Unit, program: str) -> bool:
    """Whether it has the name of a script, or of a file that goes into the image."""
    name = program.rpartition("/")[2]
    if name.endswith((".sh", ".bash", ".py", ".js", ".rb", ".pl", ".php")) or unit.dockerfile is None:
        return True
    return any(entry.rpartition("/")[2] == name for entry in unit.dockerfile.context.list_entries())
