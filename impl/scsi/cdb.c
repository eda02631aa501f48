/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding command descriptor blocks. Pure: bytes in, a struct out. Source: SPC-4 section 4.3, SBC-3 section 5.
 */
#include <string.h>

#include "base/bytes.h"
#include "scsi/opcodes.h"
#include "scsi/scsi.h"

unsigned scsi_cdb_length(uint8_t opcode)
{
    switch (opcode >> 5) {
    case 0:
        return 6;
    case 1:
    case 2:
        return 10;
    case 4:
        return 16;
    case 5:
        return 12;
    default:
        return 0;
    }
}

static void scsi_decode_lba(SCSICommand *cmd)
{
    const uint8_t *b = cmd->buf;

    switch (cmd->len) {
    case 6:
        cmd->lba = (b[1] & 0x1f) << 16 | b[2] << 8 | b[3];
        cmd->blocks = b[4] ? b[4] : 256;
        break;
    case 10:
        cmd->lba = ld32_be(b + 2);
        cmd->blocks = ld16_be(b + 7);
        break;
    case 12:
        cmd->lba = ld32_be(b + 2);
        cmd->blocks = ld32_be(b + 6);
        break;
    default:
        cmd->lba = ld64_be(b + 2);
        cmd->blocks = ld32_be(b + 10);
        break;
    }
}

/* The allocation or parameter list length, by size of the CDB. */
static uint32_t scsi_cdb_alloc_length(const SCSICommand *cmd)
{
    const uint8_t *b = cmd->buf;

    switch (cmd->len) {
    case 6:
        return b[4];
    case 10:
        return ld16_be(b + 7);
    case 12:
        return ld32_be(b + 6);
    default:
        return ld32_be(b + 10);
    }
}

static void scsi_decode_xfer(SCSICommand *cmd, unsigned blocksize)
{
    switch (cmd->buf[0]) {
    case TEST_UNIT_READY:
    case START_STOP:
    case ALLOW_MEDIUM_REMOVAL:
        break;
    case SYNCHRONIZE_CACHE:
    case SYNCHRONIZE_CACHE_16:
    case VERIFY_10:
    case VERIFY_16:
        scsi_decode_lba(cmd);
        break;
    case READ_6:
    case READ_10:
    case READ_12:
    case READ_16:
        scsi_decode_lba(cmd);
        cmd->xfer = cmd->blocks * blocksize;
        cmd->mode = cmd->xfer ? SCSI_XFER_FROM_DEV : SCSI_XFER_NONE;
        break;
    case WRITE_6:
    case WRITE_10:
    case WRITE_12:
    case WRITE_16:
        scsi_decode_lba(cmd);
        cmd->xfer = cmd->blocks * blocksize;
        cmd->mode = cmd->xfer ? SCSI_XFER_TO_DEV : SCSI_XFER_NONE;
        break;
    case WRITE_SAME_10:
    case WRITE_SAME_16:
        scsi_decode_lba(cmd);
        /* Bit 0 of byte 1 (no data-out buffer) only exists in the 16-byte form. */
        if (cmd->buf[0] == WRITE_SAME_10 || !(cmd->buf[1] & 1)) {
            cmd->xfer = blocksize;
            cmd->mode = SCSI_XFER_TO_DEV;
        }
        break;
    case UNMAP:
    case MODE_SELECT:
    case MODE_SELECT_10:
        cmd->xfer = scsi_cdb_alloc_length(cmd);
        cmd->mode = cmd->xfer ? SCSI_XFER_TO_DEV : SCSI_XFER_NONE;
        break;
    case INQUIRY:
        cmd->xfer = ld16_be(cmd->buf + 3);
        cmd->mode = cmd->xfer ? SCSI_XFER_FROM_DEV : SCSI_XFER_NONE;
        break;
    case READ_CAPACITY_10:
        cmd->xfer = 8;
        cmd->mode = SCSI_XFER_FROM_DEV;
        break;
    default:
        cmd->xfer = scsi_cdb_alloc_length(cmd);
        cmd->mode = cmd->xfer ? SCSI_XFER_FROM_DEV : SCSI_XFER_NONE;
        break;
    }
}

bool scsi_decode_cdb(const uint8_t *buf, unsigned buf_len, unsigned blocksize, SCSICommand *ret)
{
    SCSICommand cmd = { .mode = SCSI_XFER_NONE };

    if (buf_len == 0) {
        return false;
    }
    cmd.len = scsi_cdb_length(buf[0]);
    if (cmd.len == 0 || cmd.len > buf_len) {
        return false;
    }
    memcpy(cmd.buf, buf, cmd.len);
    scsi_decode_xfer(&cmd, blocksize);
    *ret = cmd;
    return true;
}
