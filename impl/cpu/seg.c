/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment registers: descriptors, loads, limit checks, and the mode fields derived from them.
 *
 * In 64-bit code es, cs, ss and ds have base 0 and no limit; the derived fields say so, so that the fast
 * paths need no test of the mode.
 * Source: SDM volume 3, chapters 3 and 5; volume 2, MOV.
 */
#include "cpu/seg.h"

/* ---- Derived fields ---- */

static uint64_t fast_end(const SegmentCache *s, bool write)
{
    if (!(s->flags & DESC_P)) {
        return 0;
    }
    if (s->flags & DESC_CS) {
        return write || !(s->flags & DESC_R) ? 0 : (uint64_t)s->limit + 1;
    }
    if ((s->flags & DESC_E) || (write && !(s->flags & DESC_W))) {
        return 0;
    }
    return (uint64_t)s->limit + 1;
}

void cpu_update_mode(X86CPU *cpu)
{
    const SegmentCache *cs = &cpu->segs[R_CS];
    bool code64 = cpu_long(cpu) && (cs->flags & DESC_L);

    cpu->code_bits = code64 ? 64 : cs->flags & DESC_B ? 32 : 16;
    cpu->stack_bits = code64 ? 64 : cpu->segs[R_SS].flags & DESC_B ? 32 : 16;
    cpu->lin_mask = code64 ? UINT64_MAX : 0xffffffffu;
    for (unsigned i = 0; i < SEG__COUNT; i++) {
        const SegmentCache *s = &cpu->segs[i];

        if (code64) {
            cpu->seg_base[i] = i == R_FS || i == R_GS ? s->base : 0;
            cpu->seg_end_read[i] = cpu->seg_end_write[i] = UINT64_MAX;
        } else {
            cpu->seg_base[i] = s->base;
            cpu->seg_end_read[i] = fast_end(s, false);
            /* Real mode may write through cs. */
            cpu->seg_end_write[i] = cpu_protected(cpu) ? fast_end(s, true) : fast_end(s, false);
        }
    }
    cpu->cpl = cpu_protected(cpu) ? (cpu->eflags & FLAG_VM ? 3 : cpu->cpl) : 0;
    cpu_update_mmu_idx(cpu);
    cpu->fetch_lin = FETCH_NONE;
    cpu->recheck = 1;
}

int seg_check(X86CPU *cpu, unsigned seg, uint64_t off, unsigned size, bool write)
{
    const SegmentCache *s = &cpu->segs[seg];
    uint64_t last = off + size - 1;
    int vector = seg == R_SS ? EXC_SS : EXC_GP;

    if (cpu_code64(cpu)) {
        return RET_NEXT;   /* only the sum of offset and size wrapped; the page walk checks the address */
    }
    if (!(s->flags & DESC_P)) {
        return cpu_raise_code(cpu, vector, 0);
    }
    if (cpu_protected(cpu)) {
        bool code = s->flags & DESC_CS;

        if (write && (code || !(s->flags & DESC_W))) {
            return cpu_raise_code(cpu, vector, 0);
        }
        if (!write && code && !(s->flags & DESC_R)) {
            return cpu_raise_code(cpu, vector, 0);
        }
        if (!code && (s->flags & DESC_E)) {
            uint64_t top = s->flags & DESC_B ? 0xffffffffu : 0xffff;

            return off > s->limit && last <= top ? RET_NEXT : cpu_raise_code(cpu, vector, 0);
        }
    }
    return last <= s->limit ? RET_NEXT : cpu_raise_code(cpu, vector, 0);
}

/* ---- Descriptors ---- */

