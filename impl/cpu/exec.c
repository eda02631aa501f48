/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The execution loop: find the block, run it, deliver what came of it, count.
 *
 * Requests of others (interrupts, exit, changed memory map) are looked at between blocks; a block is short and
 * ends at every device access, so that is soon. The budget is exact: a block is cut where it runs out.
 *
 * Devices and clocks see the exact number of instructions before them. Within a block nobody counts, so an
 * instruction that comes to a device there is stopped before it has done anything and run again alone.
 *
 * Context: the processor's thread, no lock held.
 */
#include "cpu/code.h"
#include "cpu/jit.h"
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

static void sync_clock(X86CPU *cpu)
{
    uint64_t executed = cpu->icount - cpu->icount_synced;

    cpu->icount_synced = cpu->icount;
    if (cpu->sync_clock && executed) {
        cpu->sync_clock(cpu->sync_opaque, executed);
    }
}

bool cpu_io_begin(X86CPU *cpu)
{
    if (G_UNLIKELY(!cpu->io_ok)) {
        (void)cpu_raise(cpu, EXC_REDO);   /* the return value only says that it is raised */
        return false;
    }
    sync_clock(cpu);
    return true;
}

static void deliver_exception(X86CPU *cpu, Run *run)
{
    if (cpu->exc_vector == EXC_REDO) {
        cpu->exc_vector = -1;
        cpu->alone = true;
        cpu->icount--;      /* it did not run after all */
        run->left++;
        return;
    }
    if (!exc_deliver(cpu)) {
        leave(run, CPU_EXIT_RESET);
    }
}

static void renew_view(X86CPU *cpu)
{
    /* The generation first: a commit in between is then seen as one more change, not missed. */
    cpu->view_generation = address_space_generation(cpu->as);
    flatview_unref(cpu->view);
    cpu->view = address_space_get_flatview(cpu->as);
    cpu->last_range = NULL;
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

int cpu_x86_acknowledge(X86CPU *cpu)
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
    return vector < 0 ? -1 : vector & 0xff;
}

static void take_hard_interrupt(X86CPU *cpu, Run *run)
{
    int vector;

    sync_clock(cpu);
    vector = cpu_x86_acknowledge(cpu);
    if (vector >= 0) {
        take_interrupt(cpu, run, vector);
    }
}

/* INIT, and the message that ends it. */
void cpu_x86_take_init(X86CPU *cpu)
{
    uint32_t pending = __atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE);
    bool take_bql = !bql_locked();

    if (!(pending & (CPU_INTERRUPT_INIT | CPU_INTERRUPT_SIPI))) {
        return;
    }
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
    if (pending & CPU_INTERRUPT_YIELD) {
        cpu_x86_reset_interrupt(cpu, CPU_INTERRUPT_YIELD);
        cpu->inhibit_irq = inhibit;
        leave(run, CPU_EXIT_BUDGET);
        return false;
    }
    if (G_UNLIKELY(pending & (CPU_INTERRUPT_INIT | CPU_INTERRUPT_SIPI))) {
        sync_clock(cpu);
        cpu_x86_take_init(cpu);
        return false;
    }
    if (cpu->wait_sipi) {
        leave(run, CPU_EXIT_HALTED);
        return false;
    }
    if (cpu->debug.step && !cpu->halted) {
        return true;   /* the debugger's step is an instruction, not an interrupt */
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

static void debug_trap(X86CPU *cpu, Run *run, uint64_t dr6)
{
    cpu->dr[6] |= dr6;
    (void)cpu_raise(cpu, EXC_DB);   /* the return value only says that it is raised */
    deliver_exception(cpu, run);
}

static void count_fault(X86CPU *cpu, Run *run)
{
    run->left--;
    cpu->icount++;
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
            (void)cpu_gp0(cpu);
            count_fault(cpu, run);
            return;
        }
    }
    end = in + n;
    cpu->regs[R_BLOCK_RIP] = cpu->rip;
    cpu->io_ok = n == 1;
    do {
        r = in->fn(cpu, in);
        in++;
    } while (r == RET_NEXT && in != end);
    cpu->io_ok = true;
    done = (unsigned)(in - b->insns);
    run->left -= done;
    cpu->icount += done;
    in--;
    if (G_UNLIKELY(r < 0)) {
        cpu->rip = r == RET_FAULT_TASK ? cpu->rip : insn_rip(cpu, in);
        deliver_exception(cpu, run);
    } else if (r != RET_JUMP) {
        cpu->rip = insn_next_rip(cpu, in);
    }
}

