"""What each launcher does with its arguments: a table from a program's name to how its line is read.

Pure: words in, an `Intent` out. Which file a script stands in, and what the script says, is for `hops`. It must never
raise; a line that it doesn't understand gives None, and the chain ends there. (Named tuples, not dataclasses:
they cost less at import, and this is imported on every check.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from seatrial.model.values import dataclass

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunProgram:
    """The launcher starts this program as it stands (a wrapper, `npx`, `uv run`)."""

    argv: Words
    by: str


@dataclass(frozen=True, slots=True)
class RunLine:
    """The launcher gives this line to a shell."""

    line: str
    by: str


@dataclass(frozen=True, slots=True)
class RunScript:
    """The launcher runs the script of this name from a manifest.

    `alternative` says what it does where there is no such script: start a program of that name, or nothing.
    """

    name: str
    arguments: Words
    by: str
    manifest: str = "package.json"
    directory: str = ""
    workspace: str = ""
    alternative: bool = False
    surrounds: bool = True
    """Whether `pre…` and `post…` scripts run around it."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """A shell runs this script file with these arguments."""

    path: str
    arguments: Words
    by: str


Intent = RunProgram | RunLine | RunScript | RunFile


@dataclass(frozen=True, slots=True)
class Options:
    """Options in front of the first operand. `values` take a value (`--x v`, and always also `--x=v`)."""

    found: Mapping[str, str]
    rest: Words


def read_options(words: Sequence[str], values: frozenset[str] = frozenset()) -> Options:
    """Splits leading options from the rest; a `--` ends them and is dropped."""
    found: dict[str, str] = {}
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        word = words[at]
        at += 1
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if equals:
            found[name] = value
        elif name in values and at < len(words):
            found[name] = words[at]
            at += 1
        else:
            found[name] = ""
    return Options(found, tuple(words[at:]))


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A program that starts the rest of its own line, after its options and `operands` words."""

    values: frozenset[str] = frozenset()
    operands: int = 0
    assignments: bool = False


def _wrapper(*values: str, operands: int = 0, assignments: bool = False) -> Wrapper:
    return Wrapper(frozenset(values), operands, assignments)


WRAPPERS: Mapping[str, Wrapper] = {
    "tini": _wrapper("-p", "-e"),
    "tini-static": _wrapper("-p", "-e"),
    "docker-init": _wrapper("-p", "-e"),
    "dumb-init": _wrapper("-r", "--rewrite"),
    "catatonit": _wrapper(),
    "seatrial-init": _wrapper("-p", "-e", "-r", "--rewrite", "--grace", "--delay", "--hold"),
    "env": _wrapper("-u", "--unset", "-C", "--chdir", assignments=True),
    "cross-env": _wrapper(assignments=True),
    "nice": _wrapper("-n", "--adjustment"),
    "ionice": _wrapper("-c", "-n", "--class", "--classdata"),
    "nohup": _wrapper(),
    "setsid": _wrapper(),
    "stdbuf": _wrapper("-i", "-o", "-e", "--input", "--output", "--error"),
    "timeout": _wrapper("-s", "--signal", "-k", "--kill-after", operands=1),
    "gosu": _wrapper(operands=1),
    "su-exec": _wrapper(operands=1),
    "s6-setuidgid": _wrapper(operands=1),
    "setpriv": _wrapper("--reuid", "--regid", "--groups", "--inh-caps", "--bounding-set"),
    "sudo": _wrapper("-u", "-g", "--user", "--group"),
    "chroot": _wrapper(operands=1),
    "dotenv": _wrapper("-e", "-f"),
    "ddtrace-run": _wrapper(),
    "opentelemetry-instrument": _wrapper(),
    "newrelic-admin": _wrapper(operands=1),
    "command": _wrapper(),
}
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_NPM_VALUES = frozenset({"--prefix", "-C", "-w", "--workspace", "--loglevel", "--userconfig", "--cwd", "--dir", "-F"})
_NPM_VALUES |= {"--filter", "--script-shell", "--cache"}
_UV_VALUES = frozenset(
    {"--with", "--with-editable", "--with-requirements", "--python", "-p", "--extra", "--group", "--only-group"}
    | {"--no-group", "--project", "--directory", "--env-file", "--package", "--index", "--index-url", "--find-links"}
    | {"--cache-dir", "--config-file", "--color"}
)
_PYTHON_VALUES = frozenset({"-X", "-W"})
_PYTHON_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "flask", "granian", "daphne", "celery", "fastapi"})
_NPM_WORDS = {"run": "run", "run-script": "run", "rum": "run", "urn": "run"}
_NPM_SCRIPTS = frozenset({"start", "test", "stop", "restart", "t", "tst"})
_PNPM_OWN = frozenset({"install", "i", "add", "remove", "update", "publish", "store", "audit", "why", "list", "deploy"})


