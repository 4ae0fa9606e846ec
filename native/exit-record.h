/*
 * The exit record of seatrial-shim: how the instance ended, one line of JSON in the file `exit` of a directory. A reader sees all of it or
 * nothing. It must never be lost where the disk is full.
 */
#ifndef EXIT_RECORD_H
#define EXIT_RECORD_H

#include "description.h"
#include "json-file.h"
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

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

enum { EXIT_MAX = 512 };

/* The place for the exit record, so that it can be written on a disk that is full by then: it is told at once how the instance ended. */
static void reserve_exit(int state)
{
    char blank[EXIT_MAX];
    int file = openat(state, "exit.part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (file < 0) return;
    memset(blank, ' ', sizeof blank);
    if (write(file, blank, sizeof blank) < 0) unlinkat(state, "exit.part", 0);
    close(file);
}

/* The exit record: written beside and renamed, so that a reader sees all of it or nothing. */
static void keep_exit(int state, double started, int status)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    int killed = WIFSIGNALED(status) ? WTERMSIG(status) : 0, code = killed ? 128 + killed : WEXITSTATUS(status);
    char line[EXIT_MAX];
    snprintf(line, sizeof line,
             "{\"version\":1,\"code\":%d,\"signal\":%d,\"oom_kills\":%ld,\"started\":%.6f,\"ended\":%.6f,\"monotonic\":%.6f,"
             "\"user_seconds\":%ld.%06ld,\"system_seconds\":%ld.%06ld,\"max_resident_kb\":%ld}\n",
             code, killed, oom_kills(), started, clock_now(CLOCK_REALTIME), clock_now(CLOCK_MONOTONIC), (long)used.ru_utime.tv_sec,
             (long)used.ru_utime.tv_usec, (long)used.ru_stime.tv_sec, (long)used.ru_stime.tv_usec, used.ru_maxrss);
    if (state >= 0) {
        int file = openat(state, "exit.part", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        bool is_kept = file >= 0 && put(file, line, strlen(line)) && !ftruncate(file, (off_t)strlen(line));
        if (file >= 0) { fsync(file); close(file); }
        if (!is_kept || renameat(state, "exit.part", state, "exit")) tell("record-error %d exit\n", errno);
    }
    tell("exited %s", line);
}

#endif
