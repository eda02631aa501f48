/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stream as a whole: RAM that changes while it is sent, devices, order, and streams that lie. Method: a VM without
 * a processor, streams in memory.
 */
#include "migration/savevm.h"

#include "base/bytes.h"
#include "migration/test-vm.h"

#include <string.h>

enum { DESCRIPTION_MAX = 400 };     /* bytes behind the end marker that no receiver needs */

typedef void DirtyFunc(TestVM *vm, unsigned round);

/* A whole stream; @dirty (may be NULL) is the guest between two rounds. */
static GByteArray *save_stream(TestVM *vm, DirtyFunc *dirty, size_t buffer_size)
{
    GByteArray *bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    GError *err = NULL;

    qemu_file_set_buffer_size(f, buffer_size);
    qemu_savevm_state_header(f);
    g_assert_cmpint(qemu_savevm_state_setup(f, &err), ==, 0);
    for (unsigned round = 0; qemu_savevm_state_iterate(f) == 0 || (dirty && round < 3); round++) {
        if (dirty) {
            uint64_t must, can;

            dirty(vm, round);
            bql_unlock();
            qemu_savevm_state_pending_exact(&must, &can);
            bql_lock();
            g_assert_cmpuint(must, >, 0);
        }
    }
    g_assert_cmpint(qemu_savevm_state_complete_precopy(f, &err), ==, 0);
    g_assert_no_error(err);
    qemu_savevm_state_cleanup();
    g_assert_false(memory_global_dirty_log_active());
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    return bytes;
}

static int load_stream(GByteArray *bytes, char **ret_error)
{
    QEMUFile *f = qemu_fopen_memory(bytes, false);
    GError *err = NULL;
    int ret = qemu_loadvm_state(f, &err);

    g_assert_true((ret < 0) == (err != NULL));
    (void)qemu_fclose(f);       /* short streams are the point of some tests */
    if (ret_error) {
        *ret_error = err ? g_strdup(err->message) : NULL;
    }
    g_clear_error(&err);
    return ret;
}

static void expect_refused(GByteArray *bytes, const char *text)
{
    g_autofree char *error = NULL;

    g_assert_cmpint(load_stream(bytes, &error), <, 0);
    if (!strstr(error, text)) {
        g_error("got '%s', expected '%s'", error, text);
    }
}

static void guest_writes(TestVM *vm, unsigned round)
{
    test_vm_store(vm, 4096 * 3 + round, (uint8_t)(0x40 + round));
    test_vm_store(vm, 4096 * (10 + round), 0x77);
}

static void fill(TestVM *vm)
{
    for (unsigned page = 0; page < TEST_RAM_SIZE / 4096; page += 2) {
        memset(vm->host + page * 4096, (int)page + 1, 4096);
    }
    vm->reg = 0xcafe;
}

static void test_ram_and_device_come_back(void)
{
    const size_t buffers[] = { 1, 100, QEMU_FILE_BUFFER_SIZE };

    for (unsigned i = 0; i < G_N_ELEMENTS(buffers); i++) {
        g_autoptr(GByteArray) bytes = NULL;
        g_autofree uint8_t *expect = NULL;
        TestVM vm;

        test_vm_start(&vm, "vm", false, true);
        fill(&vm);
        bytes = save_stream(&vm, guest_writes, buffers[i]);
        expect = g_memdup2(vm.host, TEST_RAM_SIZE);
        g_assert_cmpuint(expect[4096 * 3 + 2], ==, 0x42);
        memset(vm.host, 0xee, TEST_RAM_SIZE);
        vm.reg = 0;
        g_assert_cmpint(load_stream(bytes, NULL), ==, 0);
        g_assert_true(memcmp(vm.host, expect, TEST_RAM_SIZE) == 0);
        g_assert_cmphex(vm.reg, ==, 0xcafe);
        test_vm_stop(&vm);
    }
}

