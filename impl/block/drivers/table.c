/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of block drivers: one folder, one line each. The order decides ties when a format is probed. */
#include "block/block_int.h"

extern const BlockDriver bdrv_file;
extern const BlockDriver bdrv_raw;
extern const BlockDriver bdrv_null_co;
extern const BlockDriver bdrv_blkdebug;
extern const BlockDriver bdrv_qcow2;

const BlockDriver *const bdrv_driver_table[] = {
    &bdrv_file,
    &bdrv_raw,
    &bdrv_qcow2,
    &bdrv_null_co,
    &bdrv_blkdebug,
    NULL,
};
