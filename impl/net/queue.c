/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that wait for a receiver. See net.h for the invariants.
 *
 * A frame that cannot be delivered is copied. The queue belongs to the receiver, so a slow one slows nobody else.
 */
#include "net/net_int.h"

#include "base/assert.h"

#include <string.h>

typedef struct NetPacket {
    NetClientState *sender;
    NetPacketSent *sent;        /* NULL: nobody waits */
    size_t size;
    uint8_t data[];
} NetPacket;

struct NetQueue {
    NetClientState *receiver;
    GQueue packets;             /* of NetPacket */
    bool delivering;            /* (I3) */
};

NetQueue *net_queue_new(NetClientState *receiver)
{
    NetQueue *q = g_new0(NetQueue, 1);

    q->receiver = receiver;
    g_queue_init(&q->packets);
    return q;
}

void net_queue_free(NetQueue *q)
{
    assert(!q->delivering);
    g_queue_clear_full(&q->packets, g_free);
    g_free(q);
}

static void net_queue_append(NetQueue *q, NetClientState *sender, const uint8_t *buf, size_t size, NetPacketSent *sent)
{
    NetPacket *p;

    if (g_queue_get_length(&q->packets) >= NET_QUEUE_MAX && !sent) {
        return;                 /* (I2) */
    }
    p = g_malloc(sizeof(*p) + size);
    p->sender = sender;
    p->sent = sent;
    p->size = size;
    memcpy(p->data, buf, size);
    g_queue_push_tail(&q->packets, p);
}

static ssize_t net_queue_deliver(NetQueue *q, const uint8_t *buf, size_t size)
{
    NetClientState *nc = q->receiver;
    ssize_t ret;

    if (nc->link_down) {
        return size;            /* nothing hears it, and nobody is to wait for that to change */
    }
    q->delivering = true;
    ret = nc->info->receive(nc, buf, size);
    q->delivering = false;
    if (ret == 0) {
        nc->receive_disabled = true;
    }
    return ret;
}

ssize_t net_queue_send(NetQueue *q, NetClientState *sender, const uint8_t *buf, size_t size, NetPacketSent *sent)
{
    ssize_t ret;

    /* What came first goes first (I1). */
    if (q->delivering || q->packets.length || !net_client_can_receive(q->receiver)) {
        net_queue_append(q, sender, buf, size, sent);
        return 0;
    }
    ret = net_queue_deliver(q, buf, size);
    if (ret == 0) {
        net_queue_append(q, sender, buf, size, sent);
        return 0;
    }
    /* While it received it may have made others send to it. */
    net_queue_flush(q);
    return ret;
}

void net_queue_flush(NetQueue *q)
{
    unsigned left = q->packets.length;

    if (q->delivering) {
        return;
    }
    /* Frames that are sent from in here wait for the next flush: a pair that answers each other must not keep us. */
    while (left-- && q->packets.length && net_client_can_receive(q->receiver)) {
        NetPacket *p = g_queue_pop_head(&q->packets);
        ssize_t ret = net_queue_deliver(q, p->data, p->size);

        if (ret == 0) {
            g_queue_push_head(&q->packets, p);
            return;
        }
        if (p->sent) {
            p->sent(p->sender, ret);
        }
        g_free(p);
    }
}

void net_queue_purge(NetQueue *q, NetClientState *from)
{
    g_autoptr(GPtrArray) dropped = g_ptr_array_new_with_free_func(g_free);

    for (GList *l = q->packets.head, *next; l; l = next) {
        NetPacket *p = l->data;

        next = l->next;
        if (!from || p->sender == from) {
            g_ptr_array_add(dropped, p);
            g_queue_delete_link(&q->packets, l);
        }
    }
    for (unsigned i = 0; i < dropped->len; i++) {
        NetPacket *p = dropped->pdata[i];

        if (p->sent) {
            p->sent(p->sender, 0);
        }
    }
}
