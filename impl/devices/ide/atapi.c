/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ATAPI drive: the packet protocol around the commands of atapi_decide.c. Source: ATA/ATAPI-7 volume 2, section 9.
 */
#include "devices/ide/atapi.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { CMD_DEVICE_RESET = 0x08, CMD_PACKET = 0xa0, CMD_IDENTIFY_PACKET = 0xa1, CMD_IDENTIFY = 0xec,
       CMD_SET_FEATURES = 0xef, CMD_DIAGNOSTIC = 0x90, CMD_READ = 0x20, CMD_IDLE_NOW = 0xe1, CMD_STANDBY_NOW = 0xe0,
       CMD_CHECK_POWER = 0xe5, CMD_SLEEP = 0xe6 };

static void atapi_identify(const IDEState *s, uint8_t *buf)
{
    const IDEDevice *dev = s->dev;

    memset(buf, 0, 512);
    st16_le(buf, 0x85c0);                       /* packet device, CD-ROM, removable, DRQ within 50 us, 12 bytes */
    ata_put_string(buf + 2 * 10, dev->conf.serial, IDE_SERIAL_LEN);
    st16_le(buf + 2 * 20, 3);
    st16_le(buf + 2 * 21, IDE_SECTOR);
    st16_le(buf + 2 * 22, 4);
    ata_put_string(buf + 2 * 23, dev->version, 8);
    ata_put_string(buf + 2 * 27, dev->model, IDE_MODEL_LEN);
    st16_le(buf + 2 * 48, 1);
    st16_le(buf + 2 * 49, 1 << 11 | 1 << 9 | 1 << 8);
    st16_le(buf + 2 * 53, 7);
    st16_le(buf + 2 * 63, 0x07 | (s->dma_mode & 0x20 ? 0x100 << (s->dma_mode & 7) : 0));
    st16_le(buf + 2 * 64, 3);
    for (unsigned i = 65; i <= 68; i++) {
        st16_le(buf + 2 * i, 0xb4);
    }
    st16_le(buf + 2 * 71, 30);
    st16_le(buf + 2 * 72, 30);
    st16_le(buf + 2 * 80, 0xf0);
    st16_le(buf + 2 * 82, 1 << 4 | 1 << 9 | 1 << 14);   /* PACKET, DEVICE RESET, NOP */
    st16_le(buf + 2 * 83, 1 << 14);
    st16_le(buf + 2 * 84, 1 << 14);
    st16_le(buf + 2 * 85, 1 << 4 | 1 << 9 | 1 << 14);
    st16_le(buf + 2 * 87, 1 << 14);
    st16_le(buf + 2 * 88, 0x3f | (s->dma_mode & 0x40 ? 0x100 << (s->dma_mode & 7) : 0));
    st16_le(buf + 2 * 93, 1 | 1 << 14 | 0x2000);
}

/* ---- Ends ---- */

static void atapi_end(IDEState *s, uint8_t status, uint8_t error)
{
    s->status = status;
    s->error = error;
    s->nsector = (s->nsector & ~7) | ATAPI_REASON_IO | ATAPI_REASON_CD;
    s->reply_pos = s->reply_len = 0;
    s->left = 0;
    ide_cmd_over(s);
}

static void atapi_cmd_ok(IDEState *s)
{
    atapi_end(s, ATA_READY | ATA_SEEK, 0);
}

static void atapi_cmd_check(IDEState *s, AtapiSense sense)
{
    s->sense = sense;
    atapi_end(s, ATA_READY | ATA_SEEK | ATA_ERR, sense.key << 4 | ATA_ERROR_ABRT);
}

/* ---- Data in ---- */

/* The next burst of what the buffer holds, or of what is to be read, or the end. */
static void atapi_pio_next(IDEState *s)
{
    uint32_t n = s->reply_len - s->reply_pos;

    if (n == 0 && s->left) {
        uint32_t blocks = MIN(s->left, IDE_BUF_SIZE / ATAPI_SECTOR);

        s->status = ATA_READY | ATA_SEEK | ATA_BUSY;
        ide_xfer_start(&s->xfer, IDE_XFER_READ, s->lba * ATAPI_SECTOR, blocks * ATAPI_SECTOR, false);
        return;
    }
    if (n == 0) {
        atapi_cmd_ok(s);
        return;
    }
    /* Over SATA there are no bursts: the whole buffer goes at once. */
    n = s->bus->ops->pio_transfer ? n : MIN(n, s->byte_limit);
    memmove(s->buf, s->buf + s->reply_pos, s->reply_len - s->reply_pos);
    s->reply_len -= s->reply_pos;
    s->reply_pos = n;
    s->lcyl = n;
    s->hcyl = n >> 8;
    s->nsector = (s->nsector & ~7) | ATAPI_REASON_IO;
    ide_data_start(s, n, true, true);
}

static void atapi_start_reply(IDEState *s, unsigned len)
{
    s->reply_pos = 0;
    s->reply_len = len;
    atapi_pio_next(s);
}

/* A reply by DMA goes through the transfer, so that it waits for the adapter like a read does. */
static void atapi_dma_reply(IDEState *s, unsigned len)
{
    s->reply_pos = 0;
    s->reply_len = len;
    s->status = ATA_READY | ATA_SEEK | ATA_BUSY;
    ide_xfer_start(&s->xfer, IDE_XFER_REPLY, 0, len, true);
}

