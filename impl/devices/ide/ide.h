/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATA and ATAPI drives, and the channel they sit on. The host adapter (PIIX3, AHCI) is behind IDEBusOps.
 *
 * Context: BQL held; requests complete in the main context.
 *
 * I1  A drive has at most one command; its status says BSY while the medium works, DRQ while the guest may move data.
 * I2  No request is submitted while the backend is drained or the VM is stopped: the command then waits in the device,
 *     where it is saved, and goes on at the end of the drain or at the start of the VM.
 * I3  Data goes through buffers of IDE_CHUNK bytes of ours, so a request that outlives its command touches nothing.
 * I4  data_pos <= data_len <= IDE_BUF_SIZE.
 * Source: ATA/ATAPI-7 volumes 1 and 2; SFF-8038i for the scatter lists.
 */
#ifndef DEVICES_IDE_IDE_H
#define DEVICES_IDE_IDE_H

#include "devices/block_conf.h"
#include "devices/irq.h"
#include "mem/memory.h"

#define IDE_BUF_SIZE (64 * 1024)
#define IDE_CHUNK (128 * 1024)
#define IDE_MAX_MULT 16
#define IDE_SECTOR 512
#define IDE_SERIAL_LEN 20
#define IDE_MODEL_LEN 40
#define ATAPI_PACKET_SIZE 12
#define ATAPI_SECTOR 2048

/* Status, error and control register bits. */
#define ATA_ERR 0x01
#define ATA_DRQ 0x08
#define ATA_SEEK 0x10
#define ATA_DF 0x20
#define ATA_READY 0x40
#define ATA_BUSY 0x80
#define ATA_ERROR_ABRT 0x04
#define ATA_CTRL_NIEN 0x02
#define ATA_CTRL_SRST 0x04
#define ATA_CTRL_HOB 0x80
#define ATAPI_REASON_CD 0x01
#define ATAPI_REASON_IO 0x02

typedef struct IDEBus IDEBus;
typedef struct IDEState IDEState;
typedef struct IDEXfer IDEXfer;
typedef struct IDEReq IDEReq;
typedef struct IDEDevice IDEDevice;

typedef enum IDEDriveKind { IDE_NONE, IDE_HD, IDE_CD } IDEDriveKind;

/* ---- Scatter lists ---- */

/** A place in a guest's scatter list. */
typedef struct IDESg {
    uint64_t table;             /* address of the next entry */
    uint32_t left;              /* entries that may follow */
    uint64_t addr;              /* rest of the present entry */
    uint32_t len;
} IDESg;

/** What the host adapter does for its drives. */
typedef struct IDEBusOps {
    void (*set_irq)(IDEBus *bus, int level);
    /** May DMA move now? At the start of a transfer @x->sg is set to the list's begin. */
    bool (*dma_ready)(IDEBus *bus, IDEXfer *x);
    /** Fill in addr and len (> 0) from the next entry; false at the end of the list. */
    bool (*sg_next)(IDEBus *bus, IDESg *sg);
    /** The transfer ended; @short_list: because the list did. */
    void (*dma_done)(IDEBus *bus, IDEXfer *x, bool short_list);
    /** Optional: the drive has or wants data (data_pos..data_len of its buffer); move it and call ide_data_end. */
    void (*pio_transfer)(IDEBus *bus, IDEState *s);
    /** Optional: the command is over; registers are final. */
    void (*cmd_done)(IDEBus *bus);
    /** Optional: kick, or cancel, what the adapter itself transfers for the drive. */
    void (*restart)(IDEBus *bus);
    void (*cancel)(IDEBus *bus);
} IDEBusOps;

/** ide_sg_rw: move up to @len bytes between @buf and the list; returns how many. */
uint64_t ide_sg_rw(IDEBus *bus, IDESg *sg, uint8_t *buf, uint64_t len, bool to_guest);

/* ---- Transfers between medium and guest. REPLY: from the drive's buffer, without the medium. ---- */

enum { IDE_XFER_NONE, IDE_XFER_READ, IDE_XFER_WRITE, IDE_XFER_FLUSH, IDE_XFER_TRIM, IDE_XFER_REPLY,
       IDE_XFER__MAX };

/** One transfer; active while kind is not IDE_XFER_NONE. */
struct IDEXfer {
    /* fixed */
    IDEState *s;
    /** Called when it is over: 0, -errno of the medium, or -EOVERFLOW: the scatter list was too short. */
    void (*complete)(IDEXfer *x, int ret);
    /* BQL; saved */
    uint8_t kind;
    bool use_sg;                /* else the drive's buffer */
    bool fua;
    uint64_t offset;            /* on the medium, bytes */
    uint64_t len;
    uint64_t done;
    IDESg sg;
    /* not saved */
    IDEReq *req;
};

void ide_xfer_start(IDEXfer *x, int kind, uint64_t offset, uint64_t len, bool use_sg);
/** ide_xfer_kick: submit the next request if there is something to do and it may be done (I2). */
void ide_xfer_kick(IDEXfer *x);
/** ide_xfer_cancel: forget it; what is in flight ends without effect on the guest. */
void ide_xfer_cancel(IDEXfer *x);

/* ---- Drives ---- */

typedef struct AtapiSense {
    uint8_t key;
    uint8_t asc;
    uint8_t ascq;
} AtapiSense;

