/* lines N: writes N numbered lines of 100 bytes, 64 KiB at a time: faster than anything that reads them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 100, BLOCK = 655 };

int main(int argc, char **argv)
{
    static char block[LINE * BLOCK + 1];
    long count = argc > 1 ? atol(argv[1]) : 0;
    for (long at = 0; at < count;) {
        size_t length = 0;
        for (int i = 0; i < BLOCK && at < count; i++, length += LINE) {
            memset(block + length, 'x', LINE);
            sprintf(block + length, "%010ld", at++);
            block[length + 10] = ' ';
            block[length + LINE - 1] = '\n';
        }
        for (size_t done = 0; done < length;) {
            ssize_t put = write(1, block + done, length - done);
            if (put < 0) return 1;
            done += (size_t)put;
        }
    }
    return 0;
}
