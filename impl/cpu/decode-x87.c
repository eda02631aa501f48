/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding of the x87's opcodes, D8 to DF, by their own scheme. Pure, see decode.c.
 *
 * The reg field chooses the operation; with a memory operand the opcode's low bits choose its format, else they
 * choose destination, pop and the rest. Names Zydis has for synonyms do not matter here.
 * Source: SDM volume 2, appendix A.5; volume 2, appendix B.17.
 */
#include "cpu/decode_int.h"
#include "cpu/x87.h"

typedef struct X87Entry {
    OpFunc *fn;
    uint8_t aux;
    uint8_t format;
} X87Entry;

#define ARITH_M(fmt)                                                                                    \
    { { op_x87_arith_m, X87_ADD, fmt }, { op_x87_arith_m, X87_MUL, fmt }, { op_x87_com_m, X87_KEEP, fmt }, \
      { op_x87_com_m, X87_POP, fmt }, { op_x87_arith_m, X87_SUB, fmt }, { op_x87_arith_m, X87_SUBR, fmt }, \
      { op_x87_arith_m, X87_DIV, fmt }, { op_x87_arith_m, X87_DIVR, fmt } }

/* [low bits of the opcode][reg] */
static const X87Entry memory_ops[8][8] = {
    ARITH_M(X87_F32),
    {
        { op_x87_fld_m, 0, X87_F32 }, { NULL }, { op_x87_fst_m, X87_KEEP, X87_F32 }, { op_x87_fst_m, X87_POP, X87_F32 },
        { op_x87_fldenv }, { op_x87_fldcw }, { op_x87_fnstenv }, { op_x87_fnstcw },
    },
    ARITH_M(X87_I32),
    {
        { op_x87_fld_m, 0, X87_I32 }, { op_x87_fst_m, X87_TRUNC_POP, X87_I32 }, { op_x87_fst_m, X87_KEEP, X87_I32 },
        { op_x87_fst_m, X87_POP, X87_I32 }, { NULL }, { op_x87_fld_m, 0, X87_F80 }, { NULL },
        { op_x87_fst_m, X87_POP, X87_F80 },
    },
    ARITH_M(X87_F64),
    {
        { op_x87_fld_m, 0, X87_F64 }, { op_x87_fst_m, X87_TRUNC_POP, X87_I64 }, { op_x87_fst_m, X87_KEEP, X87_F64 },
        { op_x87_fst_m, X87_POP, X87_F64 }, { op_x87_frstor }, { NULL }, { op_x87_fnsave }, { op_x87_fnstsw },
    },
    ARITH_M(X87_I16),
    {
        { op_x87_fld_m, 0, X87_I16 }, { op_x87_fst_m, X87_TRUNC_POP, X87_I16 }, { op_x87_fst_m, X87_KEEP, X87_I16 },
        { op_x87_fst_m, X87_POP, X87_I16 }, { op_x87_fld_m, 0, X87_BCD }, { op_x87_fld_m, 0, X87_I64 },
        { op_x87_fst_m, X87_POP, X87_BCD }, { op_x87_fst_m, X87_POP, X87_I64 },
    },
};

/* The same without memory; rs is the rm field. D9 E0 to FF, and what is below in special_op(), go by that too. */
static const X87Entry register_ops[8][8] = {
    {
        { op_x87_arith_r, X87_ADD }, { op_x87_arith_r, X87_MUL }, { op_x87_com, X87_KEEP }, { op_x87_com, X87_POP },
        { op_x87_arith_r, X87_SUB }, { op_x87_arith_r, X87_SUBR }, { op_x87_arith_r, X87_DIV },
        { op_x87_arith_r, X87_DIVR },
    },
    { { op_x87_fld_r }, { op_x87_fxch }, { NULL }, { op_x87_fstpnce }, { NULL }, { NULL }, { NULL }, { NULL } },
    { { op_x87_fcmov, 2 }, { op_x87_fcmov, 4 }, { op_x87_fcmov, 6 }, { op_x87_fcmov, 10 } },
    {
        { op_x87_fcmov, 3 }, { op_x87_fcmov, 5 }, { op_x87_fcmov, 7 }, { op_x87_fcmov, 11 }, { NULL },
        { op_x87_comi, X87_KEEP | X87_QUIET }, { op_x87_comi, X87_KEEP }, { NULL },
    },
    {
        { op_x87_arith_to, X87_ADD }, { op_x87_arith_to, X87_MUL }, { op_x87_com, X87_KEEP }, { op_x87_com, X87_POP },
        { op_x87_arith_to, X87_SUB }, { op_x87_arith_to, X87_SUBR }, { op_x87_arith_to, X87_DIV },
        { op_x87_arith_to, X87_DIVR },
    },
    {
        { op_x87_ffree, X87_KEEP }, { op_x87_fxch }, { op_x87_fst_r, X87_KEEP }, { op_x87_fst_r, X87_POP },
        { op_x87_com, X87_KEEP | X87_QUIET }, { op_x87_com, X87_POP | X87_QUIET }, { NULL }, { NULL },
    },
    {   /* format 1: pops */
        { op_x87_arith_to, X87_ADD, 1 }, { op_x87_arith_to, X87_MUL, 1 }, { op_x87_com, X87_POP }, { NULL },
        { op_x87_arith_to, X87_SUB, 1 }, { op_x87_arith_to, X87_SUBR, 1 }, { op_x87_arith_to, X87_DIV, 1 },
        { op_x87_arith_to, X87_DIVR, 1 },
    },
    {
        { op_x87_ffree, X87_POP }, { op_x87_fxch }, { op_x87_fst_r, X87_POP }, { op_x87_fst_r, X87_POP }, { NULL },
        { op_x87_comi, X87_POP | X87_QUIET }, { op_x87_comi, X87_POP }, { NULL },
    },
};

