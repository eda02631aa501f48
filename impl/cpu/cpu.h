/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An x86-64 processor in software.
 *
 * Instructions are decoded once into blocks of compact operations, kept by the place of their bytes in RAM, and
 * executed by handlers. Every instruction counts: cpu_x86_exec() stops after exactly as many as it was told,
 * so a preemption is a place that can be found again.
 *
 * Owns: registers, TLB, block cache of one processor.
 * Context: one thread executes a processor (vcpu.h); other threads use only the functions marked "any thread".
 * Device accesses take the BQL inside mem/, so guest code runs without it.
 *
 * I1  Between two instructions the state is architectural: no half-done instruction is ever visible, and a
 *     faulting one has changed nothing but what the manual says it may.
 * I2  A block is executed only while its page's CODE dirty bit is clear and the page's code generation is the
 *     one it was decoded under; so a store to code takes effect at the next instruction.
 * I3  A TLB entry is used only within one generation of the flat view and until the next flush the manual asks for.
 *     What is flushed also loses fetch_lin.
 * Source: Intel SDM volumes 1 to 3; AMD APM volumes 2 and 3.
 */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "cpu/cpuid.h"
#include "cpu/fpu.h"
#include "cpu/debug.h"
#include "mem/memory.h"

typedef struct X86CPU X86CPU;
typedef struct CpuState CPUState;      /* the thread's side, see cpu/vcpu.h */

/* Register numbers as instructions encode them. */
enum {
    R_EAX, R_ECX, R_EDX, R_EBX, R_ESP, R_EBP, R_ESI, R_EDI,
    R_R8, R_R9, R_R10, R_R11, R_R12, R_R13, R_R14, R_R15,
    R_ZERO,          /* always 0: the base or index that is not there */
    R_BLOCK_RIP,     /* where the running block starts: the base of rip-relative addresses */
    R__COUNT,
};

enum { R_ES, R_CS, R_SS, R_DS, R_FS, R_GS, SEG__COUNT };

/* A segment register with its hidden part. @flags is the high word of the descriptor (access rights, G, D/B, L). */
typedef struct SegmentCache {
    uint32_t selector;
    uint32_t limit;      /* in bytes, granularity applied */
    uint64_t base;
    uint32_t flags;
} SegmentCache;

#define DESC_G (1u << 23)
#define DESC_B (1u << 22)
#define DESC_L (1u << 21)
#define DESC_P (1u << 15)
#define DESC_DPL_SHIFT 13
#define DESC_S (1u << 12)
#define DESC_TYPE_SHIFT 8
#define DESC_A (1u << 8)
#define DESC_CS (1u << 11)     /* with S: code */
#define DESC_C (1u << 10)      /* code: conforming */
#define DESC_E (1u << 10)      /* data: expand down */
#define DESC_R (1u << 9)       /* code: readable */
#define DESC_W (1u << 9)       /* data: writable */

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)
#define CR4_TSD (1u << 2)
#define CR4_DE (1u << 3)
#define CR4_PSE (1u << 4)
#define CR4_PAE (1u << 5)
#define CR4_MCE (1u << 6)
#define CR4_PGE (1u << 7)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP (1u << 11)
#define CR4_FSGSBASE (1u << 16)
#define CR4_PCIDE (1u << 17)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)
#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)

#define FLAG_CF 0x0001u
#define FLAG_PF 0x0004u
#define FLAG_AF 0x0010u
#define FLAG_ZF 0x0040u
#define FLAG_SF 0x0080u
#define FLAG_TF 0x0100u
#define FLAG_IF 0x0200u
#define FLAG_DF 0x0400u
#define FLAG_OF 0x0800u
#define FLAG_IOPL 0x3000u
#define FLAG_NT 0x4000u
#define FLAG_RF 0x10000u
#define FLAG_VM 0x20000u
#define FLAG_AC 0x40000u
#define FLAG_VIF 0x80000u
#define FLAG_VIP 0x100000u
#define FLAG_ID 0x200000u
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

enum { MCE_BANKS = 10 };

/* Registers of AMD's processors that software sets up and nothing here acts on. */
enum { AMD_SYSCFG, AMD_HWCR, AMD_TOP_MEM, AMD_TOP_MEM2, AMD_NB_CFG, AMD_INT_PENDING, AMD_MSR__COUNT };

