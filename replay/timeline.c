/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies of the process and their keeper. See timeline.h.
 */
#include "replay/timeline.h"

#include "platform/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_DISTANCE UINT64_C(200000)     /* instructions; a millisecond or so */
#define LOOK_EVERY_MS 20                    /* at whether the running process still runs */

enum { SLOTS = TIMELINE_EVEN + TIMELINE_NEAR };

typedef struct Copy {
    bool used;
    ReplayPosition at;
    int pid;
    int wake;               /* an eventfd, made before all forks */
} Copy;

typedef struct Shared {
    Copy copies[SLOTS];
    uint64_t distance;
    unsigned next_near;
    int running;            /* process */
    bool ready, ended;
    int status;
} Shared;

typedef struct Timeline {
    Shared *shared;
    void *user;
    int alive;              /* reads the end of file when the keeper has ended (I3) */
} Timeline;

static Timeline timeline;

int position_compare(ReplayPosition a, ReplayPosition b)
{
    if (a.count != b.count) {
        return a.count < b.count ? -1 : 1;
    }
    return a.step < b.step ? -1 : a.step > b.step;
}

void *timeline_shared(void)
{
    return timeline.user;
}

void timeline_ready(void)
{
    __atomic_store_n(&timeline.shared->ready, true, __ATOMIC_RELEASE);
}

void timeline_ended(int status)
{
    timeline.shared->status = status;
    __atomic_store_n(&timeline.shared->ended, true, __ATOMIC_RELEASE);
}

