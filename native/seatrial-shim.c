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
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "0.1.0"
#endif

enum {
    DESCRIPTION_MAX = 256 * 1024, /* an environment as large as the kernel's own limit for one string fits */
    RECORDS_MAX = 4096,
    ARGUMENTS_MAX = 4096,
    PARTIAL = 16 * 1024,          /* Docker's copier cuts longer lines into records of this size */
    READ = 32 * 1024,
    OUT = 160 * 1024,             /* holds the largest record (16 KiB of control characters, six bytes each) and more */
    RETRY_MS = 200,               /* how often a full disk is tried again */
};

/* ---- the description: records of NUL-ended words, each ended by an empty word; all words but the first begin with '=' ------------- */

struct record { char **words; int count; };

static char text[DESCRIPTION_MAX + 1];
static char *words[RECORDS_MAX + ARGUMENTS_MAX];
static struct record records[RECORDS_MAX];
static int record_count;

static void fail(const char *step, int number, const char *about) __attribute__((noreturn));
static int report = 2; /* where set-up errors and the life of the instance are told: one line each */

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
    char line[1024];
    va_list rest;
    va_start(rest, format);
    int length = vsnprintf(line, sizeof line, format, rest);
    va_end(rest);
    if (length >= (int)sizeof line) { length = sizeof line - 1; line[length - 1] = '\n'; }
    while (write(report, line, (size_t)length) < 0 && errno == EINTR) continue;
}

/* "error STEP ERRNO ABOUT": one line, and the end of this process. */
static void fail(const char *step, int number, const char *about)
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
            if (word_count == RECORDS_MAX + ARGUMENTS_MAX - 1) fail("description", E2BIG, "too many words");
            words[word_count++] = text + at + (record->count++ > 0);
        }
        if (at >= size || !record->count) fail("description", EPROTO, "a record has no end or no name");
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

/* The first record of this name, or NULL. `count` is the number of its words at least. */
static struct record *find(const char *name, int count)
{
    for (int i = 0; i < record_count; i++) {
        if (strcmp(records[i].words[0], name)) continue;
        if (records[i].count < count) fail("description", EINVAL, name);
        return &records[i];
    }
    return NULL;
}

static const char *value(const char *name, const char *otherwise)
{
    struct record *record = find(name, 2);
    return record ? record->words[1] : otherwise;
}

/* ---- set-up steps, carried out by the child in the order of the description --------------------------------------------------------- */

static int write_text(const char *path, const char *content, int flags, mode_t mode)
{
    int file = open(path, flags | O_WRONLY | O_CLOEXEC, mode);
    if (file < 0) return -1;
    size_t length = strlen(content);
    ssize_t put = write(file, content, length);
    if (put >= 0 && (size_t)put < length) errno = EIO;
    return close(file) | (put == (ssize_t)length ? 0 : -1);
}

static int step_mount(char **w) { return mount(w[1], w[2], *w[3] ? w[3] : NULL, (unsigned long)number(w[4]), w[5]); }
static int step_unmount(char **w) { return umount2(w[1], MNT_DETACH); }
static int step_symlink(char **w) { return symlink(w[1], w[2]); }
static int step_chdir(char **w) { return chdir(w[1]); }
static int step_write(char **w) { return write_text(w[1], w[2], 0, 0); }
static int step_file(char **w) { return write_text(w[1], w[3], O_CREAT | O_TRUNC, (mode_t)number(w[2])); }
static int step_hostname(char **w) { return sethostname(w[1], strlen(w[1])); }
static int step_no_new_privs(char **w) { (void)w; return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
static int step_group(char **w) { return setresgid((gid_t)number(w[1]), (gid_t)number(w[1]), (gid_t)number(w[1])); }
static int step_umask(char **w) { umask((mode_t)number(w[1])); return 0; }
static int step_parent_death(char **w) { return prctl(PR_SET_PDEATHSIG, number(w[1]), 0, 0, 0); }
static int step_own(char **w) { return lchown(w[1], (uid_t)number(w[2]), (gid_t)number(w[3])); }
static int step_mode(char **w) { return chmod(w[1], (mode_t)number(w[2])); }

static int step_directory(char **w)
{
    return mkdir(w[1], (mode_t)number(w[2])) && errno != EEXIST ? -1 : 0;
}

static int step_node(char **w)
{
    return mknod(w[1], (mode_t)number(w[2]), makedev((unsigned)number(w[3]), (unsigned)number(w[4])));
}

/* Read-only with all that is mounted below, where the kernel can (5.12); else this mount alone. */
static int step_read_only(char **w)
{
    struct { uint64_t set, clear, propagation, user; } attributes = { 1 /* MOUNT_ATTR_RDONLY */, 0, 0, 0 };
    if (!syscall(442 /* mount_setattr */, AT_FDCWD, w[1], 0x8000 /* AT_RECURSIVE */, &attributes, sizeof attributes)) return 0;
    return mount("none", w[1], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | (unsigned long)number(w[2]), NULL);
}

/* The old root is stacked below the new one and let go: pivot_root(2), "pivot_root(".", ".")". */
static int step_root(char **w)
{
    if (chdir(w[1]) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH)) return -1;
    return chdir("/");
}

