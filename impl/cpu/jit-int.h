/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A translation in progress, and what its parts offer each other. Internal to the jit files.
 *
 * Each instruction gets code that does the common case, and a cold part that calls its handler and goes on behind it.
 *
 * I1  Until the last check that may lead to the cold part, the common case has changed nothing of the guest.
 * I2  Where a cold part rejoins, what is statically known (cc) holds on both ways; host_flags holds nothing.
 * I3  Flags that are not live are not stored: no reader, fault or exit comes before they are overwritten.
 */
#ifndef CPU_JIT_INT_H
#define CPU_JIT_INT_H

#include "cpu/code.h"
#include "cpu/flags.h"
#include "cpu/jit-abi.h"
#include "cpu/jit-asm.h"
#include "cpu/ops.h"

/* A jump from block to block that is looked up once. Lives in the data part; translated code jumps through @to. */
typedef struct JitLink {
    const uint8_t *to;
    const CodeBlock *owner;
    unsigned off;            /* of the target in the page */
} JitLink;

/* Addresses that translated code calls through; at the start of the data part. */
typedef struct JitCalls {
    void (*exit)(void);
    void (*exit_at)(void);
    void (*lookup)(void);
    void (*slow)(void);
    void (*cond)(void);
    void (*carry)(void);
    void (*flags)(void);
} JitCalls;

typedef struct JitState {
    uint8_t *data;           /* the mapping: JIT_DATA_SIZE of data, then code */
    JitCalls *calls;
    JitLink *links;          /* behind them */
    unsigned n_links;
    size_t used;             /* bytes of code */
    unsigned threshold;
    bool full;
    GHashTable *kinds;       /* of OpFunc to packed InsnKind */
    uint8_t *buf;
} JitState;

/* What a handler does, for those that are translated. */
typedef enum KindClass {
    KIND_CALL,               /* by its handler */
    KIND_SYNC,               /* by its handler, which may let other threads run */
    KIND_ALU, KIND_UNARY, KIND_LEA, KIND_NOP, KIND_MOVX, KIND_CMOV, KIND_SETCC, KIND_XCHG, KIND_BSWAP, KIND_PUSH,
    KIND_PUSH_IMM, KIND_POP, KIND_LEAVE, KIND_CBW, KIND_CWD, KIND_SHIFT_RI, KIND_SHIFT, KIND_IMUL, KIND_MUL, KIND_BT,
    KIND_CLD,
    KIND_JCC, KIND_JMP, KIND_JMP_RM, KIND_CALL_REL, KIND_CALL_RM, KIND_RET, KIND__COUNT,
} KindClass;

typedef struct InsnKind {
    uint8_t class;
    uint8_t op;              /* ALU_*, UNARY_*, SHIFT_*, or whether movx extends the sign */
    uint8_t form;            /* FORM_*, or whether the operand of a unary operation is memory */
} InsnKind;

enum { COLD_SLOW, COLD_LEAVE, COLD_RECHECK, COLD_LINK };
enum { COLD_MAX_JUMPS = 5, COLD_MAX = 128 };

/* Code at the end of the block that is rarely reached. */
typedef struct Cold {
    uint8_t kind;
    uint8_t n_from;
    uint8_t *from[COLD_MAX_JUMPS];
    uint8_t *resume;
    bool redo;               /* the host's flags are wanted behind it, */
    int cc;                  /* of this operation */
    const Insn *in;
    JitLink *link;
    unsigned off;            /* in the page */
} Cold;

/* Bytes from the entry that looks at pending and recheck to the one that does not. */
enum { JIT_RAW_ENTRY = 11 };

/* How much of the guest's flags the host's flags are. */
enum { HOST_FLAGS_NONE, HOST_FLAGS_NO_CF, HOST_FLAGS_ALL };

typedef struct Trans {
    Asm a;
    X86CPU *cpu;
    JitState *jit;
    CodeBlock *b;
    uint8_t *start;          /* of the buffer */
    const Insn *in;
    InsnKind kind;
    Cold *slow;              /* of this instruction */
    bool live;               /* its flags are wanted */
    bool ended;              /* it was a jump */
    uint8_t host_flags;      /* now */
    uint8_t next_host_flags; /* behind this instruction */
    int cc;                  /* what cc_op in memory is, or -1 */
    unsigned n_cold;
    Cold cold[COLD_MAX];
    InsnKind kinds[BLOCK_MAX_INSNS];
    bool lives[BLOCK_MAX_INSNS];
} Trans;

/* ---- jit-block.c ---- */

