/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A replayed guest under a debugger. See guest.h.
 */
#include "replay/guest.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cpu/debug.h"
#include "gdbstub/stub.h"
#include "mem/memory.h"
#include "replay/timeline.h"
#include "sched/machine.h"

#define SLICE_MAX 20000u                /* instructions between two events, at most; more only costs time */
#define FIRST_WINDOW UINT64_C(4096)     /* instructions looked at on the way back; then more and more */
#define WINDOW_MAX (UINT64_C(1) << 26)
#define LINE_EVERY 64u                  /* slices between two looks at the debugger's line */

enum { CPUS_MAX = 256 };

typedef enum Mode {
    MODE_TO_STEP,           /* until a step of the simulator */
    MODE_TO_PLACE,
    MODE_FORWARD,           /* until something that the debugger waits for */
    MODE_SEARCH,            /* in [from, to) for the last thing that it waits for */
    MODE_ALONE,             /* the debugger has gone */
} Mode;

/* What is wanted. Shared by all copies, so whoever goes on knows. */
typedef struct Want {
    Mode mode;
    uint64_t step;
    ReplayPosition to, from;
    bool single;            /* any instruction of processor cpu will do */
    bool any;               /* the last of all: where the recording ends */
    unsigned cpu;
    uint64_t window;
    bool found;
    ReplayPosition found_at;
    unsigned found_cpu;
    bool stops;             /* it waits for a stop reply; else for answer, "OK" or nothing */
    char answer[4];
    char reply[96];         /* to say on arrival; "": nothing */
    bool interrupted;
    bool no_ack;            /* the conversation */
    unsigned g_cpu, c_cpu, next_thread;
    unsigned n_points;
    GdbPoint points[GDB_POINTS_MAX];
} Want;

typedef struct Guest {
    GdbStub stub;
    Want *want;
    int line;               /* to the keeper */
    Machine *machine;       /* the first with a processor; others are not looked at */
    X86CPU *looking;        /* whose instruction is next; NULL outside of look */
    ReplayPosition here;
    bool go;
    unsigned slices;
    ReplayPosition slice;   /* the last one's start */
    const X86CPU *summed;   /* whose peers have executed @peers */
    uint64_t peers;
    ReplayPosition last[CPUS_MAX];      /* where each processor was looked at last */
} Guest;

static Guest guest;

/* ---- Places ---- */

static uint64_t margin(void)
{
    return (uint64_t)(qemu_cpu_count() + 1) * SLICE_MAX;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static ReplayPosition place_of(Guest *g, const X86CPU *x86)
{
    CPUState *cpu;

    if (g->summed != x86) {
        g->peers = 0;
        CPU_FOREACH(cpu) {
            g->peers += cpu->x86 == x86 ? 0 : cpu->x86->icount;
        }
        g->summed = x86;
    }
    return (ReplayPosition){ g->peers + x86->icount, sim_steps() };
}

/* Will it be of interest within the next slices what each instruction does? */
static bool must_look(const Guest *g, ReplayPosition now)
{
    const Want *w = g->want;

    switch (w->mode) {
    case MODE_TO_STEP:
        return now.step >= w->step;
    case MODE_TO_PLACE:
        return now.count + margin() >= w->to.count;
    case MODE_SEARCH:
        return now.count + margin() >= w->from.count;
    case MODE_FORWARD:
        return w->single || w->interrupted || w->n_points;
    case MODE_ALONE:
    default:
        return false;
    }
}

static bool look_at_all(bool on)
{
    bool was = false;
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        was = was || cpu->x86->debug.active;
        cpu_debug_look(cpu->x86, on);
    }
    return was;
}

/* ---- Going there ---- */

static void keep(Guest *g)
{
    Want *w = g->want;

    w->no_ack = g->stub.no_ack;
    w->g_cpu = g->stub.g_cpu;
    w->c_cpu = g->stub.c_cpu;
    w->next_thread = g->stub.next_thread;
    w->n_points = g->stub.points->len;
    if (w->n_points) {
        memcpy(w->points, g->stub.points->data, w->n_points * sizeof(GdbPoint));
    }
}

