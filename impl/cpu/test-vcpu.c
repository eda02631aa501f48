/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: vCPU threads run, stop, wait and lend themselves as vcpu.h says.
 * Method: a machine with one processor and a guest that counts in RAM; the test is the main thread.
 */
#include "cpu/vcpu.h"

#include "aio/bql.h"
#include "aio/test-machine.h"
#include "base/bytes.h"
#include "cpu/insn.h"
#include "machine/runstate.h"
#include "migration/savevm_int.h"

enum { CODE = 0x1000, COUNTER = 0x8000 };

static MemoryRegion ram;
static CPUState *cpu;

static uint64_t counter(void)
{
    return ldq_le_phys(get_address_space_memory(), COUNTER);
}

static void start(const uint8_t *code, size_t len)
{
    GError *err = NULL;
    X86CPU *x86;

    runstate_init(false);
    savevm_init();
    memory_machine_init();
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 1 * MiB, &err));
    memory_region_add_subregion(get_system_memory(), 0, &ram);
    g_assert_cmpuint(address_space_write(get_address_space_memory(), CODE, MEMTXATTRS_UNSPECIFIED, code, len), ==, 0);
    cpus_init();
    cpu = qemu_cpu_new(0, NULL);
    x86 = cpu->x86;
    x86->segs[R_CS].base = 0;
    x86->segs[R_CS].selector = 0;
    x86->rip = CODE;
    cpu_x86_state_loaded(x86);
    qemu_init_vcpu(cpu);
}

static void end(void)
{
    cpus_cleanup();
    memory_region_del_subregion(get_system_memory(), &ram);
    memory_region_finalize(&ram);
    memory_machine_cleanup();
    savevm_cleanup();
    runstate_cleanup();
}

static void do_nothing(CPUState *on, run_on_cpu_data data)
{
    g_assert_true(qemu_cpu_is_self(on));
    g_assert_true(bql_locked());
    ++*(int *)data.host_ptr;
}

/* The processor does something for us, so it came out of guest code and will go back. */
static void visit(void)
{
    int calls = 0;

    run_on_cpu(cpu, do_nothing, RUN_ON_CPU_HOST_PTR(&calls));
    g_assert_cmpint(calls, ==, 1);
}

/* Nobody signals the guest's progress. Let it run for a while; in the simulator that is virtual time. */
static void let_run(void)
{
    SchedCond never;

    sched_cond_init(&never, "test-let-run");
    (void)qemu_cond_timedwait_bql(&never, 1);   /* it always times out */
    sched_cond_destroy(&never);
}

/* 16-bit code: incl COUNTER; jmp back. */
static const uint8_t counting[] = { 0x66, 0xff, 0x06, 0x00, 0x80, 0xeb, 0xf9 };

static void test_runs_only_when_resumed(void)
{
    start(counting, sizeof(counting));
    g_assert_true(all_vcpus_paused());
    g_assert_cmpstr(cpu->thread_name, ==, "CPU 0/TCG");
    resume_all_vcpus();   /* the VM is not running: nothing happens */
    visit();
    g_assert_true(cpu_is_stopped(cpu));
    g_assert_cmpuint(counter(), ==, 0);
    runstate_set(RUN_STATE_RUNNING);
    resume_all_vcpus();
    while (counter() == 0) {
        let_run();
    }
    g_assert_false(cpu_is_stopped(cpu));
    end();
}

static void test_pause_stops_the_guest(void)
{
    uint64_t before;

    start(counting, sizeof(counting));
    runstate_set(RUN_STATE_RUNNING);
    for (unsigned round = 0; round < 3; round++) {
        before = counter();
        resume_all_vcpus();
        while (counter() == before) {
            let_run();
        }
        pause_all_vcpus();
        g_assert_true(all_vcpus_paused());
        before = counter();
        visit();              /* work is done even while paused */
        visit();
        g_assert_cmpuint(counter(), ==, before);
    }
    end();
}

static void test_halt_waits_for_an_interrupt(void)
{
    /* mov sp, 0x7000; hlt; incl COUNTER; jmp to the hlt. Vector 2 (NMI) leads to an iret. */
    static const uint8_t code[] = { 0xbc, 0x00, 0x70, 0xf4, 0x66, 0xff, 0x06, 0x00, 0x80, 0xeb, 0xf8 };
    static const uint8_t iret = 0xcf;
    static const uint8_t vector[] = { 0x00, 0x06, 0x00, 0x00 };

    start(code, sizeof(code));
    g_assert_cmpuint(address_space_write(get_address_space_memory(), 8, MEMTXATTRS_UNSPECIFIED, vector, 4), ==, 0);
    g_assert_cmpuint(address_space_write(get_address_space_memory(), 0x600, MEMTXATTRS_UNSPECIFIED, &iret, 1), ==, 0);
    runstate_set(RUN_STATE_RUNNING);
    resume_all_vcpus();
    while (!cpu->x86->halted) {
        let_run();
    }
    g_assert_cmpuint(counter(), ==, 0);
    for (uint64_t n = 1; n <= 3; n++) {
        cpu_interrupt(cpu, CPU_INTERRUPT_NMI);
        while (counter() < n || !cpu->x86->halted) {
            let_run();
        }
        g_assert_cmpuint(counter(), ==, n);
    }
    end();
}

static void stop_from_inside(CPUState *on, run_on_cpu_data data)
{
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    *(bool *)data.host_ptr = runstate_is_running();
}

static void test_stop_on_vcpu_is_only_a_request(void)
{
    bool still_running = false;
    RunState wanted;

    start(counting, sizeof(counting));
    runstate_set(RUN_STATE_RUNNING);
    resume_all_vcpus();
    run_on_cpu(cpu, stop_from_inside, RUN_ON_CPU_HOST_PTR(&still_running));
    g_assert_true(still_running);
    g_assert_true(qemu_vmstop_requested(&wanted));
    g_assert_cmpint(wanted, ==, RUN_STATE_PAUSED);
    end();
}

static void test_triple_fault_asks_for_a_reset(void)
{
    /* lidt [0x8000], which is zero; ud2 */
    static const uint8_t code[] = { 0x0f, 0x01, 0x1e, 0x00, 0x80, 0x0f, 0x0b };

    start(code, sizeof(code));
    runstate_set(RUN_STATE_RUNNING);
    resume_all_vcpus();
    while (qemu_reset_requested_get() == SHUTDOWN_CAUSE_NONE) {
        let_run();
    }
    g_assert_cmpint(qemu_reset_requested_get(), ==, SHUTDOWN_CAUSE_GUEST_RESET);
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vcpu/runs-only-when-resumed", test_runs_only_when_resumed);
    g_test_add_func("/vcpu/pause-stops-the-guest", test_pause_stops_the_guest);
    g_test_add_func("/vcpu/halt-waits-for-an-interrupt", test_halt_waits_for_an_interrupt);
    g_test_add_func("/vcpu/stop-on-vcpu-is-only-a-request", test_stop_on_vcpu_is_only_a_request);
    g_test_add_func("/vcpu/triple-fault-asks-for-a-reset", test_triple_fault_asks_for_a_reset);
    return test_machine_run();
}
