/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access to guest memory and I/O ports: splitting, size adjustment, dispatch to devices.
 *
 * Context: any thread. RAM is touched directly; device callbacks run under the BQL, taken here if the caller
 * does not hold it (and released again, so a device access is one critical section).
 * Each step of a long access takes the flat view anew: a callback may have changed the map.
 */
#include "mem/memory_int.h"

#include "aio/aio.h"
#include "aio/bql.h"
#include "base/assert.h"
#include "base/bytes.h"

/* ---- One access to one region ---- */

static bool access_is_valid(MemoryRegion *mr, hwaddr addr, unsigned size, bool is_write, MemTxAttrs attrs)
{
    const MemoryRegionOps *ops = mr->ops;

    if (ops->valid.accepts && !ops->valid.accepts(mr->opaque, addr, size, is_write, attrs)) {
        return false;
    }
    if (!ops->valid.unaligned && (addr & (size - 1))) {
        return false;
    }
    if (!ops->valid.max_access_size) {
        return true;
    }
    return size >= ops->valid.min_access_size && size <= ops->valid.max_access_size;
}

static uint64_t size_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (size * 8)) - 1;
}

static uint64_t swap_if_big_endian(const MemoryRegion *mr, uint64_t v, unsigned size)
{
    if (mr->ops->endianness != DEVICE_BIG_ENDIAN) {
        return v;
    }
    switch (size) {
    case 2:
        return GUINT16_SWAP_LE_BE((uint16_t)v);
    case 4:
        return GUINT32_SWAP_LE_BE((uint32_t)v);
    case 8:
        return GUINT64_SWAP_LE_BE(v);
    default:
        return v;
    }
}

static unsigned impl_access_size(const MemoryRegion *mr, unsigned size)
{
    unsigned min = mr->ops->impl.min_access_size ? mr->ops->impl.min_access_size : 1;
    unsigned max = mr->ops->impl.max_access_size ? mr->ops->impl.max_access_size : 4;

    return MAX(MIN(size, max), min);
}

/* Where part @i of a split access goes in the value: device order decides. */
static int part_shift(const MemoryRegion *mr, unsigned size, unsigned step, unsigned i)
{
    return mr->ops->endianness == DEVICE_BIG_ENDIAN ? ((int)size - (int)step - (int)i) * 8 : (int)i * 8;
}

static MemTxResult region_read(MemoryRegion *mr, hwaddr addr, uint64_t *pval, unsigned size, MemTxAttrs attrs)
{
    unsigned step = impl_access_size(mr, size);
    MemTxResult r = MEMTX_OK;

    *pval = 0;
    for (unsigned i = 0; i < size; i += step) {
        int shift = part_shift(mr, size, step, i);
        uint64_t v = 0;

        if (mr->ops->read) {
            v = mr->ops->read(mr->opaque, addr + i, step);
        } else if (mr->ops->read_with_attrs) {
            r |= mr->ops->read_with_attrs(mr->opaque, addr + i, &v, step, attrs);
        } else {
            v = UINT64_MAX;
        }
        v &= size_mask(step);
        *pval |= shift >= 0 ? v << shift : v >> -shift;
    }
    *pval &= size_mask(size);
    return r;
}

static MemTxResult region_write(MemoryRegion *mr, hwaddr addr, uint64_t data, unsigned size, MemTxAttrs attrs)
{
    unsigned step = impl_access_size(mr, size);
    MemTxResult r = MEMTX_OK;

    data &= size_mask(size);
    for (unsigned i = 0; i < size; i += step) {
        int shift = part_shift(mr, size, step, i);
        uint64_t v = (shift >= 0 ? data >> shift : data << -shift) & size_mask(step);

        if (mr->ops->write) {
            mr->ops->write(mr->opaque, addr + i, v, step);
        } else if (mr->ops->write_with_attrs) {
            r |= mr->ops->write_with_attrs(mr->opaque, addr + i, v, step, attrs);
        }
    }
    return r;
}

static bool ring_eventfd(MemoryRegion *mr, hwaddr addr, uint64_t data, unsigned size)
{
    for (unsigned i = 0; i < mr->ioeventfds->len; i++) {
        const MemoryRegionIoeventfd *fd = &g_array_index(mr->ioeventfds, MemoryRegionIoeventfd, i);

        if (fd->addr == addr && (fd->size == 0 || fd->size == size) &&
            (!fd->match_data || fd->data == (data & size_mask(size)))) {
            event_notifier_set(fd->e);
            return true;
        }
    }
    return false;
}