/** jit_kinds: what handlers do, by OpFunc. */
GHashTable *jit_kinds(void);
/** jit_emit_block: the whole block into the buffer. False: it is too long. */
bool jit_emit_block(Trans *t);
/** jit_set_links: the jumps out of it, once it is where it will run. */
void jit_set_links(Trans *t);

/* ---- jit-emit.c: registers, memory, flags ---- */

#define CPU_FIELD(name) (JIT_CPU_##name - JIT_BIAS)

/** jit_home: displacement of guest register bytes from rbx. */
static inline int32_t jit_home(unsigned off)
{
    return (int32_t)off - JIT_BIAS;
}

/** jit_mapped: the host register that holds the guest register at @off, or H_NONE. */
int jit_mapped(unsigned off);
/** jit_in: a host register with the whole guest register: its own, or @scratch, loaded. */
int jit_in(Trans *t, unsigned off, int scratch);
/** jit_out: @host, from jit_in, was changed. */
void jit_out(Trans *t, unsigned off, int host);
/** jit_set: write @size bytes of a guest register from @src; 4 bytes clear the upper half. @src must not be partial. */
void jit_set(Trans *t, unsigned off, unsigned size, int src);
static inline bool jit_is_high_byte(unsigned off)
{
    return off & 7;
}

/** jit_slow_if: if @cond, let the handler do the instruction. */
void jit_slow_if(Trans *t, unsigned cond);
Cold *jit_cold(Trans *t, unsigned kind);
void jit_cold_from(Trans *t, Cold *c, uint8_t *after);

/** jit_ea: the effective address of the operand, without segment, to @dst. May use rcx. False: not done. */
bool jit_ea(Trans *t, int dst);
/** jit_addr_*: rax becomes the host address of the operand; rcx and rdx are lost. False: not done. */
bool jit_addr_load(Trans *t, unsigned size);
/** The same for writing; rdx becomes the address of the dirty byte. */
bool jit_addr_store(Trans *t, unsigned size);
/** The same for the linear address in rax. */
void jit_tlb_load(Trans *t, unsigned size);
void jit_tlb_store(Trans *t, unsigned size);
/** jit_stored: after the store: set the dirty byte (rdx), leave if it was code. */
void jit_stored(Trans *t);
/** jit_load: @size bytes at [rax], zero-extended, to @dst. */
void jit_load(Trans *t, unsigned size, int dst);

/** jit_cc_src, jit_cc_dst: keep a value, of which @size bytes count, for the flags. @tmp is lost. Flags stay. */
void jit_cc_src(Trans *t, unsigned size, int src, int tmp);
void jit_cc_src_imm(Trans *t, unsigned size, int64_t imm, int tmp);
void jit_cc_dst(Trans *t, unsigned size, int src, int tmp);
void jit_cc_op(Trans *t, unsigned kind, unsigned size);
/** jit_cond: make the host's flags say guest condition @cond; returns the host's condition. Loses rax, rcx, rdx. */
unsigned jit_cond(Trans *t, unsigned cond);
/** jit_redo: do the comparison, logic operation or addition whose flags are stored once more. Loses rax and rdx. */
void jit_redo(Trans *t);
/** jit_flags: eax becomes the six flags, and perhaps others. Loses rcx and rdx. */
void jit_flags(Trans *t);
/** jit_carry: edx becomes the carry flag, 0 or 1. Loses rax and rcx. */
void jit_carry(Trans *t);

/* ---- The instructions; false: not done, call the handler ---- */

bool jit_alu(Trans *t);
bool jit_unary(Trans *t);
bool jit_shift_ri(Trans *t);
bool jit_shift(Trans *t);
bool jit_imul(Trans *t);
bool jit_mul(Trans *t);
bool jit_bt(Trans *t);

bool jit_mov(Trans *t);
bool jit_lea(Trans *t);
bool jit_movx(Trans *t);
bool jit_cmov(Trans *t);
bool jit_setcc(Trans *t);
bool jit_xchg(Trans *t);
bool jit_bswap(Trans *t);
bool jit_push(Trans *t);
bool jit_push_imm(Trans *t);
bool jit_pop(Trans *t);
bool jit_leave(Trans *t);
bool jit_cbw(Trans *t);
bool jit_cwd(Trans *t);
bool jit_cld(Trans *t);

bool jit_jcc(Trans *t);
bool jit_jmp(Trans *t);
bool jit_jmp_rm(Trans *t);
bool jit_call_rel(Trans *t);
bool jit_call_rm(Trans *t);
bool jit_ret(Trans *t);
/** jit_fall_through: the block ends without a jump. */
void jit_fall_through(Trans *t);

#endif
