/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The software processor as an accelerator. It carries QEMU's name for that, which people look for in thread lists.
 */
#include "cpu/accel.h"

/*
 * Slices follow each other without the BQL until something else is wanted. Under the simulator the scheduler
 * chooses each length, so a preemption falls on an exact instruction.
 */
static CpuExitReason tcg_exec(CPUState *cpu, uint64_t budget)
{
    CpuExitReason reason = CPU_EXIT_REQUEST;

    /* A kick sets exit_request first and this bit second: one that is older than the clearing is seen below. */
    cpu_x86_reset_interrupt(cpu->x86, CPU_INTERRUPT_EXIT);
    while (!__atomic_load_n(&cpu->exit_request, __ATOMIC_ACQUIRE)) {
        uint64_t n = sched_vcpu_slice(&cpu->sched_object, budget);
        uint64_t done;

        reason = cpu_x86_exec(cpu->x86, n, &done);   /* tells the scheduler what it ran by tcg_sync() */
        if (reason != CPU_EXIT_BUDGET) {
            break;
        }
    }
    return reason;
}

/* In the simulator time moves on with the instructions. */
static void tcg_sync(void *opaque, uint64_t executed)
{
    CPUState *cpu = opaque;

    sched_vcpu_ran(&cpu->sched_object, executed);
}

static bool tcg_init(CPUState *cpu, void *machine, GError **errp)
{
    cpu_x86_set_sync(cpu->x86, tcg_sync, cpu);
    return true;
}

static void tcg_kick(CPUState *cpu)
{
    cpu_x86_interrupt(cpu->x86, CPU_INTERRUPT_EXIT);
}

static bool tcg_has_work(CPUState *cpu)
{
    return cpu_x86_has_work(cpu->x86);
}

static void tcg_get_state(CPUState *cpu)
{
}

static void tcg_put_state(CPUState *cpu)
{
    cpu_x86_state_loaded(cpu->x86);
}

#define SOFTWARE \
    .name = "TCG", .init = tcg_init, .exec = tcg_exec, .kick = tcg_kick, .has_work = tcg_has_work, \
    .get_state = tcg_get_state, .put_state = tcg_put_state

const AccelOps accel_tcg = { SOFTWARE, .option = "tcg", .translates = true };
const AccelOps accel_soft = { SOFTWARE, .option = "soft" };
