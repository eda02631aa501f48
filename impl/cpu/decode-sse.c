/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMX and SSE: the handler by mnemonic and by the kinds of the first two operands.
 *
 * rd is the first operand and rs the second: the number of a vector register, or the offset of a general one.
 * imm is an immediate operand, size that of the general register, else of memory, aux the argument in the table.
 * VEX and EVEX forms have mnemonics of their own, which are not here.
 */
#include "cpu/decode_int.h"
#include "cpu/sse.h"

/* First operand, second operand: X xmm, M MMX, G general, MEM memory, IMM immediate. */
typedef enum SseForm {
    X_X, X_MEM, MEM_X, M_M, M_MEM, MEM_M, X_G, G_X, M_G, G_M, G_G, G_MEM, X_M, M_X, X_IMM, M_IMM, MEM, NONE,
    SSE_FORM__COUNT,
} SseForm;

typedef struct SseEntry {
    OpFunc *fn[SSE_FORM__COUNT];
    uint8_t aux;
} SseEntry;

/* ---- The table ---- */

#define M(name) [ZYDIS_MNEMONIC_##name]
#define XMM(name) M(name) = { { [X_X] = op_sse_##name, [X_MEM] = op_sse_##name } },
#define TO_GPR(name) M(name) = { { [G_X] = op_sse_##name, [G_MEM] = op_sse_##name } }
#define TO_MMX(name) M(name) = { { [M_X] = op_mmx_##name, [M_MEM] = op_mmx_##name } }
#define BOTH(name)                                                                                      \
    M(name) = { { [X_X] = op_sse_##name, [X_MEM] = op_sse_##name, [M_M] = op_mmx_##name, [M_MEM] = op_mmx_##name } },
#define SHIFT(name)                                                                                     \
    M(name) = { { [X_X] = op_sse_##name, [X_MEM] = op_sse_##name, [M_M] = op_mmx_##name, [M_MEM] = op_mmx_##name, \
                  [X_IMM] = op_sse_imm_##name, [M_IMM] = op_mmx_imm_##name } },
#define MOVE(name, kind)                                                                                \
    M(name) = { { [X_X] = op_sse_mov_rr, [X_MEM] = op_sse_load_##kind, [MEM_X] = op_sse_store_##kind } }
#define STORE(name) M(name) = { { [MEM_X] = op_sse_store_aligned } }
#define HALF(name, load, store) M(name) = { { [X_MEM] = load, [MEM_X] = store } }
#define SIGNS(name, fn) M(name) = { { [G_X] = fn } }
#define EXTRACT(name, log2) M(name) = { { [G_X] = op_sse_pextr, [MEM_X] = op_sse_pextr }, log2 }
#define INSERT(name, log2) M(name) = { { [X_G] = op_sse_pinsr, [X_MEM] = op_sse_pinsr }, log2 }
#define STRINGS(name, fn, aux) M(name) = { { [X_X] = fn, [X_MEM] = fn }, aux }

static const SseEntry table[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
    SSE_LIST_BOTH(BOTH)
    SSE_LIST_SHIFT(SHIFT)
    SSE_LIST_INT(XMM)
    SSE_LIST_FLOAT(XMM)
    SSE_LIST_CRYPTO(XMM)
    STRINGS(PCMPESTRI, op_sse_pcmpstri, SSE_AUX_LENGTHS), STRINGS(PCMPISTRI, op_sse_pcmpstri, 0),
    STRINGS(PCMPESTRM, op_sse_pcmpstrm, SSE_AUX_LENGTHS), STRINGS(PCMPISTRM, op_sse_pcmpstrm, 0),
    M(CRC32) = { { [G_G] = op_crc32, [G_MEM] = op_crc32 } },
    M(PSLLDQ) = { { [X_IMM] = op_sse_imm_PSLLDQ } }, M(PSRLDQ) = { { [X_IMM] = op_sse_imm_PSRLDQ } },
    M(PSHUFW) = { { [M_M] = op_mmx_PSHUFW, [M_MEM] = op_mmx_PSHUFW } },
    MOVE(MOVAPS, aligned), MOVE(MOVAPD, aligned), MOVE(MOVDQA, aligned),
    MOVE(MOVUPS, unaligned), MOVE(MOVUPD, unaligned), MOVE(MOVDQU, unaligned),
    STORE(MOVNTPS), STORE(MOVNTPD), STORE(MOVNTDQ), M(MOVNTQ) = { { [MEM_M] = op_mmx_store_64 } },
    M(LDDQU) = { { [X_MEM] = op_sse_load_unaligned } }, M(MOVNTDQA) = { { [X_MEM] = op_sse_load_aligned } },
    M(MOVSS) = { { [X_X] = op_sse_movss_rr, [X_MEM] = op_sse_load_32, [MEM_X] = op_sse_store_32 } },
    M(MOVSD) = { { [X_X] = op_sse_movsd_rr, [X_MEM] = op_sse_load_64, [MEM_X] = op_sse_store_64 } },
    HALF(MOVLPS, op_sse_load_low, op_sse_store_64), HALF(MOVLPD, op_sse_load_low, op_sse_store_64),
    HALF(MOVHPS, op_sse_load_high, op_sse_store_high), HALF(MOVHPD, op_sse_load_high, op_sse_store_high),
    M(MOVHLPS) = { { [X_X] = op_sse_movhlps } }, M(MOVLHPS) = { { [X_X] = op_sse_movlhps } },
    M(MOVD) = { { [X_G] = op_sse_from_gpr, [G_X] = op_sse_to_gpr, [X_MEM] = op_sse_load_32,
                  [MEM_X] = op_sse_store_32, [M_G] = op_mmx_from_gpr, [G_M] = op_mmx_to_gpr,
                  [M_MEM] = op_mmx_load_32, [MEM_M] = op_mmx_store_32 } },
    M(MOVQ) = { { [X_X] = op_sse_movq_rr, [X_G] = op_sse_from_gpr, [G_X] = op_sse_to_gpr, [X_MEM] = op_sse_load_64,
                  [MEM_X] = op_sse_store_64, [M_M] = op_mmx_mov_rr, [M_G] = op_mmx_from_gpr,
                  [G_M] = op_mmx_to_gpr, [M_MEM] = op_mmx_load_64, [MEM_M] = op_mmx_store_64 } },
    M(MOVQ2DQ) = { { [X_M] = op_mmx_movq2dq } }, M(MOVDQ2Q) = { { [M_X] = op_mmx_movdq2q } },
    M(MASKMOVDQU) = { { [X_X] = op_sse_maskmov } }, M(MASKMOVQ) = { { [M_M] = op_mmx_maskmov } },
    SIGNS(MOVMSKPS, op_sse_movmskps), SIGNS(MOVMSKPD, op_sse_movmskpd),
    M(PMOVMSKB) = { { [G_X] = op_sse_pmovmskb, [G_M] = op_mmx_pmovmskb } },
    EXTRACT(PEXTRB, 0), EXTRACT(PEXTRD, 2), EXTRACT(PEXTRQ, 3), EXTRACT(EXTRACTPS, 2),
    INSERT(PINSRB, 0), INSERT(PINSRD, 2), INSERT(PINSRQ, 3),
    M(PEXTRW) = { { [G_X] = op_sse_pextr, [MEM_X] = op_sse_pextr, [G_M] = op_mmx_pextrw }, 1 },
    M(PINSRW) = { { [X_G] = op_sse_pinsr, [X_MEM] = op_sse_pinsr, [M_G] = op_mmx_pinsrw,
                    [M_MEM] = op_mmx_pinsrw }, 1 },
    M(CVTSI2SS) = { { [X_G] = op_sse_CVTSI2SS, [X_MEM] = op_sse_CVTSI2SS } },
    M(CVTSI2SD) = { { [X_G] = op_sse_CVTSI2SD, [X_MEM] = op_sse_CVTSI2SD } },
    TO_GPR(CVTSS2SI), TO_GPR(CVTTSS2SI), TO_GPR(CVTSD2SI), TO_GPR(CVTTSD2SI),
    TO_MMX(CVTPS2PI), TO_MMX(CVTTPS2PI), TO_MMX(CVTPD2PI), TO_MMX(CVTTPD2PI),
    M(CVTPI2PS) = { { [X_M] = op_mmx_CVTPI2PS, [X_MEM] = op_mmx_CVTPI2PS } },
    M(CVTPI2PD) = { { [X_M] = op_mmx_CVTPI2PD, [X_MEM] = op_mmx_CVTPI2PD } },
    M(EMMS) = { { [NONE] = op_emms } },
    M(LDMXCSR) = { { [MEM] = op_ldmxcsr } }, M(STMXCSR) = { { [MEM] = op_stmxcsr } },
    M(FXSAVE) = { { [MEM] = op_fxsave } }, M(FXSAVE64) = { { [MEM] = op_fxsave }, 1 },
    M(FXRSTOR) = { { [MEM] = op_fxrstor } }, M(FXRSTOR64) = { { [MEM] = op_fxrstor }, 1 },
    M(CLFLUSH) = { { [MEM] = op_clflush } }, M(CLFLUSHOPT) = { { [MEM] = op_clflush } },
    M(CLWB) = { { [MEM] = op_clflush } },
};

/* ---- Operands ---- */

typedef enum OperandKind { KIND_NONE, KIND_X, KIND_M, KIND_G, KIND_MEM, KIND_IMM, KIND_OTHER } OperandKind;

static OperandKind kind_of(const Decoder *d, unsigned i)
{
    if (i >= d->insn.operand_count_visible) {
        return KIND_NONE;
    }
    switch (d->ops[i].type) {
    case ZYDIS_OPERAND_TYPE_MEMORY:
        return KIND_MEM;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        return KIND_IMM;
    case ZYDIS_OPERAND_TYPE_REGISTER:
        break;
    default:
        return KIND_OTHER;
    }
    switch (ZydisRegisterGetClass(d->ops[i].reg.value)) {
    case ZYDIS_REGCLASS_XMM:
        return KIND_X;
    case ZYDIS_REGCLASS_MMX:
        return KIND_M;
    case ZYDIS_REGCLASS_GPR8:
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64:
        return KIND_G;
    default:
        return KIND_OTHER;
    }
}

static SseForm form_of(const Decoder *d)
{
    static const uint8_t forms[KIND_OTHER][KIND_OTHER] = {
        [KIND_NONE] = { [KIND_NONE] = NONE + 1 },
        [KIND_X] = { [KIND_X] = X_X + 1, [KIND_M] = X_M + 1, [KIND_G] = X_G + 1, [KIND_MEM] = X_MEM + 1,
                     [KIND_IMM] = X_IMM + 1 },
        [KIND_M] = { [KIND_X] = M_X + 1, [KIND_M] = M_M + 1, [KIND_G] = M_G + 1, [KIND_MEM] = M_MEM + 1,
                     [KIND_IMM] = M_IMM + 1 },
        [KIND_G] = { [KIND_X] = G_X + 1, [KIND_M] = G_M + 1, [KIND_G] = G_G + 1, [KIND_MEM] = G_MEM + 1 },
        [KIND_MEM] = { [KIND_NONE] = MEM + 1, [KIND_X] = MEM_X + 1, [KIND_M] = MEM_M + 1 },
    };
    OperandKind a = kind_of(d, 0), b = kind_of(d, 1);

    return a < KIND_OTHER && b < KIND_OTHER && forms[a][b] ? forms[a][b] - 1 : SSE_FORM__COUNT;
}

static void set_operand(Decoder *d, unsigned i, uint8_t *reg)
{
    const ZydisDecodedOperand *o = &d->ops[i];

    switch (kind_of(d, i)) {
    case KIND_X:
    case KIND_M:
        *reg = (uint8_t)ZydisRegisterGetId(o->reg.value);
        break;
    case KIND_G:
        *reg = decode_gpr(o->reg.value);
        d->in->size = (uint8_t)(o->size / 8);
        break;
    case KIND_MEM:
        decode_set_mem(d, o);
        if (!d->in->size && o->size <= 128) {       /* a line or an image is for its handler to know */
            d->in->size = (uint8_t)(o->size / 8);
        }
        break;
    case KIND_IMM:
        d->in->imm = (int64_t)o->imm.value.u;
        break;
    case KIND_NONE:
    case KIND_OTHER:
        break;
    }
}

/* What the visible operands do not say. */
static void set_implied(Decoder *d)
{
    Insn *in = d->in;

    if (in->fn == op_crc32) {
        in->aux = (uint8_t)(d->ops[1].size / 8);
    } else if (in->fn == op_sse_pcmpstri || in->fn == op_sse_pcmpstrm) {
        in->size = d->insn.raw.rex.W ? 8 : 4;
    }
    if (in->fn != op_sse_maskmov && in->fn != op_mmx_maskmov) {
        return;
    }
    /* They store through rdi without naming it. */
    for (unsigned i = d->insn.operand_count_visible; i < d->insn.operand_count; i++) {
        if (d->ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY) {
            decode_set_mem(d, &d->ops[i]);
        }
    }
}

bool decode_sse(Decoder *d)
{
    const SseEntry *e = &table[d->insn.mnemonic];
    SseForm form = form_of(d);
    uint8_t unused;

    if (form == SSE_FORM__COUNT || !e->fn[form]) {
        return false;
    }
    d->in->fn = e->fn[form];
    d->in->aux = e->aux;
    set_operand(d, 0, &d->in->rd);
    set_operand(d, 1, &d->in->rs);
    set_operand(d, 2, &unused);
    set_implied(d);
    return true;
}
