/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migrations between machines of one process, one after the other, over a file: how they start, end, fail, are
 * cancelled and pause. Method: VMs without a processor; the file is the shared storage.
 */
#include "migration/migration.h"

#include "migration/global_state.h"
#include "migration/test-vm.h"

#include <stdio.h>

static char *test_path(void)
{
    return g_strdup_printf("%s/rondo-test-migration-%d", g_get_tmp_dir(), sched_getpid());
}

static void remove_file(const char *path)
{
    if (!sched_is_sim()) {
        g_assert_cmpint(sched_file_unlink(path), ==, 0);
    }
}

static void wake_main_loop(MigrationStatus status)
{
    qemu_notify_event();
}

static const MigrationEvents wake_on_events = { .status = wake_main_loop };

static void set_capability(MigrationCapability cap)
{
    bool on = true;

    g_assert_true(migrate_set_capabilities(&cap, &on, 1, NULL));
}

/* The sender's thread changes the state without a word to the main loop, unless it is asked to. */
static void start_with_pause(const char *uri)
{
    migration_set_events(&wake_on_events);
    set_capability(MIGRATION_CAPABILITY_EVENTS);
    set_capability(MIGRATION_CAPABILITY_PAUSE_BEFORE_SWITCHOVER);
    vm_start();
    g_assert_true(migrate_start(uri, -1, NULL));
}

static void wait_for_status(MigrationStatus status)
{
    while (migration_status() != status) {
        g_assert_true(migration_is_running());
        main_loop_wait(false);
    }
}

/* Until the thread is gone too. */
static void wait_for_end(void)
{
    while (migration_is_running() || migrate_get_current()->thread) {
        main_loop_wait(false);
    }
}

static void wait_for_incoming(MigrationStatus status)
{
    while (migration_incoming_status() != status) {
        g_assert_true(migration_incoming_active());
        main_loop_wait(false);
    }
}

static void fill(TestVM *vm)
{
    for (unsigned page = 0; page < TEST_RAM_SIZE / 4096; page += 3) {
        memset(vm->host + page * 4096, (int)page + 1, 4096);
    }
    vm->reg = 0x1234;
}

static void send_vm(const char *uri, RunState state)
{
    GError *err = NULL;
    TestVM vm;

    test_vm_start(&vm, "a", false, true);
    fill(&vm);
    vm_start();
    if (state != RUN_STATE_RUNNING) {
        g_assert_cmpint(vm_stop(state), ==, 0);
    }
    g_assert_true(migrate_start(uri, -1, &err));
    g_assert_no_error(err);
    g_assert_false(migrate_start(uri, -1, &err));
    g_assert_cmpstr(err->message, ==, "There's a migration process in progress");
    g_clear_error(&err);
    wait_for_end();
    g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_COMPLETED);
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_POSTMIGRATE);
    g_assert_false(migrate_start(uri, -1, &err));
    g_assert_cmpstr(err->message, ==, "Can't migrate the vm that was paused due to previous migration");
    g_clear_error(&err);
    test_vm_stop(&vm);
}

static void receive_vm(const char *uri, bool autostart, RunState expect)
{
    GError *err = NULL;
    TestVM vm;

    test_vm_start(&vm, "b", true, autostart);
    g_assert_false(migrate_start(uri, -1, &err));
    g_assert_cmpstr(err->message, ==, "Guest is waiting for an incoming migration");
    g_clear_error(&err);
    g_assert_true(migrate_incoming(uri, -1, false, &err));
    g_assert_false(migrate_incoming(uri, -1, false, &err));
    g_assert_cmpstr(err->message, ==, "The incoming migration has already been started");
    g_clear_error(&err);
    wait_for_incoming(MIGRATION_STATUS_COMPLETED);
    g_assert_cmpint(runstate_get(), ==, expect);
    g_assert_cmphex(vm.reg, ==, 0x1234);
    g_assert_cmpuint(vm.host[0], ==, 1);
    g_assert_cmpuint(vm.host[4096 * 3 + 7], ==, 4);
    g_assert_cmpuint(vm.host[4096], ==, 0);
    test_vm_stop(&vm);
}

static void test_running_vm_arrives_running(void)
{
    g_autofree char *path = test_path();
    g_autofree char *uri = g_strdup_printf("file:%s", path);

    send_vm(uri, RUN_STATE_RUNNING);
    receive_vm(uri, true, RUN_STATE_RUNNING);
    receive_vm(uri, false, RUN_STATE_PAUSED);
    remove_file(path);
}

static void test_paused_vm_arrives_paused(void)
{
    g_autofree char *path = test_path();
    g_autofree char *uri = g_strdup_printf("file:%s,offset=4k", path);

    send_vm(uri, RUN_STATE_PAUSED);
    receive_vm(uri, true, RUN_STATE_PAUSED);
    remove_file(path);
}

