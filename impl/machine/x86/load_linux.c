/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel, -initrd and -append: the parts of a kernel as fw_cfg items, and the option ROM that copies them.
 *
 * OVMF reads the same items itself. Context: main thread, before the guest runs.
 */
#include "machine/x86/x86.h"

#include "base/bytes.h"
#include "machine/optionrom/optionrom.h"
#include "machine/x86/linux.h"
#include "sched/io.h"

#define FILE_MAX (2 * GiB - 1)
#define FIRMWARE_TABLES (512 * KiB)     /* firmware keeps tables at the end of low memory */

static bool load_file(const char *what, const char *path, uint8_t **ret_data, size_t *ret_len, GError **errp)
{
    char *data = NULL;
    int ret = sched_file_read_all(path, FILE_MAX, &data, ret_len);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "could not load %s '%s'", what, path);
        return false;
    }
    *ret_data = (uint8_t *)data;
    return true;
}

static void load_item(FWCfgState *s, uint16_t addr_key, uint32_t addr, uint16_t size_key, uint16_t data_key,
                      const void *data, size_t len)
{
    fw_cfg_add_i32(s, addr_key, addr);
    fw_cfg_add_i32(s, size_key, len);
    fw_cfg_add_bytes(s, data_key, g_memdup2(data, len), len);
}

bool x86_load_linux(MachineState *ms, X86Machine *x, GError **errp)
{
    const char *cmdline = ms->append ? ms->append : "";
    g_autofree uint8_t *kernel = NULL;
    g_autofree uint8_t *initrd = NULL;
    size_t kernel_len = 0;
    size_t initrd_len = 0;
    uint32_t initrd_addr;
    LinuxImage img;
    FWCfgState *s = x->fw_cfg;

    if (!load_file("kernel", ms->kernel, &kernel, &kernel_len, errp) ||
        (ms->initrd && !load_file("initrd", ms->initrd, &initrd, &initrd_len, errp))) {
        return false;
    }
    if (!linux_parse(kernel, kernel_len, &img, errp)) {
        g_prefix_error(errp, "could not load kernel '%s': ", ms->kernel);
        return false;
    }
    if (strlen(cmdline) > img.cmdline_max) {
        error_setg(errp, "the command line is too long for kernel '%s': %zu bytes, at most %u", ms->kernel,
                   strlen(cmdline), img.cmdline_max);
        return false;
    }
    if (!linux_place_initrd(&img, initrd_len, x->below_4g > FIRMWARE_TABLES ? x->below_4g - FIRMWARE_TABLES : 0,
                            &initrd_addr, errp)) {
        g_prefix_error(errp, "could not load '%s': ", ms->initrd ? ms->initrd : ms->kernel);
        return false;
    }
    linux_patch_setup(&img, kernel, initrd_addr, initrd_len);
    load_item(s, FW_CFG_CMDLINE_ADDR, LINUX_CMDLINE_ADDR, FW_CFG_CMDLINE_SIZE, FW_CFG_CMDLINE_DATA, cmdline,
              strlen(cmdline) + 1);
    load_item(s, FW_CFG_SETUP_ADDR, LINUX_SETUP_ADDR, FW_CFG_SETUP_SIZE, FW_CFG_SETUP_DATA, kernel, img.setup_size);
    load_item(s, FW_CFG_KERNEL_ADDR, LINUX_KERNEL_ADDR, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA,
              kernel + img.setup_size, img.kernel_size);
    load_item(s, FW_CFG_INITRD_ADDR, initrd_addr, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, initrd, initrd_len);
    fw_cfg_add_file(s, "genroms/linuxboot.bin", g_memdup2(linuxboot_rom, linuxboot_rom_size), linuxboot_rom_size);
    return true;
}