def read_intent(argv: Sequence[str]) -> Intent | None:
    """What this command line starts in its turn, or None where it is the program itself (or unknown)."""
    if not argv:
        return None
    name = argv[0].rpartition("/")[2]
    words = tuple(argv[1:])
    if name in WRAPPERS:
        return _read_wrapper(name, words)
    if name in _SHELLS:
        return _read_shell(name, words)
    if re.fullmatch(r"python[0-9.]*|pypy[0-9.]*", name):
        return _read_python(name, words)
    reader = _READERS.get(name)
    return reader(words) if reader else None


def _read_wrapper(name: str, words: Words) -> Intent | None:
    wrapper = WRAPPERS[name]
    rest = read_options(words, wrapper.values).rest
    while wrapper.assignments and rest and re.match(r"[A-Za-z_]\w*=", rest[0]):
        rest = rest[1:]
    rest = rest[wrapper.operands :]
    if rest[:1] == ("--",):
        rest = rest[1:]
    return RunProgram(rest, name) if rest else None


def _read_shell(name: str, words: Words) -> Intent | None:
    at = 0
    while at < len(words) and words[at][:1] in ("-", "+") and len(words[at]) > 1:
        word = words[at]
        if word == "--":
            at += 1
            break
        if not word.startswith("--") and "c" in word and word[0] == "-":
            return RunLine(words[at + 1], f"{name} -c") if at + 1 < len(words) else None
        at += 2 if word in ("-o", "+o", "-O", "--rcfile", "--init-file") else 1
    return RunFile(words[at], words[at + 1 :], name) if at < len(words) else None


def _read_python(name: str, words: Words) -> Intent | None:
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "-m" and words[at + 1 : at + 2]:
            module = words[at + 1]
            return RunProgram(words[at + 1 :], f"{name} -m") if module in _PYTHON_SERVERS else None
        if words[at] == "-c":
            return None
        at += 2 if words[at] in _PYTHON_VALUES else 1
    return None


def _read_npm(words: Words) -> Intent | None:
    options = read_options(words, _NPM_VALUES)
    verb, rest = (options.rest[0], options.rest[1:]) if options.rest else ("", ())
    if verb in ("exec", "x"):
        return _read_npx(rest)
    where = dict(options.found)
    if verb in _NPM_WORDS:
        inner = read_options(rest, _NPM_VALUES)
        where.update(inner.found)
        script, rest = (inner.rest[0], inner.rest[1:]) if inner.rest else ("", ())
    else:
        script = {"t": "test", "tst": "test"}.get(verb, verb) if verb in _NPM_SCRIPTS else ""
    return _script("npm", verb, script, _npm_arguments(rest, where), where) if script else None


def _npm_arguments(rest: Words, where: dict[str, str]) -> Words:
    """npm keeps options for itself up to `--`; they may also say where the package is."""
    cut = rest.index("--") if "--" in rest else len(rest)
    before, after = rest[:cut], rest[cut + 1 :]
    operands: list[str] = []
    while before:
        options = read_options(before, _NPM_VALUES)
        where.update(options.found)
        operands += options.rest[:1]
        before = options.rest[1:]
    return (*operands, *after)


def _script(manager: str, verb: str, script: str, arguments: Words, where: Mapping[str, str]) -> RunScript:
    directory = next((where[key] for key in ("--prefix", "-C", "--cwd", "--dir") if where.get(key)), "")
    workspace = next((where[key] for key in ("-w", "--workspace", "--filter", "-F") if where.get(key)), "")
    by = f"{manager} {script}" if verb == script else f"{manager} {verb} {script}".replace("  ", " ")
    return RunScript(script, arguments, by, "package.json", directory, workspace)


def _read_yarn(words: Words) -> Intent | None:
    options = read_options(words, _NPM_VALUES)
    where = dict(options.found)
    rest = options.rest
    if rest[:1] == ("workspace",) and len(rest) > 2:
        where["--workspace"], rest = rest[1], rest[2:]
    if not rest:
        return None
    verb, rest = rest[0], rest[1:]
    if verb in ("exec", "dlx", "node"):
        words = rest if verb != "node" else ("node", *rest)
        return RunProgram(words, f"yarn {verb}") if words else None
    return _script_or_program("yarn", verb, rest, where)


