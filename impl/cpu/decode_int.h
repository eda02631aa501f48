/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the decoder's files share: an instruction as Zydis sees it, and the shapes that turn its operands into an
 * Insn. Internal to decode*.c.
 */
#ifndef CPU_DECODE_INT_H
#define CPU_DECODE_INT_H

#include "cpu/ops.h"

#include <Zydis/Zydis.h>

typedef struct Decoder {
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    unsigned bits;
    Insn *in;
} Decoder;

/** decode_gpr: a general register as an offset into regs. */
uint8_t decode_gpr(ZydisRegister reg);
/** decode_set_mem: the memory operand. */
void decode_set_mem(Decoder *d, const ZydisDecodedOperand *o);
/** decode_sse: fill in d->in if it is an MMX or SSE instruction (decode-sse.c). */
bool decode_sse(Decoder *d);
/** decode_x87: the same for the x87 and fwait (decode-x87.c). */
bool decode_x87(Decoder *d);

/** A shape fills in what its handlers expect. @arg comes from the table. False: not an instruction after all. */
typedef bool ShapeFunc(Decoder *d, int arg);

ShapeFunc shape_none, shape_sized, shape_stack, shape_alu, shape_unary, shape_rm, shape_mem, shape_rm_r,
    shape_r_rm, shape_extend, shape_lea, shape_movbe, shape_xchg, shape_shift, shape_double_shift, shape_bt,
    shape_imul, shape_vex3, shape_bls, shape_mov, shape_push, shape_pop, shape_enter, shape_load_far,
    shape_rel, shape_transfer, shape_ret, shape_imm, shape_string, shape_xlat, shape_port, shape_lar,
    shape_fsgs, shape_ignore;

#endif
