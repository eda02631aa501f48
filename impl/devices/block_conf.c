/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options that all disk devices share. See block_conf.h.
 */
#include "devices/block_conf.h"

#include <string.h>

#include "base/bytes.h"

static bool blkconf_check_sizes(const BlockConf *conf, GError **errp)
{
    const struct {
        const char *name;
        uint32_t value;
    } sizes[] = {
        { "logical_block_size", conf->logical_block_size },
        { "physical_block_size", conf->physical_block_size },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        if (sizes[i].value < 512 || sizes[i].value > 2 * MiB || !is_power_of_2(sizes[i].value)) {
            error_setg(errp, "parameter %s must be a power of 2 between 512 and 2097152", sizes[i].name);
            return false;
        }
    }
    if (conf->logical_block_size > conf->physical_block_size) {
        error_setg(errp, "logical_block_size > physical_block_size not supported");
        return false;
    }
    if (conf->min_io_size % conf->logical_block_size || conf->opt_io_size % conf->logical_block_size) {
        error_setg(errp, "min_io_size and opt_io_size must be multiples of logical_block_size");
        return false;
    }
    if (conf->discard_granularity != UINT32_MAX && conf->discard_granularity % conf->logical_block_size) {
        error_setg(errp, "discard_granularity must be a multiple of logical_block_size");
        return false;
    }
    return true;
}

/*
 * Stopping the VM on an error would keep the request for a retry after the guest may have been saved; that is
 * not there, so asking for it is refused rather than quietly ignored.
 */
static bool blkconf_parse_on_error(const char *name, const char *text, BlockdevOnError *ret, GError **errp)
{
    if (!text || strcmp(text, "auto") == 0 || strcmp(text, "report") == 0) {
        *ret = BLOCKDEV_ON_ERROR_REPORT;
        return true;
    }
    if (strcmp(text, "ignore") == 0) {
        *ret = BLOCKDEV_ON_ERROR_IGNORE;
        return true;
    }
    error_setg(errp, "Parameter '%s' does not accept value '%s' (only auto, report and ignore are supported)", name,
               text);
    return false;
}

bool blkconf_apply(BlockConf *conf, DeviceState *dev, GError **errp)
{
    BlockdevOnError rerror;
    BlockdevOnError werror;
    bool ro = !blk_supports_write_perm(conf->blk);
    uint64_t perm = BLK_PERM_CONSISTENT_READ | (ro ? 0 : BLK_PERM_WRITE);
    uint64_t shared = BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE_UNCHANGED | BLK_PERM_RESIZE |
                      (conf->share_rw ? BLK_PERM_WRITE : 0);

    if (!blkconf_check_sizes(conf, errp) || !blkconf_parse_on_error("rerror", conf->rerror, &rerror, errp) ||
        !blkconf_parse_on_error("werror", conf->werror, &werror, errp)) {
        return false;
    }
    if (blk_set_perm(conf->blk, perm, shared, errp) < 0) {
        return false;
    }
    if (conf->wce != ON_OFF_AUTO_AUTO) {
        blk_set_enable_write_cache(conf->blk, conf->wce == ON_OFF_AUTO_ON);
    }
    blk_set_on_error(conf->blk, rerror, werror);
    blk_iostatus_enable(conf->blk);
    blk_set_dev_name(conf->blk, dev->id ? dev->id : dev->path);
    return true;
}
