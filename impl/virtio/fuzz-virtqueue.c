/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: descriptor chains made of any bytes. The input is guest memory; its first bytes choose table and head.
 * Checked: the parser stays within its bounds, and what it accepts keeps the promises of ring.h.
 */
#include "virtio/ring.h"

#include "base/assert.h"
#include "base/bytes.h"

typedef struct Input {
    const uint8_t *data;
    size_t size;
    unsigned fetches;
} Input;

static bool input_fetch(void *opaque, uint64_t addr, void *buf, unsigned len)
{
    Input *in = opaque;

    in->fetches++;
    if (addr > in->size || len > in->size - addr) {
        return false;
    }
    memcpy(buf, in->data + addr, len);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in = { .data = data, .size = size };
    g_autofree VRingChain *chain = g_new(VRingChain, 1);
    unsigned num;

    if (size < 8) {
        return 0;
    }
    num = 1u << (data[0] % 11);
    if (!vring_parse_chain(input_fetch, &in, ld16_le(data + 1), num, ld16_le(data + 3), data[5] & 1, chain)) {
        unsigned n = chain->out_num + chain->in_num;

        assert(n >= 1 && n <= VRING_CHAIN_MAX);
        for (unsigned i = 0; i < n; i++) {
            uint64_t end;

            assert(chain->seg[i].len > 0);
            assert(!u64_add_overflows(chain->seg[i].addr, chain->seg[i].len, &end));
        }
    }
    assert(in.fetches <= VRING_CHAIN_MAX + 1);
    return 0;
}
