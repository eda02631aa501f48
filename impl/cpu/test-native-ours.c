/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rondo-cpu-fuzz: running a sequence on our processor, at privilege 3 behind page tables that map what the host maps.
 * Exceptions go through gates to one hlt for each vector, on a stack of their own.
 */
#include "cpu/test-native.h"

#include <stdio.h>
#include <string.h>

#include "aio/bql.h"
#include "aio/main_loop.h"
#include "base/bytes.h"
#include "cpu/insn.h"
#include "sched/machine.h"

/* Physical. Everything up to HANDLERS_END is also mapped where it is, for the supervisor. */
enum {
    P_PML4 = 0x1000, P_PDPT = 0x2000, P_PD = 0x3000, P_PT_LOW = 0x4000, P_PT = 0x5000, P_TSS = 0x6000, P_IDT = 0x7000,
    P_GDT = 0x8000, P_HANDLERS = 0x9000, P_STACK_TOP = 0xb000,
    P_CODE = 0x10000, P_DATA = 0x11000, P_STACK = 0x13000, RAM_SIZE = 0x14000,
    SEL_KERNEL_CS = 0x8, SEL_USER_CS = 0x10 | 3, SEL_USER_SS = 0x18 | 3, SEL_TSS = 0x20,
    VECTORS = 32, HANDLER_SIZE = 16,
    PTE_P = 1, PTE_W = 2, PTE_U = 4,
};

static MemoryRegion ram;
static X86CPU *cpu;
static uint8_t *mem;

static void map_pages(uint64_t lin, uint64_t phys, uint64_t size)
{
    for (uint64_t off = 0; off < size; off += 0x1000) {
        st64_le(mem + P_PT + (lin + off - CODE_BASE) / 0x1000 * 8, (phys + off) | PTE_P | PTE_W | PTE_U);
    }
}

static void make_tables(void)
{
    st64_le(mem + P_PML4, P_PDPT | PTE_P | PTE_W | PTE_U);
    st64_le(mem + P_PDPT, P_PD | PTE_P | PTE_W | PTE_U);
    st64_le(mem + P_PD, P_PT_LOW | PTE_P | PTE_W);
    st64_le(mem + P_PD + CODE_BASE / 0x200000 * 8, P_PT | PTE_P | PTE_W | PTE_U);
    for (uint64_t page = 1; page < P_STACK_TOP / 0x1000; page++) {
        st64_le(mem + P_PT_LOW + page * 8, page * 0x1000 | PTE_P | PTE_W);
    }
    map_pages(CODE_BASE, P_CODE, CODE_SIZE);
    map_pages(DATA_BASE, P_DATA, DATA_SIZE);
    map_pages(STACK_BASE, P_STACK, STACK_SIZE);
    st64_le(mem + P_GDT + SEL_KERNEL_CS, UINT64_C(0x00af9b000000ffff));
    st64_le(mem + P_TSS + 36, P_STACK_TOP);
    for (unsigned i = 0; i < VECTORS; i++) {
        uint64_t target = P_HANDLERS + i * HANDLER_SIZE;

        /* An interrupt gate for everyone, with the first stack of the TSS. */
        st64_le(mem + P_IDT + i * 16, (target & 0xffff) | SEL_KERNEL_CS << 16 | UINT64_C(0xee01) << 32 |
                (target >> 16 & 0xffff) << 48);
        mem[target] = 0xf4;
    }
    memory_region_set_dirty(&ram, 0, RAM_SIZE);
}

void ours_init(void)
{
    GError *err = NULL;

    machine_set_current(machine_new("vm"));
    if (!qemu_init_main_loop(NULL)) {
        base_fatal("qemu_init_main_loop failed");
    }
    if (!bql_locked()) {
        bql_lock();
    }
    memory_machine_init();
    if (!memory_region_init_ram(&ram, NULL, "ram", RAM_SIZE, &err)) {
        base_fatal("%s", err->message);
    }
    memory_region_add_subregion(get_system_memory(), 0, &ram);
    mem = memory_region_get_ram_ptr(&ram);
    cpu = cpu_x86_create(0, get_address_space_memory(), get_address_space_io());
    (void)cpu_x86_set_translate(cpu, 2);   /* cases that are run once are interpreted */
    make_tables();
}