static int step_loopback(char **w)
{
    (void)w;
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int channel = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return channel < 0 ? -1 : ioctl(channel, SIOCSIFFLAGS, &request) | close(channel);
}

static int step_limit(char **w)
{
    struct rlimit limit = { (rlim_t)number(w[2]), (rlim_t)number(w[3]) };
    return setrlimit((unsigned)number(w[1]), &limit);
}

static int step_groups(char **w)
{
    gid_t groups[64];
    int count = 0;
    for (char *one = strtok(w[1], ","); one; one = strtok(NULL, ",")) {
        if (count == 64) { errno = E2BIG; return -1; }
        groups[count++] = (gid_t)number(one);
    }
    return setgroups((size_t)count, groups);
}

static int step_user(char **w)
{
    return setresuid((uid_t)number(w[1]), (uid_t)number(w[1]), (uid_t)number(w[1]));
}

/* Drop from the bounding set what the mask lacks, and keep what it has across the change of user (PR_SET_KEEPCAPS). */
static int step_bound(char **w)
{
    unsigned long long kept = strtoull(w[1], NULL, 0);
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        if (!(kept >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)) return -1;
    }
    return 0;
}

static int step_capabilities(char **w)
{
    unsigned long long mask = strtoull(w[1], NULL, 0);
    uint32_t low = (uint32_t)mask, high = (uint32_t)(mask >> 32);
    struct { uint32_t version; int pid; } header = { 0x20080522, 0 }; /* version 3: two rows of effective, permitted, inheritable */
    uint32_t data[6] = { low, low, 0, high, high, 0 };
    return (int)syscall(SYS_capset, &header, data);
}

static const struct { const char *name; int words; int (*run)(char **); } steps[] = {
    { "mount", 6, step_mount }, { "unmount", 2, step_unmount }, { "directory", 3, step_directory }, { "file", 4, step_file },
    { "write", 3, step_write }, { "symlink", 3, step_symlink }, { "node", 5, step_node }, { "read-only", 3, step_read_only },
    { "own", 4, step_own }, { "mode", 3, step_mode }, { "root", 2, step_root }, { "chdir", 2, step_chdir },
    { "hostname", 2, step_hostname }, { "loopback", 1, step_loopback }, { "limit", 4, step_limit }, { "groups", 2, step_groups },
    { "group", 2, step_group }, { "user", 2, step_user }, { "bound", 2, step_bound }, { "capabilities", 2, step_capabilities },
    { "no-new-privileges", 1, step_no_new_privs }, { "umask", 2, step_umask }, { "parent-death", 2, step_parent_death },
};

static void carry_out(struct record *record)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (strcmp(record->words[0], steps[i].name)) continue;
        if (record->count < steps[i].words) fail("description", EINVAL, record->words[0]);
        if (steps[i].run(record->words)) fail(record->words[0], errno, record->count > 1 ? record->words[1] : "");
    }
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