/* Requests to a running processor; bits of X86CPU.pending. */
#define CPU_INTERRUPT_HARD (1u << 0)      /* the interrupt line is up */
#define CPU_INTERRUPT_NMI (1u << 1)
#define CPU_INTERRUPT_EXIT (1u << 2)      /* leave cpu_x86_exec soon */
#define CPU_INTERRUPT_TLB (1u << 3)       /* the memory map changed */
#define CPU_INTERRUPT_SIPI (1u << 4)
#define CPU_INTERRUPT_INIT (1u << 5)
#define CPU_INTERRUPT_YIELD (1u << 6)     /* the guest waits in a loop: end the slice */

typedef enum CpuExitReason {
    CPU_EXIT_BUDGET,        /* ran all it was given */
    CPU_EXIT_HALTED,        /* hlt: wait for an interrupt */
    CPU_EXIT_REQUEST,       /* cpu_exit() */
    CPU_EXIT_RESET,         /* triple fault: the machine should reset */
    CPU_EXIT_DEBUG,         /* a breakpoint of the debugger */
    CPU_EXIT_ERROR,         /* the accelerator cannot go on; it has said why */
} CpuExitReason;

enum { TLB_BITS = 10, TLB_SIZE = 1 << TLB_BITS, TLB_LOG_SIZE = 256, JUMP_CACHE_SIZE = 32768 };

/* A translated page. Tags are the page's linear address, or TLB_INVALID; TLB_SLOW in a tag sends it to mmu.c. */
typedef struct TlbEntry {
    uint64_t tag_read;       /* the order is known to jit-abi.h */
    uint64_t tag_write;
    uint64_t tag_exec;
    uintptr_t addend;        /* host address minus linear address, for RAM */
    uint8_t *dirty;          /* dirty byte of the page, for RAM */
    uint64_t phys;
    uint32_t flags;          /* TLBF_*, mmu.c */
    uint32_t shift;          /* log2 of the size of the page */
    uint64_t unused;         /* 64 bytes: an index is one shift */
} TlbEntry;

/* Ways to look at memory; each has its own TLB. */
enum {
    MMU_KERNEL,              /* supervisor; under SMAP not at user pages */
    MMU_USER,
    MMU_KERNEL_AC,           /* supervisor with EFLAGS.AC, which lifts SMAP */
    MMU_USER_ALIGN,          /* user with alignment checks */
    MMU__COUNT,
};
/* Code has a TLB of its own for each of them: a page of code and one of data shall not evict each other. */
#define TLB_OF_CODE(mmu_idx) (MMU__COUNT + (mmu_idx))
enum { TLB__COUNT = 2 * MMU__COUNT };

/* Which entries to flush, while they are few. */
typedef struct TlbLog {
    uint32_t fills;          /* since the last flush; the first ones are in the log */
    uint16_t entry[TLB_LOG_SIZE];
} TlbLog;

#define FETCH_NONE UINT64_C(1)

typedef struct CodeBlock CodeBlock;
typedef struct CodeCache CodeCache;

/* The block whose first byte is at a host address; it may be of another code size, or no longer valid. */
typedef struct JumpCacheEntry {
    uintptr_t host;          /* the order is known to jit-abi.h */
    CodeBlock *block;
    const uint8_t *entry;    /* these are of the block: everything in one line of the host's cache */
    const uint8_t *dirty;
    const uint32_t *gen;
    uint32_t seen;
    uint32_t unused[5];
} JumpCacheEntry;

/** What a processor asks of its local APIC (devices/apic). All slots run on the processor's thread under the BQL. */
typedef struct X86ApicOps {
    /* Acknowledge: the vector to take now, or -1 if the request has gone away. */
    int (*get_interrupt)(void *opaque);
    /* CR8, which is the upper half of the task priority. */
    uint8_t (*get_tpr)(void *opaque);
    void (*set_tpr)(void *opaque, uint8_t cr8);
    /* MSR 0x1b. set_base returns false to raise #GP. */
    uint64_t (*get_base)(void *opaque);
    bool (*set_base)(void *opaque, uint64_t base);
    /* MSR 0x6e0. */
    uint64_t (*get_tsc_deadline)(void *opaque);
    void (*set_tsc_deadline)(void *opaque, uint64_t tsc);
    /* INIT arrived; SIPI arrived: its vector. */
    void (*init_reset)(void *opaque);
    uint8_t (*get_sipi_vector)(void *opaque);
} X86ApicOps;

/* All state of one processor; handlers of the instruction files work on it. */
struct X86CPU {
    uint64_t regs[R__COUNT];
    uint64_t rip;
    /* Arithmetic flags, lazily: see flags.h. The rest of RFLAGS is in eflags. */
    uint32_t cc_op;
    uint64_t cc_dst;
    uint64_t cc_src;
    uint64_t cc_src2;
    uint32_t eflags;
    uint32_t pending __attribute__((aligned(8)));   /* CPU_INTERRUPT_*, atomic, any thread */
    uint32_t recheck;                      /* translated code: look for the next block anew */

