/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM as an accelerator: the host's processor runs the guest.
 *
 * Owns: the VM's descriptor, one KvmVcpu for each processor.
 * Context: kvm_exec() on the vCPU's thread without the BQL; kvm_kick() on any thread; all else under the BQL.
 *
 * I1  Whoever wants a processor's attention first says what (exit_request, pending), then sets immediate_exit, then
 *     sends the signal; the loop clears immediate_exit first and looks second. So nothing is missed.
 * I2  Registers are fetched only when the kernel has finished the access that it left for.
 */
#include "cpu/kvm_int.h"

#include <errno.h>
#include <string.h>

#include "aio/bql.h"
#include "base/assert.h"
#include "cpu/code.h"
#include "cpu/seg.h"
#include "machine/runstate.h"
#include "platform/kvm.h"

/* Three pages and one more that Intel's processors need for real mode; nothing of ours is mapped there. */
enum { KVM_IDENTITY_MAP = 0xfeffc000, KVM_TSS = 0xfeffd000 };

/* ---- The VM ---- */

static bool has_all(int kvm, GError **errp)
{
    static const struct {
        int cap;
        const char *name;
    } needed[] = {
        { KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
        { KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM" },
        { KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
        { KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR" },
        { KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
        { KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
        { KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS" },
        { KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS" },
        { KVM_CAP_USER_NMI, "KVM_CAP_USER_NMI" },
    };

    if (os_kvm_call(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        error_setg(errp, "failed to initialize kvm: the host's KVM has another version of its interface than %d",
                   KVM_API_VERSION);
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (os_kvm_call(kvm, KVM_CHECK_EXTENSION, (unsigned long)needed[i].cap) <= 0) {
            error_setg(errp, "failed to initialize kvm: the host's KVM has no %s", needed[i].name);
            return false;
        }
    }
    return true;
}

static void kvm_vm_free(KvmVm *vm)
{
    kvm_memory_cleanup(vm);
    if (vm->msrs) {
        g_array_unref(vm->msrs);
    }
    os_kvm_close(vm->vm);
    os_kvm_close(vm->kvm);
    g_free(vm->supported);
    g_free(vm);
}

static bool kvm_vm_create(KvmVm *vm, GError **errp)
{
    uint64_t identity = KVM_IDENTITY_MAP;
    int r = os_kvm_call(vm->kvm, KVM_CREATE_VM, 0);

    if (r < 0) {
        error_setg_errno(errp, r, "failed to initialize kvm: no virtual machine");
        return false;
    }
    vm->vm = r;
    if ((r = os_kvm_call_ptr(vm->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity)) < 0 ||
        (r = os_kvm_call(vm->vm, KVM_SET_TSS_ADDR, KVM_TSS)) < 0 ||
        (r = os_kvm_call(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0)) < (int)sizeof(struct kvm_run)) {
        error_setg_errno(errp, r < 0 ? r : EINVAL, "failed to initialize kvm");
        return false;
    }
    vm->run_size = (size_t)r;
    return true;
}

static void *kvm_init_machine(GError **errp)
{
    KvmVm *vm;
    int fd;

    if (!sched_can_run_natively()) {
        error_setg(errp, "KVM cannot be replayed: the simulator runs guests in software (-accel tcg)");
        return NULL;
    }
    fd = os_kvm_open();
    if (fd < 0) {
        error_setg_errno(errp, fd, "Could not access KVM kernel module: /dev/kvm");
        return NULL;
    }
    vm = g_new0(KvmVm, 1);
    vm->kvm = fd;
    vm->vm = -1;
    if (!has_all(fd, errp) || !kvm_vm_create(vm, errp) || !kvm_read_capabilities(vm, errp) ||
        !kvm_memory_init(vm, errp)) {
        kvm_vm_free(vm);
        return NULL;
    }
    return vm;
}

static void kvm_cleanup_machine(void *machine)
{
    kvm_vm_free(machine);
}

/* ---- Processors ---- */

static bool kvm_init(CPUState *cpu, void *machine, GError **errp)
{
    KvmVcpu *v = g_new0(KvmVcpu, 1);
    int fd;

    v->vm = machine;
    v->cpu = cpu;
    v->new_state = true;
    fd = os_kvm_call(v->vm->vm, KVM_CREATE_VCPU, cpu->cpu_index);
    v->run = fd < 0 ? NULL : os_kvm_map_run(fd, v->vm->run_size);
    if (!v->run) {
        error_setg_errno(errp, fd < 0 ? fd : ENOMEM, "KVM: no processor %u", cpu->cpu_index);
        os_kvm_close(fd);
        g_free(v);
        return false;
    }
    v->fd = fd;
    cpu->accel_data = v;
    return true;
}

static void kvm_destroy(CPUState *cpu)
{
    KvmVcpu *v = cpu->accel_data;

    if (v) {
        os_kvm_unmap_run(v->run, v->vm->run_size);
        os_kvm_close(v->fd);
        g_free(v);
        cpu->accel_data = NULL;
    }
}

static void kvm_kick(CPUState *cpu)
{
    KvmVcpu *v = cpu->accel_data;

    __atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    if (cpu->thread && !qemu_cpu_is_self(cpu)) {
        sched_thread_kick(cpu->thread);
    }
}

/* ---- Before entering ---- */

static uint8_t apic_tpr(X86CPU *cpu, int set)
{
    bool take_bql = !bql_locked();
    uint8_t tpr;

    if (!cpu->apic) {
        return set < 0 ? (uint8_t)cpu->cr8 : (uint8_t)set;
    }
    if (take_bql) {
        bql_lock();
    }
    if (set >= 0) {
        cpu->apic->set_tpr(cpu->apic_opaque, (uint8_t)set);
    }
    tpr = cpu->apic->get_tpr(cpu->apic_opaque);
    if (take_bql) {
        bql_unlock();
    }
    return tpr;
}

static bool wants(const X86CPU *cpu, uint32_t mask)
{
    return __atomic_load_n(&cpu->pending, __ATOMIC_SEQ_CST) & mask;
}

static void inject(KvmVcpu *v)
{
    X86CPU *cpu = v->cpu->x86;
    int vector;

    if (wants(cpu, CPU_INTERRUPT_NMI)) {
        cpu_x86_reset_interrupt(cpu, CPU_INTERRUPT_NMI);
        (void)os_kvm_call(v->fd, KVM_NMI, 0);       /* it cannot fail with the capability */
    }
    if (wants(cpu, CPU_INTERRUPT_HARD) && v->run->ready_for_interrupt_injection) {
        vector = cpu_x86_acknowledge(cpu);
        if (vector >= 0) {
            struct kvm_interrupt irq = { .irq = (uint32_t)vector };
            int r = os_kvm_call_ptr(v->fd, KVM_INTERRUPT, &irq);

            assert(r == 0);     /* it said that it was ready */
            v->run->ready_for_interrupt_injection = 0;
        }
    }
    v->run->request_interrupt_window = wants(cpu, CPU_INTERRUPT_HARD);
    v->run->cr8 = apic_tpr(cpu, -1);
}

/* ---- Exits ---- */

/* As one access of the processor, as far as it is one; not a copy, which devices may see in parts. */
static void bus_access(AddressSpace *as, hwaddr addr, uint8_t *data, uint32_t len, bool is_write)
{
    while (len) {
        unsigned size = len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;
        uint64_t v = 0;

        if (is_write) {
            memcpy(&v, data, size);
            address_space_st(as, addr, v, size, MEMTXATTRS_UNSPECIFIED, NULL);
        } else {
            v = address_space_ld(as, addr, size, MEMTXATTRS_UNSPECIFIED, NULL);
            memcpy(data, &v, size);
        }
        addr += size;
        data += size;
        len -= size;
    }
}

static void do_port_io(KvmVcpu *v)
{
    const struct kvm_run *run = v->run;
    uint8_t *data = (uint8_t *)v->run + run->io.data_offset;

    for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
        bus_access(v->cpu->x86->io, run->io.port, data, run->io.size, run->io.direction == KVM_EXIT_IO_OUT);
    }
}

static CpuExitReason give_up(const char *what, uint64_t code)
{
    g_printerr("rondo: KVM: %s 0x%" PRIx64 "\n", what, code);
    return CPU_EXIT_ERROR;
}

/* True: go on in the kernel. */
static bool handle_exit(KvmVcpu *v, CpuExitReason *reason)
{
    struct kvm_run *run = v->run;

    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        v->in_io = true;
        do_port_io(v);
        return true;
    case KVM_EXIT_MMIO:
        v->in_io = true;
        bus_access(v->cpu->x86->as, run->mmio.phys_addr, run->mmio.data, MIN(run->mmio.len, sizeof(run->mmio.data)),
                   run->mmio.is_write);
        return true;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR:
    case KVM_EXIT_INTR:
        return true;
    case KVM_EXIT_HLT:
        v->halt = true;
        *reason = CPU_EXIT_HALTED;
        return false;
    case KVM_EXIT_SHUTDOWN:
        *reason = CPU_EXIT_RESET;
        return false;
    case KVM_EXIT_INTERNAL_ERROR:
        if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION) {
            v->by_software = true;       /* an instruction that the kernel does not know how to emulate */
            *reason = CPU_EXIT_REQUEST;
        } else {
            *reason = give_up("internal error, suberror", run->internal.suberror);
        }
        return false;
    case KVM_EXIT_FAIL_ENTRY:
        *reason = give_up("entry failed, hardware error", run->fail_entry.hardware_entry_failure_reason);
        return false;
    default:
        *reason = give_up("unhandled exit", run->exit_reason);
        return false;
    }
}

/* An access may have more parts, each of which makes the kernel leave once more. (I2) */
static CpuExitReason finish_access(KvmVcpu *v, CpuExitReason reason)
{
    while (v->in_io) {
        int r;

        __atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        r = os_kvm_call(v->fd, KVM_RUN, 0);
        v->in_io = false;
        if (r >= 0) {
            (void)handle_exit(v, &reason);
        }
    }
    return reason;
}

static CpuExitReason run_in_kernel(KvmVcpu *v)
{
    CpuExitReason reason = CPU_EXIT_REQUEST;
    uint8_t cr8;
    int r;

    v->run->ready_for_interrupt_injection = 0;      /* that was before the registers changed */
    for (;;) {
        __atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);    /* (I1) */
        if (__atomic_load_n(&v->cpu->exit_request, __ATOMIC_SEQ_CST) ||
            wants(v->cpu->x86, CPU_INTERRUPT_INIT | CPU_INTERRUPT_SIPI)) {
            break;
        }
        inject(v);
        cr8 = (uint8_t)v->run->cr8;
        r = os_kvm_call(v->fd, KVM_RUN, 0);
        v->in_io = false;
        if (v->run->cr8 != cr8) {
            (void)apic_tpr(v->cpu->x86, (int)(v->run->cr8 & 15));
        }
        if (r < 0 && r != -EINTR && r != -EAGAIN) {
            return give_up("KVM_RUN failed, error", (uint64_t)-r);
        }
        if (r >= 0 && !handle_exit(v, &reason)) {
            break;
        }
    }
    return finish_access(v, reason);
}

/* ---- The slots ---- */

/* The debugger's points and steps, and what the kernel cannot emulate, are for the software processor. */
static CpuExitReason run_in_software(CPUState *cpu, uint64_t budget)
{
    KvmVcpu *v = cpu->accel_data;
    uint64_t done;

    v->by_software = false;
    v->new_state = true;
    cpu_x86_reset_interrupt(cpu->x86, CPU_INTERRUPT_EXIT);
    code_cache_flush(cpu->x86);     /* the kernel's guest has written what it likes */
    cpu_x86_tlb_flush(cpu->x86);
    return cpu_x86_exec(cpu->x86, budget, &done);
}

static CpuExitReason kvm_error(CPUState *cpu)
{
    g_autofree char *dump = cpu_x86_dump(cpu->x86);

    g_printerr("%s", dump);
    return CPU_EXIT_ERROR;
}

static CpuExitReason kvm_exec(CPUState *cpu, uint64_t budget)
{
    KvmVcpu *v = cpu->accel_data;
    X86CPU *x86 = cpu->x86;
    CpuExitReason reason;

    if (!v->takes_kicks) {
        sched_thread_take_kicks();
        v->takes_kicks = true;
    }
    if (x86->debug.active) {
        return run_in_software(cpu, budget);
    }
    cpu_x86_take_init(x86);
    cpu_x86_reset_interrupt(x86, CPU_INTERRUPT_EXIT | CPU_INTERRUPT_TLB | CPU_INTERRUPT_YIELD);
    if (x86->wait_sipi || (x86->halted && !cpu_x86_has_work(x86))) {
        return CPU_EXIT_HALTED;
    }
    x86->halted = false;
    if (v->vm->failed || (!v->cpuid_set && kvm_set_cpuid(v) < 0) || kvm_put_registers(v) < 0) {
        g_printerr("rondo: KVM does not take the state of processor %u\n", cpu->cpu_index);
        return kvm_error(cpu);
    }
    v->cpuid_set = true;
    reason = run_in_kernel(v);
    if (kvm_get_registers(v) < 0) {
        g_printerr("rondo: KVM does not give the state of processor %u\n", cpu->cpu_index);
        return kvm_error(cpu);
    }
    if (reason == CPU_EXIT_ERROR) {
        return kvm_error(cpu);
    }
    x86->halted = v->halt;
    v->halt = false;
    reason = kvm_deliver_pending(v, reason);
    return v->by_software ? run_in_software(cpu, 1) : reason;
}

static bool kvm_has_work(CPUState *cpu)
{
    return cpu_x86_has_work(cpu->x86);
}

/* Registers are in X86CPU already. */
static void kvm_get_state(CPUState *cpu)
{
}

static void kvm_put_state(CPUState *cpu)
{
    KvmVcpu *v = cpu->accel_data;

    v->new_state = true;
    cpu_x86_state_loaded(cpu->x86);
}

const AccelOps accel_kvm = {
    .name = "KVM",
    .option = "kvm",
    .init_machine = kvm_init_machine,
    .cleanup_machine = kvm_cleanup_machine,
    .init = kvm_init,
    .destroy = kvm_destroy,
    .exec = kvm_exec,
    .kick = kvm_kick,
    .interrupt = kvm_kick,
    .has_work = kvm_has_work,
    .get_state = kvm_get_state,
    .put_state = kvm_put_state,
};
