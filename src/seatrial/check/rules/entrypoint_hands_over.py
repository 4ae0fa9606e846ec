"""entrypoint-hands-over: an entrypoint script can be started, and ends in an exec of what it was made for."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Script, ShellCommand, Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced

NAME = "entrypoint-hands-over"
_SERVERS = frozenset(
    {"node", "gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "celery", "java", "puma", "rails", "unicorn"}
    | {"php-fpm", "apache2-foreground", "httpd", "nginx", "npm", "yarn", "pnpm", "dotnet", "deno", "bun", "caddy"}
    | {"traefik", "haproxy", "redis-server", "mysqld", "memcached", "mongod", "catalina.sh", "uwsgi", "waitress-serve"}
)
_TO_QUOTE = frozenset(' ;&|<>()*?[]"\\')
_MANAGERS = frozenset({"npm", "yarn", "pnpm", "bun", "rails", "dotnet", "deno"})
_STARTS = frozenset({"start", "serve", "server", "s", "start:prod", "prod"})
_OF_JOBS = pattern(
    r"migrat|seed|test|lint|build|install|shell|console|setup|init|create|backup|^-{1,2}(?:version|help|[vVht])$|inspect"
    r"|purge|flower|script|^-[ec]$|configtest|dump|import|export|upgrade|worker-cli"
)
_ALL_ARGUMENTS = frozenset({"$@", "$*", "${@}", "${*}"})


def _look(unit: Unit) -> Iterator[Wrong]:
    script = unit.entrypoint_script
    place = unit.service.argv.place if unit.service.argv else None
    if script is None or place is None or not script.text.strip():
        return
    wrong = _cannot_start(unit, script, place)
    yield from (wrong,) if wrong is not None else _stays(script, place)


def _cannot_start(unit: Unit, script: Script, place: Place) -> Wrong | None:
    first = Place(script.file, 1, 1, 1, max(len(script.shebang), 1) + 1)
    related = (Sourced("started here", place),)
    if script.has_carriage_returns and script.text.partition("\n")[0].endswith("\r"):
        message = f"{script.file} has Windows line ends, so Linux looks for an interpreter whose name ends in CR"
        return Wrong(
            message,
            first,
            "convert it to LF, and keep it so: `*.sh text eol=lf` in .gitattributes",
            Severity.ERROR,
            related=related,
        )
    if not _is_started_directly(unit, script):
        return None
    if not script.shebang:
        message = f"{script.file} has no shebang, so it can't be started by itself (exec format error)"
        return Wrong(message, first, "begin it with #!/bin/sh", Severity.ERROR, related=related)
    if not script.executable and not _is_made_executable(unit):
        message = f"{script.file} is not executable, and nothing in the Dockerfile makes it so"
        remedy = f"git update-index --chmod=+x {script.file}, or COPY --chmod=755"
        return Wrong(message, first, remedy, Severity.ERROR, Confidence.MEDIUM, related)
    return None


ASSIGNED = pattern(r"[A-Za-z_]\w*=")
"""A variable for one command alone, which stands in front of it: `exec` belongs behind it."""


def _is_started_directly(unit: Unit, script: Script) -> bool:
    links = launch.behind_inits(launch.chain(unit))
    return bool(links) and bool(links[0].argv) and links[0].argv[0] == script.path


def _is_made_executable(unit: Unit) -> bool:
    for stage in unit.stages:
        for instruction in stage.instructions:
            if "chmod" in instruction.flags or (instruction.keyword == "RUN" and "chmod" in instruction.arguments):
                return True
            if instruction.keyword == "RUN" and any("chmod" in heredoc.value for heredoc in instruction.heredocs):
                return True
            if instruction.keyword == "COPY" and "from" in instruction.flags:
                return True  # it may come out of another stage with its mode set there
    return unit.dockerfile is None


def _stays(script: Script, place: Place) -> Iterator[Wrong]:
    """One for each end of the script in which the shell stays."""
    if any(command.program in (".", "source", "trap") for command in script.commands):
        return
    for command in script.last:
        words = command.words[1:] if command.program == "eval" else command.words
        is_branch = command.place != script.commands[-1].place
        if command.execs or not words or not _is_the_program(words) or (is_branch and _has_an_end(words)):
            continue
        yield _staying(script, command, words, place)


def _staying(script: Script, command: ShellCommand, words: tuple[str, ...], place: Place) -> Wrong:
    shown = " ".join(word if "$" in word or not set(word) & _TO_QUOTE else f"'{word}'" for word in words)[:80]
    is_inside = script.file == place.file
    name = (script.path if is_inside else script.file).rpartition("/")[2]
    message = f"{name} stays in front of `{shown}`: a shell is the main process and passes no signal on"
    remedy = f"write exec {_quoted(shown)}"
    if ASSIGNED.match(script.text.split("\n")[command.place.line - 1], command.place.column - 1):
        remedy = f"write exec between the variables and {_quoted(shown)}"
    if is_inside and _ALL_ARGUMENTS.intersection(words):
        remedy += ", and the heredoc's word in quotes (<<'EOF'): else Docker fills the variable in"
    return Wrong(message, command.place, remedy, related=(Sourced("started here", place),))


def _has_an_end(words: tuple[str, ...]) -> bool:
    """Whether this may be a branch for a job, or for somebody's question, rather than the service."""
    if words[0] in _ALL_ARGUMENTS:
        return False
    if words[0].rpartition("/")[2] in _MANAGERS:
        return not _STARTS.intersection(words[1:3])
    return any(_OF_JOBS.search(word) for word in words[1:])


