/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small assembler for x86-64: as much as the translator needs. Internal to the jit files.
 *
 * Code is put into a buffer and copied to where it will run, @delta bytes further, so jumps within it can be relative
 * at once. Operand sizes are 1, 2, 4 or 8 bytes; opcodes are given for the full size and lose their low bit for 1.
 * Nothing is written behind the end of the buffer; the caller looks at @full once.
 * Source: SDM volume 2, chapter 2 and appendix B.
 */
#ifndef CPU_JIT_ASM_H
#define CPU_JIT_ASM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct Asm {
    uint8_t *p, *end;
    intptr_t delta;
    bool full;
} Asm;

enum {
    H_RAX, H_RCX, H_RDX, H_RBX, H_RSP, H_RBP, H_RSI, H_RDI, H_R8, H_R9, H_R10, H_R11, H_R12, H_R13, H_R14, H_R15,
    H_NONE = -1,
};

/* Conditions as encoded. */
enum { HC_B = 2, HC_AE = 3, HC_E = 4, HC_NE = 5, HC_A = 7 };

/* Opcodes of the full size, register operand in reg and other operand in r/m. */
enum {
    A_ADD = 0x01, A_OR = 0x09, A_ADC = 0x11, A_SBB = 0x19, A_AND = 0x21, A_SUB = 0x29, A_XOR = 0x31, A_CMP = 0x39,
    A_TEST = 0x85, A_MOV = 0x89, A_LOAD = 0x8b, A_XCHG = 0x87, A_LEA = 0x8d,
    A_MOVZX8 = 0xfb6, A_MOVZX16 = 0xfb7, A_MOVSX8 = 0xfbe, A_MOVSX16 = 0xfbf, A_MOVSXD = 0x63, A_IMUL = 0xfaf,
    A_FROM_RM = 2,       /* added to an arithmetic opcode: r/m is the source */
};

static inline void a8(Asm *a, unsigned v)
{
    if (a->p < a->end) {
        *a->p++ = (uint8_t)v;
    } else {
        a->full = true;
    }
}

static inline void a32(Asm *a, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        a8(a, v >> (i * 8));
    }
}

static inline void a64(Asm *a, uint64_t v)
{
    a32(a, (uint32_t)v);
    a32(a, (uint32_t)(v >> 32));
}

static inline void a_imm(Asm *a, unsigned size, int64_t imm)
{
    for (unsigned i = 0; i < (size > 4 ? 4 : size); i++) {
        a8(a, (unsigned)((uint64_t)imm >> (i * 8)));
    }
}

static inline bool a_fits8(int64_t v)
{
    return v == (int8_t)v;
}

static inline bool a_fits32(int64_t v)
{
    return v == (int32_t)v;
}

/* Prefixes and opcode. @byte_reg: a byte register 4 to 7 is among the operands, which needs an empty REX. */
static inline void a_op(Asm *a, unsigned op, unsigned size, int reg, int index, int base, bool byte_reg)
{
    unsigned rex = (size == 8 ? 8u : 0) | ((unsigned)reg >> 3) << 2 | ((unsigned)index >> 3) << 1 | (unsigned)base >> 3;

    if (size == 2) {
        a8(a, 0x66);
    }
    if (rex || byte_reg) {
        a8(a, 0x40 | rex);
    }
    if (op > 0xff) {
        a8(a, op >> 8);
    }
    a8(a, op);
}

static inline bool a_is_new_byte(unsigned size, int reg)
{
    return size == 1 && reg >= 4 && reg < 8;
}

static inline unsigned a_sized(unsigned op, unsigned size)
{
    return size == 1 ? op & ~1u : op;
}

/* Register operands as they are, whatever the opcode means. @byte_reg as above. */
static inline void a_rr_raw(Asm *a, unsigned op, unsigned size, int reg, int rm, bool byte_reg)
{
    a_op(a, op, size, reg, 0, rm, byte_reg);
    a8(a, 0xc0 | ((unsigned)reg & 7) << 3 | ((unsigned)rm & 7));
}

static inline void a_rr(Asm *a, unsigned op, unsigned size, int reg, int rm)
{
    a_rr_raw(a, a_sized(op, size), size, reg, rm, a_is_new_byte(size, reg) || a_is_new_byte(size, rm));
}

static inline void a_mov(Asm *a, unsigned size, int dst, int src)
{
    if (dst != src || size < 8) {
        a_rr(a, A_MOV, size, src, dst);
    }
}

