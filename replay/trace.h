/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trace: one recorded interleaving, as text a person can read, review and edit.
 *
 *   rondo-trace 1
 *   scenario  NAME
 *   machine   ARGUMENTS of rondo, quoted as for a shell
 *   unit      NAME of a scenario in C, instead of a machine
 *   connect   CHANNEL [after=CONDITION,...]
 *   send      CHANNEL after=CONDITION,... data=LINE (a newline is added) | data64=BASE64
 *   close     CHANNEL after=CONDITION,...
 *   switch    thread=T at=KIND object=O n=K to=T2
 *   choose    thread=T at=KIND object=O n=K value=V
 *   slice     thread=T at=vcpu.slice object=O n=K value=INSTRUCTIONS
 *   fair      FROM END
 *   expect    OUTCOME
 *   signature TEXT that the failure's first line contains
 *   stack     THREAD FUNCTION FUNCTION ...   outermost first, others may lie between
 *   digest    BUILD VALUE
 *
 * "switch" reads: when T is about to do KIND to O for the K-th time, T2 goes first. Everything not listed follows the
 * default schedule (keep running the current thread until it blocks, then longest waiting first). "fair" says at which
 * step the schedule becomes round robin and at which a run that has not ended is a hang. Conditions:
 * greeting, reply:K, event:NAME:K (of the same channel), line:CHANNEL:K, bytes:CHANNEL:K. Lines starting with # are
 * comments.
 */
#ifndef REPLAY_TRACE_H
#define REPLAY_TRACE_H

#include "sched/oracle.h"

#include <glib.h>

#define TRACE_VERSION 1
#define TRACE_LINE_MAX (16 * 1024 * 1024)
#define TRACE_ITEMS_MAX 1000000

typedef enum DeviationType { DEVIATION_SWITCH, DEVIATION_CHOOSE, DEVIATION_SLICE } DeviationType;

typedef struct Deviation {
    DeviationType type;
    char *thread;
    SchedKind kind;
    char *object;
    uint32_t occurrence;
    char *to;                   /* switch */
    uint64_t value;             /* choose, slice */
    bool fired;                 /* during the run at hand */
    bool missed;                /* came up, but could not be followed */
} Deviation;

typedef enum ConditionType {
    CONDITION_GREETING, CONDITION_REPLY, CONDITION_EVENT, CONDITION_LINE, CONDITION_BYTES,
} ConditionType;

typedef struct Condition {
    ConditionType type;
    char *name;                 /* event name, or channel of lines or bytes */
    unsigned count;
} Condition;

typedef enum ScriptType { SCRIPT_CONNECT, SCRIPT_SEND, SCRIPT_CLOSE } ScriptType;

typedef struct ScriptStep {
    ScriptType type;
    char *channel;
    GArray *conditions;         /* Condition */
    GBytes *data;               /* send */
    bool done;                  /* during the run at hand */
} ScriptStep;

typedef struct Trace {
    char *scenario;
    char **machine;             /* NULL if a unit */
    char *unit;
    GPtrArray *script;          /* ScriptStep */
    GPtrArray *deviations;      /* Deviation */
    uint64_t fair_from, fair_end;   /* steps; 0: the usual */
    char *expect;
    char *signature;
    GPtrArray *stacks;          /* char **: thread, then functions */
    char *digest_build;
    char *digest;
} Trace;

Trace *trace_new(void);
void trace_free(Trace *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Trace, trace_free)

/** trace_parse: @text of @len bytes, @where for messages ("FILE:LINE: ..."). Pure; NULL with @errp on any defect. */
Trace *trace_parse(const char *text, size_t len, const char *where, GError **errp);
Trace *trace_load(const char *path, GError **errp);
char *trace_format(const Trace *t);
bool trace_save(const Trace *t, const char *path, GError **errp);

Deviation *deviation_new(DeviationType type, const char *thread, const SimOp *op, const char *to, uint64_t value);
void deviation_free(Deviation *d);
/** deviation_format: as the trace line. Caller g_free()s. */
char *deviation_format(const Deviation *d);
ScriptStep *script_step_new(ScriptType type, const char *channel);

#endif
