/*
 * What seatrial-shim is told: records of NUL-ended words, each ended by an empty word; all words but the first begin with '='. Read once, never
 * changed. What is not understood ends the program: to leave out a step in silence would be worse than not to start.
 */
#ifndef DESCRIPTION_H
#define DESCRIPTION_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DESCRIPTION_MAX = 1024 * 1024, /* of which only what is used takes memory */
    RECORDS_MAX = 16 * 1024,
    WORDS_MAX = 64 * 1024,
};

/* The program's: says which step failed, and ends it. */
static void __attribute__((noreturn)) fail(const char *step, int number, const char *about);

struct record { char **words; int count; };

static char text[DESCRIPTION_MAX + 1];
static char *words[WORDS_MAX]; /* those of one record stand together, with a NULL at their end */
static struct record records[RECORDS_MAX];
static int record_count;

static void read_description(int descriptor)
{
    size_t size = 0;
    for (;;) {
        ssize_t got = read(descriptor, text + size, DESCRIPTION_MAX - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("description", errno, "read");
        if (got == 0) break;
        size += (size_t)got;
        if (size == DESCRIPTION_MAX) fail("description", E2BIG, "longer than 1 MiB");
    }
    close(descriptor);
    static const char magic[] = "seatrial-shim 1";
    if (size < sizeof magic || memcmp(text, magic, sizeof magic)) fail("description", EPROTO, "not `seatrial-shim 1`");
    int word_count = 0;
    for (size_t at = sizeof magic; at < size;) {
        if (record_count == RECORDS_MAX) fail("description", E2BIG, "too many records");
        struct record *record = &records[record_count];
        record->words = &words[word_count];
        record->count = 0;
        for (; at < size && text[at]; at += strlen(text + at) + 1) {
            if (record->count && text[at] != '=') fail("description", EPROTO, text + at);
            if (word_count == WORDS_MAX - 1) fail("description", E2BIG, "too many words");
            words[word_count++] = text + at + (record->count++ > 0);
        }
        if (at >= size || !record->count) fail("description", EPROTO, "a record has no end or no name");
        words[word_count++] = NULL;
        at++;
        record_count++;
    }
}

static long number(const char *word)
{
    char *end;
    errno = 0;
    long value = strtol(word, &end, 0);
    if (errno || end == word || *end) fail("description", EINVAL, word);
    return value;
}

/* The words of the first record of this name, or NULL. */
static char **find(const char *name)
{
    for (int i = 0; i < record_count; i++) if (!strcmp(records[i].words[0], name)) return records[i].words;
    return NULL;
}

static const char *value(const char *name, const char *otherwise)
{
    char **record = find(name);
    return record ? record[1] : otherwise;
}

#endif
