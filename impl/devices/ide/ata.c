/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of an ATA disk. Source: ATA/ATAPI-7 volume 1, section 6; the status after each in section 9 of volume 2.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "devices/ide/ide.h"

enum {
    CMD_DSM = 0x06, CMD_READ = 0x20, CMD_READ_ONCE = 0x21, CMD_READ_EXT = 0x24, CMD_READ_DMA_EXT = 0x25,
    CMD_READ_NATIVE_MAX_EXT = 0x27, CMD_READ_MULT_EXT = 0x29, CMD_WRITE = 0x30, CMD_WRITE_ONCE = 0x31,
    CMD_WRITE_EXT = 0x34, CMD_WRITE_DMA_EXT = 0x35, CMD_WRITE_MULT_EXT = 0x39, CMD_WRITE_VERIFY = 0x3c,
    CMD_WRITE_DMA_FUA_EXT = 0x3d, CMD_VERIFY = 0x40, CMD_VERIFY_ONCE = 0x41, CMD_VERIFY_EXT = 0x42, CMD_SEEK = 0x70,
    CMD_DIAGNOSTIC = 0x90, CMD_INIT_PARAMS = 0x91, CMD_READ_MULT = 0xc4, CMD_WRITE_MULT = 0xc5, CMD_SET_MULT = 0xc6,
    CMD_READ_DMA = 0xc8, CMD_READ_DMA_ONCE = 0xc9, CMD_WRITE_DMA = 0xca, CMD_WRITE_DMA_ONCE = 0xcb,
    CMD_WRITE_MULT_FUA_EXT = 0xce, CMD_STANDBY_NOW = 0xe0, CMD_IDLE_NOW = 0xe1, CMD_STANDBY = 0xe2, CMD_IDLE = 0xe3,
    CMD_CHECK_POWER = 0xe5, CMD_SLEEP = 0xe6, CMD_FLUSH = 0xe7, CMD_FLUSH_EXT = 0xea, CMD_IDENTIFY = 0xec,
    CMD_SET_FEATURES = 0xef, CMD_READ_NATIVE_MAX = 0xf8,
};

/* What a command is, so that none has code of its own for what it shares. */
enum {
    F_READ = 1, F_WRITE = 2, F_DMA = 4, F_MULT = 8, F_EXT = 16, F_FUA = 32, F_VERIFY = 64,
};

static unsigned ata_rw_flags(uint8_t cmd)
{
    switch (cmd) {
    case CMD_READ:
    case CMD_READ_ONCE:
        return F_READ;
    case CMD_READ_EXT:
        return F_READ | F_EXT;
    case CMD_READ_MULT:
        return F_READ | F_MULT;
    case CMD_READ_MULT_EXT:
        return F_READ | F_MULT | F_EXT;
    case CMD_READ_DMA:
    case CMD_READ_DMA_ONCE:
        return F_READ | F_DMA;
    case CMD_READ_DMA_EXT:
        return F_READ | F_DMA | F_EXT;
    case CMD_WRITE:
    case CMD_WRITE_ONCE:
    case CMD_WRITE_VERIFY:
        return F_WRITE;
    case CMD_WRITE_EXT:
        return F_WRITE | F_EXT;
    case CMD_WRITE_MULT:
        return F_WRITE | F_MULT;
    case CMD_WRITE_MULT_EXT:
        return F_WRITE | F_MULT | F_EXT;
    case CMD_WRITE_MULT_FUA_EXT:
        return F_WRITE | F_MULT | F_EXT | F_FUA;
    case CMD_WRITE_DMA:
    case CMD_WRITE_DMA_ONCE:
        return F_WRITE | F_DMA;
    case CMD_WRITE_DMA_EXT:
        return F_WRITE | F_DMA | F_EXT;
    case CMD_WRITE_DMA_FUA_EXT:
        return F_WRITE | F_DMA | F_EXT | F_FUA;
    case CMD_VERIFY:
    case CMD_VERIFY_ONCE:
        return F_VERIFY;
    case CMD_VERIFY_EXT:
        return F_VERIFY | F_EXT;
    default:
        return 0;
    }
}

/* ---- IDENTIFY ---- */

void ata_put_string(uint8_t *dst, const char *text, unsigned len)
{
    size_t n = strlen(text);

    for (unsigned i = 0; i < len; i++) {
        dst[i ^ 1] = i < n ? text[i] : ' ';
    }
}

static void put16(uint8_t *buf, unsigned word, uint16_t val)
{
    st16_le(buf + 2 * word, val);
}

