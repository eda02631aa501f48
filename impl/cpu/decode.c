/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes to Insn: Zydis takes the bytes apart, a table by mnemonic says which handler and operand shape.
 *
 * Pure: no processor state is looked at beyond the code size, so decoded instructions can be shared between
 * privilege levels and address spaces, and the decoder can be fuzzed. Nothing of Zydis survives into Insn.
 */
#include "cpu/ops.h"

#include <Zydis/Zydis.h>

typedef struct Decoder {
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    unsigned bits;
    Insn *in;
} Decoder;

typedef bool ShapeFunc(Decoder *d, int arg);

typedef struct Entry {
    ShapeFunc *shape;
    OpFunc *fn;
    int arg;
    uint8_t flags;       /* IF_STOP */
} Entry;

/* ---- Operands ---- */

static uint8_t gpr_offset(ZydisRegister reg)
{
    unsigned id = (unsigned)ZydisRegisterGetId(reg);

    if (ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_GPR8) {
        /* al cl dl bl ah ch dh bh spl bpl sil dil r8b.. */
        if (id < 4) {
            return (uint8_t)(id * 8);
        }
        return (uint8_t)(id < 8 ? (id - 4) * 8 + 1 : (id - 4) * 8);
    }
    return (uint8_t)(id * 8);
}

static bool is_gpr(const ZydisDecodedOperand *o)
{
    ZydisRegisterClass c;

    if (o->type != ZYDIS_OPERAND_TYPE_REGISTER) {
        return false;
    }
    c = ZydisRegisterGetClass(o->reg.value);
    return c == ZYDIS_REGCLASS_GPR8 || c == ZYDIS_REGCLASS_GPR16 || c == ZYDIS_REGCLASS_GPR32 ||
           c == ZYDIS_REGCLASS_GPR64;
}

static uint8_t segment_number(ZydisRegister reg)
{
    unsigned n = (unsigned)ZydisRegisterGetId(reg);

    return ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_SEGMENT && n < SEG__COUNT ? (uint8_t)n : R_DS;
}

static void set_mem(Decoder *d, const ZydisDecodedOperand *o)
{
    Insn *in = d->in;

    in->flags |= IF_MEM;
    in->seg = segment_number(o->mem.segment);
    in->disp = o->mem.disp.has_displacement ? o->mem.disp.value : 0;
    in->base = REG_OFF_NONE;
    in->index = REG_OFF_NONE;
    if (o->mem.base == ZYDIS_REGISTER_RIP || o->mem.base == ZYDIS_REGISTER_EIP) {
        in->base = R_BLOCK_RIP * 8;
        in->disp += in->off + in->len;
    } else if (o->mem.base != ZYDIS_REGISTER_NONE) {
        in->base = gpr_offset(o->mem.base);
    }
    if (o->mem.index != ZYDIS_REGISTER_NONE) {
        in->index = gpr_offset(o->mem.index);
        in->scale = o->mem.scale ? (uint8_t)__builtin_ctz(o->mem.scale) : 0;
    }
}

/* Memory, or a register put in rd. */
static bool set_rm(Decoder *d, const ZydisDecodedOperand *o)
{
    if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        set_mem(d, o);
        return true;
    }
    if (!is_gpr(o)) {
        return false;
    }
    d->in->rd = gpr_offset(o->reg.value);
    return true;
}

/* Memory, or a register put in rs. */
static bool set_src(Decoder *d, const ZydisDecodedOperand *o)
{
    if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        set_mem(d, o);
        return true;
    }
    if (!is_gpr(o)) {
        return false;
    }
    d->in->rs = gpr_offset(o->reg.value);
    return true;
}

static uint8_t operand_size(const ZydisDecodedOperand *o)
{
    return (uint8_t)(o->size / 8);
}

static unsigned log2_of(unsigned size)
{
    return (unsigned)__builtin_ctz(size);
}

