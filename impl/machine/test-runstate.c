/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: run states change only along the table, notifiers run in order, requests reach the main thread.
 * Method: a machine without processors.
 */
#include "devices/test-board.h"

static GString *told;

static void note(void *opaque, bool running, RunState state)
{
    g_string_append_printf(told, "%s%c ", (const char *)opaque, running ? '+' : '-');
}

static void test_order(void)
{
    VMChangeStateEntry *e[3];

    told = g_string_new(NULL);
    e[0] = qemu_add_vm_change_state_handler_prio(note, (char *)"b", 10);
    e[1] = qemu_add_vm_change_state_handler_prio(note, (char *)"a", 0);
    e[2] = qemu_add_vm_change_state_handler_prio(note, (char *)"c", 10);
    vm_start();
    g_assert_true(runstate_is_running());
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    g_assert_cmpstr(RunState_str(runstate_get()), ==, "paused");
    g_assert_cmpint(vm_stop(RUN_STATE_SAVE_VM), ==, 0);         /* not running: stays as it is */
    g_assert_true(runstate_check(RUN_STATE_PAUSED));
    g_assert_cmpstr(told->str, ==, "a+ b+ c+ c- b- a- ");
    for (unsigned i = 0; i < 3; i++) {
        qemu_del_vm_change_state_handler(e[i]);
    }
    g_string_free(told, TRUE);
}

static VMChangeStateEntry *self;

static void remove_self(void *opaque, bool running, RunState state)
{
    ++*(int *)opaque;
    qemu_del_vm_change_state_handler(self);
}

static void test_removal_inside(void)
{
    int calls = 0;

    self = qemu_add_vm_change_state_handler(remove_self, &calls);
    vm_start();
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    g_assert_cmpint(calls, ==, 1);
}

static int resets;

static void count_reset(void *opaque, ShutdownCause reason)
{
    g_assert_cmpint(reason, ==, SHUTDOWN_CAUSE_GUEST_RESET);
    resets++;
}

static void test_requests(void)
{
    int status = -1;

    qemu_set_reset_handler(count_reset, NULL);
    qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    g_assert_false(main_loop_should_exit(&status));
    g_assert_cmpint(resets, ==, 1);
    g_assert_true(runstate_check(RUN_STATE_PRELAUNCH));
    g_assert_false(main_loop_should_exit(&status));
    g_assert_cmpint(resets, ==, 1);
    runstate_set_actions(REBOOT_ACTION_SHUTDOWN, SHUTDOWN_ACTION_POWEROFF);
    qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    g_assert_true(main_loop_should_exit(&status));
    g_assert_cmpint(status, ==, 0);
    qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_GUEST_SHUTDOWN, 7);
    g_assert_true(main_loop_should_exit(&status));
    g_assert_cmpint(status, ==, 7);
    vm_start();
    runstate_set_actions(REBOOT_ACTION_RESET, SHUTDOWN_ACTION_PAUSE);
    qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    g_assert_false(main_loop_should_exit(&status));
    g_assert_true(runstate_needs_reset());
    qemu_set_reset_handler(NULL, NULL);
}

/* QMP can ask for a migration in each of these, and it may fail after it has stopped the VM. */
static void test_migration_from_anywhere(void)
{
    static const RunState states[] = {
        RUN_STATE_RESTORE_VM, RUN_STATE_SAVE_VM, RUN_STATE_PAUSED, RUN_STATE_IO_ERROR, RUN_STATE_INTERNAL_ERROR,
        RUN_STATE_GUEST_PANICKED, RUN_STATE_SHUTDOWN, RUN_STATE_WATCHDOG, RUN_STATE_DEBUG,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
        runstate_set(RUN_STATE_PRELAUNCH);          /* as a reset does */
        vm_start();
        g_assert_cmpint(vm_stop(states[i]), ==, 0);
        g_assert_cmpint(vm_stop_force_state(RUN_STATE_FINISH_MIGRATE), ==, 0);
        g_assert_true(runstate_check(RUN_STATE_FINISH_MIGRATE));
        runstate_set(states[i]);
    }
}

static void test_bad_transition(void)
{
    if (g_test_subprocess()) {
        runstate_set(RUN_STATE_WATCHDOG);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*invalid runstate transition: '*' -> 'watchdog'*");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/runstate/order", test_order);
    g_test_add_func("/runstate/removal-inside", test_removal_inside);
    g_test_add_func("/runstate/requests", test_requests);
    g_test_add_func("/runstate/migration-from-anywhere", test_migration_from_anywhere);
    g_test_add_func("/runstate/bad-transition", test_bad_transition);
    return test_board_run();
}