static void atapi_start_read(IDEState *s, uint32_t lba, uint32_t blocks)
{
    s->lba = lba;
    s->left = blocks;
    s->reply_pos = s->reply_len = 0;
    if (s->feature & 1) {
        s->status = ATA_READY | ATA_SEEK | ATA_BUSY;
        ide_xfer_start(&s->xfer, IDE_XFER_READ, (uint64_t)lba * ATAPI_SECTOR, (uint64_t)blocks * ATAPI_SECTOR, true);
    } else {
        atapi_pio_next(s);
    }
}

void atapi_xfer_complete(IDEXfer *x, int ret)
{
    IDEState *s = x->s;
    uint32_t blocks = MIN(s->left, (uint32_t)(x->len / ATAPI_SECTOR));

    if (ret < 0 && ret != -EOVERFLOW) {
        atapi_cmd_check(s, ret == -ENOMEDIUM ? (AtapiSense){ 0x02, 0x3a, 0x00 } : (AtapiSense){ 0x03, 0x11, 0x00 });
        return;
    }
    if (x->use_sg) {
        atapi_cmd_ok(s);
        return;
    }
    s->lba += blocks;
    s->left -= blocks;
    s->reply_pos = 0;
    s->reply_len = x->len;
    atapi_pio_next(s);
}

/* ---- Packets ---- */

static AtapiMedium atapi_medium(IDEState *s)
{
    return (AtapiMedium){
        .present = !s->tray_open && s->length > 0 && blk_bs(s->blk),
        .tray_open = s->tray_open,
        .tray_locked = s->tray_locked,
        .media_changed = s->media_changed,
        .event_new_media = s->event_new_media,
        .event_eject = s->event_eject,
        .blocks = s->length / ATAPI_SECTOR,
        .sense = s->sense,
        .model = s->dev->model,
        .version = s->dev->version,
    };
}

static void atapi_apply(IDEState *s, const AtapiVerdict *v)
{
    switch (v->kind) {
    case ATAPI_REPLY:
        if (s->feature & 1) {
            atapi_dma_reply(s, v->reply_len);
        } else {
            atapi_start_reply(s, v->reply_len);
        }
        break;
    case ATAPI_READ:
        atapi_start_read(s, v->lba, v->blocks);
        break;
    case ATAPI_CHECK:
        atapi_cmd_check(s, v->sense);
        break;
    case ATAPI_LOCK:
        s->tray_locked = v->flag;
        atapi_cmd_ok(s);
        break;
    case ATAPI_TRAY:
        if (s->tray_open && !v->flag) {
            s->tray_open = false;
            ide_read_length(s);         /* somebody may have put something in */
            s->media_changed |= s->length > 0;
        }
        s->tray_open = v->flag;
        atapi_cmd_ok(s);
        break;
    default:
        atapi_cmd_ok(s);
        break;
    }
}

static void atapi_run_packet(IDEState *s)
{
    AtapiMedium m = atapi_medium(s);
    uint8_t packet[ATAPI_PACKET_SIZE];
    AtapiVerdict v;

    memcpy(packet, s->buf, sizeof(packet));
    v = atapi_decide(&m, packet, s->buf);
    if (v.clear_sense) {
        s->sense = (AtapiSense){ 0 };
    }
    if (v.clear_changed) {
        s->media_changed = false;
    }
    if (v.clear_events) {
        s->event_new_media = s->event_eject = false;
    }
    atapi_apply(s, &v);
}

void atapi_data_end(IDEState *s)
{
    if (s->packet_stage) {
        s->packet_stage = false;
        s->status = ATA_READY | ATA_SEEK | ATA_BUSY;
        atapi_run_packet(s);
    } else {
        atapi_pio_next(s);
    }
}

static void atapi_start_packet(IDEState *s)
{
    uint32_t limit = s->hcyl << 8 | s->lcyl;

    /* Bursts are even, but for the last; 0 is a guest that does not say. */
    s->byte_limit = limit == 0 || limit == 0xffff ? 0xfffe : MAX(limit & ~1u, 2u);
    s->reply_pos = s->reply_len = 0;
    s->left = 0;
    s->nsector = (s->nsector & ~7) | ATAPI_REASON_CD;
    s->packet_stage = true;
    ide_data_start(s, ATAPI_PACKET_SIZE, false, false);
}

bool atapi_exec(IDEState *s, uint8_t cmd)
{
    switch (cmd) {
    case CMD_PACKET:
        if (s->feature & 2) {
            return false;       /* overlapped */
        }
        atapi_start_packet(s);
        return true;
    case CMD_IDENTIFY_PACKET:
        atapi_identify(s, s->buf);
        ide_data_start(s, 512, true, true);
        return true;
    case CMD_DEVICE_RESET:
        ide_reset_drive(s);
        s->status = 0;
        if (s->bus->ops->cmd_done) {
            s->bus->ops->cmd_done(s->bus);
        }
        return true;
    case CMD_DIAGNOSTIC:
        ide_set_signature(s);
        s->status = 0;
        s->error = 1;
        ide_cmd_over(s);
        return true;
    case CMD_SET_FEATURES:
        if (s->feature == 0x03 ? !ide_set_transfer_mode(s, s->nsector) : s->feature != 0xcc && s->feature != 0x66) {
            return false;
        }
        ide_cmd_ok(s);
        return true;
    case CMD_CHECK_POWER:
        s->nsector = 0xff;
        ide_cmd_ok(s);
        return true;
    case CMD_IDLE_NOW:
    case CMD_STANDBY_NOW:
    case CMD_SLEEP:
        ide_cmd_ok(s);
        return true;
    case CMD_IDENTIFY:
    case CMD_READ:
        ide_set_signature(s);   /* how a guest tells that this is a packet device */
        return false;
    default:
        return false;
    }
}
