/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of engine_os share. */
#ifndef SCHED_ENGINE_OS_INT_H
#define SCHED_ENGINE_OS_INT_H

/** engine_io_init: the table of descriptors that need more than close(). */
void engine_io_init(void);
/** engine_io_cleanup: forget the table; descriptors stay open. */
void engine_io_cleanup(void);

#endif
