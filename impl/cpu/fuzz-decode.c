/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: the instruction decoder. Any bytes in any code size give an instruction or ask for more bytes, and
 * what comes out stays inside the limits that handlers rely on.
 */
#include "cpu/insn.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const Insn *in, size_t avail)
{
    enum { REGS_END = R__COUNT * 8 };

    assert(in->fn != NULL);
    assert(in->len >= 1 && in->len <= 15 && in->len <= MAX(avail, 1));
    assert(in->rd < REGS_END && in->rs < REGS_END && in->base < REGS_END && in->index < REGS_END);
    assert(in->seg < SEG__COUNT && in->scale <= 3 && in->ashift <= 48);
    assert(in->size <= 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned modes[] = { 16, 32, 64 };
    size_t pos = 1;

    if (size < 2) {
        return 0;
    }
    while (pos < size) {
        Insn in;

        if (insn_decode(modes[data[0] % 3], data + pos, size - pos, (unsigned)(pos & 0xfff), &in) == DECODE_MORE) {
            assert(size - pos < 15);
            break;
        }
        check(&in, size - pos);
        pos += in.len;
    }
    return 0;
}
