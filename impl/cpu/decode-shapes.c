/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operand shapes: from Zydis's operands to the fields that handlers read. Pure, see decode.c.
 */
#include "cpu/decode_int.h"

/* ---- Operands ---- */

uint8_t decode_gpr(ZydisRegister reg)
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

void decode_set_mem(Decoder *d, const ZydisDecodedOperand *o)
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
        in->base = decode_gpr(o->mem.base);
    }
    if (o->mem.index != ZYDIS_REGISTER_NONE) {
        in->index = decode_gpr(o->mem.index);
        in->scale = o->mem.scale ? (uint8_t)__builtin_ctz(o->mem.scale) : 0;
    }
}

/* Memory, or a register put in rd. */
static bool set_rm(Decoder *d, const ZydisDecodedOperand *o)
{
    if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        decode_set_mem(d, o);
        return true;
    }
    if (!is_gpr(o)) {
        return false;
    }
    d->in->rd = decode_gpr(o->reg.value);
    return true;
}

/* Memory, or a register put in rs. */
static bool set_src(Decoder *d, const ZydisDecodedOperand *o)
{
    if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        decode_set_mem(d, o);
        return true;
    }
    if (!is_gpr(o)) {
        return false;
    }
    d->in->rs = decode_gpr(o->reg.value);
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

bool shape_none(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = (uint8_t)(d->insn.operand_width / 8);
    return true;
}

/* A fixed operand size instead of the decoder's. */
bool shape_sized(Decoder *d, int arg)
{
    d->in->size = (uint8_t)arg;
    return true;
}

bool shape_stack(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = stack_size(d);
    return true;
}

bool shape_alu(Decoder *d, int arg)
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
        in->rs = decode_gpr(b->reg.value);
    } else {
        form = b->type == ZYDIS_OPERAND_TYPE_MEMORY ? FORM_RM : FORM_RR;
        if (!is_gpr(a) || !set_src(d, b)) {
            return false;
        }
        in->rd = decode_gpr(a->reg.value);
    }
    in->fn = alu_ops[arg][form][log2_of(in->size)];
    return true;
}

bool shape_unary(Decoder *d, int arg)
{
    d->in->size = operand_size(&d->ops[0]);
    if (!is_simple_size(d->in->size) || !set_rm(d, &d->ops[0])) {
        return false;
    }
    d->in->fn = unary_ops[arg][d->in->flags & IF_MEM ? 1 : 0][log2_of(d->in->size)];
    return true;
}

/* One r/m operand. */
bool shape_rm(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = operand_size(&d->ops[0]);
    return set_rm(d, &d->ops[0]);
}

/* Only memory, of whatever size; the handler goes by the operand size of the code. */
bool shape_mem(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = d->bits == 64 ? 8 : (uint8_t)(d->insn.operand_width / 8);
    return d->ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY && set_rm(d, &d->ops[0]);
}

/* Destination r/m, source register. */
bool shape_rm_r(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = operand_size(&d->ops[0]);
    if (!set_rm(d, &d->ops[0]) || !is_gpr(&d->ops[1])) {
        return false;
    }
    d->in->rs = decode_gpr(d->ops[1].reg.value);
    return true;
}

/* Destination register, source r/m; aux is the argument. */
bool shape_r_rm(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = operand_size(&d->ops[0]);
    if (!is_gpr(&d->ops[0]) || !set_src(d, &d->ops[1])) {
        return false;
    }
    d->in->rd = decode_gpr(d->ops[0].reg.value);
    return true;
}

/* The same; aux is the size of the source. */
bool shape_extend(Decoder *d, int arg)
{
    return shape_r_rm(d, operand_size(&d->ops[1]));
}

bool shape_lea(Decoder *d, int arg)
{
    if (!shape_r_rm(d, 0)) {
        return false;
    }
    d->in->fn = lea_ops[log2_of(d->in->size)];
    return true;
}

bool shape_movbe(Decoder *d, int arg)
{
    if (d->ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
        return shape_rm_r(d, 0);
    }
    d->in->flags |= IF_SRC_MEM;
    return shape_r_rm(d, 0);
}