/* Regions with memory reach here only for the half that is not direct: reads outside romd mode, writes. */
MemTxResult memory_region_dispatch_read(MemoryRegion *mr, hwaddr addr, uint64_t *pval, unsigned size,
                                        MemTxAttrs attrs)
{
    bool take_bql = !bql_locked();
    MemTxResult r;

    if (!access_is_valid(mr, addr, size, false, attrs)) {
        *pval = size_mask(size);
        return MEMTX_DECODE_ERROR;
    }
    if (take_bql) {
        bql_lock();
    }
    r = region_read(mr, addr, pval, size, attrs);
    if (take_bql) {
        bql_unlock();
    }
    *pval = swap_if_big_endian(mr, *pval, size);
    return r;
}

MemTxResult memory_region_dispatch_write(MemoryRegion *mr, hwaddr addr, uint64_t data, unsigned size,
                                         MemTxAttrs attrs)
{
    bool take_bql = !bql_locked();
    MemTxResult r = MEMTX_OK;

    if (!access_is_valid(mr, addr, size, true, attrs)) {
        return MEMTX_DECODE_ERROR;
    }
    if (take_bql) {
        bql_lock();
    }
    data = swap_if_big_endian(mr, data, size);
    if (!ring_eventfd(mr, addr, data, size)) {
        r = region_write(mr, addr, data, size, attrs);
    }
    if (take_bql) {
        bql_unlock();
    }
    return r;
}

/* ---- Runs of bytes ---- */

/* The largest access the region takes at @addr for a copy of @len bytes. */
static unsigned copy_access_size(const MemoryRegion *mr, hwaddr addr, uint64_t len)
{
    unsigned max = mr->ops->valid.max_access_size ? mr->ops->valid.max_access_size : 4;

    if (!mr->ops->impl.unaligned && addr) {
        uint64_t align = addr & -addr;

        max = (unsigned)MIN((uint64_t)max, align);
    }
    max = MIN(max, 8);
    while (max > len) {
        max >>= 1;
    }
    return max;
}

/* One step of a copy: the part of it inside one range (or one gap, or one device access). */
typedef struct Step {
    hwaddr addr;
    uint8_t *buf;
    uint64_t len;
    bool is_write;
    MemTxAttrs attrs;
} Step;

static uint64_t step_device(const FlatRange *fr, const Step *s, MemTxResult *r)
{
    hwaddr off = fr->offset_in_region + (s->addr - fr->addr);
    unsigned size = copy_access_size(fr->mr, off, MIN(s->len, fr->size - (s->addr - fr->addr)));
    uint64_t v = 0;

    if (s->is_write) {
        memcpy(&v, s->buf, size);
        *r |= memory_region_dispatch_write(fr->mr, off, GUINT64_FROM_LE(v), size, s->attrs);
    } else {
        *r |= memory_region_dispatch_read(fr->mr, off, &v, size, s->attrs);
        v = GUINT64_TO_LE(v);
        memcpy(s->buf, &v, size);
    }
    return size;
}

static uint64_t step_rw(const FlatView *view, const Step *s, MemTxResult *r)
{
    const FlatRange *fr = flatview_lookup(view, s->addr);
    uint8_t *host;
    uint64_t n;

    if (!fr) {
        n = flatview_gap(view, s->addr, s->len);
        if (!s->is_write) {
            memset(s->buf, 0xff, n);
        }
        *r |= MEMTX_DECODE_ERROR;
        return n;
    }
    n = MIN(s->len, fr->size - (s->addr - fr->addr));
    host = flatrange_ram_ptr(fr, s->addr, s->is_write);
    if (!host) {
        return step_device(fr, s, r);
    }
    if (s->is_write) {
        memcpy(host, s->buf, n);
        ram_block_set_dirty(fr->mr->ram_block, (uint64_t)(host - fr->mr->ram_block->host), n);   /* (I3) */
    } else {
        memcpy(s->buf, host, n);
    }
    return n;
}

MemTxResult address_space_rw(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, void *buf, hwaddr len,
                             bool is_write)
{
    Step s = { .addr = addr, .buf = buf, .len = len, .is_write = is_write, .attrs = attrs };
    MemTxResult r = MEMTX_OK;

    while (s.len) {
        FlatView *view = address_space_get_flatview(as);
        uint64_t n = step_rw(view, &s, &r);

        flatview_unref(view);
        s.addr += n;   /* wraps at 2^64 as the bus does */
        s.buf += n;
        s.len -= n;
    }
    return r;
}

MemTxResult address_space_read(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, void *buf, hwaddr len)
{
    return address_space_rw(as, addr, attrs, buf, len, false);
}

MemTxResult address_space_write(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, const void *buf, hwaddr len)
{
    return address_space_rw(as, addr, attrs, (void *)buf, len, true);   /* only read from when writing */
}

