/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM as a live section. See ram.c for the format. */
#ifndef MIGRATION_RAM_H
#define MIGRATION_RAM_H

#include "migration/qemu_file.h"

#include <stdbool.h>
#include <stdint.h>

/** Counts of the present or last save; pages unless said otherwise. */
typedef struct RAMStats {
    uint64_t transferred;       /* bytes */
    uint64_t remaining_pages;
    uint64_t zero_pages;
    uint64_t normal_pages;
    uint64_t dirty_sync_count;
    uint64_t dirty_pages_rate;  /* per second */
} RAMStats;

/** ram_mig_init: register the section "ram". Needs the BQL. */
void ram_mig_init(void);
void ram_mig_cleanup(void);
/** ram_stats: a copy. Any thread; fields may be of different moments. */
RAMStats ram_stats(void);

#endif
