/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translation of one block: what its handlers mean, which flags are wanted, instruction by instruction, cold parts.
 */
#include "cpu/jit-int.h"

#include "base/assert.h"

/* ---- Handlers ---- */

static void add_kind(GHashTable *h, OpFunc *fn, unsigned class, unsigned op, unsigned form)
{
    g_hash_table_insert(h, (gpointer)(uintptr_t)fn, GUINT_TO_POINTER(class | op << 8 | form << 16));
}

static void add_tables(GHashTable *h)
{
    for (unsigned size = 0; size < 4; size++) {
        for (unsigned op = 0; op < ALU__COUNT; op++) {
            for (unsigned form = 0; form < FORM__COUNT; form++) {
                add_kind(h, alu_ops[op][form][size], KIND_ALU, op, form);
            }
        }
        for (unsigned op = 0; op < UNARY__COUNT; op++) {
            add_kind(h, unary_ops[op][0][size], KIND_UNARY, op, 0);
            add_kind(h, unary_ops[op][1][size], KIND_UNARY, op, 1);
        }
        add_kind(h, lea_ops[size], KIND_LEA, 0, 0);
    }
}

GHashTable *jit_kinds(void)
{
    static const struct {
        OpFunc *fn;
        uint8_t class, op;
    } singles[] = {
        { op_nop, KIND_NOP }, { op_movzx, KIND_MOVX, 0 }, { op_movsx, KIND_MOVX, 1 },
        { op_cmov, KIND_CMOV }, { op_setcc, KIND_SETCC }, { op_xchg_rr, KIND_XCHG }, { op_bswap, KIND_BSWAP },
        { op_push_r64, KIND_PUSH }, { op_push_imm, KIND_PUSH_IMM }, { op_pop_r64, KIND_POP }, { op_leave, KIND_LEAVE },
        { op_cbw, KIND_CBW }, { op_cwd, KIND_CWD }, { op_shl_ri, KIND_SHIFT_RI, SHIFT_SHL },
        { op_shr_ri, KIND_SHIFT_RI, SHIFT_SHR }, { op_sar_ri, KIND_SHIFT_RI, SHIFT_SAR }, { op_shift, KIND_SHIFT },
        { op_imul, KIND_IMUL }, { op_mul, KIND_MUL, 4 }, { op_imul1, KIND_MUL, 5 }, { op_bt, KIND_BT },
        { op_flag, KIND_CLD },
        { op_jcc, KIND_JCC }, { op_jmp_rel, KIND_JMP }, { op_jmp_rm, KIND_JMP_RM }, { op_call_rel, KIND_CALL_REL },
        { op_call_rm, KIND_CALL_RM }, { op_ret, KIND_RET },
        { op_cpuid, KIND_SYNC }, { op_rdtsc, KIND_SYNC }, { op_rdmsr, KIND_SYNC }, { op_wrmsr, KIND_SYNC },
        { op_in, KIND_SYNC }, { op_out, KIND_SYNC }, { op_ins, KIND_SYNC }, { op_outs, KIND_SYNC },
        { op_mov_to_cr, KIND_SYNC }, { op_mov_from_cr, KIND_SYNC }, { op_mov_to_dr, KIND_SYNC },
        { op_lgdt, KIND_SYNC }, { op_lldt, KIND_SYNC }, { op_ltr, KIND_SYNC }, { op_lmsw, KIND_SYNC },
        { op_clts, KIND_SYNC }, { op_invlpg, KIND_SYNC }, { op_wbinvd, KIND_SYNC },
    };
    GHashTable *h = g_hash_table_new(NULL, NULL);

    add_tables(h);
    for (unsigned i = 0; i < G_N_ELEMENTS(singles); i++) {
        add_kind(h, singles[i].fn, singles[i].class, singles[i].op, 0);
    }
    return h;
}

static InsnKind kind_of(const Trans *t, const Insn *in)
{
    unsigned v = GPOINTER_TO_UINT(g_hash_table_lookup(t->jit->kinds, (gpointer)(uintptr_t)in->fn));

    return (InsnKind){ .class = (uint8_t)v, .op = (uint8_t)(v >> 8), .form = (uint8_t)(v >> 16) };
}

/* ---- Which flags are wanted (I3 of jit-int.h) ---- */

enum { FLAGS_WRITE = 1, FLAGS_READ = 2, FLAGS_SHOWN = 4 };   /* SHOWN: it may fault, or its handler may look */

static unsigned alu_effect(const Insn *in, InsnKind k)
{
    bool high = jit_is_high_byte(in->rd) || jit_is_high_byte(in->rs);

    if ((k.form != FORM_RR && k.form != FORM_RI) || high ||
        (k.form == FORM_RI && in->size == 8 && !a_fits32(in->imm))) {
        return k.form == FORM_RI && k.op == ALU_MOV && !high ? 0 : FLAGS_SHOWN;
    }
    if (k.op == ALU_MOV) {
        return 0;
    }
    return k.op == ALU_ADC || k.op == ALU_SBB ? FLAGS_READ | FLAGS_WRITE : FLAGS_WRITE;
}

