/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets in and out. See stub.h.
 */
#include "gdbstub/stub.h"

#include <string.h>

void gdb_stub_init(GdbStub *s, const GdbHost *host)
{
    s->host = host;
    s->sent = g_string_new(NULL);
    s->points = g_array_new(FALSE, FALSE, sizeof(GdbPoint));
}

void gdb_stub_cleanup(GdbStub *s)
{
    g_array_unref(s->points);
    g_string_free(s->sent, TRUE);
}

void gdb_put_bytes(GdbStub *s, const void *data, size_t len)
{
    g_string_truncate(s->sent, 0);
    gdb_packet_frame(s->sent, data, len);
    s->host->write(s, s->sent->str, s->sent->len);
}

void gdb_put_packet(GdbStub *s, const char *text)
{
    gdb_put_bytes(s, text, strlen(text));
}

void gdb_put_errno(GdbStub *s, int err)
{
    g_autofree char *text = g_strdup_printf("E%02x", (unsigned)err & 0xff);

    gdb_put_packet(s, text);
}

char *gdb_stop_text(const GdbStub *s, unsigned signal, const char *more)
{
    return g_strdup_printf("T%02xthread:%02x;%s", signal, s->c_cpu + 1, more);
}

char *gdb_watch_text(const CpuWatchpoint *hit)
{
    return g_strdup_printf("%s:%" G_GINT64_MODIFIER "x;", hit->flags == BP_MEM_WRITE ? "watch" :
                           hit->flags == BP_MEM_READ ? "rwatch" : "awatch", (guint64)hit->lin);
}

static void gdb_event(GdbStub *s, GdbEvent e)
{
    switch (e) {
    case GDB_EVENT_NONE:
    case GDB_EVENT_ACK:
        return;
    case GDB_EVENT_NACK:
        /* Without acknowledgements the debugger still says so when it waits for long: the answer is on its way. */
        if (!s->no_ack) {
            s->host->write(s, s->sent->str, s->sent->len);
        }
        return;
    case GDB_EVENT_BAD:
        if (!s->no_ack) {
            s->host->write(s, "-", 1);
        }
        return;
    case GDB_EVENT_INTERRUPT:
        s->host->interrupt(s);
        return;
    case GDB_EVENT_PACKET:
        if (!s->no_ack) {
            s->host->write(s, "+", 1);
        }
        s->host->interrupt(s);
        gdb_command(s, (const char *)s->parser.data, s->parser.len);
        return;
    }
}

void gdb_feed(GdbStub *s, uint8_t byte)
{
    gdb_event(s, gdb_parser_feed(&s->parser, byte));
}
