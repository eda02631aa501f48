/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads: one thread per processor that runs guest code, and how others stop, wake and borrow it.
 *
 * A vCPU thread runs guest code without the BQL and takes it for device accesses and for everything else it does.
 * Between slices it waits, BQL held, while it is stopped or its processor is halted without work.
 *
 * Owns: MACHINE_CPU: the list of processors, the pause condition.
 * Context: BQL for all functions unless marked "any thread".
 *
 * I1  cpu->stopped is written only by the vCPU's own thread, by qemu_cpu_stop() and by resume_all_vcpus().
 * I2  A pause is over when every processor has reported stopped; a resume in between withdraws the request, and
 *     the pauser then waits for ever. That is the documented behaviour; vm_stop() on a vCPU thread is how to
 *     get there.
 */
#ifndef CPU_VCPU_H
#define CPU_VCPU_H

#include "cpu/cpu.h"
#include "sched/sched.h"

typedef union run_on_cpu_data {
    uint64_t target_ptr;
    void *host_ptr;
    int host_int;
} run_on_cpu_data;

#define RUN_ON_CPU_HOST_PTR(p) ((run_on_cpu_data){ .host_ptr = (p) })
#define RUN_ON_CPU_HOST_INT(i) ((run_on_cpu_data){ .host_int = (i) })
#define RUN_ON_CPU_NULL RUN_ON_CPU_HOST_PTR(NULL)

typedef void run_on_cpu_func(CPUState *cpu, run_on_cpu_data data);

/** How guest code is run. Slots run on the vCPU's thread unless said. */
typedef struct AccelOps {
    const char *name;        /* "TCG", "KVM": part of the thread's name */
    const char *option;      /* on the command line */
    bool translates;         /* translation to host code applies */
    /* Once for the machine, before its processors, BQL; NULL: nothing to do. Returns what cleanup_machine gets. */
    void *(*init_machine)(GError **errp);
    void (*cleanup_machine)(void *machine);
    /* Prepare @cpu, whose x86 part exists; before its thread. @machine is what init_machine returned. */
    bool (*init)(CPUState *cpu, void *machine, GError **errp);
    /* After its thread; NULL: nothing to do. */
    void (*destroy)(CPUState *cpu);
    /* Run one slice without the BQL, at most @budget instructions if the accelerator counts. */
    CpuExitReason (*exec)(CPUState *cpu, uint64_t budget);
    /* Make exec return soon. Any thread. */
    void (*kick)(CPUState *cpu);
    /* X86CPU.pending has changed; NULL: a running processor looks often enough. Any thread. */
    void (*interrupt)(CPUState *cpu);
    /* Would a halted processor go on? */
    bool (*has_work)(CPUState *cpu);
    /* Bring registers into X86CPU and back out; no-ops in software. */
    void (*get_state)(CPUState *cpu);
    void (*put_state)(CPUState *cpu);
} AccelOps;

struct CpuState {
    /* fixed after creation */
    unsigned cpu_index;
    char *thread_name;          /* "CPU 0/TCG" */
    char *halt_name;
    SchedObject sched_object;   /* the slices of this processor */
    X86CPU *x86;
    const AccelOps *accel;
    void *accel_data;           /* the accelerator's own */
    SchedThread *thread;
    SchedCond halt_cond;        /* waited on by the thread itself; waiters of its work use the machine's */
    /* guarded by the BQL */
    bool created;
    bool stop;                  /* please stop */
    bool stopped;               /* has stopped (I1) */
    bool unplug;                /* please end */
    GQueue work;                /* of WorkItem *, oldest first */
    /* atomic */
    int exit_request;
};

/** cpus_init / cpus_cleanup: the machine's list. Before the first processor; after the last is gone. */
void cpus_init(void);
void cpus_cleanup(void);

/**
 * cpus_choose_accel: the accelerator of all processors, before the first one; without it software runs them.
 * @names: "kvm:tcg": the first that works; it is said on stderr when that is not the first one. False: none does.
 */
G_GNUC_WARN_UNUSED_RESULT
bool cpus_choose_accel(const char *names, GError **errp);
/** cpus_accel: the one chosen. */
const AccelOps *cpus_accel(void);
/** accel_by_option: what the command line calls @option; NULL: there is none. accel_help: what -accel help prints. */
const AccelOps *accel_by_option(const char *option);
const char *accel_help(void);

/**
 * qemu_cpu_new: processor @index of the machine, seeing address_space_memory and address_space_io; no thread yet.
 * Owned by the machine until cpus_cleanup(). NULL: the accelerator refused.
 */
CPUState *qemu_cpu_new(unsigned index, GError **errp);

/** qemu_init_vcpu: start the thread; returns when it waits, stopped, for resume_all_vcpus(). */
void qemu_init_vcpu(CPUState *cpu);

/** cpu_remove_sync: end the thread. The BQL is released while waiting. */
void cpu_remove_sync(CPUState *cpu);

/** qemu_get_cpu: by index, or NULL. first_cpu: the boot processor, or NULL. */
CPUState *qemu_get_cpu(unsigned index);
unsigned qemu_cpu_count(void);
#define first_cpu qemu_get_cpu(0)
#define CPU_FOREACH(cpu) for (unsigned cpu_i_ = 0; ((cpu) = qemu_get_cpu(cpu_i_)) != NULL; cpu_i_++)

/** current_cpu: the calling thread's processor, or NULL. Any thread. */
CPUState *qemu_current_cpu(void);
#define current_cpu qemu_current_cpu()
bool qemu_in_vcpu_thread(void);
bool qemu_cpu_is_self(const CPUState *cpu);

/** pause_all_vcpus: ask all to stop and wait until they have. Blocks; the BQL is released while waiting. */
void pause_all_vcpus(void);
/** resume_all_vcpus: let all run; does nothing while the VM is not to run (the caller sets the run state first). */
void resume_all_vcpus(void);
void cpu_resume(CPUState *cpu);
/** cpu_stop_current: on a vCPU thread, mark the own processor to stop; elsewhere nothing. */
void cpu_stop_current(void);
/** cpu_is_stopped: it stands, or the VM is not running. */
bool cpu_is_stopped(const CPUState *cpu);
bool all_vcpus_paused(void);

/** qemu_cpu_kick: wake a waiting thread or make a running one leave guest code. Any thread. */
void qemu_cpu_kick(CPUState *cpu);
/** cpu_exit: make a running one leave guest code. Any thread. */
void cpu_exit(CPUState *cpu);

/** cpu_interrupt: set CPU_INTERRUPT_* bits and wake the processor. BQL. */
void cpu_interrupt(CPUState *cpu, uint32_t mask);
void cpu_reset_interrupt(CPUState *cpu, uint32_t mask);
/** cpu_reset: RESET of one processor; it must stand, or be the caller's own. */
void cpu_reset(CPUState *cpu);

/** run_on_cpu: @fn on the thread of @cpu, BQL held; returns when it is done. Blocks. */
void run_on_cpu(CPUState *cpu, run_on_cpu_func *fn, run_on_cpu_data data);
/** async_run_on_cpu: the same without waiting. Any thread that holds the BQL. */
void async_run_on_cpu(CPUState *cpu, run_on_cpu_func *fn, run_on_cpu_data data);

/** Registers up to date for the reader (save), or taken over from the writer (load). */
void cpu_synchronize_all_states(void);
void cpu_synchronize_all_post_init(void);
void cpu_synchronize_all_post_reset(void);

#endif
