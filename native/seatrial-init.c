/*
 * seatrial-init: PID 1 for any image. Starts one command, passes signals on, reaps orphans, ends with the command's exit code.
 *
 * The rules:
 *   1. Every signal is blocked before anything else and taken one at a time with rt_sigtimedwait(2). A blocked signal is never dropped,
 *      not even for PID 1, whose unhandled signals the kernel otherwise ignores: so a stop in the first microseconds waits for the child.
 *   2. The child is started as by vfork(2): when we go on, it has its group, its terminal, its mask, and it is the command.
 *   3. Before the loop we fail; in the loop we only complain: a dead PID 1 kills the container.
 *   4. No wake-up without a signal or a deadline that an option asked for; nothing is allocated; only descriptors 0, 1 and 2 stay open.
 * It must never forward a signal to a process that it has already reaped.
 */
#include "connections.h"
#include "freestanding.h"
#include <asm/siginfo.h>
#include <linux/prctl.h>

enum level { FATAL, WARNING, INFO, DEBUG };
enum wait { WAIT_NEVER, WAIT_STOP, WAIT_ALWAYS };
/* RUNNING → (stop signal) → DELAYED → DRAINING → STOPPING → (deadline) → KILLED; phases without an option are left out. */
enum phase { RUNNING, DELAYED, DRAINING, STOPPING, KILLED };
enum { POLL_MS = 25 };

static struct {
    bool group, single_child, new_session, same_group, subreaper, warn_on_reap, pause, quiet, job_signals, help, version, license;
    int parent_death_signal, wait_all;
    long verbosity, stop_delay, drain, kill_after;
    char log_format; /* 't'ext, 'j'son, 'n'one */
    unsigned long stop_signals;
    unsigned char rewrite[SIGNALS];   /* the new number + 1; 0: as it is */
    unsigned short exit_code[256];    /* the new code + 1; 0: as it is */
} option = {.verbosity = WARNING, .wait_all = WAIT_STOP, .log_format = 't', .kill_after = -1,
          .stop_signals = 1UL << (SIGTERM - 1) | 1UL << (SIGINT - 1) | 1UL << (SIGQUIT - 1)};

static struct {
    char **command, **environment;
    unsigned long mask;               /* as we inherited it */
    long pid, child, group, deadline, drain_until, quiet_since, terminal_group;
    int phase, stop_signal, code;
    bool ignored_sigchld, has_terminal, child_is_stopped, suspended, alone, undrained;
} init;

