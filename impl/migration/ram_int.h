/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The format of the RAM section, shared by its writer and its reader. */
#ifndef MIGRATION_RAM_INT_H
#define MIGRATION_RAM_INT_H

#include "migration/register.h"
#include "mem/memory.h"

#define RAM_SAVE_VERSION 4

/* Low bits of a page's address word. */
enum {
    RAM_SAVE_FLAG_ZERO = 0x02,          /* one fill byte follows, 0 */
    RAM_SAVE_FLAG_MEM_SIZE = 0x04,      /* address word: bytes of all blocks; names and lengths follow */
    RAM_SAVE_FLAG_PAGE = 0x08,          /* the page follows */
    RAM_SAVE_FLAG_EOS = 0x10,           /* end of this section's data */
    RAM_SAVE_FLAG_CONTINUE = 0x20,      /* the block is that of the page before; else its name follows */
};

int ram_load(QEMUFile *f, void *opaque, int version_id, GError **errp);

#endif