static bool is_simple_size(unsigned size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

/* Operand size of stack instructions: 64-bit code has no 32-bit ones. */
static uint8_t stack_size(const Decoder *d)
{
    if (d->bits == 64) {
        return d->insn.operand_width == 16 ? 2 : 8;
    }
    return (uint8_t)(d->insn.operand_width / 8);
}

/* Near branches in 64-bit code always have 64-bit targets. */
static uint8_t branch_size(const Decoder *d)
{
    return d->bits == 64 ? 8 : (uint8_t)(d->insn.operand_width / 8);
}

static bool is_far(const Decoder *d)
{
    return d->insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
}

/* ---- Shapes: each fills in what its handlers expect ---- */

static bool shape_none(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = (uint8_t)(d->insn.operand_width / 8);
    return true;
}

/* A fixed operand size instead of the decoder's. */
static bool shape_sized(Decoder *d, int arg)
{
    d->in->size = (uint8_t)arg;
    return true;
}

static bool shape_stack(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = stack_size(d);
    return true;
}

static bool shape_alu(Decoder *d, int arg)
{
    const ZydisDecodedOperand *a = &d->ops[0], *b = &d->ops[1];
    Insn *in = d->in;
    int form;

    in->size = operand_size(a);
    if (!is_simple_size(in->size)) {
        return false;
    }
    if (b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        in->imm = b->imm.value.s;
        form = a->type == ZYDIS_OPERAND_TYPE_MEMORY ? FORM_MI : FORM_RI;
        if (!set_rm(d, a)) {
            return false;
        }
    } else if (a->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        form = FORM_MR;
        if (!set_rm(d, a) || !is_gpr(b)) {
            return false;
        }
        in->rs = gpr_offset(b->reg.value);
    } else {
        form = b->type == ZYDIS_OPERAND_TYPE_MEMORY ? FORM_RM : FORM_RR;
        if (!is_gpr(a) || !set_src(d, b)) {
            return false;
        }
        in->rd = gpr_offset(a->reg.value);
    }
    in->fn = alu_ops[arg][form][log2_of(in->size)];
    return true;
}

static bool shape_unary(Decoder *d, int arg)
{
    d->in->size = operand_size(&d->ops[0]);
    if (!is_simple_size(d->in->size) || !set_rm(d, &d->ops[0])) {
        return false;
    }
    d->in->fn = unary_ops[arg][d->in->flags & IF_MEM ? 1 : 0][log2_of(d->in->size)];
    return true;
}

/* One r/m operand. */
static bool shape_rm(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = operand_size(&d->ops[0]);
    return set_rm(d, &d->ops[0]);
}

/* Only memory, of whatever size; the handler goes by the operand size of the code. */
static bool shape_mem(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = d->bits == 64 ? 8 : (uint8_t)(d->insn.operand_width / 8);
    return d->ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY && set_rm(d, &d->ops[0]);
}

/* Destination r/m, source register. */
static bool shape_rm_r(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = operand_size(&d->ops[0]);
    if (!set_rm(d, &d->ops[0]) || !is_gpr(&d->ops[1])) {
        return false;
    }
    d->in->rs = gpr_offset(d->ops[1].reg.value);
    return true;
}

/* Destination register, source r/m; aux is the argument. */
static bool shape_r_rm(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = operand_size(&d->ops[0]);
    if (!is_gpr(&d->ops[0]) || !set_src(d, &d->ops[1])) {
        return false;
    }
    d->in->rd = gpr_offset(d->ops[0].reg.value);
    return true;
}

/* The same; aux is the size of the source. */
static bool shape_extend(Decoder *d, int arg)
{
    return shape_r_rm(d, operand_size(&d->ops[1]));
}

static bool shape_lea(Decoder *d, int arg)
{
    if (!shape_r_rm(d, 0)) {
        return false;
    }
    d->in->fn = lea_ops[log2_of(d->in->size)];
    return true;
}

static bool shape_movbe(Decoder *d, int arg)
{
    if (d->ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
        return shape_rm_r(d, 0);
    }
    d->in->flags |= IF_SRC_MEM;
    return shape_r_rm(d, 0);
}

static bool shape_xchg(Decoder *d, int arg)
{
    Insn *in = d->in;

    in->size = operand_size(&d->ops[0]);
    if (d->ops[1].type == ZYDIS_OPERAND_TYPE_MEMORY) {
        set_mem(d, &d->ops[1]);
        in->rs = gpr_offset(d->ops[0].reg.value);
    } else if (!shape_rm_r(d, 0)) {
        return false;
    }
    in->fn = in->flags & IF_MEM ? op_xchg_m : op_xchg_rr;
    return true;
}

static bool shape_shift(Decoder *d, int arg)
{
    Insn *in = d->in;

    if (!shape_rm(d, arg)) {
        return false;
    }
    if (d->ops[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        in->imm = d->ops[1].imm.value.s & (in->size == 8 ? 63 : 31);
        if (!(in->flags & IF_MEM) && in->imm && arg == SHIFT_SHL) {
            in->fn = op_shl_ri;
        } else if (!(in->flags & IF_MEM) && in->imm && arg == SHIFT_SHR) {
            in->fn = op_shr_ri;
        }
    } else {
        in->flags |= IF_CL;
    }
    return true;
}

static bool shape_double_shift(Decoder *d, int arg)
{
    if (!shape_rm_r(d, 0)) {
        return false;
    }
    if (d->ops[2].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        d->in->imm = d->ops[2].imm.value.s;
    } else {
        d->in->flags |= IF_CL;
    }
    return true;
}

static bool shape_bt(Decoder *d, int arg)
{
    if (!shape_rm(d, arg)) {
        return false;
    }
    if (d->ops[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        d->in->imm = d->ops[1].imm.value.s;
        return true;
    }
    d->in->rs = gpr_offset(d->ops[1].reg.value);
    return true;
}

static bool shape_imul(Decoder *d, int arg)
{
    if (d->insn.operand_count_visible == 1) {
        d->in->fn = op_imul1;
        return shape_rm(d, 0);
    }
    if (d->insn.operand_count_visible == 3) {
        d->in->imm = d->ops[2].imm.value.s;
        return shape_r_rm(d, 1);
    }
    return shape_r_rm(d, 0);
}

/* andn: the second operand is the inverted register. bextr: the third is the control. */
static bool shape_vex3(Decoder *d, int arg)
{
    const ZydisDecodedOperand *reg = &d->ops[arg], *rm = &d->ops[3 - arg];

    d->in->size = operand_size(&d->ops[0]);
    d->in->rd = gpr_offset(d->ops[0].reg.value);
    d->in->aux = gpr_offset(reg->reg.value);
    return set_src(d, rm);
}

static bool shape_bls(Decoder *d, int arg)
{
    d->in->imm = arg;
    return shape_r_rm(d, 0);
}

/* ---- mov in all its kinds ---- */

static bool shape_mov(Decoder *d, int arg)
{
    const ZydisDecodedOperand *a = &d->ops[0], *b = &d->ops[1];
    ZydisRegisterClass ca = a->type == ZYDIS_OPERAND_TYPE_REGISTER ? ZydisRegisterGetClass(a->reg.value) : 0;
    ZydisRegisterClass cb = b->type == ZYDIS_OPERAND_TYPE_REGISTER ? ZydisRegisterGetClass(b->reg.value) : 0;
    Insn *in = d->in;

    if (ca == ZYDIS_REGCLASS_SEGMENT) {
        in->fn = op_mov_to_seg;
        in->aux = segment_number(a->reg.value);
        in->size = 2;
        return set_rm(d, b);
    }
    if (cb == ZYDIS_REGCLASS_SEGMENT) {
        in->fn = op_mov_from_seg;
        in->aux = segment_number(b->reg.value);
        in->size = operand_size(a);
        return set_rm(d, a);
    }
    if (ca == ZYDIS_REGCLASS_CONTROL || ca == ZYDIS_REGCLASS_DEBUG) {
        in->fn = ca == ZYDIS_REGCLASS_CONTROL ? op_mov_to_cr : op_mov_to_dr;
        in->aux = (uint8_t)ZydisRegisterGetId(a->reg.value);
        return set_rm(d, b);
    }
    if (cb == ZYDIS_REGCLASS_CONTROL || cb == ZYDIS_REGCLASS_DEBUG) {
        in->fn = cb == ZYDIS_REGCLASS_CONTROL ? op_mov_from_cr : op_mov_from_dr;
        in->aux = (uint8_t)ZydisRegisterGetId(b->reg.value);
        return set_rm(d, a);
    }
    return shape_alu(d, ALU_MOV);
}

/* ---- Stack ---- */

static bool shape_push(Decoder *d, int arg)
{
    const ZydisDecodedOperand *o = &d->ops[0];
    Insn *in = d->in;

    in->size = stack_size(d);
    if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        in->fn = op_push_imm;
        in->imm = o->imm.value.s;
        return true;
    }
    if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && !is_gpr(o)) {
        in->fn = op_push_seg;
        in->aux = segment_number(o->reg.value);
        return true;
    }
    if (!set_rm(d, o)) {
        return false;
    }
    if (in->size == 8 && !(in->flags & IF_MEM)) {
        in->fn = op_push_r64;
    }
    return true;
}

static bool shape_pop(Decoder *d, int arg)
{
    const ZydisDecodedOperand *o = &d->ops[0];
    Insn *in = d->in;

    in->size = stack_size(d);
    if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && !is_gpr(o)) {
        in->fn = op_pop_seg;
        in->aux = segment_number(o->reg.value);
        return in->aux != R_CS;
    }
    if (!set_rm(d, o)) {
        return false;
    }
    if (in->size == 8 && !(in->flags & IF_MEM)) {
        in->fn = op_pop_r64;
    }
    return true;
}

