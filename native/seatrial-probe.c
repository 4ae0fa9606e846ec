/*
 * seatrial-probe: a health check for images that have no curl. Exits with 0 (healthy) or 1 (not), never with anything else: Docker
 * reserves 2. One line on standard output says what was seen and how long it took.
 *
 * One deadline holds for everything: connecting, sending, every byte of the answer, the command. Nothing is kept of an answer but a window
 * that is wide enough to find --contains in, so an endless one costs no memory. It must never speak TLS: that needs a library and
 * certificates, and a health check on the loopback needs neither.
 */
#include "addresses.h"
#include "freestanding.h"
#include <asm/poll.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/prctl.h>
#include <linux/un.h>
#define MSG_NOSIGNAL 0x4000

enum { STATUSES = 600, MAX_HEADERS = 32, WINDOW = 8192, LONGEST_LINE = 8000, LONGEST_MESSAGE = 900 };
enum { REAP_MS = 200 };
enum { MOST_HEADER_BYTES = 1 << 18, LARGEST = 16 << 20 };

static struct {
    long timeout;
    const char *contains;
    const char *headers[MAX_HEADERS];
    size_t header_count;
    bool status[STATUSES], status_given, quiet, help, version;
} option = {.timeout = 5000};

static struct {
    long begin, deadline;
    char **environment, **command;
    unsigned long mask;
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
    if (line.length > LONGEST_MESSAGE) line.length = LONGEST_MESSAGE;
    for (size_t at = 0; at < line.length; at++)
        if (line.bytes[at] < ' ' || line.bytes[at] > '~') line.bytes[at] = '?';
    put_format(&line, " in %ts\n", now_ms() - probe.begin);
    if (!option.quiet) write_all(1, line.bytes, line.length);
    leave(healthy ? 0 : 1);
}

