/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: descriptor chains are read as the specification says, and every way to break one is told apart.
 * Method: tables in an array that stands for guest memory.
 */
#include "virtio/ring.h"

#include "base/bytes.h"

#define MEM_SIZE 0x4000
#define TABLE 0x100
#define INDIRECT 0x1000
#define NUM 8

typedef struct Mem {
    unsigned fetches;
    uint8_t bytes[MEM_SIZE];
} Mem;

static bool mem_fetch(void *opaque, uint64_t addr, void *buf, unsigned len)
{
    Mem *m = opaque;

    m->fetches++;
    if (addr > MEM_SIZE || len > MEM_SIZE - addr) {
        return false;
    }
    memcpy(buf, m->bytes + addr, len);
    return true;
}

static void put_desc(Mem *m, uint64_t table, unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
    uint8_t *d = m->bytes + table + 16 * i;

    st64_le(d, addr);
    st32_le(d + 8, len);
    st16_le(d + 12, flags);
    st16_le(d + 14, next);
}

static VRingChain chain;

static const char *parse(Mem *m, unsigned head)
{
    return vring_parse_chain(mem_fetch, m, TABLE, NUM, head, true, &chain);
}

static void test_direct(void)
{
    g_autofree Mem *m = g_new0(Mem, 1);

    put_desc(m, TABLE, 3, 0x111, 16, VRING_DESC_F_NEXT, 5);
    put_desc(m, TABLE, 5, 0x222, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 0);
    put_desc(m, TABLE, 0, 0x333, 1, VRING_DESC_F_WRITE, 7);
    g_assert_null(parse(m, 3));
    g_assert_cmpuint(chain.out_num, ==, 1);
    g_assert_cmpuint(chain.in_num, ==, 2);
    g_assert_cmpuint(chain.seg[0].addr, ==, 0x111);
    g_assert_cmpuint(chain.seg[1].len, ==, 512);
    g_assert_cmpuint(chain.seg[2].addr, ==, 0x333);
}

static void test_indirect(void)
{
    g_autofree Mem *m = g_new0(Mem, 1);

    put_desc(m, TABLE, 1, INDIRECT, 3 * 16, VRING_DESC_F_INDIRECT, 0);
    put_desc(m, INDIRECT, 0, 0x10, 4, VRING_DESC_F_NEXT, 2);
    put_desc(m, INDIRECT, 2, 0x20, 8, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
    put_desc(m, INDIRECT, 1, 0x30, 2, VRING_DESC_F_WRITE, 0);
    g_assert_null(parse(m, 1));
    g_assert_cmpuint(chain.out_num, ==, 1);
    g_assert_cmpuint(chain.in_num, ==, 2);
    g_assert_cmpstr(vring_parse_chain(mem_fetch, m, TABLE, NUM, 1, false, &chain), ==,
                    "indirect descriptor without the feature");
    put_desc(m, INDIRECT, 0, 0x1000, 16, VRING_DESC_F_INDIRECT, 0);
    g_assert_cmpstr(parse(m, 1), ==, "nested indirect descriptor");
}

typedef struct Broken {
    uint64_t addr;
    uint32_t len;
    unsigned flags;
    unsigned next;
    const char *error;
} Broken;

static void test_broken(void)
{
    static const Broken cases[] = {
        { 0x10, 0, 0, 0, "zero sized buffers are not allowed" },
        { 0x10, 4, VRING_DESC_F_NEXT, NUM, "descriptor next outside the table" },
        { 0x10, 4, VRING_DESC_F_NEXT, 0, "looped descriptor" },
        { UINT64_MAX, 4, 0, 0, "buffer wraps around the address space" },
        { INDIRECT, 15, VRING_DESC_F_INDIRECT, 0, "invalid size for indirect buffer table" },
        { INDIRECT, 0, VRING_DESC_F_INDIRECT, 0, "invalid size for indirect buffer table" },
        { INDIRECT, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1, "indirect descriptor with a successor" },
        { MEM_SIZE - 8, 16, VRING_DESC_F_INDIRECT, 0, "indirect table outside memory" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree Mem *m = g_new0(Mem, 1);

        put_desc(m, TABLE, 0, cases[i].addr, cases[i].len, cases[i].flags, cases[i].next);
        g_assert_cmpstr(parse(m, 0), ==, cases[i].error);
    }
}

/* A loop is noticed before one more descriptor than the table has is read: what the fuzz target counts too. */
static void test_loop_reads_no_more_than_the_table(void)
{
    g_autofree Mem *m = g_new0(Mem, 1);

    put_desc(m, TABLE, 0, INDIRECT, VRING_CHAIN_MAX * VRING_DESC_SIZE, VRING_DESC_F_INDIRECT, 0);
    put_desc(m, INDIRECT, 0, 0x10, 4, VRING_DESC_F_NEXT, 0);
    g_assert_cmpstr(parse(m, 0), ==, "looped descriptor");
    g_assert_cmpuint(m->fetches, ==, 1 + VRING_CHAIN_MAX);
}

static void test_order_and_place(void)
{
    g_autofree Mem *m = g_new0(Mem, 1);

    put_desc(m, TABLE, 0, 0x10, 4, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
    put_desc(m, TABLE, 1, 0x10, 4, 0, 0);
    g_assert_cmpstr(parse(m, 0), ==, "incorrect order for descriptors");
    g_assert_cmpstr(parse(m, NUM), ==, "head descriptor outside the table");
    g_assert_cmpstr(vring_parse_chain(mem_fetch, m, MEM_SIZE, NUM, 0, true, &chain), ==,
                    "descriptor table outside memory");
}

static void test_event_index(void)
{
    g_assert_true(vring_need_event(4, 5, 4));
    g_assert_false(vring_need_event(5, 5, 4));
    g_assert_false(vring_need_event(3, 5, 4));
    g_assert_true(vring_need_event(0xffff, 0, 0xffff));
    g_assert_true(vring_need_event(0xfffe, 1, 0xfffd));
    g_assert_false(vring_need_event(2, 1, 0xfffd));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vring/direct", test_direct);
    g_test_add_func("/vring/indirect", test_indirect);
    g_test_add_func("/vring/broken", test_broken);
    g_test_add_func("/vring/loop", test_loop_reads_no_more_than_the_table);
    g_test_add_func("/vring/order-and-place", test_order_and_place);
    g_test_add_func("/vring/event-index", test_event_index);
    return g_test_run();
}