static void ata_identify_features(const IDEState *s, uint8_t *buf)
{
    const IDEDevice *dev = s->dev;
    bool wce = blk_enable_write_cache(s->blk);
    unsigned exp = 0;

    while ((dev->conf.logical_block_size << exp) < dev->conf.physical_block_size && exp < 15) {
        exp++;
    }
    if (s->ncq) {
        put16(buf, 75, 31);
        put16(buf, 76, 1 << 8 | 1 << 1);        /* NCQ, generation 1 signalling */
    }
    put16(buf, 80, 0xf0);                       /* ATA-4 to ATA-7 */
    put16(buf, 81, 0x16);
    put16(buf, 82, 1 << 14 | 1 << 5);           /* NOP, write cache */
    put16(buf, 83, 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10);     /* FLUSH (EXT), 48 bits */
    put16(buf, 84, 1 << 14 | (dev->wwn ? 1 << 8 : 0) | 1 << 6);    /* FUA */
    put16(buf, 85, 1 << 14 | (wce ? 1 << 5 : 0));
    put16(buf, 86, 1 << 13 | 1 << 12 | 1 << 10);
    put16(buf, 87, 1 << 14 | (dev->wwn ? 1 << 8 : 0) | 1 << 6);
    put16(buf, 106, 0x4000 | (exp ? 0x2000 | exp : 0));
    for (unsigned i = 0; dev->wwn && i < 4; i++) {
        put16(buf, 108 + i, dev->wwn >> (48 - 16 * i));
    }
    if (blk_supports_write_perm(s->blk)) {
        put16(buf, 105, 1);                     /* blocks of ranges per DATA SET MANAGEMENT */
        put16(buf, 169, 1);                     /* TRIM */
    }
}

void ata_identify(const IDEState *s, uint8_t *buf)
{
    const IDEDevice *dev = s->dev;
    uint64_t sectors = s->length / IDE_SECTOR;
    uint64_t lba28 = MIN(sectors, (1u << 28) - 1);
    uint32_t chs = s->cylinders * s->heads * s->sectors;

    memset(buf, 0, 512);
    put16(buf, 0, 0x0040);
    put16(buf, 1, s->cylinders);
    put16(buf, 3, s->heads);
    put16(buf, 6, s->sectors);
    ata_put_string(buf + 2 * 10, dev->conf.serial, IDE_SERIAL_LEN);
    put16(buf, 20, 3);
    put16(buf, 21, IDE_SECTOR);
    put16(buf, 22, 4);
    ata_put_string(buf + 2 * 23, dev->version, 8);
    ata_put_string(buf + 2 * 27, dev->model, IDE_MODEL_LEN);
    put16(buf, 47, 0x8000 | IDE_MAX_MULT);
    put16(buf, 48, 1);
    put16(buf, 49, 1 << 11 | 1 << 10 | 1 << 9 | 1 << 8);       /* IORDY, LBA, DMA */
    put16(buf, 51, 0x200);
    put16(buf, 52, 0x200);
    put16(buf, 53, 7);
    put16(buf, 54, s->cylinders);
    put16(buf, 55, s->heads);
    put16(buf, 56, s->sectors);
    st32_le(buf + 2 * 57, chs);
    put16(buf, 59, s->mult_sectors ? 0x100 | s->mult_sectors : 0);
    st32_le(buf + 2 * 60, lba28);
    put16(buf, 63, 0x07 | (s->dma_mode & 0x20 ? 0x100 << (s->dma_mode & 7) : 0));
    put16(buf, 64, 3);
    for (unsigned i = 65; i <= 68; i++) {
        put16(buf, i, 120);
    }
    ata_identify_features(s, buf);
    put16(buf, 88, 0x3f | (s->dma_mode & 0x40 ? 0x100 << (s->dma_mode & 7) : 0));
    put16(buf, 93, 1 | 1 << 14 | 0x2000);
    st64_le(buf + 2 * 100, sectors);
}

/* ---- Addresses ---- */

static uint64_t ata_get_lba(const IDEState *s)
{
    uint32_t cyl = s->hcyl << 8 | s->lcyl;

    if (s->lba48) {
        return (uint64_t)s->hob_hcyl << 40 | (uint64_t)s->hob_lcyl << 32 | (uint64_t)s->hob_sector << 24 |
               s->hcyl << 16 | s->lcyl << 8 | s->sector;
    }
    if (s->select & 0x40) {
        return (uint32_t)(s->select & 0x0f) << 24 | cyl << 8 | s->sector;
    }
    return s->sector == 0 ? UINT64_MAX
                          : (uint64_t)(cyl * s->heads + (s->select & 0x0f)) * s->sectors + s->sector - 1;
}

