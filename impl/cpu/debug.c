/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debugger's breakpoints and watchpoints. See debug.h.
 */
#include "cpu/debug.h"

#include "cpu/insn.h"

void cpu_debug_init(CpuDebug *d)
{
    d->breakpoints = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    d->watchpoints = g_array_new(FALSE, FALSE, sizeof(CpuWatchpoint));
}

void cpu_debug_cleanup(CpuDebug *d)
{
    g_array_unref(d->breakpoints);
    g_array_unref(d->watchpoints);
}

static void changed(X86CPU *cpu)
{
    CpuDebug *d = &cpu->debug;

    if (!d->look) {
        d->active = d->step || d->breakpoints->len || d->watchpoints->len;
    }
    if (d->watchpoints->len) {
        mmu_watch(cpu);     /* a page that is no longer watched may stay on the slow path (I2) */
    }
}

void cpu_breakpoint_insert(X86CPU *cpu, uint64_t rip)
{
    g_array_append_val(cpu->debug.breakpoints, rip);
    changed(cpu);
}

void cpu_watchpoint_insert(X86CPU *cpu, uint64_t lin, uint64_t len, unsigned flags)
{
    CpuWatchpoint w = { .lin = lin, .len = len, .flags = flags };

    g_array_append_val(cpu->debug.watchpoints, w);
    changed(cpu);
}

void cpu_debug_remove_all(X86CPU *cpu)
{
    g_array_set_size(cpu->debug.breakpoints, 0);
    g_array_set_size(cpu->debug.watchpoints, 0);
    changed(cpu);
}

void cpu_debug_resume(X86CPU *cpu, bool step)
{
    CpuDebug *d = &cpu->debug;

    d->step = step;
    d->resume = true;
    d->stopped = false;
    d->hit.flags = 0;
    changed(cpu);
}

void cpu_debug_look(X86CPU *cpu, bool active)
{
    if (active && !cpu->debug.active && cpu->debug.watchpoints->len) {
        cpu->debug.active = true;       /* what was translated meanwhile has to be watched, too */
        mmu_watch(cpu);
    }
    cpu->debug.active = active;
}

bool cpu_debug_at_breakpoint(const X86CPU *cpu)
{
    const GArray *all = cpu->debug.breakpoints;

    for (unsigned i = 0; i < all->len; i++) {
        if (g_array_index(all, uint64_t, i) == cpu->rip) {
            return true;
        }
    }
    return false;
}

bool cpu_debug_before(X86CPU *cpu)
{
    CpuDebug *d = &cpu->debug;

    if (d->look) {
        d->look(cpu, d->look_opaque);
        return false;
    }
    if (d->resume) {        /* (I3) */
        d->resume = false;
        return false;
    }
    if (cpu_debug_at_breakpoint(cpu)) {
        d->stopped = true;
        return true;
    }
    return false;
}

bool cpu_debug_after(X86CPU *cpu)
{
    CpuDebug *d = &cpu->debug;

    if (!d->look && (d->step || d->hit.flags)) {
        d->stopped = true;
        d->step = false;
        return true;
    }
    return false;
}

void cpu_debug_access(X86CPU *cpu, uint64_t lin, unsigned size, unsigned how)
{
    CpuDebug *d = &cpu->debug;

    for (unsigned i = 0; i < d->watchpoints->len; i++) {
        const CpuWatchpoint *w = &g_array_index(d->watchpoints, CpuWatchpoint, i);

        if ((w->flags & how) && lin < w->lin + w->len && w->lin < lin + size) {
            d->hit = *w;
        }
    }
}

bool cpu_debug_watches_page(const X86CPU *cpu, uint64_t page)
{
    const GArray *all = cpu->debug.watchpoints;

    for (unsigned i = 0; i < all->len; i++) {
        const CpuWatchpoint *w = &g_array_index(all, CpuWatchpoint, i);

        if (page < w->lin + w->len && w->lin < page + 4096) {
            return true;
        }
    }
    return false;
}