static void test_bad_uris(void)
{
    static const struct {
        const char *uri;
        const char *error;
    } cases[] = {
        { "", "unknown migration protocol: " },
        { "rdma:host", "unknown migration protocol: rdma:host" },
        { "file:", "migration URI 'file:' names nothing" },
        { "file:/x,offset=abc", "file URI has bad offset abc" },
        { "file:/x,offset=9999999999G", "file URI has bad offset 9999999999G" },
        { "fd:nobody", "File descriptor named 'nobody' has not been found" },
    };
    TestVM vm;

    test_vm_start(&vm, "a", false, true);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *err = NULL;

        g_assert_false(migrate_start(cases[i].uri, -1, &err));
        g_assert_cmpstr(err->message, ==, cases[i].error);
        g_error_free(err);
        g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_NONE);
    }
    test_vm_stop(&vm);
}

static void test_failure_before_the_switchover(void)
{
    GError *err = NULL;
    TestVM vm;

    if (sched_is_sim()) {
        g_test_skip("the simulator makes files in any folder");
        return;
    }
    test_vm_start(&vm, "a", false, true);
    vm_start();
    g_assert_false(migrate_start("file:/nonexistent/dir/state", -1, &err));
    g_assert_nonnull(strstr(err->message, "Unable to open /nonexistent/dir/state"));
    g_clear_error(&err);
    g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_FAILED);
    g_assert_true(runstate_is_running());
    test_vm_stop(&vm);
}

static int pre_save_fails(void *opaque)
{
    return -EBUSY;
}

static const VMStateDescription vmstate_failing = {
    .name = "failing",
    .version_id = 1,
    .pre_save = pre_save_fails,
    .fields = (const VMStateField[]) { VMSTATE_END_OF_LIST() },
};

static void test_failure_in_the_switchover_lets_the_vm_run_on(void)
{
    g_autofree char *path = test_path();
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    MigrationReport *report;
    TestVM vm;

    test_vm_start(&vm, "a", false, true);
    vmstate_register(NULL, 0, &vmstate_failing, &vm);
    vm_start();
    for (unsigned round = 0; round < 2; round++) {
        g_assert_true(migrate_start(uri, -1, NULL));
        wait_for_end();
        g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_FAILED);
        g_assert_true(runstate_is_running());
        report = migration_query();
        g_assert_nonnull(strstr(report->error_desc, "pre-save failed: failing"));
        migration_report_free(report);
    }
    vmstate_unregister(NULL, &vmstate_failing, &vm);
    g_assert_true(migrate_start(uri, -1, NULL));
    wait_for_end();
    g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_COMPLETED);
    test_vm_stop(&vm);
    remove_file(path);
}

static void test_pause_and_continue(void)
{
    g_autofree char *path = test_path();
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    GError *err = NULL;
    TestVM vm;

    test_vm_start(&vm, "a", false, true);
    start_with_pause(uri);
    wait_for_status(MIGRATION_STATUS_PRE_SWITCHOVER);
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_FINISH_MIGRATE);
    g_assert_false(migrate_continue(MIGRATION_STATUS_ACTIVE, &err));
    g_assert_cmpstr(err->message, ==, "Migration not in expected state: pre-switchover");
    g_clear_error(&err);
    g_assert_true(migrate_continue(MIGRATION_STATUS_PRE_SWITCHOVER, NULL));
    wait_for_end();
    g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_COMPLETED);
    test_vm_stop(&vm);
    remove_file(path);
}

static void test_cancel_in_the_pause(void)
{
    g_autofree char *path = test_path();
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    TestVM vm;

    test_vm_start(&vm, "a", false, true);
    migrate_cancel();
    g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_NONE);
    start_with_pause(uri);
    wait_for_status(MIGRATION_STATUS_PRE_SWITCHOVER);
    migrate_cancel();
    /* The command did no work: the VM is where the pause left it. */
    g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_CANCELLING);
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_FINISH_MIGRATE);
    wait_for_end();
    g_assert_cmpint(migration_status(), ==, MIGRATION_STATUS_CANCELLED);
    g_assert_true(runstate_is_running());
    test_vm_stop(&vm);
    remove_file(path);
}

static void test_shutdown_ends_a_paused_migration(void)
{
    g_autofree char *path = test_path();
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    TestVM vm;

    test_vm_start(&vm, "a", false, true);
    start_with_pause(uri);
    wait_for_status(MIGRATION_STATUS_PRE_SWITCHOVER);
    test_vm_stop(&vm);
    remove_file(path);
}

