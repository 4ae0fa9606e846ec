/*
 * seatrial-probe: a health check for images that have no curl. Exits with 0 (healthy) or 1 (not), never with anything else: Docker
 * reserves 2. One line on standard output says what was seen and how long it took.
 *
 * One deadline holds for everything: connecting, sending, every byte of the answer, the command. Nothing is kept of an answer but a window
 * that is wide enough to find --contains in, so an endless one costs no memory. It must never speak TLS: that needs a library and
 * certificates, and a health check on the loopback needs neither.
 */
#include "freestanding.h"
#include <asm/poll.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/un.h>

enum { STATUSES = 600, WINDOW = 8192, LARGEST = 16 << 20, MAX_HEADERS = 32 };

static struct {
    long timeout;
    const char *contains, *method;
    const char *headers[MAX_HEADERS];
    size_t header_count;
    bool status[STATUSES], status_given, quiet, help, version;
} option = {.timeout = 5000, .method = "GET"};

static struct {
    long begin, deadline;
    char **environment, **command;
    char window[WINDOW];
    size_t held, seen;                /* bytes in the window; bytes of the answer so far */
} probe;

union address { struct sockaddr_in v4; struct sockaddr_in6 v6; struct sockaddr_un local; };
struct target { const char *scheme, *host, *path; size_t host_length; long port; };

/* One line: verdict, what, time. Line breaks in what a peer sent do not make two of it. */
__attribute__((noreturn)) static void verdict(bool healthy, const char *format, ...) {
    static struct text line;
    va_list arguments;
    put_format(&line, healthy ? "healthy: " : "unhealthy: ");
    va_start(arguments, format);
    put_format_list(&line, format, arguments);
    va_end(arguments);
    for (size_t at = 0; at < line.length; at++)
        if (line.bytes[at] < ' ' || line.bytes[at] > '~') line.bytes[at] = '?';
    put_format(&line, " in %ts\n", now_ms() - probe.begin);
    if (!option.quiet) write_all(1, line.bytes, line.length);
    leave(healthy ? 0 : 1);
}

__attribute__((noreturn)) static void refuse(const char *what, const char *detail) {
    static struct text line;
    put_format(&line, "seatrial-probe: %s%s\nhint: seatrial-probe --help\n", what, detail);
    write_all(2, line.bytes, line.length);
    leave(1);
}

/* Sleeps until the descriptor is ready; the end of the time is the end of the probe. */
static void wait_ready(long descriptor, short events, const char *doing) {
    struct pollfd poll = {(int)descriptor, events, 0};
    for (;;) {
        long left = probe.deadline - now_ms();
        struct __kernel_timespec rest = {left / 1000, left % 1000 * 1000000};
        if (left <= 0) verdict(false, "timed out while %s", doing);
        long ready = SYSCALL(ppoll, &poll, 1, &rest, 0);
        if (ready > 0) return;
        if (ready < 0 && ready != -EINTR) verdict(false, "cannot wait: %s", error_text(ready));
    }
}

/* Addresses --------------------------------------------------------------------------------------------------------------------------- */
static bool parse_v4(const char *at, size_t length, unsigned char *bytes) {
    const char *end = at + length;
    for (int part = 0; part < 4; part++) {
        long value = at < end ? take_number(&at, 255) : -1;
        if (value < 0 || at > end || (part < 3 ? at >= end || *at++ != '.' : at != end)) return false;
        bytes[part] = (unsigned char)value;
    }
    return true;
}

/* Groups of up to four hexadecimal digits, once "::" for the zeros in between; an IPv4 address may take the last two groups. */
static bool parse_v6(const char *at, size_t length, unsigned char *bytes) {
    const char *end = at + length;
    unsigned char tail[16] = {0};
    int head_length = 0, tail_length = 0;
    bool gap = false;
    if (length >= 2 && at[0] == ':' && at[1] == ':') gap = true, at += 2;
    while (at < end && head_length + tail_length < 16) {
        unsigned char *to = gap ? tail + tail_length : bytes + head_length;
        unsigned value = 0, digits = 0;
        if (head_length + tail_length <= 12 && parse_v4(at, (size_t)(end - at), to)) {
            *(gap ? &tail_length : &head_length) += 4;
            at = end;
            break;
        }
        for (; at < end && digits < 5; at++, digits++) {
            int lower = *at | 32, digit = *at >= '0' && *at <= '9' ? *at - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
            if (digit < 0) break;
            value = value << 4 | (unsigned)digit;
        }
        if (digits < 1 || digits > 4) return false;
        to[0] = (unsigned char)(value >> 8), to[1] = (unsigned char)value;
        *(gap ? &tail_length : &head_length) += 2;
        if (at == end) break;
        if (*at++ != ':' || at == end) return false;
        if (*at == ':') {
            if (gap) return false;
            gap = true, at++;
        }
    }
    if (at != end || (gap ? head_length + tail_length > 14 : head_length != 16)) return false;
    for (int byte = 0; byte < tail_length; byte++) bytes[16 - tail_length + byte] = tail[byte];
    return true;
}

