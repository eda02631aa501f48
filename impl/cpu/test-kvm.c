/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goal: a segment register looks to the kernel as entering a guest demands, and comes back as it went. */
#include "cpu/kvm_int.h"

static void test_there_and_back(void)
{
    static const SegmentCache segments[] = {
        { .selector = 8, .limit = UINT32_MAX, .flags = DESC_P | DESC_S | DESC_CS | DESC_R | DESC_A | DESC_L | DESC_G },
        { .selector = 0x13, .limit = 0x1fff, .base = 0x1234, .flags = DESC_P | DESC_S | DESC_W | 3u << 13 | DESC_G },
        { .selector = 0x2b, .limit = 0x67, .base = 0xffff888000000000, .flags = DESC_P | 11u << 8 },
        { .selector = 3 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(segments); i++) {
        struct kvm_segment k = kvm_from_segment(&segments[i], segments[i].flags >> DESC_DPL_SHIFT & 3);
        SegmentCache s = kvm_to_segment(&k);

        g_assert_cmphex(s.selector, ==, segments[i].selector);
        g_assert_cmphex(s.limit, ==, segments[i].limit);
        g_assert_cmphex(s.base, ==, segments[i].base);
        g_assert_cmphex(s.flags, ==, segments[i].flags);
    }
}

/* SDM volume 3, 26.3.1.2: any of bits 31:20 of the limit set: G is 1; any of bits 11:0 clear: G is 0. */
static void test_granularity(void)
{
    const SegmentCache unreal = { .limit = 0xffffffffu, .flags = DESC_P | DESC_S | DESC_W | DESC_A };
    const SegmentCache odd = { .limit = 0x12345, .flags = DESC_P | DESC_S | DESC_W | DESC_A | DESC_G };

    g_assert_cmpint(kvm_from_segment(&unreal, 0).g, ==, 1);
    g_assert_cmpint(kvm_from_segment(&odd, 0).g, ==, 0);
}

/* A null stack segment still has the privilege level, which is where the kernel looks for it. */
static void test_null_stack(void)
{
    const SegmentCache null = { .selector = 0 };
    struct kvm_segment k = kvm_from_segment(&null, 3);

    g_assert_cmpint(k.unusable, ==, 1);
    g_assert_cmpint(k.dpl, ==, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kvm/there-and-back", test_there_and_back);
    g_test_add_func("/kvm/granularity", test_granularity);
    g_test_add_func("/kvm/null-stack", test_null_stack);
    return g_test_run();
}
