/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the network core share: queues, options as text, and the kinds of backend.
 */
#ifndef NET_NET_INT_H
#define NET_NET_INT_H

#include "net/net.h"

/* ---- Queues ---- */

/** net_queue_new: frames for @receiver. */
NetQueue *net_queue_new(NetClientState *receiver);
/** net_queue_free: frames in it are dropped without a word. */
void net_queue_free(NetQueue *q);
ssize_t net_queue_send(NetQueue *q, NetClientState *sender, const uint8_t *buf, size_t size, NetPacketSent *sent);
/** net_queue_flush: deliver in order until the receiver has had enough. */
void net_queue_flush(NetQueue *q);
/** net_queue_purge: drop the frames of @from (NULL: of everybody). */
void net_queue_purge(NetQueue *q, NetClientState *from);
/** net_client_can_receive: link and receiver permitting. */
bool net_client_can_receive(NetClientState *nc);

/* ---- Options ---- */

/** Pairs as given, and which of them were looked at. */
typedef struct NetOpts {
    const GPtrArray *pairs;     /* borrowed */
    bool *used;
} NetOpts;

/** net_opts_get: the last value of @key, or NULL; marks all of them. */
const char *net_opts_get(NetOpts *o, const char *key);
/** net_opts_next: values of @key one by one; *@pos starts at 0. */
const char *net_opts_next(NetOpts *o, const char *key, unsigned *pos);
G_GNUC_WARN_UNUSED_RESULT
bool net_opts_bool(NetOpts *o, const char *key, bool def, bool *ret, GError **errp);
/** net_opts_done: no key was left over. */
G_GNUC_WARN_UNUSED_RESULT
bool net_opts_done(NetOpts *o, GError **errp);

/* ---- Kinds ---- */

/** net_init_slirp: a user network called @name from its options. */
G_GNUC_WARN_UNUSED_RESULT
NetClientState *net_init_slirp(NetOpts *o, const char *name, GError **errp);

#endif
