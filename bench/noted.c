/* A service that notes when it begins and when it ends: `noted FILE MILLISECONDS`. It ends with 1. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void note(int file, char what)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    dprintf(file, "%c %ld.%09ld\n", what, (long)now.tv_sec, now.tv_nsec);
}

int main(int argc, char **argv)
{
    int file = argc == 3 ? open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0644) : -1;
    if (file < 0) return 2;
    long rest = atol(argv[2]);
    note(file, 'b');
    nanosleep(&(struct timespec){ rest / 1000, rest % 1000 * 1000000 }, NULL);
    note(file, 'e');
    return 1;
}