static bool shape_enter(Decoder *d, int arg)
{
    d->in->size = stack_size(d);
    d->in->imm = (int64_t)(d->ops[0].imm.value.u & 0xffff);
    d->in->aux = (uint8_t)d->ops[1].imm.value.u;
    return true;
}

static bool shape_load_far(Decoder *d, int arg)
{
    return shape_r_rm(d, arg) && (d->in->flags & IF_MEM);
}

/* ---- Branches ---- */

static bool shape_rel(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = branch_size(d);
    d->in->imm = d->ops[0].imm.value.s;
    return true;
}

/* jmp and call: arg 1 for call. */
static bool shape_transfer(Decoder *d, int arg)
{
    const ZydisDecodedOperand *o = &d->ops[0];
    Insn *in = d->in;

    if (o->type == ZYDIS_OPERAND_TYPE_POINTER) {
        in->fn = arg ? op_call_far : op_jmp_far;
        in->size = (uint8_t)(d->insn.operand_width / 8);
        in->imm = o->ptr.offset;
        in->disp = o->ptr.segment;
        return true;
    }
    if (is_far(d)) {
        in->fn = arg ? op_call_far_m : op_jmp_far_m;
        in->size = (uint8_t)((o->size - 16) / 8);
        return o->type == ZYDIS_OPERAND_TYPE_MEMORY && is_simple_size(in->size) && set_rm(d, o);
    }
    in->size = branch_size(d);
    if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        in->fn = arg ? op_call_rel : op_jmp_rel;
        in->imm = o->imm.value.s;
        return true;
    }
    in->fn = arg ? op_call_rm : op_jmp_rm;
    return set_rm(d, o);
}

