/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * add or adc sbb and sub xor cmp test, inc dec not neg, mov and lea: one handler per operand form and size.
 *
 * These make up most of any program, so nothing about them is decided at run time. The handlers are stamped
 * out by macros; the tables at the end are what decode.c picks from.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"

#define LOG2_8 0
#define LOG2_16 1
#define LOG2_32 2
#define LOG2_64 3
#define U(bits) G_PASTE(G_PASTE(uint, bits), _t)

/* A 32-bit result clears the upper half of its register. */
#define WR_8(off, v) (*REGP(uint8_t, off) = (v))
#define WR_16(off, v) (*REGP(uint16_t, off) = (v))
#define WR_32(off, v) (*REGP(uint64_t, off) = (uint32_t)(v))
#define WR_64(off, v) (*REGP(uint64_t, off) = (v))

/* ---- What the operations do: result and flags ---- */

#define DEFINE_ARITH(bits)                                                                       \
    static inline U(bits) do_add_##bits(X86CPU *cpu, U(bits) a, U(bits) b)                       \
    {                                                                                            \
        U(bits) r = (U(bits))(a + b);                                                            \
        cc_set(cpu, CC_OP(CC_ADD, LOG2_##bits), r, b);                                           \
        return r;                                                                                \
    }                                                                                            \
    static inline U(bits) do_sub_##bits(X86CPU *cpu, U(bits) a, U(bits) b)                       \
    {                                                                                            \
        U(bits) r = (U(bits))(a - b);                                                            \
        cc_set(cpu, CC_OP(CC_SUB, LOG2_##bits), r, b);                                           \
        return r;                                                                                \
    }                                                                                            \
    static inline U(bits) do_adc_##bits(X86CPU *cpu, U(bits) a, U(bits) b)                       \
    {                                                                                            \
        unsigned c = cc_carry(cpu);                                                              \
        U(bits) r = (U(bits))(a + b + c);                                                        \
        cc_set(cpu, CC_OP(CC_ADC, LOG2_##bits), r, b);                                           \
        cpu->cc_src2 = c;                                                                        \
        return r;                                                                                \
    }                                                                                            \
    static inline U(bits) do_sbb_##bits(X86CPU *cpu, U(bits) a, U(bits) b)                       \
    {                                                                                            \
        unsigned c = cc_carry(cpu);                                                              \
        U(bits) r = (U(bits))(a - b - c);                                                        \
        cc_set(cpu, CC_OP(CC_SBB, LOG2_##bits), r, b);                                           \
        cpu->cc_src2 = c;                                                                        \
        return r;                                                                                \
    }                                                                                            \
    static inline U(bits) do_and_##bits(X86CPU *cpu, U(bits) a, U(bits) b)                       \
    {                                                                                            \
        cc_set(cpu, CC_OP(CC_LOGIC, LOG2_##bits), (U(bits))(a & b), 0);                          \
        return (U(bits))(a & b);                                                                 \
    }                                                                                            \
    static inline U(bits) do_or_##bits(X86CPU *cpu, U(bits) a, U(bits) b)                        \
    {                                                                                            \
        cc_set(cpu, CC_OP(CC_LOGIC, LOG2_##bits), (U(bits))(a | b), 0);                          \
        return (U(bits))(a | b);                                                                 \
    }                                                                                            \
    static inline U(bits) do_xor_##bits(X86CPU *cpu, U(bits) a, U(bits) b)                       \
    {                                                                                            \
        cc_set(cpu, CC_OP(CC_LOGIC, LOG2_##bits), (U(bits))(a ^ b), 0);                          \
        return (U(bits))(a ^ b);                                                                 \
    }                                                                                            \
    static inline U(bits) do_inc_##bits(X86CPU *cpu, U(bits) a)                                  \
    {                                                                                            \
        U(bits) r = (U(bits))(a + 1);                                                            \
        bool c = cc_carry(cpu);                                                                  \
        cc_set(cpu, CC_OP(CC_INC, LOG2_##bits), r, c);                                           \
        return r;                                                                                \
    }                                                                                            \
    static inline U(bits) do_dec_##bits(X86CPU *cpu, U(bits) a)                                  \
    {                                                                                            \
        U(bits) r = (U(bits))(a - 1);                                                            \
        bool c = cc_carry(cpu);                                                                  \
        cc_set(cpu, CC_OP(CC_DEC, LOG2_##bits), r, c);                                           \
        return r;                                                                                \
    }                                                                                            \
    static inline U(bits) do_neg_##bits(X86CPU *cpu, U(bits) a)                                  \
    {                                                                                            \
        return do_sub_##bits(cpu, 0, a);                                                         \
    }                                                                                            \
    static inline U(bits) do_not_##bits(X86CPU *cpu, U(bits) a)                                  \
    {                                                                                            \
        return (U(bits))~a;                                                                      \
    }
DEFINE_ARITH(8)
DEFINE_ARITH(16)
DEFINE_ARITH(32)
DEFINE_ARITH(64)

/* ---- Two operands ---- */

/*
 * The flags must not change if the store faults, so memory forms keep the old ones to put back. Open checked
 * for writing already, so commit fails only by losing a compare and swap: then everything starts over.
 */
#define DEFINE_MEM_FORM(name, bits, op, source)                                                  \
    static int op_##name##_##bits(X86CPU *cpu, const Insn *in)                                   \
    {                                                                                            \
        Rmw m;                                                                                   \
        uint64_t old, new;                                                                       \
        uint32_t cc_op = cpu->cc_op;                                                             \
        uint64_t cc_dst = cpu->cc_dst, cc_src = cpu->cc_src, cc_src2 = cpu->cc_src2;             \
        int r;                                                                                   \
        for (;;) {                                                                               \
            if (rmw_open(cpu, &m, in, insn_ea(cpu, in), bits / 8, &old) < 0) {                   \
                return RET_FAULT;                                                                \
            }                                                                                    \
            new = op(cpu, (U(bits))old source);                                                  \
            r = rmw_commit(cpu, &m, old, new);                                                   \
            if (G_LIKELY(r != RMW_RETRY)) {                                                      \
                return r;                                                                        \
            }                                                                                    \
            cpu->cc_op = cc_op;                                                                  \
            cpu->cc_dst = cc_dst;                                                                \
            cpu->cc_src = cc_src;                                                                \
            cpu->cc_src2 = cc_src2;                                                              \
        }                                                                                        \
    }

#define DEFINE_FORMS(name, bits)                                                                 \
    static int op_##name##_rr_##bits(X86CPU *cpu, const Insn *in)                                \
    {                                                                                            \
        WR_##bits(in->rd, do_##name##_##bits(cpu, *REGP(U(bits), in->rd), *REGP(U(bits), in->rs))); \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    static int op_##name##_ri_##bits(X86CPU *cpu, const Insn *in)                                \
    {                                                                                            \
        WR_##bits(in->rd, do_##name##_##bits(cpu, *REGP(U(bits), in->rd), (U(bits))in->imm));    \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    static int op_##name##_rm_##bits(X86CPU *cpu, const Insn *in)                                \
    {                                                                                            \
        U(bits) v;                                                                               \
        if (cpu_ld##bits(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {                              \
            return RET_FAULT;                                                                    \
        }                                                                                        \
        WR_##bits(in->rd, do_##name##_##bits(cpu, *REGP(U(bits), in->rd), v));                   \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    DEFINE_MEM_FORM(name##_mr, bits, do_##name##_##bits, COMMA *REGP(U(bits), in->rs))           \
    DEFINE_MEM_FORM(name##_mi, bits, do_##name##_##bits, COMMA (U(bits))in->imm)
#define COMMA ,

/* cmp and test: the result goes nowhere. */
#define DEFINE_COMPARE(name, op, bits)                                                           \
    static int op_##name##_rr_##bits(X86CPU *cpu, const Insn *in)                                \
    {                                                                                            \
        (void)op##_##bits(cpu, *REGP(U(bits), in->rd), *REGP(U(bits), in->rs));                  \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    static int op_##name##_ri_##bits(X86CPU *cpu, const Insn *in)                                \
    {                                                                                            \
        (void)op##_##bits(cpu, *REGP(U(bits), in->rd), (U(bits))in->imm);                        \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    static int op_##name##_rm_##bits(X86CPU *cpu, const Insn *in)                                \
    {                                                                                            \
        U(bits) v;                                                                               \
        if (cpu_ld##bits(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {                              \
            return RET_FAULT;                                                                    \
        }                                                                                        \
        (void)op##_##bits(cpu, *REGP(U(bits), in->rd), v);                                       \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    static int op_##name##_mr_##bits(X86CPU *cpu, const Insn *in)                                \
    {                                                                                            \
        U(bits) v;                                                                               \
        if (cpu_ld##bits(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {                              \
            return RET_FAULT;                                                                    \
        }                                                                                        \
        (void)op##_##bits(cpu, v, *REGP(U(bits), in->rs));                                       \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    static int op_##name##_mi_##bits(X86CPU *cpu, const Insn *in)                                \
    {                                                                                            \
        U(bits) v;                                                                               \
        if (cpu_ld##bits(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {                              \
            return RET_FAULT;                                                                    \
        }                                                                                        \
        (void)op##_##bits(cpu, v, (U(bits))in->imm);                                             \
        return RET_NEXT;                                                                         \
    }

#define DEFINE_MOV(bits)                                                                         \
    static int op_mov_rr_##bits(X86CPU *cpu, const Insn *in)                                     \
    {                                                                                            \
        WR_##bits(in->rd, *REGP(U(bits), in->rs));                                               \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    static int op_mov_ri_##bits(X86CPU *cpu, const Insn *in)                                     \
    {                                                                                            \
        WR_##bits(in->rd, (U(bits))in->imm);                                                     \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    static int op_mov_rm_##bits(X86CPU *cpu, const Insn *in)                                     \
    {                                                                                            \
        U(bits) v;                                                                               \
        if (cpu_ld##bits(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {                              \
            return RET_FAULT;                                                                    \
        }                                                                                        \
        WR_##bits(in->rd, v);                                                                    \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    static int op_mov_mr_##bits(X86CPU *cpu, const Insn *in)                                     \
    {                                                                                            \
        return cpu_st##bits(cpu, in->seg, insn_ea(cpu, in), *REGP(U(bits), in->rs));             \
    }                                                                                            \
    static int op_mov_mi_##bits(X86CPU *cpu, const Insn *in)                                     \
    {                                                                                            \
        return cpu_st##bits(cpu, in->seg, insn_ea(cpu, in), (U(bits))in->imm);                   \
    }                                                                                            \
    static int op_lea_##bits(X86CPU *cpu, const Insn *in)                                        \
    {                                                                                            \
        WR_##bits(in->rd, (U(bits))insn_ea(cpu, in));                                            \
        return RET_NEXT;                                                                         \
    }

#define DEFINE_UNARY(name, bits)                                                                 \
    static int op_##name##_r_##bits(X86CPU *cpu, const Insn *in)                                 \
    {                                                                                            \
        WR_##bits(in->rd, do_##name##_##bits(cpu, *REGP(U(bits), in->rd)));                      \
        return RET_NEXT;                                                                         \
    }                                                                                            \
    DEFINE_MEM_FORM(name##_m, bits, do_##name##_##bits, )

#define FOR_SIZES(m, ...) m(__VA_ARGS__, 8) m(__VA_ARGS__, 16) m(__VA_ARGS__, 32) m(__VA_ARGS__, 64)

FOR_SIZES(DEFINE_FORMS, add)
FOR_SIZES(DEFINE_FORMS, or)
FOR_SIZES(DEFINE_FORMS, adc)
FOR_SIZES(DEFINE_FORMS, sbb)
FOR_SIZES(DEFINE_FORMS, and)
FOR_SIZES(DEFINE_FORMS, sub)
FOR_SIZES(DEFINE_FORMS, xor)
FOR_SIZES(DEFINE_COMPARE, cmp, do_sub)
FOR_SIZES(DEFINE_COMPARE, test, do_and)
FOR_SIZES(DEFINE_UNARY, inc)
FOR_SIZES(DEFINE_UNARY, dec)
FOR_SIZES(DEFINE_UNARY, not)
FOR_SIZES(DEFINE_UNARY, neg)
DEFINE_MOV(8)
DEFINE_MOV(16)
DEFINE_MOV(32)
DEFINE_MOV(64)

/* ---- Tables ---- */

#define SIZES(name) { name##_8, name##_16, name##_32, name##_64 }
#define FORMS(name)                                                                                        \
    {                                                                                                      \
        [FORM_RR] = SIZES(op_##name##_rr), [FORM_RI] = SIZES(op_##name##_ri),                              \
        [FORM_RM] = SIZES(op_##name##_rm), [FORM_MR] = SIZES(op_##name##_mr),                              \
        [FORM_MI] = SIZES(op_##name##_mi),                                                                 \
    }

OpFunc *const alu_ops[ALU__COUNT][FORM__COUNT][4] = {
    [ALU_ADD] = FORMS(add), [ALU_OR] = FORMS(or), [ALU_ADC] = FORMS(adc), [ALU_SBB] = FORMS(sbb),
    [ALU_AND] = FORMS(and), [ALU_SUB] = FORMS(sub), [ALU_XOR] = FORMS(xor), [ALU_CMP] = FORMS(cmp),
    [ALU_TEST] = FORMS(test), [ALU_MOV] = FORMS(mov),
};

OpFunc *const unary_ops[UNARY__COUNT][2][4] = {
    [UNARY_INC] = { SIZES(op_inc_r), SIZES(op_inc_m) },
    [UNARY_DEC] = { SIZES(op_dec_r), SIZES(op_dec_m) },
    [UNARY_NOT] = { SIZES(op_not_r), SIZES(op_not_m) },
    [UNARY_NEG] = { SIZES(op_neg_r), SIZES(op_neg_m) },
};

OpFunc *const lea_ops[4] = SIZES(op_lea);
