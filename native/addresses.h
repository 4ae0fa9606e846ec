/*
 * IPv4 and IPv6 addresses as text, into the bytes that go over the wire. Used by seatrial-probe.c; it resolves no names.
 */
#ifndef ADDRESSES_H
#define ADDRESSES_H

#include "freestanding.h"

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
    memset(bytes, 0, 16);
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

#endif
