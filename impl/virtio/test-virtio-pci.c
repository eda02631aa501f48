/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: a driver from before virtio 1.0 and a modern one both reach the disk, and both get the interrupts they set
 * up: the pin, or the MSI-X messages of queue and configuration.
 * Method: the test is the driver of a virtio-blk-pci on a null node; messages go to RAM.
 */
#include "aio/iothread.h"
#include "aio/wait.h"
#include "base/bytes.h"
#include "block/backend.h"
#include "devices/pci/msix.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "virtio/pci.h"
#include "virtio/virtio_int.h"

#define RAM_SIZE (1 * MiB)
#define BAR 0xe0000000ULL
#define TABLE 0xe1000000ULL
#define IO 0xc000
#define RINGS 0x10000           /* a legacy queue of 256: descriptors, available ring, used ring on the next page */
#define AVAIL (RINGS + 0x1000)
#define USED (RINGS + 0x2000)
#define HDR 0x4000
#define DATA 0x5000
#define STATUS 0x6000
#define MSG_CONFIG 0x7000
#define MSG_QUEUE 0x7004

typedef struct Guest {
    MemoryRegion ram;
    DeviceState *host;
    DeviceState *dev;
    IOThread *iothread;
    VirtIODevice *vdev;
    VirtQueue *vq;
    uint16_t avail;
} Guest;

static AddressSpace *mem(void)
{
    return get_address_space_memory();
}

static uint32_t cfg_read(const Guest *g, unsigned reg, unsigned len)
{
    PCIDevice *d = (PCIDevice *)g->dev;

    return pci_data_read(pci_get_bus(d), d->devfn << 8 | reg, len);
}

static void cfg_write(const Guest *g, unsigned reg, uint32_t val, unsigned len)
{
    PCIDevice *d = (PCIDevice *)g->dev;

    pci_data_write(pci_get_bus(d), d->devfn << 8 | reg, val, len);
}

