/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The execution loop: find the block, run it, deliver what came of it, count.
 *
 * Requests of others (interrupts, exit, changed memory map) are looked at between blocks; a block is short and
 * ends at every device access, so that is soon. The budget is exact: a block is cut where it runs out.
 *
 * Context: the processor's thread, no lock held.
 */
#include "cpu/code.h"
#include "cpu/seg.h"

#include "aio/bql.h"
#include "base/assert.h"

/* Asked of the loop: go on, or return to the caller. */
typedef struct Run {
    uint64_t left;
    bool leave;
    CpuExitReason reason;
} Run;

static void leave(Run *run, CpuExitReason reason)
{
    run->leave = true;
    run->reason = reason;
}

static void deliver_exception(X86CPU *cpu, Run *run)
{
    if (!exc_deliver(cpu, cpu->rip)) {
        leave(run, CPU_EXIT_RESET);
    }
}

static void renew_view(X86CPU *cpu)
{
    /* The generation first: a commit in between is then seen as one more change, not missed. */
    cpu->view_generation = address_space_generation(cpu->as);
    flatview_unref(cpu->view);
    cpu->view = address_space_get_flatview(cpu->as);
    cpu_x86_tlb_flush(cpu);
}

static void take_interrupt(X86CPU *cpu, Run *run, int vector)
{
    cpu->halted = false;
    run->left--;
    cpu->icount++;
    if (int_deliver(cpu, vector, INT_HARDWARE, false, 0, cpu->rip) < 0) {
        deliver_exception(cpu, run);
    }
}

static void take_hard_interrupt(X86CPU *cpu, Run *run)
{
    bool take_bql = !bql_locked();
    int vector = -1;

    if (take_bql) {
        bql_lock();
    }
    if (cpu->apic) {
        vector = cpu->apic->get_interrupt(cpu->apic_opaque);
    } else if (cpu->get_irq && (__atomic_load_n(&cpu->pending, __ATOMIC_RELAXED) & CPU_INTERRUPT_HARD)) {
        vector = cpu->get_irq(cpu->irq_opaque);
    }
    if (vector < 0) {
        cpu_x86_reset_interrupt(cpu, CPU_INTERRUPT_HARD);   /* the request has gone away */
    }
    if (take_bql) {
        bql_unlock();
    }
    if (vector >= 0) {
        take_interrupt(cpu, run, vector & 0xff);
    }
}

/* INIT, and the message that ends it. */
static void take_init(X86CPU *cpu, uint32_t pending)
{
    bool take_bql = !bql_locked();

    if (take_bql) {
        bql_lock();
    }
    if (pending & CPU_INTERRUPT_INIT) {
        cpu_x86_reset_interrupt(cpu, CPU_INTERRUPT_INIT);
        if (cpu->apic) {
            cpu->apic->init_reset(cpu->apic_opaque);
        }
        cpu_x86_init(cpu);
    } else {
        cpu_x86_reset_interrupt(cpu, CPU_INTERRUPT_SIPI);
        if (cpu->apic && cpu->wait_sipi) {
            cpu_x86_sipi(cpu, cpu->apic->get_sipi_vector(cpu->apic_opaque));
        }
    }
    if (take_bql) {
        bql_unlock();
    }
}

/* Look at pending requests and at hlt. False: start over. */
static bool ready_to_run(X86CPU *cpu, Run *run, bool inhibit)
{
    uint32_t pending = __atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE);

    if (pending & CPU_INTERRUPT_TLB) {
        cpu_x86_reset_interrupt(cpu, CPU_INTERRUPT_TLB);
        renew_view(cpu);
    }
    if (pending & CPU_INTERRUPT_EXIT) {
        cpu_x86_reset_interrupt(cpu, CPU_INTERRUPT_EXIT);
        cpu->inhibit_irq = inhibit;
        leave(run, CPU_EXIT_REQUEST);
        return false;
    }
    if (G_UNLIKELY(pending & (CPU_INTERRUPT_INIT | CPU_INTERRUPT_SIPI))) {
        take_init(cpu, pending);
        return false;
    }
    if (cpu->wait_sipi) {
        leave(run, CPU_EXIT_HALTED);
        return false;
    }
    if ((pending & CPU_INTERRUPT_NMI) && !inhibit && !cpu->nmi_masked) {
        cpu_x86_reset_interrupt(cpu, CPU_INTERRUPT_NMI);
        cpu->nmi_masked = true;
        take_interrupt(cpu, run, EXC_NMI);
        return false;
    }
    if ((pending & CPU_INTERRUPT_HARD) && (cpu->eflags & FLAG_IF) && !inhibit) {
        take_hard_interrupt(cpu, run);
        return false;
    }
    if (cpu->halted) {
        leave(run, CPU_EXIT_HALTED);
        return false;
    }
    return true;
}

