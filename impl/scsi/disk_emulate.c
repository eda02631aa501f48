/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands a disk answers without its medium: identification, capacity, modes.
 *
 * Source: SPC-4 (INQUIRY, vital product data, MODE SENSE), SBC-3 (READ CAPACITY, block limits).
 */
#include <string.h>

#include "base/bytes.h"
#include "scsi/disk.h"
#include "scsi/opcodes.h"

static void scsi_pad(uint8_t *dst, const char *text, unsigned len)
{
    memset(dst, ' ', len);
    memcpy(dst, text, MIN(strlen(text), len));
}

/* ---- INQUIRY ---- */

static const char *scsi_disk_id_text(const SCSIDevice *d)
{
    if (d->device_id) {
        return d->device_id;
    }
    return d->conf.serial ? d->conf.serial : blk_name(d->conf.blk);
}

static unsigned scsi_vpd_device_id(const SCSIDevice *d, uint8_t *p)
{
    const char *text = scsi_disk_id_text(d);
    unsigned len = MIN(strlen(text), 200u);
    unsigned n = 0;

    if (len) {
        p[0] = 2;               /* ASCII, vendor specific */
        p[3] = len;
        memcpy(p + 4, text, len);
        n = 4 + len;
    }
    if (d->wwn) {
        p[n] = 1;               /* binary, NAA */
        p[n + 1] = 3;
        p[n + 3] = 8;
        st64_be(p + n + 4, d->wwn);
        n += 12;
    }
    return n;
}

static unsigned scsi_vpd_block_limits(const SCSIDevice *d, uint8_t *p)
{
    uint32_t bs = d->conf.logical_block_size;
    uint32_t granularity = d->conf.discard_granularity == UINT32_MAX ? MAX(4096u, bs)
                                                                      : d->conf.discard_granularity;

    p[0] = 1;                   /* WSNZ: WRITE SAME of zero blocks is an error */
    st16_be(p + 2, MIN(d->conf.min_io_size / bs, UINT16_MAX));
    st32_be(p + 4, BDRV_REQUEST_MAX_BYTES / bs);
    st32_be(p + 8, d->conf.opt_io_size / bs);
    st32_be(p + 16, BDRV_REQUEST_MAX_BYTES / bs);   /* UNMAP: blocks per range, ranges */
    st32_be(p + 20, 255);
    st32_be(p + 24, granularity / bs);
    st64_be(p + 32, SCSI_DISK_MAX_WRITE_SAME / bs);
    return 0x3c;
}

static int scsi_inquiry_vpd(const SCSIDevice *d, uint8_t page, uint8_t *buf)
{
    static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2 };
    uint8_t *p = buf + 4;
    unsigned len = 0;

    switch (page) {
    case 0x00:
        for (unsigned i = 0; i < sizeof(pages); i++) {
            if (pages[i] != 0x80 || d->conf.serial) {
                p[len++] = pages[i];
            }
        }
        break;
    case 0x80:
        if (!d->conf.serial) {
            return -1;
        }
        len = MIN(strlen(d->conf.serial), 36u);
        memcpy(p, d->conf.serial, len);
        break;
    case 0x83:
        len = scsi_vpd_device_id(d, p);
        break;
    case 0xb0:
        len = scsi_vpd_block_limits(d, p);
        break;
    case 0xb1:
        st16_be(p, 1);          /* not rotating */
        len = 0x3c;
        break;
    case 0xb2:
        p[1] = 0xe0;            /* UNMAP and both WRITE SAMEs release blocks */
        p[2] = 2;               /* thinly provisioned */
        len = 4;
        break;
    default:
        return -1;
    }
    buf[1] = page;
    st16_be(buf + 2, len);
    return len + 4;
}

static int scsi_disk_inquiry(const SCSIDevice *d, const SCSICommand *cmd, uint8_t *buf)
{
    if (cmd->buf[1] & 1) {
        return scsi_inquiry_vpd(d, cmd->buf[2], buf);
    }
    if (cmd->buf[2]) {
        return -1;
    }
    buf[2] = 5;                 /* SPC-3 */
    buf[3] = 0x12;              /* response format 2, hierarchical LUNs */
    buf[4] = 36 - 5;
    buf[7] = 0x12;              /* synchronous, command queueing */
    scsi_pad(buf + 8, d->vendor ? d->vendor : "RONDO", 8);
    scsi_pad(buf + 16, d->product ? d->product : "RONDO HARDDISK", 16);
    scsi_pad(buf + 32, d->version ? d->version : "1.0", 4);
    return 36;
}

/* ---- MODE SENSE ---- */

/* Page @page at @p; returns its bytes, 0 if there is none. @pc: 1 asks which bits could be changed: none. */
static unsigned scsi_mode_page(const SCSIDevice *d, unsigned page, unsigned pc, uint8_t *p)
{
    switch (page) {
    case 0x01:                  /* read-write error recovery */
        p[0] = 0x01;
        p[1] = 10;
        if (pc != 1) {
            p[2] = 0x80;        /* automatic write reallocation */
        }
        return 12;
    case 0x08:                  /* caching */
        p[0] = 0x08;
        p[1] = 18;
        if (pc != 1 && blk_enable_write_cache(d->conf.blk)) {
            p[2] = 0x04;
        }
        return 20;
    case 0x0a:                  /* control */
        p[0] = 0x0a;
        p[1] = 10;
        return 12;
    default:
        return 0;
    }
}

