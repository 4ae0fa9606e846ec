"""Dockerfiles as the rules of the image look at them: base images, what RUN runs, what COPY takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from seatrial.check import images, launch, services
from seatrial.check.interface import Check, Context, Wrong, finding
from seatrial.model.documents import Documents, Instruction, ShellCommand, Stage, Unit
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.remembered import remembered
from seatrial.model.values import dataclass

_VARIABLE = pattern(r"\$\{?([A-Za-z_]\w*)")
_NAMED = pattern(r"\$\{?([A-Za-z_]\w*)(?::?-[^}]*)?\}?")
_WHOLE = frozenset({".", "./", "/", "*", "./*", "./."})
_BEFORE = frozenset({"sudo", "env", "time", "nice"})
_PUTS_TOGETHER = pattern(r"\$\{\w+:?[-=]")
"""What gives a word a part that doesn't stand where the word does: `${NAME:-npm}`."""
_COUNTED = pattern(r"v?(\d+(?:\.\d+)*)(?:-|$)")


@dataclass(frozen=True, slots=True)
class Base:
    """An image from outside that a stage stands on, with all variables filled in."""

    image: str
    place: Place | None
    stage: Stage

    @property
    def reference(self) -> images.Reference:
        """Its name taken apart."""
        return images.parse(self.image)


def bases(unit: Unit) -> Iterator[Base]:
    """The images from outside of all stages, each once; those whose name isn't known for certain are left out."""
    seen: set[str] = set()
    for stage in unit.dockerfile.stages if unit.dockerfile else ():
        image = _image(unit, stage)
        if image and image not in seen and image.lower() not in ("scratch", "context"):
            seen.add(image)
            yield Base(image, stage.base.place, stage)


def final_base(unit: Unit) -> Base | None:
    """The image from outside that the service's own stage stands on."""
    stage = unit.stages[-1] if unit.stages else None
    image = _image(unit, stage) if stage else ""
    return Base(image, stage.base.place, stage) if stage and image else None


def _image(unit: Unit, stage: Stage) -> str:
    overridden = unit.compose.build_arguments if unit.compose and stage.parent is None else ()
    if not overridden or set(_VARIABLE.findall(stage.base.value)).isdisjoint(overridden):
        return stage.image
    # compose fills in another value: known for the service's own chain alone
    is_own = bool(unit.stages) and stage is unit.stages[-1] and bool(unit.service.base_images)
    return unit.service.base_images[-1].value if is_own else ""


def version(tag: str) -> str:
    """The version number that a tag begins with: "22.3" of "22.3-slim", "" where there is none."""
    found = _COUNTED.match(tag)
    return found.group(1) if found else ""


@remembered
def instructions(unit: Unit) -> tuple[Instruction, ...]:
    """Those that make up the service's image, in the order in which they are carried out, without broken ones."""
    return tuple(each for stage in reversed(unit.stages) for each in stage.instructions if not each.broken)


def runs(unit: Unit, programs: tuple[str, ...] = ("",)) -> Iterator[tuple[Instruction, ShellCommand]]:
    """The commands that RUN runs for the service's image, `sudo` and the like taken off. Those of a RUN that surely
    runs none of `programs` are left out."""
    for each in instructions(unit):
        if each.keyword == "RUN" and may_run(each, programs):
            for command in run_commands(each):
                yield each, command


def may_run(instruction: Instruction, programs: tuple[str, ...]) -> bool:
    """Whether the text of a RUN holds one of these names: where it doesn't, its commands needn't be read for them."""
    text = _unquoted(instruction)
    if text is None:
        return True
    for program in programs:  # noqa: SIM110 — asked of each RUN many times, and `any` takes twice as long
        if program in text:
            return True
    return False


@remembered
def run_texts(unit: Unit) -> tuple[str, ...]:
    """The whole texts of what RUN runs for the service's image."""
    return tuple(script(each) for each in instructions(unit) if each.keyword == "RUN")


def run_commands(instruction: Instruction) -> tuple[ShellCommand, ...]:
    """The commands of one RUN, none of what isn't one."""
    return _run_commands(instruction) if instruction.keyword == "RUN" else ()


@remembered
def _unquoted(instruction: Instruction) -> str | None:
    """The text of a RUN as its words are made of it: without quotes and backslashes. None where a word may have more
    than stands there."""
    text = script(instruction).replace('"', "").replace("'", "").replace("\\", "")
    return None if "${" in text and _PUTS_TOGETHER.search(text) else text


@remembered
def _run_commands(instruction: Instruction) -> tuple[ShellCommand, ...]:
    return tuple(_commands(instruction))


def _commands(instruction: Instruction) -> Iterator[ShellCommand]:
    if instruction.json and instruction.words:
        words = tuple(word.value for word in instruction.words)
        if words[0].rpartition("/")[2] not in launch.SHELLS:
            yield ShellCommand(words, lambda: instruction.words[0].place or instruction.place)
        return
    for command in instruction.shell:
        words = command.words
        if words and words[0] not in _BEFORE:
            yield command
            continue
        while words and words[0] in _BEFORE:
            words = words[1:]
            while words and ("=" in words[0] or words[0].startswith("-")):
                words = words[1:]
        if words:
            yield ShellCommand(words, command.read_place, command.before, command.after, command.execs)