static void ata_set_lba(IDEState *s, uint64_t lba)
{
    if (s->lba48) {
        s->hob_hcyl = lba >> 40;
        s->hob_lcyl = lba >> 32;
        s->hob_sector = lba >> 24;
    } else if (s->select & 0x40) {
        s->select = (s->select & 0xf0) | (lba >> 24 & 0x0f);
    } else {
        uint32_t per_cyl = s->heads * s->sectors;
        uint32_t cyl = lba / per_cyl;

        s->hcyl = cyl >> 8;
        s->lcyl = cyl;
        s->select = (s->select & 0xf0) | (lba % per_cyl / s->sectors & 0x0f);
        s->sector = lba % s->sectors + 1;
        return;
    }
    s->hcyl = lba >> 16;
    s->lcyl = lba >> 8;
    s->sector = lba;
}

static uint32_t ata_get_count(const IDEState *s)
{
    if (s->lba48) {
        uint32_t n = s->hob_nsector << 8 | s->nsector;

        return n ? n : 65536;
    }
    return s->nsector ? s->nsector : 256;
}

/* ---- Data commands ---- */

static uint32_t ata_block(const IDEState *s)
{
    uint32_t mult = ata_rw_flags(s->cmd) & F_MULT ? s->mult_sectors : 1;

    return MIN(s->left, MAX(mult, 1u));
}

static void ata_pio_next(IDEState *s)
{
    bool is_read = ata_rw_flags(s->cmd) & F_READ;

    if (s->left == 0) {
        ide_cmd_ok(s);
    } else if (is_read) {
        s->status = ATA_READY | ATA_SEEK | ATA_BUSY;
        ide_xfer_start(&s->xfer, IDE_XFER_READ, s->lba * IDE_SECTOR, ata_block(s) * IDE_SECTOR, false);
    } else {
        ide_data_start(s, ata_block(s) * IDE_SECTOR, false, s->xfer.done != 0);
    }
}

static bool ata_exec_rw(IDEState *s, unsigned flags)
{
    uint64_t total = s->length / IDE_SECTOR;

    s->lba48 = flags & F_EXT;
    s->left = ata_get_count(s);
    s->lba = ata_get_lba(s);
    if (s->lba > total || s->left > total - s->lba || (flags & F_MULT && !s->mult_sectors) ||
        (flags & F_WRITE && !blk_is_writable(s->blk))) {
        return false;
    }
    s->xfer.fua = flags & F_FUA;
    s->xfer.done = 0;
    if (flags & F_VERIFY) {
        ide_cmd_ok(s);
    } else if (flags & F_DMA) {
        ide_xfer_start(&s->xfer, flags & F_READ ? IDE_XFER_READ : IDE_XFER_WRITE, s->lba * IDE_SECTOR,
                       (uint64_t)s->left * IDE_SECTOR, true);
    } else {
        ata_pio_next(s);
    }
    return true;
}

void ata_xfer_complete(IDEXfer *x, int ret)
{
    IDEState *s = x->s;
    unsigned flags = ata_rw_flags(s->cmd);
    uint32_t n;

    if (s->kind == IDE_CD) {
        atapi_xfer_complete(x, ret);
        return;
    }
    if (ret == -EOVERFLOW) {
        /* The list was too short: the transfer stops, and the guest finds that out from the adapter. */
        s->status = ATA_READY | ATA_SEEK;
        if (s->bus->ops->cmd_done) {
            s->bus->ops->cmd_done(s->bus);
        }
        return;
    }
    if (ret < 0) {
        ata_set_lba(s, s->lba + MIN(x->done, x->len) / IDE_SECTOR);
        ide_abort_command(s);
        return;
    }
    if (!(flags & (F_READ | F_WRITE)) || flags & F_DMA) {
        if (flags && s->left) {
            ata_set_lba(s, s->lba + s->left - 1);
            s->nsector = 0;
            s->left = 0;
        }
        ide_cmd_ok(s);
        return;
    }
    n = MIN(s->left, (uint32_t)(x->len / IDE_SECTOR));
    s->lba += n;
    s->left -= n;
    ata_set_lba(s, s->lba - (n ? 1 : 0));
    s->nsector = s->left;
    if (flags & F_READ) {
        ide_data_start(s, x->len, true, true);
    } else {
        ata_pio_next(s);
    }
}