static bool shape_ret(Decoder *d, int arg)
{
    Insn *in = d->in;

    in->imm = d->insn.operand_count_visible ? (int64_t)(d->ops[0].imm.value.u & 0xffff) : 0;
    if (is_far(d)) {
        in->fn = op_ret_far;
        in->size = (uint8_t)(d->insn.operand_width / 8);
    } else {
        in->size = branch_size(d);
    }
    return true;
}

static bool shape_imm(Decoder *d, int arg)
{
    d->in->imm = d->insn.operand_count_visible ? d->ops[0].imm.value.s : arg;
    d->in->size = (uint8_t)(d->insn.operand_width / 8);
    return true;
}

/* ---- Strings and ports ---- */

/* arg is the element size; the source segment may be overridden. */
static bool shape_string(Decoder *d, int arg)
{
    if (d->insn.meta.category == ZYDIS_CATEGORY_SSE || d->insn.meta.isa_ext != ZYDIS_ISA_EXT_BASE) {
        bool longmode = d->insn.meta.isa_ext == ZYDIS_ISA_EXT_LONGMODE;

        if (!longmode) {
            return false;   /* movsd and cmpsd of SSE share their names */
        }
    }
    d->in->size = (uint8_t)arg;
    d->in->seg = R_DS;
    for (unsigned i = 0; i < d->insn.operand_count; i++) {
        const ZydisDecodedOperand *o = &d->ops[i];

        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY && o->mem.base != ZYDIS_REGISTER_NONE &&
            gpr_offset(o->mem.base) == R_ESI * 8) {
            d->in->seg = segment_number(o->mem.segment);
        }
    }
    return true;
}