static Guest *guest_new(const char *const *kv)
{
    static const char *const at0[] = { "addr", "00.0", NULL };
    static const char *const at1[] = { "addr", "01.0", NULL };
    Guest *g = g_new0(Guest, 1);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;

    g_assert_true(memory_region_init_ram(&g->ram, NULL, "ram", RAM_SIZE, &err));
    memory_region_add_subregion(get_system_memory(), 0, &g->ram);
    g_assert_true(blockdev_add(qdict_from_keyval("driver=null-co,node-name=d,size=1048576,read-zeroes=on", NULL, &err),
                               &err));
    g->host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    (void)test_board_add(&i440fx_class, &i440fx_pci_bus(g->host)->bus, at0);
    (void)test_board_add(&piix3_class, &i440fx_pci_bus(g->host)->bus, at1);
    g_ptr_array_add(opts, (char *)"drive");
    g_ptr_array_add(opts, (char *)"d");
    for (; kv && *kv; kv++) {
        g_ptr_array_add(opts, (char *)*kv);
        if (strcmp(*kv, "iothread") == 0) {
            g->iothread = iothread_create(kv[1], &err);
        }
    }
    g->dev = qdev_device_add("virtio-blk-pci", opts, &err);
    g_assert_no_error(err);
    g->vdev = (VirtIODevice *)g->dev->klass->prop_target(g->dev);
    g->vq = virtio_get_queue(g->vdev, 0);
    cfg_write(g, 0x10, IO, 4);
    cfg_write(g, 0x14, TABLE, 4);
    cfg_write(g, 0x20, BAR, 4);
    cfg_write(g, 0x24, 0, 4);
    cfg_write(g, 0x04, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
    vm_start();
    return g;
}

static void guest_free(Guest *g)
{
    GError *err = NULL;

    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    device_free(g->host);
    g_assert_true(blockdev_del("d", &err));
    iothread_destroy(g->iothread);
    memory_region_del_subregion(get_system_memory(), &g->ram);
    memory_region_finalize(&g->ram);
    g_free(g);
}

static void put_desc(unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
    stq_le_phys(mem(), RINGS + 16 * i, addr);
    stl_le_phys(mem(), RINGS + 16 * i + 8, len);
    stw_le_phys(mem(), RINGS + 16 * i + 12, flags);
    stw_le_phys(mem(), RINGS + 16 * i + 14, next);
}

static void put_read(Guest *g)
{
    put_desc(0, HDR, 16, 1, 1);
    put_desc(1, DATA, 512, 3, 2);
    put_desc(2, STATUS, 1, 2, 0);
    stq_le_phys(mem(), HDR, 0);
    stq_le_phys(mem(), HDR + 8, 0);
    stb_phys(mem(), STATUS, 0xff);
    stq_le_phys(mem(), DATA, ~UINT64_C(0));
    stw_le_phys(mem(), AVAIL + 4 + 2 * g->avail, 0);
    stw_le_phys(mem(), AVAIL + 2, ++g->avail);
}

static bool not_used(void *opaque)
{
    return lduw_le_phys(mem(), USED + 2) != *(uint16_t *)opaque;
}

static bool no_message(void *opaque)
{
    return ldl_le_phys(mem(), MSG_QUEUE) == 0;
}

static bool no_pin(void *opaque)
{
    return !(cfg_read(opaque, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
}

static void wait_while(bool (*cond)(void *), void *opaque)
{
    while (cond(opaque)) {
        main_loop_wait(false);
    }
}

static void check_done(Guest *g)
{
    wait_while(not_used, &g->avail);
    g_assert_cmphex(ldub_phys(mem(), STATUS), ==, 0);
    g_assert_cmphex(ldl_le_phys(mem(), DATA), ==, 0);
}

static void table_set(unsigned v, uint32_t addr, uint32_t data)
{
    stl_le_phys(mem(), TABLE + v * 16, addr);
    stl_le_phys(mem(), TABLE + v * 16 + 4, 0);
    stl_le_phys(mem(), TABLE + v * 16 + 8, data);
    stl_le_phys(mem(), TABLE + v * 16 + 12, 0);
}

static void msix_on(const Guest *g)
{
    cfg_write(g, ((PCIDevice *)g->dev)->msix_cap + 2, 0x8000, 2);
    table_set(0, MSG_CONFIG, 0xc0);
    table_set(1, MSG_QUEUE, 0xc1);
}

static void legacy_up(Guest *g)
{
    cpu_outb(IO + 0x12, 0);
    cpu_outb(IO + 0x12, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    cpu_outb(IO + 0x12, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    g_assert_cmphex(cfg_read(g, PCI_COMMAND, 2) & PCI_COMMAND_MASTER, !=, 0);
    g_assert_cmphex(cpu_inl(IO), ==, (uint32_t)g->vdev->host_features);
    cpu_outl(IO + 4, 0);
    cpu_outw(IO + 0x0e, 0);
    g_assert_cmpuint(cpu_inw(IO + 0x0c), ==, 256);
    g_assert_cmphex(cpu_inl(IO + 8), ==, 0);
    cpu_outl(IO + 8, RINGS >> 12);
    g_assert_cmphex(cpu_inl(IO + 8), ==, RINGS >> 12);
    g_assert_cmphex(virtio_queue_get_used_addr(g->vdev, 0), ==, USED);
}

static void test_legacy_pin(void)
{
    Guest *g = guest_new(NULL);

    g_assert_cmphex(cfg_read(g, 0, 4), ==, 0x10011af4);
    g_assert_cmphex(cfg_read(g, PCI_SUBSYSTEM_ID, 2), ==, VIRTIO_ID_BLOCK);
    legacy_up(g);
    g_assert_cmpuint(cpu_inl(IO + 0x14), ==, 2048);     /* sectors */
    g_assert_cmpuint(cpu_inl(IO + 0x18), ==, 0);
    cpu_outb(IO + 0x12, 7);
    g_assert_cmphex(cpu_inb(IO + 0x12), ==, 7);
    put_read(g);
    cpu_outw(IO + 0x10, 0);
    check_done(g);
    wait_while(no_pin, g);
    g_assert_cmphex(cpu_inb(IO + 0x13), ==, 1);
    g_assert_cmphex(cfg_read(g, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, 0);
    cpu_outw(IO + 0x10, 1);                             /* queues that are not there */
    cpu_outw(IO + 0x10, 0xffff);
    cpu_outw(IO + 0x0e, 5);
    g_assert_cmpuint(cpu_inw(IO + 0x0c), ==, 0);
    cpu_outl(IO + 8, 1);
    cpu_outw(IO + 0x0e, 0xffff);
    cpu_outl(IO + 8, 0);                                /* gives the device back */
    g_assert_cmphex(cpu_inb(IO + 0x12), ==, 0);
    guest_free(g);
}

static void test_legacy_msix(void)
{
    static const char *const kv[] = { "iothread", "t0", NULL };
    Guest *g = guest_new(kv);

    msix_on(g);
    legacy_up(g);
    g_assert_cmpuint(cpu_inl(IO + 0x18), ==, 2048);     /* moved by the vectors */
    cpu_outw(IO + 0x14, 2);
    g_assert_cmphex(cpu_inw(IO + 0x14), ==, VIRTIO_NO_VECTOR);
    cpu_outw(IO + 0x14, 0);
    cpu_outw(IO + 0x16, 1);
    g_assert_cmphex(cpu_inw(IO + 0x16), ==, 1);
    cpu_outb(IO + 0x12, 7);
    put_read(g);
    cpu_outw(IO + 0x10, 0);
    check_done(g);
    wait_while(no_message, NULL);
    g_assert_cmphex(ldl_le_phys(mem(), MSG_QUEUE), ==, 0xc1);
    g_assert_cmphex(ldl_le_phys(mem(), MSG_CONFIG), ==, 0);
    g_assert_cmphex(cfg_read(g, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, 0);
    virtio_notify_config(g->vdev);
    g_assert_cmphex(ldl_le_phys(mem(), MSG_CONFIG), ==, 0xc0);
    guest_free(g);
}

static void test_modern_msix(void)
{
    static const char *const kv[] = { "disable-legacy", "on", "iothread", "t0", "num-queues", "3", NULL };
    Guest *g = guest_new(kv);

    g_assert_cmphex(cfg_read(g, 0, 4), ==, 0x10421af4);
    g_assert_cmphex(cfg_read(g, 0x10, 4), ==, 0);
    cfg_write(g, 0x04, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    g_assert_cmpuint(msix_nr_entries((PCIDevice *)g->dev), ==, 4);
    msix_on(g);
    stb_phys(mem(), BAR + 0x14, 3);
    stl_le_phys(mem(), BAR + 0x08, 1);
    stl_le_phys(mem(), BAR + 0x0c, 1);
    stb_phys(mem(), BAR + 0x14, 0x0b);
    stw_le_phys(mem(), BAR + 0x10, 4);
    g_assert_cmphex(lduw_le_phys(mem(), BAR + 0x10), ==, VIRTIO_NO_VECTOR);
    stw_le_phys(mem(), BAR + 0x10, 0);
    stw_le_phys(mem(), BAR + 0x16, 2);
    stw_le_phys(mem(), BAR + 0x1a, 1);
    g_assert_cmphex(lduw_le_phys(mem(), BAR + 0x1a), ==, 1);
    stl_le_phys(mem(), BAR + 0x20, RINGS);
    stl_le_phys(mem(), BAR + 0x28, AVAIL);
    stl_le_phys(mem(), BAR + 0x30, USED);
    stw_le_phys(mem(), BAR + 0x1c, 1);
    stb_phys(mem(), BAR + 0x14, 0x0f);
    put_read(g);
    stw_le_phys(mem(), BAR + 0x3000 + 2 * 4, 2);
    check_done(g);
    wait_while(no_message, NULL);
    g_assert_cmphex(ldl_le_phys(mem(), MSG_QUEUE), ==, 0xc1);
    stb_phys(mem(), BAR + 0x14, 0);
    stw_le_phys(mem(), BAR + 0x16, 2);
    g_assert_cmphex(lduw_le_phys(mem(), BAR + 0x1a), ==, VIRTIO_NO_VECTOR);
    guest_free(g);
}

/* Without the modern interface there is no VERSION_1, no modern BAR and only MSI-X in the list of capabilities. */
static void test_legacy_only(void)
{
    static const char *const kv[] = { "disable-modern", "on", "vectors", "0", NULL };
    Guest *g = guest_new(kv);

    g_assert_false(virtio_has_feature(g->vdev->host_features, VIRTIO_F_VERSION_1));
    g_assert_cmphex(cfg_read(g, 0x20, 4), ==, 0);
    g_assert_cmphex(cfg_read(g, PCI_CAPABILITY_LIST, 1), ==, 0);
    legacy_up(g);
    cpu_outb(IO + 0x12, 7);
    put_read(g);
    cpu_outw(IO + 0x10, 0);
    check_done(g);
    guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-pci/legacy/pin", test_legacy_pin);
    g_test_add_func("/virtio-pci/legacy/msix", test_legacy_msix);
    g_test_add_func("/virtio-pci/modern/msix", test_modern_msix);
    g_test_add_func("/virtio-pci/legacy/only", test_legacy_only);
    return test_board_run();
}
