/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-img bench: a number of requests of one kind, a given number at a time, and how long that took. Main thread. */
#include "aio/main_loop.h"
#include "base/bytes.h"
#include "tools/img.h"

#include <inttypes.h>
#include <stdio.h>

enum { OPT_PATTERN = 256, OPT_FLUSH_INTERVAL, OPT_NO_DRAIN, OPT_IMAGE_OPTS };

typedef struct Bench {
    BlockBackend *blk;
    uint64_t image_size;
    bool write;
    int64_t size;               /* of a request, bytes */
    int64_t step;
    int64_t depth;
    int64_t left;               /* requests to submit */
    int64_t flush_interval;     /* 0: no flushes */
    bool drain_on_flush;
    int64_t offset;
    int64_t in_flight;
    bool flush_due;             /* before the next request */
    bool in_flush;              /* everything waits for a flush */
    uint8_t *buf;
    QEMUIOVector *qiov;
    int status;
} Bench;

static void bench_submit(Bench *b);

static void bench_failed(Bench *b, const char *what, int ret)
{
    if (!b->status) {
        tool_error("Failed %s: %s", what, g_strerror(-ret));
    }
    b->status = 1;
    b->left = 0;
}

/* A flush that nobody waits for, or the one that everything waits for. */
static void bench_flush_done(void *opaque, int ret)
{
    Bench *b = opaque;

    if (ret < 0) {
        bench_failed(b, "flush request", ret);
    }
    if (b->drain_on_flush) {
        b->in_flush = false;
    }
    b->in_flight--;
    bench_submit(b);
}

static void bench_flush(Bench *b)
{
    b->in_flight++;
    b->in_flush = b->drain_on_flush;
    blk_aio_flush(b->blk, bench_flush_done, b);
}

static void bench_done(void *opaque, int ret)
{
    Bench *b = opaque;

    if (ret < 0) {
        bench_failed(b, b->write ? "write request" : "read request", ret);
    }
    b->in_flight--;
    if (b->in_flush) {
        return;
    }
    bench_submit(b);
}

/* Keep @depth requests in flight. A drain flush is sent only when nothing else is. */
static void bench_submit(Bench *b)
{
    while (b->left > 0 && b->in_flight < b->depth && !b->in_flush) {
        int64_t offset = b->offset;

        if (b->flush_due) {
            if (b->drain_on_flush && b->in_flight) {
                return;     /* the last completion comes back here */
            }
            b->flush_due = false;
            bench_flush(b);
            continue;
        }
        b->left--;
        b->in_flight++;
        /* First the bookkeeping: a request may complete before the call returns to us. */
        b->offset += b->step;
        if (b->image_size <= (uint64_t)b->size) {
            b->offset = 0;
        } else {
            b->offset %= b->image_size - b->size;
        }
        if (b->write) {
            blk_aio_pwritev(b->blk, offset, b->qiov, 0, bench_done, b);
        } else {
            blk_aio_preadv(b->blk, offset, b->qiov, 0, bench_done, b);
        }
        b->flush_due = b->flush_interval && b->left % b->flush_interval == 0;
    }
}

static int bench_run(Bench *b, bool quiet, int pattern)
{
    int64_t length = blk_getlength(b->blk);
    QEMUIOVector qiov;
    int64_t began;

    if (length < 0) {
        tool_error("Can't get the size of the image: %s", g_strerror(-length));
        return 1;
    }
    b->image_size = length;
    b->step = b->step ? b->step : b->size;
    if (!quiet) {
        printf("Sending %" PRId64 " %s requests, %" PRId64 " bytes each, %" PRId64 " in parallel (starting at offset %"
               PRId64 ", step size %" PRId64 ")\n", b->left, b->write ? "write" : "read", b->size, b->depth, b->offset,
               b->step);
        if (b->flush_interval) {
            printf("Sending flush every %" PRId64 " requests\n", b->flush_interval);
        }
        fflush(stdout);
    }
    b->buf = blk_blockalign(b->blk, b->size);
    memset(b->buf, b->write ? pattern : 0, b->size);
    qemu_iovec_init_buf(&qiov, b->buf, b->size);
    b->qiov = &qiov;
    began = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    bench_submit(b);
    while (b->in_flight > 0) {
        main_loop_wait(false);
    }
    if (!quiet && !b->status) {
        printf("Run completed in %3.3f seconds.\n", (sched_clock_ns(SCHED_CLOCK_MONOTONIC) - began) / 1e9);
    }
    qemu_vfree(b->buf);
    return b->status;
}

