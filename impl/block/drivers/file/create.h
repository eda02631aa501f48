/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creating and resizing files; see create.c. */
#ifndef BLOCK_DRIVERS_FILE_CREATE_H
#define BLOCK_DRIVERS_FILE_CREATE_H

#include "block/block_common.h"

/** file_resize: set the length; growth is allocated as @prealloc says. 0 or -errno. Blocks: for workers. */
int file_resize(int fd, uint64_t size, PreallocMode prealloc) G_GNUC_WARN_UNUSED_RESULT;
/** file_co_create_opts: BlockDriver.bdrv_co_create_opts. Yields. */
int coroutine_fn file_co_create_opts(BlockDriver *drv, const char *filename, QDict *opts, GError **errp);

#endif
