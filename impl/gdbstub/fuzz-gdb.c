/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: what a debugger's connection may carry. Checked: packets stay within their bounds, and a packet that is
 * framed and parsed again is the same, and going back is asked of the guest for the two packets that mean it only.
 */
#include "gdbstub/stub.h"

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

typedef struct Backwards {
    GdbStub stub;
    unsigned asked, refused;
} Backwards;

static void note_refusal(GdbStub *s, const char *data, size_t len)
{
    ((Backwards *)s)->refused++;
}

static void note_reverse(GdbStub *s, bool step)
{
    ((Backwards *)s)->asked++;
}

static void check_backwards(const char *text, unsigned len)
{
    static const GdbHost host = { .recorded = true, .write = note_refusal, .reverse = note_reverse };
    g_autofree Backwards *b = g_new0(Backwards, 1);
    bool valid = len == 2 && (text[1] == 's' || text[1] == 'c');

    gdb_stub_init(&b->stub, &host);
    gdb_command(&b->stub, text, len);
    assert(b->asked == valid && b->refused == !valid);
    gdb_stub_cleanup(&b->stub);
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
            if (text[0] == 'b') {
                check_backwards(text, p->len);
            }
            (void)gdb_hex_number(&text, &n);
            assert(text <= (const char *)p->data + p->len);
            assert(gdb_hex_decode(text, bytes, sizeof(bytes)) <= (int)sizeof(bytes));
        }
    }
    return 0;
}
