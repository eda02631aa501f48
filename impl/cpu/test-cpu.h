/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the processor: a machine with RAM from 0 on, a processor, and short cuts into its modes.
 */
#ifndef CPU_TEST_CPU_H
#define CPU_TEST_CPU_H

#include "aio/bql.h"
#include "aio/main_loop.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "cpu/cpu.h"
#include "sched/machine.h"

typedef struct TestCpu {
    MemoryRegion ram;
    X86CPU *cpu;
    uint8_t *mem;
} TestCpu;

static TestCpu tc;

/* 64-bit code at privilege 0 without page tables: the processor cannot be brought there, a test can. */
static inline void test_cpu_long_mode(uint64_t rip)
{
    X86CPU *cpu = tc.cpu;

    cpu_x86_reset(cpu);
    cpu->halted = false;
    cpu->cr0 |= CR0_PE;
    cpu->efer |= EFER_LME | EFER_LMA | EFER_SCE;
    cpu->segs[R_CS] = (SegmentCache){
        .selector = 8, .limit = 0xffffffffu, .flags = DESC_P | DESC_S | DESC_CS | DESC_R | DESC_A | DESC_L | DESC_G,
    };
    for (unsigned i = 0; i < SEG__COUNT; i++) {
        if (i != R_CS) {
            cpu->segs[i] = (SegmentCache){
                .selector = 16, .limit = 0xffffffffu, .flags = DESC_P | DESC_S | DESC_W | DESC_A | DESC_B | DESC_G,
            };
        }
    }
    cpu->idt.limit = 0;   /* any exception ends in CPU_EXIT_RESET */
    cpu->rip = rip;
    cpu_x86_state_loaded(cpu);
}

/* 16-bit real mode at @segment:@ip with all segments the same. */
static inline void test_cpu_real_mode(uint16_t segment, uint16_t ip)
{
    cpu_x86_reset(tc.cpu);
    for (unsigned i = 0; i < SEG__COUNT; i++) {
        tc.cpu->segs[i].selector = segment;
        tc.cpu->segs[i].base = (uint64_t)segment << 4;
    }
    tc.cpu->rip = ip;
    cpu_x86_state_loaded(tc.cpu);
}

static inline int test_cpu_body(void *opaque)
{
    Machine *m = machine_new("vm");
    GError *err = NULL;
    int ret;

    machine_set_current(m);
    if (!qemu_init_main_loop(NULL)) {
        base_fatal("qemu_init_main_loop failed");
    }
    if (!bql_locked()) {
        bql_lock();
    }
    memory_machine_init();
    if (!memory_region_init_ram(&tc.ram, NULL, "ram", *(uint64_t *)opaque, &err)) {
        base_fatal("%s", err->message);
    }
    memory_region_add_subregion(get_system_memory(), 0, &tc.ram);
    tc.mem = memory_region_get_ram_ptr(&tc.ram);
    tc.cpu = cpu_x86_create(0, get_address_space_memory(), get_address_space_io());
#ifdef TEST_CPU_TRANSLATE
    if (!cpu_x86_set_translate(tc.cpu, TEST_CPU_TRANSLATE)) {
        g_test_message("this host has no translator: the interpreter is tested once more");
    }
#endif
    ret = g_test_run();
    cpu_x86_free(tc.cpu);
    memory_region_del_subregion(get_system_memory(), &tc.ram);
    memory_region_finalize(&tc.ram);
    memory_machine_cleanup();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return ret;
}

/** test_cpu_run: g_test_run() inside a machine with @ram_size bytes of RAM at 0. */
static inline int test_cpu_run(uint64_t ram_size)
{
    return sched_main(test_cpu_body, &ram_size);
}

/* Put code at @addr as a device would: the processor must notice. */
static inline void test_cpu_put(uint64_t addr, const void *bytes, size_t len)
{
    memcpy(tc.mem + addr, bytes, len);
    memory_region_set_dirty(&tc.ram, addr, len);
}

#endif