/** A drive. Registers and command; the device (ide-hd, ide-cd) has the backend and the names. */
struct IDEState {
    /* fixed after attach */
    IDEBus *bus;
    IDEDevice *dev;             /* NULL: no drive */
    IDEDriveKind kind;
    BlockBackend *blk;
    uint8_t unit;
    uint16_t cylinders, heads, sectors;
    bool ncq;                   /* offered by the host adapter */
    /* BQL; saved */
    uint8_t feature, error, nsector, sector, lcyl, hcyl, select, status;
    uint8_t hob_feature, hob_nsector, hob_sector, hob_lcyl, hob_hcyl;
    uint8_t cmd;                /* the present or last command */
    bool lba48;
    uint8_t mult_sectors;       /* 0: READ MULTIPLE is not set up */
    uint8_t dma_mode;           /* what SET FEATURES chose: 0x40 | n ultra, 0x20 | n multiword, 0 none */
    uint32_t left;              /* sectors not yet moved by a PIO command; ATAPI blocks */
    uint64_t lba;               /* the next of them */
    uint32_t data_pos, data_len;
    bool data_in;               /* direction of DRQ: to the guest */
    bool packet_stage;          /* the data is a packet to come */
    uint32_t byte_limit;        /* of an ATAPI PIO burst */
    uint32_t reply_pos, reply_len;  /* ATAPI PIO: what the buffer holds for further bursts */
    AtapiSense sense;
    bool media_changed;
    bool tray_open;
    bool tray_locked;
    bool event_new_media;
    bool event_eject;
    IDEXfer xfer;
    uint8_t buf[IDE_BUF_SIZE];
    /* not saved */
    uint64_t length;            /* of the medium, bytes */
};

struct IDEBus {
    BusState qbus;
    /* fixed */
    const IDEBusOps *ops;
    void *opaque;               /* of ops */
    unsigned max_units;
    unsigned index;             /* among the adapter's channels */
    IDEState ifs[2];
    void *restart_bh;
    void *vm_state;
    bool in_dma;                /* guest memory is being touched: registers reached by that must not react */
    /* BQL; saved */
    uint8_t unit;
    uint8_t ctrl;
};

/** The qdev part of a drive. */
struct IDEDevice {
    DeviceState qdev;
    uint32_t unit;              /* UINT32_MAX: the first free one */
    BlockConf conf;
    char *model;
    char *version;
    uint64_t wwn;
};

/** ide_bus_init: the @index-th channel of @parent, "ide.@index"; @max_units 1 or 2. */
void ide_bus_init(IDEBus *bus, DeviceState *parent, unsigned index, unsigned max_units, const IDEBusOps *ops,
                  void *opaque);
/** ide_bus_realize / unrealize: with the adapter: start and stop waiting for drains and stops of the VM. */
void ide_bus_realize(IDEBus *bus);
void ide_bus_unrealize(IDEBus *bus);
/** ide_bus_reset: hard reset of both drives. */
void ide_bus_reset(IDEBus *bus);
/** ide_bus_restart_later: kick everything from a bottom half. */
void ide_bus_restart_later(IDEBus *bus);

static inline IDEState *ide_bus_active(IDEBus *bus)
{
    return &bus->ifs[bus->unit];
}

/* Registers of the command block (1..7), the data port and the control block. Never fail. */
void ide_ioport_write(IDEBus *bus, unsigned reg, uint8_t val);
uint8_t ide_ioport_read(IDEBus *bus, unsigned reg);
void ide_ctrl_write(IDEBus *bus, uint8_t val);
uint8_t ide_status_read(IDEBus *bus);
void ide_data_write(IDEBus *bus, uint32_t val, unsigned size);
uint32_t ide_data_read(IDEBus *bus, unsigned size);

/** ide_exec_cmd: run @cmd with the registers as they are. */
void ide_exec_cmd(IDEState *s, uint8_t cmd);

/* ---- For the parts of the drive ---- */

void ide_reset_drive(IDEState *s);
void ide_set_signature(IDEState *s);
void ide_raise_irq(IDEState *s);
/** ide_cmd_over: interrupt, and the adapter is told; registers are final. */
void ide_cmd_over(IDEState *s);
/** ide_cmd_ok / ide_abort_command: the command ends so. */
void ide_cmd_ok(IDEState *s);
void ide_abort_command(IDEState *s);
/** ide_data_start: DRQ with @len bytes of the buffer; interrupt if @irq. ide_data_end: all of them were moved. */
void ide_data_start(IDEState *s, unsigned len, bool to_guest, bool irq);
void ide_data_end(IDEState *s);
/** ide_blk_error: what a failed request means by the drive's policy: 0 (ignore) or @ret. */
int ide_blk_error(IDEState *s, bool is_read, int ret);

bool ata_exec(IDEState *s, uint8_t cmd);
void ata_data_end(IDEState *s);
void ata_xfer_complete(IDEXfer *x, int ret);
void ata_identify(const IDEState *s, uint8_t *buf);
/** ata_put_string: @len bytes, padded with spaces, bytes of a word swapped. */
void ata_put_string(uint8_t *dst, const char *text, unsigned len);
/** ide_set_transfer_mode: the value of SET FEATURES 0x03. */
bool ide_set_transfer_mode(IDEState *s, uint8_t val);

/** ide_read_length: look how large the medium is. Polls. */
void ide_read_length(IDEState *s);

bool atapi_exec(IDEState *s, uint8_t cmd);
void atapi_data_end(IDEState *s);
void atapi_xfer_complete(IDEXfer *x, int ret);

struct VMStateDescription;
extern const struct VMStateDescription vmstate_ide_drive;
extern const struct VMStateDescription vmstate_ide_bus;
extern const struct VMStateDescription vmstate_ide_xfer;

#endif
