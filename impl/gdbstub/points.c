/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breakpoints and watchpoints: one list, set on every processor alike.
 */
#include <errno.h>

#include "cpu/debug.h"
#include "gdbstub/stub.h"

enum { WATCH_BYTES_MAX = 1 << 20 };

void gdb_points_apply(GdbStub *s)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        cpu_debug_remove_all(cpu->x86);
        for (unsigned i = 0; i < s->points->len; i++) {
            const GdbPoint *p = &g_array_index(s->points, GdbPoint, i);

            if (p->type <= 1) {
                cpu_breakpoint_insert(cpu->x86, p->addr);
            } else {
                unsigned how = p->type == 2 ? BP_MEM_WRITE : p->type == 3 ? BP_MEM_READ : BP_MEM_READ | BP_MEM_WRITE;

                cpu_watchpoint_insert(cpu->x86, p->addr, p->len, how);
            }
        }
    }
}

static int find(const GdbStub *s, unsigned type, uint64_t addr, uint64_t len)
{
    for (unsigned i = 0; i < s->points->len; i++) {
        const GdbPoint *p = &g_array_index(s->points, GdbPoint, i);

        if (p->type == type && p->addr == addr && p->len == len) {
            return (int)i;
        }
    }
    return -1;
}

int gdb_point_insert(GdbStub *s, unsigned type, uint64_t addr, uint64_t len)
{
    GdbPoint p = { .type = type, .addr = addr, .len = len };

    if (type >= 2 && (len == 0 || len > WATCH_BYTES_MAX || addr + len < addr)) {
        return -EINVAL;
    }
    if (find(s, type, addr, len) >= 0) {
        return 0;           /* the protocol wants this to be idempotent */
    }
    if (s->points->len == GDB_POINTS_MAX) {
        return -EINVAL;
    }
    g_array_append_val(s->points, p);
    gdb_points_apply(s);
    return 0;
}

int gdb_point_remove(GdbStub *s, unsigned type, uint64_t addr, uint64_t len)
{
    int i = find(s, type, addr, len);

    if (i < 0) {
        return -ENOENT;
    }
    g_array_remove_index(s->points, (unsigned)i);
    gdb_points_apply(s);
    return 0;
}

void gdb_points_clear(GdbStub *s)
{
    g_array_set_size(s->points, 0);
    gdb_points_apply(s);
}
