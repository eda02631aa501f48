/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads: the loop, stopping and resuming, borrowed work. See vcpu.h for the contract.
 *
 * Conditions, all with the BQL as their mutex: cpu->halt_cond wakes the thread itself; pause_cond tells the
 * pauser that a processor stopped; work_cond tells run_on_cpu() callers that their work is done; created_cond
 * tells who starts or ends a thread.
 */
#include "cpu/vcpu.h"

#include "aio/bql.h"
#include "aio/timer.h"
#include "base/assert.h"
#include "cpu/accel.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"
#include "sched/machine.h"

typedef struct CpusState {
    GPtrArray *cpus;             /* of CPUState *, by index */
    SchedCond pause_cond;
    SchedCond work_cond;
    SchedCond created_cond;
    MemoryListener listener;
    const AccelOps *accel;
    void *accel_machine;
    int64_t clock;               /* only for the stream: guest time */
} CpusState;

typedef struct WorkItem {
    run_on_cpu_func *fn;
    run_on_cpu_data data;
    bool free;                   /* nobody waits: free it after running */
    bool done;
} WorkItem;

static CpusState *cpus_state(void)
{
    return machine_state(MACHINE_CPU);
}

/* ---- The list ---- */

static void memory_map_changed(MemoryListener *listener)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        cpu_x86_interrupt(cpu->x86, CPU_INTERRUPT_TLB);
    }
}

static int clock_pre_save(void *opaque)
{
    ((CpusState *)opaque)->clock = cpu_get_clock();
    return 0;
}

static int clock_post_load(void *opaque, int version_id)
{
    int64_t clock = ((CpusState *)opaque)->clock;

    if (clock < 0) {
        return -EINVAL;
    }
    cpu_set_clock(clock);
    return 0;
}

/* Guest time. Its section is the first one: devices compute their deadlines from it. */
static const VMStateDescription vmstate_timers = {
    .name = "timer",
    .version_id = 1,
    .minimum_version_id = 1,
    .priority = MIG_PRI_MAX,
    .pre_save = clock_pre_save,
    .post_load = clock_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_INT64(clock, CpusState),
        VMSTATE_END_OF_LIST()
    },
};

void cpus_init(void)
{
    CpusState *s = g_new0(CpusState, 1);

    assert(bql_locked());
    s->cpus = g_ptr_array_new();
    s->accel = &accel_tcg;
    sched_cond_init(&s->pause_cond, "vcpu-pause");
    sched_cond_init(&s->work_cond, "vcpu-work");
    sched_cond_init(&s->created_cond, "vcpu-created");
    s->listener = (MemoryListener){ .name = "vcpu", .commit = memory_map_changed };
    memory_listener_register(&s->listener, get_address_space_memory());
    machine_set_state(MACHINE_CPU, s);
}

static void cpu_free(CPUState *cpu)
{
    assert(cpu->thread == NULL);
    if (cpu->accel->destroy) {
        cpu->accel->destroy(cpu);
    }
    sched_cond_destroy(&cpu->halt_cond);
    cpu_x86_free(cpu->x86);
    g_free(cpu->thread_name);
    g_free(cpu->halt_name);
    g_free(cpu);
}

void cpus_cleanup(void)
{
    CpusState *s = cpus_state();

    if (!s) {
        return;
    }
    assert(bql_locked());
    for (unsigned i = 0; i < s->cpus->len; i++) {
        cpu_remove_sync(g_ptr_array_index(s->cpus, i));
    }
    if (s->cpus->len) {
        vmstate_unregister(NULL, &vmstate_timers, s);
    }
    memory_listener_unregister(&s->listener);
    for (unsigned i = 0; i < s->cpus->len; i++) {
        CPUState *cpu = g_ptr_array_index(s->cpus, i);

        vmstate_unregister(NULL, &vmstate_x86_cpu, cpu->x86);
        cpu_free(cpu);
    }
    if (s->accel_machine) {
        s->accel->cleanup_machine(s->accel_machine);
    }
    sched_cond_destroy(&s->pause_cond);
    sched_cond_destroy(&s->work_cond);
    sched_cond_destroy(&s->created_cond);
    g_ptr_array_unref(s->cpus);
    machine_set_state(MACHINE_CPU, NULL);
    g_free(s);
}