def _read_pnpm(words: Words) -> Intent | None:
    options = read_options(words, _NPM_VALUES)
    if not options.rest:
        return None
    verb, rest = options.rest[0], options.rest[1:]
    if verb in ("exec", "dlx"):
        rest = read_options(rest).rest
        return RunProgram(rest, f"pnpm {verb}") if rest else None
    return None if verb in _PNPM_OWN else _script_or_program("pnpm", verb, rest, options.found)


def _read_bun(words: Words) -> Intent | None:
    options = read_options(words, _NPM_VALUES)
    if not options.rest:
        return None
    verb, rest = options.rest[0], options.rest[1:]
    if verb == "x":
        return _read_npx(rest)
    named = rest[0] if verb == "run" and rest else verb
    if re.search(r"\.[cm]?[jt]sx?$", named) or verb in ("install", "i", "add", "build", "test"):
        return None  # bun runs files and its own verbs itself
    return _script_or_program("bun", verb, rest, options.found)


def _script_or_program(manager: str, verb: str, rest: Words, where: Mapping[str, str]) -> Intent | None:
    script = verb
    if verb in ("run", "run-script"):
        inner = read_options(rest, _NPM_VALUES)
        if not inner.rest:
            return None
        script, rest, where = inner.rest[0], inner.rest[1:], {**where, **inner.found}
    if rest[:1] == ("--",):
        rest = rest[1:]
    made = _script(manager, verb, script, rest, where)
    # yarn, pnpm and bun look for a program of that name where there is no script; pnpm runs no pre/post by default.
    return RunScript(
        made.name, rest, made.by, made.manifest, made.directory, made.workspace, True, surrounds=manager != "pnpm"
    )


def _read_npx(words: Words) -> Intent | None:
    options = read_options(words, frozenset({"-p", "--package", "-c", "--call", "-w", "--workspace"}))
    line = options.found.get("-c") or options.found.get("--call")
    if line:
        return RunLine(line, "npx -c")
    return RunProgram(_without_version(options.rest), "npx") if options.rest else None


def _without_version(words: Words) -> Words:
    """`npx serve@14 .` runs `serve .`; a scope (`@org/tool`) is kept out of the program's name as npm does."""
    name = re.sub(r"(?<=.)@[^/]*$", "", words[0])
    return (name.rpartition("/")[2] if name.startswith("@") else name, *words[1:])


def _read_uv(words: Words) -> Intent | None:
    options = read_options(words, _UV_VALUES)
    if options.rest[:2] == ("tool", "run"):
        return _read_uvx(options.rest[2:])
    if options.rest[:1] != ("run",):
        return None
    inner = read_options(options.rest[1:], _UV_VALUES | {"-m", "--module", "-s", "--script"})
    module = inner.found.get("-m") or inner.found.get("--module")
    script = inner.found.get("-s") or inner.found.get("--script")
    if module or script:
        return RunProgram(("python", *(("-m", module) if module else (script or "",)), *inner.rest), "uv run")
    if not inner.rest:
        return None
    return RunProgram(("python", *inner.rest) if inner.rest[0].endswith(".py") else inner.rest, "uv run")


def _read_uvx(words: Words) -> Intent | None:
    rest = read_options(words, _UV_VALUES | {"--from"}).rest
    return RunProgram((rest[0].partition("@")[0], *rest[1:]), "uvx") if rest else None


def _python_runner(name: str, manifest: str) -> Callable[[Words], Intent | None]:
    def read(words: Words) -> Intent | None:
        rest = read_options(words, frozenset({"-C", "--directory", "-P", "--project", "-p"})).rest
        if rest[:1] != ("run",):
            return None
        rest = read_options(rest[1:], frozenset({"-p", "--project"})).rest
        if not rest:
            return None
        return RunScript(rest[0], rest[1:], f"{name} run", manifest, alternative=True, surrounds=False)

    return read


def _read_node(words: Words) -> Intent | None:
    options = read_options(words, frozenset({"-r", "--require", "--import", "--env-file", "--run"}))
    script = options.found.get("--run", "")
    return RunScript(script, options.rest, f"node --run {script}", surrounds=False) if script else None


_READERS: Mapping[str, Callable[[Words], Intent | None]] = {
    "npm": _read_npm,
    "npx": _read_npx,
    "yarn": _read_yarn,
    "yarnpkg": _read_yarn,
    "pnpm": _read_pnpm,
    "pnpx": _read_npx,
    "bun": _read_bun,
    "bunx": _read_npx,
    "uv": _read_uv,
    "uvx": _read_uvx,
    "poetry": _python_runner("poetry", "pyproject.toml"),
    "rye": _python_runner("rye", "pyproject.toml"),
    "pdm": _python_runner("pdm", "pyproject.toml"),
    "pipenv": _python_runner("pipenv", "Pipfile"),
    "node": _read_node,
}
