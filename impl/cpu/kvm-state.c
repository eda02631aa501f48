/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers between X86CPU and KVM.
 *
 * The time stamp counter is the host's, apart from an offset, and goes on while the VM stands: what X86CPU has is
 * written only when it was changed from outside (reset, load), else processors would drift apart.
 * Source: SDM volume 3, 26.3.1.2 (what a segment register must look like to be entered).
 */
#include "cpu/kvm_int.h"

#include <errno.h>
#include <string.h>

#include "aio/bql.h"
#include "base/bytes.h"
#include "cpu/ops.h"
#include "cpu/seg.h"
#include "platform/kvm.h"

enum { FX_SIZE = 512, FX_XMM = 160, MSR_TSC = 0x10 };

static const uint8_t kvm_gprs_order[16] = {
    R_EAX, R_EBX, R_ECX, R_EDX, R_ESI, R_EDI, R_ESP, R_EBP, R_R8, R_R9, R_R10, R_R11, R_R12, R_R13, R_R14, R_R15,
};
G_STATIC_ASSERT(offsetof(struct kvm_regs, rip) == 16 * 8);

/* ---- Segments ---- */

struct kvm_segment kvm_from_segment(const SegmentCache *s, unsigned dpl)
{
    /* Real mode keeps limits of 4 GiB without the bit that says so. */
    bool g = s->limit > 0xfffff || ((s->flags & DESC_G) && (s->limit & 0xfff) == 0xfff);

    return (struct kvm_segment){
        .base = s->base, .limit = s->limit, .selector = (uint16_t)s->selector,
        .type = s->flags >> DESC_TYPE_SHIFT & 15, .s = (s->flags & DESC_S) != 0, .dpl = (uint8_t)dpl,
        .present = (s->flags & DESC_P) != 0, .avl = s->flags >> 20 & 1, .l = (s->flags & DESC_L) != 0,
        .db = (s->flags & DESC_B) != 0, .g = g, .unusable = !(s->flags & DESC_P),
    };
}

SegmentCache kvm_to_segment(const struct kvm_segment *k)
{
    SegmentCache s = { .selector = k->selector, .limit = k->limit, .base = k->base };

    if (!k->unusable && k->present) {
        s.flags = (uint32_t)k->type << DESC_TYPE_SHIFT | (k->s ? DESC_S : 0) | (uint32_t)k->dpl << DESC_DPL_SHIFT |
                  DESC_P | (uint32_t)k->avl << 20 | (k->l ? DESC_L : 0) | (k->db ? DESC_B : 0) | (k->g ? DESC_G : 0);
    }
    return s;
}

static unsigned segment_dpl(const X86CPU *cpu, unsigned seg)
{
    /* The kernel takes the privilege level from there, even if the segment is null. */
    return seg == R_SS ? cpu->cpl : desc_dpl(cpu->segs[seg].flags);
}

/* MSR 0x1b is the APIC's. @set: NULL to read. */
static uint64_t apic_base(X86CPU *cpu, const uint64_t *set)
{
    bool take_bql = !bql_locked();
    uint64_t base;

    if (!cpu->apic) {
        return 0;
    }
    if (take_bql) {
        bql_lock();
    }
    if (set) {
        (void)cpu->apic->set_base(cpu->apic_opaque, *set);
    }
    base = cpu->apic->get_base(cpu->apic_opaque);
    if (take_bql) {
        bql_unlock();
    }
    return base;
}