void ours_cleanup(void)
{
    Machine *m = machine_current();

    cpu_x86_free(cpu);
    memory_region_del_subregion(get_system_memory(), &ram);
    memory_region_finalize(&ram);
    memory_machine_cleanup();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
}

static void load_state(const NativeRegs *r, unsigned bits)
{
    cpu_x86_reset(cpu);
    cpu->halted = false;
    cpu->cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_MP | CR0_ET | CR0_WP;
    cpu->cr3 = P_PML4;
    cpu->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cpu->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
    cpu->idt = (SegmentCache){ .base = P_IDT, .limit = VECTORS * 16 - 1 };
    cpu->gdt = (SegmentCache){ .base = P_GDT, .limit = 0x2f };
    cpu->tr = (SegmentCache){
        .selector = SEL_TSS, .base = P_TSS, .limit = 103, .flags = DESC_P | 11u << DESC_TYPE_SHIFT,
    };
    for (unsigned i = 0; i < SEG__COUNT; i++) {
        cpu->segs[i] = (SegmentCache){
            .flags = DESC_P | DESC_S | DESC_W | DESC_A | DESC_B | DESC_G | 3u << DESC_DPL_SHIFT,
            .limit = 0xffffffffu, .selector = SEL_USER_SS,
        };
    }
    cpu->segs[R_CS].flags = DESC_P | DESC_S | DESC_CS | DESC_R | DESC_A | DESC_G | 3u << DESC_DPL_SHIFT |
                            (bits == 64 ? DESC_L : DESC_B);
    cpu->segs[R_CS].selector = SEL_USER_CS;
    cpu->cpl = 3;
    memcpy(cpu->regs, r->gpr, sizeof(r->gpr));
    cpu->rip = r->rip;
    cpu_x86_set_rflags(cpu, r->rflags);
    x87_from_fxsave(&cpu->fpu, r->fx, true);
    cpu->fpu.mxcsr = ld32_le(r->fx + 24);
    memcpy(cpu->fpu.xmm, r->fx + 160, sizeof(cpu->fpu.xmm));
    cpu_x86_state_loaded(cpu);
}

/* From the frame that the exception left. */
static void store_state(NativeRegs *r)
{
    uint64_t handler = (cpu->rip - P_HANDLERS) / HANDLER_SIZE;
    const uint8_t *frame = mem + cpu->regs[R_ESP] % RAM_SIZE;

    memcpy(r->gpr, cpu->regs, sizeof(r->gpr));
    r->vector = cpu->rip < P_HANDLERS || handler >= VECTORS ? -1 : (int64_t)handler;
    r->cr2 = cpu->cr2;
    if (r->vector == EXC_DF || (r->vector >= EXC_TS && r->vector <= EXC_PF) || r->vector == EXC_AC) {
        frame += 8;   /* the error code */
    }
    r->rip = ld64_le(frame);
    r->rflags = ld64_le(frame + 16);
    r->gpr[R_ESP] = ld64_le(frame + 24);
    x87_to_fxsave(&cpu->fpu, r->fx, true);
    st32_le(r->fx + 24, cpu->fpu.mxcsr);
    memcpy(r->fx + 160, cpu->fpu.xmm, sizeof(cpu->fpu.xmm));
}

void ours_run(const uint8_t *code, unsigned len, unsigned bits, NativeCase *c)
{
    uint64_t executed;
    CpuExitReason reason;
    unsigned slices = 0;

    memcpy(mem + P_CODE, code, len);
    memcpy(mem + P_DATA, c->mem.data, DATA_SIZE);
    memcpy(mem + P_STACK, c->mem.stack, STACK_SIZE);
    memory_region_set_dirty(&ram, P_CODE, RAM_SIZE - P_CODE);
    load_state(&c->regs, bits);
    do {
        reason = cpu_x86_exec(cpu, 1000, &executed);
    } while (reason != CPU_EXIT_HALTED && reason != CPU_EXIT_RESET && ++slices < 100);
    memcpy(c->mem.data, mem + P_DATA, DATA_SIZE);
    memcpy(c->mem.stack, mem + P_STACK, STACK_SIZE);
    store_state(&c->regs);
    if (reason != CPU_EXIT_HALTED) {
        c->regs.vector = -2;
    }
}
