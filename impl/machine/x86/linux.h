/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Linux boot protocol: what a kernel image says about itself, where its parts go, and the words a boot loader
 * leaves in its header. Pure: bytes in, bytes out.
 *
 * I1  Nothing is placed outside [LINUX_SETUP_ADDR, limit), and no two parts overlap.
 * Source: Linux Documentation/x86/boot.rst, protocols 2.02 to 2.15.
 */
#ifndef MACHINE_X86_LINUX_H
#define MACHINE_X86_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define LINUX_SETUP_ADDR 0x10000u       /* real mode code, its heap and stack: 64 KiB */
#define LINUX_CMDLINE_ADDR 0x20000u
#define LINUX_KERNEL_ADDR 0x100000u
#define LINUX_CMDLINE_MAX 0x10000u

typedef struct LinuxImage {
    uint32_t setup_size;        /* bytes of real mode code; the rest of the file is the kernel */
    uint32_t kernel_size;
    uint32_t init_size;         /* bytes from LINUX_KERNEL_ADDR on that the kernel needs while it unpacks itself */
    uint32_t cmdline_max;       /* without the terminating zero */
    uint32_t initrd_max;        /* last address that an initramfs may use */
    uint16_t protocol;
} LinuxImage;

/** linux_parse: look at a kernel image. The message says what is wrong with it, as the end of a sentence. */
G_GNUC_WARN_UNUSED_RESULT
bool linux_parse(const uint8_t *data, size_t len, LinuxImage *ret, GError **errp);

/**
 * linux_place_initrd: as high as possible.
 * @limit: end of usable memory below 4 GiB. Fails if kernel or initramfs do not fit.
 */
G_GNUC_WARN_UNUSED_RESULT
bool linux_place_initrd(const LinuxImage *img, uint64_t size, uint64_t limit, uint32_t *ret_addr, GError **errp);

/** linux_patch_setup: the loader's part of the header. @setup: setup_size bytes of the image linux_parse accepted. */
void linux_patch_setup(const LinuxImage *img, uint8_t *setup, uint32_t initrd_addr, uint32_t initrd_size);

#endif
