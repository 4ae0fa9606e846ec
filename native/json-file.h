/*
 * Docker's json-file log, byte for byte: cuts a stream into lines, and lines of more than 16 KiB into parts; escapes as Go does; rotates
 * before a record and never splits one. It writes what was read together by one write(2). Used by seatrial-shim.c, which says when a
 * stream has something to read. It must never lose a line: where the disk is full it waits, and nothing is read meanwhile.
 */
#ifndef JSON_FILE_H
#define JSON_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PARTIAL = 16 * 1024,          /* Docker's copier cuts longer lines into records of this size */
    READ = 64 * 1024,
    OUT = 160 * 1024,             /* holds the largest record (16 KiB of control characters, six bytes each, and its tail) */
    ATTRIBUTES_MAX = 32 * 1024,
    TAIL = ATTRIBUTES_MAX + 128,
    RETRY_MS = 200,               /* how often a full disk is tried again */
};

struct stream {
    const char *name;
    int pipe, copy;         /* -1: none */
    size_t length;
    char line[PARTIAL];     /* the beginning of a line whose end has not been read */
    bool in_partial;        /* the next record goes on with the line of the last one, and has its time */
    bool is_stamped;        /* the tail has the time of this read */
    size_t tail_length;
    char tail[TAIL];        /* what follows the text of each record: stream, attributes, time */
};

static struct stream streams[2];
static struct { int directory, file; const char *name, *attributes; long long size, max_size; int max_file; } journal = { .file = -1 };
static char out[OUT];
static size_t out_length;

/* The program's: says a line to its owner; waits for a descriptor or for a time, while it goes on with its other duties. */
static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void wait_meanwhile(int file, short events, int milliseconds);

/* RFC 3339 with nanoseconds and no trailing zeros, as Go prints it. Lines that were read together share their time. */
static void stamp(struct stream *stream)
{
    char shown[64];
    struct tm parts;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    size_t length = strftime(shown, sizeof shown, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &parts));
    length += (size_t)sprintf(shown + length, ".%09ld", now.tv_nsec);
    while (shown[length - 1] == '0') length--;
    if (shown[length - 1] == '.') length--;
    bool with = *journal.attributes;
    stream->tail_length = (size_t)sprintf(stream->tail, "\\n\",\"stream\":\"%s\",%s%s%s\"time\":\"%.*sZ\"}\n", stream->name,
                                          with ? "\"attrs\":" : "", journal.attributes, with ? "," : "", (int)length, shown);
    stream->is_stamped = true;
}

/* Length of the valid UTF-8 sequence here, or 0. */
static size_t sequence(const unsigned char *p, size_t left)
{
    size_t length = *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    if (!length || length > left) return 0;
    for (size_t i = 1; i < length; i++) if ((p[i] & 0xc0) != 0x80) return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f)) return 0;
    return length;
}

/* Whether eight bytes at once go into JSON as they are: none is below ' ', above 0x7f, or one of "&<>\ (< and > differ in one bit, so do " and &). */
static bool is_plain(uint64_t eight)
{
    const uint64_t every = 0x0101010101010101;
#define HAS_ZERO(v) (((v) - every) & ~(v))
    uint64_t found = eight | ((eight - every * ' ') & ~eight) | HAS_ZERO((eight | every * 2) ^ every * '>') |
                     HAS_ZERO((eight | every * 4) ^ every * '&') | HAS_ZERO(eight ^ every * '\\');
    return !(found & every * 0x80);
}

/* One byte or one UTF-8 sequence as JSON has it, the way Go writes it: at most six bytes for one. Returns how many were taken. */
static size_t escape_one(char **to, const unsigned char *p, size_t left)
{
    size_t length = *p < 0x80 ? 1 : sequence(p, left);
    if (!length) {
        *to = stpcpy(*to, "\\ufffd");
        return 1;
    }
    if (length == 3 && (!memcmp(p, "\xe2\x80\xa8", 3) || !memcmp(p, "\xe2\x80\xa9", 3))) {
        *to = stpcpy(*to, p[2] == 0xa8 ? "\\u2028" : "\\u2029");
    } else if (*p == '"' || *p == '\\') {
        *(*to)++ = '\\';
        *(*to)++ = (char)*p;
    } else if (*p == '\r') {
        *to = stpcpy(*to, "\\r");
    } else if (*p < ' ' || *p == '<' || *p == '>' || *p == '&') {
        *to += sprintf(*to, "\\u%04x", *p);
    } else {
        memcpy(*to, p, length);
        *to += length;
    }
    return length;
}

static char *escape(char *to, const unsigned char *p, size_t left)
{
    while (left) {
        uint64_t eight;
        if (left >= sizeof eight && is_plain((memcpy(&eight, p, sizeof eight), eight))) {
            memcpy(to, &eight, sizeof eight);
            to += sizeof eight, p += sizeof eight, left -= sizeof eight;
            continue;
        }
        size_t length = escape_one(&to, p, left);
        p += length, left -= length;
    }
    return to;
}

