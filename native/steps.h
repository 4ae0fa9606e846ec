/*
 * The set-up steps of seatrial-shim: what the child does between clone(2) and execve(2), in the order of the description. Each takes the
 * words of its record and returns 0, or -1 with errno; it must not leave a step half done and say that it went well.
 */
#ifndef STEPS_H
#define STEPS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static long number(const char *word); /* the program's: a whole word as a number, or the end with an error */

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

#endif
