/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of x87, MMX and SSE, and who may use it.
 *
 * I1  TOP is in top, nowhere else; bits 11 to 13 of sw are zero. x87_status() puts them together.
 * I2  ES and B of sw are set exactly when an exception flag is set that cw does not mask.
 * I3  An MMX register is the significand of the x87 register with its number, whatever TOP is.
 * Source: SDM volume 1, chapters 8, 9 and 10; volume 3, table 2-2 (EM, MP, TS).
 */
#ifndef CPU_FPU_H
#define CPU_FPU_H

#include "cpu/softfloat.h"

typedef struct X86CPU X86CPU;

typedef union XmmReg {
    uint8_t b[16];
    uint16_t w[8];
    uint32_t d[4];
    uint64_t q[2];
    int8_t sb[16];           /* the same, signed */
    int16_t sw[8];
    int32_t sd[4];
    int64_t sq[2];
} __attribute__((aligned(16))) XmmReg;

typedef struct X86FPU {
    XmmReg xmm[16];
    floatx80 st[8];          /* R0 to R7: ST(i) is st[(top + i) & 7] */
    uint64_t ip, dp;         /* of the last instruction and its memory operand */
    uint32_t mxcsr;
    uint16_t cs, ds;         /* selectors that go with ip and dp */
    uint16_t cw;
    uint16_t sw;             /* without TOP (I1) */
    uint16_t op;             /* low eleven bits of the last opcode */
    uint8_t top;
    uint8_t tags;            /* bit i: Ri is empty */
} X86FPU;

enum {
    FPU_SW_SF = 1 << 6, FPU_SW_ES = 1 << 7, FPU_SW_C0 = 1 << 8, FPU_SW_C1 = 1 << 9, FPU_SW_C2 = 1 << 10,
    FPU_SW_C3 = 1 << 14, FPU_SW_B = 1 << 15, FPU_SW_CC = FPU_SW_C0 | FPU_SW_C1 | FPU_SW_C2 | FPU_SW_C3,
};
enum { FPU_CW_INIT = 0x37f, FPU_CW_RESET = 0x40, FPU_CW_FIXED = 0x40, FPU_CW_BITS = 0x1f3f };

/* MXCSR: flags in 0..5, then these, masks from 7 on. MXCSR_MASK is what fxsave reports and ldmxcsr accepts. */
enum {
    MXCSR_DAZ = 1 << 6, MXCSR_MASK_SHIFT = 7, MXCSR_RC_SHIFT = 13, MXCSR_FTZ = 1 << 15,
    MXCSR_INIT = 0x1f80, MXCSR_MASK = 0xffff,
};

/** fpu_reset: as after RESET. fpu_init: as fninit. */
void fpu_reset(X86FPU *fpu);
void fpu_init(X86FPU *fpu);

static inline uint16_t x87_status(const X86FPU *fpu)
{
    return (uint16_t)(fpu->sw | fpu->top << 11);
}

/** Control and status word written by an instruction or a stream: keeps I1 and I2. */
void x87_set_control(X86FPU *fpu, uint16_t cw);
void x87_set_status(X86FPU *fpu, uint16_t sw);

/** The full tag word, two bits for each register, and the empty bits it implies. */
uint16_t x87_full_tags(const X86FPU *fpu);
uint8_t x87_empty_from_full(uint16_t tags);

/** fpu_status_sse: the modes of MXCSR, no flags. */
static inline FloatStatus fpu_status_sse(uint32_t mxcsr)
{
    return (FloatStatus){
        .rounding = mxcsr >> MXCSR_RC_SHIFT & 3,
        .masks = mxcsr >> MXCSR_MASK_SHIFT & FLOAT_ALL,
        .daz = (mxcsr & MXCSR_DAZ) != 0,
        .ftz = (mxcsr & MXCSR_FTZ) != 0,
    };
}

typedef enum FpuUse {
    FPU_WAITING,      /* an x87 instruction that reports a pending exception first */
    FPU_CONTROL,      /* one that does not (fnstcw..) */
    FPU_WAIT,         /* fwait: TS only counts with MP */
    FPU_MMX,
} FpuUse;

/** fpu_check: raise #NM, #UD or #MF if the x87 or MMX may not be used now. */
int fpu_check(X86CPU *cpu, FpuUse use);
/** sse_check: the same for instructions with xmm registers, #UD without CR4.OSFXSR. */
int sse_check(X86CPU *cpu);
/** fpu_enter_mmx: what every MMX instruction but emms does: TOP 0, all registers valid. After the last fault. */
void fpu_enter_mmx(X86FPU *fpu);
/** fpu_mmx_write: an MMX register as destination; its exponent becomes all ones. */
static inline void fpu_mmx_write(X86FPU *fpu, unsigned reg, uint64_t v)
{
    fpu->st[reg] = (floatx80){ .mant = v, .se = 0xffff };
}

/**
 * x87_to_fxsave / x87_from_fxsave: the x87 part of the image: bytes 0 to 23 and 32 to 159; @image has all 512 bytes.
 * Bytes 24 to 31 (MXCSR) and the xmm registers are the caller's.
 * @rex_w: 64-bit ip and dp instead of selector and offset.
 */
void x87_to_fxsave(const X86FPU *fpu, uint8_t *image, bool rex_w);
void x87_from_fxsave(X86FPU *fpu, const uint8_t *image, bool rex_w);

#endif
