/*
 * A child that speaks: "ready PID PPID PGRP SID" first, then every signal that it gets, by number. It takes signals with
 * sigwaitinfo(2), so that none is missed between two of its steps.
 *
 *   speaker [SIGNAL=CODE]...   ends with CODE at SIGNAL (default: only SIGKILL ends it, or 90 s of silence)
 *   speaker orphans N          leaves N orphans that end at once, then goes on as above
 *   speaker early              says nothing: waits for SIGTERM and ends with 42 (a stop that came before ends it with 143)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void leave_orphans(int count) {
    if (fork() == 0) {
        for (; count; count--)
            if (fork() == 0) _exit(0);
        _exit(0);
    }
    wait(NULL);
}

int main(int argc, char **argv) {
    int ends[65], number, early = argc > 1 && !strcmp(argv[1], "early");
    sigset_t all;
    memset(ends, -1, sizeof ends);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    if (early) {
        sigemptyset(&all);
        sigaddset(&all, SIGTERM);
        return sigwaitinfo(&all, NULL) == SIGTERM ? 42 : 1;
    }
    if (argc > 2 && !strcmp(argv[1], "orphans")) leave_orphans(atoi(argv[2]));
    for (int at = 1; at < argc; at++)
        if (strchr(argv[at], '=')) ends[atoi(argv[at])] = atoi(strchr(argv[at], '=') + 1);
    printf("ready %d %d %d %d\n", getpid(), getppid(), getpgrp(), getsid(0));
    for (;;) {
        fflush(stdout);
        number = sigtimedwait(&all, NULL, &(struct timespec){90, 0});
        if (number < 0 && errno == EAGAIN) return 1; /* forgotten by its test */
        if (number <= 0) continue;
        printf("%d\n", number);
        if (ends[number] >= 0) {
            fflush(stdout);
            return ends[number];
        }
    }
}
