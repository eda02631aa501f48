/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backends from options: which kinds there are, and reading their options.
 *
 * Options come as text pairs, from the command line and from QMP alike, so that both mean the same.
 */
#include "net/net.h"

#include "base/id.h"
#include "net/net_int.h"

#include <string.h>

static const char *const backend_types[] = { "user", NULL };

/* Kinds that exist elsewhere: a user who asks for one is told more than a user who mistypes. */
static const char *const other_types[] = { "bridge", "dgram", "hubport", "l2tpv3", "nic", "none", "socket", "stream",
                                           "tap", "vde", "vhost-user", "vhost-vdpa", NULL };

const char *const *net_backend_types(void)
{
    return backend_types;
}

/* ---- Options ---- */

const char *net_opts_next(NetOpts *o, const char *key, unsigned *pos)
{
    while (*pos + 1 < o->pairs->len) {
        unsigned i = *pos;

        *pos += 2;
        if (strcmp(o->pairs->pdata[i], key) == 0) {
            o->used[i / 2] = true;
            return o->pairs->pdata[i + 1];
        }
    }
    return NULL;
}

const char *net_opts_get(NetOpts *o, const char *key)
{
    const char *last = NULL;
    const char *value;
    unsigned pos = 0;

    while ((value = net_opts_next(o, key, &pos))) {
        last = value;
    }
    return last;
}

bool net_opts_bool(NetOpts *o, const char *key, bool def, bool *ret, GError **errp)
{
    static const char *const yes[] = { "on", "yes", "true", "y", NULL };
    static const char *const no[] = { "off", "no", "false", "n", NULL };
    const char *value = net_opts_get(o, key);

    *ret = value ? g_strv_contains(yes, value) : def;
    if (value && !*ret && !g_strv_contains(no, value)) {
        error_setg(errp, "Parameter '%s' expects 'on' or 'off'", key);
        return false;
    }
    return true;
}

bool net_opts_done(NetOpts *o, GError **errp)
{
    for (unsigned i = 0; i + 1 < o->pairs->len; i += 2) {
        if (!o->used[i / 2]) {
            error_setg(errp, "Invalid parameter '%s'", (const char *)o->pairs->pdata[i]);
            return false;
        }
    }
    return true;
}

/* ---- Backends ---- */

static bool net_check_id(const char *id, bool is_netdev, GError **errp)
{
    if (!id) {
        if (is_netdev) {
            error_setg(errp, "Parameter 'id' is missing");
        }
        return !is_netdev;
    }
    if (!id_wellformed(id)) {
        error_setg(errp, "Parameter 'id' expects an identifier\n"
                   "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
        return false;
    }
    if (qemu_find_netdev(id)) {
        error_setg(errp, "Duplicate ID '%s' for netdev", id);
        return false;
    }
    return true;
}

static NetClientState *net_client_init_opts(NetOpts *o, bool is_netdev, GError **errp)
{
    const char *type = net_opts_get(o, "type");
    const char *id = net_opts_get(o, "id");
    NetClientState *nc;

    if (!type) {
        error_setg(errp, "Parameter 'type' is missing");
        return NULL;
    }
    if (!net_check_id(id, is_netdev, errp)) {
        return NULL;
    }
    if (g_strv_contains(other_types, type)) {
        error_setg(errp, "network backend '%s' is not compiled into this binary", type);
        return NULL;
    }
    if (!g_strv_contains(backend_types, type)) {
        error_setg(errp, "Parameter 'type' does not accept value '%s'", type);
        return NULL;
    }
    nc = net_init_slirp(o, id, errp);
    if (nc) {
        nc->is_netdev = is_netdev;
    }
    return nc;
}

NetClientState *net_client_init(const GPtrArray *opts, bool is_netdev, GError **errp)
{
    g_autofree bool *used = g_new0(bool, opts->len / 2 + 1);
    NetOpts o = { .pairs = opts, .used = used };

    return net_client_init_opts(&o, is_netdev, errp);
}