static int put_sregs(KvmVcpu *v)
{
    X86CPU *cpu = v->cpu->x86;
    struct kvm_segment *order[SEG__COUNT];
    struct kvm_sregs s = {
        .cr0 = cpu->cr0, .cr2 = cpu->cr2, .cr3 = cpu->cr3, .cr4 = cpu->cr4, .cr8 = cpu->cr8, .efer = cpu->efer,
        .gdt = { .base = cpu->gdt.base, .limit = (uint16_t)cpu->gdt.limit },
        .idt = { .base = cpu->idt.base, .limit = (uint16_t)cpu->idt.limit },
    };

    s.apic_base = v->apic_base = apic_base(cpu, NULL);
    order[R_ES] = &s.es;
    order[R_CS] = &s.cs;
    order[R_SS] = &s.ss;
    order[R_DS] = &s.ds;
    order[R_FS] = &s.fs;
    order[R_GS] = &s.gs;
    for (unsigned i = 0; i < SEG__COUNT; i++) {
        *order[i] = kvm_from_segment(&cpu->segs[i], segment_dpl(cpu, i));
    }
    s.ldt = kvm_from_segment(&cpu->ldt, 0);
    s.tr = kvm_from_segment(&cpu->tr, 0);
    s.tr.type |= 2;         /* it is busy, or entering fails */
    return os_kvm_call_ptr(v->fd, KVM_SET_SREGS, &s);
}

static int get_sregs(KvmVcpu *v)
{
    X86CPU *cpu = v->cpu->x86;
    struct kvm_sregs s;
    int r = os_kvm_call_ptr(v->fd, KVM_GET_SREGS, &s);

    if (r < 0) {
        return r;
    }
    cpu->segs[R_ES] = kvm_to_segment(&s.es);
    cpu->segs[R_CS] = kvm_to_segment(&s.cs);
    cpu->segs[R_SS] = kvm_to_segment(&s.ss);
    cpu->segs[R_DS] = kvm_to_segment(&s.ds);
    cpu->segs[R_FS] = kvm_to_segment(&s.fs);
    cpu->segs[R_GS] = kvm_to_segment(&s.gs);
    cpu->ldt = kvm_to_segment(&s.ldt);
    cpu->tr = kvm_to_segment(&s.tr);
    cpu->gdt = (SegmentCache){ .base = s.gdt.base, .limit = s.gdt.limit };
    cpu->idt = (SegmentCache){ .base = s.idt.base, .limit = s.idt.limit };
    cpu->cr0 = s.cr0;
    cpu->cr2 = s.cr2;
    cpu->cr3 = s.cr3;
    cpu->cr4 = s.cr4;
    cpu->cr8 = s.cr8;
    cpu->efer = s.efer;
    cpu->cpl = s.cr0 & CR0_PE ? s.ss.dpl : 0;
    if (s.apic_base != v->apic_base) {
        uint64_t base = s.apic_base;

        (void)apic_base(cpu, &base);             /* the guest wrote the MSR; the kernel has checked the value */
    }
    if ((s.cr4 & CR4_PAE) && (s.cr0 & CR0_PG) && !(s.efer & EFER_LMA)) {
        (void)cpu_load_pdptes(cpu, cpu->cr3);    /* they were good when the guest loaded them */
    }
    return 0;
}

/* ---- General registers, x87 and SSE ---- */

static int put_regs(KvmVcpu *v)
{
    X86CPU *cpu = v->cpu->x86;
    struct kvm_regs r = { .rip = cpu->rip, .rflags = cpu_x86_get_rflags(cpu) };
    uint64_t *gpr = (uint64_t *)&r;

    for (unsigned i = 0; i < G_N_ELEMENTS(kvm_gprs_order); i++) {
        gpr[i] = cpu->regs[kvm_gprs_order[i]];
    }
    return os_kvm_call_ptr(v->fd, KVM_SET_REGS, &r);
}

static int get_regs(KvmVcpu *v)
{
    X86CPU *cpu = v->cpu->x86;
    struct kvm_regs r;
    const uint64_t *gpr = (const uint64_t *)&r;
    int ret = os_kvm_call_ptr(v->fd, KVM_GET_REGS, &r);

    if (ret < 0) {
        return ret;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(kvm_gprs_order); i++) {
        cpu->regs[kvm_gprs_order[i]] = gpr[i];
    }
    cpu->rip = r.rip;
    cpu_x86_set_rflags(cpu, r.rflags);
    return 0;
}

