/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices tell the world besides the guest. The monitor takes part; without it nobody hears.
 * Context: BQL held.
 */
#ifndef DEVICES_EVENTS_H
#define DEVICES_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/** Any callback may be NULL. */
typedef struct DeviceEvents {
    /* The balloon has another size: @actual bytes of memory are the guest's. */
    void (*balloon_change)(int64_t actual);
    /* The guest has opened or closed virtio-serial port @id. */
    void (*vserport_change)(const char *id, bool open);
} DeviceEvents;

/** devices_set_events: of the current machine; @events is borrowed, NULL ends it. */
void devices_set_events(const DeviceEvents *events);
/** devices_events: never NULL. */
const DeviceEvents *devices_events(void);

#endif
