/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One conversation with a debugger, whoever's guest it is about: a running machine's (gdbstub.c) or a recording's,
 * which is looked at from outside and can also go backwards (replay/guest.c).
 *
 * Context: the guest stands while a packet is served.
 * Source: GDB manual, appendix E, "Packets", "Stop Reply Packets", "General Query Packets".
 */
#ifndef GDBSTUB_STUB_H
#define GDBSTUB_STUB_H

#include "cpu/vcpu.h"
#include "gdbstub/packet.h"

/* A breakpoint or watchpoint as the debugger set it. */
typedef struct GdbPoint {
    unsigned type;          /* of the Z packet: 0, 1 code; 2 write; 3 read; 4 access */
    uint64_t addr;
    uint64_t len;
} GdbPoint;

enum { GDB_POINTS_MAX = 1024 };

typedef struct GdbStub GdbStub;

/* Whose guest it is. */
typedef struct GdbHost {
    bool recorded;          /* what has happened cannot be written to, and its devices must not notice a look */
    void (*write)(GdbStub *s, const char *data, size_t len);
    /** interrupt: before each packet, and for Ctrl-C: the guest is to stand. */
    void (*interrupt)(GdbStub *s);
    /** run: @actions: for each processor 'c', 's' or 0: it stays where it is. The stop is told later. */
    void (*run)(GdbStub *s, const char *actions);
    /** reverse: go back, by one instruction or to a breakpoint. NULL: it cannot. */
    void (*reverse)(GdbStub *s, bool step);
    /** why: the stop reply to "?". Caller frees. */
    char *(*why)(GdbStub *s);
    /** monitor: run a line of the user's. Caller frees; NULL: the reply comes later. */
    char *(*monitor)(GdbStub *s, const char *line);
    void (*detach)(GdbStub *s);
    void (*kill)(GdbStub *s);
} GdbHost;

struct GdbStub {
    const GdbHost *host;
    GdbParser parser;
    GString *sent;          /* the last packet, framed, in case it has to be repeated */
    bool no_ack;
    unsigned g_cpu;         /* whose registers and memory are meant */
    unsigned c_cpu;         /* which one steps */
    unsigned next_thread;   /* of qsThreadInfo */
    GArray *points;         /* of GdbPoint */
};

void gdb_stub_init(GdbStub *s, const GdbHost *host);
void gdb_stub_cleanup(GdbStub *s);
/** gdb_feed: one byte from the debugger. */
void gdb_feed(GdbStub *s, uint8_t byte);

void gdb_put_packet(GdbStub *s, const char *text);
void gdb_put_bytes(GdbStub *s, const void *data, size_t len);
void gdb_put_errno(GdbStub *s, int err);
/** gdb_command: serve one packet; @text is ended by 0, @len bytes long. The guest is stopped. */
void gdb_command(GdbStub *s, const char *text, unsigned len);
/** gdb_stop_text: a stop reply for c_cpu with @signal; @more: "" or fields, each ended by a semicolon. Caller frees. */
char *gdb_stop_text(const GdbStub *s, unsigned signal, const char *more);
/** gdb_watch_text: the field that says which watchpoint was hit. Caller frees. */
char *gdb_watch_text(const CpuWatchpoint *hit);

/* Breakpoints (points.c). */
/** gdb_point_insert / remove: 0, -EINVAL for one that cannot be, -ENOENT if there is none to remove. */
int gdb_point_insert(GdbStub *s, unsigned type, uint64_t addr, uint64_t len);
int gdb_point_remove(GdbStub *s, unsigned type, uint64_t addr, uint64_t len);
void gdb_points_clear(GdbStub *s);
/** gdb_points_apply: set the list on all processors. */
void gdb_points_apply(GdbStub *s);

#endif
