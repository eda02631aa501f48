/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For unit tests of virtio devices: the test is the guest. It finds one device in slot 2 of a small PCI board through
 * its registers, sets up its queues in guest memory, and puts requests there.
 */
#ifndef DEVICES_TEST_VIRTIO_GUEST_H
#define DEVICES_TEST_VIRTIO_GUEST_H

#include "aio/wait.h"
#include "base/bytes.h"
#include "devices/pci/pci.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "virtio/virtio_int.h"

#define VG_RAM_SIZE (4 * MiB)
#define VG_BAR 0xe0000000ULL
#define VG_NUM 16                       /* size of queues that may be that large */
#define VG_DATA 0x200000                /* free for the test, up to the end of RAM */
#define VG_QUEUES 8

typedef struct VGuest {
    MemoryRegion ram;
    DeviceState *host;
    DeviceState *dev;
    VirtIODevice *vdev;
    unsigned queues;
    uint64_t features;                  /* to accept of what is offered */
    uint16_t num[VG_QUEUES];
    uint16_t avail[VG_QUEUES];
    uint16_t seen[VG_QUEUES];           /* of the used ring */
} VGuest;

static inline AddressSpace *vg_mem(void)
{
    return get_address_space_memory();
}

static inline uint64_t vg_ring(unsigned q, unsigned which)
{
    return 0x10000 * (q + 1) + 0x1000 * which;
}

static inline void vg_cfg_write(unsigned reg, uint32_t val)
{
    cpu_outl(0xcf8, 0x80000000u | 2 << 11 | reg);
    cpu_outl(0xcfc, val);
}

