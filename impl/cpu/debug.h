/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breakpoints and watchpoints that a debugger puts on a processor from outside. The guest cannot see them; its own are
 * the debug registers.
 *
 * Context: lists change only while the processor stands, by a thread with the BQL; the processor's thread reads them.
 *
 * I1  While active is false none of this costs anything: the loop looks at that one flag.
 * I2  Nothing here changes what the guest sees, its page tables' accessed bits included: no translation is forgotten.
 * I3  A processor that was resumed executes at least one instruction, so a breakpoint where it stands does not hold it.
 */
#ifndef CPU_DEBUG_H
#define CPU_DEBUG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct X86CPU X86CPU;

/* How a watchpoint is hit. */
enum { BP_MEM_READ = 1, BP_MEM_WRITE = 2 };

typedef struct CpuWatchpoint {
    uint64_t lin;
    uint64_t len;           /* bytes, at least 1 */
    unsigned flags;         /* BP_MEM_* */
} CpuWatchpoint;

typedef struct CpuDebug {
    bool active;            /* there is any of the following; with look: it wants to be called */
    /* Instead of stopping: called before each instruction; whoever looks decides by itself when active is true. */
    void (*look)(X86CPU *cpu, void *opaque);
    void *look_opaque;
    bool step;              /* stop after one instruction */
    bool resume;            /* (I3) */
    bool stopped;           /* why it stands: one of these */
    CpuWatchpoint hit;      /* flags 0: no watchpoint */
    GArray *breakpoints;    /* of uint64_t: values of rip */
    GArray *watchpoints;    /* of CpuWatchpoint */
} CpuDebug;

void cpu_debug_init(CpuDebug *d);
void cpu_debug_cleanup(CpuDebug *d);

void cpu_breakpoint_insert(X86CPU *cpu, uint64_t rip);
void cpu_watchpoint_insert(X86CPU *cpu, uint64_t lin, uint64_t len, unsigned flags);
/** cpu_debug_remove_all: both kinds. Stepping stays as it is. */
void cpu_debug_remove_all(X86CPU *cpu);
/** cpu_debug_resume: before the processor runs again; forgets why it stood. @step: for one instruction. */
void cpu_debug_resume(X86CPU *cpu, bool step);

/** cpu_debug_look: have look called before each instruction from now on, or not. Also from within look. */
void cpu_debug_look(X86CPU *cpu, bool active);
/** cpu_debug_at_breakpoint: is there one on the next instruction? */
bool cpu_debug_at_breakpoint(const X86CPU *cpu);

/** cpu_debug_before: called before each instruction while active. True: the debugger looks, do not execute it. */
bool cpu_debug_before(X86CPU *cpu);
/** cpu_debug_after: called after each instruction while active. True: stop now. */
bool cpu_debug_after(X86CPU *cpu);
/** cpu_debug_access: an access of @size bytes is about to happen; BP_MEM_READ or BP_MEM_WRITE. */
void cpu_debug_access(X86CPU *cpu, uint64_t lin, unsigned size, unsigned how);
/** cpu_debug_watches_page: must accesses to this page be reported? */
bool cpu_debug_watches_page(const X86CPU *cpu, uint64_t page);

#endif