/* In a copy that goes on: the conversation is where its predecessor left it. */
static void take_over(Guest *g)
{
    const Want *w = g->want;

    g->stub.no_ack = w->no_ack;
    g->stub.g_cpu = w->g_cpu;
    g->stub.c_cpu = w->c_cpu;
    g->stub.next_thread = w->next_thread;
    g_array_set_size(g->stub.points, 0);
    g_array_append_vals(g->stub.points, w->points, w->n_points);
    gdb_points_apply(&g->stub);
}

G_NORETURN static void go_to(Guest *g, ReplayPosition to, const char *reply)
{
    Want *w = g->want;

    w->mode = MODE_TO_PLACE;
    w->to = to;
    g_strlcpy(w->reply, w->stops ? reply : w->answer, sizeof(w->reply));
    timeline_jump(to);
}

G_NORETURN static void search(Guest *g, uint64_t from, ReplayPosition to)
{
    Want *w = g->want;

    w->mode = MODE_SEARCH;
    w->from = (ReplayPosition){ from, 0 };
    w->to = to;
    w->found = false;
    timeline_jump(w->from);
}

G_NORETURN static void search_done(Guest *g)
{
    Want *w = g->want;
    g_autofree char *text = NULL;

    if (w->found) {
        w->g_cpu = w->c_cpu = w->found_cpu;
        text = g_strdup(w->reply);
        go_to(g, w->found_at, text);
    }
    if (w->from.count == 0) {
        text = gdb_stop_text(&g->stub, 5, "replaylog:begin;");
        go_to(g, (ReplayPosition){ 0, 0 }, text);
    }
    w->window = MIN(w->window * 4, WINDOW_MAX);
    search(g, less(w->from.count, w->window), w->from);
}

static void found(Guest *g, unsigned cpu, ReplayPosition at, const char *more)
{
    Want *w = g->want;

    w->found = true;
    w->found_at = at;
    w->found_cpu = cpu;
    (void)g_snprintf(w->reply, sizeof(w->reply), "T05thread:%02x;%s", cpu + 1, more);
}

/* ---- What the debugger wants ---- */

static Guest *of(GdbStub *s)
{
    return (Guest *)((char *)s - offsetof(Guest, stub));
}

static void recorded_write(GdbStub *s, const char *data, size_t len)
{
    for (ssize_t n; len; data += n, len -= (size_t)n) {
        n = send(of(s)->line, data, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return;         /* the keeper is gone, and so shall we be */
        }
    }
}

static void recorded_interrupt(GdbStub *s)
{
    of(s)->want->interrupted = !of(s)->looking;
}

static void recorded_run(GdbStub *s, const char *actions)
{
    Guest *g = of(s);
    Want *w = g->want;
    const char *step = strchr(actions, 's');

    w->mode = MODE_FORWARD;
    w->from = g->here;
    w->single = step != NULL;
    w->cpu = step ? (unsigned)(step - actions) : 0;
    w->interrupted = false;
    w->stops = true;
    g->go = true;
}

static void recorded_reverse(GdbStub *s, bool step)
{
    Guest *g = of(s);
    Want *w = g->want;

    keep(g);
    w->single = step;
    w->any = false;
    w->stops = true;
    w->cpu = s->c_cpu;
    w->window = FIRST_WINDOW;
    search(g, less(g->here.count, w->window), g->here);
}

static char *recorded_why(GdbStub *s)
{
    return gdb_stop_text(s, 5, "");
}

/* "goto STEP", "where". */
static char *recorded_monitor(GdbStub *s, const char *line)
{
    Guest *g = of(s);
    Want *w = g->want;
    ReplayPosition best;

    if (strcmp(line, "where") == 0) {
        return g_strdup_printf("step %" G_GUINT64_FORMAT ", instruction %" G_GUINT64_FORMAT "\n", g->here.step,
                               g->here.count);
    }
    if (!g_str_has_prefix(line, "goto ")) {
        return g_strdup("where: the step, and the instructions executed\n"
                        "goto STEP: go there (then: maintenance flush register-cache)\n");
    }
    keep(g);
    w->mode = MODE_TO_STEP;
    w->step = g_ascii_strtoull(line + strlen("goto "), NULL, 10);
    w->stops = false;
    g_strlcpy(w->answer, "OK", sizeof(w->answer));
    if (timeline_best_step(w->step, &best) <= g->here.step && w->step > g->here.step) {
        g->go = true;
        return NULL;
    }
    timeline_jump(best);
}

