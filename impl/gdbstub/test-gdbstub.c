/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: a debugger's packets are framed and parsed as the protocol says, and registers go in and come out the same.
 * Method: bytes through the parser; every register of a processor that never runs; a guest that only notes what is
 * asked of it.
 */
#include <string.h>

#include "base/bytes.h"
#include "gdbstub/packet.h"
#include "gdbstub/registers.h"
#include "gdbstub/stub.h"

static GdbEvent feed(GdbParser *p, const char *bytes, size_t n)
{
    GdbEvent e = GDB_EVENT_NONE;

    for (size_t i = 0; i < n; i++) {
        e = gdb_parser_feed(p, (uint8_t)bytes[i]);
    }
    return e;
}

static void test_packets(void)
{
    g_autofree GdbParser *p = g_new0(GdbParser, 1);

    g_assert_cmpint(feed(p, "noise$g#67", 10), ==, GDB_EVENT_PACKET);
    g_assert_cmpstr((const char *)p->data, ==, "g");
    g_assert_cmpint(feed(p, "$g#68", 5), ==, GDB_EVENT_BAD);
    g_assert_cmpint(feed(p, "$g#6x", 5), ==, GDB_EVENT_BAD);
    g_assert_cmpint(feed(p, "$g#x7", 5), ==, GDB_EVENT_BAD);
    g_assert_cmpint(feed(p, "$half$g#67", 10), ==, GDB_EVENT_PACKET);
    g_assert_cmpuint(p->len, ==, 1);
    g_assert_cmpint(feed(p, "+", 1), ==, GDB_EVENT_ACK);
    g_assert_cmpint(feed(p, "-", 1), ==, GDB_EVENT_NACK);
    g_assert_cmpint(feed(p, "\003", 1), ==, GDB_EVENT_INTERRUPT);
    g_assert_cmpint(feed(p, "$\003}\003#83", 7), ==, GDB_EVENT_PACKET);     /* inside a packet it is data */
    g_assert_cmpint(p->data[0], ==, 3);
    g_assert_cmpint(p->data[1], ==, '#');
}

static void test_too_long(void)
{
    g_autofree GdbParser *p = g_new0(GdbParser, 1);
    g_autoptr(GString) framed = g_string_new(NULL);
    g_autofree char *body = g_strnfill(GDB_PACKET_MAX + 1, 'a');

    gdb_packet_frame(framed, body, GDB_PACKET_MAX);
    g_assert_cmpint(feed(p, framed->str, framed->len), ==, GDB_EVENT_PACKET);
    g_string_truncate(framed, 0);
    gdb_packet_frame(framed, body, GDB_PACKET_MAX + 1);
    g_assert_cmpint(feed(p, framed->str, framed->len), ==, GDB_EVENT_BAD);
}

static void test_frame(void)
{
    g_autofree GdbParser *p = g_new0(GdbParser, 1);
    g_autoptr(GString) framed = g_string_new(NULL);

    gdb_packet_frame(framed, "OK", 2);
    g_assert_cmpstr(framed->str, ==, "$OK#9a");
    g_string_truncate(framed, 0);
    gdb_packet_frame(framed, "a\0#$}*", 6);
    g_assert_cmpint(feed(p, framed->str, framed->len), ==, GDB_EVENT_PACKET);
    g_assert_cmpmem(p->data, p->len, "a\0#$}*", 6);
}

static void test_numbers(void)
{
    const char *p = "1f,ffffffffffffffff;10000000000000000";
    uint8_t bytes[4];
    uint64_t n;

    g_assert_true(gdb_hex_number(&p, &n));
    g_assert_cmpuint(n, ==, 0x1f);
    p++;
    g_assert_true(gdb_hex_number(&p, &n));
    g_assert_cmpuint(n, ==, UINT64_MAX);
    g_assert_false(gdb_hex_number(&p, &n));     /* at the semicolon */
    p++;
    g_assert_false(gdb_hex_number(&p, &n));     /* 65 bits */
    g_assert_cmpint(gdb_hex_decode("00ff7", bytes, 4), ==, -1);
    g_assert_cmpint(gdb_hex_decode("00fg", bytes, 4), ==, -1);
    g_assert_cmpint(gdb_hex_decode("0102030405", bytes, 4), ==, 4);
    g_assert_cmpint(bytes[3], ==, 4);
}

/* What is read can be written back, and the sum of all sizes is what the description promises. */
static void test_registers(void)
{
    g_autofree X86CPU *cpu = g_new0(X86CPU, 1);
    g_autofree char *xml = gdb_target_xml();
    unsigned bits = 0, described = 0;

    for (unsigned n = 0; n < gdb_reg_count(); n++) {
        uint8_t buf[GDB_REG_BYTES_MAX];
        unsigned bytes = gdb_reg_read(cpu, n, buf);

        g_assert_cmpuint(bytes, >=, 4);
        g_assert_true(gdb_reg_write(cpu, n, buf, bytes));
        g_assert_false(gdb_reg_write(cpu, n, buf, bytes - 1));
        bits += bytes * 8;
    }
    for (const char *p = strstr(xml, "bitsize=\""); p; p = strstr(p, "bitsize=\"")) {
        p += strlen("bitsize=\"");
        described += (unsigned)g_ascii_strtoull(p, NULL, 10);
    }
    g_assert_cmpuint(bits, ==, described);
    g_assert_cmpuint(gdb_reg_read(cpu, gdb_reg_count(), (uint8_t[GDB_REG_BYTES_MAX]){ 0 }), ==, 0);
}

