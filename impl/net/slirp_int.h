/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A user network, between its event loop (slirp.c) and its options and port forwards (slirp_opts.c).
 */
#ifndef NET_SLIRP_INT_H
#define NET_SLIRP_INT_H

#include <slirp/libslirp.h>

#include "aio/aio.h"
#include "aio/timer.h"
#include "net/net_int.h"

typedef struct NetSlirpState {
    NetClientState nc;
    SchedObject o;
    Slirp *slirp;
    GArray *fds;                /* of GPollFD: what libslirp waits for, in the order in which it told */
    GHashTable *watched;        /* by descriptor: which of them have handlers, and for what */
    QEMUBH *bh;                 /* ask libslirp anew what it waits for */
    QEMUTimer *timer;           /* its next deadline */
} NetSlirpState;

extern const NetClientInfo net_slirp_info;

/** net_slirp_start: a stack of its own in @s. False: libslirp did not want @cfg. */
G_GNUC_WARN_UNUSED_RESULT
bool net_slirp_start(NetSlirpState *s, const SlirpConfig *cfg);
/** net_slirp_changed: sockets have come or gone. */
void net_slirp_changed(NetSlirpState *s);

#endif
