/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decoded instruction, and what handlers need to execute it: registers, memory, exceptions.
 *
 * A handler returns RET_NEXT (go on), RET_LEAVE (done; leave the block, the next instruction follows),
 * RET_JUMP (done; rip is set), RET_FAULT (an exception is raised; nothing was done) or RET_FAULT_TASK (the task was
 * switched, which is done; an exception is raised at the new rip). Memory accessors return
 * the same: negative for a fault, RET_LEAVE when the store hit code or a device, so that the block ends.
 */
#ifndef CPU_INSN_H
#define CPU_INSN_H

#include <string.h>

#include "cpu/cpu.h"

enum { RET_FAULT_TASK = -2, RET_FAULT = -1, RET_NEXT = 0, RET_LEAVE = 1, RET_JUMP = 2 };

typedef struct Insn Insn;
typedef int OpFunc(X86CPU *cpu, const Insn *in);

struct Insn {
    OpFunc *fn;
    int64_t imm;
    int64_t disp;        /* for rip-relative operands: from the start of the block */
    uint16_t off;        /* of this instruction from the start of the block */
    uint8_t len;
    uint8_t size;        /* operand size in bytes */
    uint8_t rd, rs;      /* byte offsets into regs: high byte registers are just odd offsets */
    uint8_t base, index;
    uint8_t scale;       /* shift of the index */
    uint8_t seg;
    uint8_t ashift;      /* 64 minus the address size in bits */
    uint8_t flags;       /* IF_* */
    uint8_t aux;         /* condition, selector of a sub-operation, second size */
    uint8_t pos;         /* number in its block */
};

enum {
    IF_MEM = 1,          /* the r/m operand is memory */
    IF_LOCK = 2,
    IF_REP = 4,
    IF_REPNE = 8,
    IF_CL = 16,          /* shift count in CL */
    IF_SRC_MEM = 32,     /* the source, not the destination, is the memory operand */
    IF_STOP = 64,        /* last instruction of a block */
    IF_ALONE = 128,      /* and the first one: it reaches a device or a clock */
};

enum { REG_OFF_NONE = R_ZERO * 8 };

/* ---- Registers ---- */

#define REGP(T, off) ((T *)((uint8_t *)cpu->regs + (off)))

static inline uint64_t reg_rd(const X86CPU *cpu, unsigned off, unsigned size)
{
    const uint8_t *p = (const uint8_t *)cpu->regs + off;

    switch (size) {
    case 1:
        return *p;
    case 2:
        return *(const uint16_t *)p;
    case 4:
        return *(const uint32_t *)p;
    default:
        return *(const uint64_t *)p;
    }
}

static inline void reg_wr(X86CPU *cpu, unsigned off, unsigned size, uint64_t v)
{
    uint8_t *p = (uint8_t *)cpu->regs + off;

    switch (size) {
    case 1:
        *p = (uint8_t)v;
        break;
    case 2:
        *(uint16_t *)p = (uint16_t)v;
        break;
    case 4:
        *(uint64_t *)p = (uint32_t)v;   /* 32-bit results clear the upper half */
        break;
    default:
        *(uint64_t *)p = v;
        break;
    }
}

static inline uint64_t insn_ea(const X86CPU *cpu, const Insn *in)
{
    uint64_t ea = *REGP(const uint64_t, in->base) + (*REGP(const uint64_t, in->index) << in->scale) + in->disp;

    return ea << in->ashift >> in->ashift;
}

static inline uint64_t insn_rip(const X86CPU *cpu, const Insn *in)
{
    return (cpu->regs[R_BLOCK_RIP] + in->off) & cpu->lin_mask;
}

static inline uint64_t insn_next_rip(const X86CPU *cpu, const Insn *in)
{
    return (cpu->regs[R_BLOCK_RIP] + in->off + in->len) & cpu->lin_mask;
}

static inline uint64_t size_bits_mask(unsigned size)
{
    return UINT64_MAX >> (64 - size * 8);
}

static inline int64_t sign_extend(uint64_t v, unsigned size)
{
    return (int64_t)(v << (64 - size * 8)) >> (64 - size * 8);
}

/* ---- Exceptions ---- */