/* Code beyond the limit of cs: how many of the block's instructions still fit. */
static unsigned fit_in_limit(const X86CPU *cpu, const CodeBlock *b, unsigned n)
{
    uint64_t room = cpu->rip <= cpu->segs[R_CS].limit ? (uint64_t)cpu->segs[R_CS].limit + 1 - cpu->rip : 0;

    while (n && (uint64_t)b->insns[n - 1].off + b->insns[n - 1].len > room) {
        n--;
    }
    return n;
}

static void single_step_trap(X86CPU *cpu, Run *run)
{
    cpu->dr[6] |= 1u << 14;
    (void)cpu_raise(cpu, EXC_DB);   /* the return value only says that it is raised */
    deliver_exception(cpu, run);
}

static void run_block(X86CPU *cpu, Run *run, const CodeBlock *b, uint64_t max)
{
    unsigned n = (unsigned)MIN(max, b->n);
    const Insn *in = b->insns, *end;
    unsigned done;
    int r;

    if (!cpu_code64(cpu) && cpu->rip + b->bytes > (uint64_t)cpu->segs[R_CS].limit + 1) {
        n = fit_in_limit(cpu, b, n);
        if (n == 0) {
            run->left--;
            cpu->icount++;
            (void)cpu_gp0(cpu);
            deliver_exception(cpu, run);
            return;
        }
    }
    end = in + n;
    cpu->regs[R_BLOCK_RIP] = cpu->rip;
    do {
        r = in->fn(cpu, in);
        in++;
    } while (r == RET_NEXT && in != end);
    done = (unsigned)(in - b->insns);
    run->left -= done;
    cpu->icount += done;
    in--;
    if (G_UNLIKELY(r == RET_FAULT)) {
        cpu->rip = insn_rip(cpu, in);
        deliver_exception(cpu, run);
    } else if (r != RET_JUMP) {
        cpu->rip = insn_next_rip(cpu, in);
    }
}

CpuExitReason cpu_x86_exec(X86CPU *cpu, uint64_t budget, uint64_t *executed)
{
    Run run = { .left = budget, .reason = CPU_EXIT_BUDGET };

    assert(budget > 0);
    assert(cpu->view == NULL);
    cpu->view = address_space_get_flatview(cpu->as);
    if (cpu->view_generation != address_space_generation(cpu->as)) {
        renew_view(cpu);
    }
    while (run.left && !run.leave) {
        bool inhibit = cpu->inhibit_irq;
        bool step = cpu->eflags & FLAG_TF;
        const CodeBlock *b;

        cpu->inhibit_irq = false;
        if ((G_UNLIKELY(__atomic_load_n(&cpu->pending, __ATOMIC_RELAXED) || cpu->halted)) &&
            !ready_to_run(cpu, &run, inhibit)) {
            continue;
        }
        b = code_find(cpu);
        if (G_UNLIKELY(!b)) {
            run.left--;
            cpu->icount++;
            deliver_exception(cpu, &run);
            continue;
        }
        run_block(cpu, &run, b, inhibit || step ? 1 : run.left);
        if (G_UNLIKELY(step) && (cpu->eflags & FLAG_TF) && !cpu->inhibit_irq && !run.leave) {
            single_step_trap(cpu, &run);
        }
    }
    flatview_unref(cpu->view);
    cpu->view = NULL;
    *executed = budget - run.left;
    if (run.reason == CPU_EXIT_BUDGET && cpu->halted && !cpu_x86_has_work(cpu)) {
        return CPU_EXIT_HALTED;
    }
    return run.reason;
}
