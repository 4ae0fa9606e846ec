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
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static long number(const char *word); /* the program's: a whole word as a number, or the end with an error */
static int report;                    /* the program's: the pipe to the parent of this process */

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
static int step_unshare(char **w) { return unshare((int)number(w[1])); }
static int step_terminal(char **w) { return ioctl((int)number(w[1]), TIOCSCTTY, 0); } /* the child leads a session that has none yet */
static int step_own(char **w) { return lchown(w[1], (uid_t)number(w[2]), (gid_t)number(w[3])); }
static int step_mode(char **w) { return chmod(w[1], (mode_t)number(w[2])); }

/* With the directories above it, as mkdir -p: those that are there stay as they are. */
static int step_directory(char **w)
{
    for (char *slash = strchr(w[1] + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(w[1], 0755);
        *slash = '/';
    }
    return mkdir(w[1], (mode_t)number(w[2])) && errno != EEXIST ? -1 : 0;
}

static int step_unlink(char **w) { return unlink(w[1]) && errno != ENOENT ? -1 : 0; }

static int step_install(char **w)
{
    int from = open(w[1], O_RDONLY | O_CLOEXEC), to = from < 0 ? -1 : open(w[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t put = to < 0 ? -1 : 1;
    while (put > 0) put = sendfile(to, from, NULL, 1 << 30);
    if (!put) put = fchmod(to, (mode_t)number(w[3]));
    int error = errno;
    if (from >= 0) close(from);
    if (to >= 0) put |= close(to);
    errno = error;
    return (int)put;
}

static int step_node(char **w)
{
    return mknod(w[1], (mode_t)number(w[2]), makedev((unsigned)number(w[3]), (unsigned)number(w[4])));
}

/* Read-only, with all that is mounted below (`all`) or this mount alone; by remounting where the kernel is older than 5.12. */
static int step_read_only(char **w)
{
    struct { uint64_t set, clear, propagation, user; } attributes = { 1 /* MOUNT_ATTR_RDONLY */, 0, 0, 0 };
    struct statvfs now;
    unsigned below = strcmp(w[2], "all") ? 0 : 0x8000 /* AT_RECURSIVE */;
    if (!syscall(442 /* mount_setattr */, AT_FDCWD, w[1], below, &attributes, sizeof attributes)) return 0;
    if (statvfs(w[1], &now)) return -1;
    return mount("none", w[1], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | (now.f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)), NULL);
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

/* Where the hard limit is above what this user may have: as much as that. */
static int step_limit(char **w)
{
    struct rlimit limit = { (rlim_t)number(w[2]), (rlim_t)number(w[3]) }, most;
    unsigned which = (unsigned)number(w[1]);
    if (!setrlimit(which, &limit)) return 0;
    if (errno != EPERM || getrlimit(which, &most)) return -1;
    if (limit.rlim_cur > most.rlim_max) limit.rlim_cur = most.rlim_max;
    if (limit.rlim_max > most.rlim_max) limit.rlim_max = most.rlim_max;
    return setrlimit(which, &limit);
}

static int step_groups(char **w)
{
    gid_t groups[256];
    int count = 0;
    for (char *one = strtok(w[1], ","); one; one = strtok(NULL, ",")) {
        if (count == 256) { errno = E2BIG; return -1; }
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
    unsigned long kept = (unsigned long)number(w[1]);
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        if (!(kept >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)) return -1;
    }
    return 0;
}

/* Those of the mask that this process has. */
static int step_capabilities(char **w)
{
    struct { uint32_t effective, permitted, inheritable; } data[2]; /* version 3: low and high words */
    struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
    unsigned long mask = (unsigned long)number(w[1]);
    if (syscall(SYS_capget, &header, data)) return -1;
    for (int half = 0; half < 2; half++) {
        data[half].permitted &= (uint32_t)(mask >> 32 * half);
        data[half].effective = data[half].permitted;
        data[half].inheritable = 0;
    }
    return (int)syscall(SYS_capset, &header, data);
}

/* The kernel forgets this when the user changes, so it stands after that. A parent that died before is seen by the pipe to it. */
static int step_parent_death(char **w)
{
    if (prctl(PR_SET_PDEATHSIG, number(w[1]), 0, 0, 0)) return -1;
    if (poll(&(struct pollfd){ report, 0, 0 }, 1, 0) > 0) _exit(70);
    return 0;
}

enum { GIVEN_MAX = 16 };

/* What the command has open: its input and outputs, what it was given from 3 on, and until execve the report. */
static int settle_descriptors(int input, const int ends[2])
{
    int kept[GIVEN_MAX + 4] = { input, ends[0], ends[1] }, count = 3;
    for (char **each = find("given"); each && *++each;) {
        if (count == GIVEN_MAX + 3) { errno = E2BIG; return -1; }
        kept[count++] = (int)number(*each);
    }
    kept[count++] = report;
    for (int i = 0; i < count; i++) if ((kept[i] = fcntl(kept[i], F_DUPFD_CLOEXEC, count)) < 0) return -1;
    for (int i = 0; i < count; i++) if (dup3(kept[i], i, i == count - 1 ? O_CLOEXEC : 0) < 0) return -1;
    report = count - 1;
    return (int)syscall(SYS_close_range, count, ~0U, 0) && errno != ENOSYS ? -1 : 0;
}

#endif
