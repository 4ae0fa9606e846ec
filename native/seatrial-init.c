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
#include "freestanding.h"
#include <asm/siginfo.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

enum level { FATAL, WARNING, INFO, DEBUG };
enum wait { WAIT_NEVER, WAIT_STOP, WAIT_ALWAYS };
/* RUNNING → (stop signal) → DELAYED → DRAINING → STOPPING → (deadline) → KILLED; phases without an option are left out. */
enum phase { RUNNING, DELAYED, DRAINING, STOPPING, KILLED };
enum { NAMED_SIGNALS = 31, FIRST_REALTIME = 34, SIGNALS = 65, POLL_MS = 25, SETTLE_MS = 250 };

static struct {
    bool group, single_child, new_session, same_group, subreaper, warn_on_reap, pause, quiet, job_signals;
    int parent_death_signal, wait_all;
    long verbosity, stop_delay, drain, kill_after;
    char log_format; /* 't'ext, 'j'son, 'n'one */
    bool ports_given;
    unsigned long stop_signals;
    unsigned char rewrite[SIGNALS];   /* the new number + 1; 0: as it is */
    unsigned short exit_code[256];    /* the new code + 1; 0: as it is */
} option = {.verbosity = WARNING, .wait_all = WAIT_STOP, .log_format = 't'};

static struct {
    char **command, **environment;
    unsigned long mask;               /* as we inherited it */
    long pid, child, group, deadline, drain_until, quiet_since, terminal_group;
    int phase, stop_signal, code;
    bool ignored_sigchld, has_terminal, child_is_stopped, suspended, alone, undrained;
} init;

static const char names[NAMED_SIGNALS][7] = {
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
    "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"};

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

static const char *signal_name(int number) {
    static struct text name[2];
    static int turn;
    struct text *to = &name[turn ^= 1];
    to->length = 0;
    if (number >= 1 && number <= NAMED_SIGNALS) put_format(to, "SIG%s", names[number - 1]);
    else put_format(to, "SIGRTMIN+%d", (long)number - FIRST_REALTIME);
    return to->bytes;
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
            if (init.pid == 1 ? process.group || process.parent : process.parent == init.pid || process.group == init.group)
                visit(&process, argument);
        }
    SYSCALL(close, directory);
}

static struct text alive;

static void name_process(const struct process *process, long unused) {
    (void)unused;
    put_format(&alive, alive.length ? ", %s (%d)" : "%s (%d)", process->name, process->pid);
}

static void signal_process(const struct process *process, long number) { SYSCALL(kill, process->pid, number); }

static void tell_everyone(int number) {
    if (init.pid == 1) SYSCALL(kill, -1, number);
    else SYSCALL(kill, -init.group, number), visit_ours(signal_process, number);
}

/* To the command, or its group with -g; once the command has ended, to whoever is left. */
static void pass_on(int number) {
    if (option.pause) return;
    if (!init.child) return tell_everyone(number);
    long error = option.group ? SYSCALL(kill, -init.group, number) : -ESRCH;
    if (error == -ESRCH) error = SYSCALL(kill, init.child, number);
    if (error) say(WARNING, "cannot pass %s on to %d: %s", signal_name(number), init.child, error_text(error));
    if (number == SIGCONT) init.child_is_stopped = false;
}
