/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of the form "first,key=value,flag": what follows -chardev, -mon, -add-fd.
 * A doubled comma is a comma; a bare word is "word=on", "noword" is "word=off". Pure.
 */
#ifndef MONITOR_CHARDEV_OPTS_H
#define MONITOR_CHARDEV_OPTS_H

#include "base/error.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ChrOpts ChrOpts;

/** chr_opts_parse: @implied: key of a first part without "="; NULL: none. Unknown keys show up in finish. */
ChrOpts *chr_opts_parse(const char *text, const char *implied);
void chr_opts_free(ChrOpts *opts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChrOpts, chr_opts_free)

/** chr_opts_get: the last value given for @key, or NULL; marks it as used. Borrowed. */
const char *chr_opts_get(ChrOpts *opts, const char *key);
bool chr_opts_get_bool(ChrOpts *opts, const char *key, bool def, bool *ret, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** chr_opts_get_number: decimal or 0x, with optional suffix k, M. */
bool chr_opts_get_number(ChrOpts *opts, const char *key, uint64_t def, uint64_t *ret, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;
void chr_opts_set(ChrOpts *opts, const char *key, const char *value);
/** chr_opts_to_json: an object of strings; the last value of a key counts. Caller puts the reference. */
struct json_object *chr_opts_to_json(ChrOpts *opts);
/** chr_opts_finish: fails with "Invalid parameter 'x'" if a key was never asked for. */
bool chr_opts_finish(ChrOpts *opts, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

#endif
