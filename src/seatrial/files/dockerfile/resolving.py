"""Resolves one stage of a Dockerfile: which stages it stands on, the arguments, then its image's configuration.

Pure: the machine is not asked for its platform, and base images from outside stay unknown. Source: buildkit's
dockerfile2llb/convert.go and platform.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from types import MappingProxyType

from seatrial.files.dockerfile.building import Builder, Notes
from seatrial.files.dockerfile.image import Image
from seatrial.files.dockerfile.syntax import Dockerfile, Instruction, Stage
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced

NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})

_VARIABLE = pattern(r"\$\{?([A-Za-z_]\w*)")
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REFERENCE = pattern(
    rf"(?:(?:[A-Za-z0-9][A-Za-z0-9.\-]*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.\-]*)?(?:@[A-Za-z][A-Za-z0-9+._\-]*:[0-9a-fA-F]+)?"
)
"""The grammar of distribution's reference package."""
_LONGEST_NAME = 300
_WITHOUT_DEFAULT = pattern(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_PLATFORM = {"PLATFORM": "linux/amd64", "OS": "linux", "OSVERSION": "", "ARCH": "amd64", "VARIANT": ""}


def resolve(dockerfile: Dockerfile, target: str | None = None, build_args: Mapping[str, str] = NO_ARGUMENTS) -> Image:
    """The image of stage `target` (a name or a number; the last stage if None). Never raises.

    The predefined arguments stand for linux/amd64 (TARGETPLATFORM, BUILDARCH, …) unless `build_args` says otherwise.
    `$PATH` is Docker's default where no ENV sets it; other variables of a base image are unknown and expand to nothing.
    """
    notes = Notes(dockerfile.directives.escape_character)
    stage = dockerfile.stage(target) if target else dockerfile.stages[-1] if dockerfile.stages else None
    if stage is None:
        if target:
            _note_unknown_target(notes, dockerfile, target)
        return Image(stage=target or "", findings=tuple(notes.findings))
    arguments = _global_arguments(dockerfile, target or dockerfile.stages[-1].name, build_args, notes)
    chain, bases = _chain(dockerfile, stage, arguments, notes)
    builder = Builder(notes, build_args, arguments)
    for each in reversed(chain):
        builder.begin_stage(from_scratch=bases[-1].value == "scratch")
        for instruction in each.instructions:
            _check_copied_stage(instruction, each, dockerfile, notes)
            builder.apply(instruction)
    return builder.image(_shown(stage), bases, _platform(chain[-1], arguments, notes))


def _shown(stage: Stage) -> str:
    return stage.name or str(stage.index)


def _note_unknown_target(notes: Notes, dockerfile: Dockerfile, target: str) -> None:
    names = ", ".join(stage.name for stage in dockerfile.stages if stage.name)[:200]
    remedy = f"The stages are: {names}." if names else "No stage has a name; write FROM image AS name."
    notes.add(f"target stage {target!r} is not in the file", Place(dockerfile.file, 1), remedy)


def _global_arguments(
    dockerfile: Dockerfile, target: str, build_args: Mapping[str, str], notes: Notes
) -> Mapping[str, str]:
    """The ARGs before the first FROM over the predefined ones. A stage sees one only where it says ARG itself."""
    values = {f"{side}{part}": value for side in ("BUILD", "TARGET") for part, value in _PLATFORM.items()}
    values["TARGETSTAGE"] = target or "default"
    values.update({name: build_args[name] for name in values if name in build_args})
    for instruction in dockerfile.global_arguments:
        for pair in instruction.pairs:
            name = pair.name.text
            if name in build_args:
                values[name] = build_args[name]
            elif pair.value is not None:
                value = notes.expanded(pair.value.text, values, pair.value.place)
                if value is not None:
                    values[name] = value
    return values


def _chain(
    dockerfile: Dockerfile, stage: Stage, arguments: Mapping[str, str], notes: Notes
) -> tuple[list[Stage], tuple[Sourced[str], ...]]:
    """The stage and those that it stands on, and the base name of each. A stage can only stand on an earlier one."""
    by_name: dict[str, list[int]] = {}
    for each in dockerfile.stages:
        if each.name:
            by_name.setdefault(each.name, []).append(each.index)
    chain, bases = [stage], []
    while True:
        current = chain[-1]
        name = notes.expanded(current.base.text, arguments, current.base.place) or ""
        undeclared = _undeclared(current.base.text, arguments, dockerfile)
        if undeclared:
            message = f"${undeclared} is declared by no ARG before the first FROM, so nothing stands here in its place"
            notes.add(message, current.base.place, f"Write ARG {undeclared}=… above the first FROM.")
        elif not name and current.base.text and not _is_asked_for(current.base.text, dockerfile):
            message = f"the base image {current.base.text[:60]!r} is empty after expansion"
            notes.add(message, current.base.place, "Give its ARG a default before the first FROM.")
        elif name and not _is_reference(name) and not _is_asked_for(current.base.text, dockerfile):
            message = f"{name[:80]!r} is no name of an image, and Docker refuses it"
            notes.add(message, current.base.place, "Write NAME:TAG, or NAME@sha256:… for a digest.")
        bases.append(Sourced(name, current.base.place))
        indexes = by_name.get(name, [])
        earlier = bisect_left(indexes, current.index)
        if not earlier:
            return chain, tuple(bases)
        chain.append(dockerfile.stages[indexes[earlier - 1]])


def _is_reference(name: str) -> bool:
    return len(name) > _LONGEST_NAME or _REFERENCE.fullmatch(name) is not None


def _undeclared(base: str, arguments: Mapping[str, str], dockerfile: Dockerfile) -> str:
    """The first variable of this base that no ARG declares, "" where there is none. A default makes up for it."""
    pairs = (pair for instruction in dockerfile.global_arguments for pair in instruction.pairs)
    declared = {pair.name.text for pair in pairs} | set(arguments)
    named = ("".join(groups) for groups in _WITHOUT_DEFAULT.findall(base))
    return next((name for name in named if name not in declared), "")


def _is_asked_for(base: str, dockerfile: Dockerfile) -> bool:
    """Whether a variable of this base is an ARG without a value: whoever builds the image has to give it."""
    pairs = (pair for instruction in dockerfile.global_arguments for pair in instruction.pairs)
    asked = {pair.name.text for pair in pairs if pair.value is None or pair.value.text in ("", '""', "''")}
    return not asked.isdisjoint(_VARIABLE.findall(base))


def _platform(stage: Stage, arguments: Mapping[str, str], notes: Notes) -> Sourced[str] | None:
    flag = stage.origin.flag("platform")
    if flag is None or flag.value is None:
        return None
    value = notes.expanded(flag.value, arguments, flag.place)
    if value == "":
        notes.add(f"the platform {flag.value[:60]!r} is empty after expansion", flag.place)
    return Sourced(value, flag.value_place) if value else None


def _check_copied_stage(instruction: Instruction, stage: Stage, dockerfile: Dockerfile, notes: Notes) -> None:
    """A number in `--from` is a stage; any other unknown name may be an image from outside."""
    flag = instruction.flag("from") if instruction.keyword == "COPY" else None
    if flag is None or not flag.value or instruction.broken:
        return
    if "$" in flag.value:
        remedy = "Write FROM $NAME AS name above, with the ARG before the first FROM, and --from=name."
        notes.add("--from can't hold a variable", flag.place, remedy)
        return
    if not (flag.value.isascii() and flag.value.isdigit()):
        return
    if len(flag.value) > 9 or int(flag.value) >= len(dockerfile.stages):
        message = f"there is no stage {flag.value[:20]}: the file has {len(dockerfile.stages)}, counted from 0"
        notes.add(message, flag.place, "Name the stage (FROM image AS name) and write --from=name.")
    elif int(flag.value) == stage.index:
        notes.add("COPY can't copy from its own stage", flag.place, "Name an earlier stage.")
