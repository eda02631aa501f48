/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that users give to nodes, devices, jobs, netdevs, objects and character devices. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>

/** id_wellformed: a letter, then letters, digits, '-', '.' and '_' (qemu(1), "id" of every option). */
bool id_wellformed(const char *id);

#endif
