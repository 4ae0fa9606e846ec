/*
 * Which connections of this network namespace wait for an answer, as the kernel tells by NETLINK_SOCK_DIAG and TCP_INFO: no privilege is
 * needed, nothing is attached to the program, and nothing is changed. Only connections that came in are looked at: to a port on which
 * somebody listens, or to the ports that were named. Used by --drain of seatrial-init; without it none of this memory is touched.
 */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include "freestanding.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

static struct {
    unsigned long listening[65536 / 64];
    long busy;
    bool ports_given;
} connections;
enum { SETTLE_MS = 250, TIE_MS = 5000 };
enum { TCP_ESTABLISHED_STATE = 1, TCP_CLOSE_WAIT_STATE = 8, TCP_LISTEN_STATE = 10 };

/*
 * Busy is a connection with unread or unsent bytes, one that sent something a moment ago, or one whose last bytes came in after its last
 * bytes went out. The kernel's ages are in ticks of some milliseconds, so a tie is busy, unless an acknowledgement came in later still; or
 * for five seconds: a quick answer on a quick network ties for ever, and an idle connection must not use up the whole time.
 */
static bool is_busy(const struct inet_diag_msg *socket, const struct tcp_info *info) {
    if (socket->idiag_rqueue || socket->idiag_wqueue || !info) return true;
    if (!info->tcpi_bytes_received) return false;
    if (info->tcpi_last_data_sent < SETTLE_MS || info->tcpi_last_data_recv < info->tcpi_last_data_sent) return true;
    if (info->tcpi_last_data_recv > info->tcpi_last_data_sent || info->tcpi_last_data_recv > TIE_MS) return false;
    return info->tcpi_last_ack_recv >= info->tcpi_last_data_recv;
}

static void see_socket(const struct nlmsghdr *header) {
    const struct inet_diag_msg *socket = (const void *)(header + 1);
    unsigned port = (unsigned)__builtin_bswap16(socket->id.idiag_sport);
    unsigned long bit = 1UL << (port & 63), *word = &connections.listening[port >> 6];
    const struct tcp_info *info = NULL;
    if (socket->idiag_state == TCP_LISTEN_STATE) {
        if (!connections.ports_given) *word |= bit;
        return;
    }
    const char *at = (const char *)(socket + 1), *end = (const char *)header + header->nlmsg_len;
    while (at + sizeof(struct nlattr) <= end) {
        const struct nlattr *attribute = (const void *)at;
        if (attribute->nla_len < sizeof *attribute) break;
        if (attribute->nla_type == INET_DIAG_INFO && attribute->nla_len >= sizeof *attribute + offsetof(struct tcp_info, tcpi_segs_out))
            info = (const void *)(attribute + 1);
        at += (attribute->nla_len + 3U) & ~3U;
    }
    if (*word & bit && is_busy(socket, info)) connections.busy++;
}

/* One dump of the sockets of a family in the given states; 0 or a negative errno. */
static long dump_sockets(long netlink, int family, unsigned states) {
    static char buffer[16384] __attribute__((aligned(8)));
    struct { struct nlmsghdr header; struct inet_diag_req_v2 body; } request = {
        {sizeof request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 0, 0},
        {.sdiag_family = (unsigned char)family, .sdiag_protocol = 6 /* TCP */, .idiag_ext = 1 << (INET_DIAG_INFO - 1), .idiag_states = states}};
    long length = SYSCALL(sendto, netlink, &request, sizeof request);
    while (length >= 0) {
        length = SYSCALL(recvfrom, netlink, buffer, sizeof buffer, 0x40 /* MSG_DONTWAIT */);
        const char *at = buffer, *end = buffer + length;
        while (length > 0 && at + sizeof(struct nlmsghdr) <= end) {
            const struct nlmsghdr *header = (const void *)at;
            if (header->nlmsg_type == NLMSG_DONE) return 0;
            if (header->nlmsg_type == NLMSG_ERROR) return *(const int *)(header + 1);
            if (header->nlmsg_len < sizeof *header) return -EINVAL;
            see_socket(header);
            at += (header->nlmsg_len + 3U) & ~3U;
        }
        if (!length) return -EINVAL;
    }
    return length;
}

/* How many connections that came in to this network namespace wait for an answer, or a negative errno. */
static long count_busy_connections(void) {
    long netlink = SYSCALL(socket, 16 /* AF_NETLINK */, 2 /* SOCK_DGRAM */ | O_CLOEXEC, NETLINK_SOCK_DIAG), error = netlink < 0 ? netlink : 0;
    connections.busy = 0;
    for (int step = 0; step < 4 && error == 0; step++) {
        unsigned states = step < 2 ? 1U << TCP_LISTEN_STATE : 1U << TCP_ESTABLISHED_STATE | 1U << TCP_CLOSE_WAIT_STATE;
        error = dump_sockets(netlink, step & 1 ? 10 /* AF_INET6 */ : 2 /* AF_INET */, states);
        if (error == -ENOENT && step & 1) error = 0; /* a kernel without IPv6 */
    }
    if (netlink >= 0) SYSCALL(close, netlink);
    return error ? error : connections.busy;
}

/* From now on only ports named so count. */
static void watch_port(unsigned port) {
    connections.listening[port >> 6] |= 1UL << (port & 63);
    connections.ports_given = true;
}

#endif
