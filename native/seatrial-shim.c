/*
 * seatrial-shim: the parent of one instance on the native engine.
 *
 * It reads a description from a descriptor, makes the namespaces, places the child in its cgroups before it runs, carries out the
 * set-up steps that the description lists, and executes the command as PID 1. Then it does three things until the instance has
 * ended: it writes the instance's output in Docker's json-file format (or copies it), it waits for the end and writes the exit
 * record, and it watches its owner. It decides nothing: what to mount, which limits, which user were decided by who wrote the
 * description. It outlives its owner where the description says so; else it ends the instance when the owner is gone.
 *
 * The end of the process and the end of its output are two events. A full disk stops the reading, never loses a line: the service then
 * blocks in write(2), as it does under Docker's blocking mode.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "0.1.0"
#endif

#include "json-file.h"
#include "steps.h"

enum {
    DESCRIPTION_MAX = 256 * 1024, /* an environment as large as the kernel's own limit for one string fits */
    RECORDS_MAX = 4096,
    WORDS_MAX = 16 * 1024,
    PIPE = 256 * 1024,            /* so that a burst does not wait for us */
};

/* ---- the description: records of NUL-ended words, each ended by an empty word; all words but the first begin with '=' ------------- */

struct record { char **words; int count; };

static char text[DESCRIPTION_MAX + 1];
static char *words[WORDS_MAX]; /* those of one record stand together, with a NULL at their end */
static struct record records[RECORDS_MAX];
static int record_count;

static int report = 2; /* where set-up errors and the life of the instance are told: one line each */

static void tell(const char *format, ...)
{
    char line[1024];
    va_list rest;
    va_start(rest, format);
    int length = vsnprintf(line, sizeof line, format, rest);
    va_end(rest);
    if (length >= (int)sizeof line) { length = sizeof line - 1; line[length - 1] = '\n'; }
    /* A reader that does not read must not hold the instance up: where the pipe is full the line is dropped, the exit record counts. */
    if (poll(&(struct pollfd){ report, POLLOUT, 0 }, 1, 0) != 1) return;
    while (write(report, line, (size_t)length) < 0 && errno == EINTR) continue;
}

/* "error STEP ERRNO ABOUT": one line, and the end of this process. */
static void __attribute__((noreturn)) fail(const char *step, int number, const char *about)
{
    tell("error %s %d %.700s\n", step, number, about);
    _exit(70);
}

static void read_description(int descriptor)
{
    size_t size = 0;
    for (;;) {
        ssize_t got = read(descriptor, text + size, DESCRIPTION_MAX - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("description", errno, "read");
        if (got == 0) break;
        size += (size_t)got;
        if (size == DESCRIPTION_MAX) fail("description", E2BIG, "longer than 256 KiB");
    }
    close(descriptor);
    static const char magic[] = "seatrial-shim 1";
    if (size < sizeof magic || memcmp(text, magic, sizeof magic)) fail("description", EPROTO, "not `seatrial-shim 1`");
    int word_count = 0;
    for (size_t at = sizeof magic; at < size;) {
        if (record_count == RECORDS_MAX) fail("description", E2BIG, "too many records");
        struct record *record = &records[record_count];
        record->words = &words[word_count];
        record->count = 0;
        for (; at < size && text[at]; at += strlen(text + at) + 1) {
            if (record->count && text[at] != '=') fail("description", EPROTO, text + at);
            if (word_count == WORDS_MAX - 1) fail("description", E2BIG, "too many words");
            words[word_count++] = text + at + (record->count++ > 0);
        }
        if (at >= size || !record->count) fail("description", EPROTO, "a record has no end or no name");
        words[word_count++] = NULL;
        at++;
        record_count++;
    }
}

static long number(const char *word)
{
    char *end;
    errno = 0;
    long value = strtol(word, &end, 0);
    if (errno || end == word || *end) fail("description", EINVAL, word);
    return value;
}

/* The words of the first record of this name, or NULL. */
static char **find(const char *name)
{
    for (int i = 0; i < record_count; i++) if (!strcmp(records[i].words[0], name)) return records[i].words;
    return NULL;
}

static const char *value(const char *name, const char *otherwise)
{
    char **record = find(name);
    return record ? record[1] : otherwise;
}

/* ---- what a description may hold ----------------------------------------------------------------------------------------------------- */

/* Every record and how many words it needs. Without `run` it is a setting, read where it is used. */
static const struct known { const char *name; int words; int (*run)(char **); } known[] = {
    { "argv", 2, NULL }, { "environment", 1, NULL }, { "namespaces", 2, NULL }, { "state", 2, NULL }, { "log", 5, NULL },
    { "copy", 3, NULL }, { "owner", 3, NULL }, { "oom", 2, NULL }, { "map", 3, NULL }, { "cgroup", 2, NULL }, { "remove", 2, NULL },
    { "mount", 6, step_mount }, { "unmount", 2, step_unmount }, { "directory", 3, step_directory }, { "file", 4, step_file },
    { "write", 3, step_write }, { "symlink", 3, step_symlink }, { "node", 5, step_node }, { "read-only", 3, step_read_only },
    { "own", 4, step_own }, { "mode", 3, step_mode }, { "root", 2, step_root }, { "chdir", 2, step_chdir },
    { "hostname", 2, step_hostname }, { "loopback", 1, step_loopback }, { "limit", 4, step_limit }, { "groups", 2, step_groups },
    { "group", 2, step_group }, { "user", 2, step_user }, { "bound", 2, step_bound }, { "capabilities", 2, step_capabilities },
    { "no-new-privileges", 1, step_no_new_privs }, { "umask", 2, step_umask }, { "parent-death", 2, step_parent_death },
};

static const struct known *known_as(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) if (!strcmp(name, known[i].name)) return &known[i];
    return NULL;
}

