/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-img compare: do two images show a guest the same bytes? Main thread. */
#include "base/bytes.h"
#include "block/block_int.h"
#include "tools/img.h"

#include <inttypes.h>
#include <stdio.h>

#define COMPARE_BUFFER (2 * MiB)

enum { OPT_IMAGE_OPTS = 256 };

typedef struct Compare {
    BlockBackend *blk[2];
    const char *name[2];
    uint8_t *buf[2];
    int64_t size[2];
    bool strict;
    bool quiet;
    bool progress;
} Compare;

static void G_GNUC_PRINTF(2, 3) say(const Compare *c, const char *fmt, ...)
{
    va_list ap;

    if (!c->quiet) {
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
    }
}

/* First byte where the buffers differ, or @len. */
static int64_t first_difference(const uint8_t *a, const uint8_t *b, int64_t len)
{
    int64_t i = 0;

    if (memcmp(a, b, len) == 0) {
        return len;
    }
    while (a[i] == b[i]) {
        i++;
    }
    return i;
}

static int read_part(Compare *c, int k, int64_t offset, int64_t len)
{
    int ret = blk_pread(c->blk[k], offset, len, c->buf[k], 0);

    if (ret < 0) {
        tool_error("Error while reading offset %" PRId64 " of %s: %s", offset, c->name[k], g_strerror(-ret));
    }
    return ret;
}

/* 0: same, 1: different (told), > 1: error (told). Looks at up to *@len bytes and says how many. */
static int compare_part(Compare *c, int64_t offset, int64_t *len)
{
    int status[2];
    bool zero[2];
    int64_t at;

    for (int k = 0; k < 2; k++) {
        int64_t n;

        status[k] = bdrv_block_status_above(blk_bs(c->blk[k]), NULL, offset, *len, &n, NULL, NULL);
        if (status[k] < 0) {
            tool_error("Sector allocation test failed for %s: %s", c->name[k], g_strerror(-status[k]));
            return 3;
        }
        *len = MIN(*len, n);
        zero[k] = status[k] & BDRV_BLOCK_ZERO;
    }
    if (c->strict && (status[0] & ~BDRV_BLOCK_OFFSET_VALID & (BDRV_BLOCK_DATA | BDRV_BLOCK_ALLOCATED)) !=
        (status[1] & (BDRV_BLOCK_DATA | BDRV_BLOCK_ALLOCATED))) {
        say(c, "Strict mode: Offset %" PRId64 " block status mismatch!\n", offset);
        return 1;
    }
    if (zero[0] && zero[1]) {
        return 0;
    }
    *len = MIN(*len, (int64_t)COMPARE_BUFFER);
    for (int k = 0; k < 2; k++) {
        if (zero[k]) {
            memset(c->buf[k], 0, *len);
        } else if (read_part(c, k, offset, *len) < 0) {
            return 4;
        }
    }
    at = first_difference(c->buf[0], c->buf[1], *len);
    if (at < *len) {
        /* Sectors are what people look at next. */
        say(c, "Content mismatch at offset %" PRId64 "!\n", offset + (int64_t)QEMU_ALIGN_DOWN((uint64_t)at, 512));
        return 1;
    }
    return 0;
}

/* What only the longer image has must be zero. */
static int compare_rest(Compare *c, int64_t from)
{
    int k = c->size[0] > c->size[1] ? 0 : 1;

    say(c, "Warning: Image size mismatch!\n");
    for (int64_t at = from, n; at < c->size[k]; at += n) {
        int status = bdrv_block_status_above(blk_bs(c->blk[k]), NULL, at, c->size[k] - at, &n, NULL, NULL);

        if (status < 0) {
            tool_error("Sector allocation test failed for %s: %s", c->name[k], g_strerror(-status));
            return 3;
        }
        if (status & BDRV_BLOCK_ZERO) {
            continue;
        }
        n = MIN(n, (int64_t)COMPARE_BUFFER);
        if (read_part(c, k, at, n) < 0) {
            return 4;
        }
        if (!buffer_is_zero(c->buf[k], n)) {
            say(c, "Content mismatch at offset %" PRId64 "!\n", at);
            return 1;
        }
        img_progress(c->progress, at * 100.0 / c->size[k]);
    }
    return 0;
}

static int compare_images(Compare *c)
{
    int64_t common;
    int status = 0;

    for (int k = 0; k < 2; k++) {
        c->size[k] = blk_getlength(c->blk[k]);
        if (c->size[k] < 0) {
            tool_error("Can't get size of %s: %s", c->name[k], g_strerror(-c->size[k]));
            return 4;
        }
        c->buf[k] = blk_blockalign(c->blk[k], COMPARE_BUFFER);
    }
    if (c->strict && c->size[0] != c->size[1]) {
        say(c, "Strict mode: Image size mismatch!\n");
        return 1;
    }
    common = MIN(c->size[0], c->size[1]);
    img_progress(c->progress, 0);
    for (int64_t at = 0, n; at < common && !status; at += n) {
        n = common - at;
        status = compare_part(c, at, &n);
        img_progress(c->progress, (at + n) * 100.0 / MAX(c->size[0], c->size[1]));
    }
    if (!status && c->size[0] != c->size[1]) {
        status = compare_rest(c, common);
    }
    if (!status) {
        img_progress_end(c->progress);
        say(c, "Images are identical.\n");
    }
    return status;
}

int img_compare(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'f', 'f', NULL, true }, { 'F', 'F', NULL, true }, { 'T', 'T', NULL, true }, { 'p', 'p', "progress", false },
        { 'q', 'q', "quiet", false }, { 's', 's', "strict", false }, { 'U', 'U', "force-share", false },
        { OPT_IMAGE_OPTS, 0, "image-opts", false }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    Compare c = { 0 };
    ImgOpen how[2] = { { 0 } };
    const char *arg;
    int status = 2;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (o == 'f') {
            how[0].fmt = arg;
        } else if (o == 'F') {
            how[1].fmt = arg;
        } else if (o == 'p') {
            c.progress = true;
        } else if (o == 'q') {
            c.quiet = true;
        } else if (o == 's') {
            c.strict = true;
        } else if (o == 'U') {
            how[0].force_share = how[1].force_share = true;
        } else if (o == OPT_IMAGE_OPTS) {
            how[0].image_opts = how[1].image_opts = true;
        } else if (o == 'T') {
            if (!tool_parse_cache(arg, &how[0].flags, &how[0].writethrough)) {
                tool_error("Invalid source cache option: %s", arg);
                return 2;
            }
            how[1].flags = how[0].flags;
        }
    }
    if (o < 0) {
        return 1;
    }
    if (a.words->len != 2) {
        return tool_usage_error("Expecting two image file names");
    }
    c.progress = c.progress && !c.quiet;
    for (int k = 0; k < 2; k++) {
        c.name[k] = g_ptr_array_index(a.words, k);
        c.blk[k] = k && !c.blk[0] ? NULL : img_open(c.name[k], &how[k]);
    }
    if (c.blk[0] && c.blk[1]) {
        status = compare_images(&c);
    }
    for (int k = 0; k < 2; k++) {
        qemu_vfree(c.buf[k]);
        if (c.blk[k]) {
            blk_unref(c.blk[k]);
        }
    }
    return status;
}
