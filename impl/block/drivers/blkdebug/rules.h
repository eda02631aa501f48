/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of blkdebug: parsed from options or a configuration file; pure, no locks. */
#ifndef BLOCK_DRIVERS_BLKDEBUG_RULES_H
#define BLOCK_DRIVERS_BLKDEBUG_RULES_H

#include "block/block_common.h"

typedef enum BlkdebugIoType {
    BLKDEBUG_IO_READ = 1 << 0,
    BLKDEBUG_IO_WRITE = 1 << 1,
    BLKDEBUG_IO_WRITE_ZEROES = 1 << 2,
    BLKDEBUG_IO_DISCARD = 1 << 3,
    BLKDEBUG_IO_FLUSH = 1 << 4,
    BLKDEBUG_IO_BLOCK_STATUS = 1 << 5,
    BLKDEBUG_IO_DEFAULT = 0x1f,
} BlkdebugIoType;

typedef enum BlkdebugAction {
    BLKDEBUG_INJECT_ERROR,
    BLKDEBUG_SET_STATE,
    BLKDEBUG_SUSPEND,
} BlkdebugAction;

typedef struct BlkdebugRule {
    BlkdebugAction action;
    const char *event;          /* one of blkdebug_events */
    int state;                  /* 0: in every state */
    int new_state;              /* SET_STATE */
    unsigned io_types;          /* INJECT_ERROR */
    int error;                  /* positive errno */
    int64_t offset;             /* bytes; -1: anywhere */
    bool once;
    bool immediately;
    char *tag;                  /* SUSPEND; owned */
} BlkdebugRule;

void blkdebug_rule_free(BlkdebugRule *rule);
/** blkdebug_event_name: the constant for @name, or NULL. */
const char *blkdebug_event_name(const char *name);
/** blkdebug_rules_from_options: take "inject-error.N.*" and "set-state.N.*" out of @options, append to @rules. */
bool blkdebug_rules_from_options(QDict *options, GPtrArray *rules, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** blkdebug_rules_from_text: the INI form: [inject-error] and [set-state] sections with key = "value" lines. */
bool blkdebug_rules_from_text(const char *text, const char *name, GPtrArray *rules, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