/* A step that this version does not know is refused: to leave out `no-new-privileges` in silence would be worse than not to start. */
static void check_description(void)
{
    for (int i = 0; i < record_count; i++) {
        const struct known *it = known_as(records[i].words[0]);
        if (!it) fail("description", ENOSYS, records[i].words[0]);
        if (records[i].count < it->words) fail("description", EINVAL, records[i].words[0]);
    }
    if (!find("argv") || !find("environment")) fail("description", EINVAL, "argv and environment are needed");
}

static void carry_out(struct record *record)
{
    const struct known *step = known_as(record->words[0]);
    if (step->run && step->run(record->words)) fail(step->name, errno, record->count > 1 ? record->words[1] : "");
}

/* ---- the child: from clone to execve ------------------------------------------------------------------------------------------------- */

/* Every signal to its default and unblocked, 32 and 33 too, which libc keeps for itself and some launchers leave ignored. */
static void reset_signals(void)
{
    struct { void *handler; unsigned long flags, restorer, mask; } standard = { 0 };
    unsigned long none = 0;
    for (int each = 1; each <= 64; each++) {
        if (each != SIGKILL && each != SIGSTOP) syscall(SYS_rt_sigaction, each, &standard, NULL, 8);
    }
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}

/* execve along PATH, as execvp(3) does: EACCES is remembered while the search goes on. */
static int execute(char **argv, char **environment, const char *path)
{
    if (strchr(argv[0], '/')) return execve(argv[0], argv, environment), errno;
    int result = ENOENT;
    for (const char *from = path; *from;) {
        size_t length = strcspn(from, ":");
        char candidate[4096];
        if (snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, length ? from : ".", argv[0]) < (int)sizeof candidate) {
            execve(candidate, argv, environment);
            if (errno == EACCES) result = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR) return errno;
        }
        from += length + (from[length] == ':');
    }
    return result;
}

static void __attribute__((noreturn)) child(int go, int output, int errors)
{
    char released;
    while (read(go, &released, 1) != 1) if (errno != EINTR) _exit(70); /* the shim is gone before we began */
    int input = open("/dev/null", O_RDWR | O_CLOEXEC);
    setsid();
    for (int i = 0; i < record_count; i++) carry_out(&records[i]);
    char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **argv = find("argv") + 1, **environment = find("environment") + 1;
    for (char **each = environment; *each; each++) if (!strncmp(*each, "PATH=", 5)) path = *each + 5;
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) fail("descriptors", errno, "dup2");
    int kept = fcntl(report, F_DUPFD_CLOEXEC, 3);
    if (kept != 3 && dup3(report, 3, O_CLOEXEC) < 0) fail("descriptors", errno, "dup3");
    report = 3;
    syscall(SYS_close_range, 4, ~0U, 0);
    reset_signals();
    fail("exec", execute(argv, environment, path), argv[0]);
}