int desc_read(X86CPU *cpu, uint32_t selector, int vector, Descriptor *ret)
{
    const SegmentCache *table = selector & 4 ? &cpu->ldt : &cpu->gdt;
    uint32_t index = selector & 0xfff8;
    uint64_t v;

    if (((selector & 4) && !(cpu->ldt.flags & DESC_P)) || index + 7 > table->limit) {
        return cpu_raise_code(cpu, vector, selector & 0xfffc);
    }
    if (cpu_ld_sys(cpu, table->base + index, 8, &v) < 0) {
        return RET_FAULT;
    }
    *ret = (Descriptor){ .lo = (uint32_t)v, .hi = (uint32_t)(v >> 32), .addr = table->base + index };
    return RET_NEXT;
}

int desc_read16(X86CPU *cpu, uint32_t selector, int vector, Descriptor *ret)
{
    const SegmentCache *table = selector & 4 ? &cpu->ldt : &cpu->gdt;

    if (desc_read(cpu, selector, vector, ret) < 0) {
        return RET_FAULT;
    }
    if ((selector & 0xfff8) + 15 > table->limit) {
        return cpu_raise_code(cpu, vector, selector & 0xfffc);
    }
    return cpu_ld_sys(cpu, ret->addr + 8, 8, &ret->upper);
}

SegmentCache desc_to_cache(uint32_t selector, const Descriptor *d)
{
    SegmentCache s = {
        .selector = selector & 0xffff,
        .base = (d->lo >> 16) | ((d->hi & 0xff) << 16) | (d->hi & 0xff000000u),
        .limit = (d->lo & 0xffff) | (d->hi & 0xf0000),
        .flags = d->hi & 0x00f0ff00u,
    };

    if (d->hi & DESC_G) {
        s.limit = s.limit << 12 | 0xfff;
    }
    return s;
}

int desc_set_accessed(X86CPU *cpu, Descriptor *d)
{
    if (d->hi & DESC_A) {
        return RET_NEXT;
    }
    d->hi |= DESC_A;
    return cpu_st_sys(cpu, d->addr + 4, 4, d->hi);
}

/* ---- Loads ---- */

void seg_load_real(X86CPU *cpu, unsigned seg, uint32_t selector)
{
    SegmentCache *s = &cpu->segs[seg];

    s->selector = selector & 0xffff;
    s->base = (uint64_t)s->selector << 4;
    if (cpu->eflags & FLAG_VM) {
        s->limit = 0xffff;
        s->flags = DESC_P | DESC_S | DESC_W | DESC_A | 3u << DESC_DPL_SHIFT;
    } else {
        /* The limit stays, which is how "unreal mode" works; the rest is what real mode sees. */
        s->flags = (s->flags & DESC_B) | DESC_P | DESC_S | DESC_W | DESC_A;
        if (seg == R_CS) {
            s->flags &= ~DESC_B;
        }
    }
    cpu_update_mode(cpu);
}

int seg_check_stack(X86CPU *cpu, uint32_t selector, unsigned cpl, int vector, Descriptor *ret)
{
    if (!(selector & 0xfffc)) {
        return cpu_raise_code(cpu, vector, 0);
    }
    if (desc_read(cpu, selector, vector, ret) < 0) {
        return RET_FAULT;
    }
    if ((selector & 3) != cpl || !desc_is_writable_data(ret->hi) || desc_dpl(ret->hi) != cpl) {
        return cpu_raise_code(cpu, vector, selector & 0xfffc);
    }
    if (!(ret->hi & DESC_P)) {
        return cpu_raise_code(cpu, EXC_SS, selector & 0xfffc);
    }
    return RET_NEXT;
}

static int seg_load_null(X86CPU *cpu, unsigned seg, uint32_t selector)
{
    if (seg == R_SS && !(cpu_code64(cpu) && cpu->cpl != 3 && (selector & 3) == cpu->cpl)) {
        return cpu_gp0(cpu);
    }
    cpu->segs[seg] = (SegmentCache){ .selector = selector & 0xffff };
    cpu_update_mode(cpu);
    return RET_NEXT;
}

