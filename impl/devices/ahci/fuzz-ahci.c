/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: command headers and tables of any bytes. Checked: what is decoded keeps the promises of ahci.h.
 */
#include "base/assert.h"
#include "devices/ahci/ahci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AHCICommand cmd;
    AHCINcq ncq;

    if (size < 32 + 0x50) {
        return 0;
    }
    cmd = ahci_parse_command(data, data + 32);
    assert(cmd.prdt % 0x80 == 0);
    assert(!cmd.valid || cmd.fis[0] == 0x27);
    if (ahci_parse_ncq(&cmd, &ncq)) {
        assert(ncq.tag < AHCI_SLOTS && ncq.lba >> 48 == 0 && ncq.sectors >= 1 && ncq.sectors <= 65536);
    }
    return 0;
}
