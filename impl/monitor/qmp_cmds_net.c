/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands of networks and of the balloon, and what the human monitor makes of them. Context: main thread, BQL,
 * outside coroutines.
 */
#include "devices/events.h"
#include "devices/virtio-balloon/virtio_balloon.h"
#include "monitor/chardev_opts.h"
#include "monitor/hmp.h"
#include "monitor/monitor_int.h"
#include "monitor/qapi_events.h"
#include "monitor/qmp_commands.h"
#include "net/net.h"

#include <string.h>

/* ---- Backends ---- */

static void add_pair(GPtrArray *pairs, const char *key, const char *value)
{
    if (value) {
        g_ptr_array_add(pairs, g_strdup(key));
        g_ptr_array_add(pairs, g_strdup(value));
    }
}

static void add_bool(GPtrArray *pairs, const char *key, bool has, bool value)
{
    add_pair(pairs, key, !has ? NULL : value ? "on" : "off");
}

static void add_list(GPtrArray *pairs, const char *key, StringList *list)
{
    for (; list; list = list->next) {
        add_pair(pairs, key, list->value->str);
    }
}

/* The network core takes options as text, the same from everywhere. */
static void add_user_pairs(GPtrArray *pairs, const NetdevUserOptions *u)
{
    g_autofree char *len = g_strdup_printf("%" G_GINT64_FORMAT, u->ipv6_prefixlen);

    add_pair(pairs, "hostname", u->hostname);
    add_bool(pairs, "restrict", u->has_restrict, u->q_restrict);
    add_bool(pairs, "ipv4", u->has_ipv4, u->ipv4);
    add_bool(pairs, "ipv6", u->has_ipv6, u->ipv6);
    add_pair(pairs, "net", u->net);
    add_pair(pairs, "host", u->host);
    add_pair(pairs, "tftp", u->tftp);
    add_pair(pairs, "bootfile", u->bootfile);
    add_pair(pairs, "dhcpstart", u->dhcpstart);
    add_pair(pairs, "dns", u->dns);
    add_list(pairs, "dnssearch", u->dnssearch);
    add_pair(pairs, "domainname", u->domainname);
    add_pair(pairs, "ipv6-prefix", u->ipv6_prefix);
    add_pair(pairs, "ipv6-prefixlen", u->has_ipv6_prefixlen ? len : NULL);
    add_pair(pairs, "ipv6-host", u->ipv6_host);
    add_pair(pairs, "ipv6-dns", u->ipv6_dns);
    add_list(pairs, "hostfwd", u->hostfwd);
    add_pair(pairs, "tftp-server-name", u->tftp_server_name);
}

void qmp_netdev_add(Netdev *arg, GError **errp)
{
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);

    add_pair(pairs, "type", NetClientDriver_str(arg->type));
    add_pair(pairs, "id", arg->id);
    add_user_pairs(pairs, &arg->u.user);
    result_ignored(net_client_init(pairs, true, errp));     /* @errp tells */
}

void qmp_netdev_del(const char *id, GError **errp)
{
    result_ignored(netdev_del(id, errp));                   /* @errp tells */
}

void qmp_set_link(const char *name, bool up, GError **errp)
{
    result_ignored(net_set_link(name, up, errp));           /* @errp tells */
}

/* ---- The balloon ---- */

static VirtIOBalloon *balloon_device(GError **errp)
{
    VirtIOBalloon *s = virtio_balloon_find();

    if (!s) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_ACTIVE, "No balloon device has been activated");
    }
    return s;
}

BalloonInfo *qmp_query_balloon(GError **errp)
{
    VirtIOBalloon *s = balloon_device(errp);
    BalloonInfo *info = s ? g_new0(BalloonInfo, 1) : NULL;

    if (info) {
        info->actual = virtio_balloon_actual(s);
    }
    return info;
}

void qmp_balloon(int64_t value, GError **errp)
{
    VirtIOBalloon *s = balloon_device(errp);

    if (s && value <= 0) {
        error_setg(errp, "Parameter 'target' expects a size");
    } else if (s) {
        virtio_balloon_to_target(s, value);
    }
}

static VirtIOBalloon *balloon_behind(DeviceState *dev)
{
    VirtIOBalloon *s = virtio_balloon_find();
    DeviceState *target = dev->klass->prop_target ? dev->klass->prop_target(dev) : dev;

    return s && &s->parent.qdev == target ? s : NULL;
}

