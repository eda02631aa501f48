/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The split virtqueue: reading a descriptor chain out of guest memory, without side effects.
 *
 * The parser sees guest memory only through a fetch function, writes only to its result, and says exactly
 * what is wrong with a chain; so it can be fuzzed and tested without a machine.
 *
 * I1  Each descriptor is read once, so what was checked is what is used.
 * I2  A chain never has more than the queue size (or the indirect table's) descriptors: loops end there.
 * I3  Device-readable segments come first; a readable one after a writable one is an error.
 * Source: virtio 1.2, sections 2.7.4 to 2.7.8.
 */
#ifndef VIRTIO_RING_H
#define VIRTIO_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#define VRING_DESC_F_NEXT 1
#define VRING_DESC_F_WRITE 2
#define VRING_DESC_F_INDIRECT 4
#define VRING_AVAIL_F_NO_INTERRUPT 1
#define VRING_USED_F_NO_NOTIFY 1
#define VRING_DESC_SIZE 16u
#define VRING_CHAIN_MAX 1024u

typedef struct VRingSeg {
    uint64_t addr;          /* guest physical */
    uint32_t len;           /* bytes, >= 1 */
} VRingSeg;

typedef struct VRingChain {
    unsigned out_num;                   /* device-readable, seg[0 .. out_num) */
    unsigned in_num;                    /* device-writable, seg[out_num .. out_num + in_num) */
    VRingSeg seg[VRING_CHAIN_MAX];
} VRingChain;

/**
 * VRingFetch: copy @len bytes of guest memory at @addr to @buf.
 * Returns false if any of it is not memory.
 */
typedef bool VRingFetch(void *opaque, uint64_t addr, void *buf, unsigned len);

/**
 * vring_parse_chain: read the chain that starts at descriptor @head.
 * @desc: guest address of the table; @num: its size, 1..VRING_CHAIN_MAX. @indirect_ok: feature negotiated.
 * Returns NULL and fills @ret, or a static text that says what the guest did wrong.
 */
G_GNUC_WARN_UNUSED_RESULT
const char *vring_parse_chain(VRingFetch *fetch, void *opaque, uint64_t desc, unsigned num, unsigned head,
                              bool indirect_ok, VRingChain *ret);

/** vring_need_event: did an index move from @old_idx to @new_idx pass @event_idx? (2.7.10) */
static inline bool vring_need_event(uint16_t event_idx, uint16_t new_idx, uint16_t old_idx)
{
    return (uint16_t)(new_idx - event_idx - 1) < (uint16_t)(new_idx - old_idx);
}

static inline uint64_t vring_desc_bytes(unsigned num)
{
    return (uint64_t)VRING_DESC_SIZE * num;
}

/* Event index included: the last field of either ring. */
static inline uint64_t vring_avail_bytes(unsigned num)
{
    return 6 + 2 * (uint64_t)num;
}

static inline uint64_t vring_used_bytes(unsigned num)
{
    return 6 + 8 * (uint64_t)num;
}

#endif