/* A name of /etc/hosts; there is no DNS: what a container checks is itself. */
static bool find_host(const struct target *target, unsigned char *v6, unsigned char *v4, bool *is_v6) {
    static char hosts[16384];
    long file = SYSCALL(openat, AT_FDCWD, "/etc/hosts", O_RDONLY | O_CLOEXEC);
    long length = file < 0 ? 0 : SYSCALL(read, file, hosts, sizeof hosts - 1);
    if (file >= 0) SYSCALL(close, file);
    hosts[length > 0 ? length : 0] = 0;
    for (const char *line = hosts; *line; line += *line == '\n') {
        const char *word = line, *address = NULL;
        size_t address_length = 0;
        while (*line && *line != '\n' && *line != '#') {
            while (*line == ' ' || *line == '\t' || *line == '\r') line++;
            for (word = line; (unsigned char)*line > ' ' && *line != '#';) line++;
            size_t word_length = (size_t)(line - word), at = 0;
            if (!address) {
                address = word, address_length = word_length;
                continue;
            }
            while (at < word_length && at < target->host_length && word[at] == target->host[at]) at++;
            if (!word_length || at != word_length || at != target->host_length) continue;
            if (parse_v4(address, address_length, v4)) return true;
            if (parse_v6(address, address_length, v6)) return *is_v6 = true;
        }
        while (*line && *line != '\n') line++;
    }
    return after(target->host, "localhost") && target->host_length == 9 ? (memcpy(v4, "\x7f\0\0\1", 4), true) : false;
}

static size_t resolve(const struct target *target, union address *address) {
    unsigned char v4[4], v6[16] = {0};
    unsigned short port = (unsigned short)__builtin_bswap16((unsigned short)target->port);
    bool is_v6 = parse_v6(target->host, target->host_length, v6);
    if (!is_v6 && !parse_v4(target->host, target->host_length, v4)) {
        memset(v6, 0, sizeof v6);
        if (!find_host(target, v6, v4, &is_v6)) refuse("not an address, and not in /etc/hosts: ", target->host);
    }
    if (is_v6) {
        address->v6 = (struct sockaddr_in6){.sin6_family = 10, .sin6_port = port};
        memcpy(&address->v6.sin6_addr, v6, sizeof v6);
        return sizeof address->v6;
    }
    address->v4 = (struct sockaddr_in){.sin_family = 2, .sin_port = port};
    memcpy(&address->v4.sin_addr, v4, sizeof v4);
    return sizeof address->v4;
}

static long connect_address(const union address *address, size_t length) {
    int error = 0, size = sizeof error;
    long connection = SYSCALL(socket, address->v4.sin_family, 1 /* SOCK_STREAM */ | O_CLOEXEC | O_NONBLOCK, 0);
    if (connection < 0) verdict(false, "cannot make a socket: %s", error_text(connection));
    long result = SYSCALL(connect, connection, address, length);
    if (result == -EINPROGRESS) {
        wait_ready(connection, POLLOUT, "connecting");
        SYSCALL(getsockopt, connection, 1 /* SOL_SOCKET */, 4 /* SO_ERROR */, &error, &size);
        result = -error;
    }
    if (result) verdict(false, "cannot connect: %s", result == -EAGAIN ? "the queue of waiting connections is full" : error_text(result));
    return connection;
}

/* [http|tcp]://host[:port][/path], or unix:///path/of/socket[:/path]; http+unix:// is an alias that others use. */
static struct target parse_target(const char *url) {
    struct target target = {.path = "/", .port = 0};
    const char *at;
    if (after(url, "https://")) refuse("no TLS here: check the plain port on the loopback, or use exec --. Not supported: ", url);
    if ((at = after(url, "unix://")) || (at = after(url, "http+unix://"))) {
        target.scheme = "unix", target.host = at;
        while (*at && !(*at == ':' && (at[1] == '/' || !at[1]))) at++;
        target.host_length = (size_t)(at - target.host);
        if (*at && at[1]) target.path = at + 1;
        if (!target.host_length || target.host_length >= sizeof((struct sockaddr_un *)0)->sun_path) refuse("not the path of a socket: ", url);
        return target;
    }
    target.scheme = (at = after(url, "http://")) ? "http" : (at = after(url, "tcp://")) ? "tcp" : NULL;
    if (!target.scheme) refuse("not http://, tcp:// or unix://: ", url);
    char closing = *at == '[' ? ']' : ':';
    target.host = at += *at == '[';
    while (*at && *at != closing && *at != '/' && *at != '?') at++;
    target.host_length = (size_t)(at - target.host);
    if (closing == ']' && *at++ != ']') refuse("an IPv6 address ends with ]: ", url);
    target.port = *at == ':' ? (at++, take_number(&at, 65535)) : *target.scheme == 'h' ? 80 : -1;
    if (target.port < 1 || !target.host_length) refuse("host or port is missing: ", url);
    if (*at && *at != '/' && *at != '?') refuse("not a port: ", url);
    if (*at) target.path = at;
    return target;
}