static bool shape_xlat(Decoder *d, int arg)
{
    d->in->seg = R_DS;
    for (unsigned i = 0; i < d->insn.operand_count; i++) {
        if (d->ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY) {
            d->in->seg = segment_number(d->ops[i].mem.segment);
        }
    }
    return true;
}

static bool shape_port(Decoder *d, int arg)
{
    const ZydisDecodedOperand *port = &d->ops[arg ? 0 : 1], *data = &d->ops[arg ? 1 : 0];

    d->in->size = operand_size(data);
    if (port->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        d->in->imm = (int64_t)(port->imm.value.u & 0xff);
    } else {
        d->in->rs = R_EDX * 8;
    }
    return true;
}

/* lar, lsl: source r/m in the usual place, destination register in rs. */
static bool shape_lar(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = operand_size(&d->ops[0]);
    d->in->rs = gpr_offset(d->ops[0].reg.value);
    return is_gpr(&d->ops[0]) && set_rm(d, &d->ops[1]);
}

static bool shape_fsgs(Decoder *d, int arg)
{
    d->in->imm = arg & 1;
    d->in->aux = (uint8_t)(arg >> 1);
    d->in->size = operand_size(&d->ops[0]);
    return set_rm(d, &d->ops[0]);
}

/* Hint space and the like: whatever the operands are, nothing is accessed. */
static bool shape_ignore(Decoder *d, int arg)
{
    return true;
}

/* ---- The table ---- */

