/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-io commands that move data: read, write, their vector and asynchronous forms, discard. Main thread. */
#include "base/bytes.h"
#include "tools/io.h"

#include <inttypes.h>
#include <stdio.h>

#define FILL_BYTE 0xcd
#define IO_MAX BDRV_REQUEST_MAX_BYTES

/* What one request was asked to do. Freed by its completion. */
typedef struct Request {
    IoState *io;
    const char *cmd;            /* "read", "readv", ... for messages */
    bool write;
    bool vector;                /* several lengths */
    bool async;
    bool machine;               /* -C */
    bool quiet;
    bool dump;                  /* -v */
    bool vmstate;               /* -b */
    bool zeroes;                /* -z */
    bool compressed;
    bool invalid;               /* -i */
    int pattern;                /* -1: none */
    int64_t check_offset;       /* -s */
    int64_t check_length;       /* -l; 0: to the end */
    const char *source;         /* -s of write: pattern file */
    BdrvRequestFlags flags;
    int64_t offset;
    int64_t bytes;
    uint8_t *buf;
    QEMUIOVector qiov;
    int64_t began;
} Request;

static void request_free(Request *r)
{
    if (r->qiov.iov) {
        qemu_iovec_destroy(&r->qiov);
    }
    qemu_vfree(r->buf);
    g_free(r);
}

static void dump_buffer(const uint8_t *buf, int64_t offset, int64_t len)
{
    for (int64_t i = 0; i < len; i += 16) {
        printf("%08" PRIx64 ":  ", (uint64_t)(offset + i));
        for (int64_t j = i; j < i + 16; j++) {
            if (j < len) {
                printf("%02x ", buf[j]);
            }
        }
        putchar(' ');
        for (int64_t j = i; j < MIN(i + 16, len); j++) {
            putchar(g_ascii_isalnum(buf[j]) ? buf[j] : '.');
        }
        putchar('\n');
    }
}

static void report(const Request *r, const char *verb)
{
    double seconds = (sched_clock_ns(SCHED_CLOCK_MONOTONIC) - r->began) / 1e9;
    double rate = seconds > 0 ? r->bytes / seconds : 0;
    double ops = seconds > 0 ? 1 / seconds : 0;
    g_autofree char *size = io_format_bytes(r->bytes);
    g_autofree char *per_second = io_format_bytes(rate);
    char clock[32];

    if (r->quiet) {
        return;
    }
    if (seconds >= 60) {
        g_snprintf(clock, sizeof(clock), "%d:%02d:%05.2f", (int)(seconds / 3600), (int)(seconds / 60) % 60,
                   seconds - 60 * (int)(seconds / 60));
    } else {
        g_snprintf(clock, sizeof(clock), r->machine ? "0:00:%05.2f" : "%05.2f sec", seconds);
    }
    if (r->machine) {
        printf("%" PRId64 ",1,%s,%.3f,%.3f\n", r->bytes, clock, rate, ops);
    } else {
        printf("%s %" PRId64 "/%" PRId64 " bytes at offset %" PRId64 "\n%s, 1 ops; %s (%s/sec and %.4f ops/sec)\n",
               verb,
               r->bytes, r->bytes, r->offset, size, clock, per_second, ops);
    }
}

/* Does what was read show the pattern? */
static bool verify(const Request *r)
{
    int64_t len = r->check_length ? r->check_length : r->bytes - r->check_offset;

    for (int64_t i = 0; i < len && r->pattern >= 0; i++) {
        if (r->buf[r->check_offset + i] != r->pattern) {
            printf("Pattern verification failed at offset %" PRId64 ", %" PRId64 " bytes\n",
                   r->offset + r->check_offset,
                   len);
            return false;
        }
    }
    return true;
}

/* Tell how it went; consumes @r. */
static int finish(Request *r, int ret)
{
    if (ret < 0) {
        printf("%s failed: %s\n", r->async ? (r->write ? "aio_write" : "readv") : r->cmd, g_strerror(-ret));
    } else {
        if (!r->write && !verify(r)) {
            ret = -EINVAL;
        }
        if (r->dump && !r->quiet) {
            dump_buffer(r->buf, r->offset, r->bytes);
        }
        report(r, r->write ? "wrote" : "read");
    }
    fflush(stdout);
    request_free(r);
    return ret;
}

static void async_done(void *opaque, int ret)
{
    (void)finish(opaque, ret);          /* printed; the command that started it has long returned */
}

static int run_sync(Request *r)
{
    BlockBackend *blk = r->io->blk;

    if (r->vmstate) {
        int n = r->write ? blk_save_vmstate(blk, r->buf, r->offset, r->bytes)
                         : blk_load_vmstate(blk, r->buf, r->offset, r->bytes);
        return MIN(n, 0);
    }
    if (r->zeroes) {
        return blk_pwrite_zeroes(blk, r->offset, r->bytes, r->flags);
    }
    if (r->compressed) {
        return blk_pwrite_compressed(blk, r->offset, r->bytes, r->buf);
    }
    return r->write ? blk_pwritev(blk, r->offset, r->bytes, &r->qiov, r->flags)
                    : blk_preadv(blk, r->offset, r->bytes, &r->qiov, r->flags);
}

