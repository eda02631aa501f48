/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asynchronous snapshot: the table of its states, what failures leave behind, and that draining everything meanwhile
 * ends.
 * Method: a VM without a processor, a raw state file, commands called as the monitor would.
 */
#include "migration/savevm_async.h"

#include "aio/iothread.h"
#include "block/backend.h"
#include "migration/test-vm.h"

#define RAM_SIZE (2 * 1024 * 1024)      /* more than may be left when the VM stops */

static char *path;

static void vm_begin(TestVM *vm, bool incoming)
{
    test_vm_start_sized(vm, "vm", incoming, true, RAM_SIZE);
    if (!incoming) {
        memset(vm->host, 0x5a, RAM_SIZE);
        vm->reg = 0xfeed;
        vm_start();
    }
}

static void make_state_file(uint64_t size)
{
    int fd = sched_file_open("state", path, SCHED_FILE_WRITE | SCHED_FILE_CREATE | SCHED_FILE_TRUNC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(sched_file_truncate(fd, size), ==, 0);
    sched_close(fd);
}

static int64_t state_file_length(void)
{
    int fd = sched_file_open("state", path, 0);
    int64_t length = sched_file_length(fd);

    sched_close(fd);
    return length;
}

static void expect_status(const char *status, bool has_bytes)
{
    SaveVMReport r;

    savevm_async_query(&r);
    g_assert_cmpstr(r.status, ==, status);
    g_assert_true(r.has_bytes == has_bytes);
    g_assert_true((r.error != NULL) == (g_strcmp0(status, "failed") == 0));
    g_free(r.error);
}

/* Until query-savevm says something else than @status. */
static void wait_while(const char *status, bool has_bytes)
{
    SaveVMReport r;

    for (;;) {
        savevm_async_query(&r);
        g_free(r.error);
        if (g_strcmp0(r.status, status) != 0 || r.has_bytes != has_bytes) {
            return;
        }
        main_loop_wait(false);
    }
}

static void start_ok(void)
{
    GError *err = NULL;

    g_assert_true(savevm_async_start(path, &err));
    g_assert_no_error(err);
    expect_status("active", true);
}

static void expect_start_fails(const char *file, const char *text)
{
    GError *err = NULL;

    g_assert_false(savevm_async_start(file, &err));
    if (!strstr(err->message, text)) {
        g_error("got '%s', expected '%s'", err->message, text);
    }
    g_error_free(err);
}

static void end_ok(void)
{
    GError *err = NULL;

    g_assert_true(savevm_async_end(&err));
    g_assert_no_error(err);
}

/* Start, wait until it is complete, end. */
static void whole_snapshot(void)
{
    start_ok();
    wait_while("active", true);
    expect_status("completed", true);
    g_assert_true(runstate_is_running());
    end_ok();
    expect_status(NULL, false);
}

static void test_state_goes_to_the_file_and_back(void)
{
    GError *err = NULL;
    TestVM vm;

    make_state_file(0);
    vm_begin(&vm, false);
    whole_snapshot();
    g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_COMPLETED);
    g_assert_cmpint(state_file_length(), >, RAM_SIZE);
    g_assert_cmpint(state_file_length() % 1024, ==, 0);
    g_assert_null(iothread_by_id("__proxmox_savevm_async_iothread__"));
    whole_snapshot();       /* and again, over the old one */
    test_vm_stop(&vm);

    vm_begin(&vm, true);
    g_assert_cmpint(load_snapshot_from_blockdev(path, &err), ==, 0);
    g_assert_no_error(err);
    g_assert_cmphex(vm.reg, ==, 0xfeed);
    g_assert_cmphex(vm.host[RAM_SIZE - 1], ==, 0x5a);
    test_vm_stop(&vm);
}

static void test_truncated_file_does_not_load(void)
{
    GError *err = NULL;
    TestVM vm;
    int fd;

    make_state_file(0);
    vm_begin(&vm, false);
    whole_snapshot();
    test_vm_stop(&vm);
    fd = sched_file_open("state", path, SCHED_FILE_WRITE);
    g_assert_cmpint(sched_file_truncate(fd, 1024 * 1024), ==, 0);
    sched_close(fd);
    vm_begin(&vm, true);
    g_assert_cmpint(load_snapshot_from_blockdev(path, &err), <, 0);
    g_assert_nonnull(strstr(err->message, "while loading VM state"));
    g_clear_error(&err);
    test_vm_stop(&vm);
}

static void test_without_a_file_the_vm_only_stops(void)
{
    TestVM vm;

    vm_begin(&vm, false);
    g_assert_true(savevm_async_start(NULL, NULL));
    expect_status("completed", true);
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_SAVE_VM);
    expect_start_fails(path, "VM snapshot already started");
    end_ok();
    expect_status(NULL, false);
    g_assert_true(runstate_is_running());
    test_vm_stop(&vm);
}

static void test_refusals(void)
{
    GError *err = NULL;
    TestVM vm;

    make_state_file(0);
    vm_begin(&vm, false);
    g_assert_false(savevm_async_end(&err));
    g_assert_cmpstr(err->message, ==, "VM snapshot not started");
    g_clear_error(&err);
    start_ok();
    expect_start_fails(path, "VM snapshot already started");
    g_assert_false(migrate_start("file:/nowhere", -1, &err));
    g_assert_cmpstr(err->message, ==, "There's a migration process in progress");
    g_clear_error(&err);
    migrate_cancel();       /* is for migrations */
    wait_while("active", true);
    expect_status("completed", true);
    end_ok();
    test_vm_stop(&vm);
}

