/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients, their pairing and their links; MAC addresses. See net.h for the invariants.
 */
#include "net/net.h"

#include "base/assert.h"
#include "net/net_int.h"
#include "sched/machine.h"

#include <string.h>

typedef struct NetState {
    GPtrArray *clients;         /* of NetClientState *, in order of creation */
    unsigned mac_users[256];    /* of addresses that begin with mac_base, by their last byte */
} NetState;

/* Cards without an address of their own get this one, the next that of one more, and so on. */
static const uint8_t mac_base[ETH_ALEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static NetState *net_state(void)
{
    return machine_state(MACHINE_NET);
}

void net_init(void)
{
    NetState *s = g_new0(NetState, 1);

    s->clients = g_ptr_array_new();
    machine_set_state(MACHINE_NET, s);
}

void net_cleanup(void)
{
    NetState *s = net_state();

    if (!s) {
        return;
    }
    while (s->clients->len) {
        NetClientState *nc = s->clients->pdata[s->clients->len - 1];

        assert(!net_client_is_nic(nc));
        qemu_del_net_client(nc);
    }
    g_ptr_array_free(s->clients, TRUE);
    machine_set_state(MACHINE_NET, NULL);
    g_free(s);
}

/* ---- Clients ---- */

static char *net_make_name(const char *model)
{
    NetState *s = net_state();
    unsigned n = 0;

    for (unsigned i = 0; i < s->clients->len; i++) {
        n += strcmp(((NetClientState *)s->clients->pdata[i])->model, model) == 0;
    }
    while (true) {
        g_autofree char *name = g_strdup_printf("%s.%u", model, n++);

        if (!net_client_find(name)) {
            return g_steal_pointer(&name);
        }
    }
}

NetClientState *qemu_new_net_client(const NetClientInfo *info, NetClientState *peer, const char *model,
                                    const char *name)
{
    NetClientState *nc = g_malloc0(info->size);

    assert(info->size >= sizeof(*nc) && (!peer || !peer->peer));
    nc->info = info;
    nc->model = g_strdup(model);
    nc->name = name ? g_strdup(name) : net_make_name(model);
    nc->info_str = g_strdup("");
    nc->incoming = net_queue_new(nc);
    nc->peer = peer;
    if (peer) {
        peer->peer = nc;
    }
    g_ptr_array_add(net_state()->clients, nc);
    return nc;
}

/* The other end loses its cable (I4). */
static void net_unlink_peer(NetClientState *nc)
{
    NetClientState *peer = nc->peer;

    if (!peer) {
        return;
    }
    /* Frames on their way in either direction; who waits for one is told. */
    net_queue_purge(nc->incoming, NULL);
    net_queue_purge(peer->incoming, NULL);
    nc->peer = NULL;
    peer->peer = NULL;
    if (net_client_is_nic(peer) && !net_client_is_nic(nc)) {
        peer->link_down = true;
        if (peer->info->link_status_changed) {
            peer->info->link_status_changed(peer);
        }
    }
}

void qemu_del_net_client(NetClientState *nc)
{
    assert(!nc->deleting);
    nc->deleting = true;
    net_unlink_peer(nc);
    (void)g_ptr_array_remove(net_state()->clients, nc);     /* every client is in the list */
    if (nc->info->cleanup) {
        nc->info->cleanup(nc);
    }
    net_queue_free(nc->incoming);
    g_free(nc->model);
    g_free(nc->name);
    g_free(nc->info_str);
    g_free(nc);
}

bool net_client_is_nic(const NetClientState *nc)
{
    return strcmp(nc->info->type, "nic") == 0;
}

NetClientState *net_client_next(NetClientState *nc)
{
    NetState *s = net_state();
    GPtrArray *clients;
    guint i = 0;

    if (!s) {
        return NULL;
    }
    clients = s->clients;
    if (nc) {
        if (!g_ptr_array_find(clients, nc, &i)) {
            return NULL;
        }
        i++;
    }
    return i < clients->len ? clients->pdata[i] : NULL;
}

NetClientState *net_client_find(const char *name)
{
    for (NetClientState *nc = net_client_next(NULL); nc; nc = net_client_next(nc)) {
        if (strcmp(nc->name, name) == 0) {
            return nc;
        }
    }
    return NULL;
}

NetClientState *qemu_find_netdev(const char *id)
{
    for (NetClientState *nc = net_client_next(NULL); nc; nc = net_client_next(nc)) {
        if (!net_client_is_nic(nc) && strcmp(nc->name, id) == 0) {
            return nc;
        }
    }
    return NULL;
}

bool netdev_del(const char *id, GError **errp)
{
    NetClientState *nc = qemu_find_netdev(id);

    if (!nc) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", id);
        return false;
    }
    if (!nc->is_netdev) {
        error_setg(errp, "Device '%s' is not a netdev", id);
        return false;
    }
    qemu_del_net_client(nc);
    return true;
}