/* The guest took or gave the whole of the buffer. */
void ata_data_end(IDEState *s)
{
    unsigned flags = ata_rw_flags(s->cmd);

    if (flags & F_WRITE) {
        s->status = ATA_READY | ATA_SEEK | ATA_BUSY;
        ide_xfer_start(&s->xfer, IDE_XFER_WRITE, s->lba * IDE_SECTOR, ata_block(s) * IDE_SECTOR, false);
    } else if (flags & F_READ && s->left) {
        ata_pio_next(s);
    } else {
        s->status = ATA_READY | ATA_SEEK;
        if (s->bus->ops->cmd_done) {
            s->bus->ops->cmd_done(s->bus);
        }
    }
}

/* ---- Commands without data ---- */

static bool ata_set_features(IDEState *s)
{
    switch (s->feature) {
    case 0x02:
    case 0x82:
        blk_set_enable_write_cache(s->blk, s->feature == 0x02);
        if (s->feature == 0x82) {
            ide_xfer_start(&s->xfer, IDE_XFER_FLUSH, 0, 0, false);
            return true;
        }
        break;
    case 0x03:
        if (!ide_set_transfer_mode(s, s->nsector)) {
            return false;
        }
        break;
    case 0xcc: case 0x66:       /* reverting to power-on defaults */
    case 0xaa: case 0x55:       /* read look-ahead */
    case 0x05: case 0x85:       /* power management */
    case 0x69: case 0x67: case 0x96: case 0x9a:
    case 0x42: case 0xc2:       /* acoustic management */
        break;
    default:
        return false;
    }
    ide_cmd_ok(s);
    return true;
}

static void ata_native_max(IDEState *s, bool ext)
{
    uint64_t sectors = s->length / IDE_SECTOR;
    uint64_t max = sectors ? sectors - 1 : 0;

    s->lba48 = ext;
    s->select |= 0x40;
    ata_set_lba(s, ext ? max : MIN(max, 0x0fffffff));
    ide_cmd_ok(s);
}

static bool ata_exec_other(IDEState *s, uint8_t cmd)
{
    switch (cmd) {
    case CMD_IDENTIFY:
        ata_identify(s, s->buf);
        ide_data_start(s, 512, true, true);
        return true;
    case CMD_SET_MULT:
        if (s->nsector > IDE_MAX_MULT || (s->nsector && !is_power_of_2(s->nsector))) {
            return false;
        }
        s->mult_sectors = s->nsector;
        break;
    case CMD_INIT_PARAMS:
        if ((s->select & 0x0f) + 1 != s->heads || s->nsector != s->sectors) {
            return false;       /* there is one translation */
        }
        break;
    case CMD_CHECK_POWER:
        s->nsector = 0xff;      /* active */
        break;
    case CMD_DIAGNOSTIC:
        ide_set_signature(s);
        s->status = ATA_READY | ATA_SEEK;
        s->error = 1;
        ide_cmd_over(s);
        return true;
    case CMD_SEEK:
    case CMD_STANDBY_NOW:
    case CMD_IDLE_NOW:
    case CMD_STANDBY:
    case CMD_IDLE:
    case CMD_SLEEP:
        break;
    default:
        return false;
    }
    ide_cmd_ok(s);
    return true;
}

bool ata_exec(IDEState *s, uint8_t cmd)
{
    unsigned flags = ata_rw_flags(cmd);

    if (flags) {
        return ata_exec_rw(s, flags);
    }
    s->left = 0;
    switch (cmd) {
    case CMD_FLUSH:
    case CMD_FLUSH_EXT:
        ide_xfer_start(&s->xfer, IDE_XFER_FLUSH, 0, 0, false);
        return true;
    case CMD_DSM: {
        uint32_t blocks = s->hob_nsector << 8 | s->nsector;

        if (s->feature != 1 || blocks != 1 || !blk_is_writable(s->blk)) {
            return false;
        }
        ide_xfer_start(&s->xfer, IDE_XFER_TRIM, 0, 512, true);
        return true;
    }
    case CMD_SET_FEATURES:
        return ata_set_features(s);
    case CMD_READ_NATIVE_MAX:
    case CMD_READ_NATIVE_MAX_EXT:
        ata_native_max(s, cmd == CMD_READ_NATIVE_MAX_EXT);
        return true;
    default:
        return ata_exec_other(s, cmd);
    }
}