static int put_fpu(KvmVcpu *v)
{
    const X86FPU *fpu = &v->cpu->x86->fpu;
    uint8_t image[FX_SIZE] = { 0 };
    struct kvm_fpu k = { .mxcsr = fpu->mxcsr };

    x87_to_fxsave(fpu, image, true);
    k.fcw = ld16_le(image);
    k.fsw = ld16_le(image + 2);
    k.ftwx = image[4];
    k.last_opcode = ld16_le(image + 6);
    k.last_ip = ld64_le(image + 8);
    k.last_dp = ld64_le(image + 16);
    memcpy(k.fpr, image + 32, sizeof(k.fpr));
    memcpy(k.xmm, fpu->xmm, sizeof(k.xmm));
    return os_kvm_call_ptr(v->fd, KVM_SET_FPU, &k);
}

static int get_fpu(KvmVcpu *v)
{
    X86FPU *fpu = &v->cpu->x86->fpu;
    uint8_t image[FX_SIZE] = { 0 };
    struct kvm_fpu k;
    int r = os_kvm_call_ptr(v->fd, KVM_GET_FPU, &k);

    if (r < 0) {
        return r;
    }
    st16_le(image, k.fcw);
    st16_le(image + 2, k.fsw);
    image[4] = k.ftwx;
    st16_le(image + 6, k.last_opcode);
    st64_le(image + 8, k.last_ip);
    st64_le(image + 16, k.last_dp);
    memcpy(image + 32, k.fpr, sizeof(k.fpr));
    x87_from_fxsave(fpu, image, true);
    fpu->mxcsr = k.mxcsr & MXCSR_MASK;
    memcpy(fpu->xmm, k.xmm, sizeof(k.xmm));
    return 0;
}

/* ---- Debug registers, events ---- */

static int put_debugregs(KvmVcpu *v)
{
    const X86CPU *cpu = v->cpu->x86;
    struct kvm_debugregs d = { .dr6 = cpu->dr[6], .dr7 = cpu->dr[7] };

    memcpy(d.db, cpu->dr, sizeof(d.db));
    return os_kvm_call_ptr(v->fd, KVM_SET_DEBUGREGS, &d);
}

static int get_debugregs(KvmVcpu *v)
{
    X86CPU *cpu = v->cpu->x86;
    struct kvm_debugregs d;
    int r = os_kvm_call_ptr(v->fd, KVM_GET_DEBUGREGS, &d);

    if (r < 0) {
        return r;
    }
    memcpy(cpu->dr, d.db, sizeof(d.db));
    cpu->dr[6] = d.dr6;
    cpu->dr[7] = d.dr7;
    return 0;
}

static int put_events(KvmVcpu *v)
{
    const X86CPU *cpu = v->cpu->x86;
    /* A pending NMI is X86CPU's until it is injected: the kernel shall not keep one as well. */
    struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_NMI_PENDING };

    e.nmi.masked = cpu->nmi_masked;
    e.interrupt.shadow = cpu->inhibit_irq ? KVM_X86_SHADOW_INT_MOV_SS : 0;
    return os_kvm_call_ptr(v->fd, KVM_SET_VCPU_EVENTS, &e);
}

/* ---- Model-specific registers ---- */

enum { MSRS_MAX = 128 };

typedef union MsrBuffer {
    struct kvm_msrs head;
    uint8_t room[sizeof(struct kvm_msrs) + MSRS_MAX * sizeof(struct kvm_msr_entry)];
} MsrBuffer;

static unsigned list_msrs(KvmVcpu *v, MsrBuffer *b)
{
    X86CPU *cpu = v->cpu->x86;
    unsigned n = MIN(v->vm->msrs->len, MSRS_MAX);

    memset(b, 0, sizeof(*b));
    for (unsigned i = 0; i < n; i++) {
        uint32_t number = g_array_index(v->vm->msrs, uint32_t, i);

        b->head.entries[i].index = number;
        b->head.entries[i].data = *cpu_x86_msr(cpu, number);
    }
    return n;
}

/* The kernel stops at one it does not take, be it a value: what software made of it stays, and the next follows. */
static void put_msrs(KvmVcpu *v)
{
    MsrBuffer all, part = { .room = { 0 } };
    unsigned n = list_msrs(v, &all), at = 0;

    while (at < n) {
        int r;

        part.head.nmsrs = n - at;
        memcpy(part.head.entries, all.head.entries + at, (n - at) * sizeof(struct kvm_msr_entry));
        r = os_kvm_call_ptr(v->fd, KVM_SET_MSRS, &part);
        at += r < 0 ? 1 : (unsigned)r + 1;
    }
}

