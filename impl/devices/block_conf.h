/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all disk devices are told about their backend: sizes, sharing, errors.
 */
#ifndef DEVICES_BLOCK_CONF_H
#define DEVICES_BLOCK_CONF_H

#include "block/backend.h"
#include "devices/device.h"

typedef struct BlockConf {
    BlockBackend *blk;
    uint32_t logical_block_size;    /* bytes */
    uint32_t physical_block_size;
    uint32_t min_io_size;
    uint32_t opt_io_size;
    uint32_t discard_granularity;   /* UINT32_MAX: the device's choice */
    int32_t bootindex;              /* place in the order firmware tries devices in; -1: none */
    bool share_rw;
    OnOffAuto wce;
    char *rerror;
    char *werror;
    char *serial;
} BlockConf;

#define DEFINE_BLOCK_PROPS(state, conf) \
    DEFINE_PROP_DRIVE("drive", state, conf.blk), \
    DEFINE_PROP_UINT32("logical_block_size", state, conf.logical_block_size, 512), \
    DEFINE_PROP_UINT32("physical_block_size", state, conf.physical_block_size, 512), \
    DEFINE_PROP_UINT32("min_io_size", state, conf.min_io_size, 0), \
    DEFINE_PROP_UINT32("opt_io_size", state, conf.opt_io_size, 0), \
    DEFINE_PROP_UINT32("discard_granularity", state, conf.discard_granularity, UINT32_MAX), \
    DEFINE_PROP_INT32("bootindex", state, conf.bootindex, -1), \
    DEFINE_PROP_BOOL("share-rw", state, conf.share_rw, false), \
    DEFINE_PROP_ON_OFF_AUTO("write-cache", state, conf.wce, ON_OFF_AUTO_AUTO), \
    DEFINE_PROP_STRING("rerror", state, conf.rerror), \
    DEFINE_PROP_STRING("werror", state, conf.werror), \
    DEFINE_PROP_STRING("serial", state, conf.serial)

/**
 * blkconf_apply: check @conf, take permissions and set error policies on its backend.
 * @dev: for the backend's name in queries.
 */
G_GNUC_WARN_UNUSED_RESULT
bool blkconf_apply(BlockConf *conf, DeviceState *dev, GError **errp);

#endif
