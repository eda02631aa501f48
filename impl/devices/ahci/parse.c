/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command headers and tables of AHCI. Pure: bytes in, a struct out.
 */
#include "devices/ahci/ahci.h"

#include <string.h>

#include "base/bytes.h"

#define FIS_H2D 0x27
#define CMD_READ_FPDMA 0x60
#define CMD_WRITE_FPDMA 0x61

AHCICommand ahci_parse_command(const uint8_t *header, const uint8_t *table)
{
    AHCICommand cmd = { .prdtl = ld16_le(header + 2) };

    memcpy(cmd.fis, table, sizeof(cmd.fis));
    memcpy(cmd.acmd, table + 0x40, sizeof(cmd.acmd));
    cmd.prdt = (ld64_le(header + 8) & ~UINT64_C(0x7f)) + 0x80;
    /* A command FIS has five words, and is for no port multiplier's port. */
    cmd.valid = (header[0] & 0x1f) >= 5 && table[0] == FIS_H2D && !(table[1] & 0x0f);
    cmd.is_command = table[1] & 0x80;
    return cmd;
}

bool ahci_parse_ncq(const AHCICommand *cmd, AHCINcq *ret)
{
    const uint8_t *f = cmd->fis;
    uint32_t n = f[11] << 8 | f[3];

    if (f[2] != CMD_READ_FPDMA && f[2] != CMD_WRITE_FPDMA) {
        return false;
    }
    *ret = (AHCINcq){
        .is_write = f[2] == CMD_WRITE_FPDMA,
        .fua = f[7] & 0x80,
        .tag = f[12] >> 3,
        .lba = (uint64_t)f[10] << 40 | (uint64_t)f[9] << 32 | (uint64_t)f[8] << 24 | f[6] << 16 | f[5] << 8 | f[4],
        .sectors = n ? n : 65536,
    };
    return true;
}
