/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory operands beyond the inline fast paths: sizes known at run time, system accesses, read-modify-write,
 * and the stack.
 */
#include "cpu/insn.h"

int cpu_ld(X86CPU *cpu, unsigned seg, uint64_t off, unsigned size, uint64_t *ret)
{
    uint8_t v8 = 0;
    uint16_t v16 = 0;
    uint32_t v32 = 0;
    int r;

    switch (size) {
    case 1:
        r = cpu_ld8(cpu, seg, off, &v8);
        *ret = v8;
        return r;
    case 2:
        r = cpu_ld16(cpu, seg, off, &v16);
        *ret = v16;
        return r;
    case 4:
        r = cpu_ld32(cpu, seg, off, &v32);
        *ret = v32;
        return r;
    default:
        return cpu_ld64(cpu, seg, off, ret);
    }
}

int cpu_st(X86CPU *cpu, unsigned seg, uint64_t off, unsigned size, uint64_t v)
{
    switch (size) {
    case 1:
        return cpu_st8(cpu, seg, off, (uint8_t)v);
    case 2:
        return cpu_st16(cpu, seg, off, (uint16_t)v);
    case 4:
        return cpu_st32(cpu, seg, off, (uint32_t)v);
    default:
        return cpu_st64(cpu, seg, off, v);
    }
}

int cpu_ld_sys(X86CPU *cpu, uint64_t lin, unsigned size, uint64_t *ret)
{
    return mmu_load(cpu, cpu_long(cpu) ? lin : (uint32_t)lin, size, ret, R_DS, 0);
}

int cpu_st_sys(X86CPU *cpu, uint64_t lin, unsigned size, uint64_t v)
{
    return mmu_store(cpu, cpu_long(cpu) ? lin : (uint32_t)lin, size, v, R_DS, 0);
}

/* ---- Read, modify, write ---- */

#ifdef __x86_64__
enum { HOST_CAS_ANYWHERE = 1 };
#else
enum { HOST_CAS_ANYWHERE = 0 };
#endif

int rmw_open(X86CPU *cpu, Rmw *m, const Insn *in, uint64_t off, unsigned size, uint64_t *old)
{
    TlbEntry *e = NULL;

    m->seg = in->seg;
    m->size = (uint8_t)size;
    m->lock = in->flags & IF_LOCK;
    if (seg_linear(cpu, in->seg, off, size, true, &m->lin) < 0) {
        return RET_FAULT;
    }
    m->host = mmu_host(cpu, m->lin, size, true, &e);
    if (!m->host) {
        if (mmu_probe_write(cpu, m->lin, size, in->seg) < 0) {
            return RET_FAULT;
        }
        m->host = mmu_host_probed(cpu, m->lin, size, &e);
    }
    if (!m->host) {
        return mmu_load(cpu, m->lin, size, old, in->seg, cpu->mmu_idx);
    }
    m->dirty = e->dirty;
    *old = 0;
    memcpy(old, m->host, size);
    return RET_NEXT;
}

/* An operand that is not aligned is fine for x86 hosts; on others it is not atomic. */
__attribute__((no_sanitize("alignment")))
static bool host_cas(uint8_t *host, unsigned size, uint64_t old, uint64_t v)
{
    uint8_t o8 = (uint8_t)old;
    uint16_t o16 = (uint16_t)old;
    uint32_t o32 = (uint32_t)old;

    switch (size) {
    case 1:
        return __atomic_compare_exchange_n(host, &o8, (uint8_t)v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    case 2:
        return __atomic_compare_exchange_n((uint16_t *)host, &o16, (uint16_t)v, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    case 4:
        return __atomic_compare_exchange_n((uint32_t *)host, &o32, (uint32_t)v, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    default:
        return __atomic_compare_exchange_n((uint64_t *)host, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

int rmw_commit(X86CPU *cpu, const Rmw *m, uint64_t old, uint64_t v)
{
    uint8_t before;

    if (!m->host) {
        return mmu_store(cpu, m->lin, m->size, v, m->seg, cpu->mmu_idx);
    }
    before = __atomic_load_n(m->dirty, __ATOMIC_RELAXED);
    if (m->lock && (HOST_CAS_ANYWHERE || ((uintptr_t)m->host & (m->size - 1)) == 0)) {
        if (!host_cas(m->host, m->size, old, v)) {
            return RMW_RETRY;
        }
    } else {
        /* A locked access across pages is not atomic here; no guest of ours depends on split locks. */
        memcpy(m->host, &v, m->size);
    }
    __atomic_store_n(m->dirty, DIRTY_MEMORY_ALL, __ATOMIC_RELEASE);
    return before & DIRTY_MEMORY_CODE_BIT ? RET_NEXT : RET_LEAVE;
}

/* ---- Stack ---- */

int cpu_push(X86CPU *cpu, unsigned size, uint64_t v)
{
    uint64_t rsp = (cpu->regs[R_ESP] - size) & stack_mask(cpu);
    int r = cpu_st(cpu, R_SS, rsp, size, v);

    if (r >= 0) {
        set_rsp(cpu, rsp);
    }
    return r;
}

int cpu_pop(X86CPU *cpu, unsigned size, uint64_t *ret)
{
    int r = cpu_ld(cpu, R_SS, cpu->regs[R_ESP] & stack_mask(cpu), size, ret);

    if (r >= 0) {
        set_rsp(cpu, cpu->regs[R_ESP] + size);
    }
    return r;
}
