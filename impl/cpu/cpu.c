/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making, resetting and showing a processor.
 * Source: SDM volume 3, table 10-1 (state after RESET).
 */
#include "cpu/cpu.h"

#include "cpu/code.h"
#include "cpu/flags.h"
#include "cpu/jit.h"
#include "cpu/ops.h"

#include "sched/sched.h"

static uint64_t tsc_from_clock(void *opaque)
{
    return (uint64_t)sched_clock_ns(SCHED_CLOCK_MONOTONIC);
}

X86CPU *cpu_x86_create(unsigned index, AddressSpace *as, AddressSpace *io)
{
    X86CPU *cpu = g_new0(X86CPU, 1);

    cpu->index = index;
    cpu->as = as;
    cpu->io = io;
    cpu->code = code_cache_new(cpu);
    cpu->tlb_log[0].fills = cpu->tlb_log[1].fills = UINT32_MAX;   /* nothing is in the logs yet */
    memset(cpu->tlb, 0xff, sizeof(cpu->tlb));
    cpu->io_ok = true;
    cpu->read_tsc = tsc_from_clock;
    cpu->phys_mask = (UINT64_C(1) << 40) - 1;
    cpu->model = *cpu_model_default();
    cpu->n_cpus = 1;
    cpu_debug_init(&cpu->debug);
    cpu_x86_reset(cpu);
    return cpu;
}

void cpu_x86_free(X86CPU *cpu)
{
    if (!cpu) {
        return;
    }
    jit_free(cpu);
    code_cache_free(cpu->code);
    cpu_debug_cleanup(&cpu->debug);
    g_free(cpu);
}

static void reset_segments(X86CPU *cpu)
{
    for (unsigned i = 0; i < SEG__COUNT; i++) {
        cpu->segs[i] = (SegmentCache){
            .limit = 0xffff, .flags = DESC_P | DESC_S | DESC_W | DESC_A,
        };
    }
    cpu->segs[R_CS] = (SegmentCache){
        .selector = 0xf000, .base = 0xffff0000u, .limit = 0xffff, .flags = DESC_P | DESC_S | DESC_CS | DESC_R | DESC_A,
    };
    cpu->gdt = (SegmentCache){ .limit = 0xffff };
    cpu->idt = (SegmentCache){ .limit = 0xffff };
    cpu->ldt = (SegmentCache){ .limit = 0xffff, .flags = DESC_P | 2u << DESC_TYPE_SHIFT };
    cpu->tr = (SegmentCache){ .limit = 0xffff, .flags = DESC_P | 11u << DESC_TYPE_SHIFT };
}

void cpu_x86_reset(X86CPU *cpu)
{
    memset(cpu->regs, 0, sizeof(cpu->regs));
    cpu->regs[R_EDX] = cpu_signature(&cpu->model);
    cpu->rip = 0xfff0;
    cpu_x86_set_rflags(cpu, 2);
    reset_segments(cpu);
    fpu_reset(&cpu->fpu);
    cpu->cr0 = CR0_CD | CR0_NW | CR0_ET;
    cpu->cr2 = cpu->cr3 = cpu->cr4 = cpu->cr8 = 0;
    cpu->efer = 0;
    memset(cpu->dr, 0, sizeof(cpu->dr));
    cpu->dr[6] = 0xffff0ff0;
    cpu->dr[7] = 0x400;
    memset(cpu->pdpte, 0, sizeof(cpu->pdpte));
    cpu->star = cpu->lstar = cpu->cstar = cpu->fmask = cpu->kernelgsbase = 0;
    cpu->debugctl = cpu->mcg_status = cpu->mcg_ctl = 0;
    memset(cpu->mce_banks, 0, sizeof(cpu->mce_banks));
    memset(cpu->amd_msr, 0, sizeof(cpu->amd_msr));
    cpu->sysenter_cs = cpu->sysenter_esp = cpu->sysenter_eip = 0;
    cpu->pat = UINT64_C(0x0007040600070406);
    cpu->tsc_aux = 0;
    cpu->misc_enable = 1;
    cpu->mtrr_def_type = 0;
    memset(cpu->mtrr_var, 0, sizeof(cpu->mtrr_var));
    memset(cpu->mtrr_fixed, 0, sizeof(cpu->mtrr_fixed));
    cpu->tsc_offset = 0;
    cpu->exc_vector = -1;
    cpu->inhibit_irq = false;
    cpu->alone = false;
    cpu->watch_hits = 0;
    cpu->nmi_masked = false;
    cpu->halted = cpu->wait_sipi = cpu->index != 0;
    cpu->cpl = 0;
    cpu_x86_reset_interrupt(cpu, CPU_INTERRUPT_NMI | CPU_INTERRUPT_SIPI | CPU_INTERRUPT_INIT);
    cpu_x86_state_loaded(cpu);
}

