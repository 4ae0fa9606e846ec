"""multi-stage: compilers, sources and what a build needs stay behind in an earlier stage."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds, launch, packages
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import ShellCommand, Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.place import Sourced

NAME = "multi-stage"
_COMPILERS = {
    "go": (frozenset({"build", "install"}), "the Go toolchain"),
    "cargo": (frozenset({"build", "install"}), "the Rust toolchain"),
    "mvn": (frozenset({"package", "install", "verify"}), "Maven and the JDK"),
    "mvnw": (frozenset({"package", "install", "verify"}), "Maven and the JDK"),
    "gradle": (frozenset({"build", "assemble", "bootJar", "installDist", "shadowJar"}), "Gradle and the JDK"),
    "gradlew": (frozenset({"build", "assemble", "bootJar", "installDist", "shadowJar"}), "Gradle and the JDK"),
    "dotnet": (frozenset({"publish", "build"}), "the .NET SDK"),
}
_TOOLCHAINS = frozenset({"golang", "rust", "maven", "gradle"})
_RUNNERS = frozenset({"go", "cargo", "mvn", "mvnw", "gradle", "gradlew", "dotnet-watch", "air"})


def _look(unit: Unit) -> Iterator[Wrong]:
    base = builds.final_base(unit)
    if base is None or not builds.is_service(unit) or launch.chain(unit)[-1].program in _RUNNERS:
        return
    is_toolchain = base.reference.name in _TOOLCHAINS or "dotnet/sdk" in base.image
    for _instruction, command in builds.runs(unit) if is_toolchain else ():
        what = _compiles(command)
        if what:
            message = f"`{' '.join(command.words[:2])}` runs in the stage that is shipped: {what} stays in the image"
            remedy = "FROM … AS build above, and in a last stage on a small image COPY --from=build what was built"
            yield Wrong(message, command.place, remedy)
            return
    yield from _node(unit)


def _compiles(command: ShellCommand) -> str:
    verbs, what = _COMPILERS.get(command.program, (frozenset(), ""))
    return what if verbs & set(command.words[1:]) and not _is_a_tool(command) else ""


def _is_a_tool(command: ShellCommand) -> bool:
    """`go install example.org/tool@latest`: somebody else's program."""
    return "install" in command.words and any("@" in word or "." in word[1:] for word in command.words[2:])


def _node(unit: Unit) -> Iterator[Wrong]:
    """A build by npm in the stage that is shipped, with all that it needed left there."""
    if not any("devDependencies" in manifest.data for manifest in unit.manifests):
        return
    installs = [each for each in packages.of_image(unit) if each.manager in ("npm", "yarn", "pnpm")]
    if not installs:
        return
    texts = " ".join(builds.run_texts(unit))
    if any(word in texts for word in ("prune", "rm -rf node_modules", "--production", "--omit", "focus")):
        return
    for _instruction, command in builds.runs(unit):
        words = [word for word in command.words[1:] if not word.startswith("-")]
        if command.program in ("npm", "yarn", "pnpm") and words[:2] in (["run", "build"], ["build"]):
            message = "the build runs in the stage that is shipped: devDependencies and sources stay in the image"
            remedy = "build in an earlier stage; in the last one npm ci --omit=dev and COPY --from=build what was built"
            related = (Sourced("the install", installs[0].command.place),)
            yield Wrong(message, command.place, remedy, Severity.INFO, Confidence.MEDIUM, related)
            return


_GO = "FROM golang:1.24\nCOPY . .\nRUN go build -o /app\n"
_NPM = "FROM node:22\nCOPY . .\nRUN npm ci\nRUN npm run build\n"
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="What is shipped stands in a stage of its own, without compilers, sources and dependencies for development.",
    why="A compiler in a running container is a gigabyte that every machine pulls, hundreds of packages whose security "
    "holes are reported, and a present for whoever breaks in.",
    example=_GO + 'CMD ["/app"]\n',
    instead="FROM golang:1.24 AS build\nCOPY . .\nRUN CGO_ENABLED=0 go build -o /app\n"
    'FROM gcr.io/distroless/static:nonroot\nCOPY --from=build /app /app\nCMD ["/app"]\n',
    check=per_service(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.NONE,
    sources=("https://docs.docker.com/build/building/multi-stage/",),
    bad=(
        Bad({"Dockerfile": _GO + 'CMD ["/app"]\n'}, "Dockerfile:3:5", "Go toolchain"),
        Bad(
            {"Dockerfile": _NPM + 'CMD ["node", "dist/a.js"]\n', "package.json": '{"devDependencies": {"a": "1"}}'},
            "Dockerfile:4:5",
            "devDependencies",
        ),
    ),
    good=(
        Good({"Dockerfile": _GO.replace("1.24", "1.24 AS b") + 'FROM scratch\nCOPY --from=b /app /\nCMD ["/app"]\n'}),
        Good({"Dockerfile": _GO}, "nothing says that this is what runs"),
        Good(
            {"Dockerfile": "FROM golang:1.24\nRUN go build ./...\n" + 'CMD ["go", "test", "./..."]\n'}, "Go is needed"
        ),
        Good(
            {
                "Dockerfile": _NPM + 'RUN npm prune --omit=dev\nCMD ["node", "dist/a.js"]\n',
                "package.json": '{"devDependencies": {"a": "1"}}',
            },
            "taken out again, though not from the layer",
        ),
    ),
)