/* From reset to DRIVER_OK, with the first g->queues queues. */
static inline void vg_driver_up(VGuest *g)
{
    uint64_t offered;

    stb_phys(vg_mem(), VG_BAR + 0x14, 0);
    stb_phys(vg_mem(), VG_BAR + 0x14, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    stb_phys(vg_mem(), VG_BAR + 0x14, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    stl_le_phys(vg_mem(), VG_BAR + 0x00, 0);
    offered = ldl_le_phys(vg_mem(), VG_BAR + 0x04);
    stl_le_phys(vg_mem(), VG_BAR + 0x00, 1);
    offered |= (uint64_t)ldl_le_phys(vg_mem(), VG_BAR + 0x04) << 32;
    offered &= g->features | UINT64_C(1) << VIRTIO_F_VERSION_1;
    stl_le_phys(vg_mem(), VG_BAR + 0x08, 0);
    stl_le_phys(vg_mem(), VG_BAR + 0x0c, offered);
    stl_le_phys(vg_mem(), VG_BAR + 0x08, 1);
    stl_le_phys(vg_mem(), VG_BAR + 0x0c, offered >> 32);
    stb_phys(vg_mem(), VG_BAR + 0x14, 0x0b);
    g_assert_cmphex(ldub_phys(vg_mem(), VG_BAR + 0x14), ==, 0x0b);
    for (unsigned q = 0; q < g->queues; q++) {
        for (unsigned a = 0; a < 0x3000; a += 8) {
            stq_le_phys(vg_mem(), vg_ring(q, 0) + a, 0);
        }
        stw_le_phys(vg_mem(), VG_BAR + 0x16, q);
        g->num[q] = MIN(VG_NUM, g->vdev->vq[q].num_default);
        stw_le_phys(vg_mem(), VG_BAR + 0x18, g->num[q]);
        stl_le_phys(vg_mem(), VG_BAR + 0x20, vg_ring(q, 0));
        stl_le_phys(vg_mem(), VG_BAR + 0x28, vg_ring(q, 1));
        stl_le_phys(vg_mem(), VG_BAR + 0x30, vg_ring(q, 2));
        stw_le_phys(vg_mem(), VG_BAR + 0x1c, 1);
        g->avail[q] = g->seen[q] = 0;
    }
    stb_phys(vg_mem(), VG_BAR + 0x14, 0x0f);
    g_assert_cmphex(ldub_phys(vg_mem(), VG_BAR + 0x14), ==, 0x0f);
}

/* @kv: properties of @driver, "key", "value", ..., NULL. The driver is not up yet. */
static inline VGuest *vg_new(const char *driver, const char *const *kv, unsigned queues, uint64_t features)
{
    static const char *const at0[] = { "addr", "00.0", NULL };
    static const char *const at1[] = { "addr", "01.0", NULL };
    VGuest *g = g_new0(VGuest, 1);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;

    g->queues = queues;
    g->features = features;
    g_assert_true(memory_region_init_ram(&g->ram, NULL, "ram", VG_RAM_SIZE, &err));
    memory_region_add_subregion(get_system_memory(), 0, &g->ram);
    g->host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    (void)test_board_add(&i440fx_class, &i440fx_pci_bus(g->host)->bus, at0);
    (void)test_board_add(&piix3_class, &i440fx_pci_bus(g->host)->bus, at1);
    for (; kv && *kv; kv++) {
        g_ptr_array_add(opts, (char *)*kv);
    }
    g->dev = qdev_device_add(driver, opts, &err);
    g_assert_no_error(err);
    g->vdev = (VirtIODevice *)g->dev->klass->prop_target(g->dev);
    vg_cfg_write(0x20, VG_BAR);
    vg_cfg_write(0x24, 0);
    vg_cfg_write(0x04, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    vm_start();
    return g;
}

static inline void vg_free(VGuest *g)
{
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    device_free(g->host);
    memory_region_del_subregion(get_system_memory(), &g->ram);
    memory_region_finalize(&g->ram);
    g_free(g);
}

static inline void vg_desc(unsigned q, unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
    uint64_t at = vg_ring(q, 0) + 16 * i;

    stq_le_phys(vg_mem(), at, addr);
    stl_le_phys(vg_mem(), at + 8, len);
    stw_le_phys(vg_mem(), at + 12, flags);
    stw_le_phys(vg_mem(), at + 14, next);
}

static inline void vg_avail(VGuest *g, unsigned q, unsigned head)
{
    stw_le_phys(vg_mem(), vg_ring(q, 1) + 4 + 2 * (g->avail[q] % g->num[q]), head);
    stw_le_phys(vg_mem(), vg_ring(q, 1) + 2, ++g->avail[q]);
}

/* One buffer that the device may write: descriptor @i of queue @q. */
static inline void vg_in(VGuest *g, unsigned q, unsigned i, uint64_t addr, uint32_t len)
{
    vg_desc(q, i, addr, len, VRING_DESC_F_WRITE, 0);
    vg_avail(g, q, i);
}

/* One buffer that the device may read. */
static inline void vg_out(VGuest *g, unsigned q, unsigned i, uint64_t addr, uint32_t len)
{
    vg_desc(q, i, addr, len, 0, 0);
    vg_avail(g, q, i);
}

static inline void vg_kick(unsigned q)
{
    stw_le_phys(vg_mem(), VG_BAR + 0x3000 + 4 * q, q);
}

static inline uint16_t vg_used(unsigned q)
{
    return lduw_le_phys(vg_mem(), vg_ring(q, 2) + 2);
}

/* Waits for the next used element. Returns its length and, in @ret_head, its head. */
static inline uint32_t vg_wait_used(VGuest *g, unsigned q, unsigned *ret_head)
{
    uint64_t at;

    while (vg_used(q) == g->seen[q]) {
        main_loop_wait(vg_used(q) != g->seen[q]);
    }
    at = vg_ring(q, 2) + 4 + 8 * (g->seen[q]++ % g->num[q]);
    if (ret_head) {
        *ret_head = ldl_le_phys(vg_mem(), at);
    }
    return ldl_le_phys(vg_mem(), at + 4);
}

/* Whatever could happen has happened. */
static inline void vg_settle(void)
{
    for (unsigned i = 0; i < 5; i++) {
        main_loop_wait(true);
    }
}

static inline void vg_write(uint64_t addr, const void *buf, size_t len)
{
    g_assert_cmpint(address_space_write(vg_mem(), addr, MEMTXATTRS_UNSPECIFIED, buf, len), ==, MEMTX_OK);
}

static inline void vg_read(uint64_t addr, void *buf, size_t len)
{
    g_assert_cmpint(address_space_read(vg_mem(), addr, MEMTXATTRS_UNSPECIFIED, buf, len), ==, MEMTX_OK);
}

#define VG_CONFIG (VG_BAR + 0x2000)

#endif
