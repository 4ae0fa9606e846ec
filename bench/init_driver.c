/*
 * What bench/init.py and the tests measure with: starts inits without a shell or an interpreter in between, by the monotonic clock.
 *
 *   start RUNS , COMMAND… , COMMAND…     microseconds from start to end of each command in turn, a line a round
 *   latency RUNS COMMAND…                microseconds from kill(2) to the receiver that runs as `init_driver receive`
 *   early RUNS MICROSECONDS HOW COMMAND… a SIGTERM at a random moment of the first MICROSECONDS. HOW: pid1 or plain, then + held (all
 *                                        signals blocked from before the exec), + open (sent when the exec is over) or + child (when
 *                                        the init has a child: before its first instruction the kernel drops what is sent to PID 1
 *                                        and not blocked, whatever the init does). Prints honoured, lost and failed tries. COMMAND should be an init with `init_driver obey`.
 *   receive FD | obey | orphans N        what the commands above run under the init
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void block_all(int how) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(how, &all, NULL);
}

static int start(int rounds, char **commands) {
    char **each[64] = {0};
    int count = 0;
    for (; *commands; commands++)
        if (!strcmp(*commands, ",")) *commands = NULL, each[count++] = commands + 1;
    for (int round = 0; round < rounds; round++) {
        for (int at = 0; at < count; at++) {
            double begin = now();
            pid_t pid = vfork();
            if (pid == 0) execv(each[at][0], each[at]), _exit(99);
            int status;
            waitpid(pid, &status, 0);
            if (status) return fprintf(stderr, "%s: status %d\n", each[at][0], status), 1;
            printf("%.1f ", now() - begin);
        }
        printf("\n");
    }
    return 0;
}

static int receive(int descriptor) {
    sigset_t wanted;
    double zero = 0;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    if (write(descriptor, &zero, sizeof zero) != sizeof zero) return 1;
    for (;;) {
        if (sigwaitinfo(&wanted, NULL) != SIGUSR1) continue;
        double at = now();
        if (write(descriptor, &at, sizeof at) != sizeof at) return 1;
    }
}

static int latency(int rounds, char **command) {
    int ends[2];
    double at, begin;
    if (pipe(ends)) return 1;
    dup2(ends[1], 50);
    pid_t pid = fork();
    if (pid == 0) execv(command[0], command), _exit(99);
    if (read(ends[0], &at, sizeof at) != sizeof at) return 1;
    for (int round = 0; round < rounds; round++) {
        usleep(500);
        begin = now();
        kill(pid, SIGUSR1);
        if (read(ends[0], &at, sizeof at) != sizeof at) return 1;
        printf("%.1f\n", at - begin);
    }
    kill(pid, SIGTERM);
    usleep(20000);
    kill(pid, SIGKILL);
    return 0;
}

/* In case a command hangs: its whole namespace or group ends, and the try counts as lost. */
static int ends_in_time(pid_t pid, int *status) {
    struct pollfd end = {(int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
    int timely = poll(&end, 1, 2000) == 1;
    close(end.fd);
    if (!timely) kill(-pid, SIGKILL), kill(pid, SIGKILL);
    waitpid(pid, status, 0);
    return timely;
}

static void wait_for_a_child(pid_t pid) {
    char path[64], byte;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    for (int seen = 0; !seen && kill(pid, 0) == 0;) {
        int file = open(path, O_RDONLY | O_CLOEXEC);
        seen = file < 0 || read(file, &byte, 1) == 1;
        close(file);
    }
}

static int early(int rounds, int within, const char *how, char **command) {
    int honoured = 0, lost = 0, failed = 0, flags = strstr(how, "pid1") ? CLONE_NEWPID : 0, held = strstr(how, "held") != NULL;
    srandom((unsigned)time(NULL) ^ (unsigned)getpid());
    for (int round = 0; round < rounds; round++) {
        int ends[2], status = 0;
        char end;
        if (pipe2(ends, O_CLOEXEC)) return 1;
        if (held) block_all(SIG_BLOCK);
        pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
        if (pid < 0) return perror("clone"), 1;
        if (pid == 0) {
            setpgid(0, 0);
            execv(command[0], command);
            _exit(99);
        }
        if (held) block_all(SIG_UNBLOCK);
        close(ends[1]);
        if (!held && read(ends[0], &end, 1) != 0) return 1; /* its end says that the exec is over */
        close(ends[0]);
        if (strstr(how, "child")) wait_for_a_child(pid);
        for (double until = now() + (double)(random() % within); now() < until;) continue;
        kill(pid, SIGTERM);
        if (!ends_in_time(pid, &status)) lost++;
        else if (WIFSIGNALED(status) || WEXITSTATUS(status) == 143 || WEXITSTATUS(status) == 42) honoured++;
        else failed++, fprintf(stderr, "ended with %d\n", WEXITSTATUS(status));
    }
    printf("%d honoured, %d lost, %d failed\n", honoured, lost, failed);
    return lost || failed;
}

/* Takes SIGTERM however it was left to us: dies of it while it has no handler, waits for it afterwards. */
static int obey(void) {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    block_all(SIG_BLOCK);
    return sigwaitinfo(&wanted, NULL) == SIGTERM ? 42 : 1;
}

static int orphans(int count) {
    pid_t *pids = mmap(NULL, (size_t)count * sizeof *pids, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double begin = now();
    for (int at = 0; at < count; at++) {
        pid_t middle = fork();
        if (middle == 0) {
            pid_t orphan = fork();
            if (orphan) pids[at] = orphan;
            _exit(0);
        }
        waitpid(middle, NULL, 0);
    }
    for (int at = 0; at < count; at++)
        while (pids[at] > 0 && kill(pids[at], 0) == 0) sched_yield();
    printf("%.0f\n", count / (now() - begin) * 1e6);
    return 0;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    if (argc > 3 && !strcmp(argv[1], "start")) return start(atoi(argv[2]), argv + 3);
    if (argc > 3 && !strcmp(argv[1], "latency")) return latency(atoi(argv[2]), argv + 3);
    if (argc > 5 && !strcmp(argv[1], "early")) return early(atoi(argv[2]), atoi(argv[3]), argv[4], argv + 5);
    if (argc > 2 && !strcmp(argv[1], "receive")) return receive(atoi(argv[2]));
    if (argc > 1 && !strcmp(argv[1], "obey")) return obey();
    if (argc > 2 && !strcmp(argv[1], "orphans")) return orphans(atoi(argv[2]));
    return fprintf(stderr, "usage: see the head of init_driver.c\n"), 2;
}
