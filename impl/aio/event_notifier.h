/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EventNotifier: a flag with a descriptor, so that one thread can make another's poll return.
 *
 * Setting it any number of times before it is cleared counts as once.
 */
#ifndef AIO_EVENT_NOTIFIER_H
#define AIO_EVENT_NOTIFIER_H

#include "sched/io.h"

typedef struct EventNotifier {
    SchedNotifier n;
} EventNotifier;

typedef void EventNotifierHandler(EventNotifier *e);

/**
 * event_notifier_init: @name is borrowed and appears in traces. @active: start set. Returns 0 or
 * -errno.
 */
int event_notifier_init(EventNotifier *e, const char *name, bool active) G_GNUC_WARN_UNUSED_RESULT;
void event_notifier_cleanup(EventNotifier *e);
int event_notifier_get_fd(const EventNotifier *e);
/** event_notifier_set: any thread. */
void event_notifier_set(EventNotifier *e);
/** event_notifier_test_and_clear: was it set? Any thread; of several that race, one gets true. */
bool event_notifier_test_and_clear(EventNotifier *e);

#endif