static unsigned unary_effect(const Insn *in, InsnKind k)
{
    if (k.form || jit_is_high_byte(in->rd)) {
        return FLAGS_SHOWN;
    }
    return k.op == UNARY_NOT ? 0 : k.op == UNARY_NEG ? FLAGS_WRITE : FLAGS_READ | FLAGS_WRITE;
}

/* What an instruction that is done inline and cannot fault does to flags; all others show them. */
static unsigned flags_effect(const Insn *in, InsnKind k, bool live)
{
    bool mem = in->flags & IF_MEM, high = jit_is_high_byte(in->rd) || jit_is_high_byte(in->rs);

    switch (k.class) {
    case KIND_ALU:
        return alu_effect(in, k);
    case KIND_UNARY:
        return unary_effect(in, k);
    case KIND_NOP:
        return 0;
    case KIND_LEA:
        return a_fits32(in->disp + 4096) && a_fits32(in->disp) && in->ashift <= 32 ? 0 : FLAGS_SHOWN;
    case KIND_MOVX:
        return mem || high || (in->aux == 4 && in->size < 8) || in->size == 2 ? FLAGS_SHOWN : 0;
    case KIND_XCHG:
    case KIND_BSWAP:
    case KIND_CBW:
    case KIND_CWD:
        return in->size < 4 ? FLAGS_SHOWN : 0;
    case KIND_CMOV:
    case KIND_SETCC:
        return mem || high ? FLAGS_SHOWN : FLAGS_READ;
    case KIND_SHIFT_RI:
        return high || (unsigned)in->imm >= in->size * 8u ? FLAGS_SHOWN : FLAGS_WRITE;
    case KIND_IMUL:
        return mem || (in->aux && !a_fits32(in->imm)) ? FLAGS_SHOWN : FLAGS_WRITE;
    case KIND_MUL:
        return mem || in->size < 4 ? FLAGS_SHOWN : FLAGS_WRITE;
    case KIND_BT:
        return mem || high || in->size < 4 ? FLAGS_SHOWN : FLAGS_READ | FLAGS_WRITE;
    case KIND_SHIFT:
        return live || mem || high || in->size < 4 || in->aux == SHIFT_RCL || in->aux == SHIFT_RCR ||
               (in->imm == 0 && !(in->flags & IF_CL)) ? FLAGS_SHOWN : 0;
    default:
        return FLAGS_SHOWN;
    }
}

/* A store may be to code and then ends the block behind it. */
static bool may_leave(const Insn *in, InsnKind k)
{
    return (in->flags & IF_MEM) &&
           (k.class == KIND_UNARY || (k.class == KIND_ALU && (k.form == FORM_MR || k.form == FORM_MI)));
}

static void analyse(Trans *t)
{
    bool live = true;

    for (unsigned i = t->b->n; i-- > 0;) {
        const Insn *in = &t->b->insns[i];
        unsigned e;

        t->kinds[i] = kind_of(t, in);
        t->lives[i] = live || may_leave(in, t->kinds[i]);
        e = flags_effect(in, t->kinds[i], live);
        live = (e & (FLAGS_READ | FLAGS_SHOWN)) || (live && !(e & FLAGS_WRITE));
    }
}

/* ---- Emission ---- */

static bool nop(Trans *t)
{
    t->next_host_flags = t->host_flags;
    return true;
}

static bool by_handler(Trans *t)
{
    return false;
}

static bool emit_inline(Trans *t)
{
    static bool (*const emit[KIND__COUNT])(Trans *t) = {
        [KIND_CALL] = by_handler, [KIND_SYNC] = by_handler, [KIND_ALU] = jit_alu, [KIND_UNARY] = jit_unary,
        [KIND_LEA] = jit_lea, [KIND_NOP] = nop, [KIND_MOVX] = jit_movx, [KIND_CMOV] = jit_cmov,
        [KIND_SETCC] = jit_setcc, [KIND_XCHG] = jit_xchg, [KIND_BSWAP] = jit_bswap, [KIND_PUSH] = jit_push,
        [KIND_PUSH_IMM] = jit_push_imm, [KIND_POP] = jit_pop, [KIND_LEAVE] = jit_leave, [KIND_CBW] = jit_cbw,
        [KIND_CWD] = jit_cwd, [KIND_SHIFT_RI] = jit_shift_ri, [KIND_SHIFT] = jit_shift, [KIND_IMUL] = jit_imul,
        [KIND_MUL] = jit_mul, [KIND_BT] = jit_bt, [KIND_CLD] = jit_cld, [KIND_JCC] = jit_jcc, [KIND_JMP] = jit_jmp,
        [KIND_JMP_RM] = jit_jmp_rm, [KIND_CALL_REL] = jit_call_rel, [KIND_CALL_RM] = jit_call_rm, [KIND_RET] = jit_ret,
    };

    return emit[t->kind.class](t);
}