static int start(Request *r)
{
    r->began = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    if (!r->async) {
        return finish(r, run_sync(r));
    }
    if (r->zeroes) {
        blk_aio_pwrite_zeroes(r->io->blk, r->offset, r->bytes, r->flags, async_done, r);
    } else if (r->write) {
        blk_aio_pwritev(r->io->blk, r->offset, &r->qiov, r->flags, async_done, r);
    } else {
        blk_aio_preadv(r->io->blk, r->offset, &r->qiov, r->flags, async_done, r);
    }
    return 0;
}

/* The pattern file over and over. */
static bool fill_from_file(Request *r)
{
    g_autofree char *text = NULL;
    size_t len;
    int ret = sched_file_read_all(r->source, IO_MAX, &text, &len);

    if (ret < 0 || len == 0) {
        printf("%s: %s\n", r->source, ret < 0 ? g_strerror(-ret) : "file is empty");
        return false;
    }
    for (int64_t i = 0; i < r->bytes; i++) {
        r->buf[i] = (uint8_t)text[i % len];
    }
    return true;
}

/* Offset and lengths from argv[at...]; the buffer and the vector. */
static bool parse_range(Request *r, int argc, char **argv, int at)
{
    int64_t lengths[64];
    int n = 0;
    uint8_t *pos;

    r->offset = io_parse_number(argv[at++]);
    if (r->offset < 0) {
        return false;
    }
    for (; at < argc && n < (int)G_N_ELEMENTS(lengths); at++, n++) {
        lengths[n] = io_parse_number(argv[at]);
        if (lengths[n] < 0) {
            return false;
        }
        if (lengths[n] > IO_MAX || r->bytes + lengths[n] > IO_MAX) {
            if (!(r->zeroes && n == 0)) {
                printf("length cannot exceed %" PRId64 ", given %s\n", IO_MAX, argv[at]);
                return false;
            }
        }
        r->bytes += lengths[n];
    }
    if (r->vmstate && ((r->offset | r->bytes) & 511)) {
        printf("%" PRId64 " is not a sector-aligned value for '%s'\n", r->offset & 511 ? r->offset : r->bytes,
               r->offset & 511 ? "offset" : "count");
        return false;
    }
    if (r->zeroes) {
        return true;
    }
    r->buf = blk_blockalign(r->io->blk, MAX(r->bytes, 1));
    memset(r->buf, r->write ? (r->pattern >= 0 ? r->pattern : FILL_BYTE) : 0xab, MAX(r->bytes, 1));
    if (r->write && r->source && !fill_from_file(r)) {
        return false;
    }
    qemu_iovec_init(&r->qiov, n);
    pos = r->buf;
    for (int i = 0; i < n; i++) {
        qemu_iovec_add(&r->qiov, pos, lengths[i]);
        pos += lengths[i];
    }
    return true;
}

static bool parse_pattern(const char *arg, int *ret)
{
    char *end;
    unsigned long long value = strtoull(arg, &end, 0);

    if (*end || end == arg || value > 0xff) {
        printf("%s is not a valid pattern byte\n", arg);
        return false;
    }
    *ret = (int)value;
    return true;
}

static bool request_option(Request *r, int o, const char *arg)
{
    switch (o) {
    case 'C':
        r->machine = true;
        return true;
    case 'q':
        r->quiet = true;
        return true;
    case 'v':
        r->dump = true;
        return true;
    case 'b':
        r->vmstate = true;
        return true;
    case 'z':
        r->zeroes = true;
        return true;
    case 'c':
        r->compressed = true;
        return true;
    case 'i':
        r->invalid = true;
        return true;
    case 'f':
        r->flags |= BDRV_REQ_FUA;
        return true;
    case 'n':
        r->flags |= BDRV_REQ_NO_FALLBACK;
        return true;
    case 'u':
        r->flags |= BDRV_REQ_MAY_UNMAP;
        return true;
    case 'P':
        return parse_pattern(arg, &r->pattern);
    case 'l':
        r->check_length = io_parse_number(arg);
        return r->check_length >= 0;
    case 's':
        if (r->write) {
            r->source = arg;
            return true;
        }
        r->check_offset = io_parse_number(arg);
        return r->check_offset >= 0;
    default:
        return true;    /* -a, -p: nothing, as ever */
    }
}

/* Options that exclude or need each other. */
static bool check_request(const Request *r)
{
    const char *wrong = NULL;

    if (r->write && r->zeroes + (r->pattern >= 0) + (r->source != NULL) > 1) {
        wrong = "Only one of -z, -P, and -s can be specified at the same time";
    } else if (r->vmstate + r->compressed + r->zeroes > 1) {
        wrong = "-b, -c, or -z cannot be specified at the same time";
    } else if (r->flags & BDRV_REQ_NO_FALLBACK && !r->zeroes) {
        wrong = "-n requires -z to be specified";
    } else if (r->flags & BDRV_REQ_MAY_UNMAP && !r->zeroes) {
        wrong = "-u requires -z to be specified";
    } else if (r->flags & BDRV_REQ_FUA && (r->vmstate || r->compressed)) {
        wrong = "-f and -b or -c cannot be specified at the same time";
    } else if (!r->write && r->check_offset + r->check_length > r->bytes) {
        wrong = "pattern verification range exceeds end of read data";
    } else if (!r->vector && !r->async && r->write && r->bytes == 0 && r->compressed) {
        wrong = "-c needs a length";
    }
    if (wrong) {
        printf("%s\n", wrong);
    }
    return !wrong;
}