def script(instruction: Instruction) -> str:
    """The whole text of a RUN, with its heredocs."""
    return instruction.arguments + "".join("\n" + heredoc.value for heredoc in instruction.heredocs)


def has_mount(instruction: Instruction, kind: str, target: str = "") -> bool:
    """Whether RUN has a mount of this kind, with `target` somewhere in its options."""
    return any(_mount_kind(mount) == kind and target in mount for mount in instruction.mounts)


def _mount_kind(mount: str) -> str:
    found = re.search(r"(?:^|,)type=([a-z]+)", mount)
    return found.group(1) if found else "bind"


@remembered
def variables(unit: Unit) -> Mapping[str, str]:
    """What ENV and ARG of the service's image set, without quotes, known variables filled in. A later one wins."""
    found: dict[str, str] = {}
    for instruction in instructions(unit):
        if instruction.keyword in ("ENV", "ARG"):
            for each in instruction.assignments:
                if each.value is not None:
                    found[each.name] = _NAMED.sub(
                        lambda match: found.get(match.group(1), match.group()), each.value.strip("\"'")
                    )
    return found


def sources(instruction: Instruction) -> tuple[str, ...]:
    """What COPY or ADD takes from the build context; nothing where it takes from a stage, an image or a heredoc."""
    if instruction.keyword not in ("COPY", "ADD") or "from" in instruction.flags or instruction.heredocs:
        return ()
    return tuple(word.value for word in instruction.words[:-1])


def takes_whole_context(instruction: Instruction) -> bool:
    """Whether COPY or ADD takes the build context as a whole."""
    return instruction.keyword in ("COPY", "ADD") and not _WHOLE.isdisjoint(sources(instruction))


@remembered
def is_service(unit: Unit) -> bool:
    """Whether the Dockerfile itself says what runs, and that not for development."""
    argv = unit.service.argv
    if argv is None or argv.place is None or launch.is_built_upon(unit):
        return False
    return bool(unit.stages) and not launch.is_for_development(unit)


_DEVELOPMENT = frozenset(
    {"dev", "development", "devcontainer", "test", "tests", "testing", "ci", "e2e", "examples"}
    | {"benchmark", "benchmarks"}
)


@remembered
def files_for_development(context: Context) -> frozenset[str]:
    """The compose files that are plainly for a developer's machine or a test, by a service of theirs or by the name of
    the directory that they lie in."""
    documents = context.documents
    name = documents.directory.rstrip("/").rpartition("/")[2].lower().strip(".")
    return services.files_of_developers(context.units) | frozenset(
        unit.compose.file
        for unit in context.units
        if unit.compose and (name in _DEVELOPMENT or launch.is_for_development(unit))
    )


def written_line(texts: Mapping[str, str], place: Place) -> str:
    """The lines of this place as they stand in the file: a variable there was filled in before its value came here."""
    lines = texts.get(place.file, "").split("\n")
    return "\n".join(lines[place.line - 1 : max(place.end_line, place.line)])


def written(texts: Mapping[str, str], place: Place) -> str:
    """What stands at a place within one line of its file."""
    return written_line(texts, place)[place.column - 1 : place.end_column - 1]


def last_place(unit: Unit) -> Place | None:
    """Where to speak of the image as a whole: at its own CMD, else its ENTRYPOINT, else its FROM."""
    for keyword in ("CMD", "ENTRYPOINT"):
        found = [each for each in instructions(unit) if each.keyword == keyword]
        if found:
            return found[-1].arguments_place or found[-1].place
    return unit.stages[0].origin.place if unit.stages else None


def lockfiles(unit: Unit, known: tuple[str, ...], directory: str) -> frozenset[str]:
    """The names of the manifests and lock files that lie in the service's build context itself."""
    context = unit.service.context.rstrip("/")
    prefix = "" if context == directory.rstrip("/") else context[len(directory.rstrip("/")) + 1 :] + "/"
    if prefix and not context.startswith(directory.rstrip("/") + "/"):
        return frozenset()
    return frozenset(
        name[len(prefix) :] for name in known if name.startswith(prefix) and "/" not in name[len(prefix) :]
    )


def per_project(
    name: str,
    severity: Severity,
    look: Callable[[Unit, Documents], Iterable[Wrong]],
    confidence: Confidence = Confidence.HIGH,
) -> Check:
    """A check that looks at one service after the other, with what lies around them."""

    def check(context: Context) -> Iterator[Finding]:
        for unit in context.units:
            for wrong in look(unit, context.documents):
                made = finding(name, severity, wrong, unit.service.name, confidence)
                if made is not None:
                    yield made

    return check