MemTxResult address_space_write_rom(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, const void *buf, hwaddr len)
{
    FlatView *view = address_space_get_flatview(as);
    const uint8_t *src = buf;
    MemTxResult r = MEMTX_OK;

    while (len) {
        const FlatRange *fr = flatview_lookup(view, addr);
        uint64_t n;

        if (!fr) {
            n = flatview_gap(view, addr, len);
            r |= MEMTX_DECODE_ERROR;
        } else {
            n = MIN(len, fr->size - (addr - fr->addr));
            if (fr->mr->ram_block) {
                uint64_t off = fr->offset_in_region + (addr - fr->addr);

                memcpy(fr->mr->ram_block->host + off, src, n);
                ram_block_set_dirty(fr->mr->ram_block, off, n);
            }
        }
        addr += n;
        src += n;
        len -= n;
    }
    flatview_unref(view);
    return r;
}

/* ---- Single accesses ---- */

/*
 * A CPU access is one access to the device, whatever its alignment; only one that leaves the device's region is cut.
 * That differs from the DMA copy above on purpose: a 4-byte register must see one 4-byte access, even if another
 * device sits on top of part of it (the PC's reset port 0xcf9 lies inside the PCI address register 0xcf8).
 */
static bool single_access(const FlatRange *fr, hwaddr addr, unsigned size, bool is_write)
{
    if (!fr || flatrange_is_direct(fr, is_write)) {
        return false;
    }
    return memory_region_size(fr->mr) - (fr->offset_in_region + (addr - fr->addr)) >= size;
}

uint64_t address_space_ld(AddressSpace *as, hwaddr addr, unsigned size, MemTxAttrs attrs, MemTxResult *result)
{
    FlatView *view = address_space_get_flatview(as);
    const FlatRange *fr = flatview_lookup(view, addr);
    MemTxResult r = MEMTX_OK;
    uint64_t v = 0;

    if (single_access(fr, addr, size, false)) {
        MemoryRegion *mr = fr->mr;
        hwaddr off = fr->offset_in_region + (addr - fr->addr);

        flatview_unref(view);
        r = memory_region_dispatch_read(mr, off, &v, size, attrs);
    } else {
        flatview_unref(view);
        r = address_space_rw(as, addr, attrs, &v, size, false);
        v = GUINT64_FROM_LE(v);
    }
    if (result) {
        *result |= r;
    }
    return v;
}

void address_space_st(AddressSpace *as, hwaddr addr, uint64_t val, unsigned size, MemTxAttrs attrs,
                      MemTxResult *result)
{
    FlatView *view = address_space_get_flatview(as);
    const FlatRange *fr = flatview_lookup(view, addr);
    MemTxResult r = MEMTX_OK;

    if (single_access(fr, addr, size, true)) {
        MemoryRegion *mr = fr->mr;
        hwaddr off = fr->offset_in_region + (addr - fr->addr);

        flatview_unref(view);
        r = memory_region_dispatch_write(mr, off, val, size, attrs);
    } else {
        flatview_unref(view);
        val = GUINT64_TO_LE(val);
        r = address_space_rw(as, addr, attrs, &val, size, true);
    }
    if (result) {
        *result |= r;
    }
}

#define DEFINE_PHYS(ldname, stname, type)                                                \
    type ldname(AddressSpace *as, hwaddr addr)                                           \
    {                                                                                    \
        return (type)address_space_ld(as, addr, sizeof(type), MEMTXATTRS_UNSPECIFIED, NULL); \
    }                                                                                    \
    void stname(AddressSpace *as, hwaddr addr, type val)                                 \
    {                                                                                    \
        address_space_st(as, addr, val, sizeof(type), MEMTXATTRS_UNSPECIFIED, NULL);     \
    }
DEFINE_PHYS(ldub_phys, stb_phys, uint8_t)
DEFINE_PHYS(lduw_le_phys, stw_le_phys, uint16_t)
DEFINE_PHYS(ldl_le_phys, stl_le_phys, uint32_t)
DEFINE_PHYS(ldq_le_phys, stq_le_phys, uint64_t)
#undef DEFINE_PHYS

#define DEFINE_PORT(inname, outname, type)                                                  \
    type inname(uint32_t port)                                                              \
    {                                                                                       \
        return (type)address_space_ld(get_address_space_io(), port & 0xffff, sizeof(type),  \
                                      MEMTXATTRS_UNSPECIFIED, NULL);                        \
    }                                                                                       \
    void outname(uint32_t port, type val)                                                   \
    {                                                                                       \
        address_space_st(get_address_space_io(), port & 0xffff, val, sizeof(type),          \
                         MEMTXATTRS_UNSPECIFIED, NULL);                                     \
    }
DEFINE_PORT(cpu_inb, cpu_outb, uint8_t)
DEFINE_PORT(cpu_inw, cpu_outw, uint16_t)
DEFINE_PORT(cpu_inl, cpu_outl, uint32_t)
#undef DEFINE_PORT