/* ---- The accelerator ---- */

const AccelOps *cpus_accel(void)
{
    return cpus_state()->accel;
}

bool cpus_choose_accel(const char *names, GError **errp)
{
    g_auto(GStrv) list = g_strsplit(names, ":", -1);
    CpusState *s = cpus_state();

    assert(bql_locked());
    assert(s->cpus->len == 0);
    for (unsigned i = 0; list[i]; i++) {
        const AccelOps *accel = accel_by_option(list[i]);
        GError *err = NULL;

        if (!accel) {
            error_setg(errp, "invalid accelerator %s", list[i]);
            return false;
        }
        s->accel = accel;
        s->accel_machine = accel->init_machine ? accel->init_machine(&err) : NULL;
        if (!err) {
            if (i > 0) {
                g_printerr("rondo: falling back to %s\n", accel->option);
            }
            return true;
        }
        if (!list[i + 1]) {
            g_propagate_error(errp, err);
            return false;
        }
        g_printerr("rondo: -accel %s: %s\n", accel->option, err->message);
        g_error_free(err);
    }
    error_setg(errp, "no accelerator was named");
    return false;
}

/* Guest time: it stands still while the VM is stopped and comes along when it migrates. */
static uint64_t tsc_from_guest_time(void *opaque)
{
    return (uint64_t)qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

CPUState *qemu_cpu_new(unsigned index, GError **errp)
{
    CpusState *s = cpus_state();
    CPUState *cpu = g_new0(CPUState, 1);

    assert(bql_locked());
    assert(index == s->cpus->len);
    cpu->cpu_index = index;
    cpu->accel = s->accel;
    cpu->thread_name = g_strdup_printf("CPU %u/%s", index, cpu->accel->name);
    cpu->halt_name = g_strdup_printf("CPU %u/halt", index);
    sched_object_init(&cpu->sched_object, "cpu", cpu->thread_name);
    sched_cond_init(&cpu->halt_cond, cpu->halt_name);
    cpu->x86 = cpu_x86_create(index, get_address_space_memory(), get_address_space_io());
    cpu->x86->cpu_state = cpu;
    cpu_x86_set_tsc(cpu->x86, tsc_from_guest_time, NULL);
    cpu->stopped = true;
    g_queue_init(&cpu->work);
    if (!cpu->accel->init(cpu, s->accel_machine, errp)) {
        cpu_free(cpu);
        return NULL;
    }
    g_ptr_array_add(s->cpus, cpu);
    if (index == 0) {
        (void)vmstate_register(NULL, 0, &vmstate_timers, s);           /* always 0 */
    }
    (void)vmstate_register(NULL, index, &vmstate_x86_cpu, cpu->x86);   /* always 0 */
    return cpu;
}

CPUState *qemu_get_cpu(unsigned index)
{
    CpusState *s = cpus_state();

    return s && index < s->cpus->len ? g_ptr_array_index(s->cpus, index) : NULL;
}

unsigned qemu_cpu_count(void)
{
    CpusState *s = cpus_state();

    return s ? s->cpus->len : 0;
}

CPUState *qemu_current_cpu(void)
{
    return sched_slot_get(SCHED_SLOT_CPU);
}

bool qemu_in_vcpu_thread(void)
{
    return qemu_current_cpu() != NULL;
}

bool qemu_cpu_is_self(const CPUState *cpu)
{
    return qemu_current_cpu() == cpu;
}

/* ---- Waking ---- */

void cpu_exit(CPUState *cpu)
{
    __atomic_store_n(&cpu->exit_request, 1, __ATOMIC_RELEASE);
    cpu->accel->kick(cpu);
}

void qemu_cpu_kick(CPUState *cpu)
{
    sched_cond_broadcast(&cpu->halt_cond);
    cpu_exit(cpu);
}

void cpu_interrupt(CPUState *cpu, uint32_t mask)
{
    assert(bql_locked());
    cpu_x86_interrupt(cpu->x86, mask);
    /* The processor sees the bit at its next block; only a waiting thread needs more. */
    if (!qemu_cpu_is_self(cpu)) {
        sched_cond_broadcast(&cpu->halt_cond);
    }
    if (cpu->accel->interrupt) {
        cpu->accel->interrupt(cpu);
    }
}

void cpu_reset_interrupt(CPUState *cpu, uint32_t mask)
{
    cpu_x86_reset_interrupt(cpu->x86, mask);
}

void cpu_reset(CPUState *cpu)
{
    assert(qemu_cpu_is_self(cpu) || !cpu->created || cpu->stopped);
    cpu_x86_reset(cpu->x86);
}

/* ---- Stopping ---- */

bool cpu_is_stopped(const CPUState *cpu)
{
    return cpu->stopped || !runstate_is_running();
}

static bool cpu_work_list_empty(const CPUState *cpu)
{
    return cpu->work.head == NULL;
}

static bool cpu_can_run(const CPUState *cpu)
{
    return !cpu->stop && !cpu_is_stopped(cpu);
}

static bool cpu_thread_is_idle(CPUState *cpu)
{
    if (cpu->stop || cpu->unplug || !cpu_work_list_empty(cpu)) {
        return false;
    }
    if (cpu_is_stopped(cpu)) {
        return true;
    }
    return cpu->x86->halted && !cpu->accel->has_work(cpu);
}

static void qemu_cpu_stop(CPUState *cpu, bool leave_guest)
{
    assert(qemu_cpu_is_self(cpu));
    cpu->stop = false;
    cpu->stopped = true;
    if (leave_guest) {
        cpu_exit(cpu);
    }
    sched_cond_broadcast(&cpus_state()->pause_cond);
}

void cpu_stop_current(void)
{
    CPUState *cpu = qemu_current_cpu();

    if (cpu) {
        cpu->stop = true;
        cpu_exit(cpu);
    }
}

bool all_vcpus_paused(void)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        if (!cpu->stopped) {
            return false;
        }
    }
    return true;
}