/* Messages ---------------------------------------------------------------------------------------------------------------------------- */
static void put_json(struct text *to, const struct text *message) {
    for (size_t at = 0; at < message->length && to->length < sizeof to->bytes - 12; at++) {
        unsigned char byte = (unsigned char)message->bytes[at];
        char escaped[] = {'\\', 'u', '0', '0', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\') put(to, escaped, sizeof escaped);
        else put(to, (char *)&byte, 1);
    }
}

/* One line, one write, and none at all while standard error is full: PID 1 must not wait for a reader. */
static void say(enum level level, const char *format, ...) {
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    static struct text message, line;
    struct { int descriptor; short events, seen; } poll = {2, 4 /* POLLOUT */, 0};
    struct __kernel_timespec at_once = {0};
    va_list arguments;
    if ((long)level > (option.quiet ? FATAL : option.verbosity) || option.log_format == 'n') return;
    message.length = line.length = 0;
    va_start(arguments, format);
    put_format_list(&message, format, arguments);
    va_end(arguments);
    if (option.log_format == 'j') {
        put_format(&line, "{\"program\":\"seatrial-init\",\"pid\":%d,\"level\":\"%s\",\"message\":\"", SYSCALL(getpid, 0), levels[level]);
        put_json(&line, &message);
        put_format(&line, "\"}");
    } else {
        put_format(&line, "seatrial-init: %s", message.bytes);
    }
    line.length -= line.length == sizeof line.bytes - 1;
    put(&line, "\n", 1);
    if (SYSCALL(ppoll, &poll, 1, &at_once, 0) == 1) write_all(2, line.bytes, line.length);
}

/* Processes --------------------------------------------------------------------------------------------------------------------------- */
struct process { long pid, parent, group; char state, *name; };

static bool read_process(long pid, struct process *process) {
    static char stat[512];
    struct text path = {0};
    put_format(&path, "/proc/%d/stat", pid);
    long file = SYSCALL(openat, AT_FDCWD, path.bytes, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    long length = SYSCALL(read, file, stat, sizeof stat - 1), close = length;
    SYSCALL(close, file);
    while (close > 0 && stat[close] != ')') close--;
    if (close < 2 || close + 4 >= length) return false;
    stat[close] = stat[length] = 0;
    process->name = stat;
    while (*process->name && *process->name++ != '(') continue;
    const char *at = stat + close + 4;
    process->pid = pid, process->state = stat[close + 2];
    process->parent = take_number(&at, 1L << 31);
    at++;
    process->group = take_number(&at, 1L << 31);
    return true;
}

/* Calls `visit` for each living process that is ours: as PID 1 all that we see, otherwise our children and the command's group. */
static void visit_ours(void (*visit)(const struct process *, long), long argument) {
    static char entries[4096] __attribute__((aligned(8)));
    struct process process;
    long length, directory = SYSCALL(openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return;
    while ((length = SYSCALL(getdents64, directory, entries, sizeof entries)) > 0)
        for (char *entry = entries; entry < entries + length; entry += *(unsigned short *)(entry + 16)) {
            const char *name = entry + 19;
            long pid = take_number(&name, 1L << 31);
            if (pid <= 0 || *name || pid == init.pid || !read_process(pid, &process) || process.state == 'Z') continue;
            if (init.pid == 1 || process.parent == init.pid || (init.group && process.group == init.group))
                visit(&process, argument);
        }
    SYSCALL(close, directory);
}

static struct text killed, spared; /* those whom we may not kill: another user's, where CAP_KILL is missing */
static void kill_process(const struct process *process, long number) {
    struct text *list = SYSCALL(kill, process->pid, number) == -EPERM ? &spared : &killed;
    put_format(list, list->length ? ", %s (%d)" : "%s (%d)", process->name, process->pid);
}

static void signal_process(const struct process *process, long number) { SYSCALL(kill, process->pid, number); }
static long tell_group(int number) { return init.group ? SYSCALL(kill, -init.group, number) : -ESRCH; }

static void tell_everyone(int number) {
    if (init.pid == 1) SYSCALL(kill, -1, number);
    else tell_group(number), visit_ours(signal_process, number);
}

/* To the command, or its group with -g; once the command has ended, to whoever is left. */
static void pass_on(int number) {
    if (option.pause) return;
    if (!init.child) return tell_everyone(number);
    long error = option.group ? tell_group(number) : -ESRCH;
    if (error == -ESRCH) error = SYSCALL(kill, init.child, number);
    if (error) say(WARNING, "cannot pass %s on to %d: %s", signal_name(number), init.child, error_text(error));
    if (number == SIGCONT) init.child_is_stopped = false;
}

/* Stopping ---------------------------------------------------------------------------------------------------------------------------- */
static void stop_now(void) {
    init.phase = STOPPING;
    init.deadline = option.kill_after < 0 ? 0 : now_ms() + option.kill_after;
    pass_on(init.stop_signal);
    if (init.child_is_stopped) pass_on(SIGCONT); /* a stopped process can't obey */
}

static void drain_step(void) {
    long busy = count_busy_connections(), now = now_ms();
    if (busy < 0) {
        say(WARNING, "drain: connections can't be seen here (%s): %s passed on at once", error_text(busy), signal_name(init.stop_signal));
        init.undrained = true;
        return stop_now();
    }
    if (busy || !init.quiet_since) init.quiet_since = now;
    init.deadline = now + POLL_MS;
    if (!busy && now - init.quiet_since >= SETTLE_MS) {
        say(WARNING, "drain: all connections are quiet, %s passed on", signal_name(init.stop_signal));
        stop_now();
    } else if (now >= init.drain_until) {
        init.undrained = busy > 0;
        say(WARNING, "drain: %d connections still busy after %ts, %s passed on", busy, option.drain, signal_name(init.stop_signal));
        stop_now();
    }
}

static void drain_or_stop(void) {
    if (option.drain <= 0) return stop_now();
    init.phase = DRAINING;
    init.drain_until = now_ms() + option.drain;
    drain_step();
}

static void on_stop_signal(int number, const char *sender) {
    bool again = init.phase != RUNNING;
    init.stop_signal = number;
    if (init.phase == STOPPING || init.phase == KILLED) return pass_on(number);
    if (!again && init.child && option.stop_delay > 0) {
        say(WARNING, "%s from %s: serving on for %ts before it is passed on", signal_name(number), sender, option.stop_delay);
        init.phase = DELAYED;
        init.deadline = now_ms() + option.stop_delay;
    } else if (!again && init.child && option.drain > 0) {
        say(WARNING, "%s from %s: held until connections are quiet, for %ts at most", signal_name(number), sender, option.drain);
        drain_or_stop();
    } else {
        init.undrained = again && option.drain > 0;
        if (again) say(WARNING, "second %s from %s: passed on at once", signal_name(number), sender);
        stop_now();
    }
}

/* Whom we may not kill the kernel ends, with us, where we are PID 1: there is nothing left to wait for. */
static void kill_everyone(void) {
    visit_ours(kill_process, SIGKILL);
    tell_everyone(SIGKILL); /* what was born meanwhile */
    init.phase = KILLED, init.deadline = 0;
    const char *stop = signal_name(init.stop_signal);
    if (killed.length || !spared.length) say(WARNING, "still alive %ts after %s, killed: %s", option.kill_after, stop, killed.length ? killed.bytes : "?");
    if (spared.length) say(WARNING, "still alive %ts after %s, not ours to kill: %s; ending with 137", option.kill_after, stop, spared.bytes);
    if (spared.length) init.code = 137, init.child = 0, init.alone = true;
}

static void on_deadline(void) {
    if (init.phase == DELAYED) drain_or_stop();
    else if (init.phase == DRAINING) drain_step();
    else if (init.phase == STOPPING) kill_everyone();
}

/* Children ---------------------------------------------------------------------------------------------------------------------------- */
/* Only from the group that has it: an init in the background must not steal the terminal from a shell. */
static void hand_terminal(long from, long to) {
    int group = -1, next = (int)to;
    if (init.has_terminal && init.group && SYSCALL(ioctl, 0, TIOCGPGRP, &group) == 0 && group == from) SYSCALL(ioctl, 0, TIOCSPGRP, &next);
}

static void suspend(void) {
    if (init.pid == 1 || init.suspended) return;
    say(INFO, "suspended together with the command");
    init.suspended = true; /* until the SIGCONT that ends it is taken from the queue */
    SYSCALL(kill, init.pid, SIGSTOP);
}

static void on_child_stopped(int number) {
    init.child_is_stopped = true;
    say(INFO, "the command was stopped by %s", signal_name(number));
    if (init.phase == STOPPING) return pass_on(SIGCONT);
    if (!init.has_terminal || number == SIGSTOP) return;
    if (init.pid != 1) return suspend();
    int group = (int)init.group; /* no shell is there to resume it: undo what the terminal did */
    if (number == SIGTSTP || (SYSCALL(ioctl, 0, TIOCSPGRP, &group) == 0)) pass_on(SIGCONT);
}

static void on_child_ended(int status) {
    int signal = status & 0x7f, code = signal ? 128 + signal : status >> 8 & 255;
    bool keep = (init.phase == KILLED && signal == SIGKILL) || (init.undrained && signal && signal == init.stop_signal);
    init.code = option.exit_code[code] && !keep ? option.exit_code[code] - 1 : code;
    if (signal) say(INFO, "the command was ended by %s", signal_name(signal));
    else say(INFO, "the command ended with %d", (long)code);
    init.child = 0;
    if (init.phase == STOPPING && signal == init.stop_signal && !option.group) tell_group(signal); /* it told nobody */
    if (init.phase != STOPPING && option.job_signals && option.group) tell_group(SIGTERM);
    if (init.phase == DELAYED || init.phase == DRAINING) init.phase = RUNNING, init.deadline = 0;
}

static void reap(void) {
    int status;
    long pid;
    while ((pid = SYSCALL(wait4, -1, &status, WNOHANG | WUNTRACED, 0)) > 0) {
        if ((status & 0xff) == 0x7f) {
            if (pid == init.child) on_child_stopped(status >> 8 & 255);
        } else if (pid == init.child) {
            on_child_ended(status);
        } else {
            say(option.warn_on_reap ? WARNING : DEBUG, "Reaped zombie process with pid=%d", pid);
        }
    }
    init.alone = pid == -ECHILD;
    if (init.phase == KILLED && !init.alone) tell_everyone(SIGKILL); /* what was born or orphaned since */
}

/* systemd's socket activation names the process that the descriptors are for: that is the command, not us. */
static void rename_listen_pid(void) {
    static struct text ours, theirs;
    put_format(&ours, "LISTEN_PID=%d", init.pid);
    put_format(&theirs, "LISTEN_PID=%d", SYSCALL(getpid, 0));
    for (char **entry = init.environment; *entry; entry++)
        if (same(*entry, ours.bytes)) *entry = theirs.bytes;
}

static void run_command(void) {
    struct action ignore = {.handler = 1 /* SIG_IGN */};
    init.group = option.same_group ? 0 : SYSCALL(getpid, 0);
    if (option.new_session) SYSCALL(setsid, 0), SYSCALL(ioctl, 0, TIOCSCTTY, 0);
    else if (init.group) {
        SYSCALL(setpgid, 0, 0);
        hand_terminal(SYSCALL(getpgid, init.pid), init.group);
    }
    if (option.parent_death_signal) SYSCALL(prctl, PR_SET_PDEATHSIG, option.parent_death_signal);
    if (init.ignored_sigchld) SYSCALL(rt_sigaction, SIGCHLD, &ignore, 0, 8);
    rename_listen_pid();
    SYSCALL(rt_sigprocmask, SIG_SETMASK, &init.mask, 0, 8);
    long error = execute(init.command, init.environment);
    say(FATAL, "%s: %s", init.command[0], error_text(error));
    for (;;) SYSCALL(exit_group, error == -ENOENT || error == -ENOTDIR ? 127 : 126);
}

static void start_command(void) {
    struct action reset = {0}, inherited = {0};
    struct __kernel_timespec at_once = {0};
    unsigned long before = 0, tty_signals;
    int group;
    SYSCALL(rt_sigaction, SIGCHLD, &reset, &inherited, 8); /* with SIGCHLD ignored, wait4 would find nothing for ever */
    init.ignored_sigchld = inherited.handler == 1;
    init.has_terminal = SYSCALL(ioctl, 0, TIOCGPGRP, &group) == 0 && !option.new_session;
    if (option.new_session) {
        SYSCALL(rt_sigpending, &before, 8);
        if (SYSCALL(ioctl, 0, TIOCNOTTY) == 0 && SYSCALL(getsid, 0) == init.pid) { /* the kernel then hangs up on us: not meant for anybody */
            tty_signals = (1UL << (SIGHUP - 1) | 1UL << (SIGCONT - 1)) & ~before;
            for (int turn = 0; turn < 2; turn++) SYSCALL(rt_sigtimedwait, &tty_signals, 0, &at_once, 8);
        }
    }
    init.child = start_child(run_command);
    if (init.child < 0) {
        say(FATAL, "cannot start a process: %s", error_text(init.child));
        leave(1);
    }
    init.group = option.same_group ? 0 : init.child;
    if (init.group && !option.new_session) SYSCALL(setpgid, init.child, init.child); /* where vfork is emulated by fork */
    say(INFO, "started %s as %d", init.command[0], init.child);
}

/* The loop ---------------------------------------------------------------------------------------------------------------------------- */
static const char *sender_of(const siginfo_t *info) {
    static struct text sender;
    struct process process;
    sender.length = 0;
    if (info->si_code > 0) return "the kernel";
    if (!info->si_pid) return "outside the container";
    bool known = read_process(info->si_pid, &process);
    put_format(&sender, "pid %d (%s), uid %d", (long)info->si_pid, known ? process.name : "gone", (long)info->si_uid);
    return sender.bytes;
}

static void on_signal(int number, const siginfo_t *info) {
    bool told = !option.group && option.same_group && info->si_code > 0 && (number == SIGINT || number == SIGQUIT || number == SIGTSTP);
    int passed = option.rewrite[number] ? option.rewrite[number] - 1 : number;
    const char *sender = option.verbosity >= INFO || option.stop_delay > 0 || option.drain > 0 ? sender_of(info) : "";
    if (number == SIGPIPE && info->si_pid == init.pid) return; /* our own, from standard error */
    if (number == SIGCONT) init.suspended = false, hand_terminal(SYSCALL(getpgid, 0), init.group);
    if (!passed) return say(INFO, "%s from %s: dropped", signal_name(number), sender);
    if (told) return say(INFO, "%s from the terminal: the command has it already", signal_name(number));
    say(INFO, "%s from %s: %s for %d", signal_name(number), sender, signal_name(passed), init.child);
    if (option.stop_signals >> (number - 1) & 1) on_stop_signal(passed, sender);
    else pass_on(passed);
    if (option.job_signals && (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)) suspend();
    if (option.pause && (number == SIGTERM || number == SIGINT)) leave(0);
}

static bool is_over(void) {
    if (init.child || option.pause) return false;
    if (init.alone || option.wait_all == WAIT_NEVER) return true;
    return option.wait_all == WAIT_STOP && init.phase != STOPPING && init.phase != KILLED;
}

static int supervise(void) {
    unsigned long all = ~0UL;
    siginfo_t info;
    while (!is_over()) {
        struct __kernel_timespec rest = {0};
        if (init.deadline) {
            long left = init.deadline - now_ms();
            if (left > 0) rest.tv_sec = left / 1000, rest.tv_nsec = left % 1000 * 1000000;
        }
        long number = SYSCALL(rt_sigtimedwait, &all, &info, init.deadline ? &rest : NULL, 8);
        if (number == -EAGAIN) on_deadline();
        if (number == SIGCHLD) say(DEBUG, "Received SIGCHLD"), reap();
        if (number > 0 && (number != SIGCHLD || info.si_code <= 0)) on_signal((int)number, &info);
        if (init.deadline && number > 0 && init.deadline <= now_ms()) on_deadline(); /* a flood of signals must not put it off */
    }
    hand_terminal(init.group, SYSCALL(getpgid, 0)); /* a script that started us goes on reading from it */
    return init.code;
}

/* Options ----------------------------------------------------------------------------------------------------------------------------- */
static const char usage[] =
    "Usage: seatrial-init [OPTIONS] [--] COMMAND [ARGUMENTS]\n\n"
    "Runs COMMAND under the supervision of a valid init process: signals passed on, orphans reaped, exit code kept.\n\n"
    "  -g, --group              pass signals to the command's process group\n"
    "  -c, --single-child       to the command alone, in our process group (dumb-init)\n"
    "      --same-group         don't give the command a process group of its own\n"
    "      --setsid             start the command in a session of its own (dumb-init)\n"
    "  -s, --subreaper          adopt orphans when not PID 1\n"
    "  -p, --parent-death-signal SIG  get SIG when our parent ends, the command when we do\n"
    "  -e, --exit-code N[=M]    end with M (0) where the command ends with N\n"
    "  -r, --rewrite S:R        pass on R instead of S; 0 drops it\n"
    "      --stop-signal SIG    what stops (TERM,INT,QUIT)\n"
    "      --stop-delay TIME    serve on for TIME before a stop is passed on\n"
    "      --drain TIME         hold a stop until no connection waits for an answer, TIME at most\n"
    "      --drain-port PORT    look at connections to PORT only\n"
    "      --kill-after TIME    SIGKILL for whoever is left TIME after the stop was passed on\n"
    "      --wait-all[=always|stop|never]  end when every descendant has (stop: during a stop)\n"
    "  -w, --warn-on-reap       say when an orphan is reaped\n"
    "  -P, --pause              no command: reap until TERM or INT\n"
    "  -v, --verbose            generate more verbose output (repeat up to twice); -q, --quiet  errors only\n"
    "      --log-format text|json|none\n"
    "  -h, --help   -V, --version   -l, --license\n\n"
    "TIME is 5, 5s, 500ms or 1m. Each option can be set in the environment: SEATRIAL_INIT_STOP_DELAY=5s.\n"
    "tini's and dumb-init's variables work too; called dumb-init it behaves as dumb-init does. See seatrial-init(1).\n";
static const char version[] = "seatrial-init " VERSION " (a drop-in for tini version 0.19 and dumb-init 1.2)\n";
static const char license[] = "Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0\n";
static const char hint[] = "hint: seatrial-init --help\n";
static bool take_rewrite(const char *value) {
    char from[16] = {0};
    for (size_t at = 0; at < sizeof from - 1 && *value && *value != ':'; at++) from[at] = *value++;
    int received = parse_signal(from), passed = *value == ':' ? parse_signal(value + 1) : -1;
    if (received < 1 || passed < 0 || received == 32 || received == 33 || passed == 32 || passed == 33) return false;
    option.rewrite[received] = (unsigned char)(passed + 1);
    return true;
}

static bool take_exit_code(const char *value) {
    long from = take_number(&value, 255), to = *value == '=' ? (value++, take_number(&value, 255)) : 0;
    if (from < 0 || to < 0 || *value) return false;
    option.exit_code[from] = (unsigned short)(to + 1);
    return true;
}

static bool take_stop_signal(const char *value) {
    static bool given;
    int number = parse_signal(value);
    if (number < 1) return false;
    option.stop_signals = (given ? option.stop_signals : 0) | 1UL << (number - 1);
    return given = true;
}

static bool take_port(const char *value) {
    long port = take_number(&value, 65535);
    if (port < 1 || *value) return false;
    watch_port((unsigned)port);
    return true;
}

static bool take_parent_death(const char *value) { return (option.parent_death_signal = parse_signal(value)) > 0; }

static bool take_wait_all(const char *value) {
    option.wait_all = !value || same(value, "always") || same(value, "1") ? WAIT_ALWAYS : same(value, "never") || same(value, "0") ? WAIT_NEVER : WAIT_STOP;
    return option.wait_all != WAIT_STOP || same(value, "stop");
}

static bool take_log_format(const char *value) {
    option.log_format = *value;
    return same(value, "text") || same(value, "json") || same(value, "none");
}

static const struct option_rule rules[] = {
    {"group", 'g', 'f', &option.group}, {"single-child", 'c', 'f', &option.single_child}, {"setsid", 0, 'f', &option.new_session},
    {"same-group", 0, 'f', &option.same_group}, {"subreaper", 's', 'f', &option.subreaper}, {"warn-on-reap", 'w', 'f', &option.warn_on_reap},
    {"parent-death-signal", 'p', 'c', take_parent_death}, {"exit-code", 'e', 'l', take_exit_code}, {"rewrite", 'r', 'l', take_rewrite},
    {"stop-signal", 0, 'l', take_stop_signal}, {"stop-delay", 0, 'd', &option.stop_delay}, {"drain", 0, 'd', &option.drain},
    {"drain-port", 0, 'l', take_port}, {"kill-after", 0, 'd', &option.kill_after}, {"wait-all", 0, 'o', take_wait_all},
    {"pause", 'P', 'f', &option.pause}, {"verbose", 'v', '+', &option.verbosity}, {"quiet", 'q', 'f', &option.quiet},
    {"log-format", 0, 'c', take_log_format}, {"help", 'h', 'f', &option.help}, {"version", 'V', 'f', &option.version},
    {"license", 'l', 'f', &option.license}, {"license", 'L', 'f', &option.license}, {NULL, 0, 0, NULL}};

/* The variables and the manners of those whose place we take. */
static void take_over(const char *name, char **environment) {
    const char *setsid = variable(environment, "DUMB_INIT_SETSID"), *debug = variable(environment, "DUMB_INIT_DEBUG");
    const char *verbosity = variable(environment, "TINI_VERBOSITY");
    for (const char *at = name; *at; at++)
        if (*at == '/') name = at + 1;
    option.new_session = same(name, "dumb-init") || (setsid && same(setsid, "1"));
    option.single_child = setsid && same(setsid, "0");
    option.job_signals = option.new_session;
    option.subreaper = variable(environment, "TINI_SUBREAPER");
    option.group = variable(environment, "TINI_KILL_PROCESS_GROUP");
    if (verbosity) option.verbosity = take_number(&verbosity, 9);
    if ((debug && same(debug, "1")) || variable(environment, "CATATONIT_DEBUG")) option.verbosity = DEBUG;
}

static void settle_options(void) {
    static const unsigned char job_signals[] = {SIGTSTP, SIGTTIN, SIGTTOU};
    option.job_signals |= option.single_child || option.new_session;
    if (option.single_child) option.new_session = option.group = false, option.same_group = true;
    if (option.new_session) option.group = true;
    for (int at = 0; at < 3 && option.new_session; at++)
        if (!option.rewrite[job_signals[at]]) option.rewrite[job_signals[at]] = SIGSTOP + 1;
    if (option.wait_all == WAIT_ALWAYS || option.kill_after >= 0) option.subreaper = true;
}

static char **read_options(char **argv, char **environment) {
    take_over(argv[0] ? argv[0] : "", environment);
    char **command = options_from_environment(rules, "SEATRIAL_INIT_", environment) ? options_from_arguments(rules, argv) : NULL;
    if (option.help) write_all(1, usage, sizeof usage - 1), leave(0);
    if (option.version) write_all(1, version, sizeof version - 1), leave(0);
    if (option.license) write_all(1, license, sizeof license - 1), leave(0);
    if (!command) say(FATAL, "%s", option_error.bytes), write_all(2, hint, sizeof hint - 1), leave(1);
    settle_options();
    if (option.group && option.same_group) say(FATAL, "--group and --same-group exclude each other"), leave(1);
    if (!*command && !option.pause) write_all(2, usage, sizeof usage - 1), leave(1);
    return command;
}

static int program(int argc, char **argv, char **environment) {
    unsigned long all = ~0UL;
    int adopts = 0;
    SYSCALL(rt_sigprocmask, SIG_SETMASK, &all, &init.mask, 8); /* before anything else: from here on no signal is lost */
    (void)argc;
    init.environment = environment;
    init.command = read_options(argv, environment);
    init.pid = SYSCALL(getpid, 0);
    if (option.parent_death_signal) SYSCALL(prctl, PR_SET_PDEATHSIG, option.parent_death_signal);
    if (option.subreaper && init.pid != 1) SYSCALL(prctl, PR_SET_CHILD_SUBREAPER, 1);
    if (init.pid != 1 && !option.job_signals && SYSCALL(prctl, PR_GET_CHILD_SUBREAPER, &adopts) == 0 && !adopts)
        say(WARNING, "not PID 1 and no subreaper, so zombie reaping won't work. hint: use -s, or run it as PID 1");
    if (!option.pause) start_command();
    SYSCALL(close_range, 3, ~0U, 0);
    SYSCALL(chdir, "/");
    return supervise();
}
