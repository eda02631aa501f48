/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Linux boot protocol. See linux.h.
 */
#include "machine/x86/linux.h"

#include "base/bytes.h"

#define HDR_SETUP_SECTS 0x1f1
#define HDR_BOOT_FLAG 0x1fe
#define HDR_MAGIC 0x202
#define HDR_VERSION 0x206
#define HDR_TYPE_OF_LOADER 0x210
#define HDR_LOADFLAGS 0x211
#define HDR_RAMDISK_IMAGE 0x218
#define HDR_RAMDISK_SIZE 0x21c
#define HDR_HEAP_END_PTR 0x224
#define HDR_CMD_LINE_PTR 0x228
#define HDR_INITRD_ADDR_MAX 0x22c
#define HDR_XLOADFLAGS 0x236
#define HDR_CMDLINE_SIZE 0x238
#define HDR_INIT_SIZE 0x260
#define HDR_END 0x264
#define MAGIC_HDRS 0x53726448u
#define LOADFLAG_HIGH 0x01
#define LOADFLAG_CAN_USE_HEAP 0x80
#define XLOADFLAG_ABOVE_4G 0x02
#define LOADER_OTHER 0xff
#define SECTOR 512u
#define SETUP_SECTS_MAX 64u
#define HEAP_END (LINUX_CMDLINE_ADDR - LINUX_SETUP_ADDR - 0x200)

/* Fields that an older protocol does not have get what it promises instead. */
static void linux_parse_newer(const uint8_t *data, LinuxImage *img)
{
    bool above = img->protocol >= 0x20c && ld16_le(data + HDR_XLOADFLAGS) & XLOADFLAG_ABOVE_4G;
    uint32_t init_size = img->protocol >= 0x20a ? ld32_le(data + HDR_INIT_SIZE) : 0;

    img->cmdline_max = img->protocol >= 0x206 ? ld32_le(data + HDR_CMDLINE_SIZE) : 255;
    img->cmdline_max = MIN(img->cmdline_max, LINUX_CMDLINE_MAX - 1);
    img->initrd_max = above ? UINT32_MAX : img->protocol >= 0x203 ? ld32_le(data + HDR_INITRD_ADDR_MAX) : 0x37ffffff;
    img->init_size = MAX(init_size, img->kernel_size);
}

bool linux_parse(const uint8_t *data, size_t len, LinuxImage *ret, GError **errp)
{
    LinuxImage img = { 0 };
    unsigned sects;

    if (len < HDR_END || ld16_le(data + HDR_BOOT_FLAG) != 0xaa55 || ld32_le(data + HDR_MAGIC) != MAGIC_HDRS) {
        error_setg(errp, "not a Linux kernel image (bzImage)");
        return false;
    }
    img.protocol = ld16_le(data + HDR_VERSION);
    if (img.protocol < 0x202 || !(data[HDR_LOADFLAGS] & LOADFLAG_HIGH)) {
        error_setg(errp, "a kernel of boot protocol %u.%02u that cannot be loaded above 1 MiB is not supported",
                   img.protocol >> 8, img.protocol & 0xff);
        return false;
    }
    sects = data[HDR_SETUP_SECTS] ? data[HDR_SETUP_SECTS] : 4;
    img.setup_size = (sects + 1) * SECTOR;
    if (sects > SETUP_SECTS_MAX || img.setup_size < HDR_END || img.setup_size >= len) {
        error_setg(errp, "its header announces %u bytes of setup code in a file of %zu", img.setup_size, len);
        return false;
    }
    if (len - img.setup_size > UINT32_MAX / 2) {
        error_setg(errp, "it is larger than 2 GiB");
        return false;
    }
    img.kernel_size = len - img.setup_size;
    linux_parse_newer(data, &img);
    *ret = img;
    return true;
}

bool linux_place_initrd(const LinuxImage *img, uint64_t size, uint64_t limit, uint32_t *ret_addr, GError **errp)
{
    uint64_t kernel_end = (uint64_t)LINUX_KERNEL_ADDR + img->init_size;
    uint64_t end = MIN(limit, (uint64_t)img->initrd_max + 1);

    if (kernel_end > limit) {
        error_setg(errp, "the kernel needs %" G_GUINT64_FORMAT " MiB of memory below 4 GiB, and there are %"
                   G_GUINT64_FORMAT, (uint64_t)DIV_ROUND_UP(kernel_end, MiB), (uint64_t)(limit / MiB));
        return false;
    }
    *ret_addr = 0;
    if (size == 0) {
        return true;
    }
    if (end < kernel_end || size > end - kernel_end || ((end - size) & ~UINT64_C(4095)) < kernel_end) {
        error_setg(errp, "initrd is too large: %" G_GUINT64_FORMAT " bytes, and there is room for %" G_GUINT64_FORMAT,
                   size, end < kernel_end ? 0 : end - kernel_end);
        return false;
    }
    *ret_addr = (end - size) & ~UINT64_C(4095);
    return true;
}

void linux_patch_setup(const LinuxImage *img, uint8_t *setup, uint32_t initrd_addr, uint32_t initrd_size)
{
    setup[HDR_TYPE_OF_LOADER] = LOADER_OTHER;
    setup[HDR_LOADFLAGS] |= LOADFLAG_CAN_USE_HEAP;
    st16_le(setup + HDR_HEAP_END_PTR, HEAP_END);
    st32_le(setup + HDR_CMD_LINE_PTR, LINUX_CMDLINE_ADDR);
    st32_le(setup + HDR_RAMDISK_IMAGE, initrd_addr);
    st32_le(setup + HDR_RAMDISK_SIZE, initrd_size);
}
