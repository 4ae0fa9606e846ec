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
#include <dirent.h>
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

#include "description.h"
#include "json-file.h"
#include "exit-record.h"
#include "steps.h"

#define NAMESPACES (0x7e020000UL) /* the CLONE_NEW* of clone(2); its other flags would share our memory with the child */

enum {
    CGROUPS_MAX = 16,
    REFUSED = 70,
    PIPE = 256 * 1024, /* so that a burst does not wait for us */
};

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

static void __attribute__((noreturn)) give_up(void);
static bool is_child;

/* "error STEP ERRNO ABOUT": one line, and the end of this process. What the child says ends with a NUL where it did not become the command. */
static void __attribute__((noreturn)) fail_with(int code, const char *step, int number, const char *about)
{
    tell("error %s %d %.700s\n", step, number, about);
    if (!is_child) give_up();
    while (write(report, "", 1) < 0 && errno == EINTR) continue;
    _exit(code);
}

static void __attribute__((noreturn)) fail(const char *step, int number, const char *about) { fail_with(REFUSED, step, number, about); }

/* ---- what a description may hold ----------------------------------------------------------------------------------------------------- */

/* Every record, how many words it needs, and which of them tells it apart. Without `run` it is a setting, read where it is used. */
static const struct known { const char *name; int words; int (*run)(char **); int about; } known[] = {
    { "argv", 2, NULL, 1 }, { "environment", 1, NULL, 0 }, { "namespaces", 2, NULL, 1 }, { "enter", 3, NULL, 1 }, { "map", 3, NULL, 1 },
    { "cgroup", 2, NULL, 1 }, { "state", 2, NULL, 1 }, { "log", 5, NULL, 1 }, { "output", 3, NULL, 1 }, { "copy", 3, NULL, 1 },
    { "owner", 3, NULL, 1 }, { "hold", 1, NULL, 0 }, { "late", 1, NULL, 0 }, { "oom", 2, NULL, 1 }, { "remove", 2, NULL, 1 },
    { "input", 2, NULL, 1 }, { "given", 2, NULL, 1 },
    { "mount", 6, step_mount, 2 }, { "unmount", 2, step_unmount, 1 }, { "directory", 3, step_directory, 1 }, { "file", 4, step_file, 1 },
    { "write", 3, step_write, 1 }, { "symlink", 3, step_symlink, 2 }, { "install", 4, step_install, 2 }, { "unlink", 2, step_unlink, 1 },
    { "node", 5, step_node, 1 }, { "read-only", 3, step_read_only, 1 }, { "own", 4, step_own, 1 }, { "mode", 3, step_mode, 1 },
    { "root", 2, step_root, 1 }, { "chdir", 2, step_chdir, 1 }, { "hostname", 2, step_hostname, 1 }, { "loopback", 1, step_loopback, 0 },
    { "unshare", 2, step_unshare, 1 }, { "limit", 4, step_limit, 1 }, { "groups", 2, step_groups, 1 }, { "group", 2, step_group, 1 },
    { "user", 2, step_user, 1 }, { "bound", 2, step_bound, 1 }, { "capabilities", 2, step_capabilities, 1 },
    { "no-new-privileges", 1, step_no_new_privs, 0 }, { "umask", 2, step_umask, 1 }, { "parent-death", 2, step_parent_death, 1 },
    { "terminal", 2, step_terminal, 1 },
};

static const struct known *known_as(const char *name)
{
    const char *bare = name + (*name == '|');
    bare += *bare == '?';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!strcmp(bare, known[i].name) && (known[i].run || bare == name)) return &known[i];
    }
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