    /* Offsets up to here and a little further are known to jit-abi.h. */
    /*
     * The page that code is fetched from: within it nothing is translated again until a flush or a change of mode,
     * whichever back end runs. FETCH_NONE: none. The addend is that of its TLB entry.
     */
    uint64_t fetch_lin;
    uintptr_t fetch_addend;
    JumpCacheEntry *jump_cache;            /* of JUMP_CACHE_SIZE, by host address */
    uint64_t jit_left;                     /* instructions that translated code may still execute */
    uint64_t jit_page;                     /* linear address of the page that it runs in */
    TlbEntry *jit_tlb;                     /* the one for data */
    uint64_t jit_tmp;
    struct JitLink *jit_link;              /* a jump that could be linked to the next block */
    uint64_t fetch_phys;

    /* Derived from segments and mode, for the fast paths (cpu_update_mode). */
    uint64_t seg_base[SEG__COUNT];
    uint64_t seg_end_read[SEG__COUNT];     /* first offset past the segment; 0 sends every access to seg.c */
    uint64_t seg_end_write[SEG__COUNT];
    uint64_t lin_mask;                     /* all ones in 64-bit code, else 32 ones */
    uint8_t code_bits;                     /* 16, 32 or 64 */
    uint8_t stack_bits;
    uint8_t cpl;
    uint8_t mmu_idx;                       /* MMU_*: which TLB */
    bool inhibit_irq;                      /* the instruction after sti or mov ss */
    bool halted;
    bool wait_sipi;                        /* after INIT: only INIT and SIPI are heard */
    bool nmi_masked;                       /* from an NMI to the next iret */

    TlbEntry tlb[TLB__COUNT][TLB_SIZE];   /* by MMU_* for data, TLB_OF_CODE for code */
    TlbLog tlb_log[2];                     /* of entries that are not global, and of those that are */
    bool tlb_large;                        /* some entry is part of a large page */
    CodeCache *code;
    struct JitState *jit;                  /* NULL: nothing is translated */
    uint64_t jit_icount_end;               /* icount when jit_left is used up */
    FlatView *view;                        /* of as, while executing */
    const FlatRange *last_range;           /* of it, looked up last; goes with view_generation */
    uint32_t view_generation;
    AddressSpace *as;
    AddressSpace *io;

    X86FPU fpu;
    SegmentCache segs[SEG__COUNT];
    SegmentCache ldt, tr, gdt, idt;
    uint64_t cr0, cr2, cr3, cr4, cr8;
    uint64_t efer;
    uint64_t dr[8];
    uint64_t pdpte[4];                     /* PAE page-directory pointers, loaded with CR3 */
    uint64_t star, lstar, cstar, fmask, kernelgsbase;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, tsc_aux, misc_enable, mtrr_def_type;
    uint64_t mtrr_var[16], mtrr_fixed[11];
    uint64_t debugctl, mcg_status, mcg_ctl;
    uint64_t mce_banks[4 * MCE_BANKS];     /* control, status, address, misc of each */
    uint64_t amd_msr[AMD_MSR__COUNT];
    int64_t tsc_offset;

    /* An exception that a handler raised and the loop delivers. */
    int exc_vector;                        /* -1 none */
    bool exc_has_code;
    uint32_t exc_code;

    bool io_ok;                            /* icount is exact: a device may be reached, a clock read */
    bool alone;                            /* the next instruction runs alone, so that it is */
    uint8_t watch_hits;                    /* breakpoints on data that the current instruction hit: bits of DR6 */
    uint64_t icount;                       /* instructions executed since creation */
    uint64_t icount_synced;                /* how many of them clocks know about */
    uint64_t phys_mask;                    /* physical address bits that exist, A20 included */
    unsigned index;
    unsigned n_cpus;                       /* of the machine */
    X86CPUModel model;
    CPUState *cpu_state;

    /* Only for the stream: what other fields imply, put together while saving and taken apart after loading. */
    struct {
        uint64_t rflags;
        uint32_t pending;
    } saved;

    CpuDebug debug;                        /* what a debugger wants; neither reset nor saved */

    /* Fixed after creation. */
    const X86ApicOps *apic;                /* NULL: none, get_irq is the interrupt line */
    void *apic_opaque;
    int (*get_irq)(void *opaque);
    void *irq_opaque;
    uint64_t (*read_tsc)(void *opaque);
    void *tsc_opaque;
    void (*sync_clock)(void *opaque, uint64_t executed);   /* NULL: clocks do not depend on instructions */
    void *sync_opaque;
};