void cpu_x86_init(X86CPU *cpu)
{
    g_autofree X86CPU *old = g_memdup2(cpu, sizeof(*cpu));
    uint32_t sipi = __atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE) & CPU_INTERRUPT_SIPI;

    cpu_x86_reset(cpu);
    cpu_x86_interrupt(cpu, sipi);   /* it came after the INIT: keep it */
    cpu->cr0 = (old->cr0 & (CR0_CD | CR0_NW)) | CR0_ET;
    cpu->fpu = old->fpu;
    cpu->star = old->star;
    cpu->lstar = old->lstar;
    cpu->cstar = old->cstar;
    cpu->fmask = old->fmask;
    cpu->kernelgsbase = old->kernelgsbase;
    cpu->sysenter_cs = old->sysenter_cs;
    cpu->sysenter_esp = old->sysenter_esp;
    cpu->sysenter_eip = old->sysenter_eip;
    cpu->pat = old->pat;
    cpu->tsc_aux = old->tsc_aux;
    cpu->tsc_offset = old->tsc_offset;
    cpu->misc_enable = old->misc_enable;
    cpu->mtrr_def_type = old->mtrr_def_type;
    memcpy(cpu->mce_banks, old->mce_banks, sizeof(cpu->mce_banks));
    memcpy(cpu->amd_msr, old->amd_msr, sizeof(cpu->amd_msr));
    memcpy(cpu->mtrr_var, old->mtrr_var, sizeof(cpu->mtrr_var));
    memcpy(cpu->mtrr_fixed, old->mtrr_fixed, sizeof(cpu->mtrr_fixed));
    cpu_x86_state_loaded(cpu);
}

void cpu_x86_sipi(X86CPU *cpu, uint8_t vector)
{
    cpu->segs[R_CS].selector = (uint32_t)vector << 8;
    cpu->segs[R_CS].base = (uint64_t)vector << 12;
    cpu->rip = 0;
    cpu->wait_sipi = false;
    cpu->halted = false;
    cpu_x86_state_loaded(cpu);
}

void cpu_x86_set_get_irq(X86CPU *cpu, int (*get_irq)(void *opaque), void *opaque)
{
    cpu->get_irq = get_irq;
    cpu->irq_opaque = opaque;
}

void cpu_x86_set_sync(X86CPU *cpu, void (*sync_clock)(void *opaque, uint64_t executed), void *opaque)
{
    cpu->sync_clock = sync_clock;
    cpu->sync_opaque = opaque;
}

void cpu_x86_set_model(X86CPU *cpu, const X86CPUModel *model, unsigned n_cpus)
{
    cpu->model = *model;
    cpu->n_cpus = n_cpus;
}

void cpu_x86_set_tsc(X86CPU *cpu, uint64_t (*read_tsc)(void *opaque), void *opaque)
{
    cpu->read_tsc = read_tsc;
    cpu->tsc_opaque = opaque;
}

void cpu_x86_interrupt(X86CPU *cpu, uint32_t mask)
{
    __atomic_fetch_or(&cpu->pending, mask, __ATOMIC_RELEASE);
}

void cpu_x86_reset_interrupt(X86CPU *cpu, uint32_t mask)
{
    __atomic_fetch_and(&cpu->pending, ~mask, __ATOMIC_RELEASE);
}

bool cpu_x86_has_work(const X86CPU *cpu)
{
    uint32_t p = __atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE);

    if (p & (CPU_INTERRUPT_INIT | CPU_INTERRUPT_SIPI)) {
        return true;
    }
    return !cpu->wait_sipi && (((p & CPU_INTERRUPT_HARD) && (cpu->eflags & FLAG_IF)) ||
                               ((p & CPU_INTERRUPT_NMI) && !cpu->nmi_masked));
}

void cpu_x86_set_a20(X86CPU *cpu, bool enabled)
{
    uint64_t bit = UINT64_C(1) << 20;

    cpu->phys_mask = enabled ? cpu->phys_mask | bit : cpu->phys_mask & ~bit;
    cpu_x86_tlb_flush(cpu);
}

void cpu_x86_state_loaded(X86CPU *cpu)
{
    cpu->regs[R_ZERO] = 0;
    cpu_update_mode(cpu);
    cpu_x86_tlb_flush(cpu);
}

char *cpu_x86_dump(const X86CPU *cpu)
{
    static const char *const names[16] = {
        "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
        "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15",
    };
    static const char *const seg_names[SEG__COUNT] = { "ES", "CS", "SS", "DS", "FS", "GS" };
    GString *s = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(s, "%s=%016" PRIx64 "%c", names[i], cpu->regs[i], i % 4 == 3 ? '\n' : ' ');
    }
    g_string_append_printf(s, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " CPL=%u HLT=%d\n", cpu->rip,
                           cpu_x86_get_rflags(cpu), cpu->cpl, cpu->halted);
    for (unsigned i = 0; i < SEG__COUNT; i++) {
        g_string_append_printf(s, "%s =%04x %016" PRIx64 " %08x %08x\n", seg_names[i], cpu->segs[i].selector,
                               cpu->segs[i].base, cpu->segs[i].limit, cpu->segs[i].flags);
    }
    g_string_append_printf(s, "GDT=     %016" PRIx64 " %08x\nIDT=     %016" PRIx64 " %08x\n", cpu->gdt.base,
                           cpu->gdt.limit, cpu->idt.base, cpu->idt.limit);
    g_string_append_printf(s, "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08" PRIx64 "\n",
                           cpu->cr0, cpu->cr2, cpu->cr3, cpu->cr4);
    g_string_append_printf(s, "EFER=%016" PRIx64 "\n", cpu->efer);
    return g_string_free(s, FALSE);
}
