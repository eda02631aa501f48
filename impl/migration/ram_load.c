/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading guest RAM. Format: ram.c. Nothing read here is trusted.
 *
 * Owns: nothing. Context: BQL; in a coroutine it yields now and then, because a large guest takes long.
 *
 * I1  A page lands only inside the used length of a block that migrates.
 */
#include "migration/ram_int.h"

#include "aio/coroutine.h"
#include "base/bytes.h"

#include <inttypes.h>

enum { YIELD_PAGES = 8192 };

static RAMBlock *load_block(QEMUFile *f, uint64_t flags, RAMBlock *last, GError **errp)
{
    char name[256];
    RAMBlock *rb;

    if (flags & RAM_SAVE_FLAG_CONTINUE) {
        if (!last) {
            error_setg(errp, "Ack, bad migration stream!");
        }
        return last;
    }
    if (qemu_get_counted_string(f, name) == 0) {
        error_setg(errp, "RAM block name missing");
        return NULL;
    }
    rb = qemu_ram_block_by_name(name);
    if (!rb || !rb->migratable) {
        g_autofree char *printable = g_strescape(name, NULL);

        error_setg(errp, rb ? "block %s should not be migrated !" : "Can't find block %s", printable);
        return NULL;
    }
    return rb;
}

/* The list of blocks: the same names and sizes must exist here. */
static int load_block_list(QEMUFile *f, uint64_t total, GError **errp)
{
    while (total > 0) {
        char name[256];
        uint64_t length;
        RAMBlock *rb;

        if (qemu_get_counted_string(f, name) == 0) {
            error_setg(errp, "RAM block name missing");
            return -EINVAL;
        }
        length = qemu_get_be64(f);
        rb = qemu_ram_block_by_name(name);
        if (!rb || !rb->migratable) {
            g_autofree char *printable = g_strescape(name, NULL);

            error_setg(errp, "Unknown ramblock \"%s\", cannot accept migration", printable);
            return -EINVAL;
        }
        if (length != qemu_ram_get_used_length(rb)) {
            error_setg(errp, "Size mismatch: %s: 0x%" PRIx64 " != 0x%" PRIx64, name, length,
                       qemu_ram_get_used_length(rb));
            return -EINVAL;
        }
        if (length > total) {
            error_setg(errp, "RAM blocks are larger than the total of the stream");
            return -EINVAL;
        }
        total -= length;
    }
    return 0;
}

static int load_page(QEMUFile *f, RAMBlock *rb, uint64_t offset, uint64_t flags, GError **errp)
{
    uint8_t *host;

    if (offset >= qemu_ram_get_used_length(rb)) {
        error_setg(errp, "Illegal RAM offset 0x%" PRIx64 " in block %s", offset, qemu_ram_get_idstr(rb));
        return -EINVAL;     /* (I1) */
    }
    host = (uint8_t *)qemu_ram_get_host_addr(rb) + offset;
    if (flags & RAM_SAVE_FLAG_ZERO) {
        int fill = qemu_get_byte(f);

        if (fill != 0) {
            error_setg(errp, "Non-zero byte 0x%02x in zero page", (unsigned)fill);
            return -EINVAL;
        }
        if (buffer_is_zero(host, TARGET_PAGE_SIZE)) {
            return 0;       /* do not make the host allocate it */
        }
        memset(host, 0, TARGET_PAGE_SIZE);
    } else {
        (void)qemu_get_buffer(f, host, TARGET_PAGE_SIZE);   /* the caller looks at the file's error */
    }
    ram_block_set_dirty(rb, offset, TARGET_PAGE_SIZE);
    return 0;
}

int ram_load(QEMUFile *f, void *opaque, int version_id, GError **errp)
{
    RAMBlock *rb = NULL;

    if (version_id != RAM_SAVE_VERSION) {
        error_setg(errp, "RAM section version %d is not supported", version_id);
        return -EINVAL;
    }
    for (unsigned n = 1;; n++) {
        uint64_t word = qemu_get_be64(f);
        uint64_t flags = word & ~TARGET_PAGE_MASK;
        uint64_t kind = flags & ~(uint64_t)RAM_SAVE_FLAG_CONTINUE;
        int ret = qemu_file_get_error_obj(f, errp);

        if (ret < 0) {
            return ret;
        }
        if (kind == RAM_SAVE_FLAG_EOS) {
            return 0;
        }
        if (kind == RAM_SAVE_FLAG_MEM_SIZE) {
            ret = load_block_list(f, word & TARGET_PAGE_MASK, errp);
        } else if (kind == RAM_SAVE_FLAG_ZERO || kind == RAM_SAVE_FLAG_PAGE) {
            rb = load_block(f, flags, rb, errp);
            ret = rb ? load_page(f, rb, word & TARGET_PAGE_MASK, flags, errp) : -EINVAL;
        } else {
            error_setg(errp, "Unknown combination of migration flags: 0x%" PRIx64, flags);
            ret = -EINVAL;
        }
        if (ret < 0) {
            return ret;
        }
        if (n % YIELD_PAGES == 0 && qemu_in_coroutine()) {
            aio_co_schedule(qemu_get_current_aio_context(), qemu_coroutine_self());
            qemu_coroutine_yield();
        }
    }
}