int seg_load(X86CPU *cpu, unsigned seg, uint32_t selector)
{
    Descriptor d;

    if (!cpu_protected(cpu) || (cpu->eflags & FLAG_VM)) {
        seg_load_real(cpu, seg, selector);
        return RET_NEXT;
    }
    if (!(selector & 0xfffc)) {
        return seg_load_null(cpu, seg, selector);
    }
    if (seg == R_SS) {
        if (seg_check_stack(cpu, selector, cpu->cpl, EXC_GP, &d) < 0) {
            return RET_FAULT;
        }
    } else {
        unsigned dpl;

        if (desc_read(cpu, selector, EXC_GP, &d) < 0) {
            return RET_FAULT;
        }
        dpl = desc_dpl(d.hi);
        if (!(d.hi & DESC_S) || (d.hi & (DESC_CS | DESC_R)) == DESC_CS) {
            return cpu_raise_code(cpu, EXC_GP, selector & 0xfffc);
        }
        if ((d.hi & (DESC_CS | DESC_C)) != (DESC_CS | DESC_C) && (dpl < (selector & 3) || dpl < cpu->cpl)) {
            return cpu_raise_code(cpu, EXC_GP, selector & 0xfffc);
        }
        if (!(d.hi & DESC_P)) {
            return cpu_raise_code(cpu, EXC_NP, selector & 0xfffc);
        }
    }
    if (desc_set_accessed(cpu, &d) < 0) {
        return RET_FAULT;
    }
    cpu->segs[seg] = desc_to_cache(selector, &d);
    cpu_update_mode(cpu);
    return RET_NEXT;
}

/* ---- Stacks of other privilege levels ---- */

int tss_stack(X86CPU *cpu, unsigned dpl, unsigned ist, uint32_t *ss, uint64_t *rsp)
{
    uint64_t v;

    if (cpu_long(cpu)) {
        uint32_t off = ist ? 0x24 + 8 * (ist - 1) : 4 + 8 * dpl;

        if (off + 7 > cpu->tr.limit) {
            return cpu_raise_code(cpu, EXC_TS, cpu->tr.selector & 0xfffc);
        }
        *ss = 0;
        return cpu_ld_sys(cpu, cpu->tr.base + off, 8, rsp);
    }
    if (desc_type(cpu->tr.flags) & 8) {
        uint32_t off = 4 + 8 * dpl;

        if (off + 5 > cpu->tr.limit) {
            return cpu_raise_code(cpu, EXC_TS, cpu->tr.selector & 0xfffc);
        }
        if (cpu_ld_sys(cpu, cpu->tr.base + off, 4, rsp) < 0 ||
            cpu_ld_sys(cpu, cpu->tr.base + off + 4, 2, &v) < 0) {
            return RET_FAULT;
        }
    } else {
        uint32_t off = 2 + 4 * dpl;

        if (off + 3 > cpu->tr.limit) {
            return cpu_raise_code(cpu, EXC_TS, cpu->tr.selector & 0xfffc);
        }
        if (cpu_ld_sys(cpu, cpu->tr.base + off, 2, rsp) < 0 ||
            cpu_ld_sys(cpu, cpu->tr.base + off + 2, 2, &v) < 0) {
            return RET_FAULT;
        }
    }
    *ss = (uint32_t)v;
    return RET_NEXT;
}

int new_stack_push(X86CPU *cpu, NewStack *s, unsigned size, uint64_t v)
{
    uint64_t off = (s->rsp - size) & s->mask;
    uint64_t lin = off;

    if (!s->flat) {
        uint64_t last = off + size - 1;
        bool down = s->ss.flags & DESC_E;

        if (down ? off <= s->ss.limit || last > s->mask : last > s->ss.limit) {
            return cpu_raise_code(cpu, EXC_SS, s->ss.selector & 0xfffc);
        }
        lin = (s->ss.base + off) & 0xffffffffu;
    }
    if (mmu_store(cpu, lin, size, v, R_SS, s->mmu_idx) < 0) {
        return RET_FAULT;
    }
    s->rsp = (s->rsp & ~s->mask) | off;
    return RET_NEXT;
}
