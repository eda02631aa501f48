/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cpuid instruction: the leaves, made from the model and from what the machine looks like.
 *
 * Source: SDM volume 2, CPUID; AMD APM volume 3, appendix E.
 */
#include "cpu/cpuid.h"

#include "aio/bql.h"
#include "cpu/ops.h"

typedef struct Regs {
    uint32_t eax, ebx, ecx, edx;
} Regs;

/* Bits of 1.EDX that AMD's 80000001.EDX repeats. */
#define AMD_ALIASES 0x0183f3ffu

static uint32_t bytes4(const char *text, unsigned at)
{
    uint32_t v;

    memcpy(&v, text + at, 4);
    return v;
}

static bool is_amd(const X86CPUModel *m)
{
    return strcmp(m->vendor, "AuthenticAMD") == 0;
}

uint32_t cpu_signature(const X86CPUModel *m)
{
    uint32_t family = MIN(m->family, 15), extended = m->family - family;

    return extended << 20 | (m->model >> 4 & 15) << 16 | family << 8 | (m->model & 15) << 4 | m->stepping;
}

/* How many bits of an APIC id number the processors of the one package. */
static unsigned package_bits(const X86CPU *cpu)
{
    return cpu->n_cpus > 1 ? 32 - (unsigned)__builtin_clz(cpu->n_cpus - 1) : 0;
}

static bool apic_on(X86CPU *cpu)
{
    bool take_bql = !bql_locked();
    bool on;

    if (!cpu->apic) {
        return false;
    }
    if (take_bql) {
        bql_lock();
    }
    on = cpu->apic->get_base(cpu->apic_opaque) & 1u << 11;
    if (take_bql) {
        bql_unlock();
    }
    return on;
}

static uint32_t features_1_edx(X86CPU *cpu)
{
    uint32_t v = cpu->model.features[FEAT_1_EDX];

    if (!apic_on(cpu)) {
        v &= ~CPUID_APIC;
    }
    return cpu->n_cpus > 1 ? v | CPUID_HT : v;
}

/* Caches, one entry each: a level one for data and for code, a level two, none of them shared. */
static Regs leaf_4(const X86CPU *cpu, uint32_t sub)
{
    static const struct {
        uint8_t type, level;
        uint32_t ways, sets;
    } caches[] = { { 1, 1, 8, 64 }, { 2, 1, 8, 64 }, { 3, 2, 16, 4096 } };
    uint32_t cores = (1u << package_bits(cpu)) - 1;

    if (is_amd(&cpu->model) || sub >= G_N_ELEMENTS(caches)) {
        return (Regs){ 0 };
    }
    return (Regs){
        .eax = caches[sub].type | (uint32_t)caches[sub].level << 5 | 1u << 8 | cores << 26,
        .ebx = (caches[sub].ways - 1) << 22 | 63, .ecx = caches[sub].sets - 1, .edx = 1,
    };
}

/* Threads, then cores: all processors are cores of one package with a thread each. */
static Regs leaf_b(const X86CPU *cpu, uint32_t sub)
{
    Regs r = { .ecx = sub & 0xff, .edx = cpu->index };

    if (sub == 0) {
        r.ebx = 1;
        r.ecx |= 1u << 8;
    } else if (sub == 1) {
        r.eax = package_bits(cpu);
        r.ebx = cpu->n_cpus;
        r.ecx |= 2u << 8;
    }
    return r;
}

static Regs basic_leaf(X86CPU *cpu, uint32_t leaf, uint32_t sub)
{
    const X86CPUModel *m = &cpu->model;

    switch (leaf) {
    case 0:
        return (Regs){ m->level, bytes4(m->vendor, 0), bytes4(m->vendor, 8), bytes4(m->vendor, 4) };
    case 1:
        return (Regs){
            cpu_signature(m), cpu->index << 24 | (cpu->n_cpus > 1 ? cpu->n_cpus << 16 : 0) | 8 << 8,
            m->features[FEAT_1_ECX], features_1_edx(cpu),
        };
    case 4:
        return leaf_4(cpu, sub);
    case 7:
        return sub ? (Regs){ 0 } : (Regs){ 0, m->features[FEAT_7_0_EBX], m->features[FEAT_7_0_ECX], 0 };
    case 0xb:
        return leaf_b(cpu, sub);
    default:
        return (Regs){ 0 };
    }
}

