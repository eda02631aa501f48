/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of x87, MMX and SSE: reset, words with derived bits, permission to use it, the x87 part of fxsave.
 * See fpu.h for the invariants.
 */
#include "cpu/fpu.h"

#include "base/bytes.h"
#include "cpu/insn.h"

void fpu_init(X86FPU *fpu)
{
    fpu->cw = FPU_CW_INIT;
    fpu->sw = 0;
    fpu->top = 0;
    fpu->tags = 0xff;
    fpu->ip = fpu->dp = 0;
    fpu->cs = fpu->ds = fpu->op = 0;
}

void fpu_reset(X86FPU *fpu)
{
    memset(fpu, 0, sizeof(*fpu));
    fpu->cw = FPU_CW_RESET;
    fpu->tags = 0x00;   /* RESET leaves zeros, tagged so; only fninit empties */
    fpu->mxcsr = MXCSR_INIT;
}

/* (I2) */
static void update_summary(X86FPU *fpu)
{
    if (fpu->sw & ~fpu->cw & FLOAT_ALL) {
        fpu->sw |= FPU_SW_ES | FPU_SW_B;
    } else {
        fpu->sw &= (uint16_t)~(FPU_SW_ES | FPU_SW_B);
    }
}

void x87_set_control(X86FPU *fpu, uint16_t cw)
{
    fpu->cw = (cw & FPU_CW_BITS) | FPU_CW_FIXED;
    update_summary(fpu);
}

void x87_set_status(X86FPU *fpu, uint16_t sw)
{
    fpu->top = sw >> 11 & 7;
    fpu->sw = sw & (uint16_t)~(7 << 11);
    update_summary(fpu);
}

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

uint16_t x87_full_tags(const X86FPU *fpu)
{
    unsigned tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        floatx80 v = fpu->st[i];
        unsigned tag = TAG_VALID;

        if (fpu->tags >> i & 1) {
            tag = TAG_EMPTY;
        } else if (fx80_is_zero(v)) {
            tag = TAG_ZERO;
        } else if (fx80_exp(v) == 0 || fx80_exp(v) == 0x7fff || fx80_is_unsupported(v)) {
            tag = TAG_SPECIAL;
        }
        tags |= tag << i * 2;
    }
    return (uint16_t)tags;
}

uint8_t x87_empty_from_full(uint16_t tags)
{
    unsigned empty = 0;

    for (unsigned i = 0; i < 8; i++) {
        if ((tags >> i * 2 & 3) == TAG_EMPTY) {
            empty |= 1u << i;
        }
    }
    return (uint8_t)empty;
}

int fpu_check(X86CPU *cpu, FpuUse use)
{
    if (use == FPU_MMX && (cpu->cr0 & CR0_EM)) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (use == FPU_WAIT) {
        if ((cpu->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) {
            return cpu_raise(cpu, EXC_NM);
        }
    } else if (cpu->cr0 & (CR0_EM | CR0_TS)) {
        return cpu_raise(cpu, EXC_NM);
    }
    /* Without NE the processor would ask outside, through FERR# and IGNNE#; nothing is wired there: ignored. */
    if (use != FPU_CONTROL && (cpu->fpu.sw & FPU_SW_ES) && (cpu->cr0 & CR0_NE)) {
        return cpu_raise(cpu, EXC_MF);
    }
    return RET_NEXT;
}

int sse_check(X86CPU *cpu)
{
    if ((cpu->cr0 & CR0_EM) || !(cpu->cr4 & CR4_OSFXSR)) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (cpu->cr0 & CR0_TS) {
        return cpu_raise(cpu, EXC_NM);
    }
    return RET_NEXT;
}

void fpu_enter_mmx(X86FPU *fpu)
{
    fpu->top = 0;
    fpu->tags = 0;
}

/* ---- The x87 part of the fxsave image. Source: SDM volume 1, table 10-2. ---- */

enum { FX_FCW = 0, FX_FSW = 2, FX_FTW = 4, FX_FOP = 6, FX_FIP = 8, FX_FCS = 12, FX_FDP = 16, FX_FDS = 20, FX_ST = 32 };

void x87_to_fxsave(const X86FPU *fpu, uint8_t *image, bool rex_w)
{
    st16_le(image + FX_FCW, fpu->cw);
    st16_le(image + FX_FSW, x87_status(fpu));
    st16_le(image + FX_FTW, (uint8_t)~fpu->tags);
    st16_le(image + FX_FOP, fpu->op);
    st64_le(image + FX_FIP, fpu->ip);
    st64_le(image + FX_FDP, fpu->dp);
    if (!rex_w) {
        st32_le(image + FX_FCS, fpu->cs);
        st32_le(image + FX_FDS, fpu->ds);
    }
    for (unsigned i = 0; i < 8; i++) {
        floatx80 v = fpu->st[(fpu->top + i) & 7];
        uint8_t *p = image + FX_ST + i * 16;

        st64_le(p, v.mant);
        st64_le(p + 8, v.se);
    }
}

void x87_from_fxsave(X86FPU *fpu, const uint8_t *image, bool rex_w)
{
    fpu->cw = (ld16_le(image + FX_FCW) & FPU_CW_BITS) | FPU_CW_FIXED;
    x87_set_status(fpu, ld16_le(image + FX_FSW));
    fpu->tags = (uint8_t)~image[FX_FTW];
    fpu->op = ld16_le(image + FX_FOP) & 0x7ff;
    if (rex_w) {
        fpu->ip = ld64_le(image + FX_FIP);
        fpu->dp = ld64_le(image + FX_FDP);
        fpu->cs = fpu->ds = 0;
    } else {
        fpu->ip = ld32_le(image + FX_FIP);
        fpu->cs = ld16_le(image + FX_FCS);
        fpu->dp = ld32_le(image + FX_FDP);
        fpu->ds = ld16_le(image + FX_FDS);
    }
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *p = image + FX_ST + i * 16;

        fpu->st[(fpu->top + i) & 7] = (floatx80){ .mant = ld64_le(p), .se = ld16_le(p + 8) };
    }
}
