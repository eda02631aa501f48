/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of the network: backends, cards, and both at once.
 */
#include <string.h>

#include "devices/device.h"
#include "net/net.h"
#include "tools/cmdline.h"

/* "virtio", which is the default too, is the one of these that the board has a bus for. */
static const char *const nic_models[] = { "virtio", "virtio-net-pci", "virtio-net-device" };

/* ---- Options as pairs; a key may come more than once ---- */

/* Of JSON: "hostfwd.0.str" and "dnssearch.1.str" are what "hostfwd" and "dnssearch" are as text. */
static char *cmdline_net_json_key(const char *key)
{
    static const char *const lists[] = { "hostfwd", "guestfwd", "dnssearch" };

    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        if (g_str_has_prefix(key, lists[i]) && key[strlen(lists[i])] == '.') {
            return g_strdup(lists[i]);
        }
    }
    return g_strdup(key);
}

static GPtrArray *cmdline_net_json(const char *text, GError **errp)
{
    g_autoptr(QDict) d = qdict_from_json_text(text, errp);
    GPtrArray *pairs;

    if (!d) {
        return NULL;
    }
    pairs = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < qdict_size(d); i++) {
        const char *value = qdict_get_try_str(d, qdict_key_at(d, i));

        g_ptr_array_add(pairs, cmdline_net_json_key(qdict_key_at(d, i)));
        g_ptr_array_add(pairs, g_strdup(value ? value : ""));
    }
    return pairs;
}

/* "user,id=n0,hostfwd=...,hostfwd=..." or JSON. A bare first word is the type. */
static GPtrArray *cmdline_net_pairs(const char *text, GError **errp)
{
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);

    if (text[0] == '{') {
        return cmdline_net_json(text, errp);
    }
    while (*text) {
        g_autoptr(GString) item = g_string_new(NULL);
        char *eq;

        for (; *text && (*text != ',' || text[1] == ','); text++) {
            text += *text == ',';           /* a doubled comma is a comma */
            g_string_append_c(item, *text);
        }
        text += *text == ',';
        eq = strchr(item->str, '=');
        if (eq) {
            g_ptr_array_add(pairs, g_strndup(item->str, eq - item->str));
            g_ptr_array_add(pairs, g_strdup(eq + 1));
        } else if (pairs->len == 0) {
            g_ptr_array_add(pairs, g_strdup("type"));
            g_ptr_array_add(pairs, g_strdup(item->str));
        } else {
            error_setg(errp, "Expected '=' after parameter '%s'", item->str);
            return NULL;
        }
    }
    return g_steal_pointer(&pairs);
}

/* Takes the last @key out of @pairs. Caller frees. */
static char *cmdline_net_take(GPtrArray *pairs, const char *key)
{
    char *value = NULL;

    for (unsigned i = 0; i + 1 < pairs->len; ) {
        if (strcmp(pairs->pdata[i], key) != 0) {
            i += 2;
            continue;
        }
        g_free(value);
        value = g_strdup(pairs->pdata[i + 1]);
        g_ptr_array_remove_range(pairs, i, 2);
    }
    return value;
}

/* ---- Cards ---- */

static const char *cmdline_nic_driver(const char *model, GError **errp)
{
    if (!model || strcmp(model, nic_models[0]) == 0) {
        return bus_find(NULL, "PCI") ? "virtio-net-pci" : "virtio-net-device";
    }
    for (unsigned i = 1; i < G_N_ELEMENTS(nic_models); i++) {
        if (strcmp(nic_models[i], model) == 0) {
            return nic_models[i];
        }
    }
    error_setg(errp, "Unsupported NIC model: %s", model);
    return NULL;
}

static bool cmdline_nic_mac(const char *mac, GError **errp)
{
    MACAddr addr;

    if (mac && !net_parse_macaddr(mac, &addr)) {
        error_setg(errp, "invalid syntax for ethernet address");
        return false;
    }
    if (mac && mac_is_multicast(addr.a)) {
        error_setg(errp, "NIC cannot have multicast MAC address");
        return false;
    }
    return true;
}

/* A card on @netdev (NULL: on none), with what @pairs say about it, which is taken out of them. */
static bool cmdline_nic_device(GPtrArray *pairs, const char *id, const char *netdev, GError **errp)
{
    g_autofree char *model = cmdline_net_take(pairs, "model");
    g_autofree char *mac = cmdline_net_take(pairs, "mac");
    g_autofree char *macaddr = cmdline_net_take(pairs, "macaddr");
    g_autofree char *addr = cmdline_net_take(pairs, "addr");
    const char *const known[] = { "id", id, "netdev", netdev, "mac", mac ? mac : macaddr, "addr", addr };
    const char *driver = cmdline_nic_driver(model, errp);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();

    if (!driver || !cmdline_nic_mac(mac ? mac : macaddr, errp)) {
        return false;
    }
    if (pairs->len) {
        error_setg(errp, "Invalid parameter '%s'", (const char *)pairs->pdata[0]);
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(known); i += 2) {
        if (known[i + 1]) {
            g_ptr_array_add(opts, (char *)known[i]);
            g_ptr_array_add(opts, (char *)known[i + 1]);
        }
    }
    return qdev_device_add(driver, opts, errp) != NULL;
}

