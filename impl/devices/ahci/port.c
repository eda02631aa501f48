/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A port of an AHCI adapter: command slots, FISes, queued commands. See ahci.h.
 */
#include "devices/ahci/ahci.h"

#include <errno.h>
#include <string.h>

#include "aio/main_loop.h"
#include "base/bytes.h"
#include "migration/vmstate.h"

#define FIS_AREA_PIO 0x20
#define FIS_AREA_D2H 0x40
#define FIS_AREA_SDB 0x58

static AHCIPort *ahci_port(IDEBus *bus)
{
    return bus->opaque;
}

static IDEState *ahci_drive(AHCIPort *p)
{
    return &p->bus.ifs[0];
}

/* ---- Guest memory (I3) ---- */

static void ahci_dma(AHCIPort *p, uint64_t addr, void *buf, unsigned len, bool write)
{
    bool before = p->hba->in_dma;

    p->hba->in_dma = true;
    if (write) {
        (void)dma_memory_write(&address_space_memory, addr, buf, len, MEMTXATTRS_UNSPECIFIED);
    } else {
        (void)dma_memory_read(&address_space_memory, addr, buf, len, MEMTXATTRS_UNSPECIFIED);
    }
    p->hba->in_dma = before;
}

static uint64_t ahci_header_addr(const AHCIPort *p, unsigned slot)
{
    return ((uint64_t)p->regs[PX_CLBU] << 32 | (p->regs[PX_CLB] & ~0x3ffu)) + 32 * slot;
}

static void ahci_post_fis(AHCIPort *p, unsigned area, uint8_t *fis, unsigned len)
{
    if (p->regs[PX_CMD] & PX_CMD_FRE) {
        ahci_dma(p, ((uint64_t)p->regs[PX_FBU] << 32 | (p->regs[PX_FB] & ~0xffu)) + area, fis, len, true);
    }
}

static void ahci_event(AHCIPort *p, uint32_t bits)
{
    p->regs[PX_IS] |= bits;
    ahci_update_irq(p->hba);
}

/* ---- FISes from the drive ---- */

static void ahci_fill_fis(const IDEState *s, uint8_t *fis)
{
    fis[2] = s->status;
    fis[3] = s->error;
    fis[4] = s->sector;
    fis[5] = s->lcyl;
    fis[6] = s->hcyl;
    fis[7] = s->select;
    fis[8] = s->hob_sector;
    fis[9] = s->hob_lcyl;
    fis[10] = s->hob_hcyl;
    fis[12] = s->nsector;
    fis[13] = s->hob_nsector;
}

static void ahci_d2h(AHCIPort *p, bool interrupt)
{
    IDEState *s = ahci_drive(p);
    uint8_t fis[20] = { 0x34, interrupt ? 0x40 : 0 };
    uint32_t events = interrupt ? PX_IS_DHRS : 0;

    ahci_fill_fis(s, fis);
    ahci_post_fis(p, FIS_AREA_D2H, fis, sizeof(fis));
    p->regs[PX_TFD] = s->error << 8 | s->status;
    ahci_event(p, events | (s->status & ATA_ERR ? PX_IS_TFES : 0));
}

static void ahci_pio_setup(AHCIPort *p, unsigned len)
{
    IDEState *s = ahci_drive(p);
    uint8_t fis[20] = { 0x5f, s->data_in ? 0x60 : 0 };

    ahci_fill_fis(s, fis);
    fis[15] = ATA_READY | ATA_SEEK;
    st16_le(fis + 16, len);
    ahci_post_fis(p, FIS_AREA_PIO, fis, sizeof(fis));
    p->regs[PX_TFD] = s->error << 8 | s->status;
    if (s->data_in) {
        ahci_event(p, PX_IS_PSS);
    }
}

/* What a drive says after a reset: its signature. */
static void ahci_send_signature(AHCIPort *p)
{
    IDEState *s = ahci_drive(p);

    if (!s->dev || p->sent_signature || !(p->regs[PX_CMD] & PX_CMD_FRE)) {
        return;
    }
    p->sent_signature = true;
    p->regs[PX_SIG] = (uint32_t)s->hcyl << 24 | s->lcyl << 16 | s->sector << 8 | s->nsector;
    ahci_d2h(p, false);
}

/* ---- What the drive asks for ---- */

static void ahci_set_irq(IDEBus *bus, int level)
{
}

static bool ahci_dma_ready(IDEBus *bus, IDEXfer *x)
{
    return ahci_port(bus)->regs[PX_CMD] & PX_CMD_ST;
}

static bool ahci_sg_next(IDEBus *bus, IDESg *sg)
{
    uint8_t entry[16];

    if (sg->left == 0) {
        return false;
    }
    ahci_dma(ahci_port(bus), sg->table, entry, sizeof(entry), false);
    sg->table += sizeof(entry);
    sg->left--;
    sg->addr = ld64_le(entry);
    sg->len = (ld32_le(entry + 12) & 0x3fffff) + 1;
    return true;
}

