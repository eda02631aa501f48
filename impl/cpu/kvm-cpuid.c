/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a processor under KVM says of itself: the model's leaves, less what the host cannot do.
 *
 * The vendor is the host's, since its instructions are. What depends on the time stamp counter being guest time
 * (the deadline timer of our APIC) is not offered: here it counts at the host's rate.
 */
#include "cpu/kvm_int.h"

#include <errno.h>
#include <string.h>

#include "cpu/ops.h"
#include "platform/kvm.h"

enum { CPUID_OURS = 80, CPUID_MAX = 256, MSR_MAX = 1024 };

static const struct {
    uint32_t leaf;
    FeatureWord word;
    unsigned reg;            /* 1 ebx, 2 ecx, 3 edx */
} feature_leaves[] = {
    { 1, FEAT_1_EDX, 3 },
    { 1, FEAT_1_ECX, 2 },
    { 7, FEAT_7_0_EBX, 1 },
    { 7, FEAT_7_0_ECX, 2 },
    { 0x80000001u, FEAT_8000_0001_EDX, 3 },
    { 0x80000001u, FEAT_8000_0001_ECX, 2 },
    { 0x80000007u, FEAT_8000_0007_EDX, 3 },
};

static bool read_supported(KvmVm *vm, GError **errp)
{
    struct kvm_cpuid2 *c = g_malloc0(sizeof(*c) + CPUID_MAX * sizeof(c->entries[0]));
    int r;

    c->nent = CPUID_MAX;
    r = os_kvm_call_ptr(vm->kvm, KVM_GET_SUPPORTED_CPUID, c);
    if (r < 0) {
        g_free(c);
        error_setg_errno(errp, r, "failed to initialize kvm: the host's features cannot be read");
        return false;
    }
    vm->supported = c;
    return true;
}

static bool read_msrs(KvmVm *vm, GError **errp)
{
    g_autofree struct kvm_msr_list *list = g_malloc0(sizeof(*list) + MSR_MAX * sizeof(uint32_t));
    X86CPU *probe = cpu_x86_create(0, get_address_space_memory(), get_address_space_io());
    int r;

    list->nmsrs = MSR_MAX;
    r = os_kvm_call_ptr(vm->kvm, KVM_GET_MSR_INDEX_LIST, list);
    vm->msrs = g_array_new(false, false, sizeof(uint32_t));
    for (unsigned i = 0; r >= 0 && i < list->nmsrs; i++) {
        if (cpu_x86_msr(probe, list->indices[i])) {
            g_array_append_val(vm->msrs, list->indices[i]);
        }
    }
    cpu_x86_free(probe);
    if (r < 0) {
        error_setg_errno(errp, r, "failed to initialize kvm: the host's registers cannot be listed");
        return false;
    }
    return true;
}

bool kvm_read_capabilities(KvmVm *vm, GError **errp)
{
    return read_supported(vm, errp) && read_msrs(vm, errp);
}

static const struct kvm_cpuid_entry2 *host_leaf(const KvmVm *vm, uint32_t leaf)
{
    for (unsigned i = 0; i < vm->supported->nent; i++) {
        if (vm->supported->entries[i].function == leaf && vm->supported->entries[i].index == 0) {
            return &vm->supported->entries[i];
        }
    }
    return NULL;
}

static void mask_model(const KvmVm *vm, X86CPUModel *m)
{
    const struct kvm_cpuid_entry2 *vendor = host_leaf(vm, 0);

    for (unsigned i = 0; i < G_N_ELEMENTS(feature_leaves); i++) {
        const struct kvm_cpuid_entry2 *e = host_leaf(vm, feature_leaves[i].leaf);
        uint32_t *word = &m->features[feature_leaves[i].word];
        uint32_t ours = 0, host = 0;

        if (feature_leaves[i].word == FEAT_1_ECX) {
            ours = CPUID_EXT_HYPERVISOR;
        } else if (feature_leaves[i].word == FEAT_1_EDX) {
            ours = CPUID_APIC | CPUID_HT;        /* devices of ours, and our topology */
        }
        if (e) {
            host = feature_leaves[i].reg == 1 ? e->ebx : feature_leaves[i].reg == 2 ? e->ecx : e->edx;
        }
        *word &= host | ours;
    }
    m->features[FEAT_1_ECX] &= ~CPUID_EXT_TSC_DEADLINE;
    if (vendor) {
        memcpy(m->vendor, &vendor->ebx, 4);
        memcpy(m->vendor + 4, &vendor->edx, 4);
        memcpy(m->vendor + 8, &vendor->ecx, 4);
    }
}

typedef union CpuidBuffer {
    struct kvm_cpuid2 head;
    uint8_t room[sizeof(struct kvm_cpuid2) + CPUID_OURS * sizeof(struct kvm_cpuid_entry2)];
} CpuidBuffer;

static void add_leaf(CpuidBuffer *b, X86CPU *cpu, uint32_t leaf, uint32_t sub, bool indexed)
{
    struct kvm_cpuid_entry2 *e = &b->head.entries[b->head.nent];
    uint32_t r[4];

    if (b->head.nent == CPUID_OURS) {
        return;
    }
    b->head.nent++;
    cpu_x86_cpuid(cpu, leaf, sub, r);
    *e = (struct kvm_cpuid_entry2){
        .function = leaf, .index = sub, .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
        .eax = r[0], .ebx = r[1], .ecx = r[2], .edx = r[3],
    };
    if (leaf == 0x40000000u) {
        memcpy(&e->ebx, "KVMK", 4);
        memcpy(&e->ecx, "VMKV", 4);
        memcpy(&e->edx, "M\0\0\0", 4);
    }
}

int kvm_set_cpuid(KvmVcpu *v)
{
    X86CPU *cpu = v->cpu->x86;
    CpuidBuffer b = { .room = { 0 } };

    mask_model(v->vm, &cpu->model);
    for (uint32_t leaf = 0; leaf <= cpu->model.level; leaf++) {
        unsigned subs = leaf == 4 ? 4 : leaf == 0xb ? 3 : 1;

        for (uint32_t sub = 0; sub < subs; sub++) {
            add_leaf(&b, cpu, leaf, sub, subs > 1 || leaf == 7);
        }
    }
    for (uint32_t leaf = 0x40000000u; leaf <= 0x40000001u && !cpu->model.hide_hypervisor; leaf++) {
        add_leaf(&b, cpu, leaf, 0, false);
    }
    for (uint32_t leaf = 0x80000000u; leaf <= cpu->model.xlevel; leaf++) {
        add_leaf(&b, cpu, leaf, 0, false);
    }
    return os_kvm_call_ptr(v->fd, KVM_SET_CPUID2, &b);
}