def _is_the_program(words: tuple[str, ...]) -> bool:
    program = words[0].rpartition("/")[2]
    return words[0] in _ALL_ARGUMENTS or program in _SERVERS


def _quoted(shown: str) -> str:
    return '"$@"' if shown in _ALL_ARGUMENTS else shown


_DOCKERFILE = 'FROM debian:12\nCOPY run.sh /run.sh\nENTRYPOINT ["/run.sh"]\nCMD ["server"]\n'
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what='An entrypoint script has LF line ends, a shebang and the executable bit, and ends in `exec "$@"` or an exec '
    "of the server.",
    why="Without exec the shell stays PID 1: it passes the stop signal to nobody, and all is killed when the grace "
    "period is over. With Windows line ends, without a shebang or the executable bit the container doesn't start.",
    example='#!/bin/sh\nmigrate\n"$@"\n',
    instead='#!/bin/sh\nmigrate\nexec "$@"\n',
    check=per_service(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.SAFE,
    fix_note="`exec` in front of the last command changes nothing but who is PID 1.",
    sources=("https://docs.docker.com/reference/dockerfile/#entrypoint",),
    bad=(
        Bad({"Dockerfile": _DOCKERFILE, "run.sh": '#!/bin/sh\nset -e\nmigrate\n"$@"\n'}, "run.sh:4:1", "stays"),
        Bad({"Dockerfile": _DOCKERFILE, "run.sh": "#!/bin/sh\nmigrate && gunicorn app\n"}, "run.sh:2:12", "gunicorn"),
        Bad({"Dockerfile": _DOCKERFILE, "run.sh": '#!/bin/sh\r\nexec "$@"\r\n'}, "run.sh:1:1", "line ends"),
        Bad({"Dockerfile": _DOCKERFILE, "run.sh": 'set -e\nexec "$@"\n'}, "run.sh:1:1", "shebang"),
        Bad(
            {
                "Dockerfile": _DOCKERFILE,
                "run.sh": '#!/bin/sh\nif [ "$1" = celery ]; then\n  exec celery -A x worker\nelse\n  "$@"\nfi\n',
            },
            "run.sh:5:3",
            "$@",
        ),
        Bad(
            {
                "Dockerfile": _DOCKERFILE,
                "run.sh": '#!/bin/sh\ncase "$1" in\n  web) gunicorn app ;;\n  *) exec "$@" ;;\nesac\n',
            },
            "run.sh:3:8",
            "gunicorn app",
        ),
        Bad({"Dockerfile": _DOCKERFILE, "run.sh": '#!/bin/sh\n[ "$1" = sh ] && exec sh\n$@\n'}, "run.sh:3:1", "stays"),
        Bad({"Dockerfile": _DOCKERFILE, "run.sh": '#!/bin/sh\nmain() {\n  "$@"\n}\nmain "$@"\n'}, "run.sh:3:3", "$@"),
        Bad(
            {
                "Dockerfile": "FROM debian:12\nCOPY --chmod=755 <<'EOT' /run.sh\n#!/bin/sh\nmigrate\n\"$@\"\nEOT\n"
                'ENTRYPOINT ["/run.sh"]\n'
            },
            "Dockerfile:5:1",
            "run.sh stays",
        ),
        Bad({"Dockerfile": _DOCKERFILE, "run.sh": "#!/bin/sh\nHOST=0.0.0.0 node a.js\n"}, "run.sh:2:1", "node a.js"),
    ),
    good=(
        Good({"Dockerfile": _DOCKERFILE, "run.sh": '#!/bin/sh\nmigrate\nexec "$@"\n'}),
        Good({"Dockerfile": _DOCKERFILE, "run.sh": '#!/bin/bash\nmain() { exec gosu app "$@"; }\nmain "$@"\n'}),
        Good(
            {"Dockerfile": _DOCKERFILE, "run.sh": "#!/bin/sh\ntrap 'kill $p' TERM\nserver & p=$!\nwait $p\n"}, "unsure"
        ),
        Good({"Dockerfile": _DOCKERFILE, "run.sh": "#!/bin/sh\npython convert.py\n"}, "a job"),
        Good(
            {
                "Dockerfile": _DOCKERFILE,
                "run.sh": '#!/bin/sh\nif [ "$1" = migrate ]; then\n  npm run migrate\nelse\n  exec "$@"\nfi\n',
            },
            "a branch for a job",
        ),
        Good(
            {"Dockerfile": _DOCKERFILE, "run.sh": '#!/bin/sh\nif a; then exec b; else exec c; fi\n"$@"\n'},
            "never reached",
        ),
    ),
)