static void child(int go, int output, int errors) __attribute__((noreturn));
static void child(int go, int output, int errors)
{
    char released;
    while (read(go, &released, 1) != 1) if (errno != EINTR) _exit(70); /* the owner is gone before we began */
    int input = open("/dev/null", O_RDWR | O_CLOEXEC);
    setsid();
    for (int i = 0; i < record_count; i++) carry_out(&records[i]);
    char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    struct record *argv = find("argv", 2), *environment = find("environment", 1);
    for (int i = 1; i < environment->count; i++) {
        if (!strncmp(environment->words[i], "PATH=", 5)) path = environment->words[i] + 5;
    }
    /* The words of a record are followed by those of the next: an end is made by moving them down over the name. */
    memmove(argv->words, argv->words + 1, sizeof(char *) * (size_t)(argv->count - 1));
    argv->words[argv->count - 1] = NULL;
    memmove(environment->words, environment->words + 1, sizeof(char *) * (size_t)(environment->count - 1));
    environment->words[environment->count - 1] = NULL;
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) fail("descriptors", errno, "dup2");
    int kept = fcntl(report, F_DUPFD_CLOEXEC, 3);
    if (kept != 3 && dup3(report, 3, O_CLOEXEC) < 0) fail("descriptors", errno, "dup3");
    report = 3;
    syscall(SYS_close_range, 4, ~0U, 0);
    reset_signals();
    fail("exec", execute(argv->words, environment->words, path), argv->words[0]);
}

/* ---- the log: Docker's json-file, byte for byte -------------------------------------------------------------------------------------- */

struct stream { const char *name; int pipe, copy; char line[PARTIAL]; int length; bool in_partial; char stamp[40]; };

static struct stream streams[2] = { { .name = "stdout", .copy = -1 }, { .name = "stderr", .copy = -1 } };
static struct { int directory, file; const char *name, *attributes; long long size, max_size; int max_file; } journal = { .file = -1 };
static char out[OUT];
static size_t out_length;

/* RFC 3339 with nanoseconds and no trailing zeros, as Go prints it. Lines that were read together share their time. */
static void stamp(char *into)
{
    static time_t shown;
    static char seconds[24];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != shown) {
        struct tm parts;
        strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &parts));
        shown = now.tv_sec;
    }
    int length = sprintf(into, "%s.%09ld", seconds, now.tv_nsec);
    while (into[length - 1] == '0') length--;
    if (into[length - 1] == '.') length--;
    strcpy(into + length, "Z");
}

/* Length of the valid UTF-8 sequence here, or 0. */
static int sequence(const unsigned char *p, size_t left)
{
    static const unsigned char first_min[] = { 0xc2, 0xe0, 0xf0, 0xf5 };
    int length = *p < first_min[0] ? 0 : *p < first_min[1] ? 2 : *p < first_min[2] ? 3 : *p < first_min[3] ? 4 : 0;
    if (!length || (size_t)length > left) return 0;
    for (int i = 1; i < length; i++) if ((p[i] & 0xc0) != 0x80) return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f)) return 0;
    return length;
}

static char *escape(char *to, const unsigned char *p, size_t left)
{
    static const char hex[] = "0123456789abcdef";
    while (left) {
        size_t plain = 0;
        while (plain < left && p[plain] >= ' ' && p[plain] < 0x80 && p[plain] != '"' && p[plain] != '\\' && p[plain] != '<' &&
               p[plain] != '>' && p[plain] != '&') plain++;
        to = (char *)memcpy(to, p, plain) + plain;
        p += plain;
        left -= plain;
        if (!left) break;
        int length = 1;
        if (*p >= 0x80) {
            length = sequence(p, left);
            bool separator = length == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9);
            if (!length) { to = stpcpy(to, "\\ufffd"); length = 1; }
            else if (separator) to = stpcpy(to, p[2] == 0xa8 ? "\\u2028" : "\\u2029");
            else to = (char *)memcpy(to, p, (size_t)length) + length;
        } else if (*p == '"' || *p == '\\' || *p == '\n' || *p == '\r') {
            *to++ = '\\';
            *to++ = *p == '\n' ? 'n' : *p == '\r' ? 'r' : (char)*p;
        } else {
            to = stpcpy(to, "\\u00");
            *to++ = hex[*p >> 4];
            *to++ = hex[*p & 15];
        }
        p += length;
        left -= (size_t)length;
    }
    return to;
}