/* An option that only sets a number or a flag of @b; false after telling the user. */
static bool bench_option(Bench *b, int o, const char *arg, int64_t *pattern)
{
    switch (o) {
    case 'c':
        return img_parse_count("request count", arg, 0, INT32_MAX, &b->left);
    case 'd':
        return img_parse_count("queue depth", arg, 1, INT32_MAX, &b->depth);
    case 'o':
        return img_parse_count("offset", arg, 0, INT64_MAX, &b->offset);
    case 's':
        return img_parse_count("buffer size", arg, 1, INT32_MAX, &b->size);
    case 'S':
        return img_parse_count("step size", arg, 0, INT32_MAX, &b->step);
    case OPT_PATTERN:
        return img_parse_count("pattern byte", arg, 0, 0xff, pattern);
    case OPT_FLUSH_INTERVAL:
        return img_parse_count("flush interval", arg, 0, INT32_MAX, &b->flush_interval);
    case OPT_NO_DRAIN:
        b->drain_on_flush = false;
        return true;
    default:
        b->write = true;
        return true;
    }
}

static bool open_option(ImgOpen *how, int o, const char *arg)
{
    switch (o) {
    case 'f':
        how->fmt = arg;
        return true;
    case 'n':
        how->flags |= BDRV_O_NATIVE_AIO;
        return true;
    case 'U':
        how->force_share = true;
        return true;
    case OPT_IMAGE_OPTS:
        how->image_opts = true;
        return true;
    case 'i':
        if (!strcmp(arg, "native")) {
            how->flags |= BDRV_O_NATIVE_AIO;
        } else if (!strcmp(arg, "io_uring")) {
            how->flags |= BDRV_O_IO_URING;
        } else if (strcmp(arg, "threads")) {
            tool_error("Invalid aio option: %s", arg);
            return false;
        }
        return true;
    default:
        if (!tool_parse_cache(arg, &how->flags, &how->writethrough)) {
            tool_error("Invalid cache mode");
            return false;
        }
        return true;
    }
}

int img_bench(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'c', 'c', NULL, true }, { 'd', 'd', NULL, true }, { 'f', 'f', NULL, true }, { 'i', 'i', NULL, true },
        { 'n', 'n', NULL, false }, { 'o', 'o', NULL, true }, { 'q', 'q', NULL, false }, { 's', 's', NULL, true },
        { 'S', 'S', NULL, true }, { 't', 't', NULL, true }, { 'w', 'w', NULL, false },
        { 'U', 'U', "force-share", false }, { OPT_PATTERN, 0, "pattern", true },
        { OPT_FLUSH_INTERVAL, 0, "flush-interval", true }, { OPT_NO_DRAIN, 0, "no-drain", false },
        { OPT_IMAGE_OPTS, 0, "image-opts", false }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    Bench b = { .left = 75000, .depth = 64, .size = 4096, .drain_on_flush = true };
    ImgOpen how = { 0 };
    int64_t pattern = 0;
    bool quiet = false;
    const char *arg;
    int status;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        bool is_open = o == 'f' || o == 'i' || o == 'n' || o == 't' || o == 'U' || o == OPT_IMAGE_OPTS;

        if (o == 'q') {
            quiet = true;
        } else if (is_open ? !open_option(&how, o, arg) : !bench_option(&b, o, arg, &pattern)) {
            return 1;
        }
    }
    if (o < 0) {
        return 1;
    }
    if (a.words->len != 1) {
        return tool_usage_error("Expecting one image file name");
    }
    if (b.flush_interval && !b.write) {
        tool_error("--flush-interval is only available in write tests");
        return 1;
    }
    if (b.flush_interval && b.flush_interval < b.depth && b.drain_on_flush) {
        tool_error("Flush interval can't be smaller than depth");
        return 1;
    }
    how.flags |= b.write ? BDRV_O_RDWR : 0;
    b.blk = img_open(g_ptr_array_index(a.words, 0), &how);
    if (!b.blk) {
        return 1;
    }
    status = bench_run(&b, quiet, (int)pattern);
    blk_unref(b.blk);
    return status;
}