/*
 * One instruction with everything that can happen around it: single steps, breakpoints of the guest and of a
 * debugger, the resume flag, the instruction after sti.
 */
static void run_alone(X86CPU *cpu, Run *run, bool inhibit)
{
    bool step = cpu->eflags & FLAG_TF;
    const CodeBlock *b;
    uint64_t hits;

    if (cpu->debug.active && cpu_debug_before(cpu)) {
        cpu->inhibit_irq = inhibit;
        leave(run, CPU_EXIT_DEBUG);
        return;
    }
    cpu->alone = false;
    cpu->watch_hits = 0;
    if (debug_enabled(cpu) && !(cpu->eflags & FLAG_RF) && debug_at_rip(cpu)) {
        count_fault(cpu, run);
        return;
    }
    b = code_find(cpu);
    if (!b) {
        count_fault(cpu, run);
        return;
    }
    cpu->eflags &= ~FLAG_RF;   /* an iret that sets it does so after this */
    run_block(cpu, run, b, 1);
    hits = cpu->watch_hits;
    hits |= step && (cpu->eflags & FLAG_TF) && !cpu->inhibit_irq ? 1u << 14 : 0;
    if (hits && !run->leave) {
        debug_trap(cpu, run, hits);
    }
}

static bool must_run_alone(const X86CPU *cpu)
{
    return (cpu->eflags & (FLAG_TF | FLAG_RF)) || cpu->alone || debug_enabled(cpu) || cpu->debug.active;
}

static void run_translated(X86CPU *cpu, Run *run, const CodeBlock *b)
{
    bool fault = jit_run(cpu, b, &run->left);

    if (G_UNLIKELY(fault)) {
        deliver_exception(cpu, run);
    }
}

bool cpu_x86_deliver(X86CPU *cpu, int vector, IntKind kind, bool has_code, uint32_t code)
{
    bool ok;

    assert(cpu->view == NULL);
    cpu->view = address_space_get_flatview(cpu->as);
    renew_view(cpu);
    if (kind == INT_EXCEPTION) {
        (void)(has_code ? cpu_raise_code(cpu, vector, code) : cpu_raise(cpu, vector));   /* recorded, not answered */
        ok = exc_deliver(cpu);
    } else {
        ok = int_deliver(cpu, vector, kind, has_code, code, cpu->rip) >= 0 || exc_deliver(cpu);
    }
    flatview_unref(cpu->view);
    cpu->view = NULL;
    return ok;
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
    if (jit_is_full(cpu)) {
        code_cache_flush(cpu);
    }
    while (run.left && !run.leave) {
        bool inhibit = cpu->inhibit_irq;
        CodeBlock *b;

        cpu->inhibit_irq = false;
        if ((G_UNLIKELY(__atomic_load_n(&cpu->pending, __ATOMIC_RELAXED) || cpu->halted)) &&
            !ready_to_run(cpu, &run, inhibit)) {
            continue;
        }
        if (G_UNLIKELY(inhibit || must_run_alone(cpu))) {
            run_alone(cpu, &run, inhibit);
            if (cpu->debug.active && !run.leave && cpu_debug_after(cpu)) {
                leave(&run, CPU_EXIT_DEBUG);
            }
            continue;
        }
        b = code_find(cpu);
        if (G_UNLIKELY(!b)) {
            count_fault(cpu, &run);
        } else if (jit_ready(cpu, b, run.left)) {
            run_translated(cpu, &run, b);
        } else {
            run_block(cpu, &run, b, run.left);
        }
    }
    sync_clock(cpu);
    flatview_unref(cpu->view);
    cpu->view = NULL;
    *executed = budget - run.left;
    if (run.reason == CPU_EXIT_BUDGET && cpu->halted && !cpu_x86_has_work(cpu)) {
        return CPU_EXIT_HALTED;
    }
    return run.reason;
}