static void kick_all_running(void)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        if (qemu_cpu_is_self(cpu)) {
            qemu_cpu_stop(cpu, true);
        } else {
            cpu->stop = true;
            qemu_cpu_kick(cpu);
        }
    }
}

void pause_all_vcpus(void)
{
    CpusState *s = cpus_state();
    CPUState *cpu;

    assert(bql_locked());
    if (!s) {
        return;
    }
    kick_all_running();
    while (!all_vcpus_paused()) {
        const char *what = sched_blocked_on("all vCPUs to stop");

        qemu_cond_wait_bql(&s->pause_cond);
        (void)sched_blocked_on(what);
        CPU_FOREACH(cpu) {
            qemu_cpu_kick(cpu);
        }
    }
}

void cpu_resume(CPUState *cpu)
{
    cpu->stop = false;
    cpu->stopped = false;
    qemu_cpu_kick(cpu);
}

void resume_all_vcpus(void)
{
    CPUState *cpu;

    assert(bql_locked());
    if (!runstate_is_running()) {
        return;
    }
    CPU_FOREACH(cpu) {
        cpu_resume(cpu);
    }
}

/* ---- Borrowed work ---- */

static void queue_work(CPUState *cpu, WorkItem *w)
{
    g_queue_push_tail(&cpu->work, w);
    qemu_cpu_kick(cpu);
}

static void process_queued_cpu_work(CPUState *cpu)
{
    bool any = false;
    WorkItem *w;

    while ((w = g_queue_pop_head(&cpu->work)) != NULL) {
        w->fn(cpu, w->data);
        any = true;
        if (w->free) {
            g_free(w);
        } else {
            w->done = true;
        }
    }
    if (any) {
        sched_cond_broadcast(&cpus_state()->work_cond);
    }
}

