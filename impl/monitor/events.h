/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events on their way to QMP clients.
 *
 * Modules below the monitor do not include this: they offer observers (run state, jobs, migration), to which
 * events.c subscribes. Only monitor code calls the generated qapi_event_send_x().
 *
 * I1  Events reach each client in the order they were emitted, except that a rate-limited event may be replaced by
 *     its newest value until its period is over.
 * I2  A client sees no event before its capabilities negotiation is finished.
 */
#ifndef MONITOR_EVENTS_H
#define MONITOR_EVENTS_H

struct json_object;

/**
 * qapi_event_emit: queue event @name for every client. Any thread.
 * @data: its arguments, transferred; NULL for none.
 */
void qapi_event_emit(unsigned event, const char *name, struct json_object *data);

void monitor_events_init(void);
/**
 * monitor_events_subscribe: hear of run state, jobs, migration and disk errors. Once those modules have their state;
 * the machine calls it after monitor_init_globals().
 */
void monitor_events_subscribe(void);
void monitor_events_cleanup(void);

#endif