static Regs extended_leaf(X86CPU *cpu, uint32_t leaf)
{
    const X86CPUModel *m = &cpu->model;
    unsigned part = (leaf - 0x80000002u) * 16;

    switch (leaf) {
    case 0x80000000u:
        return (Regs){ m->xlevel, bytes4(m->vendor, 0), bytes4(m->vendor, 8), bytes4(m->vendor, 4) };
    case 0x80000001u: {
        uint32_t edx = m->features[FEAT_8000_0001_EDX] | (is_amd(m) ? features_1_edx(cpu) & AMD_ALIASES : 0);
        bool legacy = is_amd(m) && cpu->n_cpus > 1;     /* the HT bit means cores, not threads */

        return (Regs){ cpu_signature(m), 0, m->features[FEAT_8000_0001_ECX] | (legacy ? 2 : 0), edx };
    }
    case 0x80000002u:
    case 0x80000003u:
    case 0x80000004u:
        return (Regs){
            bytes4(m->model_id, part), bytes4(m->model_id, part + 4), bytes4(m->model_id, part + 8),
            bytes4(m->model_id, part + 12),
        };
    case 0x80000005u:   /* TLBs; 64 KiB of data and of code, 2 ways, lines of 64 bytes */
        return is_amd(m) ? (Regs){ 0x01ff01ff, 0x01ff01ff, 0x40020140, 0x40020140 } : (Regs){ 0 };
    case 0x80000006u:   /* 512 KiB, 16 ways */
        return is_amd(m) ? (Regs){ 0, 0x42004200, 0x02008140, 0 } : (Regs){ 0, 0, 0x02008040, 0 };
    case 0x80000007u:
        return (Regs){ 0, 0, 0, m->features[FEAT_8000_0007_EDX] };
    case 0x80000008u:
        return (Regs){ 40 | 48 << 8, 0, cpu->n_cpus > 1 ? cpu->n_cpus - 1 : 0, 0 };
    default:
        return (Regs){ 0 };
    }
}

static Regs hypervisor_leaf(uint32_t leaf)
{
    static const char signature[] = "TCGTCGTCGTCG";

    if (leaf == 0x40000000u) {
        return (Regs){ 0x40000001u, bytes4(signature, 0), bytes4(signature, 4), bytes4(signature, 8) };
    }
    return (Regs){ 0 };
}

void cpu_x86_cpuid(X86CPU *cpu, uint32_t leaf, uint32_t sub, uint32_t ret[4])
{
    const X86CPUModel *m = &cpu->model;
    Regs r;

    if (leaf >= 0x80000000u && leaf <= m->xlevel) {
        r = extended_leaf(cpu, leaf);
    } else if (leaf >= 0x40000000u && leaf <= 0x40000001u && !m->hide_hypervisor) {
        r = hypervisor_leaf(leaf);
    } else {
        r = basic_leaf(cpu, MIN(leaf, m->level), sub);   /* beyond the highest one: that one */
    }
    ret[0] = r.eax;
    ret[1] = r.ebx;
    ret[2] = r.ecx;
    ret[3] = r.edx;
}

int op_cpuid(X86CPU *cpu, const Insn *in)
{
    uint32_t r[4];

    cpu_x86_cpuid(cpu, (uint32_t)cpu->regs[R_EAX], (uint32_t)cpu->regs[R_ECX], r);
    cpu->regs[R_EAX] = r[0];
    cpu->regs[R_EBX] = r[1];
    cpu->regs[R_ECX] = r[2];
    cpu->regs[R_EDX] = r[3];
    return RET_LEAVE;
}
