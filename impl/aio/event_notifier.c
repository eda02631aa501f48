/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EventNotifier over the engine's notifier. */
#include "aio/event_notifier.h"

int event_notifier_init(EventNotifier *e, const char *name, bool active)
{
    int ret = sched_notifier_init(&e->n, name);

    if (ret < 0) {
        return ret;
    }
    if (active) {
        sched_notifier_set(&e->n);
    }
    return 0;
}

void event_notifier_cleanup(EventNotifier *e)
{
    sched_notifier_cleanup(&e->n);
}

int event_notifier_get_fd(const EventNotifier *e)
{
    return e->n.fd;
}

void event_notifier_set(EventNotifier *e)
{
    sched_notifier_set(&e->n);
}

bool event_notifier_test_and_clear(EventNotifier *e)
{
    return sched_notifier_test_and_clear(&e->n);
}
