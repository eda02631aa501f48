/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: what a debugger's connection may carry. Checked: packets stay within their bounds, and a packet that is
 * framed and parsed again is the same.
 */
#include "gdbstub/packet.h"

#include <string.h>

#include "base/assert.h"

static void check_round_trip(const GdbParser *p)
{
    g_autoptr(GString) framed = g_string_new(NULL);
    g_autofree GdbParser *again = g_new0(GdbParser, 1);
    GdbEvent e = GDB_EVENT_NONE;

    gdb_packet_frame(framed, p->data, p->len);
    for (size_t i = 0; i < framed->len; i++) {
        e = gdb_parser_feed(again, (uint8_t)framed->str[i]);
    }
    assert(e == GDB_EVENT_PACKET && again->len == p->len && memcmp(again->data, p->data, p->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree GdbParser *p = g_new0(GdbParser, 1);
    uint8_t bytes[64];

    for (size_t i = 0; i < size; i++) {
        if (gdb_parser_feed(p, data[i]) == GDB_EVENT_PACKET) {
            const char *text = (const char *)p->data;
            uint64_t n;

            assert(p->len <= GDB_PACKET_MAX && p->data[p->len] == 0);
            check_round_trip(p);
            (void)gdb_hex_number(&text, &n);
            assert(text <= (const char *)p->data + p->len);
            assert(gdb_hex_decode(text, bytes, sizeof(bytes)) <= (int)sizeof(bytes));
        }
    }
    return 0;
}