bool shape_xchg(Decoder *d, int arg)
{
    Insn *in = d->in;

    in->size = operand_size(&d->ops[0]);
    if (d->ops[1].type == ZYDIS_OPERAND_TYPE_MEMORY) {
        decode_set_mem(d, &d->ops[1]);
        in->rs = decode_gpr(d->ops[0].reg.value);
    } else if (!shape_rm_r(d, 0)) {
        return false;
    }
    in->fn = in->flags & IF_MEM ? op_xchg_m : op_xchg_rr;
    return true;
}

bool shape_shift(Decoder *d, int arg)
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
        } else if (!(in->flags & IF_MEM) && in->imm && arg == SHIFT_SAR) {
            in->fn = op_sar_ri;
        }
    } else {
        in->flags |= IF_CL;
    }
    return true;
}

bool shape_double_shift(Decoder *d, int arg)
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

bool shape_bt(Decoder *d, int arg)
{
    if (!shape_rm(d, arg)) {
        return false;
    }
    if (d->ops[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        d->in->imm = d->ops[1].imm.value.s;
        return true;
    }
    d->in->rs = decode_gpr(d->ops[1].reg.value);
    return true;
}

bool shape_imul(Decoder *d, int arg)
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
bool shape_vex3(Decoder *d, int arg)
{
    const ZydisDecodedOperand *reg = &d->ops[arg], *rm = &d->ops[3 - arg];

    d->in->size = operand_size(&d->ops[0]);
    d->in->rd = decode_gpr(d->ops[0].reg.value);
    d->in->aux = decode_gpr(reg->reg.value);
    return set_src(d, rm);
}

bool shape_bls(Decoder *d, int arg)
{
    d->in->imm = arg;
    return shape_r_rm(d, 0);
}

/* ---- mov in all its kinds ---- */

bool shape_mov(Decoder *d, int arg)
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

bool shape_push(Decoder *d, int arg)
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

bool shape_pop(Decoder *d, int arg)
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

bool shape_enter(Decoder *d, int arg)
{
    d->in->size = stack_size(d);
    d->in->imm = (int64_t)(d->ops[0].imm.value.u & 0xffff);
    d->in->aux = (uint8_t)d->ops[1].imm.value.u;
    return true;
}

bool shape_load_far(Decoder *d, int arg)
{
    return shape_r_rm(d, arg) && (d->in->flags & IF_MEM);
}

/* ---- Branches ---- */

bool shape_rel(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = branch_size(d);
    d->in->imm = d->ops[0].imm.value.s;
    return true;
}

/* jmp and call: arg 1 for call. */
bool shape_transfer(Decoder *d, int arg)
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

bool shape_ret(Decoder *d, int arg)
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

bool shape_imm(Decoder *d, int arg)
{
    d->in->imm = d->insn.operand_count_visible ? d->ops[0].imm.value.s : arg;
    d->in->size = (uint8_t)(d->insn.operand_width / 8);
    return true;
}

/* ---- Strings and ports ---- */

/* arg is the element size; the source segment may be overridden. */
bool shape_string(Decoder *d, int arg)
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
            decode_gpr(o->mem.base) == R_ESI * 8) {
            d->in->seg = segment_number(o->mem.segment);
        }
    }
    return true;
}

bool shape_xlat(Decoder *d, int arg)
{
    d->in->seg = R_DS;
    for (unsigned i = 0; i < d->insn.operand_count; i++) {
        if (d->ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY) {
            d->in->seg = segment_number(d->ops[i].mem.segment);
        }
    }
    return true;
}

bool shape_port(Decoder *d, int arg)
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
bool shape_lar(Decoder *d, int arg)
{
    d->in->aux = (uint8_t)arg;
    d->in->size = operand_size(&d->ops[0]);
    d->in->rs = decode_gpr(d->ops[0].reg.value);
    return is_gpr(&d->ops[0]) && set_rm(d, &d->ops[1]);
}

bool shape_fsgs(Decoder *d, int arg)
{
    d->in->imm = arg & 1;
    d->in->aux = (uint8_t)(arg >> 1);
    d->in->size = operand_size(&d->ops[0]);
    return set_rm(d, &d->ops[0]);
}

/* Hint space and the like: whatever the operands are, nothing is accessed. */
bool shape_ignore(Decoder *d, int arg)
{
    return true;
}
