/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug registers: breakpoints on instructions, data and ports.
 *
 * While one is enabled the processor runs an instruction at a time. Pages with breakpoints on data, or with watchpoints
 * of a debugger (cpu/debug.h), have no fast path in the TLB, so that every access to them comes by here.
 *
 * Source: SDM volume 3, chapter 17 (debug registers).
 */
#include "cpu/insn.h"

enum { BP_EXEC, BP_WRITE, BP_IO, BP_ACCESS };

static bool bp_enabled(const X86CPU *cpu, unsigned i)
{
    return cpu->dr[7] >> (i * 2) & 3;
}

static unsigned bp_type(const X86CPU *cpu, unsigned i)
{
    return cpu->dr[7] >> (16 + i * 4) & 3;
}

static unsigned bp_size(const X86CPU *cpu, unsigned i)
{
    static const uint8_t sizes[4] = { 1, 2, 8, 4 };

    return sizes[cpu->dr[7] >> (18 + i * 4) & 3];
}

/* Does [@at, @at + @size) touch what breakpoint @i covers? Its address counts as aligned to its size. */
static bool bp_touches(const X86CPU *cpu, unsigned i, uint64_t at, unsigned size)
{
    unsigned len = bp_size(cpu, i);
    uint64_t start = cpu->dr[i] & ~(uint64_t)(len - 1);

    return at < start + len && start < at + size;
}

bool debug_watches_page(const X86CPU *cpu, uint64_t page)
{
    if (cpu->debug.active && cpu_debug_watches_page(cpu, page)) {
        return true;
    }
    if (!debug_enabled(cpu)) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        unsigned type = bp_type(cpu, i);

        if (bp_enabled(cpu, i) && (type == BP_WRITE || type == BP_ACCESS) && bp_touches(cpu, i, page, 4096)) {
            return true;
        }
    }
    return false;
}

void debug_access(X86CPU *cpu, uint64_t lin, unsigned size, bool write)
{
    if (cpu->debug.active) {
        cpu_debug_access(cpu, lin, size, write ? BP_MEM_WRITE : BP_MEM_READ);
    }
    if (!debug_enabled(cpu)) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        unsigned type = bp_type(cpu, i);

        if (bp_enabled(cpu, i) && (type == BP_ACCESS || (type == BP_WRITE && write)) && bp_touches(cpu, i, lin, size)) {
            cpu->watch_hits |= 1u << i;
        }
    }
}

void debug_io(X86CPU *cpu, uint32_t port, unsigned size)
{
    if (!debug_enabled(cpu) || !(cpu->cr4 & CR4_DE)) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (bp_enabled(cpu, i) && bp_type(cpu, i) == BP_IO && bp_touches(cpu, i, port, size)) {
            cpu->watch_hits |= 1u << i;
        }
    }
}

bool debug_at_rip(X86CPU *cpu)
{
    uint64_t lin = (cpu->rip + cpu->seg_base[R_CS]) & cpu->lin_mask;
    unsigned hits = 0;

    for (unsigned i = 0; i < 4; i++) {
        if (bp_enabled(cpu, i) && bp_type(cpu, i) == BP_EXEC && cpu->dr[i] == lin) {
            hits |= 1u << i;
        }
    }
    if (!hits) {
        return false;
    }
    cpu->dr[6] = (cpu->dr[6] & ~UINT64_C(15)) | hits;
    (void)cpu_raise(cpu, EXC_DB);   /* the return value only says that it is raised */
    return true;
}

void debug_changed(X86CPU *cpu)
{
    cpu_x86_tlb_flush(cpu);
}
