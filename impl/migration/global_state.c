/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Section "globalstate": the name of the run state the VM had before it was stopped for the stream.
 *
 * Owns: MigrationModule.global. Context: global_state.h.
 *
 * I1  Only states that a VM may have when it arrives are accepted; others would be transitions that do not exist.
 */
#include "migration/global_state.h"

#include "migration/migration_int.h"
#include "migration/vmstate.h"

static GlobalState *global_state(void)
{
    return &migration_module()->global;
}

void vm_resume(RunState state)
{
    if (runstate_is_live(state)) {
        vm_start();
    } else {
        runstate_set(state);
    }
}

static void store(RunState state)
{
    GlobalState *s = global_state();

    memset(s->runstate, 0, sizeof(s->runstate));
    g_strlcpy((char *)s->runstate, RunState_str(state), sizeof(s->runstate));
}

void global_state_store(void)
{
    store(runstate_get());
}

void global_state_store_running(void)
{
    store(RUN_STATE_RUNNING);
}

bool global_state_received(void)
{
    return global_state()->received;
}

RunState global_state_get_runstate(void)
{
    return global_state()->state;
}

RunState migration_get_target_runstate(void)
{
    return global_state_received() ? global_state_get_runstate() : RUN_STATE_RUNNING;
}

static bool runstate_may_arrive(RunState state)
{
    switch (state) {
    case RUN_STATE_RUNNING:
    case RUN_STATE_SUSPENDED:
    case RUN_STATE_PAUSED:
    case RUN_STATE_PRELAUNCH:
    case RUN_STATE_POSTMIGRATE:
    case RUN_STATE_IO_ERROR:
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_SHUTDOWN:
    case RUN_STATE_WATCHDOG:
    case RUN_STATE_GUEST_PANICKED:
        return true;
    default:
        return false;
    }
}

static int global_state_pre_load(void *opaque)
{
    global_state()->received = false;
    return 0;
}

static int global_state_post_load(void *opaque, int version_id)
{
    GlobalState *s = opaque;

    if (!memchr(s->runstate, 0, sizeof(s->runstate))) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < RUN_STATE__MAX; i++) {
        if (strcmp((const char *)s->runstate, RunState_str((RunState)i)) == 0 && runstate_may_arrive((RunState)i)) {
            s->state = (RunState)i;     /* (I1) */
            s->received = true;
            return 0;
        }
    }
    return -EINVAL;
}

static int global_state_pre_save(void *opaque)
{
    GlobalState *s = opaque;

    s->size = (uint32_t)strlen((const char *)s->runstate) + 1;
    return 0;
}

static const VMStateDescription vmstate_globalstate = {
    .name = "globalstate",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_load = global_state_pre_load,
    .post_load = global_state_post_load,
    .pre_save = global_state_pre_save,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(size, GlobalState),
        VMSTATE_BUFFER(runstate, GlobalState),
        VMSTATE_END_OF_LIST()
    },
};

void global_state_init(void)
{
    store(RUN_STATE_RUNNING);
    vmstate_register(NULL, 0, &vmstate_globalstate, global_state());
}

void global_state_cleanup(void)
{
    vmstate_unregister(NULL, &vmstate_globalstate, global_state());
}
