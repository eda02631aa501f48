/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-balloon: the guest gives memory back, and takes it again.
 *
 * A page that the guest puts into the balloon reads as zeroes from then on and costs the host nothing, until it is
 * written again. Context: main thread or a vCPU thread, BQL held.
 *
 * I1  Only whole pages of RAM are discarded; other addresses are ignored.
 * I2  One pass looks at most at BURST elements, and of each at most at PAGES_MAX pages; then the event loop goes round.
 * I3  No element is in flight between two calls: the buffer for statistics stays in its ring until it is wanted anew.
 * Source: virtio 1.2, section 5.5.
 */
#ifndef DEVICES_VIRTIO_BALLOON_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_BALLOON_VIRTIO_BALLOON_H

#include "aio/timer.h"
#include "virtio/virtio.h"

#define VIRTIO_BALLOON_F_MUST_TELL_HOST 0
#define VIRTIO_BALLOON_F_STATS_VQ 1
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM 2
#define VIRTIO_BALLOON_F_PAGE_POISON 4
#define VIRTIO_BALLOON_F_REPORTING 5

#define VIRTIO_BALLOON_S_NR 10          /* kinds of statistics */

typedef struct VirtIOBalloon {
    VirtIODevice parent;
    /* fixed after realize */
    bool deflate_on_oom;
    bool page_poison;
    bool free_page_reporting;
    VirtQueue *ivq;
    VirtQueue *dvq;
    VirtQueue *svq;
    VirtQueue *reporting_vq;
    QEMUBH *bh;                         /* goes on with the queues (I2) */
    QEMUTimer *stats_timer;
    /* BQL */
    uint32_t stats_interval;            /* seconds between two looks at the statistics; 0: none */
    uint32_t num_pages;                 /* that the guest is to give */
    uint32_t actual;                    /* that it says it has given */
    uint32_t poison_val;                /* what free pages are filled with */
    uint64_t stats[VIRTIO_BALLOON_S_NR];        /* UINT64_MAX: never told */
    int64_t stats_time;                 /* seconds of the host's clock, 0: never */
} VirtIOBalloon;

/** virtio_balloon_find: the machine's balloon, or NULL. */
VirtIOBalloon *virtio_balloon_find(void);
/** virtio_balloon_to_target: ask the guest to keep @target bytes. */
void virtio_balloon_to_target(VirtIOBalloon *s, uint64_t target);
/** virtio_balloon_actual: bytes that the guest has. */
uint64_t virtio_balloon_actual(const VirtIOBalloon *s);
/** virtio_balloon_set_interval: look at the statistics every @seconds; 0: no longer. */
void virtio_balloon_set_interval(VirtIOBalloon *s, uint32_t seconds);
/** virtio_balloon_stat_name: "stat-swap-in", ...; NULL past the end. */
const char *virtio_balloon_stat_name(unsigned i);
/** virtio_balloon_parse_stats: @len bytes of tags and values into @stats; what is unknown is ignored. Pure. */
void virtio_balloon_parse_stats(const uint8_t *buf, size_t len, uint64_t *stats);

#endif