static void test_cancel_closes_the_file(void)
{
    TestVM vm;

    make_state_file(0);
    vm_begin(&vm, false);
    start_ok();
    end_ok();
    end_ok();       /* once more is harmless */
    wait_while(NULL, true);
    expect_status(NULL, false);
    g_assert_true(runstate_is_running());
    g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_FAILED);
    g_assert_null(iothread_by_id("__proxmox_savevm_async_iothread__"));
    g_assert_null(blk_all_next(NULL));
    whole_snapshot();
    test_vm_stop(&vm);
}

static int failing_setup(QEMUFile *f, void *opaque, GError **errp)
{
    error_setg(errp, "no room");
    return -ENOSPC;
}

static int failing_iterate(QEMUFile *f, void *opaque)
{
    return -EDOM;
}

static void expect_failed_and_clean(void)
{
    expect_status("failed", true);
    g_assert_null(iothread_by_id("__proxmox_savevm_async_iothread__"));
    g_assert_null(blk_all_next(NULL));
    g_assert_false(migration_is_running());
    g_assert_false(memory_global_dirty_log_active());
    g_assert_true(runstate_is_running());
    expect_start_fails(path, "VM snapshot already started");
    end_ok();
    expect_status(NULL, false);
    whole_snapshot();       /* the error does not stick */
}

static void test_failed_starts_leave_nothing(void)
{
    static const SaveVMHandlers ops = { .save_setup = failing_setup };
    MigrationBlocker *blocker = NULL;
    TestVM vm;

    make_state_file(0);
    vm_begin(&vm, false);
    expect_start_fails("nbd+unknown://x", "failed to open 'nbd+unknown://x'");
    expect_failed_and_clean();

    g_assert_cmpint(migrate_add_blocker("device", "not now", &blocker, NULL), ==, 0);
    expect_start_fails(path, "not now");
    migrate_del_blocker(&blocker);
    expect_failed_and_clean();

    register_savevm_live("failing", 0, 1, &ops, &vm);
    expect_start_fails(path, "savevm state setup failed: no room");
    unregister_savevm("failing", &vm);
    expect_failed_and_clean();
    test_vm_stop(&vm);
}

static void test_failure_while_it_runs(void)
{
    static const SaveVMHandlers ops = { .save_live_iterate = failing_iterate };
    TestVM vm;

    make_state_file(0);
    vm_begin(&vm, false);
    register_savevm_live("failing", 0, 1, &ops, &vm);
    g_assert_true(savevm_async_start(path, NULL));
    wait_while("active", true);
    while (migration_is_running()) {
        main_loop_wait(false);
    }
    unregister_savevm("failing", &vm);
    end_ok();
    wait_while("failed", true);
    whole_snapshot();
    test_vm_stop(&vm);
}

static void test_drain_of_everything_ends(void)
{
    TestVM vm;

    make_state_file(0);
    vm_begin(&vm, false);
    start_ok();
    for (unsigned i = 0; i < 10; i++) {
        bdrv_drain_all();
        main_loop_wait(true);
    }
    wait_while("active", true);
    expect_status("completed", true);
    end_ok();
    test_vm_stop(&vm);
}

static void test_a_stop_meanwhile_is_kept(void)
{
    TestVM vm;

    make_state_file(0);
    vm_begin(&vm, false);
    start_ok();
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    wait_while("active", true);
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_PAUSED);
    end_ok();
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_PAUSED);
    test_vm_stop(&vm);
}

static void test_quit_while_it_runs(void)
{
    TestVM vm;

    make_state_file(0);
    vm_begin(&vm, false);
    start_ok();
    test_vm_stop(&vm);
}

static int body(void *opaque)
{
    int ret = g_test_run();

    if (!sched_is_sim()) {
        g_assert_cmpint(sched_file_unlink(path), ==, 0);
    }
    return ret;
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    path = g_strdup_printf("%s/rondo-test-savevm-async-%d", g_get_tmp_dir(), sched_getpid());
    g_test_add_func("/savevm-async/there-and-back", test_state_goes_to_the_file_and_back);
    g_test_add_func("/savevm-async/truncated-file", test_truncated_file_does_not_load);
    g_test_add_func("/savevm-async/without-a-file", test_without_a_file_the_vm_only_stops);
    g_test_add_func("/savevm-async/refusals", test_refusals);
    g_test_add_func("/savevm-async/cancel", test_cancel_closes_the_file);
    g_test_add_func("/savevm-async/failed-starts-leave-nothing", test_failed_starts_leave_nothing);
    g_test_add_func("/savevm-async/failure-while-it-runs", test_failure_while_it_runs);
    g_test_add_func("/savevm-async/drain-of-everything-ends", test_drain_of_everything_ends);
    g_test_add_func("/savevm-async/stop-meanwhile-is-kept", test_a_stop_meanwhile_is_kept);
    g_test_add_func("/savevm-async/quit-while-it-runs", test_quit_while_it_runs);
    ret = sched_main(body, NULL);
    g_free(path);
    return ret;
}