static void open_log(void)
{
    char **log = find("log"); /* directory, name, max-size, max-file, attributes */
    if (!log) return;
    journal.name = log[2];
    journal.max_size = strtoll(log[3], NULL, 10);
    journal.max_file = (int)number(log[4]);
    journal.attributes = log[5] ? log[5] : "";
    if (journal.max_file < 1 || strlen(journal.name) > 240 || strlen(journal.attributes) > ATTRIBUTES_MAX) fail("log", EINVAL, journal.name);
    journal.directory = open(log[1], O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (journal.directory < 0) fail("log", errno, log[1]);
    if (!open_journal(0)) fail("log", errno, journal.name);
}

/* ---- the life of the instance --------------------------------------------------------------------------------------------------------- */

enum { OUTPUT, ERRORS, SIGNALS, OWNER, WATCHED };
static struct pollfd watched[WATCHED] = { { -1, POLLIN, 0 }, { -1, POLLIN, 0 }, { -1, POLLIN, 0 }, { -1, POLLIN, 0 } };
static struct { int pid, state; double started; } instance = { .state = -1 };

static double clock_now(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The number after "oom_kill " in memory.events (v2) or memory.oom_control (v1): the counter is the truth, events may be late. */
static long oom_kills(void)
{
    char content[1024];
    int file = open(value("oom", "/nonexistent"), O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, content, sizeof content - 1);
    if (file >= 0) close(file);
    content[length > 0 ? length : 0] = 0;
    const char *found = strstr(content, "oom_kill ");
    return found ? strtol(found + 9, NULL, 10) : 0;
}

/* The exit record: written beside and renamed, so that a reader sees all of it or nothing. */
static void keep_exit(int status)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    int killed = WIFSIGNALED(status) ? WTERMSIG(status) : 0, code = killed ? 128 + killed : WEXITSTATUS(status);
    char line[512];
    snprintf(line, sizeof line,
             "{\"version\":1,\"code\":%d,\"signal\":%d,\"oom_kills\":%ld,\"started\":%.6f,\"ended\":%.6f,\"monotonic\":%.6f,"
             "\"user_seconds\":%ld.%06ld,\"system_seconds\":%ld.%06ld,\"max_resident_kb\":%ld}\n",
             code, killed, oom_kills(), instance.started, clock_now(CLOCK_REALTIME), clock_now(CLOCK_MONOTONIC), (long)used.ru_utime.tv_sec,
             (long)used.ru_utime.tv_usec, (long)used.ru_stime.tv_sec, (long)used.ru_stime.tv_usec, used.ru_maxrss);
    if (instance.state >= 0) {
        int file = openat(instance.state, "exit.part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
        if (file >= 0) { put(file, line, strlen(line)); fsync(file); close(file); }
        if (file < 0 || renameat(instance.state, "exit.part", instance.state, "exit")) tell("record-error %d exit\n", errno);
    }
    tell("exited %s", line);
}

/* Looked at while the log waits for space, too: a full disk must not hide that the instance or its owner has ended. */
static void notice_ends(bool is_signal, bool is_owner)
{
    struct signalfd_siginfo caught;
    int status;
    if (is_signal && read(watched[SIGNALS].fd, &caught, sizeof caught) > 0 && waitpid(instance.pid, &status, WNOHANG) == instance.pid) {
        close(watched[SIGNALS].fd);
        watched[SIGNALS].fd = -1;
        keep_exit(status);
    }
    char ignored[64];
    if (is_owner && read(watched[OWNER].fd, ignored, sizeof ignored) <= 0) { /* nobody will ask about this instance any more */
        if (watched[SIGNALS].fd >= 0) kill(instance.pid, SIGKILL);
        watched[OWNER].fd = -1;
    }
}

static void wait_meanwhile(int file, short events, int milliseconds)
{
    struct pollfd set[] = { { file, events, 0 }, watched[SIGNALS], watched[OWNER] };
    if (poll(set, 3, milliseconds) > 0) notice_ends(set[1].revents, set[2].revents);
}

/* Until the instance has ended and its log is complete. Nothing wakes this up but an event. */
static void attend(void)
{
    while (watched[OUTPUT].fd >= 0 || watched[ERRORS].fd >= 0 || watched[SIGNALS].fd >= 0) {
        if (poll(watched, WATCHED, -1) < 0) continue;
        short signals = watched[SIGNALS].revents, owner = watched[OWNER].revents;
        for (int i = OUTPUT; i <= ERRORS; i++) {
            if (!watched[i].revents || !pump(&streams[i])) continue;
            watched[i].fd = -1;
            tell("output-ended %s\n", streams[i].name);
        }
        notice_ends(signals && watched[SIGNALS].fd >= 0, owner && watched[OWNER].fd >= 0);
    }
}

/* The parent's ends of the output pipes, made wide. */
static void make_pipes(int ends[2])
{
    for (int i = OUTPUT; i <= ERRORS; i++) {
        int both[2];
        if (pipe2(both, O_CLOEXEC)) fail("pipe", errno, "output");
        fcntl(both[0], F_SETPIPE_SZ, PIPE);
        streams[i].name = i == OUTPUT ? "stdout" : "stderr";
        streams[i].pipe = watched[i].fd = both[0];
        ends[i] = both[1];
    }
}

/* A copy of this process in new namespaces: fork(2) with clone(2)'s flags. Returns the descriptor that lets it go on; `status` is
 * where it tells what went wrong, and ends when it has become the command. */
static int start_child(int *status)
{
    int go[2], told[2], ends[2];
    unsigned long flags = strtoul(value("namespaces", "0"), NULL, 0);
    make_pipes(ends);
    if (pipe2(go, O_CLOEXEC) || pipe2(told, O_CLOEXEC)) fail("pipe", errno, "go");
    instance.pid = (int)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0UL);
    if (instance.pid < 0) fail("clone", errno, "namespaces");
    if (!instance.pid) {
        close(go[1]);
        report = told[1];
        child(go[0], ends[OUTPUT], ends[ERRORS]);
    }
    close(go[0]), close(told[1]), close(ends[OUTPUT]), close(ends[ERRORS]);
    *status = told[0];
    return go[1];
}

/* Before the child runs: its user and group maps, then its cgroups, so that nothing it forks is ever outside them. */
static void place_child(void)
{
    char path[64], pid[16];
    snprintf(pid, sizeof pid, "%d", instance.pid);
    for (int i = 0; i < record_count; i++) {
        char **w = records[i].words;
        bool map = !strcmp(*w, "map");
        if (!map && strcmp(*w, "cgroup")) continue;
        if (map) snprintf(path, sizeof path, "/proc/%d/%.32s", instance.pid, w[1]);
        if (!write_text(map ? path : w[1], map ? w[2] : pid, 0, 0)) continue;
        int error = errno;
        kill(instance.pid, SIGKILL);
        fail(*w, error, w[1]);
    }
}

/* Lets the child go on; false, and the reason told, if it did not become the command. */
static bool is_started(int go, int status)
{
    char error[1024];
    ssize_t length;
    instance.started = clock_now(CLOCK_REALTIME);
    if (write(go, "", 1) != 1) fail("release", errno, "");
    close(go);
    while ((length = read(status, error, sizeof error)) < 0 && errno == EINTR) continue;
    close(status);
    if (length <= 0) {
        tell("started %d %.6f\n", instance.pid, clock_now(CLOCK_MONOTONIC));
        return true;
    }
    tell("%.*s", (int)length, error);
    waitpid(instance.pid, NULL, 0);
    return false;
}

/* All signals are blocked, SIGPIPE too: a reader that went away gives EPIPE. SIGCHLD, inherited as ignored, would take the exit status away. */
static void settle_signals(void)
{
    sigset_t all, children;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    watched[SIGNALS].fd = signalfd(-1, &children, SFD_CLOEXEC);
}

static void help(void)
{
    puts("usage: seatrial-shim DESCRIPTION REPORT\n\n"
         "Starts one instance as the description on descriptor DESCRIPTION says, writes its log and its exit record, and tells\n"
         "on descriptor REPORT what happens, a line each. Made to be started by seatrial; see seatrial-shim(1).\n\n"
         "  --help     show this\n  --version  show the version");
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--help")) { help(); return 0; }
    if (argc == 2 && !strcmp(argv[1], "--version")) { puts("seatrial-shim " VERSION); return 0; }
    if (argc != 3) { fputs("seatrial-shim: two descriptors are needed, see seatrial-shim --help\n", stderr); return 2; }
    settle_signals();
    report = (int)number(argv[2]);
    fcntl(report, F_SETFD, FD_CLOEXEC);
    read_description((int)number(argv[1]));
    check_description();
    char **owner = find("owner"), **copy = find("copy");
    if (owner && strcmp(owner[2], "stay")) watched[OWNER].fd = (int)number(owner[1]);
    for (int i = OUTPUT; i <= ERRORS; i++) streams[i].copy = copy ? (int)number(copy[1 + i]) : -1;
    if (find("state") && (instance.state = open(value("state", ""), O_DIRECTORY | O_RDONLY | O_CLOEXEC)) < 0) fail("state", errno, value("state", ""));
    open_log();
    int status, go = start_child(&status);
    place_child();
    bool started = is_started(go, status);
    if (started) attend();
    for (int i = 0; i < record_count; i++) if (!strcmp(records[i].words[0], "remove")) rmdir(records[i].words[1]);
    if (!started) return 70;
    tell("done\n");
    return 0;
}