#define M(name) [ZYDIS_MNEMONIC_##name]
#define COND(name, n)                                                                                   \
    M(J##name) = { shape_rel, op_jcc, n, IF_STOP }, M(SET##name) = { shape_rm, op_setcc, n },           \
    M(CMOV##name) = { shape_r_rm, op_cmov, n }
#define STRING(name, fn, sz) M(name) = { shape_string, fn, sz }

static const Entry table[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
    M(ADD) = { shape_alu, NULL, ALU_ADD }, M(OR) = { shape_alu, NULL, ALU_OR },
    M(ADC) = { shape_alu, NULL, ALU_ADC }, M(SBB) = { shape_alu, NULL, ALU_SBB },
    M(AND) = { shape_alu, NULL, ALU_AND }, M(SUB) = { shape_alu, NULL, ALU_SUB },
    M(XOR) = { shape_alu, NULL, ALU_XOR }, M(CMP) = { shape_alu, NULL, ALU_CMP },
    M(TEST) = { shape_alu, NULL, ALU_TEST }, M(MOV) = { shape_mov },
    M(INC) = { shape_unary, NULL, UNARY_INC }, M(DEC) = { shape_unary, NULL, UNARY_DEC },
    M(NOT) = { shape_unary, NULL, UNARY_NOT }, M(NEG) = { shape_unary, NULL, UNARY_NEG },
    M(LEA) = { shape_lea },
    COND(O, 0), COND(NO, 1), COND(B, 2), COND(NB, 3), COND(Z, 4), COND(NZ, 5), COND(BE, 6), COND(NBE, 7),
    COND(S, 8), COND(NS, 9), COND(P, 10), COND(NP, 11), COND(L, 12), COND(NL, 13), COND(LE, 14), COND(NLE, 15),
    M(MOVZX) = { shape_extend, op_movzx }, M(MOVSX) = { shape_extend, op_movsx },
    M(MOVSXD) = { shape_extend, op_movsx }, M(MOVBE) = { shape_movbe, op_movbe },
    M(MOVNTI) = { shape_alu, NULL, ALU_MOV },
    M(BSWAP) = { shape_rm, op_bswap }, M(XCHG) = { shape_xchg }, M(XADD) = { shape_rm_r, op_xadd },
    M(CMPXCHG) = { shape_rm_r, op_cmpxchg }, M(CMPXCHG8B) = { shape_rm, op_cmpxchg8b },
    M(CMPXCHG16B) = { shape_rm, op_cmpxchg8b }, M(XLAT) = { shape_xlat, op_xlat },
    M(PUSH) = { shape_push, op_push }, M(POP) = { shape_pop, op_pop },
    M(PUSHA) = { shape_sized, op_pusha, 2 }, M(PUSHAD) = { shape_sized, op_pusha, 4 },
    M(POPA) = { shape_sized, op_popa, 2 }, M(POPAD) = { shape_sized, op_popa, 4 },
    M(PUSHF) = { shape_sized, op_pushf, 2 }, M(PUSHFD) = { shape_sized, op_pushf, 4 },
    M(PUSHFQ) = { shape_sized, op_pushf, 8 }, M(POPF) = { shape_sized, op_popf, 2 },
    M(POPFD) = { shape_sized, op_popf, 4 }, M(POPFQ) = { shape_sized, op_popf, 8 },
    M(ENTER) = { shape_enter, op_enter }, M(LEAVE) = { shape_stack, op_leave },
    M(LAHF) = { shape_none, op_lahf }, M(SAHF) = { shape_none, op_sahf }, M(SALC) = { shape_none, op_salc },
    M(CLC) = { shape_none, op_flag, FLAGOP_CLC }, M(STC) = { shape_none, op_flag, FLAGOP_STC },
    M(CMC) = { shape_none, op_flag, FLAGOP_CMC }, M(CLD) = { shape_none, op_flag, FLAGOP_CLD },
    M(STD) = { shape_none, op_flag, FLAGOP_STD },
    M(CBW) = { shape_sized, op_cbw, 2 }, M(CWDE) = { shape_sized, op_cbw, 4 }, M(CDQE) = { shape_sized, op_cbw, 8 },
    M(CWD) = { shape_sized, op_cwd, 2 }, M(CDQ) = { shape_sized, op_cwd, 4 }, M(CQO) = { shape_sized, op_cwd, 8 },
    M(LDS) = { shape_load_far, op_load_far, R_DS }, M(LES) = { shape_load_far, op_load_far, R_ES },
    M(LSS) = { shape_load_far, op_load_far, R_SS }, M(LFS) = { shape_load_far, op_load_far, R_FS },
    M(LGS) = { shape_load_far, op_load_far, R_GS },
    M(ROL) = { shape_shift, op_shift, SHIFT_ROL }, M(ROR) = { shape_shift, op_shift, SHIFT_ROR },
    M(RCL) = { shape_shift, op_shift, SHIFT_RCL }, M(RCR) = { shape_shift, op_shift, SHIFT_RCR },
    M(SHL) = { shape_shift, op_shift, SHIFT_SHL }, M(SHR) = { shape_shift, op_shift, SHIFT_SHR },
    M(SAR) = { shape_shift, op_shift, SHIFT_SAR }, M(SHLD) = { shape_double_shift, op_shld },
    M(SHRD) = { shape_double_shift, op_shrd },
    M(MUL) = { shape_rm, op_mul }, M(IMUL) = { shape_imul, op_imul }, M(DIV) = { shape_rm, op_div },
    M(IDIV) = { shape_rm, op_idiv }, M(AAA) = { shape_none, op_aaa }, M(AAS) = { shape_none, op_aas },
    M(AAM) = { shape_imm, op_aam, 10 }, M(AAD) = { shape_imm, op_aad, 10 }, M(DAA) = { shape_none, op_daa },
    M(DAS) = { shape_none, op_das },
    M(BT) = { shape_bt, op_bt, BT_TEST }, M(BTS) = { shape_bt, op_bt, BT_SET }, M(BTR) = { shape_bt, op_bt, BT_RESET },
    M(BTC) = { shape_bt, op_bt, BT_COMPLEMENT }, M(BSF) = { shape_r_rm, op_bsf }, M(BSR) = { shape_r_rm, op_bsr },
    M(TZCNT) = { shape_r_rm, op_tzcnt }, M(LZCNT) = { shape_r_rm, op_lzcnt }, M(POPCNT) = { shape_r_rm, op_popcnt },
    M(ANDN) = { shape_vex3, op_andn, 1 }, M(BEXTR) = { shape_vex3, op_bextr, 2 },
    M(BLSI) = { shape_bls, op_bls, BLS_BLSI }, M(BLSMSK) = { shape_bls, op_bls, BLS_BLSMSK },
    M(BLSR) = { shape_bls, op_bls, BLS_BLSR },
    STRING(MOVSB, op_movs, 1), STRING(MOVSW, op_movs, 2), STRING(MOVSD, op_movs, 4), STRING(MOVSQ, op_movs, 8),
    STRING(STOSB, op_stos, 1), STRING(STOSW, op_stos, 2), STRING(STOSD, op_stos, 4), STRING(STOSQ, op_stos, 8),
    STRING(LODSB, op_lods, 1), STRING(LODSW, op_lods, 2), STRING(LODSD, op_lods, 4), STRING(LODSQ, op_lods, 8),
    STRING(CMPSB, op_cmps, 1), STRING(CMPSW, op_cmps, 2), STRING(CMPSD, op_cmps, 4), STRING(CMPSQ, op_cmps, 8),
    STRING(SCASB, op_scas, 1), STRING(SCASW, op_scas, 2), STRING(SCASD, op_scas, 4), STRING(SCASQ, op_scas, 8),
    STRING(INSB, op_ins, 1), STRING(INSW, op_ins, 2), STRING(INSD, op_ins, 4),
    STRING(OUTSB, op_outs, 1), STRING(OUTSW, op_outs, 2), STRING(OUTSD, op_outs, 4),
    M(JMP) = { shape_transfer, NULL, 0, IF_STOP }, M(CALL) = { shape_transfer, NULL, 1, IF_STOP },
    M(RET) = { shape_ret, op_ret, 0, IF_STOP },
    M(LOOPNE) = { shape_rel, op_loop, 0, IF_STOP }, M(LOOPE) = { shape_rel, op_loop, 1, IF_STOP },
    M(LOOP) = { shape_rel, op_loop, 2, IF_STOP }, M(JCXZ) = { shape_rel, op_jcxz, 0, IF_STOP },
    M(JECXZ) = { shape_rel, op_jcxz, 0, IF_STOP }, M(JRCXZ) = { shape_rel, op_jcxz, 0, IF_STOP },
    M(IRET) = { shape_sized, op_iret, 2, IF_STOP }, M(IRETD) = { shape_sized, op_iret, 4, IF_STOP },
    M(IRETQ) = { shape_sized, op_iret, 8, IF_STOP },
    M(INT) = { shape_imm, op_int, 0, IF_STOP }, M(INT3) = { shape_none, op_int3, 0, IF_STOP },
    M(INT1) = { shape_none, op_int1, 0, IF_STOP }, M(INTO) = { shape_none, op_into },
    M(BOUND) = { shape_load_far, op_bound },
    M(SYSCALL) = { shape_none, op_syscall, 0, IF_STOP }, M(SYSRET) = { shape_none, op_sysret, 0, IF_STOP },
    M(SYSENTER) = { shape_none, op_sysenter, 0, IF_STOP }, M(SYSEXIT) = { shape_none, op_sysexit, 0, IF_STOP },
    M(HLT) = { shape_none, op_hlt, 0, IF_STOP }, M(CLI) = { shape_none, op_cli }, M(STI) = { shape_none, op_sti },
    M(LGDT) = { shape_mem, op_lgdt, 0 }, M(LIDT) = { shape_mem, op_lgdt, 1 }, M(SGDT) = { shape_mem, op_sgdt, 0 },
    M(SIDT) = { shape_mem, op_sgdt, 1 }, M(LLDT) = { shape_rm, op_lldt }, M(SLDT) = { shape_rm, op_sldt },
    M(LTR) = { shape_rm, op_ltr }, M(STR) = { shape_rm, op_str }, M(LMSW) = { shape_rm, op_lmsw },
    M(SMSW) = { shape_rm, op_smsw }, M(CLTS) = { shape_none, op_clts }, M(INVLPG) = { shape_mem, op_invlpg },
    M(INVD) = { shape_none, op_wbinvd }, M(WBINVD) = { shape_none, op_wbinvd },
    M(SWAPGS) = { shape_none, op_swapgs }, M(RDMSR) = { shape_none, op_rdmsr }, M(WRMSR) = { shape_none, op_wrmsr },
    M(CPUID) = { shape_none, op_cpuid }, M(RDTSC) = { shape_none, op_rdtsc }, M(RDTSCP) = { shape_none, op_rdtsc, 1 },
    M(LAR) = { shape_lar, op_lar, 0 }, M(LSL) = { shape_lar, op_lar, 1 }, M(VERR) = { shape_rm, op_verr, 0 },
    M(VERW) = { shape_rm, op_verr, 1 }, M(ARPL) = { shape_rm_r, op_arpl },
    M(IN) = { shape_port, op_in, 0 }, M(OUT) = { shape_port, op_out, 1 },
    M(RDFSBASE) = { shape_fsgs, op_fsgsbase, R_FS << 1 }, M(WRFSBASE) = { shape_fsgs, op_fsgsbase, R_FS << 1 | 1 },
    M(RDGSBASE) = { shape_fsgs, op_fsgsbase, R_GS << 1 }, M(WRGSBASE) = { shape_fsgs, op_fsgsbase, R_GS << 1 | 1 },
    M(NOP) = { shape_ignore, op_nop }, M(PAUSE) = { shape_ignore, op_pause }, M(ENDBR32) = { shape_ignore, op_nop },
    M(ENDBR64) = { shape_ignore, op_nop }, M(CLFLUSH) = { shape_ignore, op_nop },
    M(LFENCE) = { shape_ignore, op_nop }, M(MFENCE) = { shape_ignore, op_nop }, M(SFENCE) = { shape_ignore, op_nop },
    M(PREFETCHT0) = { shape_ignore, op_nop }, M(PREFETCHT1) = { shape_ignore, op_nop },
    M(PREFETCHT2) = { shape_ignore, op_nop }, M(PREFETCHNTA) = { shape_ignore, op_nop },
    M(PREFETCHW) = { shape_ignore, op_nop }, M(PREFETCH) = { shape_ignore, op_nop },
};

/* ---- Entry point ---- */

static ZydisDecoder make_decoder(unsigned bits)
{
    ZydisMachineMode mode = bits == 64 ? ZYDIS_MACHINE_MODE_LONG_64
                          : bits == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LEGACY_16;
    ZydisStackWidth width = bits == 64 ? ZYDIS_STACK_WIDTH_64
                          : bits == 32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16;
    ZydisDecoder z;

    (void)ZydisDecoderInit(&z, mode, width);   /* these arguments cannot fail */
    (void)ZydisDecoderEnableMode(&z, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    (void)ZydisDecoderEnableMode(&z, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
    (void)ZydisDecoderEnableMode(&z, ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_FALSE);
    return z;
}

static void set_raise(Insn *in, OpFunc *fn, unsigned off, unsigned len)
{
    *in = (Insn){
        .fn = fn, .off = (uint16_t)off, .len = (uint8_t)len, .rd = REG_OFF_NONE, .rs = REG_OFF_NONE,
        .base = REG_OFF_NONE, .index = REG_OFF_NONE, .flags = IF_STOP,
    };
}

DecodeStatus insn_decode(unsigned code_bits, const uint8_t *bytes, size_t avail, unsigned off, Insn *ret)
{
    ZydisDecoder z = make_decoder(code_bits);
    Decoder d = { .bits = code_bits, .in = ret };
    ZyanStatus st = ZydisDecoderDecodeFull(&z, bytes, MIN(avail, 15), &d.insn, d.ops);
    const Entry *e;

    if (st == ZYDIS_STATUS_NO_MORE_DATA && avail < 15) {
        return DECODE_MORE;
    }
    if (st == ZYDIS_STATUS_NO_MORE_DATA || st == ZYDIS_STATUS_INSTRUCTION_TOO_LONG) {
        set_raise(ret, op_too_long, off, 1);
        return DECODE_OK;
    }
    if (ZYAN_FAILED(st)) {
        set_raise(ret, op_ud, off, 1);
        return DECODE_OK;
    }
    e = &table[d.insn.mnemonic];
    *ret = (Insn){
        .fn = e->fn, .off = (uint16_t)off, .len = d.insn.length, .rd = REG_OFF_NONE, .rs = REG_OFF_NONE,
        .base = REG_OFF_NONE, .index = REG_OFF_NONE, .ashift = (uint8_t)(64 - d.insn.address_width),
        .flags = e->flags,
    };
    if (d.insn.attributes & ZYDIS_ATTRIB_HAS_LOCK) {
        ret->flags |= IF_LOCK;
    }
    if (d.insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) {
        ret->flags |= IF_REP;
    }
    if (d.insn.attributes & ZYDIS_ATTRIB_HAS_REPNE) {
        ret->flags |= IF_REPNE;
    }
    if (!e->shape || !e->shape(&d, e->arg) || !ret->fn) {
        set_raise(ret, op_ud, off, d.insn.length);
    }
    return DECODE_OK;
}