__attribute__((noreturn)) static void refuse(const char *what, const char *detail) {
    static struct text line;
    put_format(&line, "seatrial-probe: %s%s", what, detail);
    if (line.length > LONGEST_MESSAGE) line.length = LONGEST_MESSAGE;
    put_format(&line, "\nhint: seatrial-probe --help\n");
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
/* A name of /etc/hosts; there is no DNS: what a container checks is itself. */
static bool find_host(const struct target *target, unsigned char *v6, unsigned char *v4, bool *is_v6) {
    static char hosts[16384];
    long file = SYSCALL(openat, AT_FDCWD, "/etc/hosts", O_RDONLY | O_CLOEXEC);
    long length = file < 0 ? 0 : SYSCALL(read, file, hosts, sizeof hosts - 1);
    hosts[length > 0 ? length : 0] = 0;
    for (const char *line = hosts; *line; line += *line == '\n') {
        const char *word = line, *address = NULL;
        size_t address_length = 0;
        while (*line && *line != '\n' && *line != '#') {
            while (*line == ' ' || *line == '\t' || *line == '\r') line++;
            for (word = line; (unsigned char)*line > ' ' && *line != '#';) line++;
            size_t word_length = (size_t)(line - word), at = 0;
            if (!address && (address = word, address_length = word_length, true)) continue;
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
    unsigned char v4[4], v6[16];
    unsigned short port = (unsigned short)__builtin_bswap16((unsigned short)target->port);
    bool is_v6 = parse_v6(target->host, target->host_length, v6);
    if (!is_v6 && !parse_v4(target->host, target->host_length, v4) && !find_host(target, v6, v4, &is_v6))
        refuse("not an address, and not in /etc/hosts: ", target->host);
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

/* HTTP -------------------------------------------------------------------------------------------------------------------------------- */
/* HEAD → BODY, BODY_TO_END or CHUNK_SIZE → CHUNK → CHUNK_END → CHUNK_SIZE …; TRAILER after the last chunk; DONE. */
enum state { HEAD, BODY, BODY_TO_END, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, DONE };

static struct {
    enum state state;
    long status, content_length /* + 1; 0: not given */, left, header_bytes, body_bytes;
    bool chunked, found;
    char line[LONGEST_LINE + 1], window[WINDOW];
    size_t line_length, held;
} answer;

static const char *after_any_case(const char *text, const char *prefix) {
    for (; *prefix; text++, prefix++)
        if ((*text >= 'A' && *text <= 'Z' ? *text | 32 : *text) != *prefix) return NULL;
    while (*text == ' ' || *text == '\t') text++;
    return text;
}

static void read_status_line(void) {
    const char *at = after(answer.line, "HTTP/1.");
    if (!at || *at < '0' || *at > '9' || at[1] != ' ') verdict(false, "not HTTP/1: '%s'", answer.line);
    at += 2;
    answer.status = at[0] && at[1] && at[2] && (at[3] == ' ' || !at[3]) ? take_number(&at, 999) : -1;
    if (answer.status < 100 || answer.status >= STATUSES || (*at && *at != ' ')) verdict(false, "no status in '%s'", answer.line);
}

static void finish_head(void) {
    long status = answer.status;
    if (status >= 100 && status < 200 && status != 101) { /* an interim answer: the real one follows */
        answer.status = 0, answer.content_length = 0, answer.chunked = false;
        return;
    }
    if (!option.status[status]) verdict(false, "status %d", status);
    if (!option.contains || status == 204 || status == 304) answer.state = DONE;
    else if (answer.chunked) answer.state = CHUNK_SIZE;
    else if (answer.content_length) answer.left = answer.content_length - 1, answer.state = answer.left ? BODY : DONE;
    else answer.state = BODY_TO_END;
}

static void read_header_line(void) {
    const char *value;
    if (!answer.status) return read_status_line();
    if (!answer.line_length) return finish_head();
    if ((value = after_any_case(answer.line, "content-length:"))) {
        answer.content_length = take_number(&value, 1L << 50) + 1;
        while (*value == ' ' || *value == '\t') value++;
        if (!answer.content_length || *value) verdict(false, "malformed header '%s'", answer.line);
    } else if ((value = after_any_case(answer.line, "transfer-encoding:"))) {
        answer.chunked = after_any_case(value, "chunked");
    }
}

static void read_chunk_size(void) {
    long size = 0;
    size_t at = 0;
    for (; at < answer.line_length && at < 8; at++) {
        int lower = answer.line[at] | 32;
        int digit = lower >= '0' && lower <= '9' ? lower - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
        if (digit < 0) break;
        size = size << 4 | digit;
    }
    char next = answer.line[at];
    if (!at || (next && next != ';' && next != ' ' && next != '\t')) verdict(false, "malformed chunk '%s'", answer.line);
    answer.left = size;
    answer.state = size ? CHUNK : TRAILER;
}

/* A line is complete, without its end. */
static void read_line(void) {
    answer.line[answer.line_length] = 0;
    if (answer.state == HEAD) read_header_line();
    else if (answer.state == CHUNK_SIZE) read_chunk_size();
    else if (answer.state == CHUNK_END && answer.line_length) verdict(false, "malformed chunk end '%s'", answer.line);
    else if (answer.state == CHUNK_END) answer.state = CHUNK_SIZE;
    else if (!answer.line_length) answer.state = DONE; /* of the trailer */
    answer.line_length = 0;
}

static void take_line_byte(char byte) {
    if (++answer.header_bytes > MOST_HEADER_BYTES || answer.line_length >= LONGEST_LINE) verdict(false, "oversized header");
    if (byte != '\n') {
        answer.line[answer.line_length++] = byte;
        return;
    }
    if (answer.line_length && answer.line[answer.line_length - 1] == '\r') answer.line_length--;
    read_line();
}

static bool window_contains(void) {
    size_t wanted = length_of(option.contains);
    for (size_t at = 0; at + wanted <= answer.held; at++) {
        size_t same_bytes = 0;
        while (same_bytes < wanted && answer.window[at + same_bytes] == option.contains[same_bytes]) same_bytes++;
        if (same_bytes == wanted) return true;
    }
    return false;
}

static void search_window(void) {
    size_t keep = length_of(option.contains) - 1;
    if (window_contains()) answer.found = true, answer.state = DONE;
    if (answer.held <= keep) return;
    for (size_t at = 0; at < keep; at++) answer.window[at] = answer.window[answer.held - keep + at];
    answer.held = keep;
}

static void take_body_byte(char byte) {
    answer.window[answer.held++] = byte;
    if (answer.held == WINDOW) search_window();
    if (++answer.body_bytes >= LARGEST && answer.state != DONE) verdict(false, "status %d, but no '%s' in the first 16 MiB", answer.status, option.contains);
    if (answer.state == DONE || answer.state == BODY_TO_END || --answer.left) return;
    answer.state = answer.state == CHUNK ? CHUNK_END : DONE;
}

static void send_all(long connection, const char *bytes, size_t length) {
    while (length) {
        long sent = SYSCALL(sendto, connection, bytes, length, MSG_NOSIGNAL);
        if (sent == -EAGAIN) wait_ready(connection, POLLOUT, "sending");
        else if (sent <= 0) verdict(false, "cannot send: %s", error_text(sent));
        else bytes += sent, length -= (size_t)sent;
    }
}

/* The request goes out in one piece where it fits: a simple server reads once. */
static char request[4096];
static size_t request_length;
static void send_part(long connection, const char *text, size_t length) {
    for (; length; length--, request[request_length++] = *text++)
        if (request_length == sizeof request) send_all(connection, request, request_length), request_length = 0;
}
static void send_text(long connection, const char *text) { send_part(connection, text, length_of(text)); }
static void send_request(long connection, const struct target *target) {
    bool host_given = false;
    for (size_t at = 0; at < option.header_count; at++) host_given |= after_any_case(option.headers[at], "host:") != NULL;
    send_text(connection, *target->path == '?' ? "GET /" : "GET ");
    send_text(connection, target->path);
    send_text(connection, " HTTP/1.1\r\n");
    if (!host_given && *target->scheme == 'u') {
        send_text(connection, "Host: localhost\r\n");
    } else if (!host_given) {
        static struct text port;
        put_format(&port, target->port == 80 ? "\r\n" : ":%d\r\n", target->port);
        send_text(connection, target->host[-1] == '[' ? "Host: [" : "Host: ");
        send_part(connection, target->host, target->host_length);
        send_text(connection, target->host[-1] == '[' ? "]" : "");
        send_text(connection, port.bytes);
    }
    for (size_t at = 0; at < option.header_count; at++) send_text(connection, option.headers[at]), send_text(connection, "\r\n");
    send_text(connection, "User-Agent: seatrial-probe/" VERSION "\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    send_all(connection, request, request_length);
}

/* The answer up to where the verdict is clear; a peer that closes early has given no answer. */
static void read_answer(long connection) {
    static char bytes[WINDOW];
    while (answer.state != DONE) {
        long got = SYSCALL(recvfrom, connection, bytes, sizeof bytes);
        if (got == -EAGAIN) {
            wait_ready(connection, POLLIN, answer.status ? "reading the answer" : "waiting for an answer");
            continue;
        }
        if (got < 0) verdict(false, "connection failed: %s", error_text(got));
        if (got == 0 && answer.state == BODY_TO_END) break;
        if (got == 0) verdict(false, answer.status || answer.line_length ? "the answer ended too early" : "closed without an answer");
        if (now_ms() >= probe.deadline) verdict(false, "timed out while reading the answer");
        for (long at = 0; at < got && answer.state != DONE; at++) {
            if (answer.state == BODY || answer.state == BODY_TO_END || answer.state == CHUNK) take_body_byte(bytes[at]);
            else take_line_byte(bytes[at]);
        }
    }
    if (option.contains && !answer.found) search_window();
    if (option.contains && !answer.found) verdict(false, "status %d, but no '%s' in the answer", answer.status, option.contains);
    verdict(true, "status %d", answer.status);
}

static void check_connection(const char *url) {
    union address address = {0};
    struct target target = parse_target(url);
    size_t length = sizeof address.local;
    for (const char *at = url; *at; at++)
        if (*at <= ' ' || *at == 127) refuse("a blank or a control character in ", url);
    if (*target.scheme == 'u') {
        address.local.sun_family = 1;
        memcpy(address.local.sun_path, target.host, target.host_length);
    } else {
        length = resolve(&target, &address);
    }
    long connection = connect_address(&address, length);
    if (*target.scheme == 't') verdict(true, "connected");
    send_request(connection, &target);
    read_answer(connection);
}

/* Commands ---------------------------------------------------------------------------------------------------------------------------- */
static void run_command(void) {
    SYSCALL(setpgid, 0, 0);
    SYSCALL(rt_sigprocmask, SIG_SETMASK, &probe.mask, 0, 8);
    long error = execute(probe.command, probe.environment);
    static struct text line;
    put_format(&line, "seatrial-probe: %s: %s\n", probe.command[0], error_text(error));
    write_all(2, line.bytes, line.length);
    for (;;) SYSCALL(exit_group, error == -ENOENT ? 127 : 126);
}

/* Its whole group, and nobody is left to a PID 1 that may not reap: what it had started becomes ours first. But not for long. */
static void kill_command(long child, const unsigned long *child_signal) {
    long until = now_ms() + REAP_MS;
    SYSCALL(prctl, PR_SET_CHILD_SUBREAPER, 1);
    SYSCALL(kill, -child, SIGKILL);
    while (SYSCALL(wait4, -1, 0, WNOHANG, 0) >= 0 && now_ms() < until) {
        struct __kernel_timespec rest = {0, REAP_MS / 4 * 1000000};
        SYSCALL(rt_sigtimedwait, child_signal, 0, &rest, 8);
    }
}

static void check_command(void) {
    struct action reset = {0};
    unsigned long child_signal = 1UL << (SIGCHLD - 1);
    int status = 0;
    SYSCALL(rt_sigaction, SIGCHLD, &reset, 0, 8);
    long child = start_child(run_command);
    if (child < 0) verdict(false, "cannot start a process: %s", error_text(child));
    SYSCALL(setpgid, child, child);
    while (SYSCALL(wait4, child, &status, WNOHANG, 0) == 0) {
        long left = probe.deadline - now_ms();
        struct __kernel_timespec rest = {left / 1000, left % 1000 * 1000000};
        if (left > 0) {
            SYSCALL(rt_sigtimedwait, &child_signal, 0, &rest, 8);
            continue;
        }
        kill_command(child, &child_signal);
        verdict(false, "%s timed out and was killed", probe.command[0]);
    }
    if (status & 0x7f) verdict(false, "%s was ended by %s", probe.command[0], signal_name(status & 0x7f));
    verdict(!status, "%s ended with %d", probe.command[0], (long)(status >> 8 & 255));
}

/* Options ----------------------------------------------------------------------------------------------------------------------------- */
static const char usage[] =
    "Usage: seatrial-probe [OPTIONS] URL\n"
    "       seatrial-probe [OPTIONS] exec -- COMMAND [ARGUMENTS]\n\n"
    "URL: http://HOST[:PORT][/PATH], tcp://HOST:PORT, unix:///PATH/OF/SOCKET[:/PATH]. HOST is an IPv4 address, an [IPv6] address or a\n"
    "name of /etc/hosts. There is no TLS and no DNS. Exits with 0 (healthy) or 1 (not), never with anything else.\n\n"
    "  -t, --timeout TIME     for everything together (5s)\n"
    "  -s, --status LIST      statuses that are healthy (200-299): 200,204,300-399\n"
    "  -c, --contains TEXT    what the answer's body has to contain\n"
    "  -H, --header 'N: V'    send a header (repeat)\n"
    "  -q, --quiet            no line on standard output\n"
    "  -h, --help   -V, --version\n\n"
    "TIME is 5, 5s, 500ms or 1m. Each option can be set in the environment: SEATRIAL_PROBE_TIMEOUT=2s.\n";
static const char version[] = "seatrial-probe " VERSION "\n";
static bool take_status(const char *value) {
    long from = take_number(&value, STATUSES - 1), to = *value == '-' ? (value++, take_number(&value, STATUSES - 1)) : from;
    if (!option.status_given) memset(option.status, 0, sizeof option.status);
    if (from < 100 || to < from || *value) return false;
    for (long status = from; status <= to; status++) option.status[status] = true;
    return option.status_given = true;
}

static bool take_contains(const char *value) {
    option.contains = *value ? value : NULL;
    return length_of(value) < WINDOW / 2;
}

static bool take_header(const char *value) {
    const char *colon = value;
    while ((*colon > ' ' && *colon < 127 && *colon != ':')) colon++;
    if (colon == value || *colon != ':' || option.header_count == MAX_HEADERS) return false;
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at < ' ' && *at != '\t') return false;
    option.headers[option.header_count++] = value;
    return true;
}

static const struct option_rule rules[] = {
    {"timeout", 't', 'd', &option.timeout}, {"status", 's', 'l', take_status}, {"contains", 'c', 'c', take_contains},
    {"header", 'H', 'c', take_header}, {"quiet", 'q', 'f', &option.quiet}, {"help", 'h', 'f', &option.help},
    {"version", 'V', 'f', &option.version}, {NULL, 0, 0, NULL}};

/* The options before and behind the URL, or behind `exec`. Returns what is left over. */
static char **more_options(char **argv) {
    char **rest = options_from_arguments(rules, argv);
    if (option.help) write_all(1, usage, sizeof usage - 1), leave(0);
    if (option.version) write_all(1, version, sizeof version - 1), leave(0);
    if (!rest) refuse(option_error.bytes, "");
    return rest;
}

static int program(int argc, char **argv, char **environment) {
    unsigned long blocked = 1UL << (SIGPIPE - 1) | 1UL << (SIGCHLD - 1);
    SYSCALL(rt_sigprocmask, SIG_BLOCK, &blocked, &probe.mask, 8);
    probe.environment = environment;
    for (int status = 200; status < 300; status++) option.status[status] = true;
    if (!options_from_environment(rules, "SEATRIAL_PROBE_", environment)) refuse(option_error.bytes, "");
    option.status_given = false; /* the command line replaces what the environment says */
    if (argc < 1) refuse("no arguments", "");
    char **what = more_options(argv);
    if (!*what) refuse("what is to be checked is missing", "");
    probe.command = more_options(what);
    if (option.timeout <= 0) refuse("--timeout has to be more than nothing", "");
    probe.begin = now_ms();
    probe.deadline = probe.begin + option.timeout;
    if (same(*what, "exec") && !*probe.command) refuse("exec wants a command: exec -- COMMAND", "");
    if (same(*what, "exec")) check_command();
    if (*probe.command) refuse("one URL only, what is this: ", *probe.command);
    check_connection(*what);
    return 1;
}
