/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rondo-cpu-fuzz: random instructions on the host's processor and on ours, compared. What its files share.
 *
 * Both run the same bytes at the same linear addresses at privilege 3 in 64-bit or 32-bit code: a page of code, two
 * pages of data that r15 (in 32-bit code ebp) points into, a page of stack. Around them nothing is mapped. A sequence
 * ends with int3 or with the first exception.
 */
#ifndef CPU_TEST_NATIVE_H
#define CPU_TEST_NATIVE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    CODE_BASE = 0x10000000, CODE_SIZE = 0x1000,
    DATA_BASE = 0x10010000, DATA_SIZE = 0x2000,
    STACK_BASE = 0x10020000, STACK_SIZE = 0x1000,
    DATA_POINTER = DATA_BASE + DATA_SIZE / 2,    /* what r15 holds */
    REG_INDEX = 14, REG_POINTER = 15,
    MAX_ITEMS = 16,
    MAX_ITEM_BYTES = 96,
};

/* Registers before and after. @fx is an image as fxsave64 makes it. */
typedef struct NativeRegs {
    uint64_t gpr[16];
    uint64_t rip, rflags;
    int64_t vector;          /* of the exception that ended it */
    uint64_t cr2;
    uint8_t fx[512] __attribute__((aligned(16)));
} NativeRegs;

typedef struct NativeMemory {
    uint8_t data[DATA_SIZE];
    uint8_t stack[STACK_SIZE];
} NativeMemory;

typedef struct NativeCase {
    NativeRegs regs;
    NativeMemory mem;
} NativeCase;

/* One random instruction with what was put before and after it to make it comparable. */
typedef struct NativeItem {
    uint8_t bytes[MAX_ITEM_BYTES];
    unsigned len;
    unsigned insn_off, insn_len;     /* the instruction itself */
    uint32_t flags_tested, flags_set, flags_undefined;
    bool wide;               /* its operand is so long that processors begin anywhere in it */
    bool mmx;                /* processors differ in whether a fault undoes the change to MMX state */
    int jump;                /* -1, or how many items a taken jump skips */
} NativeItem;

typedef struct NativeSeq {
    NativeItem items[MAX_ITEMS];
    unsigned n;
    unsigned bits;           /* of the code: 32 or 64 */
} NativeSeq;

typedef enum NativeClass { CLASS_INT, CLASS_X87, CLASS_MMX, CLASS_SSE, CLASS__COUNT } NativeClass;

/* What --only and the like ask for. */
typedef struct NativeChoice {
    unsigned classes;        /* bits of NativeClass */
    unsigned bits;
    const char *mnemonic;    /* only this one, or NULL */
} NativeChoice;

/* ---- A generator of our own, so that a seed means the same everywhere ---- */

uint64_t rnd64(void);
void rnd_seed(uint64_t seed);

static inline uint64_t rnd_below(uint64_t n)
{
    return rnd64() % n;
}

static inline bool chance(unsigned percent)
{
    return rnd_below(100) < percent;
}

/* ---- test-native-state.c, test-native-gen.c ---- */

void native_gen_state(NativeCase *c, unsigned bits);
void native_gen_sequence(NativeSeq *seq, const NativeChoice *choice);
/** native_emit: the bytes of a sequence, int3 behind them. Returns their number; @starts: where items start. */
unsigned native_emit(const NativeSeq *seq, uint8_t *code, unsigned *starts);
/** native_tainted: arithmetic flags that the manual does not define after the first @n items. */
uint32_t native_tainted(const NativeSeq *seq, unsigned n);
/** native_describe: the sequence as text, to @out. */
void native_describe(const NativeSeq *seq, GString *out);
/** native_missing: mnemonics that were met and that our processor does not have, with counts. */
void native_missing(GString *out);

/* ---- test-native-run.c: the host ---- */

/** native_supported: is this the right kind of host? */
bool native_supported(void);
void native_init(void);
void native_run(const uint8_t *code, unsigned len, unsigned bits, NativeCase *c);

/* ---- test-native-ours.c ---- */

void ours_init(void);
void ours_cleanup(void);
void ours_run(const uint8_t *code, unsigned len, unsigned bits, NativeCase *c);

#endif