static void test_register_order(void)
{
    g_autofree X86CPU *cpu = g_new0(X86CPU, 1);
    uint8_t buf[GDB_REG_BYTES_MAX];

    for (unsigned r = 0; r < 16; r++) {
        cpu->regs[r] = 0x100 + r;
    }
    cpu->rip = 0x1234;
    (void)gdb_reg_read(cpu, 1, buf);
    g_assert_cmphex(ld64_le(buf), ==, 0x100 + R_EBX);
    (void)gdb_reg_read(cpu, 7, buf);
    g_assert_cmphex(ld64_le(buf), ==, 0x100 + R_ESP);
    (void)gdb_reg_read(cpu, 16, buf);
    g_assert_cmphex(ld64_le(buf), ==, 0x1234);
    cpu->cr0 = CR0_PE;
    st32_le(buf, 8);
    g_assert_false(gdb_reg_write(cpu, 18, buf, 4));     /* a selector without its descriptor */
}

/* ---- Backwards ---- */

typedef struct Noted {
    GdbStub stub;
    GString *said;
    unsigned steps, continues;
} Noted;

static void note_write(GdbStub *s, const char *data, size_t len)
{
    g_string_append_len(((Noted *)s)->said, data, (gssize)len);
}

static void note_interrupt(GdbStub *s)
{
}

static void note_reverse(GdbStub *s, bool step)
{
    *(step ? &((Noted *)s)->steps : &((Noted *)s)->continues) += 1;
}

static const GdbHost both_ways = {
    .recorded = true, .write = note_write, .interrupt = note_interrupt, .reverse = note_reverse,
};
static const GdbHost one_way = { .write = note_write, .interrupt = note_interrupt };

static void ask(Noted *n, const GdbHost *host, const char *packet)
{
    g_autoptr(GString) framed = g_string_new(NULL);

    n->stub.host = host;
    g_string_truncate(n->said, 0);
    gdb_packet_frame(framed, packet, strlen(packet));
    for (size_t i = 0; i < framed->len; i++) {
        gdb_feed(&n->stub, (uint8_t)framed->str[i]);
    }
}

static void test_backwards(void)
{
    g_autofree Noted *n = g_new0(Noted, 1);

    n->said = g_string_new(NULL);
    gdb_stub_init(&n->stub, &both_ways);
    ask(n, &both_ways, "qSupported:multiprocess+");
    g_assert_nonnull(strstr(n->said->str, ";ReverseStep+;ReverseContinue+#"));
    ask(n, &both_ways, "bs");
    g_assert_cmpstr(n->said->str, ==, "+");     /* the stop is told when it happens */
    ask(n, &both_ways, "bc");
    g_assert_cmpuint(n->steps, ==, 1);
    g_assert_cmpuint(n->continues, ==, 1);
    ask(n, &both_ways, "bx");
    g_assert_cmpstr(n->said->str, ==, "+$#00");
    ask(n, &both_ways, "bss");
    g_assert_cmpstr(n->said->str, ==, "+$#00");
    ask(n, &both_ways, "M500,1:00");
    g_assert_cmpstr(n->said->str, ==, "+$E01#a6");
    ask(n, &one_way, "qSupported");
    g_assert_null(strstr(n->said->str, "Reverse"));
    ask(n, &one_way, "bs");
    g_assert_cmpstr(n->said->str, ==, "+$#00");
    g_assert_cmpuint(n->steps + n->continues, ==, 2);
    gdb_stub_cleanup(&n->stub);
    g_string_free(n->said, TRUE);
}

/* A debugger that has waited for long asks for the last answer again, which is of another question. */
static void test_impatience(void)
{
    g_autofree Noted *n = g_new0(Noted, 1);

    n->said = g_string_new(NULL);
    gdb_stub_init(&n->stub, &both_ways);
    ask(n, &both_ways, "bx");
    g_string_truncate(n->said, 0);
    gdb_feed(&n->stub, '-');
    g_assert_cmpstr(n->said->str, !=, "");
    ask(n, &both_ways, "QStartNoAckMode");
    g_string_truncate(n->said, 0);
    gdb_feed(&n->stub, '-');
    g_assert_cmpstr(n->said->str, ==, "");
    gdb_stub_cleanup(&n->stub);
    g_string_free(n->said, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gdbstub/packets", test_packets);
    g_test_add_func("/gdbstub/too-long", test_too_long);
    g_test_add_func("/gdbstub/frame", test_frame);
    g_test_add_func("/gdbstub/numbers", test_numbers);
    g_test_add_func("/gdbstub/registers", test_registers);
    g_test_add_func("/gdbstub/register-order", test_register_order);
    g_test_add_func("/gdbstub/backwards", test_backwards);
    g_test_add_func("/gdbstub/impatience", test_impatience);
    return g_test_run();
}
