/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Framing and hexadecimal. See packet.h.
 */
#include "gdbstub/packet.h"

#include <string.h>

static void parser_add(GdbParser *p, uint8_t byte)
{
    if (p->len == GDB_PACKET_MAX) {
        p->too_long = true;
        return;
    }
    p->data[p->len++] = byte;
}

static GdbEvent parser_idle(GdbParser *p, uint8_t byte)
{
    switch (byte) {
    case '$':
        p->state = GDB_BODY;
        p->sum = 0;
        p->len = 0;
        p->too_long = false;
        return GDB_EVENT_NONE;
    case '+':
        return GDB_EVENT_ACK;
    case '-':
        return GDB_EVENT_NACK;
    case 0x03:
        return GDB_EVENT_INTERRUPT;
    default:
        return GDB_EVENT_NONE;      /* line noise */
    }
}

static GdbEvent parser_body(GdbParser *p, uint8_t byte)
{
    switch (byte) {
    case '#':
        p->state = GDB_SUM1;
        return GDB_EVENT_NONE;
    case '$':                       /* the sender started anew */
        return parser_idle(p, byte);
    case '}':
        p->state = GDB_ESCAPE;
        break;
    default:
        parser_add(p, byte);
        break;
    }
    p->sum += byte;
    return GDB_EVENT_NONE;
}

static GdbEvent parser_end(GdbParser *p, uint8_t byte)
{
    int low = g_ascii_xdigit_value((char)byte);

    p->state = GDB_IDLE;
    if (low < 0 || p->wanted > 15 || (p->wanted << 4 | low) != p->sum || p->too_long) {
        return GDB_EVENT_BAD;
    }
    p->data[p->len] = '\0';
    return GDB_EVENT_PACKET;
}

GdbEvent gdb_parser_feed(GdbParser *p, uint8_t byte)
{
    switch (p->state) {
    case GDB_IDLE:
        return parser_idle(p, byte);
    case GDB_BODY:
        return parser_body(p, byte);
    case GDB_ESCAPE:
        p->sum += byte;
        parser_add(p, byte ^ 0x20);
        p->state = GDB_BODY;
        return GDB_EVENT_NONE;
    case GDB_SUM1:
        p->wanted = (uint8_t)g_ascii_xdigit_value((char)byte);      /* -1 becomes 255, which parser_end refuses */
        p->state = GDB_SUM2;
        return GDB_EVENT_NONE;
    case GDB_SUM2:
    default:
        return parser_end(p, byte);
    }
}

void gdb_packet_frame(GString *out, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint8_t sum = 0;
    size_t start;

    g_string_append_c(out, '$');
    start = out->len;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0 && strchr("$#}*", bytes[i])) {
            g_string_append_c(out, '}');
            g_string_append_c(out, (char)(bytes[i] ^ 0x20));
        } else {
            g_string_append_c(out, (char)bytes[i]);
        }
    }
    for (size_t i = start; i < out->len; i++) {
        sum += (uint8_t)out->str[i];
    }
    g_string_append_printf(out, "#%02x", sum);
}

void gdb_hex_append(GString *out, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        g_string_append_printf(out, "%02x", bytes[i]);
    }
}

int gdb_hex_decode(const char *text, uint8_t *ret, unsigned max)
{
    unsigned n = 0;

    while (n < max && text[0]) {
        int high = g_ascii_xdigit_value(text[0]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(text[1]);

        if (low < 0) {
            return -1;
        }
        ret[n++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return (int)n;
}

bool gdb_hex_number(const char **p, uint64_t *ret)
{
    const char *start = *p;
    uint64_t v = 0;

    while (g_ascii_isxdigit(**p)) {
        if (v >> 60) {
            return false;
        }
        v = v << 4 | (uint64_t)g_ascii_xdigit_value(*(*p)++);
    }
    *ret = v;
    return *p != start;
}