bool timeline_orphaned(void)
{
    struct pollfd p = { .fd = timeline.alive, .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}

/* ---- Copies ---- */

static void wait_to_go(Copy *c)
{
    struct pollfd p[] = { { .fd = c->wake, .events = POLLIN }, { .fd = timeline.alive, .events = POLLIN } };
    uint64_t n;

    for (;;) {
        if (poll(p, 2, -1) > 0) {
            if (p[1].revents) {
                _exit(0);
            }
            if (read(c->wake, &n, sizeof(n)) == sizeof(n)) {
                timeline.shared->running = getpid();
                return;
            }
        }
    }
}

static void drop(Copy *c)
{
    if (c->used) {
        kill(c->pid, SIGKILL);
        c->used = false;
    }
}

/* Every second one of those that stand evenly; the first stays. */
static void thin_out(Shared *s)
{
    Copy *first = NULL;

    s->distance *= 2;
    for (unsigned i = 0; i < TIMELINE_EVEN; i++) {
        Copy *c = &s->copies[i];

        if (c->used && (!first || position_compare(c->at, first->at) < 0)) {
            first = c;
        }
    }
    for (unsigned i = 0; i < TIMELINE_EVEN; i++) {
        Copy *c = &s->copies[i];

        if (c != first && c->used && (c->at.count - first->at.count) / (s->distance / 2) % 2) {
            drop(c);
        }
    }
}

static Copy *free_even(Shared *s)
{
    for (;;) {
        for (unsigned i = 0; i < TIMELINE_EVEN; i++) {
            if (!s->copies[i].used) {
                return &s->copies[i];
            }
        }
        thin_out(s);
    }
}

static Copy *last_at_or_before(ReplayPosition to)
{
    Shared *s = timeline.shared;
    Copy *best = NULL, *first = NULL;

    for (unsigned i = 0; i < SLOTS; i++) {
        Copy *c = &s->copies[i];

        if (c->used) {
            first = !first || position_compare(c->at, first->at) < 0 ? c : first;
            if (position_compare(c->at, to) <= 0 && (!best || position_compare(best->at, c->at) < 0)) {
                best = c;
            }
        }
    }
    return best ? best : first;
}

bool timeline_mark(ReplayPosition here, bool near)
{
    Shared *s = timeline.shared;
    const Copy *last = last_at_or_before(here);
    uint64_t distance = near ? FIRST_DISTANCE / 100 : s->distance;
    bool revived = false;
    Copy *c;
    int pid;

    if (last && here.count - last->at.count < distance && position_compare(last->at, here) <= 0) {
        return false;
    }
    if (near) {
        c = &s->copies[TIMELINE_EVEN + s->next_near++ % TIMELINE_NEAR];
        drop(c);
    } else {
        c = free_even(s);
    }
    c->at = here;
    while ((pid = fork()) == 0) {       /* (I2) */
        wait_to_go(c);
        revived = true;
    }
    c->used = pid > 0;
    c->pid = pid;
    return revived;
}

void timeline_jump(ReplayPosition to)
{
    const Copy *c = last_at_or_before(to);
    uint64_t one = 1;

    if (c) {
        timeline.shared->running = c->pid;      /* before we are gone: the keeper looks whether anybody runs */
    }
    if (!c || write(c->wake, &one, sizeof(one)) != sizeof(one)) {
        timeline_ended(2);
    }
    _exit(0);
}

uint64_t timeline_best_step(uint64_t step, ReplayPosition *ret)
{
    const Shared *s = timeline.shared;
    const Copy *best = NULL;

    for (unsigned i = 0; i < SLOTS; i++) {
        const Copy *c = &s->copies[i];

        if (c->used && c->at.step < step && (!best || best->at.step < c->at.step)) {
            best = c;
        }
    }
    *ret = best ? best->at : (ReplayPosition){ 0, 0 };
    return ret->step;
}

/* ---- The keeper ---- */

typedef struct Keeper {
    const char *address;
    int listener, debugger, inside;
} Keeper;

static bool pass_on(int from, int to)
{
    char buf[4096];
    ssize_t n = recv(from, buf, sizeof(buf), 0);

    for (ssize_t done = 0, m; n > 0 && to >= 0 && done < n; done += m) {
        m = send(to, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
        if (m <= 0) {
            break;
        }
    }
    return n > 0;
}

static void keeper_look(Keeper *k)
{
    struct pollfd p[] = { { .fd = k->debugger < 0 ? k->listener : -1, .events = POLLIN },
                          { .fd = k->debugger, .events = POLLIN }, { .fd = k->inside, .events = POLLIN } };

    if (poll(p, 3, LOOK_EVERY_MS) <= 0) {
        return;
    }
    if (p[0].revents) {
        k->debugger = os_accept(k->listener);
        if (k->debugger >= 0 && os_set_nonblock(k->debugger, false) < 0) {
            close(k->debugger);
            k->debugger = -1;
        }
    }
    if (p[1].revents && !pass_on(k->debugger, k->inside)) {
        close(k->debugger);
        k->debugger = -1;
        (void)!send(k->inside, "+$D#44", 6, MSG_NOSIGNAL);      /* who leaves has detached */
    }
    if (p[2].revents) {
        (void)pass_on(k->inside, k->debugger);
    }
}

static int keeper_run(const char *address, int inside)
{
    Shared *s = timeline.shared;
    Keeper k = { .address = address, .listener = -1, .debugger = -1, .inside = inside };

    while (kill(__atomic_load_n(&s->running, __ATOMIC_ACQUIRE), 0) == 0) {
        if (k.listener < 0 && __atomic_load_n(&s->ready, __ATOMIC_ACQUIRE)) {
            k.listener = os_listen(address);
            if (k.listener < 0) {
                fprintf(stderr, "rondo-sim: cannot listen on %s: %s\n", address, g_strerror(-k.listener));
                return 2;
            }
            fprintf(stderr, "rondo-sim: waiting for a debugger on %s\n", address);
        }
        keeper_look(&k);
    }
    if (!s->ended) {
        fprintf(stderr, "rondo-sim: the process that ran has been killed\n");
    }
    return s->ended ? s->status : 2;
}

static void *map_shared(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

bool timeline_split(const char *address, size_t shared_bytes, int *ret_fd, int *ret_status)
{
    Shared *s = map_shared(sizeof(*s));
    int line[2], alive[2];

    *ret_status = 2;
    timeline.shared = s;
    timeline.user = map_shared(shared_bytes);
    if (!s || !timeline.user || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) < 0 ||
        pipe2(alive, O_CLOEXEC) < 0) {
        perror("rondo-sim");
        return false;
    }
    s->distance = FIRST_DISTANCE;
    for (unsigned i = 0; i < SLOTS; i++) {
        s->copies[i].wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    signal(SIGCHLD, SIG_IGN);           /* copies that end leave nothing */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    s->running = fork();
    if (s->running == 0) {
        s->running = getpid();
        close(alive[1]);
        close(line[0]);
        timeline.alive = alive[0];
        *ret_fd = line[1];
        return true;
    }
    close(alive[0]);
    close(line[1]);
    *ret_status = s->running < 0 ? 2 : keeper_run(address, line[0]);
    return false;
}
