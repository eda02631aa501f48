/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shadow registers of host bridges. See pam.h.
 */
#include "devices/pci/pam.h"

#define PAM_READ 1
#define PAM_WRITE 2

/* The high half of the first register is 0xf0000; after it each nibble is 16 KiB from 0xc0000 on. */
static hwaddr pam_start(unsigned i)
{
    return i == 0 ? 0xf0000 : 0xc0000 + (i - 1) * 0x4000;
}

static unsigned pam_bits(const uint8_t *regs, unsigned i)
{
    return regs[(i + 1) / 2] >> (i & 1 ? 0 : 4) & 3;
}

void pam_update(PAMState *s, const uint8_t *regs)
{
    if (!s->have_ram) {
        return;
    }
    memory_region_transaction_begin();
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        unsigned bits = pam_bits(regs, i);

        memory_region_set_readonly(&s->segment[i], !(bits & PAM_WRITE));
        memory_region_set_enabled(&s->segment[i], bits & PAM_READ);
    }
    memory_region_transaction_commit();
}

void pam_connect_ram(PAMState *s, void *owner, MemoryRegion *ram)
{
    if (memory_region_size(ram) < 0x100000) {
        return;                 /* no RAM there to switch to */
    }
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        memory_region_init_alias(&s->segment[i], owner, "pam", ram, pam_start(i), i == 0 ? 0x10000 : 0x4000);
        memory_region_set_enabled(&s->segment[i], false);
        memory_region_add_subregion_overlap(get_system_memory(), pam_start(i), &s->segment[i], 2);
    }
    s->have_ram = true;
}

void pam_exit(PAMState *s)
{
    for (unsigned i = 0; s->have_ram && i < PAM_SEGMENTS; i++) {
        memory_region_del_subregion(get_system_memory(), &s->segment[i]);
        memory_region_finalize(&s->segment[i]);
    }
    s->have_ram = false;
}
