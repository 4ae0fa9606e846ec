"""The catalogue: what a service must be able to do in production, one line a requirement.

One name stands for a requirement everywhere: verdicts, findings, options of the command line, reports. This module is
data alone. `sides` says how a requirement can be met with: "S" read from files, "D" proved by running the service;
`drilled` whether `seatrial drill` of this version proves it.
"""

from __future__ import annotations

from functools import cache

from seatrial.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of the catalogue. `asks` is the whole demand; `proof` and `advice` exist for what is drilled."""

    name: str
    group: str
    sides: str
    title: str
    asks: str = ""
    proof: str = ""
    advice: str = ""

    @property
    def drilled(self) -> bool:
        """Whether `seatrial drill` of this version gives a verdict on it."""
        return bool(self.proof)


PROCESS = "Process: PID 1, signals, exit"
TRAFFIC = "Traffic: drain without loss"
HEALTH = "Health"
LIMITS = "Restart, limits, logs"
IMAGE = "Image and build"
ORCHESTRATORS = "Kubernetes, Swarm, ECS"

_DRILLED = (
    Requirement(
        "handles-sigterm",
        PROCESS,
        "S+D",
        "the stop signal reaches a handler",
        "The program has a handler for the stop signal, or its server has one built in. PID 1 ignores signals whose "
        "action is the default: without a handler nothing happens until SIGKILL.",
        "The stop signal is sent to PID 1 while requests are in flight. Whether PID 1 had a handler is read from the "
        "kernel, and whether it reacted from what became of its listener, its connections and itself.",
        "Install a handler that closes the listener, lets open requests finish and then exits. Make the program itself "
        "PID 1 (exec form, no npm, no shell in between), or put an init in front that forwards signals.",
    ),
    Requirement(
        "stop-signal-handled",
        PROCESS,
        "S+D F",
        "the STOPSIGNAL in force is the one that the program handles",
        "The stop signal in force (STOPSIGNAL, compose's `stop_signal`) is the one that the program drains on: nginx "
        "and php-fpm on SIGQUIT, Apache on SIGWINCH, PostgreSQL on SIGINT, most others on SIGTERM.",
        "The declared signal is sent. Which signals the program has handlers for is read from the kernel, whether it "
        "reacted to this one from its behaviour, and of a server that drains on another from what was in flight.",
        "Write the signal that the program drains on: STOPSIGNAL in the Dockerfile, or `stop_signal` in compose.",
    ),
    Requirement(
        "handles-sigint",
        PROCESS,
        "S+D",
        "Ctrl-C stops it as cleanly",
        "Ctrl-C on `docker run -it` stops the service as cleanly as the stop signal does.",
        "In a run of its own, SIGINT is sent to PID 1 instead of the stop signal, with requests in flight.",
        "Register the handler of the stop signal for SIGINT, too.",
    ),
    Requirement(
        "stops-in-time",
        PROCESS,
        "D",
        "it ends within the grace period",
        "From the stop signal to the exit in less than the grace period, without SIGKILL.",
        "The time from the signal to the end of PID 1 is measured under load; after the grace period SIGKILL is sent, "
        "as an engine would.",
        "Close idle keep-alive connections at the signal, give each request a time limit, and set the program's own "
        "shutdown time-out below the grace period (compose: `stop_grace_period`).",
    ),
    Requirement(
        "exit-code-clean",
        PROCESS,
        "D F",
        "a requested stop ends with 0",
        "The exit code is 0, or a code declared to be clean, on a requested stop; not 137, not 1.",
        "The exit code of PID 1 is read after the stop signal.",
        "Exit with 0 after the drain. Where an init reports 143, remap it only after a whole drain (tini: `-e 143`).",
    ),
    Requirement(
        "second-signal-safe",
        PROCESS,
        "D",
        "a second stop signal does no harm",
        "A second stop signal during the drain neither cuts it short silently nor hangs it.",
        "In a run of its own the stop signal is sent twice while requests are in flight.",
        "Let the handler ignore repeats: start the drain once, and keep the handler installed until the exit.",
    ),
    Requirement(
        "children-stopped",
        PROCESS,
        "D",
        "its children end before it does",
        "Workers and grandchildren got the signal and ended before PID 1 did; none was left for SIGKILL.",
        "All processes of the instance are watched; what the kernel kills when PID 1 ends is counted.",
        "Forward the signal to children and wait for them before exiting.",
    ),
    Requirement(
        "init-reaps-orphans",
        PROCESS,
        "S+D F",
        "somebody reaps orphans",
        "Something at PID 1 reaps orphans: an init (`init: true`, tini, dumb-init, catatonit), or a program that does.",
        "A real orphan is made under the real PID 1 and ends; a zombie that stays is the proof of the contrary.",
        "Set `init: true` in compose, pass `--init`, or put tini first in the ENTRYPOINT, and keep the program's own "
        "handler of the stop signal.",
    ),
    Requirement(
        "in-flight-finish",
        TRAFFIC,
        "D",
        "requests in flight are answered",
        "Every request fully sent before the signal gets its whole response.",
        "Slow requests (or requests whose last bytes are held back) and streams are open at the signal; the end of "
        "each is told apart: whole, cut, reset, never answered. An error status that its path never gave before is a "
        "loss; of a body without a length that ends with the process nobody can tell whether it is whole, unless it is "
        "as long as before the signal.",
        "Stop accepting, then wait for the open requests, then exit. Not `process.exit()` in the handler.",
    ),
    Requirement(
        "keep-alive-drained",
        TRAFFIC,
        "D",
        "idle connections are closed in good order",
        "Idle keep-alive connections are closed with FIN, never RST; a request that races the close on a reused "
        "connection is told apart from a true loss.",
        "Idle and busy keep-alive connections are held open over the stop.",
        "Close idle connections when the drain begins, and each busy one after the response in progress.",
    ),
    Requirement(
        "announces-close",
        TRAFFIC,
        "D",
        "responses of the drain announce the close",
        "Responses sent during the drain carry `Connection: close`, so that no client sends another request into a "
        "closing connection. HTTP/2 connections get GOAWAY, WebSockets a close frame with 1001 or 1012.",
        "The responses that begin after the signal are looked at, and how open WebSockets and HTTP/2 connections end.",
        "Set `Connection: close` on each response once the signal has come; close WebSockets with 1001, and HTTP/2 "
        "sessions in good order (node: `session.close()`).",
    ),
    Requirement(
        "refuses-late-connections",
        TRAFFIC,
        "D",
        "late connections are refused, not dropped",
        "Once the listener closes, new connections are refused at once: not accepted and then reset, not left in the "
        "backlog. A refusal can be tried again elsewhere; a reset request is lost.",
        "New connections come at a fixed rate, before and after the signal, whatever becomes of the earlier ones.",
        "Close the listening socket when the drain begins; servers with several workers must close it in each.",
    ),
    Requirement(
        "tolerates-lb-lag",
        TRAFFIC,
        "D S F",
        "it serves while the load balancer lags",
        "For the seconds in which a load balancer still sends, new connections are served.",
        "With `--lag N`, the new connections of the first N seconds after the signal are counted. Without it there is "
        "nothing to hold the stop against, and only a connection that was lost is told. A health endpoint's 503 says "
        "nothing of what others get, and a 429 may be a rate limit: either proves nothing.",
        "Keep serving for those seconds after the signal (with readiness already failing), or delay the signal: a "
        "preStop sleep in Kubernetes.",
    ),
    Requirement(
        "slow-clients-bounded",
        TRAFFIC,
        "D",
        "slow clients do not hold up the stop",
        "Connections that never send a request, that send one byte a second, or that read a long answer as slowly, do "
        "not hold up the stop past the grace period.",
        "In a run of its own such connections are open at the signal.",
        "Close connections without a whole request when the drain begins, set header and request time-outs, and bound "
        "the whole drain.",
    ),
    Requirement(
        "exit-code-honest",
        PROCESS,
        "D",
        "a crash does not exit 0",
        "A crash is told from a clean end by the exit code of PID 1: an engine with `restart: on-failure`, and whoever "
        "reads its log, must see a code that is not 0. `|| true`, `; exit 0` and a shell that waits for something else "
        "hide it.",
        "In a run of its own the program is killed with SIGKILL, behind whatever stands at PID 1, and the exit code is "
        "read. In node programs an exception that nobody catches and a rejected promise are raised as well, by a "
        "signal that a preloaded line listens to. Where the program itself is PID 1 and no error can be raised in it, "
        "the code after SIGKILL is the kernel's, and proves nothing.",
        "Start the program itself, or with `exec`; let handlers of fatal errors end with 1.",
    ),
    Requirement(
        "dies-on-fatal-error",
        PROCESS,
        "S+D",
        "a fatal error is logged and ends the program with 1",
        "An error that nobody catches is logged and ends the program with an error. One that lives on is in a state "
        "that nobody knows; one that ends without a word leaves nobody the reason.",
        "In node programs an exception that nobody catches is raised in one instance, a rejected promise in another. "
        "What it then writes, whether it ends, and with what are recorded. No way is known for other programs.",
        "Leave handlers of uncaughtException and unhandledRejection out, or let them log the error and exit with 1.",
    ),
    Requirement(
        "recovers-from-crash",
        LIMITS,
        "D",
        "killed, it comes back healthy by its policy",
        "Killed with SIGKILL, the service is started again by its restart policy and is healthy again, on the files "
        "that it left behind. A worker that dies is replaced by its master, or takes the whole service with it.",
        "In a run of its own the program is killed and its command started again after the first wait of the contract, "
        "on the same files; the time until it is ready again is measured (without a health check: until it answers "
        "without a server's error, if it did so before). What the restart policy makes of the exit "
        "code is decided by the contract; where no file says a policy, nothing is proved. In the crash run a worker is "
        "killed before the program, where there is one.",
        "Write `restart: unless-stopped`; take away stale pid, lock and socket files at the start.",
    ),
    Requirement(
        "no-crash-loop",
        LIMITS,
        "D",
        "a bad configuration gives a clear message and non-zero exit",
        "Where it can't work, the service says why and ends with an error: not with 0, not without a word, not in a "
        "silent hang that an engine takes for running.",
        "It is started with its port taken by something else, without the environment variables that its files set "
        "(coming up with defaults of its own is fine, answering every request with an error is not), and with nothing "
        "where its files say what it depends on (waiting and saying so is fine), and watched for ten seconds, or three "
        "times its own start.",
        "Check what it needs before it serves, say on stderr what is missing, exit with 1; give each wait a limit.",
    ),
    Requirement(
        "logs-to-stdout",
        LIMITS,
        "S+D",
        "logs go to stdout, not into files of the container",
        "The log goes to stdout and stderr. A log file inside the container is lost with it, no log driver sees it, "
        "and nothing rotates it.",
        "Under load the sizes of files are compared before and after: those that the processes have open for writing, "
        "those below the working directory, /var/log, /tmp and the volumes, and those in whatever directory has "
        "changed since the start. A file is a log by its name, or by ids of the drill's requests in what was added; a "
        "database that grows is none.",
        "Log to stdout and stderr, or link the file there: `ln -sf /dev/stdout /var/log/app.log`.",
    ),
    Requirement(
        "logs-structured",
        LIMITS,
        "S+D",
        "one JSON object a line",
        "Each line is one JSON object with level, time and message, so that a collector can tell them apart.",
        "Every line of a run under load is parsed; nine of ten have to be such objects (a runtime's own banner is "
        "forgiven). The share is reported.",
        "Use a logger that writes JSON: pino in node, structlog or python-json-logger in Python.",
    ),
    Requirement(
        "logs-carry-correlation",
        LIMITS,
        "D",
        "the id sent in X-Request-ID shows up in the log",
        "The id that a request brings in X-Request-ID is in the lines about it, so that one request can be followed "
        "through several services.",
        "Each request under load has an id of its own; the ids of those that were answered are looked for in the log. "
        "How many lines and bytes are written for a request is reported as well.",
        "Log the id with each line about a request, and make one where none came.",
    ),
    Requirement(
        "memory-limit",
        LIMITS,
        "S+D F",
        "a memory limit that fits the measured peak",
        "There is a memory limit, with swap equal to it, and it leaves room above what the service uses under load.",
        "Under load memory is measured: what the kernel charges to the instance's cgroup, else what is the processes' "
        "own, and shared pages once. The limit has to be a fifth above the highest value; half as much again is "
        "proposed. At that limit it is run once more, under the same load: where the kernel kills it, it ends by "
        "itself, or it answers much slower because memory has to be taken back, the next larger limit is tried, and if "
        "that is not enough either, none is proposed. The drill's load is light: a limit that fits it may still be too "
        "small for yours.",
        "Set `mem_limit` and `memswap_limit` to the same value, above the peak of your own load, and size heaps and "
        "workers by it (`--max-old-space-size`, the number of workers).",
    ),
    Requirement(
        "survives-memory-limit",
        LIMITS,
        "D",
        "it is not killed for memory under load",
        "At its declared limit the service is not killed for memory under load.",
        "All runs but those at a proposed limit have the declared one in force. The kernel's own counter tells its "
        "kills from a SIGKILL of anybody else: both give exit code 137.",
        "Raise the limit above the peak, or bound what the program keeps.",
    ),
    Requirement(
        "non-root-user",
        IMAGE,
        "S+D F",
        "a USER that is not root",
        "The service does not run as root: whoever breaks into it is root in the container otherwise, and on a badly "
        "set up host outside of it, too.",
        "The user of the program's process is read from the kernel. Where it is root, one more instance is started as "
        "user 10001: whether it gets ready and answers, and what it says where it does not, is told.",
        "Write `USER 10001:10001` into the Dockerfile, behind what needs root, and give it the directories it writes.",
    ),
    Requirement(
        "read-only-root",
        IMAGE,
        "D S",
        "runs with a read-only root filesystem",
        "The service runs with a read-only root filesystem and a tmpfs at /tmp, or the paths that it writes are known: "
        "what is written elsewhere is lost with the container.",
        "One instance is started so and asked for a second, unless its files say `read_only` already. The paths that "
        "it could not write are read from its log, those that it writes otherwise from the run under load. An error "
        "that the same path answers there, too, shows nothing.",
        "Set `read_only: true` with `tmpfs: /tmp`, and give volumes or a tmpfs to the paths that are named.",
    ),
    Requirement(
        "image-size",
        IMAGE,
        "D",
        "the size of the image, measured",
        "The image is smaller than 300 MB, as most services' can be: it is pulled at each start on a new machine, and "
        "what is not in it needs no update.",
        "Where an engine has the image (`--engine docker`), its size and the layers that weigh most are read from it.",
        "Start from a slim base image, leave build tools and development dependencies behind in an earlier stage, and "
        "clean package caches in the layer that fills them.",
    ),
    Requirement(
        "liveness-is-shallow",
        HEALTH,
        "S+D",
        "the liveness check touches no dependency",
        "The liveness path says that the process works, and nothing about what it depends on: with the database down "
        "it stays 200. Whoever is not alive is killed, and a restart brings no database back.",
        "What the service depends on is read from its variables and from depends_on. In a run of its own a relay "
        "stands in front of each, with the real program behind it where this machine has one: it is cut off (refused), "
        "restored, made slow (accepts, never answers) and restored, and the path of the health check, or one that is "
        "named like one, is asked ten times a second meanwhile.",
        "Answer 200 on the liveness path without asking anything else.",
    ),
    Requirement(
        "readiness-is-deep",
        HEALTH,
        "S+D",
        "readiness fails while a dependency is down",
        "The readiness path answers with an error within its time-out while a dependency is down, and well again after "
        "it is back.",
        "The same run as that of liveness-is-shallow: while a dependency is cut off, and while it accepts and never "
        "answers, the readiness path (found in the sources by its name) has to answer with an error within 3 seconds; "
        "after it was restored it has to say yes again within 5. What can't be stood in for is not proved, nor is what "
        "is told by a path that says no now and then while all is well.",
        "Let the readiness path ask each dependency with a time limit of its own, and answer 503 while one is down.",
    ),
    Requirement(
        "rollout-drops-nothing",
        TRAFFIC,
        "D",
        "replacing the instance under load loses no request",
        "A running instance is replaced by a new one under load, and no request is lost.",
        "Two instances stand behind one address. When the new one is ready the address leads to it, and the old one is "
        "asked to stop; with `--lag` it is asked first, and the address follows so many seconds later. New "
        "connections, busy keep-alive clients and requests in flight are counted in each phase, and a loss is "
        "attributed to one. On Swarm and Kubernetes the engine itself replaces what runs there, and a loss is "
        "attributed to a task or pod and a moment of its stop or start.",
        "Be ready only when requests can be answered; on the signal finish what is in flight, and go on serving for as "
        "long as the balancer lags.",
    ),
    Requirement(
        "work-finished-or-returned",
        TRAFFIC,
        "D",
        "a queue worker finishes or gives back its job",
        "A queue worker that is asked to stop finishes the job that it has in hand, or gives it back: nothing is lost, "
        "and nothing is done twice.",
        "What a job is only its owner knows: `--job` is a shell line that gives one, `--job-state` prints what became "
        "of it (waiting, taken, done, twice). The stop signal is sent while the job is taken; what is said within "
        "three seconds after the end is judged. Both lines run beside the service, in its network.",
        "On the signal take no new job; acknowledge a job after it is done and not before.",
    ),
    Requirement(
        "grace-period-fits",
        ORCHESTRATORS,
        "S+D F",
        "preStop, shutdown time-out and margin fit the grace period",
        "The time before the signal (preStop sleep), the program's own shutdown time-out and a margin fit into the "
        "grace period: else SIGKILL comes in the middle of what the program would have done at its end.",
        "In a run of its own a request is in flight that never ends (its body never comes whole; a stream, where one "
        "is known). From the signal to the end is how long the program's own limit holds; a second has to be left of "
        "the grace period. It is waited for half a minute at most.",
        "Limit the drain to less than the grace period, and close what is left then; or raise `stop_grace_period`.",
    ),
    Requirement(
        "readiness-flips-first",
        HEALTH,
        "D",
        "on the stop signal readiness fails before the listener closes",
        "On the stop signal the readiness path says no while the listener is still open, so that a balancer takes the "
        "instance out of its list before it is refused.",
        "The readiness path (found in the sources by its name) is asked twenty times a second during the stop. It has "
        "to say ready before the signal, and to answer with an error after it, on new connections, for as long as a "
        "balancer needs to notice: the seconds of `--lag`, else the interval of a health check below a second, else "
        "1 s.",
        "Answer 503 on the readiness path from the signal on, go on serving for as long as a balancer needs to notice, "
        "and only then close the listener.",
    ),
    Requirement(
        "healthcheck-timing",
        HEALTH,
        "S+D F",
        "interval, time-out, retries and start period fit",
        "The health check leaves the service the time that it takes to become healthy, and its time-out is shorter "
        "than its interval.",
        "The time from the start to healthy is measured in every run of the service as it is. Twice the longest has to "
        "fit into the start period and the retries; a start period is proposed, and by how much the present one is off "
        "is said.",
        "Write the proposed `start_period`, and an interval longer than the time-out.",
    ),
    Requirement(
        "nofile-limit",
        LIMITS,
        "S+D F",
        "the limit of open files fits the connections",
        "The limit of open files leaves room for the connections of a real load: four times what one process held "
        "under the drill's light one.",
        "Under load the open descriptors of each process are counted, and the program's own limit is read from the "
        "kernel. Its log is searched for EMFILE.",
        "Write `ulimits: {nofile: 65536}`.",
    ),
    Requirement(
        "pids-limit",
        LIMITS,
        "S+D F",
        "a limit of processes that fits the measured peak",
        "There is a limit of processes and threads, and it leaves room above what the service has under load: without "
        "one a leak of processes takes the whole host down.",
        "Under load the threads of all processes are counted, as the kernel's pids controller does. The limit has to "
        "be half as much again; twice the peak is proposed.",
        "Write `pids_limit` with the proposed value.",
    ),
    Requirement(
        "healthcheck-detects-failure",
        HEALTH,
        "S+D F",
        "the health check can fail",
        "The health check fails when the service is frozen, gone, or answers with errors: a check that can't fail is "
        "worse than none. `curl` without `-f`, a pipe that hides the status and `|| true` are the usual causes.",
        "Every process of an instance is stopped with SIGSTOP, and the service's own health check is run with its own "
        "time-out as often as it takes to be unhealthy, faster than its interval says; where it passes, once more "
        "after as many intervals (30 s at most), because it may tell by the age of a file. Then it is run where "
        "nothing listens, and where every request is answered by 500.",
        "Ask the service itself with a time limit shorter than the check's, and let an error status be an error: "
        "`curl -fsS --max-time 2 http://127.0.0.1:PORT/health`, or `seatrial-probe`.",
    ),
    Requirement(
        "healthcheck-tool-present",
        HEALTH,
        "S+D F",
        "the image has the tool that the health check calls",
        "The program that the health check calls is in the image: slim and distroless images have no curl and no wget, "
        "alpine has busybox's wget.",
        "The check is run inside the instance while the service starts, and what it says of a program that it did not "
        "find is read. Without an image only a tool by which the service itself is run is judged, or one that it "
        "should bring along and does not: what a shell or a script calls besides is not known.",
        "Check with what the image has: `node -e` or `python3 -c` with a request, or `seatrial-probe`.",
    ),
    Requirement(
        "healthcheck-port",
        HEALTH,
        "S+D",
        "the health check asks the port that is listened on",
        "The port that the health check asks is one that the service listens on.",
        "What listens in the instance is held against the port that the check names, and against its result. A check "
        "that names none has to pass, to wait in vain while the service is frozen, and to fail where nothing listens. "
        "One that passes does not fail by a port that it names and where nothing was seen to listen.",
        "Ask the port that the service listens on.",
    ),
    Requirement(
        "logs-flushed",
        LIMITS,
        "D",
        "the last log lines arrive",
        "The last lines written before the exit arrive: nothing sits in a buffer.",
        "The service's output is read until its end, and compared with what it was doing when it ended.",
        "Set PYTHONUNBUFFERED=1; wait for the log stream to drain before `process.exit()`; flush in the handler.",
    ),
    Requirement(
        "exec-form-command",
        PROCESS,
        "S+D F",
        "CMD and ENTRYPOINT in exec form",
        "CMD and ENTRYPOINT are written as JSON arrays. Shell form makes `/bin/sh -c` PID 1, and a shell that does not "
        "exec its last command (Debian's dash never does) stops the signal there.",
        "For a command in shell form: whether the stop signal got through to the program is judged from the stop.",
        'Write CMD ["program", "argument"]. Where a shell is needed, let its line begin with `exec`.',
    ),
    Requirement(
        "package-manager-as-pid1",
        PROCESS,
        "S+D F",
        "no npm, yarn, pnpm, uv run, poetry run … as the main process",
        "The main process is the program, not `npm start` or the like: what a package manager makes of a signal "
        "differs by its version and by the shell that it puts in between.",
        "For a command that begins with a package manager: whether the stop signal got through to the program is "
        "judged from the stop.",
        "Write the command that the script finally runs, in exec form.",
    ),
    Requirement(
        "entrypoint-hands-over",
        PROCESS,
        "S+D F",
        'an entrypoint script ends in exec "$@"',
        'An entrypoint script ends in `exec "$@"`, or an exec of the server, so that the program becomes PID 1.',
        "For an entrypoint script: whether the stop signal got through to the program is judged from the stop.",
        'End the script in exec "$@".',
    ),
)

_STATIC_AND_LATER = (
    (PROCESS, "dev-runner-in-production", "S F", "no nodemon, --watch, --reload, pm2 in the production command"),
    (PROCESS, "one-init", "S F", "not two inits"),
    (TRAFFIC, "keep-alive-outlives-lb", "S", "its keep-alive time-out is longer than the load balancer's"),
    (HEALTH, "healthcheck-present", "S F", "there is a health check"),
    (HEALTH, "waits-for-dependencies", "S F", "depends_on waits for service_healthy"),
    (LIMITS, "restart-policy", "S F", "a restart policy that fits the engine"),
    (LIMITS, "cpu-limit", "S F", "a CPU limit or reservation"),
    (LIMITS, "log-rotation", "S F", "log files rotate"),
    (LIMITS, "log-driver-readable", "S", "a log driver that `docker logs` can read"),
    (IMAGE, "base-image-pinned", "S", "an exact version of the base image"),
    (IMAGE, "base-image-supported", "S", "the base image is not past its end of life"),
    (IMAGE, "base-image-slim", "S F", "a slim base image"),
    (IMAGE, "multi-stage", "S F", "build tools stay behind in an earlier stage"),
    (IMAGE, "production-dependencies", "S F", "production dependencies only, from a lockfile"),
    (IMAGE, "lockfile-copied", "S F", "manifest and lockfile are copied before the sources"),
    (IMAGE, "cache-mount", "S F", "package caches by mount, or cleaned in the same layer"),
    (IMAGE, "host-modules-not-copied", "S F", "node_modules and .venv are not copied from the host"),
    (IMAGE, "no-secrets-in-image", "S", "no credentials in the image or its files"),
    (IMAGE, "secrets-as-files", "S F", "secrets come as files"),
    (IMAGE, "dockerignore-covers", "S F", ".dockerignore keeps secrets, .git and node_modules out"),
    (IMAGE, "node-env-production", "S F", "NODE_ENV=production, PYTHONUNBUFFERED=1"),
    (IMAGE, "image-labels", "S F", "OCI labels for source, version, revision"),
    (IMAGE, "image-tag-unique", "S", "deployed by a unique tag"),
    (IMAGE, "dependencies-audited", "S+D", "an audit of the dependencies runs in CI"),
    (ORCHESTRATORS, "pre-stop-delay", "S F", "a preStop sleep for load-balancer lag"),
    (ORCHESTRATORS, "probes-distinct", "S F", "liveness and readiness differ"),
    (ORCHESTRATORS, "resources-set", "S F", "requests and limits"),
    (ORCHESTRATORS, "security-context", "S F", "not root, read-only root, no privileges"),
    (ORCHESTRATORS, "single-restart-loop", "S", "no restart policy of Docker's inside an orchestrator"),
    (ORCHESTRATORS, "update-order", "S F", "start first where zero loss is wanted"),
)

GROUPS = (PROCESS, TRAFFIC, HEALTH, LIMITS, IMAGE, ORCHESTRATORS)

REQUIREMENTS: tuple[Requirement, ...] = tuple(
    sorted(
        (*_DRILLED, *(Requirement(name, group, sides, title) for group, name, sides, title in _STATIC_AND_LATER)),
        key=lambda requirement: GROUPS.index(requirement.group),
    )
)
"""All requirements by group, those that are drilled first."""


@cache
def _by_name() -> dict[str, Requirement]:
    return {requirement.name: requirement for requirement in REQUIREMENTS}


def find(name: str) -> Requirement | None:
    """The requirement of this name."""
    return _by_name().get(name)


def title(name: str) -> str:
    """The one-line demand of a requirement; its name where the catalogue has none (`syntax`)."""
    found = find(name)
    return found.title if found else name
