/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads and their locks.
 *
 * Owns: one thread-local pointer, from which the engine reaches everything it keeps for a thread.
 */
#include "platform/os.h"
#include "base/assert.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SEC 1000000000LL

static __thread void *thread_self;

__attribute__((noinline)) void *os_thread_self(void)
{
    __asm__ volatile("" ::: "memory");
    return thread_self;
}

__attribute__((noinline)) void os_thread_set_self(void *self)
{
    thread_self = self;
}

int os_thread_create(pthread_t *ret, const char *name, void *(*fn)(void *), void *opaque)
{
    sigset_t all, old;
    char shown[16];
    int r;

    /* Signals are for the main thread; the new one inherits the mask. */
    sigfillset(&all);
    r = pthread_sigmask(SIG_SETMASK, &all, &old);
    assert(r == 0);
    r = pthread_create(ret, NULL, fn, opaque);
    if (r == 0) {
        g_strlcpy(shown, name, sizeof(shown));
        (void)pthread_setname_np(*ret, shown);      /* only for debuggers */
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -r;
}

int os_thread_number(void)
{
    return gettid();
}

void os_thread_join(pthread_t t)
{
    int r = pthread_join(t, NULL);

    assert(r == 0);
}

/* To be interrupted by it is all that it does. */
static void kicked(int signum)
{
}

void os_thread_take_kicks(void)
{
    struct sigaction act = { .sa_handler = kicked };      /* without SA_RESTART */
    sigset_t kick;
    int r = sigaction(SIGUSR1, &act, NULL);

    assert(r == 0);
    sigemptyset(&kick);
    sigaddset(&kick, SIGUSR1);
    r = pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
    assert(r == 0);
}

void os_thread_kick(pthread_t t)
{
    (void)pthread_kill(t, SIGUSR1);     /* one that blocks it finds it later; nothing else can fail */
}

static void check(int r, const char *what)
{
    if (G_UNLIKELY(r != 0)) {
        base_fatal("rondo: %s: %s", what, strerror(r));
    }
}

void os_mutex_init(pthread_mutex_t *m)
{
    check(pthread_mutex_init(m, NULL), "pthread_mutex_init");
}

void os_mutex_destroy(pthread_mutex_t *m)
{
    check(pthread_mutex_destroy(m), "pthread_mutex_destroy");
}

void os_mutex_lock(pthread_mutex_t *m)
{
    check(pthread_mutex_lock(m), "pthread_mutex_lock");
}

bool os_mutex_trylock(pthread_mutex_t *m)
{
    int r = pthread_mutex_trylock(m);

    if (r == EBUSY) {
        return false;
    }
    check(r, "pthread_mutex_trylock");
    return true;
}

void os_mutex_unlock(pthread_mutex_t *m)
{
    check(pthread_mutex_unlock(m), "pthread_mutex_unlock");
}

void os_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;

    check(pthread_condattr_init(&attr), "pthread_condattr_init");
    check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "pthread_condattr_setclock");
    check(pthread_cond_init(c, &attr), "pthread_cond_init");
    pthread_condattr_destroy(&attr);
}

void os_cond_destroy(pthread_cond_t *c)
{
    check(pthread_cond_destroy(c), "pthread_cond_destroy");
}

void os_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    check(pthread_cond_wait(c, m), "pthread_cond_wait");
}

bool os_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline_ns)
{
    struct timespec ts = { .tv_sec = deadline_ns / NS_PER_SEC, .tv_nsec = deadline_ns % NS_PER_SEC };
    int r = pthread_cond_timedwait(c, m, &ts);

    if (r == ETIMEDOUT) {
        return false;
    }
    check(r, "pthread_cond_timedwait");
    return true;
}

void os_cond_signal(pthread_cond_t *c)
{
    check(pthread_cond_signal(c), "pthread_cond_signal");
}

void os_cond_broadcast(pthread_cond_t *c)
{
    check(pthread_cond_broadcast(c), "pthread_cond_broadcast");
}
