/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The generated tables: commands of the schema, and the schema itself as text. */
#ifndef MONITOR_QMP_TABLE_H
#define MONITOR_QMP_TABLE_H

#include "base/error.h"

struct json_object;

enum {
    QCO_COROUTINE = 1 << 0,         /* runs inside the dispatcher coroutine */
    QCO_ALLOW_OOB = 1 << 1,         /* may be executed out of band */
    QCO_ALLOW_PRECONFIG = 1 << 2,   /* may run before the machine is complete */
};

/** QmpMarshalFunc: check @args (borrowed), run, leave the reply in *@ret_value (may stay NULL: an empty object). */
typedef void QmpMarshalFunc(struct json_object *args, struct json_object **ret_value, GError **errp);

typedef struct QmpCommand {
    const char *name;
    QmpMarshalFunc *fn;
    unsigned options;               /* QCO_* */
} QmpCommand;

extern const QmpCommand qmp_commands[];             /* sorted by name */
extern const unsigned qmp_commands_count;
/** qmp_find_command: NULL if there is none. */
const QmpCommand *qmp_find_command(const char *name);

extern const char *const qmp_schema_entries[];      /* JSON objects of query-qmp-schema */
extern const unsigned qmp_schema_entries_count;

#endif
