/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The framing of the remote serial protocol: bytes in, packets out. No side effects beyond its own struct, so it can
 * be fuzzed.
 *
 * Source: GDB manual, appendix E, "Overview" and "Binary Data".
 */
#ifndef GDBSTUB_PACKET_H
#define GDBSTUB_PACKET_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The longest packet taken; qSupported tells the debugger. */
#define GDB_PACKET_MAX 16384u

typedef enum GdbEvent {
    GDB_EVENT_NONE,         /* more bytes are needed */
    GDB_EVENT_PACKET,       /* a packet with the right checksum is in data/len */
    GDB_EVENT_BAD,          /* one with a wrong checksum, or too long: ask for it again */
    GDB_EVENT_ACK,          /* '+' */
    GDB_EVENT_NACK,         /* '-' */
    GDB_EVENT_INTERRUPT,    /* 0x03: the user pressed Ctrl-C */
} GdbEvent;

typedef struct GdbParser {
    enum { GDB_IDLE, GDB_BODY, GDB_ESCAPE, GDB_SUM1, GDB_SUM2 } state;
    uint8_t sum;
    uint8_t wanted;
    bool too_long;
    unsigned len;
    uint8_t data[GDB_PACKET_MAX + 1];       /* ended by 0 once complete */
} GdbParser;

/** gdb_parser_feed: take one byte. */
GdbEvent gdb_parser_feed(GdbParser *p, uint8_t byte);

/** gdb_packet_frame: "$", @len bytes of @data with escapes, "#" and the checksum, appended to @out. */
void gdb_packet_frame(GString *out, const void *data, size_t len);

/* Hexadecimal, as packets have it. */
void gdb_hex_append(GString *out, const void *data, size_t len);
/** gdb_hex_decode: at most @max bytes from @text; returns how many, or -1 for an odd number or other characters. */
int gdb_hex_decode(const char *text, uint8_t *ret, unsigned max);
/** gdb_hex_number: a number at *@p, which moves behind it. False if there is no digit, or more than 64 bits. */
bool gdb_hex_number(const char **p, uint64_t *ret);

#endif
