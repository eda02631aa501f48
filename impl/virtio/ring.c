/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading descriptor chains. See ring.h.
 */
#include "virtio/ring.h"

#include "base/bytes.h"

typedef struct VRingDesc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
} VRingDesc;

static bool vring_read_desc(VRingFetch *fetch, void *opaque, uint64_t table, unsigned i, VRingDesc *ret)
{
    uint8_t raw[VRING_DESC_SIZE];

    if (!fetch(opaque, table + (uint64_t)i * VRING_DESC_SIZE, raw, sizeof(raw))) {
        return false;
    }
    ret->addr = ld64_le(raw);
    ret->len = ld32_le(raw + 8);
    ret->flags = ld16_le(raw + 12);
    ret->next = ld16_le(raw + 14);
    return true;
}

static const char *vring_add_seg(VRingChain *chain, const VRingDesc *d)
{
    unsigned n = chain->out_num + chain->in_num;
    uint64_t end;

    if (n == VRING_CHAIN_MAX) {
        return "too many descriptors in one chain";
    }
    if (d->len == 0) {
        return "zero sized buffers are not allowed";
    }
    if (u64_add_overflows(d->addr, d->len, &end)) {
        return "buffer wraps around the address space";
    }
    if (d->flags & VRING_DESC_F_WRITE) {
        chain->in_num++;
    } else if (chain->in_num) {
        return "incorrect order for descriptors";       /* (I3) */
    } else {
        chain->out_num++;
    }
    chain->seg[n] = (VRingSeg){ .addr = d->addr, .len = d->len };
    return NULL;
}

const char *vring_parse_chain(VRingFetch *fetch, void *opaque, uint64_t desc, unsigned num, unsigned head,
                              bool indirect_ok, VRingChain *ret)
{
    unsigned seen = 0;
    unsigned i = head;
    VRingDesc d;
    const char *err;

    ret->out_num = 0;
    ret->in_num = 0;
    if (head >= num) {
        return "head descriptor outside the table";
    }
    if (!vring_read_desc(fetch, opaque, desc, i, &d)) {
        return "descriptor table outside memory";
    }
    if (d.flags & VRING_DESC_F_INDIRECT) {
        if (!indirect_ok) {
            return "indirect descriptor without the feature";
        }
        if (d.flags & VRING_DESC_F_NEXT) {
            return "indirect descriptor with a successor";
        }
        if (d.len == 0 || d.len % VRING_DESC_SIZE) {
            return "invalid size for indirect buffer table";
        }
        desc = d.addr;
        num = MIN(d.len / VRING_DESC_SIZE, VRING_CHAIN_MAX);
        i = 0;
        if (!vring_read_desc(fetch, opaque, desc, i, &d)) {
            return "indirect table outside memory";
        }
    }
    for (;;) {
        if (d.flags & VRING_DESC_F_INDIRECT) {
            return "nested indirect descriptor";
        }
        err = vring_add_seg(ret, &d);
        if (err) {
            return err;
        }
        if (!(d.flags & VRING_DESC_F_NEXT)) {
            return NULL;
        }
        if (++seen == num) {
            return "looped descriptor";         /* (I2): before reading a descriptor that cannot be used */
        }
        i = d.next;
        if (i >= num) {
            return "descriptor next outside the table";
        }
        if (!vring_read_desc(fetch, opaque, desc, i, &d)) {
            return "descriptor table outside memory";
        }
    }
}