static void test_layout_is_the_published_one(void)
{
    const char *in_description = "\"name\": \"0000:00:01.0/test-device\"";
    g_autoptr(GByteArray) bytes = NULL;
    const uint8_t expect[] = {
        0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3,                     /* magic, version */
        0x07, 0, 0, 0, 2, 'p', 'c',                             /* configuration */
        0x01, 0, 0, 0, 1, 3, 'r', 'a', 'm', 0, 0, 0, 0, 0, 0, 0, 4,     /* start of section 1, version 4 */
        0, 0, 0, 0, 0, 4, 0, 4,                                 /* 256 KiB | MEM_SIZE */
        6, 'p', 'c', '.', 'r', 'a', 'm', 0, 0, 0, 0, 0, 4, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0x10,                              /* end of the section's data */
        0x7e, 0, 0, 0, 1,
        0x02, 0, 0, 0, 1,                                       /* a round of RAM */
        0, 0, 0, 0, 0, 0, 0, 0x08, 6, 'p', 'c', '.', 'r', 'a', 'm', 1, 1, 1,
    };
    TestVM vm;

    test_vm_start(&vm, "vm", false, true);
    savevm_set_machine_type("pc");
    fill(&vm);
    bytes = save_stream(&vm, NULL, QEMU_FILE_BUFFER_SIZE);
    g_assert_cmpuint(bytes->len, >, sizeof(expect));
    g_assert_cmpmem(bytes->data, sizeof(expect), expect, sizeof(expect));
    g_assert_nonnull(memmem(bytes->data, bytes->len, in_description, strlen(in_description)));
    g_assert_cmpint(load_stream(bytes, NULL), ==, 0);
    test_vm_stop(&vm);
}

static void test_pending_counts(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    uint64_t must, can;
    TestVM vm;

    test_vm_start(&vm, "vm", false, true);
    g_assert_cmpint(qemu_savevm_state_setup(f, NULL), ==, 0);
    qemu_savevm_state_pending_estimate(&must, &can);
    g_assert_cmpuint(must, ==, TEST_RAM_SIZE);
    g_assert_cmpuint(can, ==, 0);
    g_assert_cmpint(qemu_savevm_state_iterate(f), ==, 1);
    qemu_savevm_state_pending_estimate(&must, &can);
    g_assert_cmpuint(must, ==, 0);
    test_vm_store(&vm, 5000, 1);
    qemu_savevm_state_pending_estimate(&must, &can);
    g_assert_cmpuint(must, ==, 0);
    bql_unlock();
    qemu_savevm_state_pending_exact(&must, &can);
    bql_lock();
    g_assert_cmpuint(must, ==, 4096);
    g_assert_cmpuint(ram_stats().remaining_pages, ==, 1);
    qemu_savevm_state_cleanup();
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    test_vm_stop(&vm);
}

static void test_rate_limit_ends_a_round(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    unsigned rounds = 0;
    TestVM vm;

    test_vm_start(&vm, "vm", false, true);
    fill(&vm);
    g_assert_cmpint(qemu_savevm_state_setup(f, NULL), ==, 0);
    qemu_file_set_rate_limit(f, 8 * 4096);
    while (qemu_savevm_state_iterate(f) == 0) {
        rounds++;
        qemu_file_reset_rate(f);
    }
    g_assert_cmpuint(rounds, >=, 3);
    qemu_savevm_state_cleanup();
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    test_vm_stop(&vm);
}

static int failing_setup(QEMUFile *f, void *opaque, GError **errp)
{
    error_setg(errp, "no room");
    return -ENOSPC;
}

static void test_failed_setup_leaves_nothing(void)
{
    static const SaveVMHandlers ops = { .save_setup = failing_setup };
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    GError *err = NULL;
    TestVM vm;

    test_vm_start(&vm, "vm", false, true);
    register_savevm_live("failing", 0, 1, &ops, &vm);
    g_assert_cmpint(qemu_savevm_state_setup(f, &err), ==, -ENOSPC);
    g_assert_cmpstr(err->message, ==, "no room");
    g_clear_error(&err);
    qemu_savevm_state_cleanup();
    qemu_savevm_state_cleanup();
    g_assert_false(memory_global_dirty_log_active());
    g_assert_cmpint(qemu_fclose(f), ==, -ENOSPC);
    unregister_savevm("failing", &vm);
    test_vm_stop(&vm);
}

static void put_ram_start(QEMUFile *f, uint64_t total)
{
    qemu_savevm_state_header(f);
    qemu_put_byte(f, QEMU_VM_SECTION_START);
    qemu_put_be32(f, 7);
    qemu_put_counted_string(f, "ram");
    qemu_put_be32(f, 0);
    qemu_put_be32(f, 4);
    qemu_put_be64(f, total | 4);
}

/* A hand-made RAM section: @words of page headers; each names the block. */
static void expect_ram_refused(uint64_t total, const char *block, uint64_t length, uint64_t word, int byte,
                               const char *text)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);

    put_ram_start(f, total);
    qemu_put_counted_string(f, block);
    qemu_put_be64(f, length);
    qemu_put_be64(f, word);
    qemu_put_counted_string(f, block);
    qemu_put_byte(f, byte);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    expect_refused(bytes, text);
}

