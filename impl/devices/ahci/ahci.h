/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AHCI: ports with one SATA drive each, command lists and received-FIS areas in guest memory.
 *
 * Context: BQL held.
 *
 * I1  At most one command that is not queued runs on a port (busy_slot); queued ones, one for each tag, beside none.
 * I2  A scatter list has at most 65535 entries of at least one byte, a command list 32 slots: nothing is unbounded.
 * I3  While we touch guest memory our registers do not react, so a list that points at them cannot recurse.
 * Source: Serial ATA AHCI 1.3.1; Serial ATA 2.6, section 10.3 (FIS types).
 */
#ifndef DEVICES_AHCI_AHCI_H
#define DEVICES_AHCI_AHCI_H

#include "devices/ide/ide.h"
#include "devices/pci/pci.h"

#define AHCI_PORTS 6
#define AHCI_SLOTS 32
#define AHCI_MEM_SIZE 0x1000

/* Port registers, in words. */
enum {
    PX_CLB, PX_CLBU, PX_FB, PX_FBU, PX_IS, PX_IE, PX_CMD, PX_RSVD, PX_TFD, PX_SIG, PX_SSTS, PX_SCTL, PX_SERR, PX_SACT,
    PX_CI, PX_REGS,
};

#define PX_IS_DHRS 0x00000001u  /* device to host register FIS */
#define PX_IS_PSS 0x00000002u   /* PIO setup FIS */
#define PX_IS_SDBS 0x00000008u  /* set device bits FIS */
#define PX_IS_TFES 0x40000000u  /* task file error */
#define PX_CMD_ST 0x00000001u
#define PX_CMD_FRE 0x00000010u
#define PX_CMD_FR 0x00004000u
#define PX_CMD_CR 0x00008000u
#define PX_CMD_ATAPI 0x01000000u

/** A command as its table says it, before anybody looks at the drive. */
typedef struct AHCICommand {
    bool valid;                 /* a host to device register FIS */
    bool is_command;            /* else it writes the control register */
    uint8_t fis[64];
    uint8_t acmd[ATAPI_PACKET_SIZE];
    uint16_t prdtl;
    uint64_t prdt;              /* address of the scatter list */
} AHCICommand;

/** A queued command's decoded fields. */
typedef struct AHCINcq {
    bool is_write;
    bool fua;
    unsigned tag;
    uint64_t lba;
    uint32_t sectors;           /* 1..65536 */
} AHCINcq;

/** ahci_parse_command: @header 32 bytes, @table 0x50 bytes of the command table. Pure. */
AHCICommand ahci_parse_command(const uint8_t *header, const uint8_t *table);
/** ahci_parse_ncq: false if @cmd is not READ or WRITE FPDMA QUEUED. Pure. */
bool ahci_parse_ncq(const AHCICommand *cmd, AHCINcq *ret);

typedef struct AHCIState AHCIState;

typedef struct AHCIPort {
    IDEBus bus;
    /* fixed */
    AHCIState *hba;
    unsigned index;
    void *check_bh;
    /* BQL; saved */
    uint32_t regs[PX_REGS];
    int32_t busy_slot;          /* -1: none */
    bool in_reset;              /* a FIS set SRST and none has cleared it */
    bool sent_signature;
    uint32_t byte_count;        /* of the running command, for its header */
    uint8_t acmd[ATAPI_PACKET_SIZE];
    IDEXfer ncq[AHCI_SLOTS];
    /* not saved */
    bool checking;
} AHCIPort;

struct AHCIState {
    PCIDevice dev;
    MemoryRegion mem;
    MemoryRegion idp;
    uint32_t ghc;
    uint32_t is;
    uint32_t idp_index;
    bool in_dma;
    AHCIPort ports[AHCI_PORTS];
};

/* ---- ahci_port.c ---- */

void ahci_port_init(AHCIPort *p, AHCIState *hba, unsigned index);
void ahci_port_realize(AHCIPort *p);
void ahci_port_unrealize(AHCIPort *p);
/** ahci_port_reset: COMRESET. @all: also the registers that survive one. */
void ahci_port_reset(AHCIPort *p, bool all);
uint32_t ahci_port_read(AHCIPort *p, unsigned reg);
void ahci_port_write(AHCIPort *p, unsigned reg, uint32_t val);

/** ahci_update_irq: after a change of an interrupt status or enable. */
void ahci_update_irq(AHCIState *h);

extern const struct VMStateDescription vmstate_ahci_port;

#endif
