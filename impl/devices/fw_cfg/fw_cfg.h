/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg: what firmware asks the VMM: numbered items and named files, read through ports or by DMA.
 *
 * Boards add items before the guest runs; the guest only reads.
 * Context: BQL held.
 *
 * I1  An item is never changed by the guest. Reading past its end gives zeros.
 * I2  A file keeps its number, and a file made anew when it is selected keeps its size.
 * Source: "QEMU Firmware Configuration (fw_cfg) Device" specification.
 */
#ifndef DEVICES_FW_CFG_FW_CFG_H
#define DEVICES_FW_CFG_FW_CFG_H

#include "devices/device.h"

#define FW_CFG_SIGNATURE 0x00
#define FW_CFG_ID 0x01
#define FW_CFG_UUID 0x02
#define FW_CFG_RAM_SIZE 0x03
#define FW_CFG_NOGRAPHIC 0x04
#define FW_CFG_NB_CPUS 0x05
#define FW_CFG_KERNEL_ADDR 0x07
#define FW_CFG_KERNEL_SIZE 0x08
#define FW_CFG_INITRD_ADDR 0x0a
#define FW_CFG_INITRD_SIZE 0x0b
#define FW_CFG_NUMA 0x0d
#define FW_CFG_BOOT_MENU 0x0e
#define FW_CFG_MAX_CPUS 0x0f
#define FW_CFG_KERNEL_DATA 0x11
#define FW_CFG_INITRD_DATA 0x12
#define FW_CFG_CMDLINE_ADDR 0x13
#define FW_CFG_CMDLINE_SIZE 0x14
#define FW_CFG_CMDLINE_DATA 0x15
#define FW_CFG_SETUP_ADDR 0x16
#define FW_CFG_SETUP_SIZE 0x17
#define FW_CFG_SETUP_DATA 0x18
#define FW_CFG_FILE_DIR 0x19
#define FW_CFG_FILE_FIRST 0x20
#define FW_CFG_FILE_SLOTS 0x40
#define FW_CFG_BOARD_SLOTS 8          /* of them, those kept for what the board adds after the user's files */
#define FW_CFG_MAX_ENTRY (FW_CFG_FILE_FIRST + FW_CFG_FILE_SLOTS)
#define FW_CFG_ARCH_LOCAL 0x8000
#define FW_CFG_WRITE_CHANNEL 0x4000
#define FW_CFG_INVALID 0xffff
#define FW_CFG_IRQ0_OVERRIDE (FW_CFG_ARCH_LOCAL + 2)
#define FW_CFG_MAX_FILE_PATH 56

typedef struct FWCfgState FWCfgState;

/**
 * Make the contents of a file anew, because the guest is about to read it. @data: its present bytes, to be changed in
 * place; @len of them (I2).
 */
typedef void FWCfgSelectFunc(void *opaque, uint8_t *data, size_t len);

/** fw_cfg_find: the machine's one, or NULL. */
FWCfgState *fw_cfg_find(void);

/** fw_cfg_add_bytes: item @key; a key that is there already gets new contents. @data: transferred, from g_malloc. */
void fw_cfg_add_bytes(FWCfgState *s, uint16_t key, void *data, size_t len);
void fw_cfg_add_i16(FWCfgState *s, uint16_t key, uint16_t value);
void fw_cfg_add_i32(FWCfgState *s, uint16_t key, uint32_t value);
void fw_cfg_add_i64(FWCfgState *s, uint16_t key, uint64_t value);
/** fw_cfg_add_string: with its terminating zero. */
void fw_cfg_add_string(FWCfgState *s, uint16_t key, const char *value);

/**
 * fw_cfg_add_file: a file called @name (copied, below FW_CFG_MAX_FILE_PATH bytes). @data: transferred.
 * A name that is there already gets new contents. Running out of slots is our bug (asserted).
 */
void fw_cfg_add_file(FWCfgState *s, const char *name, void *data, size_t len);
/** fw_cfg_add_file_callback: the same, and @select is called whenever the guest selects it. */
void fw_cfg_add_file_callback(FWCfgState *s, const char *name, FWCfgSelectFunc *select, void *opaque, void *data,
                              size_t len);
/** fw_cfg_add_file_i32 / _i64: a file with one little-endian number. */
void fw_cfg_add_file_i32(FWCfgState *s, const char *name, uint32_t value);
void fw_cfg_add_file_i64(FWCfgState *s, const char *name, uint64_t value);
/** fw_cfg_file_exists: is there a file called @name? fw_cfg_has_room: is there a slot for another? */
bool fw_cfg_file_exists(const FWCfgState *s, const char *name);
bool fw_cfg_has_room(const FWCfgState *s);

#endif