/* [base + index << scale + disp]; either register may be H_NONE. */
static inline void a_rmx_raw(Asm *a, unsigned op, unsigned size, int reg, int base, int index, unsigned scale,
                             int32_t disp, bool byte_reg)
{
    unsigned r = ((unsigned)reg & 7) << 3;
    unsigned mod = base == H_NONE || (disp == 0 && (base & 7) != H_RBP) ? 0 : a_fits8(disp) ? 0x40 : 0x80;

    a_op(a, op, size, reg, index == H_NONE ? 0 : index, base == H_NONE ? 0 : base, byte_reg);
    if (index != H_NONE || base == H_NONE || (base & 7) == H_RSP) {
        a8(a, mod | r | 4);
        a8(a, scale << 6 | (index == H_NONE ? 4 : (unsigned)index & 7) << 3 |
                  (base == H_NONE ? 5 : (unsigned)base & 7));
    } else {
        a8(a, mod | r | ((unsigned)base & 7));
    }
    if (mod == 0x40) {
        a8(a, (unsigned)disp);
    } else if (mod == 0x80 || base == H_NONE) {
        a32(a, (uint32_t)disp);
    }
}

static inline void a_rm(Asm *a, unsigned op, unsigned size, int reg, int base, int32_t disp)
{
    a_rmx_raw(a, a_sized(op, size), size, reg, base, H_NONE, 0, disp, a_is_new_byte(size, reg));
}

/* An arithmetic operation with an immediate: @op is A_ADD to A_CMP. */
static inline void a_ri(Asm *a, unsigned op, unsigned size, int rm, int64_t imm)
{
    bool small = size > 1 && a_fits8(imm);

    a_rr_raw(a, size == 1 ? 0x80 : small ? 0x83 : 0x81, size, (int)(op >> 3), rm, a_is_new_byte(size, rm));
    a_imm(a, small ? 1 : size, imm);
}

static inline void a_mi(Asm *a, unsigned op, unsigned size, int base, int32_t disp, int64_t imm)
{
    bool small = size > 1 && a_fits8(imm);

    a_rmx_raw(a, size == 1 ? 0x80 : small ? 0x83 : 0x81, size, (int)(op >> 3), base, H_NONE, 0, disp, false);
    a_imm(a, small ? 1 : size, imm);
}

/* Store an immediate; of 8 bytes the lower 4 are given. */
static inline void a_store_imm(Asm *a, unsigned size, int base, int32_t disp, int64_t imm)
{
    a_rm(a, 0xc7, size, 0, base, disp);
    a_imm(a, size, imm);
}

/* A whole register becomes @v. Flags stay. */
static inline void a_mov_imm(Asm *a, int dst, uint64_t v)
{
    if (v <= UINT32_MAX) {
        a_op(a, 0xb8 | ((unsigned)dst & 7), 4, 0, 0, dst, false);
        a32(a, (uint32_t)v);
    } else if (a_fits32((int64_t)v)) {
        a_rr_raw(a, 0xc7, 8, 0, dst, false);
        a32(a, (uint32_t)v);
    } else {
        a_op(a, 0xb8 | ((unsigned)dst & 7), 8, 0, 0, dst, false);
        a64(a, v);
    }
}

/* Shift by an immediate; @ext is 0 rol, 1 ror, 4 shl, 5 shr, 7 sar. */
static inline void a_shift(Asm *a, unsigned ext, unsigned size, int rm, unsigned count)
{
    a_rr(a, 0xc1, size, (int)ext, rm);
    a8(a, count);
}

/* ---- Jumps ---- */

/* A jump forward: returns what a_here() needs. */
static inline uint8_t *a_jcc(Asm *a, unsigned cond)
{
    a8(a, 0x0f);
    a8(a, 0x80 | cond);
    a32(a, 0);
    return a->p;
}

static inline uint8_t *a_jmp(Asm *a)
{
    a8(a, 0xe9);
    a32(a, 0);
    return a->p;
}

/* The jump that ended at @after goes to @target. */
static inline void a_bind(Asm *a, uint8_t *after, const uint8_t *target)
{
    int32_t rel = (int32_t)(target - after);

    if (!a->full) {
        memcpy(after - 4, &rel, 4);
    }
}

static inline void a_here(Asm *a, uint8_t *after)
{
    a_bind(a, after, a->p);
}

/* Jump (ext 4) or call (ext 2) through a pointer in memory, or the address of it, within 2 GiB of the final code. */
static inline void a_rip(Asm *a, unsigned op, unsigned size, int reg, const void *at)
{
    a_op(a, op, size, reg, 0, 0, false);
    a8(a, 5 | ((unsigned)reg & 7) << 3);
    a32(a, (uint32_t)((intptr_t)at - ((intptr_t)a->p + a->delta + 4)));
}

static inline void a_jmp_via(Asm *a, const void *pointer)
{
    a_rip(a, 0xff, 4, 4, pointer);
}

static inline void a_call_via(Asm *a, const void *pointer)
{
    a_rip(a, 0xff, 4, 2, pointer);
}

#endif