/* Of a model it is said everywhere that there is none such, not where it was asked for. */
static bool cmdline_nic_report(const CmdArg *a, GError *err)
{
    return cmdline_report(g_str_has_prefix(err->message, "Unsupported NIC model") ? NULL : a, err);
}

/* -nic: what is about the card goes to the card, the rest to the backend. */
static bool cmdline_nic(const CmdArg *a)
{
    static const char *const of_card[] = { "model", "mac", "macaddr", "addr" };
    GError *err = NULL;
    g_autoptr(GPtrArray) pairs = cmdline_net_pairs(a->arg, &err);
    g_autoptr(GPtrArray) card = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *id = pairs ? cmdline_net_take(pairs, "id") : NULL;
    NetClientState *nc;

    if (!pairs) {
        return cmdline_report(a, err);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(of_card); i++) {
        char *value = cmdline_net_take(pairs, of_card[i]);

        if (value) {
            g_ptr_array_add(card, g_strdup(of_card[i]));
            g_ptr_array_add(card, value);
        }
    }
    nc = net_client_init(pairs, false, &err);
    return (nc && cmdline_nic_device(card, id, nc->name, &err)) || cmdline_nic_report(a, err);
}

/* The first backend of -net that has no card yet. */
static NetClientState *cmdline_net_free_backend(void)
{
    for (NetClientState *nc = net_client_next(NULL); nc; nc = net_client_next(nc)) {
        if (!net_client_is_nic(nc) && !nc->is_netdev && !nc->peer) {
            return nc;
        }
    }
    return NULL;
}

/* -net: cards and backends as they come; there are no hubs, so each card gets one backend. */
static bool cmdline_net_one(const CmdArg *a, bool cards)
{
    GError *err = NULL;
    g_autoptr(GPtrArray) pairs = cmdline_net_pairs(a->arg, &err);
    g_autofree char *name = NULL, *netdev = NULL;
    NetClientState *nc;
    bool is_card;

    if (!pairs) {
        return cmdline_report(a, err);
    }
    is_card = pairs->len && strcmp(pairs->pdata[0], "type") == 0 && strcmp(pairs->pdata[1], "nic") == 0;
    if (is_card != cards) {
        return true;
    }
    if (!is_card) {
        return net_client_init(pairs, false, &err) || cmdline_report(a, err);
    }
    g_ptr_array_remove_range(pairs, 0, 2);
    name = cmdline_net_take(pairs, "name");
    netdev = cmdline_net_take(pairs, "netdev");
    nc = netdev ? qemu_find_netdev(netdev) : cmdline_net_free_backend();
    if (netdev && !nc) {
        error_setg(&err, "netdev '%s' not found", netdev);
        return cmdline_report(a, err);
    }
    return cmdline_nic_device(pairs, name, nc ? nc->name : NULL, &err) || cmdline_nic_report(a, err);
}

/* ---- All of them ---- */

static bool cmdline_is_none(const CmdArg *a)
{
    return strcmp(a->arg, "none") == 0;
}

bool cmdline_netdevs(const CmdLine *c)
{
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, CMD_NETDEV, &pos))) {
        GError *err = NULL;
        g_autoptr(GPtrArray) pairs = cmdline_net_pairs(a->arg, &err);

        if (!pairs || !net_client_init(pairs, true, &err)) {
            return cmdline_report(a, err);
        }
    }
    pos = 0;
    while ((a = cmdline_each(c, CMD_NET, &pos))) {
        if (!cmdline_is_none(a) && !cmdline_net_one(a, false)) {
            return false;
        }
    }
    return true;
}

bool cmdline_nics(const CmdLine *c)
{
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, CMD_NIC, &pos))) {
        if (!cmdline_is_none(a) && !cmdline_nic(a)) {
            return false;
        }
    }
    pos = 0;
    while ((a = cmdline_each(c, CMD_NET, &pos))) {
        if (!cmdline_is_none(a) && !cmdline_net_one(a, true)) {
            return false;
        }
    }
    return true;
}

void cmdline_check_peers(void)
{
    for (NetClientState *nc = net_client_next(NULL); nc; nc = net_client_next(nc)) {
        if (!nc->peer) {
            g_printerr("rondo: warning: %s %s has no peer\n", net_client_is_nic(nc) ? "nic" : "netdev", nc->name);
        }
    }
}

bool cmdline_net_help(const CmdLine *c)
{
    const CmdArg *netdev = cmdline_last(c, CMD_NETDEV);
    const CmdArg *nic = cmdline_last(c, CMD_NIC);

    if (netdev && (strcmp(netdev->arg, "help") == 0 || strcmp(netdev->arg, "?") == 0)) {
        g_print("Available netdev backend types:\n");
        for (const char *const *type = net_backend_types(); *type; type++) {
            g_print("%s\n", *type);
        }
        return true;
    }
    if (nic && g_str_has_suffix(nic->arg, "model=help")) {
        g_print("Supported NIC models:\n");
        for (unsigned i = 0; i < G_N_ELEMENTS(nic_models); i++) {
            g_print("%s\n", nic_models[i]);
        }
        return true;
    }
    return false;
}