enum {
    EXC_DE = 0, EXC_DB = 1, EXC_NMI = 2, EXC_BP = 3, EXC_OF = 4, EXC_BR = 5, EXC_UD = 6, EXC_NM = 7, EXC_DF = 8,
    EXC_TS = 10, EXC_NP = 11, EXC_SS = 12, EXC_GP = 13, EXC_PF = 14, EXC_MF = 16, EXC_AC = 17, EXC_MC = 18,
    EXC_XM = 19,
    EXC_REDO = 256,      /* not an exception: run the same instruction again, alone */
};

/** cpu_raise: record an exception for the loop to deliver. Returns RET_FAULT. */
int cpu_raise(X86CPU *cpu, int vector);
int cpu_raise_code(X86CPU *cpu, int vector, uint32_t code);

/** #GP(0), the most common one. */
static inline int cpu_gp0(X86CPU *cpu)
{
    return cpu_raise_code(cpu, EXC_GP, 0);
}

/* ---- Memory ---- */

#define TLB_INVALID UINT64_MAX
#define PAGE_OFFSET(lin) ((lin) & 0xfff)

/* Slow halves, mmu.c. @lin is masked; @seg only chooses between #GP and #SS for a non-canonical address. */
int mmu_load(X86CPU *cpu, uint64_t lin, unsigned size, uint64_t *ret, unsigned seg, unsigned mmu_idx);
int mmu_store(X86CPU *cpu, uint64_t lin, unsigned size, uint64_t v, unsigned seg, unsigned mmu_idx);
/** mmu_probe_write: raise whatever a store of @size bytes at @lin would raise. */
int mmu_probe_write(X86CPU *cpu, uint64_t lin, unsigned size, unsigned seg);
/** mmu_host: host address of [@lin, @lin + @size) if it is RAM within a page and allowed, else NULL. No faults. */
uint8_t *mmu_host(X86CPU *cpu, uint64_t lin, unsigned size, bool write, TlbEntry **ret_entry);

/** mmu_host_probed: the same for writing after mmu_probe_write(), whose checks need not be made again. */
uint8_t *mmu_host_probed(X86CPU *cpu, uint64_t lin, unsigned size, TlbEntry **ret_entry);

/** mmu_flush_page: invlpg. */
void mmu_flush_page(X86CPU *cpu, uint64_t lin);
/** mmu_watch: pages have come to be watched (debug_watches_page): the TLB sends their accesses to the slow path. */
void mmu_watch(X86CPU *cpu);
/** mmu_flush_nonglobal: what loading CR3 forgets. */
void mmu_flush_nonglobal(X86CPU *cpu);
/* A page of code: where its bytes are, and which RAM they are. */
typedef struct FetchPage {
    const uint8_t *host;     /* NULL: not RAM */
    RAMBlock *rb;
    uint64_t offset;         /* in rb */
    uint64_t phys;
} FetchPage;
/** mmu_fetch_page: translate for execution. */
int mmu_fetch_page(X86CPU *cpu, uint64_t lin, FetchPage *ret);
/** mmu_fetch_current: the page of fetch_lin, which is not FETCH_NONE. */
void mmu_fetch_current(X86CPU *cpu, FetchPage *ret);
/** cpu_load_pdptes: PAE without long mode. False: reserved bits are set, nothing was changed. */
bool cpu_load_pdptes(X86CPU *cpu, uint64_t cr3);

/** seg_check: the full segment check behind the fast one (legacy modes). */
int seg_check(X86CPU *cpu, unsigned seg, uint64_t off, unsigned size, bool write);

static inline int seg_linear(X86CPU *cpu, unsigned seg, uint64_t off, unsigned size, bool write, uint64_t *lin)
{
    uint64_t end = write ? cpu->seg_end_write[seg] : cpu->seg_end_read[seg];

    if (G_UNLIKELY(off + size > end) && seg_check(cpu, seg, off, size, write) < 0) {
        return RET_FAULT;
    }
    *lin = (off + cpu->seg_base[seg]) & cpu->lin_mask;
    return RET_NEXT;
}