/* "?step" may fail, which is told; "|step" is carried out only where the last "?step" before it failed. */
static void carry_out(struct record *record)
{
    static bool failed;
    const struct known *step = known_as(*record->words);
    bool may_fail = strchr(*record->words, '?');
    if (!step->run || (**record->words == '|' && !failed)) return;
    const char *about = step->about ? record->words[step->about] : "";
    bool bad = step->run(record->words);
    if (bad && !may_fail) fail(step->name, errno, about);
    if (bad) tell("skipped %s %d %.700s\n", step->name, errno, about);
    if (may_fail) failed = bad;
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

static struct { int pid, state, owner; bool abandoned; double started; } instance = { .state = -1, .owner = -1 };

static void __attribute__((noreturn)) child(int go, const int ends[2])
{
    char released, *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **environment = find("environment") + 1;
    while (read(go, &released, 1) != 1) if (errno != EINTR) _exit(REFUSED); /* the shim is gone before we began */
    int input = find("input") ? (int)number(value("input", "")) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    setsid();
    struct stat output;
    for (int i = 0; i < 2 && find("user"); i++) { /* so that the user may open /dev/stdout; a file or a terminal stays its owner's */
        if (fstat(ends[i], &output) || !S_ISFIFO(output.st_mode)) continue;
        if (fchown(ends[i], (uid_t)number(value("user", "")), (gid_t)-1)) continue;
    }
    for (int i = 0; i < record_count; i++) carry_out(&records[i]);
    for (char **each = environment; *each; each++) if (!strncmp(*each, "PATH=", 5)) path = *each + 5;
    if (find("late") && read(instance.owner, &released, 1) != 1) fail("late", EPIPE, "nobody lets it begin");
    if (settle_descriptors(input, ends)) fail("descriptors", errno, "dup");
    reset_signals();
    int error = execute(find("argv") + 1, environment, path);
    bool missing = error == ENOENT || error == ENOTDIR, forbidden = error == EACCES || error == EPERM || error == EISDIR || error == ENOEXEC;
    fail_with(missing ? 127 : forbidden ? 126 : 128, "exec", error, find("argv")[1]);
}

static void open_log(void)
{
    char **log = find("log"); /* directory, name, max-size, max-file, attributes */
    if (!log) return;
    journal.name = log[2];
    journal.max_size = number(log[3]);
    journal.max_file = (int)number(log[4]);
    journal.attributes = log[5] ? log[5] : "";
    if (journal.max_file < 1 || strlen(journal.name) > 240 || strlen(journal.attributes) > ATTRIBUTES_MAX) fail("log", EINVAL, journal.name);
    journal.directory = open(log[1], O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (journal.directory < 0) fail("log", errno, log[1]);
    if (!open_journal()) fail("log", errno, journal.name);
}

/* ---- the life of the instance --------------------------------------------------------------------------------------------------------- */

enum { OUTPUT, ERRORS, SIGNALS, OWNER, WATCHED };
static struct pollfd watched[WATCHED] = { { -1, POLLIN, 0 }, { -1, POLLIN, 0 }, { -1, POLLIN, 0 }, { -1, POLLIN, 0 } };

/* Looked at while the log waits for space, too: a full disk must not hide that the instance or its owner has ended. */
static void notice_ends(bool is_signal, bool is_owner)
{
    struct signalfd_siginfo caught;
    int status;
    if (is_signal && read(watched[SIGNALS].fd, &caught, sizeof caught) > 0 && waitpid(instance.pid, &status, WNOHANG) == instance.pid) {
        close(watched[SIGNALS].fd);
        watched[SIGNALS].fd = -1;
        keep_exit(instance.state, instance.started, status);
    }
    char ignored[64];
    if (is_owner && read(watched[OWNER].fd, ignored, sizeof ignored) <= 0) { /* nobody will ask about this instance any more */
        if (watched[SIGNALS].fd >= 0) kill(instance.pid, SIGKILL);
        watched[OWNER].fd = -1;
        instance.abandoned = true;
    }
}

static void wait_meanwhile(int file, short events, int milliseconds)
{
    struct pollfd set[] = { { file, events, 0 }, watched[SIGNALS], watched[OWNER] };
    if (poll(set, 3, milliseconds) > 0) notice_ends(set[1].revents, set[2].revents);
}

/* A stream whose last writer let go of it. */
static void end_output(int i)
{
    tell("output-ended %s\n", streams[i].name);
    if (streams[i].copy >= 0 && streams[i].copy != streams[!i].copy) close(streams[i].copy);
    close(watched[i].fd);
    streams[i].copy = watched[i].fd = -1;
}

/* Until the instance has ended and its log is complete. Nothing wakes this up but an event. Without an owner nobody waits for what a
 * process left behind may still say. */
static void attend(void)
{
    while (watched[OUTPUT].fd >= 0 || watched[ERRORS].fd >= 0 || watched[SIGNALS].fd >= 0) {
        int ready = poll(watched, WATCHED, instance.abandoned && watched[SIGNALS].fd < 0 ? 0 : -1);
        if (!ready) return;
        if (ready < 0) continue;
        short signals = watched[SIGNALS].revents, owner = watched[OWNER].revents;
        for (int i = OUTPUT; i <= ERRORS; i++) if (watched[i].revents && pump(&streams[i])) end_output(i);
        notice_ends(signals && watched[SIGNALS].fd >= 0, owner && watched[OWNER].fd >= 0);
    }
}

/* The child's ends of its output: pipes to us, made wide, or what the description gives it. */
static void make_output(int ends[2])
{
    char **given = find("output");
    for (int i = OUTPUT; i <= ERRORS; i++) {
        int both[2];
        streams[i].name = i == OUTPUT ? "stdout" : "stderr";
        if (given) { ends[i] = (int)number(given[1 + i]); continue; }
        if (pipe2(both, O_CLOEXEC)) fail("pipe", errno, "output");
        fcntl(both[0], F_SETPIPE_SZ, PIPE);
        streams[i].pipe = watched[i].fd = both[0];
        ends[i] = both[1];
    }
}

/* A copy of this process in new namespaces: fork(2) with clone(2)'s flags. Returns the descriptor that lets it go on; `status` is
 * where it tells what went wrong, and ends when it has become the command. */
static int start_child(int *status)
{
    int go[2], told[2], ends[2];
    unsigned long flags = (unsigned long)number(value("namespaces", "0"));
    if (flags & ~NAMESPACES) fail("namespaces", EINVAL, value("namespaces", ""));
    make_output(ends);
    if (pipe2(go, O_CLOEXEC) || pipe2(told, O_CLOEXEC)) fail("pipe", errno, "go");
    instance.pid = (int)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0UL);
    if (instance.pid < 0) { instance.pid = 0; fail("clone", errno, "namespaces"); }
    if (!instance.pid) {
        close(go[1]), close(told[0]);
        is_child = true;
        report = told[1];
        child(go[0], ends);
    }
    close(go[0]), close(told[1]), close(ends[OUTPUT]);
    if (ends[ERRORS] != ends[OUTPUT]) close(ends[ERRORS]);
    for (char **each = find("given"); each && *++each;) close((int)number(*each)); /* who stops listening shall be the last */
    *status = told[0];
    return go[1];
}

/* The cgroups of the child, opened before we enter namespaces in which their names mean nothing. */
static int doors[CGROUPS_MAX], door_count;

static void open_doors(void)
{
    for (int i = 0; i < record_count; i++) {
        char **w = records[i].words;
        if (strcmp(*w, "cgroup")) continue;
        if (door_count == CGROUPS_MAX) fail(*w, E2BIG, w[1]);
        if ((doors[door_count++] = open(w[1], O_WRONLY | O_CLOEXEC)) < 0) fail(*w, errno, w[1]);
    }
}

static void enter_namespaces(void)
{
    for (int i = 0; i < record_count; i++) {
        char **w = records[i].words;
        if (!strcmp(*w, "enter") && setns((int)number(w[1]), (int)number(w[2]))) fail(*w, errno, w[2]);
    }
}

/* Before the child runs: its user and group maps, then its cgroups, so that nothing it forks is ever outside them. */
static void place_child(void)
{
    char path[64], pid[16];
    int length = snprintf(pid, sizeof pid, "%d", instance.pid);
    for (int i = 0; i < record_count; i++) {
        char **w = records[i].words;
        if (strcmp(*w, "map")) continue;
        snprintf(path, sizeof path, "/proc/%d/%.32s", instance.pid, w[1]);
        if (write_text(path, w[2], 0, 0)) fail(*w, errno, w[1]);
    }
    for (int i = 0; i < door_count; i++) {
        if (write(doors[i], pid, (size_t)length) != length) fail("cgroup", errno, "");
        close(doors[i]);
    }
}

/* With `hold` the owner looks at the instance before it begins: what names its namespaces is gone once it has ended. */
static void wait_for_owner(void)
{
    char word;
    if (!find("hold")) return;
    tell("created %d\n", instance.pid);
    if (read(instance.owner, &word, 1) != 1) give_up();
}

/* Lets the child go on, and passes on what it tells of its set-up; false if it did not become the command. */
static bool is_started(int go, int status)
{
    char said[1024];
    bool failed = false;
    if (write(go, "", 1) != 1) fail("release", errno, "");
    close(go);
    for (ssize_t length = 1; length;) {
        struct pollfd set[] = { { status, POLLIN, 0 }, watched[OWNER] };
        if (poll(set, 2, -1) < 0) continue;
        notice_ends(false, set[1].revents);
        if (!set[0].revents || (length = read(status, said, sizeof said)) <= 0) continue;
        failed |= !said[length - 1];
        if (poll(&(struct pollfd){ report, POLLOUT, 0 }, 1, 0) == 1 && write(report, said, (size_t)(length - !said[length - 1])) < 0) continue;
    }
    close(status);
    instance.started = clock_now(CLOCK_REALTIME);
    if (!failed) tell("started %d %.6f\n", instance.pid, clock_now(CLOCK_MONOTONIC));
    return !failed;
}

/* Removed as an empty cgroup is. Whatever is still in it is killed, and the kernel needs its time to let go of the dead. */
static bool is_removed(const char *path)
{
    char below[4096];
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < (int)sizeof below) is_removed(below);
    }
    if (folder) closedir(folder);
    if (!rmdir(path) || errno == ENOENT) return true;
    if (snprintf(below, sizeof below, "%s/cgroup.kill", path) < (int)sizeof below) write_text(below, "1", 0, 0);
    return false;
}