/* Write all of it. A full disk is waited out with the pipes unread: back-pressure, not loss. */
static void put(int file, const char *from, size_t length)
{
    bool told = false;
    while (length) {
        ssize_t done = write(file, from, length);
        if (done >= 0) { from += done; length -= (size_t)done; continue; }
        if (errno == EINTR) continue;
        if (errno == EAGAIN) { poll(&(struct pollfd){ file, POLLOUT, 0 }, 1, -1); continue; }
        if (errno != ENOSPC && errno != EDQUOT) { tell("log-error %d the output goes on unrecorded\n", errno); return; }
        if (!told) tell("log-full %d waiting for space\n", errno);
        told = true;
        poll(NULL, 0, RETRY_MS);
    }
}

static void flush(void)
{
    if (!out_length) return;
    put(journal.file, out, out_length);
    journal.size += (long long)out_length;
    out_length = 0;
}

static void open_journal(int flags)
{
    journal.file = openat(journal.directory, journal.name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | flags, 0640);
    if (journal.file < 0) { tell("log-error %d %.200s\n", errno, journal.name); return; }
    struct stat now;
    journal.size = fstat(journal.file, &now) ? 0 : now.st_size;
}

/* file → file.1 → … → file.(N-1), compressed ones too; with one file it begins anew. Compressing is the owner's work. */
static void rotate(void)
{
    char from[300], to[300];
    flush();
    close(journal.file);
    for (int i = journal.max_file - 1; i > 0; i--) {
        for (int packed = 0; packed < 2; packed++) {
            const char *ending = packed ? ".gz" : "";
            snprintf(to, sizeof to, "%.240s.%d%s", journal.name, i, ending);
            unlinkat(journal.directory, to, 0);
            snprintf(from, sizeof from, i > 1 ? "%.240s.%d%s" : "%.240s", journal.name, i - 1, ending);
            if (i > 1 || !packed) renameat(journal.directory, from, journal.directory, to);
        }
    }
    if (journal.max_file == 1) unlinkat(journal.directory, journal.name, 0);
    open_journal(O_TRUNC);
    tell("log-rotated %.240s\n", journal.name);
}

/* One record: rotation is decided before it, so that a file may exceed the limit by one and none is ever split. */
static void record_line(struct stream *stream, const char *line, int length, bool whole)
{
    if (journal.file < 0) return;
    if (journal.max_size > 0 && journal.size + (long long)out_length >= journal.max_size) rotate();
    if (OUT - out_length < (size_t)length * 6 + 4096 + strlen(journal.attributes)) flush();
    if (!stream->in_partial) stamp(stream->stamp);
    char *to = stpcpy(out + out_length, "{\"log\":\"");
    to = escape(to, (const unsigned char *)line, (size_t)length);
    to = stpcpy(stpcpy(stpcpy(to, whole ? "\\n\",\"stream\":\"" : "\",\"stream\":\""), stream->name), "\",");
    if (*journal.attributes) to = stpcpy(stpcpy(stpcpy(to, "\"attrs\":"), journal.attributes), ",");
    to = stpcpy(stpcpy(stpcpy(to, "\"time\":\""), stream->stamp), "\"}\n");
    out_length = (size_t)(to - out);
    stream->in_partial = !whole;
}

/* Cut what was read into lines, and lines into parts of 16 KiB, whatever the sizes in which it was read. */
static void take(struct stream *stream, const char *from, size_t left)
{
    while (left) {
        size_t room = (size_t)(PARTIAL - stream->length), span = left < room ? left : room;
        const char *end = memchr(from, '\n', span);
        size_t length = end ? (size_t)(end - from) : span;
        if (end && !stream->length) {
            record_line(stream, from, (int)length, true);
        } else {
            memcpy(stream->line + stream->length, from, length);
            stream->length += (int)length;
            if (end || stream->length == PARTIAL) {
                record_line(stream, stream->line, stream->length, end != NULL);
                stream->length = 0;
            }
        }
        from += length + (end != NULL);
        left -= length + (end != NULL);
    }
}