#define DEFINE_LD_ST(bits)                                                                              \
    static inline int cpu_ld##bits(X86CPU *cpu, unsigned seg, uint64_t off, uint##bits##_t *ret)        \
    {                                                                                                   \
        uint64_t lin, v = 0;                                                                            \
        int r;                                                                                          \
        const TlbEntry *e;                                                                              \
        if (G_UNLIKELY(seg_linear(cpu, seg, off, bits / 8, false, &lin) < 0)) {                         \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        e = &cpu->tlb[cpu->mmu_idx][(lin >> 12) & (TLB_SIZE - 1)];                                      \
        if (G_LIKELY(e->tag_read == (lin & ~UINT64_C(0xfff)) && PAGE_OFFSET(lin) <= 4096 - bits / 8)) { \
            memcpy(ret, (const void *)(lin + e->addend), bits / 8);                                     \
            return RET_NEXT;                                                                            \
        }                                                                                               \
        r = mmu_load(cpu, lin, bits / 8, &v, seg, cpu->mmu_idx);                                        \
        *ret = r < 0 ? *ret : (uint##bits##_t)v;      /* often a register: it keeps its value */         \
        return r;                                                                                       \
    }                                                                                                   \
    static inline int cpu_st##bits(X86CPU *cpu, unsigned seg, uint64_t off, uint##bits##_t v)           \
    {                                                                                                   \
        uint64_t lin;                                                                                   \
        const TlbEntry *e;                                                                              \
        if (G_UNLIKELY(seg_linear(cpu, seg, off, bits / 8, true, &lin) < 0)) {                          \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        e = &cpu->tlb[cpu->mmu_idx][(lin >> 12) & (TLB_SIZE - 1)];                                      \
        if (G_LIKELY(e->tag_write == (lin & ~UINT64_C(0xfff)) && PAGE_OFFSET(lin) <= 4096 - bits / 8)) { \
            uint8_t before = __atomic_load_n(e->dirty, __ATOMIC_RELAXED);                               \
            memcpy((void *)(lin + e->addend), &v, bits / 8);                                            \
            __atomic_store_n(e->dirty, DIRTY_MEMORY_ALL, __ATOMIC_RELEASE);                             \
            return before & DIRTY_MEMORY_CODE_BIT ? RET_NEXT : RET_LEAVE;                               \
        }                                                                                               \
        return mmu_store(cpu, lin, bits / 8, v, seg, cpu->mmu_idx);                                     \
    }
DEFINE_LD_ST(8)
DEFINE_LD_ST(16)
DEFINE_LD_ST(32)
DEFINE_LD_ST(64)
#undef DEFINE_LD_ST

/* The same with the size known only at run time. */
int cpu_ld(X86CPU *cpu, unsigned seg, uint64_t off, unsigned size, uint64_t *ret);
int cpu_st(X86CPU *cpu, unsigned seg, uint64_t off, unsigned size, uint64_t v);

/* Loads and stores by linear address with supervisor rights: descriptor tables, TSS. */
int cpu_ld_sys(X86CPU *cpu, uint64_t lin, unsigned size, uint64_t *ret);
int cpu_st_sys(X86CPU *cpu, uint64_t lin, unsigned size, uint64_t v);

/*
 * Read, modify, write of one operand. Open checks for writing and reads the old value; commit stores the new
 * one. With a lock prefix on RAM, commit is a compare and swap and may say RMW_RETRY: open again.
 */
enum { RMW_RETRY = 3 };
typedef struct Rmw {
    uint8_t *host;       /* NULL: not plain RAM */
    uint8_t *dirty;
    uint64_t lin;
    uint8_t seg;
    uint8_t size;
    bool lock;
} Rmw;
int rmw_open(X86CPU *cpu, Rmw *m, const Insn *in, uint64_t off, unsigned size, uint64_t *old);
int rmw_commit(X86CPU *cpu, const Rmw *m, uint64_t old, uint64_t v);

/* ---- Stack ---- */

/** cpu_push / cpu_pop: @size 2, 4 or 8 bytes. rsp moves only on success. */
int cpu_push(X86CPU *cpu, unsigned size, uint64_t v);
int cpu_pop(X86CPU *cpu, unsigned size, uint64_t *ret);
/** stack_mask: which bits of rsp the stack segment uses. */
static inline uint64_t stack_mask(const X86CPU *cpu)
{
    return UINT64_MAX >> (64 - cpu->stack_bits);
}

static inline void set_rsp(X86CPU *cpu, uint64_t v)
{
    if (cpu->stack_bits == 64) {
        cpu->regs[R_ESP] = v;
    } else if (cpu->stack_bits == 32) {
        cpu->regs[R_ESP] = (uint32_t)v;
    } else {
        *REGP(uint16_t, R_ESP * 8) = (uint16_t)v;
    }
}

/** cpu_io_allowed: IOPL and the permission bitmap of the TSS; raises #GP(0). @size: bytes. */
int cpu_io_allowed(X86CPU *cpu, uint32_t port, unsigned size);

/* ---- Generic operands, for instructions where speed does not matter ---- */

/** insn_load_rm: the r/m operand (memory, or the register rd). */
static inline int insn_load_rm(X86CPU *cpu, const Insn *in, unsigned size, uint64_t *ret)
{
    if (in->flags & IF_MEM) {
        return cpu_ld(cpu, in->seg, insn_ea(cpu, in), size, ret);
    }
    *ret = reg_rd(cpu, in->rd, size);
    return RET_NEXT;
}

static inline int insn_store_rm(X86CPU *cpu, const Insn *in, unsigned size, uint64_t v)
{
    if (in->flags & IF_MEM) {
        return cpu_st(cpu, in->seg, insn_ea(cpu, in), size, v);
    }
    reg_wr(cpu, in->rd, size, v);
    return RET_NEXT;
}

/* ---- Clocks and debugging (exec.c, debugreg.c) ---- */

/**
 * cpu_io_begin: a device will be reached or a clock read: let clocks know of all instructions before this one.
 * False (RET_FAULT to the caller): that is not known in the middle of a block; the instruction will run again alone.
 */
bool cpu_io_begin(X86CPU *cpu);

/** debug_watches_page: is there an enabled breakpoint on data in the page of @lin? */
bool debug_watches_page(const X86CPU *cpu, uint64_t page);
/** debug_access: note the breakpoints that an access hits. */
void debug_access(X86CPU *cpu, uint64_t lin, unsigned size, bool write);
/** debug_io: the same for a port, where CR4.DE makes that a kind of breakpoint. */
void debug_io(X86CPU *cpu, uint32_t port, unsigned size);
/** debug_at_rip: raise #DB if there is a breakpoint on the instruction at rip. */
bool debug_at_rip(X86CPU *cpu);
/** debug_changed: DR7 or an address was written. */
void debug_changed(X86CPU *cpu);

static inline bool debug_enabled(const X86CPU *cpu)
{
    return cpu->dr[7] & 0xff;
}

/* ---- Decoding (decode.c) ---- */

typedef enum DecodeStatus { DECODE_OK, DECODE_MORE } DecodeStatus;

/**
 * insn_decode: one instruction. Pure; any bytes are fine (what is not an instruction becomes one that raises).
 * @code_bits: 16, 32 or 64.  @avail: bytes at @bytes, at least 1.  @off: its offset in the block.
 * Returns DECODE_MORE if it does not end within @avail bytes; never with @avail >= 15.
 */
DecodeStatus insn_decode(unsigned code_bits, const uint8_t *bytes, size_t avail, unsigned off, Insn *ret);

/* ---- Mode and protection ---- */

static inline bool cpu_protected(const X86CPU *cpu)
{
    return cpu->cr0 & CR0_PE;
}

static inline bool cpu_long(const X86CPU *cpu)
{
    return cpu->efer & EFER_LMA;
}

static inline bool cpu_code64(const X86CPU *cpu)
{
    return cpu->code_bits == 64;
}

static inline bool is_canonical(uint64_t lin)
{
    return (uint64_t)((int64_t)(lin << 16) >> 16) == lin;
}

static inline unsigned cpu_iopl(const X86CPU *cpu)
{
    return (cpu->eflags & FLAG_IOPL) >> 12;
}

/** cpu_update_mmu_idx: EFLAGS.AC, CR0.AM, CR4.SMAP or CPL may have changed. */
static inline void cpu_update_mmu_idx(X86CPU *cpu)
{
    bool ac = cpu->eflags & FLAG_AC;

    if (cpu->cpl == 3) {
        cpu->mmu_idx = ac && (cpu->cr0 & CR0_AM) ? MMU_USER_ALIGN : MMU_USER;
    } else {
        cpu->mmu_idx = ac && (cpu->cr4 & CR4_SMAP) ? MMU_KERNEL_AC : MMU_KERNEL;
    }
}

/** cpu_update_mode: recompute the fields derived from segments, control registers and CPL. */
void cpu_update_mode(X86CPU *cpu);

/** cpu_jump: set rip after a near transfer; raises #GP when the target is outside the segment or not canonical. */
int cpu_jump(X86CPU *cpu, uint64_t target);

#endif