static void ahci_dma_done(IDEBus *bus, IDEXfer *x, bool short_list)
{
    ahci_port(bus)->byte_count += MIN(x->done, x->len);
}

static void ahci_pio_transfer(IDEBus *bus, IDEState *s)
{
    AHCIPort *p = ahci_port(bus);
    unsigned len = s->data_len;
    uint64_t moved;

    if (s->packet_stage) {
        memcpy(s->buf, p->acmd, MIN(len, sizeof(p->acmd)));
        ide_data_end(s);
        return;
    }
    ahci_pio_setup(p, len);
    moved = ide_sg_rw(bus, &s->xfer.sg, s->buf, len, s->data_in);
    p->byte_count += moved;
    if (moved < len && !s->data_in) {
        s->data_pos = s->data_len = 0;
        ide_abort_command(s);
        return;
    }
    ide_data_end(s);
}

static void ahci_cmd_done(IDEBus *bus)
{
    AHCIPort *p = ahci_port(bus);

    if (p->busy_slot >= 0) {
        uint8_t count[4];

        st32_le(count, p->byte_count);
        ahci_dma(p, ahci_header_addr(p, p->busy_slot) + 4, count, sizeof(count), true);
        p->regs[PX_CI] &= ~(1u << p->busy_slot);
        p->busy_slot = -1;
    }
    ahci_d2h(p, true);
    if (!p->checking) {
        qemu_bh_schedule(p->check_bh);
    }
}

/* ---- Queued commands ---- */

static void ahci_ncq_finish(AHCIPort *p, unsigned tag, bool ok)
{
    uint8_t fis[8] = { 0xa1, 0x40, ATA_READY | ATA_SEEK };

    if (ok) {
        p->regs[PX_SACT] &= ~(1u << tag);
        st32_le(fis + 4, 1u << tag);
    } else {
        fis[2] |= ATA_ERR;
        fis[3] = ATA_ERROR_ABRT;
    }
    p->regs[PX_TFD] = fis[3] << 8 | fis[2];
    ahci_post_fis(p, FIS_AREA_SDB, fis, sizeof(fis));
    ahci_event(p, PX_IS_SDBS | (ok ? 0 : PX_IS_TFES));
}

static void ahci_ncq_complete(IDEXfer *x, int ret)
{
    AHCIPort *p = ahci_port(x->s->bus);

    ahci_ncq_finish(p, x - p->ncq, ret >= 0);
}

static void ahci_start_ncq(AHCIPort *p, const AHCICommand *cmd, const AHCINcq *q, unsigned slot)
{
    IDEState *s = ahci_drive(p);
    IDEXfer *x = &p->ncq[slot];
    uint64_t total = s->length / IDE_SECTOR;

    p->regs[PX_CI] &= ~(1u << slot);
    if (q->tag != slot || x->kind != IDE_XFER_NONE || q->lba > total || q->sectors > total - q->lba ||
        (q->is_write && !blk_is_writable(s->blk))) {
        ahci_ncq_finish(p, slot, false);
        return;
    }
    s->status = ATA_READY | ATA_SEEK;
    s->error = 0;
    ahci_d2h(p, false);
    x->sg = (IDESg){ .table = cmd->prdt, .left = cmd->prdtl };
    x->fua = q->fua;
    ide_xfer_start(x, q->is_write ? IDE_XFER_WRITE : IDE_XFER_READ, q->lba * IDE_SECTOR,
                   (uint64_t)q->sectors * IDE_SECTOR, true);
}

static void ahci_restart(IDEBus *bus)
{
    AHCIPort *p = ahci_port(bus);

    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        ide_xfer_kick(&p->ncq[i]);
    }
    qemu_bh_schedule(p->check_bh);
}

static void ahci_cancel(IDEBus *bus)
{
    AHCIPort *p = ahci_port(bus);
    bool waiting = false;

    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        waiting |= p->ncq[i].req != NULL;
    }
    if (waiting) {
        blk_drain(ahci_drive(p)->blk);
    }
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        ide_xfer_cancel(&p->ncq[i]);
    }
}

static const IDEBusOps ahci_bus_ops = {
    .set_irq = ahci_set_irq,
    .dma_ready = ahci_dma_ready,
    .sg_next = ahci_sg_next,
    .dma_done = ahci_dma_done,
    .pio_transfer = ahci_pio_transfer,
    .cmd_done = ahci_cmd_done,
    .restart = ahci_restart,
    .cancel = ahci_cancel,
};

/* ---- Commands ---- */