static void recorded_detach(GdbStub *s)
{
    of(s)->want->mode = MODE_ALONE;
    of(s)->go = true;
}

static void recorded_kill(GdbStub *s)
{
    timeline_ended(0);
    _exit(0);
}

static const GdbHost recorded_host = {
    .recorded = true,
    .write = recorded_write,
    .interrupt = recorded_interrupt,
    .run = recorded_run,
    .reverse = recorded_reverse,
    .why = recorded_why,
    .monitor = recorded_monitor,
    .detach = recorded_detach,
    .kill = recorded_kill,
};

/* ---- Standing ---- */

/* The other processors' memory is looked at through the view that this one holds. */
static void lend_view(FlatView *view, const X86CPU *owner)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        if (cpu->x86 != owner && (!view || !cpu->x86->view)) {
            cpu->x86->view = view;
            cpu->x86->last_range = NULL;
        }
    }
}

static void serve(Guest *g, X86CPU *x86)
{
    bool lent[CPUS_MAX] = { false };
    CPUState *cpu;
    uint8_t byte;

    CPU_FOREACH(cpu) {
        lent[cpu->cpu_index] = cpu->x86->view == NULL;
    }
    lend_view(x86->view, x86);
    g->go = false;
    while (!g->go) {
        if (read(g->line, &byte, 1) != 1) {
            timeline_ended(2);
            _exit(2);
        }
        gdb_feed(&g->stub, byte);
    }
    CPU_FOREACH(cpu) {
        if (lent[cpu->cpu_index]) {
            cpu->x86->view = NULL;
            cpu->x86->last_range = NULL;
        }
    }
    keep(g);
    (void)look_at_all(must_look(g, g->here));
}

static void stop(Guest *g, X86CPU *x86, const char *reply)
{
    g->looking = x86;
    if (reply[0]) {
        gdb_put_packet(&g->stub, reply);
    }
    timeline_ready();
    serve(g, x86);
    g->looking = NULL;
}

static void stop_because(Guest *g, X86CPU *x86, unsigned signal, const char *more)
{
    g_autofree char *reply = NULL;

    g->stub.g_cpu = g->stub.c_cpu = x86->index;
    reply = gdb_stop_text(&g->stub, signal, more);
    stop(g, x86, reply);
}

/* ---- Looking ---- */

static void look_forward(Guest *g, X86CPU *x86)
{
    const Want *w = g->want;
    g_autofree char *watch = NULL;

    if (position_compare(g->here, w->from) <= 0) {
        return;
    }
    if (x86->debug.hit.flags) {
        watch = gdb_watch_text(&x86->debug.hit);
        stop_because(g, x86, 5, watch);
    } else if ((w->single && x86->index == w->cpu) || cpu_debug_at_breakpoint(x86)) {
        stop_because(g, x86, 5, "");
    } else if (w->interrupted) {
        stop_because(g, x86, 2, "");
    }
}

/* An access counts where its instruction starts: going backwards, that is where it has been undone. */
static void note_access(Guest *g, X86CPU *x86)
{
    const Want *w = g->want;
    ReplayPosition at = g->last[x86->index % CPUS_MAX];

    if (x86->debug.hit.flags && !w->any && !w->single && position_compare(at, w->from) >= 0 &&
        position_compare(at, w->to) < 0 && (!w->found || position_compare(w->found_at, at) <= 0)) {
        g_autofree char *watch = gdb_watch_text(&x86->debug.hit);

        found(g, x86->index, at, watch);
    }
}

static void look_search(Guest *g, X86CPU *x86)
{
    const Want *w = g->want;
    CPUState *cpu;

    if (position_compare(g->here, w->from) < 0) {
        return;
    }
    note_access(g, x86);
    if (position_compare(g->here, w->to) >= 0) {
        CPU_FOREACH(cpu) {
            note_access(g, cpu->x86);
        }
        search_done(g);
    }
    if (w->any) {
        found(g, x86->index, g->here, "replaylog:end;");
    } else if (w->single ? x86->index == w->cpu : cpu_debug_at_breakpoint(x86)) {
        found(g, x86->index, g->here, "");
    }
}