static void test_lies_about_ram(void)
{
    TestVM vm;

    test_vm_start(&vm, "vm", true, true);
    expect_ram_refused(TEST_RAM_SIZE, "other", TEST_RAM_SIZE, 0, 0, "Unknown ramblock \"other\"");
    expect_ram_refused(TEST_RAM_SIZE, "pc.ram", 4096, 0, 0, "Size mismatch: pc.ram: 0x1000 != 0x40000");
    expect_ram_refused(4096, "pc.ram", TEST_RAM_SIZE, 0, 0, "larger than the total");
    expect_ram_refused(TEST_RAM_SIZE, "pc.ram", TEST_RAM_SIZE, TEST_RAM_SIZE | 2, 0, "Illegal RAM offset 0x40000");
    expect_ram_refused(TEST_RAM_SIZE, "pc.ram", TEST_RAM_SIZE, UINT64_MAX << 12 | 2, 0, "Illegal RAM offset");
    expect_ram_refused(TEST_RAM_SIZE, "pc.ram", TEST_RAM_SIZE, 0x2, 0x55, "Non-zero byte 0x55 in zero page");
    expect_ram_refused(TEST_RAM_SIZE, "pc.ram", TEST_RAM_SIZE, 0x40, 0, "Unknown combination of migration flags: 0x40");
    expect_ram_refused(TEST_RAM_SIZE, "pc.ram", TEST_RAM_SIZE, 0x28, 0, "Ack, bad migration stream!");
    test_vm_stop(&vm);
}

static void test_lies_about_sections(void)
{
    g_autoptr(GByteArray) good = NULL;
    TestVM vm;

    test_vm_start(&vm, "vm", false, true);
    good = save_stream(&vm, NULL, QEMU_FILE_BUFFER_SIZE);
    /* Offsets: magic 0, version 4, configuration 8, length 9, "none" 13, section 17, id 18, "ram" 23, version 30. */
    good->data[0] = 'X';
    expect_refused(good, "Not a migration stream");
    good->data[0] = 'Q';
    good->data[7] = 2;
    expect_refused(good, "Unsupported migration stream version 2");
    good->data[7] = 3;
    good->data[13] = 'N';
    expect_refused(good, "Machine type received is 'None' and local is 'none'");
    good->data[13] = 'n';
    good->data[24] = 'A';
    expect_refused(good, "Unknown savevm section or instance 'rAm' 0");
    good->data[24] = 'a';
    good->data[33] = 9;
    expect_refused(good, "savevm: unsupported version 9 for 'ram' v4");
    good->data[33] = 4;
    good->data[17] = QEMU_VM_SECTION_PART;
    expect_refused(good, "Unknown savevm section 1");
    good->data[17] = 0x55;
    expect_refused(good, "Unknown savevm section type 85");
    good->data[17] = QEMU_VM_SECTION_START;
    g_assert_cmpint(load_stream(good, NULL), ==, 0);
    test_vm_stop(&vm);
}

static void test_every_cut_and_every_byte(void)
{
    g_autoptr(GByteArray) good = NULL;
    TestVM vm;

    test_vm_start(&vm, "vm", false, true);
    good = save_stream(&vm, NULL, QEMU_FILE_BUFFER_SIZE);
    for (unsigned i = 0; i < good->len; i++) {
        const uint8_t byte = good->data[i];
        g_autoptr(GByteArray) cut = g_byte_array_new();

        g_byte_array_append(cut, good->data, i);
        g_assert_true(load_stream(cut, NULL) < 0 || i + DESCRIPTION_MAX > good->len);
        good->data[i] = byte ^ 0xff;
        (void)load_stream(good, NULL);      /* any result, under a sanitizer */
        good->data[i] = byte ^ 0x01;
        (void)load_stream(good, NULL);      /* as above */
        good->data[i] = byte;
    }
    test_vm_stop(&vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/savevm/ram-and-device-come-back", test_ram_and_device_come_back);
    g_test_add_func("/savevm/layout", test_layout_is_the_published_one);
    g_test_add_func("/savevm/pending-counts", test_pending_counts);
    g_test_add_func("/savevm/rate-limit-ends-a-round", test_rate_limit_ends_a_round);
    g_test_add_func("/savevm/failed-setup-leaves-nothing", test_failed_setup_leaves_nothing);
    g_test_add_func("/savevm/lies-about-ram", test_lies_about_ram);
    g_test_add_func("/savevm/lies-about-sections", test_lies_about_sections);
    g_test_add_func("/savevm/every-cut-and-every-byte", test_every_cut_and_every_byte);
    return test_vms_run();
}