/* One read; true at the end of the stream. */
static bool pump(struct stream *stream)
{
    static char buffer[READ];
    ssize_t got = read(stream->pipe, buffer, sizeof buffer);
    if (got < 0) return errno != EINTR && errno != EAGAIN;
    if (stream->copy >= 0) put(stream->copy, buffer, (size_t)got);
    if (got > 0) take(stream, buffer, (size_t)got);
    else if (stream->length) record_line(stream, stream->line, stream->length, false);
    flush();
    return got == 0;
}

/* ---- the life of the instance --------------------------------------------------------------------------------------------------------- */

static double seconds_of(struct timespec time) { return (double)time.tv_sec + (double)time.tv_nsec / 1e9; }

static double clock_now(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return seconds_of(now);
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
static void keep_exit(int directory, int status, double started)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    int killed = WIFSIGNALED(status) ? WTERMSIG(status) : 0, code = killed ? 128 + killed : WEXITSTATUS(status);
    char line[512];
    snprintf(line, sizeof line,
             "{\"version\":1,\"code\":%d,\"signal\":%d,\"oom_kills\":%ld,\"started\":%.6f,\"ended\":%.6f,\"monotonic\":%.6f,"
             "\"user_seconds\":%ld.%06ld,\"system_seconds\":%ld.%06ld,\"max_resident_kb\":%ld}\n",
             code, killed, oom_kills(), started, clock_now(CLOCK_REALTIME), clock_now(CLOCK_MONOTONIC), (long)used.ru_utime.tv_sec,
             (long)used.ru_utime.tv_usec, (long)used.ru_stime.tv_sec, (long)used.ru_stime.tv_usec, used.ru_maxrss);
    int file = directory < 0 ? -1 : openat(directory, "exit.part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (file >= 0) {
        put(file, line, strlen(line));
        fsync(file);
        close(file);
    }
    bool kept = directory < 0 || (file >= 0 && !renameat(directory, "exit.part", directory, "exit"));
    if (!kept) tell("record-error %d exit\n", errno);
    tell("exited %s", line);
}

static int pid_of_child;

/* A copy of this process in new namespaces: fork(2) with clone(2)'s flags. */
static int start_child(int output, int errors, int status)
{
    int go[2];
    unsigned long flags = strtoul(value("namespaces", "0"), NULL, 0);
    if (pipe2(go, O_CLOEXEC)) fail("pipe", errno, "go");
    pid_of_child = (int)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0UL);
    if (pid_of_child < 0) fail("clone", errno, "namespaces");
    if (!pid_of_child) {
        close(go[1]);
        report = status;
        child(go[0], output, errors);
    }
    close(go[0]);
    return go[1];
}

/* Before the child runs: its user and group maps, then its cgroups, so that nothing it forks is ever outside them. */
static void place_child(void)
{
    char path[64], pid[16];
    snprintf(pid, sizeof pid, "%d", pid_of_child);
    for (int i = 0; i < record_count; i++) {
        char **w = records[i].words;
        bool map = !strcmp(*w, "map"), cgroup = !strcmp(*w, "cgroup");
        if (records[i].count < (map ? 3 : 2) || (!map && !cgroup)) continue;
        if (map) snprintf(path, sizeof path, "/proc/%d/%.32s", pid_of_child, w[1]);
        if (!write_text(map ? path : w[1], map ? w[2] : pid, 0, 0)) continue;
        int error = errno;
        kill(pid_of_child, SIGKILL);
        fail(*w, error, w[1]);
    }
}

