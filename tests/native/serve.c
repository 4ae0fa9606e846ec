/*
 * A web server for a container that holds nothing else: `serve PORT [plain|drain|deaf] [USER]`. It answers "complete"; a request for /slow
 * is held until somebody asks for /release: a test decides when, and no clock, and reads in our output how many are held. A stop ends it
 * as it ends any unmodified program; with `drain` it ends after the last answer that it owes, and with `deaf` not at all. With USER it
 * gives up being root by itself, as the entrypoints of many images do.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 64 };

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ncomplete";
static struct pollfd watched[CONNECTIONS];
static bool owed[CONNECTIONS];
static volatile sig_atomic_t stopping;

static void say(const char *line) {
    if (write(1, line, strlen(line)) < 0) _exit(3);
}

static void on_stop(int number) {
    stopping = number;
    say("draining\n");
}

static void answer(int at) {
    if (write(watched[at].fd, ANSWER, sizeof ANSWER - 1) < 0) perror("answer");
    owed[at] = false;
}

static void take(int at) {
    char request[4096] = {0};
    if (read(watched[at].fd, request, sizeof request - 1) <= 0) {
        close(watched[at].fd);
        watched[at].fd = -1;
        owed[at] = false;
        return;
    }
    owed[at] = true;
    if (strncmp(request, "GET /slow ", 10) == 0) return say("held\n");
    bool all = strncmp(request, "GET /release ", 13) == 0;
    for (int each = 1; each < CONNECTIONS; each++)
        if (owed[each] && (all || each == at)) answer(each);
}

static void welcome(void) {
    int connection = accept(watched[0].fd, NULL, NULL);
    for (int at = 1; at < CONNECTIONS; at++)
        if (watched[at].fd < 0) {
            watched[at] = (struct pollfd){.fd = connection, .events = POLLIN};
            return;
        }
    close(connection);
}

static bool is_owing(void) {
    for (int at = 1; at < CONNECTIONS; at++)
        if (owed[at]) return true;
    return false;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *manner = argc > 2 ? argv[2] : "";
    struct sigaction action = {.sa_handler = strcmp(manner, "deaf") ? on_stop : SIG_IGN};
    if (*manner && strcmp(manner, "plain")) sigaction(SIGTERM, &action, NULL);
    if (argc > 3 && setuid(atoi(argv[3]))) return perror("setuid"), 3;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    for (int at = 0; at < CONNECTIONS; at++) watched[at].fd = -1;
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, CONNECTIONS)) return perror("listen"), 3;
    watched[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    signal(SIGPIPE, SIG_IGN);
    say("ready\n");
    while (!stopping || is_owing()) {
        if (poll(watched, CONNECTIONS, 1000) <= 0) continue;
        for (int at = 1; at < CONNECTIONS; at++)
            if (watched[at].fd >= 0 && watched[at].revents) take(at);
        if (watched[0].revents) welcome();
    }
    return 0;
}