/* Write all of it; false, and told, if that can't be. A full disk is waited out with the pipes unread: back-pressure, not loss. */
static bool put(int file, const char *from, size_t length)
{
    bool told = false;
    while (length) {
        ssize_t done = write(file, from, length);
        if (done >= 0) { from += done; length -= (size_t)done; continue; }
        if (errno == EINTR) continue;
        if (errno == EAGAIN) { wait_meanwhile(file, POLLOUT, -1); continue; }
        if (errno != ENOSPC && errno != EDQUOT) { tell("log-error %d the output goes on unrecorded\n", errno); return false; }
        if (!told) tell("log-full %d waiting for space\n", errno);
        told = true;
        wait_meanwhile(-1, 0, RETRY_MS);
    }
    return true;
}

static void flush(void)
{
    put(journal.file, out, out_length);
    journal.size += (long long)out_length;
    out_length = 0;
}

static bool open_journal(void)
{
    while ((journal.file = openat(journal.directory, journal.name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640)) < 0) {
        if (errno != ENOSPC && errno != EDQUOT) return false;
        wait_meanwhile(-1, 0, RETRY_MS);
    }
    struct stat now;
    journal.size = fstat(journal.file, &now) ? 0 : now.st_size;
    return true;
}

/* The log's own file gives up its name, or with one file is removed. On a full disk even a new name may find no room. The lock is let go
 * meanwhile: to compress makes room. Returns an errno. */
static int move_away(const char *to)
{
    while (journal.max_file > 1 ? renameat(journal.directory, journal.name, journal.directory, to) : unlinkat(journal.directory, journal.name, 0)) {
        if (errno == ENOENT) break; /* somebody removed it */
        if (errno != ENOSPC && errno != EDQUOT) return errno;
        flock(journal.directory, LOCK_UN);
        wait_meanwhile(-1, 0, RETRY_MS);
        flock(journal.directory, LOCK_EX);
    }
    return 0;
}

/* file → file.1 → … → file.(N-1), compressed ones too; with one file it begins anew. Compressing is the owner's work, which takes the lock of
 * the directory for the moment in which it puts the compressed file in the other's place. A file that can't be moved is gone on with, and
 * moved when as much again has been written: nothing is ever cut off. */
static void rotate(void)
{
    char from[300], to[300];
    flush();
    close(journal.file);
    flock(journal.directory, LOCK_EX);
    for (int i = journal.max_file - 1; i > 0; i--) {
        for (int packed = 1; packed >= 0; packed--) {
            const char *ending = packed ? ".gz" : "";
            snprintf(to, sizeof to, "%.240s.%d%s", journal.name, i, ending);
            unlinkat(journal.directory, to, 0);
            snprintf(from, sizeof from, "%.240s.%d%s", journal.name, i - 1, ending);
            if (i > 1) renameat(journal.directory, from, journal.directory, to);
        }
    }
    int error = move_away(to);
    flock(journal.directory, LOCK_UN);
    bool is_open = open_journal();
    if (error || !is_open) tell("log-error %d %.240s\n", error ? error : errno, journal.name);
    else tell("log-rotated %.240s\n", journal.name);
    if (error) journal.size = 0;
}

/* One record: rotation is decided before it, so that a file may exceed the limit by one and none is ever split. */
static void record_line(struct stream *stream, const char *line, size_t length, bool whole)
{
    if (journal.max_size > 0 && journal.size + (long long)out_length >= journal.max_size) rotate();
    if (journal.file < 0) return;
    if (OUT - out_length < length * 6 + TAIL) flush();
    if (!stream->in_partial && !stream->is_stamped) stamp(stream);
    char *to = stpcpy(out + out_length, "{\"log\":\"");
    to = escape(to, (const unsigned char *)line, length);
    size_t skipped = whole ? 0 : strlen("\\n");
    to = (char *)memcpy(to, stream->tail + skipped, stream->tail_length - skipped) + stream->tail_length - skipped;
    out_length = (size_t)(to - out);
    stream->in_partial = !whole;
}

/* Cut what was read into lines, and lines into parts of 16 KiB, whatever the sizes in which it was read. */
static void take(struct stream *stream, const char *from, size_t left)
{
    while (left) {
        size_t room = PARTIAL - stream->length, span = left < room ? left : room;
        const char *end = memchr(from, '\n', span);
        size_t length = end ? (size_t)(end - from) : span;
        if (end && !stream->length) {
            record_line(stream, from, length, true);
        } else {
            memcpy(stream->line + stream->length, from, length);
            stream->length += length;
            if (end || stream->length == PARTIAL) {
                record_line(stream, stream->line, stream->length, end != NULL);
                stream->length = 0;
            }
        }
        from += length + (end != NULL);
        left -= length + (end != NULL);
    }
}

/* One read; true at the end of the stream. */
static bool pump(struct stream *stream)
{
    static char buffer[READ];
    ssize_t got = read(stream->pipe, buffer, sizeof buffer);
    if (got < 0) return errno != EINTR && errno != EAGAIN;
    if (stream->copy >= 0 && !put(stream->copy, buffer, (size_t)got)) stream->copy = -1;
    stream->is_stamped = false;
    if (journal.file < 0) return got == 0;
    if (got > 0) take(stream, buffer, (size_t)got);
    else if (stream->length) record_line(stream, stream->line, stream->length, false);
    flush();
    return got == 0;
}

#endif