static void ahci_write_control(AHCIPort *p, uint8_t ctrl, unsigned slot)
{
    IDEState *s = ahci_drive(p);

    p->regs[PX_CI] &= ~(1u << slot);
    if (ctrl & ATA_CTRL_SRST) {
        p->in_reset = true;
    } else if (p->in_reset) {
        p->in_reset = false;
        ide_reset_drive(s);
        p->busy_slot = -1;
        p->sent_signature = false;
        ahci_send_signature(p);
    }
}

static void ahci_load_registers(IDEState *s, const uint8_t *f)
{
    s->feature = f[3];
    s->sector = f[4];
    s->lcyl = f[5];
    s->hcyl = f[6];
    s->select = f[7] | 0xa0;
    s->hob_sector = f[8];
    s->hob_lcyl = f[9];
    s->hob_hcyl = f[10];
    s->hob_feature = f[11];
    s->nsector = f[12];
    s->hob_nsector = f[13];
}

static void ahci_start_cmd(AHCIPort *p, unsigned slot)
{
    IDEState *s = ahci_drive(p);
    uint8_t header[32];
    uint8_t table[0x50];
    AHCICommand cmd;
    AHCINcq ncq;

    ahci_dma(p, ahci_header_addr(p, slot), header, sizeof(header), false);
    ahci_dma(p, ld64_le(header + 8) & ~UINT64_C(0x7f), table, sizeof(table), false);
    cmd = ahci_parse_command(header, table);
    if (!cmd.valid) {
        p->regs[PX_CI] &= ~(1u << slot);
        return;
    }
    if (!cmd.is_command) {
        ahci_write_control(p, cmd.fis[15], slot);
        return;
    }
    if (s->kind == IDE_HD && ahci_parse_ncq(&cmd, &ncq)) {
        ahci_start_ncq(p, &cmd, &ncq, slot);
        return;
    }
    ahci_load_registers(s, cmd.fis);
    memcpy(p->acmd, cmd.acmd, sizeof(p->acmd));
    s->xfer.sg = (IDESg){ .table = cmd.prdt, .left = cmd.prdtl };
    p->byte_count = 0;
    p->busy_slot = slot;
    s->status &= ~(ATA_BUSY | ATA_DRQ);         /* whatever it said, no command is running */
    p->regs[PX_TFD] = ATA_BUSY | ATA_READY;
    ide_exec_cmd(s, cmd.fis[2]);
}

static void ahci_check_cmd(AHCIPort *p)
{
    if (p->checking || !ahci_drive(p)->dev) {
        return;
    }
    p->checking = true;
    for (unsigned slot = 0; slot < AHCI_SLOTS && p->busy_slot < 0 && p->regs[PX_CMD] & PX_CMD_ST; slot++) {
        if (p->regs[PX_CI] & 1u << slot) {
            ahci_start_cmd(p, slot);
        }
    }
    p->checking = false;
}

static void ahci_check_bh(void *opaque)
{
    ahci_check_cmd(opaque);
}

/* ---- Registers ---- */

static void ahci_write_cmd(AHCIPort *p, uint32_t val)
{
    uint32_t old = p->regs[PX_CMD];
    uint32_t cmd = val & (PX_CMD_ST | PX_CMD_FRE | 0x0f000006u);

    cmd = (cmd & ~PX_CMD_ATAPI) | (val & PX_CMD_ATAPI);
    cmd |= cmd & PX_CMD_ST ? PX_CMD_CR : 0;
    cmd |= cmd & PX_CMD_FRE ? PX_CMD_FR : 0;
    p->regs[PX_CMD] = cmd;
    if (old & ~cmd & PX_CMD_ST) {
        /* Stopping gives up what is issued. */
        if (ahci_drive(p)->dev) {
            ahci_cancel(&p->bus);
            if (ahci_drive(p)->xfer.req) {
                blk_drain(ahci_drive(p)->blk);
            }
            ide_xfer_cancel(&ahci_drive(p)->xfer);
            ahci_drive(p)->status = ATA_READY | ATA_SEEK;
        }
        p->busy_slot = -1;
        p->regs[PX_CI] = 0;
        p->regs[PX_SACT] = 0;
    }
    ahci_send_signature(p);
    if (cmd & PX_CMD_ST) {
        ahci_check_cmd(p);
    }
}

uint32_t ahci_port_read(AHCIPort *p, unsigned reg)
{
    if (reg == PX_SSTS) {
        /* Device present, generation 1, active; while the host holds the link in reset, nothing. */
        return ahci_drive(p)->dev && (p->regs[PX_SCTL] & 0x0f) == 0 ? 0x113 : 0;
    }
    return reg < PX_REGS ? p->regs[reg] : 0;
}