/* D9 E0 to D9 FF. */
static const X87Entry d9_ops[32] = {
    { op_x87_sign, X87_FCHS }, { op_x87_sign, X87_FABS }, { NULL }, { NULL }, { op_x87_ftst }, { op_x87_fxam },
    { NULL }, { NULL }, { op_x87_const, 0 }, { op_x87_const, 1 }, { op_x87_const, 2 }, { op_x87_const, 3 },
    { op_x87_const, 4 }, { op_x87_const, 5 }, { op_x87_const, 6 }, { NULL }, { op_x87_unary, X87_F2XM1 },
    { op_x87_log, X87_FYL2X }, { op_x87_trig, X87_FPTAN }, { op_x87_log, X87_FPATAN }, { op_x87_fxtract },
    { op_x87_fprem, 1 }, { op_x87_rotate, 7 }, { op_x87_rotate, 1 }, { op_x87_fprem, 0 },
    { op_x87_log, X87_FYL2XP1 }, { op_x87_unary, X87_FSQRT }, { op_x87_trig, X87_FSINCOS },
    { op_x87_unary, X87_FRNDINT }, { op_x87_fscale }, { op_x87_trig, X87_FSIN }, { op_x87_trig, X87_FCOS },
};

/* Instructions without operands that have a whole modrm byte to themselves. */
static X87Entry special_op(unsigned opcode, unsigned modrm)
{
    switch (opcode << 8 | modrm) {
    case 0xd9d0:
        return (X87Entry){ op_x87_fnop };
    case 0xdae9:
        return (X87Entry){ op_x87_com, X87_POP2 | X87_QUIET };
    case 0xdbe0:
    case 0xdbe1:
    case 0xdbe4:
        return (X87Entry){ op_x87_ignored };   /* feni, fdisi, fsetpm: of older coprocessors */
    case 0xdbe2:
        return (X87Entry){ op_x87_fnclex };
    case 0xdbe3:
        return (X87Entry){ op_x87_fninit };
    case 0xded9:
        return (X87Entry){ op_x87_com, X87_POP2 };
    case 0xdfe0:
        return (X87Entry){ op_x87_fnstsw_ax };
    default:
        return opcode == 0xd9 && modrm >= 0xe0 ? d9_ops[modrm & 31] : (X87Entry){ NULL };
    }
}

bool decode_x87(Decoder *d)
{
    unsigned opcode = d->insn.opcode, reg = d->insn.raw.modrm.reg, rm = d->insn.raw.modrm.rm;
    unsigned modrm = (unsigned)d->insn.raw.modrm.mod << 6 | reg << 3 | rm;
    bool prefix = (d->insn.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) && !d->insn.raw.rex.W;   /* W wins */
    X87Entry e;

    if (d->insn.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || d->insn.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT) {
        return false;
    }
    if (opcode == 0x9b) {
        d->in->fn = op_fwait;
        return true;
    }
    if (opcode >> 3 != 0xd8 >> 3) {
        return false;
    }
    if (modrm < 0xc0) {
        e = memory_ops[opcode & 7][reg];
        for (unsigned i = 0; i < d->insn.operand_count; i++) {
            if (d->ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY) {
                d->ops[0] = d->ops[i];
            }
        }
        if (!shape_mem(d, 0)) {
            return false;
        }
    } else {
        e = register_ops[opcode & 7][reg];
        if (!e.fn) {
            e = special_op(opcode, modrm);
        }
        d->in->rs = (uint8_t)rm;
    }
    d->in->fn = e.fn;
    d->in->aux = e.aux;
    d->in->rd = e.format;
    d->in->imm = (int64_t)((opcode & 7) << 8 | modrm);
    d->in->size = (d->bits == 16) == prefix ? 4 : 2;
    return e.fn != NULL;
}