/**
 * cpu_x86_create: a processor in its power-up state.
 * @index: 0 is the boot processor; the others start halted.
 * @as, @io: what it sees; borrowed, must outlive it.  Ownership: free with cpu_x86_free.
 */
X86CPU *cpu_x86_create(unsigned index, AddressSpace *as, AddressSpace *io);

/** cpu_x86_free: @cpu may be NULL; it must not be executing. */
void cpu_x86_free(X86CPU *cpu);

/**
 * cpu_x86_set_translate: run blocks as host code after they were executed @threshold times. False: this host cannot,
 * or memory to execute is refused; then the interpreter goes on. What the guest sees is the same either way.
 */
bool cpu_x86_set_translate(X86CPU *cpu, unsigned threshold);
/* Executions after which translating pays. */
#define CPU_TRANSLATE_AFTER 16

/** cpu_x86_reset: RESET, as SDM volume 3 table 10-1: real mode, cs:ip = f000:fff0 with base 0xffff0000. */
void cpu_x86_reset(X86CPU *cpu);

/**
 * cpu_x86_set_get_irq: who is asked for the vector when an interrupt is taken (the PIC's INTA cycle). A
 * processor with a local APIC asks that one, which comes here for an ExtINT.
 * @get_irq: returns 0..255, or -1 if the request has gone away. Called under the BQL.
 */
void cpu_x86_set_get_irq(X86CPU *cpu, int (*get_irq)(void *opaque), void *opaque);

/**
 * cpu_x86_set_tsc: the clock behind rdtsc, in ticks; the default is the monotonic clock in nanoseconds. All
 * processors of a machine count the same one, so their time stamps agree.
 */
void cpu_x86_set_tsc(X86CPU *cpu, uint64_t (*read_tsc)(void *opaque), void *opaque);

/**
 * cpu_x86_set_sync: who is told how many instructions have been executed, before each device access and each look
 * at a clock, and at the end of cpu_x86_exec().
 */
void cpu_x86_set_sync(X86CPU *cpu, void (*sync_clock)(void *opaque, uint64_t executed), void *opaque);

/** cpu_x86_set_model: what cpuid says, in a machine of @n_cpus processors; before the first instruction. */
void cpu_x86_set_model(X86CPU *cpu, const X86CPUModel *model, unsigned n_cpus);

/**
 * cpu_x86_exec: run guest code.
 * @budget: instructions, >= 1.  @executed: how many were run, at most @budget. An instruction that ends in an
 * exception counts as one, a repeated string instruction as one per part of at most 4096 elements.
 * Yields and blocks only in device accesses. The caller holds no lock.
 */
CpuExitReason cpu_x86_exec(X86CPU *cpu, uint64_t budget, uint64_t *executed);

/** cpu_interrupt / cpu_reset_interrupt: raise and lower CPU_INTERRUPT_* bits. Any thread; does not wake vcpu.h. */
void cpu_x86_interrupt(X86CPU *cpu, uint32_t mask);
void cpu_x86_reset_interrupt(X86CPU *cpu, uint32_t mask);

/** cpu_x86_init: INIT: a reset that keeps the FPU and most MSRs; others than the boot processor wait for a SIPI. */
void cpu_x86_init(X86CPU *cpu);

/** cpu_x86_sipi: the start-up message: real mode at page @vector. */
void cpu_x86_sipi(X86CPU *cpu, uint8_t vector);

/** cpu_x86_has_work: would a halted processor wake up? */
bool cpu_x86_has_work(const X86CPU *cpu);

/** cpu_x86_set_a20: gate address line 20. On the processor's thread or while it is stopped. */
void cpu_x86_set_a20(X86CPU *cpu, bool enabled);

/** RFLAGS as one value, and back (all bits are taken as they are; for save, load and debuggers). */
uint64_t cpu_x86_get_rflags(const X86CPU *cpu);
void cpu_x86_set_rflags(X86CPU *cpu, uint64_t rflags);

/** cpu_x86_state_loaded: registers were written from outside (migration, debugger): recompute what is derived. */
void cpu_x86_state_loaded(X86CPU *cpu);

/** cpu_x86_tlb_flush: forget all translations. On the processor's thread or while it is stopped. */
void cpu_x86_tlb_flush(X86CPU *cpu);

/** cpu_x86_get_phys_page: translate for a debugger, without faults or accessed bits. UINT64_MAX if unmapped. */
uint64_t cpu_x86_get_phys(X86CPU *cpu, uint64_t lin);

/** cpu_x86_dump: registers as text, for the monitor and for tests. Transferred to the caller. */
char *cpu_x86_dump(const X86CPU *cpu);

#endif