static int scsi_disk_mode_sense(const SCSIDevice *d, const SCSICommand *cmd, uint8_t *buf, SCSISense *ret_sense)
{
    static const uint8_t all[] = { 0x01, 0x08, 0x0a };
    bool ten = cmd->buf[0] == MODE_SENSE_10;
    bool dbd = cmd->buf[1] & 0x08;
    unsigned page = cmd->buf[2] & 0x3f;
    unsigned pc = cmd->buf[2] >> 6;
    uint8_t dsp = 0x10 | (blk_is_writable(d->conf.blk) ? 0 : 0x80);    /* DPO and FUA, write protect */
    unsigned n = ten ? 8 : 4;

    if (pc == 3) {
        *ret_sense = sense_SAVING_PARAMS_NOT_SUPPORTED;
        return -1;
    }
    if (!dbd) {
        uint64_t blocks = __atomic_load_n(&d->length, __ATOMIC_RELAXED) / d->conf.logical_block_size;

        buf[ten ? 7 : 3] = 8;
        st32_be(buf + n, MIN(blocks, 0xffffff));
        buf[n] = 0;
        st32_be(buf + n + 4, d->conf.logical_block_size);
        n += 8;
    }
    if (page == 0x3f) {
        for (unsigned i = 0; i < sizeof(all); i++) {
            n += scsi_mode_page(d, all[i], pc, buf + n);
        }
    } else {
        unsigned len = scsi_mode_page(d, page, pc, buf + n);

        if (!len) {
            return -1;
        }
        n += len;
    }
    if (ten) {
        st16_be(buf, n - 2);
        buf[3] = dsp;
    } else {
        buf[0] = n - 1;
        buf[2] = dsp;
    }
    return n;
}

/* ---- Capacity ---- */

static int scsi_read_capacity_10(const SCSIDevice *d, const SCSICommand *cmd, uint8_t *buf)
{
    uint64_t blocks = __atomic_load_n(&d->length, __ATOMIC_RELAXED) / d->conf.logical_block_size;

    if (!(cmd->buf[8] & 1) && ld32_be(cmd->buf + 2)) {
        return -1;
    }
    st32_be(buf, MIN(blocks ? blocks - 1 : 0, UINT32_MAX));
    st32_be(buf + 4, d->conf.logical_block_size);
    return 8;
}

static int scsi_read_capacity_16(const SCSIDevice *d, uint8_t *buf)
{
    uint64_t blocks = __atomic_load_n(&d->length, __ATOMIC_RELAXED) / d->conf.logical_block_size;
    unsigned exp = 0;

    while ((d->conf.logical_block_size << exp) < d->conf.physical_block_size) {
        exp++;
    }
    st64_be(buf, blocks ? blocks - 1 : 0);
    st32_be(buf + 8, d->conf.logical_block_size);
    buf[13] = exp;
    buf[14] = 0x80;             /* logical block provisioning */
    return 32;
}

static int scsi_request_sense(SCSIDevice *d, const SCSICommand *cmd, uint8_t *buf)
{
    SCSISense sense = sense_NO_SENSE;

    sched_mutex_lock(&d->lock);
    if (d->needs_attention) {
        sense = d->unit_attention;
        d->needs_attention = false;
    }
    sched_mutex_unlock(&d->lock);
    return scsi_build_sense(buf, !(cmd->buf[1] & 1), sense);
}

int scsi_disk_emulate(SCSIDevice *d, const SCSICommand *cmd, uint8_t *buf, SCSISense *ret_sense)
{
    uint64_t total = __atomic_load_n(&d->length, __ATOMIC_RELAXED) / d->conf.logical_block_size;

    *ret_sense = sense_INVALID_FIELD;
    switch (cmd->buf[0]) {
    case TEST_UNIT_READY:
    case ALLOW_MEDIUM_REMOVAL:
        return 0;
    case START_STOP:
        return 0;
    case REQUEST_SENSE:
        return scsi_request_sense(d, cmd, buf);
    case INQUIRY:
        return scsi_disk_inquiry(d, cmd, buf);
    case MODE_SENSE:
    case MODE_SENSE_10:
        return scsi_disk_mode_sense(d, cmd, buf, ret_sense);
    case READ_CAPACITY_10:
        return scsi_read_capacity_10(d, cmd, buf);
    case SERVICE_ACTION_IN_16:
        if ((cmd->buf[1] & 0x1f) == SAI_READ_CAPACITY_16) {
            return scsi_read_capacity_16(d, buf);
        }
        return -1;
    case VERIFY_10:
    case VERIFY_16:
        if (cmd->buf[1] & 0x06) {
            return -1;          /* comparing with data is not supported */
        }
        if (cmd->lba > total || cmd->blocks > total - cmd->lba) {
            *ret_sense = sense_LBA_OUT_OF_RANGE;
            return -1;
        }
        return 0;
    default:
        *ret_sense = sense_INVALID_OPCODE;
        return -1;
    }
}