void ahci_port_write(AHCIPort *p, unsigned reg, uint32_t val)
{
    switch (reg) {
    case PX_CLB:
    case PX_CLBU:
    case PX_FB:
    case PX_FBU:
        p->regs[reg] = val & (reg == PX_CLB ? ~0x3ffu : reg == PX_FB ? ~0xffu : UINT32_MAX);
        break;
    case PX_IS:
        p->regs[PX_IS] &= ~val;
        ahci_update_irq(p->hba);
        break;
    case PX_IE:
        p->regs[PX_IE] = val & 0xfdc000ff;
        ahci_update_irq(p->hba);
        break;
    case PX_CMD:
        ahci_write_cmd(p, val);
        break;
    case PX_SCTL:
        if ((p->regs[PX_SCTL] & 0x0f) == 1 && (val & 0x0f) == 0) {
            ahci_port_reset(p, false);
        }
        p->regs[PX_SCTL] = val;
        break;
    case PX_SERR:
        p->regs[PX_SERR] &= ~val;
        break;
    case PX_SACT:
        p->regs[PX_SACT] |= p->regs[PX_CMD] & PX_CMD_ST ? val : 0;
        break;
    case PX_CI:
        p->regs[PX_CI] |= p->regs[PX_CMD] & PX_CMD_ST ? val : 0;
        ahci_check_cmd(p);
        break;
    default:
        break;
    }
}

/* ---- Life ---- */

void ahci_port_reset(AHCIPort *p, bool all)
{
    IDEState *s = ahci_drive(p);

    if (all) {
        memset(p->regs, 0, sizeof(p->regs));
        p->regs[PX_CMD] = 6;    /* spun up, powered */
    }
    p->regs[PX_IS] = p->regs[PX_SERR] = p->regs[PX_SACT] = p->regs[PX_CI] = 0;
    p->regs[PX_SIG] = UINT32_MAX;
    p->regs[PX_TFD] = 0x7f;
    p->busy_slot = -1;
    p->in_reset = false;
    p->sent_signature = false;
    p->byte_count = 0;
    if (s->dev) {
        if (all) {
            ide_bus_reset(&p->bus);
        } else {
            ide_reset_drive(s);
        }
        p->regs[PX_TFD] = s->error << 8 | s->status;
        ahci_send_signature(p);
    }
}

void ahci_port_init(AHCIPort *p, AHCIState *hba, unsigned index)
{
    p->hba = hba;
    p->index = index;
    p->busy_slot = -1;
    ide_bus_init(&p->bus, &hba->dev.qdev, index, 1, &ahci_bus_ops, p);
    p->bus.ifs[0].ncq = true;
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        p->ncq[i].s = &p->bus.ifs[0];
        p->ncq[i].complete = ahci_ncq_complete;
    }
}

void ahci_port_realize(AHCIPort *p)
{
    p->check_bh = qemu_bh_new(ahci_check_bh, p);
    ide_bus_realize(&p->bus);
}

void ahci_port_unrealize(AHCIPort *p)
{
    ide_bus_unrealize(&p->bus);
    qemu_bh_delete(p->check_bh);
    p->check_bh = NULL;
}

/* ---- State ---- */

static int ahci_port_pre_load(void *opaque)
{
    AHCIPort *p = opaque;

    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        ide_xfer_cancel(&p->ncq[i]);
    }
    return 0;
}

static int ahci_port_post_load(void *opaque, int version_id)
{
    AHCIPort *p = opaque;
    bool bad = p->busy_slot < -1 || p->busy_slot >= AHCI_SLOTS;

    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        const IDEXfer *x = &p->ncq[i];

        bad |= x->kind != IDE_XFER_NONE && (!x->use_sg || x->kind > IDE_XFER_WRITE || !ahci_drive(p)->dev);
    }
    if (bad) {
        (void)ahci_port_pre_load(p);
        p->busy_slot = -1;
        return -EINVAL;
    }
    return 0;
}

const VMStateDescription vmstate_ahci_port = {
    .name = "ahci port",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_load = ahci_port_pre_load,
    .post_load = ahci_port_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(bus, AHCIPort, 0, vmstate_ide_bus, IDEBus),
        VMSTATE_UINT32_ARRAY(regs, AHCIPort, PX_REGS),
        VMSTATE_INT32(busy_slot, AHCIPort),
        VMSTATE_BOOL(in_reset, AHCIPort),
        VMSTATE_BOOL(sent_signature, AHCIPort),
        VMSTATE_UINT32(byte_count, AHCIPort),
        VMSTATE_UINT8_ARRAY(acmd, AHCIPort, ATAPI_PACKET_SIZE),
        VMSTATE_STRUCT_ARRAY(ncq, AHCIPort, AHCI_SLOTS, 0, vmstate_ide_xfer, IDEXfer),
        VMSTATE_END_OF_LIST()
    },
};
