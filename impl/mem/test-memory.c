/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: what is mapped where, what an access does to a device, and which pages count as dirty.
 * Method: small trees of regions with a device that records what reaches it.
 */
#include "aio/bql.h"
#include "aio/test-machine.h"
#include "base/bytes.h"
#include "mem/memory.h"

typedef struct Recorder {
    unsigned reads, writes;
    hwaddr addr;
    uint64_t data;
    unsigned size;
    bool bql;
} Recorder;

static uint64_t rec_read(void *opaque, hwaddr addr, unsigned size)
{
    Recorder *r = opaque;

    r->reads++;
    r->addr = addr;
    r->size = size;
    r->bql = bql_locked();
    return 0x1122334455667788 >> (addr % 8 * 8);
}

static void rec_write(void *opaque, hwaddr addr, uint64_t data, unsigned size)
{
    Recorder *r = opaque;

    r->writes++;
    r->addr = addr;
    r->data = data;
    r->size = size;
    r->bql = bql_locked();
}

static const MemoryRegionOps ops_any = {
    .read = rec_read, .write = rec_write, .valid.unaligned = true, .impl.unaligned = true,
    .valid.max_access_size = 8, .valid.min_access_size = 1, .impl.max_access_size = 8,
};
static const MemoryRegionOps ops_32 = {
    .read = rec_read, .write = rec_write, .valid = { .min_access_size = 4, .max_access_size = 4 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};
static const MemoryRegionOps ops_bytes = {
    .read = rec_read, .write = rec_write, .impl.max_access_size = 1,
};
static const MemoryRegionOps ops_big = {
    .read = rec_read, .write = rec_write, .endianness = DEVICE_BIG_ENDIAN,
};

static MemoryRegion ram;

static void setup(uint64_t ram_size)
{
    GError *err = NULL;

    memory_machine_init();
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", ram_size, &err));
    memory_region_add_subregion(get_system_memory(), 0, &ram);
}

static void remove_region(MemoryRegion *mr)
{
    if (mr->container) {
        memory_region_del_subregion(mr->container, mr);
    }
    memory_region_finalize(mr);
}

static void teardown(void)
{
    remove_region(&ram);
    memory_machine_cleanup();
}

static void test_ram_and_holes(void)
{
    uint8_t buf[16];

    setup(64 * KiB);
    stl_le_phys(&address_space_memory, 0x100, 0x12345678);
    g_assert_cmphex(ldl_le_phys(&address_space_memory, 0x100), ==, 0x12345678);
    g_assert_cmphex(ldub_phys(&address_space_memory, 0x103), ==, 0x12);
    /* Across the end: the part that is not there reads as ones, and is told of. */
    g_assert_cmphex(ldq_le_phys(&address_space_memory, 64 * KiB - 4), ==, 0xffffffff00000000);
    g_assert_cmpuint(address_space_read(&address_space_memory, UINT64_MAX - 7, MEMTXATTRS_UNSPECIFIED, buf, 16), ==,
                     MEMTX_DECODE_ERROR);
    g_assert_cmphex(buf[0], ==, 0xff);
    g_assert_cmphex(buf[8], ==, 0);   /* the addresses wrap into RAM */
    g_assert_cmpuint(address_space_write(&address_space_memory, UINT64_C(1) << 40, MEMTXATTRS_UNSPECIFIED, buf, 16),
                     ==, MEMTX_DECODE_ERROR);
    g_assert_cmphex(cpu_inl(0x1234), ==, 0xffffffff);
    cpu_outb(0x1234, 1);
    teardown();
}

static void test_priority(void)
{
    Recorder low = { 0 }, high = { 0 };
    MemoryRegion a, b;

    setup(64 * KiB);
    memory_region_init_io(&a, NULL, &ops_any, &low, "low", 0x3000);
    memory_region_init_io(&b, NULL, &ops_any, &high, "high", 0x1000);
    memory_region_add_subregion_overlap(get_system_memory(), 0x2000, &a, 1);
    memory_region_add_subregion_overlap(get_system_memory(), 0x3000, &b, 2);
    stb_phys(&address_space_memory, 0x2fff, 1);
    stb_phys(&address_space_memory, 0x3000, 1);
    stb_phys(&address_space_memory, 0x4001, 1);
    g_assert_cmpuint(low.writes, ==, 2);
    g_assert_cmphex(low.addr, ==, 0x2001);
    g_assert_cmpuint(high.writes, ==, 1);
    memory_region_set_enabled(&b, false);
    stb_phys(&address_space_memory, 0x3000, 1);
    g_assert_cmpuint(low.writes, ==, 3);
    memory_region_set_address(&a, 0x8000);
    stb_phys(&address_space_memory, 0x2fff, 7);
    g_assert_cmphex(ldub_phys(&address_space_memory, 0x2fff), ==, 7);   /* RAM again */
    remove_region(&b);
    remove_region(&a);
    teardown();
}

static void test_alias(void)
{
    MemoryRegion alias;

    setup(64 * KiB);
    memory_region_init_alias(&alias, NULL, "alias", &ram, 0x1000, 0x2000);
    memory_region_add_subregion(get_system_memory(), 0x100000, &alias);
    stl_le_phys(&address_space_memory, 0x100010, 0xabcdef01);
    g_assert_cmphex(ldl_le_phys(&address_space_memory, 0x1010), ==, 0xabcdef01);
    g_assert_cmphex(ldl_le_phys(&address_space_memory, 0x102000), ==, 0xffffffff);
    memory_region_set_alias_offset(&alias, 0x2000);
    stl_le_phys(&address_space_memory, 0x2010, 5);
    g_assert_cmphex(ldl_le_phys(&address_space_memory, 0x100010), ==, 5);
    memory_region_set_readonly(&alias, true);
    stl_le_phys(&address_space_memory, 0x100010, 6);
    g_assert_cmphex(ldl_le_phys(&address_space_memory, 0x2010), ==, 5);
    remove_region(&alias);
    teardown();
}

static void test_access_sizes(void)
{
    Recorder r = { 0 };
    MemoryRegion mr;
    MemTxResult res = MEMTX_OK;
    uint64_t v;
    uint8_t buf[8];

    setup(4 * KiB);
    memory_region_init_io(&mr, NULL, &ops_32, &r, "only-32", 16);
    memory_region_add_subregion(get_system_memory(), 0x10000, &mr);
    v = address_space_ld(&address_space_memory, 0x10000, 1, MEMTXATTRS_UNSPECIFIED, &res);
    g_assert_cmphex(v, ==, 0xff);
    g_assert_cmpuint(res, ==, MEMTX_DECODE_ERROR);
    g_assert_cmpuint(r.reads, ==, 0);
    (void)address_space_ld(&address_space_memory, 0x10002, 4, MEMTXATTRS_UNSPECIFIED, &res);   /* not aligned */
    g_assert_cmpuint(r.reads, ==, 0);
    g_assert_cmphex(ldl_le_phys(&address_space_memory, 0x10004), ==, 0x11223344);
    g_assert_cmpuint(r.size, ==, 4);
    remove_region(&mr);

    memory_region_init_io(&mr, NULL, &ops_bytes, &r, "bytes", 16);
    memory_region_add_subregion(get_system_memory(), 0x10000, &mr);
    r.reads = r.writes = 0;
    g_assert_cmphex(ldl_le_phys(&address_space_memory, 0x10000), ==, 0x55667788);   /* four bytes put together */
    g_assert_cmpuint(r.reads, ==, 4);
    stw_le_phys(&address_space_memory, 0x10000, 0xaabb);
    g_assert_cmphex(r.data, ==, 0xaa);
    g_assert_cmphex(r.addr, ==, 1);
    (void)address_space_read(&address_space_memory, 0x10001, MEMTXATTRS_UNSPECIFIED, buf, 5);
    g_assert_cmphex(buf[4], ==, 0x33);
    remove_region(&mr);

    memory_region_init_io(&mr, NULL, &ops_big, &r, "big", 16);
    memory_region_add_subregion(get_system_memory(), 0x10000, &mr);
    stl_le_phys(&address_space_memory, 0x10000, 0x01020304);
    g_assert_cmphex(r.data, ==, 0x04030201);
    remove_region(&mr);
    teardown();
}

static void test_mmio_takes_bql(void)
{
    Recorder r = { 0 };
    MemoryRegion mr;

    setup(4 * KiB);
    memory_region_init_io(&mr, NULL, &ops_any, &r, "dev", 16);
    memory_region_add_subregion(get_system_memory(), 0x10000, &mr);
    bql_unlock();
    stb_phys(get_address_space_memory(), 0x10000, 1);
    g_assert_true(r.bql);
    g_assert_false(bql_locked());
    bql_lock();
    stb_phys(get_address_space_memory(), 0x10000, 1);
    g_assert_true(bql_locked());
    remove_region(&mr);
    teardown();
}

static void test_transaction(void)
{
    uint32_t gen;
    MemoryRegion a, b;

    setup(4 * KiB);
    memory_region_init_io(&a, NULL, NULL, NULL, "a", 16);
    memory_region_init_io(&b, NULL, NULL, NULL, "b", 16);
    gen = address_space_generation(&address_space_memory);
    memory_region_transaction_begin();
    memory_region_add_subregion(get_system_memory(), 0x10000, &a);
    memory_region_add_subregion(get_system_memory(), 0x20000, &b);
    g_assert_null(address_space_find(&address_space_memory, 0x10000, 1).mr);
    memory_region_transaction_commit();
    g_assert_cmpuint(address_space_generation(&address_space_memory), ==, gen + 1);
    g_assert_true(address_space_find(&address_space_memory, 0x20004, 100).mr == &b);
    g_assert_cmpuint(address_space_find(&address_space_memory, 0x20004, 100).size, ==, 12);
    remove_region(&a);
    remove_region(&b);
    teardown();
}

static void test_rom_device(void)
{
    Recorder r = { 0 };
    GError *err = NULL;
    MemoryRegion mr, rom;

    setup(4 * KiB);
    g_assert_true(memory_region_init_rom_device(&mr, NULL, &ops_any, &r, "flash", 8 * KiB, &err));
    memory_region_add_subregion(get_system_memory(), 0x10000, &mr);
    memset(memory_region_get_ram_ptr(&mr), 0x5a, 8 * KiB);
    g_assert_cmphex(ldub_phys(&address_space_memory, 0x10010), ==, 0x5a);
    g_assert_cmpuint(r.reads, ==, 0);
    stb_phys(&address_space_memory, 0x10010, 0x40);
    g_assert_cmpuint(r.writes, ==, 1);
    memory_region_rom_device_set_romd(&mr, false);
    g_assert_cmphex(ldub_phys(&address_space_memory, 0x10010), ==, 0x88);
    g_assert_cmpuint(r.reads, ==, 1);
    memory_region_rom_device_set_romd(&mr, true);
    g_assert_cmphex(ldub_phys(&address_space_memory, 0x10010), ==, 0x5a);

    g_assert_true(memory_region_init_rom(&rom, NULL, "rom", 4 * KiB, &err));
    memory_region_add_subregion(get_system_memory(), 0x20000, &rom);
    stb_phys(&address_space_memory, 0x20000, 9);
    g_assert_cmphex(ldub_phys(&address_space_memory, 0x20000), ==, 0);
    g_assert_cmpuint(address_space_write_rom(&address_space_memory, 0x20000, MEMTXATTRS_UNSPECIFIED, "x", 1), ==, 0);
    g_assert_cmphex(ldub_phys(&address_space_memory, 0x20000), ==, 'x');
    g_assert_false(address_space_access_valid(&address_space_memory, 0x20000, 4, true, MEMTXATTRS_UNSPECIFIED));
    g_assert_true(address_space_access_valid(&address_space_memory, 0x20000, 4, false, MEMTXATTRS_UNSPECIFIED));
    remove_region(&rom);
    remove_region(&mr);
    teardown();
}

static void test_dma_map(void)
{
    Recorder r = { 0 };
    MemoryRegion mr;
    hwaddr len = 0x3000;
    void *p, *bounce[128];
    unsigned n = 0;

    setup(16 * KiB);
    p = dma_memory_map(&address_space_memory, 0x2000, &len, DMA_DIRECTION_FROM_DEVICE, MEMTXATTRS_UNSPECIFIED);
    g_assert_true(p == (uint8_t *)memory_region_get_ram_ptr(&ram) + 0x2000);
    g_assert_cmphex(len, ==, 0x2000);   /* to the end of RAM */
    dma_memory_unmap(&address_space_memory, p, len, DMA_DIRECTION_FROM_DEVICE, len);
    len = 16;
    g_assert_null(dma_memory_map(&address_space_memory, 0x900000, &len, DMA_DIRECTION_TO_DEVICE,
                                 MEMTXATTRS_UNSPECIFIED));
    g_assert_cmpuint(len, ==, 0);

    /* Device memory goes through buffers, and a guest cannot make us allocate without end. */
    memory_region_init_io(&mr, NULL, &ops_any, &r, "dev", 64 * KiB);
    memory_region_add_subregion(get_system_memory(), 0x100000, &mr);
    do {
        len = 8;
        bounce[n] = dma_memory_map(&address_space_memory, 0x100000 + n * 8, &len, DMA_DIRECTION_FROM_DEVICE,
                                   MEMTXATTRS_UNSPECIFIED);
    } while (bounce[n] && ++n < G_N_ELEMENTS(bounce));
    g_assert_cmpuint(n, <, G_N_ELEMENTS(bounce));
    memset(bounce[0], 0x77, 8);
    for (unsigned i = 0; i < n; i++) {
        dma_memory_unmap(&address_space_memory, bounce[i], 8, DMA_DIRECTION_FROM_DEVICE, i == 0 ? 8 : 0);
    }
    g_assert_cmpuint(r.writes, ==, 1);
    g_assert_cmphex(r.data, ==, 0x7777777777777777);
    remove_region(&mr);
    teardown();
}

static void test_dirty(void)
{
    unsigned long bitmap[1] = { 0 };
    RAMBlock *rb;

    setup(64 * KiB);
    rb = qemu_ram_block_by_name("ram");
    g_assert_nonnull(rb);
    g_assert_null(qemu_ram_block_by_name("other"));
    g_assert_cmpuint(ram_bytes_total(), ==, 64 * KiB);
    memory_global_dirty_log_start();
    g_assert_true(memory_global_dirty_log_active());
    g_assert_cmpuint(ram_block_sync_dirty(rb, bitmap), ==, 0);
    stb_phys(&address_space_memory, 0x3000, 1);
    stl_le_phys(&address_space_memory, 0x4ffe, 1);   /* two pages */
    g_assert_cmpuint(ram_block_sync_dirty(rb, bitmap), ==, 3);
    g_assert_cmphex(bitmap[0], ==, 0x38);
    stb_phys(&address_space_memory, 0x3000, 1);
    g_assert_cmpuint(ram_block_sync_dirty(rb, bitmap), ==, 0);   /* the bit was still set */
    memory_global_dirty_log_stop();
    teardown();
}

static void test_eventfd(void)
{
    Recorder r = { 0 };
    EventNotifier e;
    MemoryRegion mr;

    setup(4 * KiB);
    g_assert_cmpint(event_notifier_init(&e, "kick", false), ==, 0);
    memory_region_init_io(&mr, NULL, &ops_any, &r, "dev", 64);
    memory_region_add_subregion(get_system_memory(), 0x10000, &mr);
    memory_region_add_eventfd(&mr, 4, 2, true, 7, &e);
    stw_le_phys(&address_space_memory, 0x10004, 7);
    g_assert_true(event_notifier_test_and_clear(&e));
    g_assert_cmpuint(r.writes, ==, 0);
    stw_le_phys(&address_space_memory, 0x10004, 8);
    stl_le_phys(&address_space_memory, 0x10004, 7);
    g_assert_false(event_notifier_test_and_clear(&e));
    g_assert_cmpuint(r.writes, ==, 2);
    memory_region_del_eventfd(&mr, 4, 2, true, 7, &e);
    stw_le_phys(&address_space_memory, 0x10004, 7);
    g_assert_cmpuint(r.writes, ==, 3);
    remove_region(&mr);
    event_notifier_cleanup(&e);
    teardown();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mem/ram-and-holes", test_ram_and_holes);
    g_test_add_func("/mem/priority", test_priority);
    g_test_add_func("/mem/alias", test_alias);
    g_test_add_func("/mem/access-sizes", test_access_sizes);
    g_test_add_func("/mem/mmio-takes-bql", test_mmio_takes_bql);
    g_test_add_func("/mem/transaction", test_transaction);
    g_test_add_func("/mem/rom-device", test_rom_device);
    g_test_add_func("/mem/dma-map", test_dma_map);
    g_test_add_func("/mem/dirty", test_dirty);
    g_test_add_func("/mem/eventfd", test_eventfd);
    return test_machine_run();
}
