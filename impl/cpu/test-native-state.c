/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rondo-cpu-fuzz: chance, and random states: values that instructions treat specially come up often.
 */
#include "cpu/test-native.h"

#include <string.h>

#include "cpu/insn.h"

static uint64_t state;

void rnd_seed(uint64_t seed)
{
    state = seed;
}

uint64_t rnd64(void)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t random_value(void)
{
    static const uint64_t edges[] = {
        0, 1, UINT64_MAX, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
        INT64_MAX, UINT64_C(1) << 63,
    };

    switch (rnd_below(4)) {
    case 0:
        return edges[rnd_below(G_N_ELEMENTS(edges))];
    case 1:
        return rnd64() >> rnd_below(64);
    default:
        return rnd64();
    }
}

/* Bit patterns that mean something as numbers: zeros, ones, infinities, NaNs, denormals. */
static uint64_t random_double(void)
{
    static const uint32_t exps[] = { 0, 1, 2, 0x3fe, 0x3ff, 0x400, 0x401, 0x410, 0x43e, 0x7fe, 0x7ff };
    uint64_t frac = chance(30) ? 0 : (rnd64() >> 12 << (chance(50) ? 0 : rnd_below(52))) & ((UINT64_C(1) << 52) - 1);
    uint64_t exp = chance(70) ? exps[rnd_below(G_N_ELEMENTS(exps))] : rnd64() & 0x7ff;

    return rnd64() << 63 | exp << 52 | frac;
}

static uint32_t random_float(void)
{
    static const uint32_t exps[] = { 0, 1, 0x7e, 0x7f, 0x80, 0x81, 0x9e, 0xfe, 0xff };
    uint32_t frac = chance(30) ? 0 : (uint32_t)rnd64() >> 9;
    uint32_t exp = chance(70) ? exps[rnd_below(G_N_ELEMENTS(exps))] : (uint32_t)rnd64() & 0xff;

    return (uint32_t)rnd64() << 31 | exp << 23 | frac;
}

static uint64_t random_lane(void)
{
    switch (rnd_below(4)) {
    case 0:
        return random_value();
    case 1:
        return random_double();
    default:
        return (uint64_t)random_float() << 32 | random_float();
    }
}

static void random_x87(uint8_t *p)
{
    static const uint16_t exps[] = { 0, 1, 2, 0x3ffe, 0x3fff, 0x4000, 0x4001, 0x401e, 0x403e, 0x7ffe, 0x7fff };
    uint64_t mant = rnd64() << (chance(50) ? 0 : rnd_below(64));
    uint16_t exp = chance(50) ? exps[rnd_below(G_N_ELEMENTS(exps))]
                              : chance(60) ? (uint16_t)(0x3fff - 40 + rnd_below(110)) : (uint16_t)(rnd64() & 0x7fff);

    mant = chance(20) ? 0 : mant;
    mant |= chance(95) && exp ? UINT64_C(1) << 63 : 0;
    exp |= (uint16_t)(rnd64() & 0x8000);
    memcpy(p, &mant, 8);
    memcpy(p + 8, &exp, 2);
}

static void random_fx(uint8_t *fx)
{
    uint16_t cw = (uint16_t)(rnd64() & 0xf00) | 0x40 | (chance(70) ? 0x3f : (uint16_t)(rnd64() & 0x3f));
    uint16_t sw = (uint16_t)(rnd64() & 0x7f00);
    uint32_t mxcsr = (uint32_t)(rnd64() & 0xe07f) | (chance(70) ? 0x1f80 : (uint32_t)(rnd64() & 0x1f80));

    memset(fx, 0, 512);
    if ((cw & 0x300) == 0x100) {
        cw |= 0x200;
    }
    mxcsr &= chance(50) ? ~0x803fu : ~0u;
    memcpy(fx, &cw, 2);
    memcpy(fx + 2, &sw, 2);
    fx[4] = chance(50) ? (uint8_t)rnd64() : chance(50) ? 0x3c : 0xff;
    memcpy(fx + 24, &mxcsr, 4);
    for (unsigned i = 0; i < 8; i++) {
        random_x87(fx + 32 + i * 16);
    }
    for (unsigned i = 0; i < 32; i++) {
        uint64_t v = random_lane();

        memcpy(fx + 160 + i * 8, &v, 8);
    }
}

void native_gen_state(NativeCase *c, unsigned bits)
{
    memset(&c->regs, 0, sizeof(c->regs));
    for (unsigned i = 0; i < 16; i++) {
        c->regs.gpr[i] = random_value() & (bits == 32 && i < 8 ? 0xffffffffu : UINT64_MAX);
    }
    c->regs.gpr[R_ESP] = STACK_BASE + STACK_SIZE / 2 + rnd_below(16) * 8;
    c->regs.gpr[REG_INDEX] = rnd_below(8) * (chance(70) ? 16 : 1);
    c->regs.gpr[bits == 64 ? REG_POINTER : R_EBP] = DATA_POINTER;
    c->regs.rip = CODE_BASE;
    c->regs.rflags = 0x202 | (rnd64() & (FLAGS_ARITH | FLAG_DF));
    random_fx(c->regs.fx);
    for (unsigned i = 0; i < sizeof(c->mem); i += 8) {
        uint64_t v = random_lane();

        memcpy((uint8_t *)&c->mem + i, &v, 8);
    }
}