static void open_log(void)
{
    struct record *log = find("log", 5); /* directory, name, max-size, max-file[, attributes] */
    if (!log) return;
    journal.name = log->words[2];
    journal.max_size = strtoll(log->words[3], NULL, 10);
    journal.max_file = (int)number(log->words[4]);
    journal.attributes = log->count > 5 ? log->words[5] : "";
    if (journal.max_file < 1 || strlen(journal.name) > 240 || strlen(journal.attributes) > 32 * 1024) fail("log", EINVAL, journal.name);
    journal.directory = open(log->words[1], O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (journal.directory < 0) fail("log", errno, log->words[1]);
    open_journal(0);
    if (journal.file < 0) fail("log", errno, journal.name);
}

/* Until the instance has ended and its log is complete. Nothing wakes this up but an event. */
static void attend(int signals, int owner, bool stay, int directory, double started)
{
    struct pollfd wait[4] = { { streams[0].pipe, POLLIN, 0 }, { streams[1].pipe, POLLIN, 0 }, { signals, POLLIN, 0 },
                              { stay ? -1 : owner, POLLIN, 0 } };
    while (wait[0].fd >= 0 || wait[1].fd >= 0 || wait[2].fd >= 0) {
        if (poll(wait, 4, -1) < 0) continue;
        for (int i = 0; i < 2; i++) {
            if (wait[i].revents && pump(&streams[i])) { tell("output-ended %s\n", streams[i].name); wait[i].fd = -1; }
        }
        if (wait[2].revents) {
            struct signalfd_siginfo caught;
            int status;
            if (read(signals, &caught, sizeof caught) > 0 && waitpid(pid_of_child, &status, WNOHANG) == pid_of_child) {
                keep_exit(directory, status, started);
                wait[2].fd = -1;
            }
        }
        if (wait[3].revents && wait[3].fd >= 0) { /* its end: nobody will ask about this instance any more */
            char ignored[64];
            if (read(owner, ignored, sizeof ignored) > 0) continue;
            if (wait[2].fd >= 0) kill(pid_of_child, SIGKILL);
            wait[3].fd = -1;
        }
    }
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
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL); /* SIGPIPE too: a reader that went away gives EPIPE */
    signal(SIGCHLD, SIG_DFL);             /* inherited as ignored, it would take the exit status away */
    report = (int)number(argv[2]);
    fcntl(report, F_SETFD, FD_CLOEXEC);
    read_description((int)number(argv[1]));
    struct record *owner = find("owner", 3);
    if (!find("argv", 2) || !find("environment", 1)) fail("description", EINVAL, "argv and environment are needed");
    int directory = -1, out_pipe[2], error_pipe[2], status[2];
    if (find("state", 2) && (directory = open(value("state", ""), O_DIRECTORY | O_RDONLY | O_CLOEXEC)) < 0) fail("state", errno, value("state", ""));
    open_log();
    if (pipe2(out_pipe, O_CLOEXEC) || pipe2(error_pipe, O_CLOEXEC) || pipe2(status, O_CLOEXEC)) fail("pipe", errno, "output");
    int go = start_child(out_pipe[1], error_pipe[1], status[1]);
    close(out_pipe[1]), close(error_pipe[1]), close(status[1]);
    streams[0].pipe = out_pipe[0], streams[1].pipe = error_pipe[0];
    if (find("copy", 3)) streams[0].copy = (int)number(find("copy", 3)->words[1]), streams[1].copy = (int)number(find("copy", 3)->words[2]);
    place_child();
    double started = clock_now(CLOCK_REALTIME);
    if (write(go, "", 1) != 1) fail("release", errno, "");
    char error[1024];
    ssize_t length;
    while ((length = read(status[0], error, sizeof error - 1)) < 0 && errno == EINTR) continue;
    if (length > 0) {
        error[length] = 0;
        tell("%s", error);
        waitpid(pid_of_child, NULL, 0);
        return 70;
    }
    tell("started %d %.6f\n", pid_of_child, clock_now(CLOCK_MONOTONIC));
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    attend(signalfd(-1, &children, SFD_CLOEXEC), owner ? (int)number(owner->words[1]) : -1, !owner || !strcmp(owner->words[2], "stay"), directory, started);
    for (int i = 0; i < record_count; i++) if (!strcmp(records[i].words[0], "remove") && records[i].count > 1) rmdir(records[i].words[1]);
    tell("done\n");
    return 0;
}
