/*
 * The server that bench/load.py measures load generators against: `serve [close]` answers every request head with the same few bytes, on
 * one thread, and does next to nothing else, so that the client is what is measured; with `close` it ends each connection after its first
 * answer, and says so in it. It counts what it was asked; SIGTERM ends it, and it says then, as JSON, how many connections it accepted and
 * how many requests it answered.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 512, PIECE = 16384 };

static const char KEEP[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
static const char CLOSE[] = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nok\n";
static bool closes;
static volatile sig_atomic_t stopping;
static unsigned long accepted, answered;

static void on_stop(int number) {
    stopping = number;
}

static void welcome(int poll, int listener) {
    for (int connection; (connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0; accepted++) {
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = connection};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, connection, &event)) perror("epoll_ctl");
    }
}

/* Every generator sends a whole head at once, and the next one after the answer. */
static void answer(int connection) {
    static char request[PIECE];
    ssize_t size = read(connection, request, sizeof request);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0 || memcmp(request + size - 4, "\r\n\r\n", 4)) {
        close(connection);
        return;
    }
    size = closes ? sizeof CLOSE - 1 : sizeof KEEP - 1;
    if (write(connection, closes ? CLOSE : KEEP, size) == size) answered++;
    if (closes) close(connection);
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = on_stop};
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    closes = argc > 1 && strcmp(argv[1], "close") == 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int poll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (void *)&address, length) || listen(listener, 4096)) return perror("listen"), 3;
    getsockname(listener, (void *)&address, &length);
    struct epoll_event events[EVENTS], first = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &first);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (!stopping) {
        int count = epoll_wait(poll, events, EVENTS, -1);
        for (int at = 0; at < count; at++) events[at].data.fd == listener ? welcome(poll, listener) : answer(events[at].data.fd);
    }
    printf("{\"accepted\": %lu, \"answered\": %lu}\n", accepted, answered);
    return 0;
}
