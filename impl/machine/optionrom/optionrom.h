/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option ROMs of our own, built from the assembly in this folder.
 */
#ifndef MACHINE_OPTIONROM_OPTIONROM_H
#define MACHINE_OPTIONROM_OPTIONROM_H

#include <stddef.h>
#include <stdint.h>

/** linuxboot: boots the kernel in fw_cfg. */
extern const uint8_t linuxboot_rom[];
extern const size_t linuxboot_rom_size;

#endif