static void remove_all(void)
{
    long pause = 1000000; /* nanoseconds; twice as long each time, 8 s in all */
    for (int i = 0; i < record_count; i++) {
        if (strcmp(records[i].words[0], "remove") || records[i].count < 2) continue;
        for (; !is_removed(records[i].words[1]) && pause < 5000000000; pause *= 2) {
            nanosleep(&(struct timespec){ pause / 1000000000, pause % 1000000000 }, NULL);
        }
    }
}

/* The instance was not started: nothing of it stays. */
static void give_up(void)
{
    if (instance.pid > 0) {
        kill(instance.pid, SIGKILL);
        waitpid(instance.pid, NULL, 0);
    }
    if (instance.state >= 0) unlinkat(instance.state, "exit.part", 0);
    remove_all();
    _exit(REFUSED);
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

/* Those that the description names; none of them is inherited by the command. */
static void open_all(void)
{
    char **owner = find("owner"), **copy = find("copy");
    fcntl(report, F_SETFD, FD_CLOEXEC);
    if (owner) fcntl(instance.owner = (int)number(owner[1]), F_SETFD, FD_CLOEXEC);
    if (owner && strcmp(owner[2], "stay")) watched[OWNER].fd = instance.owner;
    if ((find("hold") || find("late")) && !owner) fail("description", EINVAL, "hold needs an owner");
    for (int i = OUTPUT; i <= ERRORS; i++) {
        streams[i].copy = copy ? (int)number(copy[1 + i]) : -1;
        if (copy) fcntl(streams[i].copy, F_SETFD, FD_CLOEXEC);
    }
    if (find("state") && (instance.state = open(value("state", ""), O_DIRECTORY | O_RDONLY | O_CLOEXEC)) < 0) fail("state", errno, value("state", ""));
    if (instance.state >= 0) reserve_exit(instance.state);
    open_log();
    open_doors();
    enter_namespaces();
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
    read_description((int)number(argv[1]));
    check_description();
    open_all();
    int status, go = start_child(&status);
    place_child();
    wait_for_owner();
    bool started = is_started(go, status);
    if (!started) {
        int code;
        waitpid(instance.pid, &code, 0);
        if (WIFEXITED(code) && WEXITSTATUS(code) != REFUSED) keep_exit(instance.state, instance.started, code); /* it is an end like another that the command can't be run */
        instance.pid = 0;
        give_up();
    }
    attend();
    remove_all();
    tell("done\n");
    return 0;
}
