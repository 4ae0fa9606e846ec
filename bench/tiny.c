/* The smallest command: ends at once, or waits for ever when it has an argument. What is left of a start is then the init's own. */
#include "../native/freestanding.h"

static int program(int argc, char **argv, char **environment) {
    (void)argv, (void)environment;
    while (argc > 1) SYSCALL(ppoll, 0, 0, 0, 0, 8);
    return 0;
}