static void test_broken_stream_fails_the_receiver_only(void)
{
    g_autofree char *path = test_path();
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    int fd = sched_file_open("state", path, SCHED_FILE_WRITE | SCHED_FILE_CREATE | SCHED_FILE_TRUNC);
    QEMUFile *f = qemu_fopen_file(fd, 0, true);
    MigrationReport *report;
    TestVM vm;

    qemu_put_be32(f, 0x12345678);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    test_vm_start(&vm, "b", true, true);
    g_assert_true(migrate_incoming(uri, -1, false, NULL));
    wait_for_incoming(MIGRATION_STATUS_FAILED);
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_INMIGRATE);
    g_assert_cmpint(qemu_reset_requested_get(), ==, SHUTDOWN_CAUSE_SUBSYSTEM_RESET);
    report = migration_query();
    g_assert_cmpint(report->status, ==, MIGRATION_STATUS_FAILED);
    g_assert_nonnull(strstr(report->error_desc, "load of migration failed: "));
    g_assert_nonnull(strstr(report->error_desc, "Not a migration stream"));
    migration_report_free(report);
    test_vm_stop(&vm);
    remove_file(path);
}

static void test_blockers(void)
{
    MigrationBlocker *b1 = NULL, *b2 = NULL;
    GError *err = NULL;
    MigrationReport *report;
    TestVM vm;

    test_vm_start(&vm, "a", false, true);
    g_assert_cmpint(migrate_add_blocker("vmdk", "the vmdk format does not like it", &b1, NULL), ==, 0);
    g_assert_false(migrate_start("file:/x", -1, &err));
    g_assert_cmpstr(err->message, ==, "the vmdk format does not like it");
    g_clear_error(&err);
    g_assert_false(migration_blocked_except("vmdk", NULL));
    g_assert_cmpint(migrate_add_blocker("device", "nor do I", &b2, NULL), ==, 0);
    g_assert_true(migration_blocked_except("vmdk", &err));
    g_assert_cmpstr(err->message, ==, "nor do I");
    g_clear_error(&err);
    report = migration_query();
    g_assert_cmpuint(report->blocked_reasons->len, ==, 2);
    migration_report_free(report);
    migrate_del_blocker(&b1);
    migrate_del_blocker(&b2);
    migrate_del_blocker(&b2);
    g_assert_false(migration_is_blocked(NULL));
    test_vm_stop(&vm);
}

static void test_options_are_checked(void)
{
    MigrationCapability caps[] = { MIGRATION_CAPABILITY_EVENTS, MIGRATION_CAPABILITY_MULTIFD };
    bool states[] = { true, true };
    MigrationSettings p;
    GError *err = NULL;
    TestVM vm;

    test_vm_start(&vm, "a", false, true);
    g_assert_false(migrate_set_capabilities(caps, states, 2, &err));
    g_assert_cmpstr(err->message, ==, "Capability 'multifd' is not supported");
    g_clear_error(&err);
    g_assert_false(migrate_events());       /* all or none */
    states[1] = false;
    g_assert_true(migrate_set_capabilities(caps, states, 2, &err));
    g_assert_true(migrate_events());
    p = *migrate_parameters();
    g_assert_cmpuint(p.downtime_limit, ==, 300);
    p.downtime_limit = 2000001;
    g_assert_false(migrate_set_parameters(&p, &err));
    g_assert_cmpstr(err->message, ==, "Parameter 'downtime-limit' expects an integer in the range of 0 to 2000000");
    g_clear_error(&err);
    g_assert_cmpuint(migrate_parameters()->downtime_limit, ==, 300);
    for (int i = 0; i < MIGRATION_CAPABILITY__MAX; i++) {
        g_assert_cmpint(MigrationCapability_parse(MigrationCapability_str((MigrationCapability)i)), ==, i);
    }
    g_assert_cmpint(MigrationCapability_parse("nothing"), ==, -1);
    test_vm_stop(&vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/running-vm-arrives-running", test_running_vm_arrives_running);
    g_test_add_func("/migration/paused-vm-arrives-paused", test_paused_vm_arrives_paused);
    g_test_add_func("/migration/bad-uris", test_bad_uris);
    g_test_add_func("/migration/failure-before-the-switchover", test_failure_before_the_switchover);
    g_test_add_func("/migration/failure-in-the-switchover", test_failure_in_the_switchover_lets_the_vm_run_on);
    g_test_add_func("/migration/pause-and-continue", test_pause_and_continue);
    g_test_add_func("/migration/cancel-in-the-pause", test_cancel_in_the_pause);
    g_test_add_func("/migration/shutdown-ends-a-paused-migration", test_shutdown_ends_a_paused_migration);
    g_test_add_func("/migration/broken-stream", test_broken_stream_fails_the_receiver_only);
    g_test_add_func("/migration/blockers", test_blockers);
    g_test_add_func("/migration/options", test_options_are_checked);
    return test_vms_run();
}
