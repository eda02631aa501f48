/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forked checkpoints. The table is shared by all copies; the debugger reads it, attaches to a copy, sets replay_go and
 * continues.
 */
#include "replay/checkpoint.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHECKPOINTS_MAX 4096
#define LOOK_EVERY_MS 5         /* at replay_go, which the debugger writes */

typedef struct ReplayCheckpoint {
    uint64_t step;              /* 0: end of the table */
    int pid;
} ReplayCheckpoint;

/* For the debugger's script: by these names. */
extern ReplayCheckpoint *replay_checkpoints;
extern volatile int replay_go;
ReplayCheckpoint *replay_checkpoints;
volatile int replay_go;

static int debugger_fd;         /* readable once it has ended, also before anybody waits for it */

int checkpoint_init(int debugger)
{
    void *table = mmap(NULL, CHECKPOINTS_MAX * sizeof(*replay_checkpoints), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (table == MAP_FAILED) {
        return -errno;
    }
    replay_checkpoints = table;
    debugger_fd = syscall(SYS_pidfd_open, debugger, 0);
    return debugger_fd < 0 ? -errno : 0;
}

/* Until this copy is the one to go on, or the debugger has gone. */
static void wait_to_go(ReplayCheckpoint *c)
{
    struct pollfd debugger = { .fd = debugger_fd, .events = POLLIN };

    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);      /* the debugger is not our parent */
    while (!replay_go) {
        if (poll(&debugger, 1, LOOK_EVERY_MS) == 1) {
            _exit(0);
        }
    }
    replay_go = 0;
}

void checkpoint_leave(uint64_t step)
{
    ReplayCheckpoint *c = replay_checkpoints;
    int pid;

    while (c->step && c->step != step) {
        c++;
    }
    if (c->step || c == replay_checkpoints + CHECKPOINTS_MAX - 1) {
        return;                 /* a copy from before has been here already, or enough is enough */
    }
    c->step = step;
    signal(SIGCHLD, SIG_IGN);   /* copies that end leave nothing */
    /* The copy waits, and when it goes on leaves a copy of itself in its place. */
    while ((pid = fork()) == 0) {
        wait_to_go(c);
    }
    c->pid = pid > 0 ? pid : 0; /* now, not when it first runs: the debugger may come back to it before */
}