/* ---- What people are told ---- */

void net_set_info(NetClientState *nc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_free(nc->info_str);
    nc->info_str = g_strdup_vprintf(fmt, ap);
    va_end(ap);
}

void qemu_format_nic_info_str(NetClientState *nc, const MACAddr *mac)
{
    net_set_info(nc, "model=%s,macaddr=%02x:%02x:%02x:%02x:%02x:%02x", nc->model, mac->a[0], mac->a[1], mac->a[2],
                 mac->a[3], mac->a[4], mac->a[5]);
}

static void net_client_print(GString *out, const NetClientState *nc)
{
    g_string_append_printf(out, "%s: index=0,type=%s,%s\n", nc->name, nc->info->type, nc->info_str);
}

void net_info_print(GString *out)
{
    for (NetClientState *nc = net_client_next(NULL); nc; nc = net_client_next(nc)) {
        /* A pair is shown at its card. */
        if (nc->peer && !net_client_is_nic(nc)) {
            continue;
        }
        net_client_print(out, nc);
        if (nc->peer) {
            g_string_append(out, " \\ ");
            net_client_print(out, nc->peer);
        }
    }
}

static void net_link_changed(NetClientState *nc)
{
    if (nc->info->link_status_changed) {
        nc->info->link_status_changed(nc);
    }
}

bool net_set_link(const char *name, bool up, GError **errp)
{
    NetClientState *nc = net_client_find(name);

    if (!nc) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", name);
        return false;
    }
    nc->link_down = !up;
    net_link_changed(nc);
    /* A card sees what happens at the other end of its cable; a backend has its own ideas of being there. */
    if (nc->peer && net_client_is_nic(nc->peer)) {
        nc->peer->link_down = !up;
    }
    if (nc->peer) {
        net_link_changed(nc->peer);
    }
    return true;
}

/* ---- Frames ---- */

bool net_client_can_receive(NetClientState *nc)
{
    if (nc->link_down) {
        return true;            /* it is dropped at once */
    }
    return !nc->receive_disabled && (!nc->info->can_receive || nc->info->can_receive(nc));
}

bool qemu_can_send_packet(NetClientState *sender)
{
    return !sender->peer || net_client_can_receive(sender->peer);
}

ssize_t qemu_send_packet_async(NetClientState *sender, const uint8_t *buf, size_t size, NetPacketSent *sent)
{
    if (sender->link_down || !sender->peer || size > NET_BUFSIZE) {
        return size;
    }
    return net_queue_send(sender->peer->incoming, sender, buf, size, sent);
}

ssize_t qemu_send_packet(NetClientState *sender, const uint8_t *buf, size_t size)
{
    return qemu_send_packet_async(sender, buf, size, NULL);
}

void qemu_flush_queued_packets(NetClientState *nc)
{
    nc->receive_disabled = false;
    net_queue_flush(nc->incoming);
}

void qemu_purge_queued_packets(NetClientState *sender)
{
    if (sender->peer) {
        net_queue_purge(sender->peer->incoming, sender);
    }
}

/* ---- MAC addresses ---- */

bool mac_is_zero(const uint8_t *mac)
{
    static const uint8_t zero[ETH_ALEN];

    return memcmp(mac, zero, ETH_ALEN) == 0;
}

bool mac_is_broadcast(const uint8_t *mac)
{
    static const uint8_t all[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

    return memcmp(mac, all, ETH_ALEN) == 0;
}

static bool mac_is_ours(const MACAddr *mac)
{
    return memcmp(mac->a, mac_base, ETH_ALEN - 1) == 0;
}

void qemu_macaddr_default_if_unset(MACAddr *mac)
{
    NetState *s = net_state();
    unsigned last = mac_base[ETH_ALEN - 1];

    if (mac_is_zero(mac->a)) {
        memcpy(mac->a, mac_base, ETH_ALEN);
        /* After 170 cards all are taken, and the last one is shared. */
        while (s->mac_users[last] && last < 0xff) {
            last++;
        }
        mac->a[ETH_ALEN - 1] = last;
    }
    if (mac_is_ours(mac)) {
        s->mac_users[mac->a[ETH_ALEN - 1]]++;
    }
}

void qemu_macaddr_release(const MACAddr *mac)
{
    NetState *s = net_state();

    if (mac_is_ours(mac) && s->mac_users[mac->a[ETH_ALEN - 1]]) {
        s->mac_users[mac->a[ETH_ALEN - 1]]--;
    }
}

bool net_parse_macaddr(const char *text, MACAddr *ret)
{
    for (unsigned i = 0; i < ETH_ALEN; i++, text += 3) {
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1])) {
            return false;
        }
        if (i < ETH_ALEN - 1 ? text[2] != ':' && text[2] != '-' : text[2] != '\0') {
            return false;
        }
        ret->a[i] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
    }
    return true;
}