static void call_handler(Trans *t, const Insn *in)
{
    a_mov_imm(&t->a, H_RAX, (uintptr_t)in);
    a_call_via(&t->a, &t->jit->calls->slow);
}

static void emit_insn(Trans *t, unsigned i)
{
    uint8_t *p = t->a.p;
    unsigned n_cold = t->n_cold, n_links = t->jit->n_links;

    t->in = &t->b->insns[i];
    t->kind = t->kinds[i];
    t->live = t->lives[i];
    t->slow = NULL;
    t->next_host_flags = HOST_FLAGS_NONE;
    if (emit_inline(t)) {
        t->ended = t->kind.class >= KIND_JCC;
        if (t->slow) {
            unsigned kind = t->cc < 0 ? CC_EFLAGS : (unsigned)t->cc >> 2;

            t->slow->resume = t->a.p;
            t->slow->redo = t->live && t->next_host_flags && (kind == CC_SUB || kind == CC_LOGIC || kind == CC_ADD);
            t->slow->cc = t->cc;
            t->next_host_flags = t->slow->redo ? t->next_host_flags : HOST_FLAGS_NONE;
            t->cc = t->live ? t->cc : -1;   /* the handler stores what is not wanted too */
        }
    } else {
        assert(flags_effect(t->in, t->kind, t->live) & FLAGS_SHOWN);
        t->a.p = p;
        t->n_cold = n_cold;
        t->jit->n_links = n_links;
        call_handler(t, t->in);
        if (t->kind.class == KIND_SYNC) {
            a_store_imm(&t->a, 4, H_RBX, CPU_FIELD(RECHECK), 1);
        }
        t->cc = -1;
        t->next_host_flags = HOST_FLAGS_NONE;
    }
    t->host_flags = t->next_host_flags;
}

static void emit_cold(Trans *t, Cold *c)
{
    unsigned start = (unsigned)(t->b->ram_addr & 0xfff);

    for (unsigned i = 0; i < c->n_from; i++) {
        a_here(&t->a, c->from[i]);
    }
    switch (c->kind) {
    case COLD_SLOW:
        call_handler(t, c->in);
        if (c->redo) {
            t->cc = c->cc;
            jit_redo(t);
        }
        a_bind(&t->a, a_jmp(&t->a), c->resume);
        break;
    case COLD_LEAVE:
        if (c->in->pos + 1u < t->b->n) {
            a_mi(&t->a, A_ADD, 8, H_RBX, CPU_FIELD(LEFT), t->b->n - c->in->pos - 1);
        }
        a_mov_imm(&t->a, H_RAX, start + c->in->off + c->in->len);
        a_jmp_via(&t->a, &t->jit->calls->exit_at);
        break;
    case COLD_RECHECK:
        a_store_imm(&t->a, 4, H_RBX, CPU_FIELD(RECHECK), 1);
        a_bind(&t->a, a_jmp(&t->a), c->resume);
        break;
    default:
        c->resume = t->a.p;
        a_rip(&t->a, A_LEA, 8, H_RAX, c->link);
        a_rm(&t->a, A_MOV, 8, H_RAX, H_RBX, CPU_FIELD(LINK));
        a_mov_imm(&t->a, H_RAX, c->off);
        a_jmp_via(&t->a, &t->jit->calls->exit_at);
        break;
    }
}

bool jit_emit_block(Trans *t)
{
    Asm *a = &t->a;
    uint8_t *pending, *budget;

    analyse(t);
    t->cc = -1;
    a_mi(a, A_CMP, 8, H_RBX, CPU_FIELD(PENDING), 0);   /* and recheck */
    pending = a_jcc(a, HC_NE);
    assert(a->p - t->start == JIT_RAW_ENTRY);
    a_mi(a, A_SUB, 8, H_RBX, CPU_FIELD(LEFT), t->b->n);
    budget = a_jcc(a, HC_B);
    for (unsigned i = 0; i < t->b->n && !a->full; i++) {
        emit_insn(t, i);
    }
    if (!t->ended) {
        jit_fall_through(t);
    }
    a_here(a, budget);
    a_mi(a, A_ADD, 8, H_RBX, CPU_FIELD(LEFT), t->b->n);
    a_here(a, pending);
    a_mov_imm(a, H_RAX, t->b->ram_addr & 0xfff);
    a_jmp_via(a, &t->jit->calls->exit_at);
    for (unsigned i = 0; i < t->n_cold && !a->full; i++) {
        emit_cold(t, &t->cold[i]);
    }
    return !a->full;
}

void jit_set_links(Trans *t)
{
    for (unsigned i = 0; i < t->n_cold; i++) {
        const Cold *c = &t->cold[i];

        if (c->kind == COLD_LINK) {
            *c->link = (JitLink){ .to = c->resume + t->a.delta, .owner = t->b, .off = c->off };
        }
    }
}
