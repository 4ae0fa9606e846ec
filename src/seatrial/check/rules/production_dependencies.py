"""production-dependencies: the image holds production dependencies alone, from a lock file."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from seatrial.check import builds, packages
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong
from seatrial.model.documents import Documents, Stage, Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced

NAME = "production-dependencies"
_LOCKS = {
    "npm": ("package-lock.json", "npm-shrinkwrap.json"),
    "yarn": ("yarn.lock",),
    "pnpm": ("pnpm-lock.yaml",),
}
_TRUE = ("1", "true", "yes")


def _look(unit: Unit, documents: Documents) -> Iterator[Wrong]:
    if not builds.is_service(unit):
        return
    there = builds.lockfiles(unit, documents.lockfiles, documents.directory)
    for install in packages.of_image(unit):
        wrong = _lock(install, there) or _development(install, unit)
        if wrong is not None:
            yield wrong
    yield from _brought(unit)


def _brought(unit: Unit) -> Iterator[Wrong]:
    """`COPY --from=build /app/node_modules` of a stage that has installed all, for the sake of its build."""
    if not any(_has(manifest.data, "devDependencies") for manifest in unit.manifests):
        return
    own = builds.run_texts(unit)
    for copy in builds.instructions(unit):
        said = copy.flags.get("from") if copy.keyword == "COPY" else None
        stages = _stage(unit, (said.value if said else None) or "")
        found = _installed(stages, tuple(word.value.rstrip("/") for word in copy.words[:-1])) if stages else None
        if found is None or any(_TAKES_OUT.search(text) for text in (*own, *_scripts(stages))):
            continue
        message = f"this brings node_modules with the dependencies for development: `{found.text()}` installs them, too"
        remedy = "npm prune --omit=dev at the end of that stage, or npm ci --omit=dev here (yarn, pnpm: the same)"
        yield Wrong(
            message,
            copy.place,
            remedy,
            confidence=Confidence.MEDIUM,
            related=(Sourced("the install", found.command.place),),
        )
        return


_TAKES_OUT = pattern(
    r"\bprune\b|--prod(?:uction)?\b|--omit|--only[= ]prod|\bfocus\b|\bdeploy\b|NODE_ENV=[\"']?production|\bncc\b"
    r"|rm\s+-\w+\s[^&;|]*node_modules|node-prune|modclean"
)


def _stage(unit: Unit, name: str) -> tuple[Stage, ...]:
    """The stage of this name and those that it stands on; none where it is an image from outside."""
    dockerfile = unit.dockerfile
    if dockerfile is None or not any(name.lower() in (each.name, str(each.index)) for each in dockerfile.stages):
        return ()
    return dockerfile.chain(name)


def _scripts(stages: tuple[Stage, ...]) -> Iterator[str]:
    for stage in stages:
        for each in stage.instructions:
            if each.keyword == "RUN":
                yield builds.script(each)
            elif each.keyword in ("ENV", "ARG"):
                yield " ".join(f"{one.name}={one.value}" for one in each.assignments)


def _installed(stages: tuple[Stage, ...], sources: tuple[str, ...]) -> packages.Install | None:
    """The install of all dependencies in a directory that is copied, or whose node_modules are."""
    directory = "/"
    for instruction in (each for stage in reversed(stages) for each in stage.instructions):
        if instruction.keyword == "WORKDIR":
            directory = posixpath.join(directory, instruction.arguments.strip())
        there = {directory.rstrip("/"), posixpath.join(directory, "node_modules")}
        for install in packages.installs([instruction]):
            is_all = install.manager in _LOCKS and not any("$" in word for word in install.words)
            if is_all and not install.has("-P", "--filter", "-F", "--prefix") and there & {*sources}:
                return install
    return None


def _lock(install: packages.Install, there: frozenset[str]) -> Wrong | None:
    """What is wrong with where the versions come from."""
    locks = _LOCKS.get(install.manager, ())
    has_lock = bool(there & set(locks))
    place = install.command.place
    if (
        install.manager == "npm"
        and install.verb in ("install", "i")
        and has_lock
        and not install.has("--no-package-lock", "--package-lock=false")
    ):
        message = "npm install may change the versions that package-lock.json says: builds of one commit can differ"
        return Wrong(message, place, "npm ci --omit=dev")
    if install.has("--no-package-lock", "--no-lockfile"):
        return None  # somebody's will
    others = {name for names in _LOCKS.values() for name in names} | {"bun.lock", "bun.lockb"}
    if install.manager in _LOCKS and "package.json" in there and not there & others:
        message = f"there is no {locks[0]}: each build takes whatever versions are newest"
        instead = "npm ci --omit=dev" if install.manager == "npm" else f"{install.manager} install --frozen-lockfile"
        return Wrong(message, place, f"commit the {locks[0]}, copy it into the image, and write {instead}")
    return None


def _development(install: packages.Install, unit: Unit) -> Wrong | None:
    """What installs dependencies for development, too, and leaves them there."""
    if any("$" in word for word in install.words):
        return None  # whoever builds it says the flags
    what = _MANAGERS[install.manager](install, unit) if install.manager in _MANAGERS else ""
    if not what:
        return None
    message = f"`{install.text()}` installs the dependencies for development, too"
    return Wrong(message, install.command.place, what, confidence=Confidence.MEDIUM)


def _node(install: packages.Install, unit: Unit) -> str:
    if not any(_has(manifest.data, "devDependencies") for manifest in unit.manifests):
        return ""
    if install.has("--omit", "--only", "--production", "--prod", "-P", "focus"):
        return ""
    text = builds.script(install.instruction)
    if "NODE_ENV=production" in text or _env(unit, "NODE_ENV") == "production" or _env(unit, "NPM_CONFIG_OMIT"):
        return ""
    later = builds.run_texts(unit)
    if any(
        word in each for each in later for word in ("prune", "--production", "--omit", "--prod", "run build", "focus")
    ):
        return ""  # taken out again, or needed by a build, which is multi-stage's affair
    if any(word in each for each in later for word in ("yarn build", "pnpm build", "rm -rf node_modules")):
        return ""
    return {"npm": "npm ci --omit=dev", "yarn": "yarn install --frozen-lockfile --production"}.get(
        install.manager, f"{install.manager} install --frozen-lockfile --prod"
    )


def _env(unit: Unit, name: str) -> str:
    variables = builds.variables(unit)
    return variables.get(name, variables.get(name.lower(), ""))


def _has(data: Mapping[str, object], *path: str) -> bool:
    value: object = data
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return bool(value)


def _uv(install: packages.Install, unit: Unit) -> str:
    says = install.has(
        "--no-dev", "--only-group", "--no-default-groups", "--no-group", "--dev", "--group", "--all-groups"
    )
    set_by = any(_env(unit, name).lower() in _TRUE for name in ("UV_NO_DEV", "UV_NO_DEFAULT_GROUPS"))
    groups = any(
        _has(manifest.data, "dependency-groups", "dev") or _has(manifest.data, "tool", "uv", "dev-dependencies")
        for manifest in unit.manifests
    )
    return "uv sync --locked --no-dev" if groups and not says and not set_by else ""


def _poetry(install: packages.Install, unit: Unit) -> str:
    if install.has("--only", "--without", "--no-dev", "--with") or _env(unit, "POETRY_WITHOUT"):
        return ""
    groups = any(
        _has(manifest.data, "tool", "poetry", "group") or _has(manifest.data, "tool", "poetry", "dev-dependencies")
        for manifest in unit.manifests
    )
    return "poetry install --only main" if groups else ""


def _pip(install: packages.Install, _unit: Unit) -> str:
    named = [word for word in install.words if "requirement" in word and word.endswith(".txt")]
    is_dev = any(
        part in word.replace("_", "-") for word in named for part in ("dev.", "-dev", "test.", "-test", "dev/")
    )
    return "pip install -r requirements.txt, and leave those for development to another stage" if is_dev else ""


def _composer(install: packages.Install, unit: Unit) -> str:
    says = install.has("--no-dev", "--dev") or _env(unit, "COMPOSER_NO_DEV") in _TRUE
    return "" if says or "--no-dev" in builds.script(install.instruction) else "composer install --no-dev"


_MANAGERS = {
    "npm": _node,
    "yarn": _node,
    "pnpm": _node,
    "uv": _uv,
    "poetry": _poetry,
    "pip": _pip,
    "composer": _composer,
}
_DEV = '{"dependencies": {}, "devDependencies": {"jest": "^29"}}'
_END = 'CMD ["node", "a.js"]\n'
_BUILT = "FROM node:22 AS b\nWORKDIR /app\nRUN npm ci\nRUN npm run build\nFROM node:22\n"
_BROUGHT = "COPY --from=b /app/node_modules ./node_modules\n"
_NPM = {"package.json": _DEV, "package-lock.json": "{}"}
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="Dependencies are installed by the lock file, and those for development are left out.",
    why="`npm install` may write other versions than those that were tested, and without a lock file each build takes "
    "the newest: what runs is decided by the day of the build. Dependencies for development make the image larger and "
    "bring security holes of programs that are never run.",
    example="COPY package.json ./\nRUN npm install\n",
    instead="COPY package.json package-lock.json ./\nRUN npm ci --omit=dev\n",
    check=builds.per_project(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.UNSAFE,
    fix_note="`npm ci` fails where manifest and lock file don't agree.",
    sources=("https://docs.npmjs.com/cli/commands/npm-ci", "https://docs.astral.sh/uv/guides/integration/docker/"),
    bad=(
        Bad({"Dockerfile": "FROM node:22\nRUN npm install\n" + _END, **_NPM}, "Dockerfile:2:5", "package-lock"),
        Bad({"Dockerfile": "FROM node:22\nRUN npm ci\n" + _END, **_NPM}, "Dockerfile:2:5", "development"),
        Bad(
            {"Dockerfile": "FROM node:22\nRUN npm install --production\n" + _END, "package.json": "{}"},
            "Dockerfile:2:5",
            "no package-lock.json",
        ),
        Bad(
            {
                "Dockerfile": 'FROM python:3\nRUN uv sync --locked\nCMD ["a"]\n',
                "pyproject.toml": '[dependency-groups]\ndev = ["pytest"]\n',
            },
            "Dockerfile:2:5",
            "uv sync",
        ),
        Bad(
            {"Dockerfile": 'FROM php:8\nRUN composer install -o\nCMD ["php", "a.php"]\n'}, "Dockerfile:2:5", "composer"
        ),
        Bad({"Dockerfile": _BUILT + _BROUGHT + _END, **_NPM}, "Dockerfile:6:1"),
        Bad({"Dockerfile": _BUILT + "COPY --from=b /app /app\n" + _END, **_NPM}, "Dockerfile:6:1", "`npm ci`"),
    ),
    good=(
        Good({"Dockerfile": "FROM node:22\nRUN npm ci --omit=dev\n" + _END, **_NPM}),
        Good(
            {"Dockerfile": "FROM node:22\nRUN npm install --no-package-lock\n" + _END, "package.json": "{}"},
            "says that it wants none",
        ),
        Good({"Dockerfile": "FROM node:22\nENV NODE_ENV=production\nRUN npm ci\n" + _END, **_NPM}),
        Good({"Dockerfile": "FROM node:22\nRUN npm ci && npm run x && npm prune --omit=dev\n" + _END, **_NPM}),
        Good({"Dockerfile": "FROM node:22 AS b\nRUN npm ci\nFROM node:22\n" + _END, **_NPM}, "an earlier stage"),
        Good({"Dockerfile": _BUILT + "COPY --from=b /app/dist dist\n" + _END, **_NPM}, "what was built, alone"),
        Good({"Dockerfile": _BUILT.replace("build", "build && npm prune --omit=dev") + _BROUGHT + _END, **_NPM}),
        Good({"Dockerfile": _BUILT.replace("WORKDIR", "ENV NODE_ENV=production\nWORKDIR") + _BROUGHT + _END, **_NPM}),
        Good({"Dockerfile": _BUILT + _BROUGHT.replace("/app", "/other") + _END, **_NPM}, "another project's"),
        Good({"Dockerfile": "FROM node:22\nARG HOW\nRUN npm ci $HOW\n" + _END, **_NPM}, "who builds it says how"),
        Good({"Dockerfile": "FROM node:22\nRUN npm install -g pm2\n" + _END, **_NPM}, "a tool"),
        Good({"Dockerfile": 'FROM python:3\nRUN pip install -r requirements.txt\nCMD ["a"]\n'}),
    ),
)