static void look(X86CPU *x86, void *opaque)
{
    Guest *g = opaque;
    const Want *w = g->want;

    g->here = place_of(g, x86);
    switch (w->mode) {
    case MODE_TO_STEP:
        if (g->here.step >= w->step) {
            g->stub.g_cpu = g->stub.c_cpu = x86->index;
            stop(g, x86, w->answer);
        }
        break;
    case MODE_TO_PLACE:
        if (position_compare(g->here, w->to) >= 0) {
            stop(g, x86, w->reply);
        }
        break;
    case MODE_FORWARD:
        look_forward(g, x86);
        break;
    case MODE_SEARCH:
        look_search(g, x86);
        break;
    case MODE_ALONE:
    default:
        break;
    }
    x86->debug.hit.flags = 0;
    g->last[x86->index % CPUS_MAX] = g->here;
}

/* ---- Between slices ---- */

/* Ctrl-C, or the debugger has gone. */
static void look_at_line(Guest *g)
{
    struct pollfd p = { .fd = g->line, .events = POLLIN };
    uint8_t byte;

    if (timeline_orphaned()) {
        _exit(2);
    }
    while (g->want->mode == MODE_FORWARD && poll(&p, 1, 0) == 1 && read(g->line, &byte, 1) == 1) {
        gdb_feed(&g->stub, byte);
    }
}

static void new_slice(Guest *g)
{
    CPUState *cpu;
    bool near, looks;

    g->summed = NULL;
    g->slice = (ReplayPosition){ 0, sim_steps() };
    CPU_FOREACH(cpu) {
        cpu->x86->debug.look = look;
        cpu->x86->debug.look_opaque = g;
        g->slice.count += cpu->x86->icount;
    }
    if (timeline_mark(g->slice, false)) {
        take_over(g);
    }
    if (g->slices++ % LINE_EVERY == 0) {
        look_at_line(g);
    }
    looks = must_look(g, g->slice);
    near = !look_at_all(looks) && looks && (g->want->mode == MODE_TO_PLACE || g->want->mode == MODE_SEARCH);
    if (near && timeline_mark(g->slice, true)) {
        take_over(g);
        (void)look_at_all(must_look(g, g->slice));
    }
}

void guest_event(SchedThread *self)
{
    Guest *g = &guest;
    bool slice = sim_thread_op(self)->kind == SCHED_K_VCPU_SLICE;

    if (slice && !g->machine) {
        g->machine = machine_current();
    }
    if (!g->machine || machine_current() != g->machine) {
        return;
    }
    if (slice) {
        new_slice(g);
    } else if (g->want->mode == MODE_TO_STEP && sim_steps() == g->want->step) {
        (void)look_at_all(true);        /* a processor may be in the midst of a slice */
    }
}

void guest_ended(int status)
{
    Guest *g = &guest;
    Want *w = g->want;

    if (w->mode == MODE_ALONE || (w->mode == MODE_SEARCH && w->any && !w->found)) {
        timeline_ended(status);
        return;
    }
    if (w->mode == MODE_SEARCH) {
        search_done(g);
    }
    if (!g->machine) {
        fprintf(stderr, "rondo-sim: no guest runs in this trace\n");
        timeline_ended(2);
        _exit(2);
    }
    keep(g);
    w->any = true;
    w->single = false;
    search(g, less(g->slice.count, SLICE_MAX), (ReplayPosition){ UINT64_MAX, UINT64_MAX });
}

bool guest_debug(const char *address, uint64_t step, int *ret_status)
{
    Guest *g = &guest;

    if (!timeline_split(address, sizeof(Want), &g->line, ret_status)) {
        return false;
    }
    gdb_stub_init(&g->stub, &recorded_host);
    g->want = timeline_shared();
    g->want->mode = MODE_TO_STEP;
    g->want->step = step;
    return true;
}