void run_on_cpu(CPUState *cpu, run_on_cpu_func *fn, run_on_cpu_data data)
{
    WorkItem w = { .fn = fn, .data = data };

    assert(bql_locked());
    if (qemu_cpu_is_self(cpu) || !cpu->created) {
        fn(cpu, data);
        return;
    }
    queue_work(cpu, &w);
    while (!w.done) {
        const char *what = sched_blocked_on("work on a vCPU thread");

        qemu_cond_wait_bql(&cpus_state()->work_cond);
        (void)sched_blocked_on(what);
    }
}

void async_run_on_cpu(CPUState *cpu, run_on_cpu_func *fn, run_on_cpu_data data)
{
    WorkItem *w = g_new0(WorkItem, 1);

    assert(bql_locked());
    *w = (WorkItem){ .fn = fn, .data = data, .free = true };
    queue_work(cpu, w);
}

/* ---- The thread ---- */

static void qemu_wait_io_event(CPUState *cpu)
{
    while (cpu_thread_is_idle(cpu)) {
        qemu_cond_wait_bql(&cpu->halt_cond);
    }
    __atomic_store_n(&cpu->exit_request, 0, __ATOMIC_RELEASE);
    if (cpu->stop) {
        qemu_cpu_stop(cpu, false);
    }
    process_queued_cpu_work(cpu);
}

static void vcpu_exec(CPUState *cpu)
{
    CpuExitReason reason;

    bql_unlock();
    reason = cpu->accel->exec(cpu, VCPU_SLICE);
    bql_lock();
    if (reason == CPU_EXIT_RESET) {
        cpu->x86->halted = true;   /* shut down until the reset comes */
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    } else if (reason == CPU_EXIT_DEBUG) {
        cpu->stopped = true;       /* until the debugger says how to go on */
        qemu_system_debug_request();
    } else if (reason == CPU_EXIT_ERROR) {
        (void)vm_stop(RUN_STATE_INTERNAL_ERROR);   /* on a vCPU thread it only records the wish */
    }
}

static void vcpu_thread(void *opaque)
{
    CPUState *cpu = opaque;

    sched_slot_set(SCHED_SLOT_CPU, cpu);
    bql_lock();
    cpu->created = true;
    sched_cond_broadcast(&cpus_state()->created_cond);
    while (!cpu->unplug) {
        if (cpu_can_run(cpu)) {
            vcpu_exec(cpu);
        }
        qemu_wait_io_event(cpu);
    }
    process_queued_cpu_work(cpu);
    cpu->created = false;
    cpu->stopped = true;
    sched_cond_broadcast(&cpus_state()->created_cond);
    bql_unlock();
}

void qemu_init_vcpu(CPUState *cpu)
{
    assert(bql_locked());
    assert(!cpu->thread);
    cpu->thread = sched_thread_create(cpu->thread_name, vcpu_thread, cpu);
    while (!cpu->created) {
        qemu_cond_wait_bql(&cpus_state()->created_cond);
    }
}

void cpu_remove_sync(CPUState *cpu)
{
    assert(bql_locked());
    if (!cpu->thread) {
        return;
    }
    cpu->stop = true;
    cpu->unplug = true;
    qemu_cpu_kick(cpu);
    while (cpu->created) {
        qemu_cond_wait_bql(&cpus_state()->created_cond);
    }
    bql_unlock();
    sched_thread_join(cpu->thread);
    bql_lock();
    cpu->thread = NULL;
}

/* ---- State of the registers ---- */

void cpu_synchronize_all_states(void)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        cpu->accel->get_state(cpu);
    }
}

void cpu_synchronize_all_post_init(void)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        cpu->accel->put_state(cpu);
    }
}

void cpu_synchronize_all_post_reset(void)
{
    cpu_synchronize_all_post_init();
}