json_object *monitor_balloon_stats(DeviceState *dev)
{
    VirtIOBalloon *s = balloon_behind(dev);
    json_object *all, *stats;

    if (!s) {
        return NULL;
    }
    all = json_object_new_object();
    stats = json_object_new_object();
    for (unsigned i = 0; virtio_balloon_stat_name(i); i++) {
        json_object_object_add(stats, virtio_balloon_stat_name(i), json_object_new_uint64(s->stats[i]));
    }
    json_object_object_add(all, "stats", stats);
    json_object_object_add(all, "last-update", json_object_new_int64(s->stats_time));
    return all;
}

bool monitor_balloon_set_interval(DeviceState *dev, int64_t seconds)
{
    VirtIOBalloon *s = balloon_behind(dev);

    if (s) {
        virtio_balloon_set_interval(s, CLAMP(seconds, 0, UINT32_MAX));
    }
    return s != NULL;
}

static const DeviceEvents device_events = {
    .balloon_change = qapi_event_send_balloon_change,
    .vserport_change = qapi_event_send_vserport_change,
};

void monitor_device_events_init(void)
{
    devices_set_events(&device_events);
}

/* ---- For people ---- */

void hmp_netdev_add(Monitor *mon, HmpArgs *args)
{
    g_auto(GStrv) parts = g_strsplit(hmp_arg_str(args, "netdev"), ",", -1);
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);
    GError *err = NULL;

    for (unsigned i = 0; parts[i]; i++) {
        char *eq = strchr(parts[i], '=');

        g_ptr_array_add(pairs, eq ? g_strndup(parts[i], eq - parts[i]) : g_strdup(i ? parts[i] : "type"));
        g_ptr_array_add(pairs, g_strdup(eq ? eq + 1 : i ? "on" : parts[i]));
    }
    result_ignored(net_client_init(pairs, true, &err));     /* @err tells */
    hmp_handle_error(mon, err);
}

void hmp_netdev_del(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_netdev_del(hmp_arg_str(args, "id"), &err);
    hmp_handle_error(mon, err);
}

void hmp_set_link(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_set_link(hmp_arg_str(args, "name"), hmp_arg_bool(args, "up", true), &err);
    hmp_handle_error(mon, err);
}

void hmp_hostfwd_add(Monitor *mon, HmpArgs *args)
{
    const char *first = hmp_arg_str(args, "arg1"), *second = hmp_arg_str(args, "arg2");
    GError *err = NULL;

    result_ignored(net_hostfwd_add(second ? first : NULL, second ? second : first, &err));     /* @err tells */
    hmp_handle_error(mon, err);
}

void hmp_hostfwd_remove(Monitor *mon, HmpArgs *args)
{
    const char *first = hmp_arg_str(args, "arg1"), *second = hmp_arg_str(args, "arg2");
    const char *rule = second ? second : first;
    GError *err = NULL;

    if (net_hostfwd_remove(second ? first : NULL, rule, &err)) {
        monitor_printf(mon, "host forwarding rule for %s removed\n", rule);
    }
    hmp_handle_error(mon, err);
}

void hmp_balloon(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_balloon(hmp_arg_int(args, "value", 0), &err);
    hmp_handle_error(mon, err);
}

static void print_text(Monitor *mon, void (*print)(GString *out))
{
    GString *text = g_string_new(NULL);

    print(text);
    monitor_puts(mon, text->str);
    g_string_free(text, TRUE);
}

void hmp_info_network(Monitor *mon, HmpArgs *args)
{
    print_text(mon, net_info_print);
}

void hmp_info_usernet(Monitor *mon, HmpArgs *args)
{
    print_text(mon, net_usernet_print);
}

void hmp_info_balloon(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;
    g_autoptr(BalloonInfo) info = qmp_query_balloon(&err);
    VirtIOBalloon *s = virtio_balloon_find();

    if (info) {
        monitor_printf(mon, "balloon: actual=%" G_GINT64_FORMAT "\n", info->actual >> 20);
    }
    for (unsigned i = 0; s && s->stats_time && virtio_balloon_stat_name(i); i++) {
        if (s->stats[i] != UINT64_MAX) {
            monitor_printf(mon, "%s: %" G_GUINT64_FORMAT "\n", virtio_balloon_stat_name(i), s->stats[i]);
        }
    }
    hmp_handle_error(mon, err);
}
