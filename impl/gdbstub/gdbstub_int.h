/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the connection and the commands share. Internal to gdbstub/. */
#ifndef GDBSTUB_GDBSTUB_INT_H
#define GDBSTUB_GDBSTUB_INT_H

#include "cpu/vcpu.h"
#include "gdbstub/packet.h"
#include "machine/runstate.h"
#include "monitor/chardev.h"

/* A breakpoint or watchpoint as the debugger set it. */
typedef struct GdbPoint {
    unsigned type;          /* of the Z packet: 0, 1 code; 2 write; 3 read; 4 access */
    uint64_t addr;
    uint64_t len;
} GdbPoint;

typedef struct GdbStub {
    CharBackend chr;
    GdbParser parser;
    GString *sent;          /* the last packet, framed, in case it has to be repeated */
    bool no_ack;
    bool owes_stop;         /* I1 */
    bool connected;
    bool detached;          /* the debugger said good-bye: its hanging up stops nothing */
    unsigned g_cpu;         /* whose registers and memory are meant */
    unsigned c_cpu;         /* which one steps */
    unsigned next_thread;   /* of qsThreadInfo */
    GArray *points;         /* of GdbPoint */
    VMChangeStateEntry *state_entry;
} GdbStub;

void gdb_put_packet(GdbStub *s, const char *text);
void gdb_put_bytes(GdbStub *s, const void *data, size_t len);
/** gdb_command: serve one packet; @text is ended by 0, @len bytes long. The guest is stopped. */
void gdb_command(GdbStub *s, const char *text, unsigned len);
/** gdb_stop_reply: why the guest stopped, as a packet. Caller frees. */
char *gdb_stop_reply(GdbStub *s, RunState state);

/* Breakpoints (points.c). */
/** gdb_point_insert / remove: 0, -EINVAL for one that cannot be, -ENOENT if there is none to remove. */
int gdb_point_insert(GdbStub *s, unsigned type, uint64_t addr, uint64_t len);
int gdb_point_remove(GdbStub *s, unsigned type, uint64_t addr, uint64_t len);
void gdb_points_clear(GdbStub *s);

#endif