static void get_msrs(KvmVcpu *v)
{
    X86CPU *cpu = v->cpu->x86;
    MsrBuffer b;
    unsigned n = list_msrs(v, &b);
    int r;

    b.head.nmsrs = n;
    r = os_kvm_call_ptr(v->fd, KVM_GET_MSRS, &b);
    for (int i = 0; i < r; i++) {
        *cpu_x86_msr(cpu, b.head.entries[i].index) = b.head.entries[i].data;
    }
}

static uint64_t guest_time(const X86CPU *cpu)
{
    return cpu->read_tsc(cpu->tsc_opaque);
}

static void put_tsc(KvmVcpu *v)
{
    const X86CPU *cpu = v->cpu->x86;
    MsrBuffer b = { .room = { 0 } };

    b.head.nmsrs = 1;
    b.head.entries[0] = (struct kvm_msr_entry){
        .index = MSR_TSC, .data = guest_time(cpu) + (uint64_t)cpu->tsc_offset,
    };
    (void)os_kvm_call_ptr(v->fd, KVM_SET_MSRS, &b);      /* without it the guest sees the host's */
}

static void get_tsc(KvmVcpu *v)
{
    X86CPU *cpu = v->cpu->x86;
    MsrBuffer b = { .room = { 0 } };

    b.head.nmsrs = 1;
    b.head.entries[0].index = MSR_TSC;
    if (os_kvm_call_ptr(v->fd, KVM_GET_MSRS, &b) == 1) {
        cpu->tsc_offset = (int64_t)(b.head.entries[0].data - guest_time(cpu));
    }
}

/* ---- All of it ---- */

int kvm_put_registers(KvmVcpu *v)
{
    int r;

    if ((r = put_sregs(v)) < 0 || (r = put_regs(v)) < 0 || (r = put_fpu(v)) < 0 || (r = put_debugregs(v)) < 0 ||
        (r = put_events(v)) < 0) {
        return r;
    }
    put_msrs(v);
    if (v->new_state) {
        put_tsc(v);
        v->new_state = false;
    }
    return 0;
}

int kvm_get_registers(KvmVcpu *v)
{
    int r;

    if ((r = get_sregs(v)) < 0 || (r = get_regs(v)) < 0 || (r = get_fpu(v)) < 0 || (r = get_debugregs(v)) < 0 ||
        (r = os_kvm_call_ptr(v->fd, KVM_GET_VCPU_EVENTS, &v->events)) < 0) {
        return r;
    }
    get_msrs(v);
    get_tsc(v);
    v->cpu->x86->nmi_masked = v->events.nmi.masked;
    v->cpu->x86->inhibit_irq = v->events.interrupt.shadow != 0;
    cpu_x86_state_loaded(v->cpu->x86);
    return 0;
}

CpuExitReason kvm_deliver_pending(KvmVcpu *v, CpuExitReason reason)
{
    const struct kvm_vcpu_events *e = &v->events;
    X86CPU *cpu = v->cpu->x86;
    bool ok = true;

    if (e->nmi.pending || e->nmi.injected) {
        cpu->nmi_masked = e->nmi.injected ? false : cpu->nmi_masked;
        cpu_x86_interrupt(cpu, CPU_INTERRUPT_NMI);
    }
    /* What a software interrupt, int3 or into was about to do it does again: rip is still there. */
    if ((e->exception.injected || e->exception.pending) && e->exception.nr != EXC_BP && e->exception.nr != EXC_OF) {
        ok = cpu_x86_deliver(cpu, e->exception.nr, INT_EXCEPTION, e->exception.has_error_code,
                             e->exception.error_code);
    } else if (e->interrupt.injected && !e->interrupt.soft) {
        ok = cpu_x86_deliver(cpu, e->interrupt.nr, INT_HARDWARE, false, 0);
    }
    return ok ? reason : CPU_EXIT_RESET;
}
