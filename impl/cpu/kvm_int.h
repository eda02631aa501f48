/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the KVM accelerator share.
 *
 * The processor's state is in X86CPU whenever its thread is not inside kvm_exec(); registers go to the kernel at its
 * beginning and come back at its end. So saving, resets, debuggers and the software processor, which steps in where the
 * kernel cannot, need to know nothing of KVM.
 * The interrupt controllers are ours, in user space: the kernel asks for a window, we give it a vector.
 * Source: Linux, Documentation/virt/kvm/api.rst.
 */
#ifndef CPU_KVM_INT_H
#define CPU_KVM_INT_H

#include <linux/kvm.h>

#include "cpu/accel.h"

/* A range of guest memory that the kernel maps. */
typedef struct KvmSlot {
    hwaddr addr;
    uint64_t size;           /* 0: free */
    uint8_t *host;
    bool readonly;
    bool logged;             /* the kernel marks pages that are written */
} KvmSlot;

typedef struct KvmVm {
    int kvm, vm;
    size_t run_size;
    struct kvm_cpuid2 *supported;
    GArray *msrs;            /* of uint32_t: those that the kernel and X86CPU both keep */
    MemoryListener listener;
    GArray *slots;           /* of KvmSlot; the index is the kernel's number. BQL. */
    bool logging;
    bool failed;             /* the kernel refused a slot: nothing can run */
} KvmVm;

typedef struct KvmVcpu {
    KvmVm *vm;
    CPUState *cpu;
    int fd;
    struct kvm_run *run;
    uint64_t apic_base;      /* as the kernel was told */
    bool cpuid_set;
    bool takes_kicks;        /* its thread can be interrupted */
    bool in_io;              /* the kernel still has to finish an access that we did for it */
    bool halt;               /* it left by hlt */
    bool by_software;        /* the next instruction is not for the kernel */
    bool new_state;          /* X86CPU was changed from outside: its time counts */
    struct kvm_vcpu_events events;   /* as of the last kvm_get_registers() */
} KvmVcpu;

/** kvm_memory_init: tell the kernel of all RAM, now and at each change. BQL. */
bool kvm_memory_init(KvmVm *vm, GError **errp);
void kvm_memory_cleanup(KvmVm *vm);

/** kvm_read_capabilities: the features and registers that the kernel offers. */
bool kvm_read_capabilities(KvmVm *vm, GError **errp);
/** kvm_set_cpuid: what cpuid says, the model's features without those that the host lacks. 0 or -errno. */
int kvm_set_cpuid(KvmVcpu *v);

/** Registers between X86CPU and the kernel, on the vCPU's thread. 0 or -errno. */
int kvm_put_registers(KvmVcpu *v);
int kvm_get_registers(KvmVcpu *v);
/** kvm_deliver_pending: an interrupt or exception that the kernel had taken and not delivered, in software. */
CpuExitReason kvm_deliver_pending(KvmVcpu *v, CpuExitReason reason);

/** The hidden part of a segment register in the kernel's form, and back. @cpl is that of the processor. */
struct kvm_segment kvm_from_segment(const SegmentCache *s, unsigned dpl);
SegmentCache kvm_to_segment(const struct kvm_segment *k);

#endif