static int transfer(IoState *io, int argc, char **argv, const char *letters, bool write, bool vector, bool async)
{
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    g_autofree ToolOpt *table = g_new0(ToolOpt, strlen(letters) + 1);
    Request *r = g_new0(Request, 1);
    const char *arg;
    int n = 0;
    int o;

    *r = (Request){ .io = io, .cmd = argv[0], .write = write, .vector = vector, .async = async, .pattern = -1 };
    for (const char *l = letters; *l; l++) {
        if (*l == ':') {
            table[n - 1].has_arg = true;
        } else {
            table[n++] = (ToolOpt){ *l, *l, NULL, false };
        }
    }
    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (!request_option(r, o, arg)) {
            request_free(r);
            return -EINVAL;
        }
    }
    if (o < 0 || a.words->len < 2 || (a.words->len > 2 && (!vector || r->zeroes))) {
        if (o == 0) {
            io_print_usage(argv[0]);
        }
        request_free(r);
        return -EINVAL;
    }
    if (!parse_range(r, a.words->len, (char **)a.words->pdata, 0) || !check_request(r)) {
        request_free(r);
        return -EINVAL;
    }
    return start(r);
}

static int cmd_read(IoState *io, int argc, char **argv)
{
    return transfer(io, argc, argv, "abCl:pP:qs:v", false, false, false);
}

static int cmd_write(IoState *io, int argc, char **argv)
{
    return transfer(io, argc, argv, "bcCfnpP:qs:uz", true, false, false);
}

static int cmd_readv(IoState *io, int argc, char **argv)
{
    return transfer(io, argc, argv, "CP:qv", false, true, false);
}

static int cmd_writev(IoState *io, int argc, char **argv)
{
    return transfer(io, argc, argv, "CfqP:", true, true, false);
}

static int cmd_aio_read(IoState *io, int argc, char **argv)
{
    return transfer(io, argc, argv, "CP:iqv", false, true, true);
}

static int cmd_aio_write(IoState *io, int argc, char **argv)
{
    return transfer(io, argc, argv, "CfiP:quz", true, true, true);
}

static int cmd_discard(IoState *io, int argc, char **argv)
{
    static const ToolOpt table[] = { { 'C', 'C', NULL, false }, { 'q', 'q', NULL, false }, { 0 } };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    Request r = { .cmd = "discard" };
    const char *arg;
    int ret;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        r.machine |= o == 'C';
        r.quiet |= o == 'q';
    }
    if (o < 0) {
        return -EINVAL;
    }
    if (a.words->len != 2) {
        io_print_usage(argv[0]);
        return -EINVAL;
    }
    r.offset = io_parse_number(g_ptr_array_index(a.words, 0));
    r.bytes = io_parse_number(g_ptr_array_index(a.words, 1));
    if (r.offset < 0 || r.bytes < 0) {
        return -EINVAL;
    }
    r.began = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    ret = blk_pdiscard(io->blk, r.offset, r.bytes);
    if (ret < 0) {
        printf("discard failed: %s\n", g_strerror(-ret));
        return ret;
    }
    report(&r, "discard");
    return 0;
}

const IoCommand io_rw_commands[] = {
    { "aio_read", NULL, cmd_aio_read, 2, -1, IO_IMAGE, "[-Ciqv] [-P pattern] off len [len..]",
      "asynchronously reads a number of bytes" },
    { "aio_write", NULL, cmd_aio_write, 2, -1, IO_WRITABLE, "[-Cfiquz] [-P pattern] off len [len..]",
      "asynchronously writes a number of bytes" },
    { "discard", "d", cmd_discard, 2, -1, IO_WRITABLE, "[-Cq] off len",
      "discards a number of bytes at a specified offset" },
    { "read", "r", cmd_read, 2, -1, IO_IMAGE, "[-abCqv] [-P pattern [-s off] [-l len]] off len",
      "reads a number of bytes at a specified offset" },
    { "readv", NULL, cmd_readv, 2, -1, IO_IMAGE, "[-Cqv] [-P pattern] off len [len..]",
      "reads a number of bytes at a specified offset" },
    { "write", "w", cmd_write, 2, -1, IO_WRITABLE, "[-bcCfnquz] [-P pattern | -s source_file] off len",
      "writes a number of bytes at a specified offset" },
    { "writev", NULL, cmd_writev, 2, -1, IO_WRITABLE, "[-Cfq] [-P pattern] off len [len..]",
      "writes a number of bytes at a specified offset" },
    { NULL },
};
