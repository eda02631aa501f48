/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network core: clients in pairs, and the frames between them.
 *
 * A client is a network card's end (NetClientInfo.type "nic") or a backend's ("user"); a frame sent by one is received
 * by its peer. Every client has a queue of frames that it could not receive yet.
 *
 * Owns: the clients of the current machine (MACHINE_NET), in order of creation, and its table of MAC addresses.
 * Context: main thread or a thread with the BQL.
 *
 * I1  Frames reach a client in the order in which they were sent.
 * I2  A queue holds at most NET_QUEUE_MAX frames of senders that do not wait; more are dropped. A sender that asked to
 *     be told has at most one frame in it and waits.
 * I3  A client's receive() is never entered again while it runs; frames sent meanwhile are queued.
 * I4  After a client is gone its peer has none: it goes on, with the link down, and what it sends is dropped.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"

#define NET_QUEUE_MAX 10000
#define NET_BUFSIZE (4096 + 65536)      /* the longest frame, bytes */
#define ETH_ALEN 6
#define ETH_HLEN 14

typedef struct NetClientState NetClientState;
typedef struct NetQueue NetQueue;

typedef struct MACAddr {
    uint8_t a[ETH_ALEN];
} MACAddr;

/** NetPacketSent: a queued frame was delivered (@ret > 0), or dropped (0). */
typedef void NetPacketSent(NetClientState *sender, ssize_t ret);

/** What a kind of client does. Any callback but receive may be NULL. */
typedef struct NetClientInfo {
    const char *type;           /* "nic", "user" */
    size_t size;                /* of the struct that begins with NetClientState */
    /* May receive() be called now? NULL: always. Later qemu_flush_queued_packets() says that it may again. */
    bool (*can_receive)(NetClientState *nc);
    /* A whole frame. Returns bytes taken; 0: not now, keep it; negative: dropped. */
    ssize_t (*receive)(NetClientState *nc, const uint8_t *buf, size_t size);
    void (*link_status_changed)(NetClientState *nc);
    /* The last call; the peer is unlinked already. */
    void (*cleanup)(NetClientState *nc);
} NetClientInfo;

struct NetClientState {
    const NetClientInfo *info;
    char *model;                /* "virtio-net-pci", "user" */
    char *name;                 /* id, or "<model>.<number>" */
    char *info_str;             /* for "info network" */
    NetClientState *peer;
    NetQueue *incoming;         /* frames for this client */
    bool link_down;
    bool receive_disabled;      /* receive() said "not now" */
    bool is_netdev;             /* made by -netdev or netdev_add, so netdev_del may remove it */
    bool deleting;
};

/* ---- The machine ---- */

/** net_init / net_cleanup: the current machine's state. At clean-up cards must be gone; backends are freed. */
void net_init(void);
void net_cleanup(void);

/* ---- Clients ---- */

/**
 * qemu_new_net_client: a client, freed by qemu_del_net_client. @name NULL: one is made from @model.
 * @peer: a client without a peer, or NULL.
 */
NetClientState *qemu_new_net_client(const NetClientInfo *info, NetClientState *peer, const char *model,
                                    const char *name);
void qemu_del_net_client(NetClientState *nc);
/** qemu_find_netdev: the backend (not a card) called @id, or NULL. */
NetClientState *qemu_find_netdev(const char *id);
/** net_client_find: any client by name; net_client_next: all of them in order, start with NULL. */
NetClientState *net_client_find(const char *name);
NetClientState *net_client_next(NetClientState *nc);
bool net_client_is_nic(const NetClientState *nc);
/** net_set_info: what "info network" says after "type=...,". */
void net_set_info(NetClientState *nc, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/** qemu_format_nic_info_str: the same for a card. */
void qemu_format_nic_info_str(NetClientState *nc, const MACAddr *mac);
/** net_info_print: "info network", appended to @out. */
void net_info_print(GString *out);
/** net_set_link: pull or plug the cable at client @name, whose peer sees it too. */
G_GNUC_WARN_UNUSED_RESULT
bool net_set_link(const char *name, bool up, GError **errp);

/* ---- Frames ---- */

/** qemu_can_send_packet: would the peer of @sender take a frame now? True without a peer: it is dropped at once. */
bool qemu_can_send_packet(NetClientState *sender);
/** qemu_send_packet: deliver, queue or drop. Returns bytes taken, 0: queued, negative: dropped. */
ssize_t qemu_send_packet(NetClientState *sender, const uint8_t *buf, size_t size);
/**
 * qemu_send_packet_async: the same for a sender that waits: after 0 it sends no more until @sent is called.
 * @sent: called once, not before this returns.
 */
ssize_t qemu_send_packet_async(NetClientState *sender, const uint8_t *buf, size_t size, NetPacketSent *sent);
/** qemu_flush_queued_packets: @nc can receive again; deliver what waits for it. */
void qemu_flush_queued_packets(NetClientState *nc);
/** qemu_purge_queued_packets: drop what @sender has waiting at its peer; its callback is called with 0. */
void qemu_purge_queued_packets(NetClientState *sender);

/* ---- MAC addresses ---- */

/** qemu_macaddr_default_if_unset: all zeroes become the first free of 52:54:00:12:34:56 and following; else mark it. */
void qemu_macaddr_default_if_unset(MACAddr *mac);
/** qemu_macaddr_release: @mac's user is gone. */
void qemu_macaddr_release(const MACAddr *mac);
/** net_parse_macaddr: "52:54:00:12:34:56", also with dashes. False: it is none. */
G_GNUC_WARN_UNUSED_RESULT
bool net_parse_macaddr(const char *text, MACAddr *ret);
static inline bool mac_is_multicast(const uint8_t *mac)
{
    return mac[0] & 1;
}
bool mac_is_zero(const uint8_t *mac);
bool mac_is_broadcast(const uint8_t *mac);

/* ---- Backends from options ---- */

/**
 * net_client_init: make a backend. @opts: "key", "value" pairs (char *), keys may repeat; "type" is one of them, "id"
 * another if @is_netdev, else it is optional. Returns the client or NULL.
 */
G_GNUC_WARN_UNUSED_RESULT
NetClientState *net_client_init(const GPtrArray *opts, bool is_netdev, GError **errp);
/** netdev_del: remove what -netdev or netdev_add made. */
G_GNUC_WARN_UNUSED_RESULT
bool netdev_del(const char *id, GError **errp);
/** net_backend_types: names for "-netdev help", NULL at the end. */
const char *const *net_backend_types(void);

/* ---- User networks ---- */

/** net_hostfwd_add: @rule: "tcp::5555-:22". @id NULL: the first user network. */
G_GNUC_WARN_UNUSED_RESULT
bool net_hostfwd_add(const char *id, const char *rule, GError **errp);
/** net_hostfwd_remove: @rule: "tcp::5555". Fails if there is none. */
G_GNUC_WARN_UNUSED_RESULT
bool net_hostfwd_remove(const char *id, const char *rule, GError **errp);
/** net_usernet_print: "info usernet", appended to @out. */
void net_usernet_print(GString *out);

#endif
