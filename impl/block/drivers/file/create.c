/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creating and resizing files. Context: coroutine; what may wait for storage runs in a worker. */
#include "block/drivers/file/create.h"
#include "aio/thread_pool.h"
#include "base/bytes.h"
#include "block/drivers/file/lock.h"
#include "sched/io.h"

typedef struct CreateJob {
    int fd;
    uint64_t size;
    PreallocMode prealloc;
} CreateJob;

int file_resize(int fd, uint64_t size, PreallocMode prealloc)
{
    int64_t len = sched_file_length(fd);
    int ret;

    if (len < 0) {
        return len;
    }
    ret = sched_file_truncate(fd, size);
    if (ret == 0 && prealloc != PREALLOC_MODE_OFF && (int64_t)size > len) {
        ret = sched_file_preallocate(fd, len, size - len);
        if (ret < 0) {
            result_ignored(sched_file_truncate(fd, len));   /* the first error is the one to report */
        }
    }
    return ret;
}

static int create_worker(void *opaque)
{
    CreateJob *job = opaque;

    return file_resize(job->fd, job->size, job->prealloc);
}

static bool parse_prealloc(const char *text, PreallocMode *ret, GError **errp)
{
    if (!text || g_str_equal(text, "off")) {
        *ret = PREALLOC_MODE_OFF;
    } else if (g_str_equal(text, "falloc")) {
        *ret = PREALLOC_MODE_FALLOC;
    } else if (g_str_equal(text, "full")) {
        *ret = PREALLOC_MODE_FULL;
    } else {
        error_setg(errp, "Unsupported preallocation mode '%s'", text);
        return false;
    }
    return true;
}

/*
 * Creating truncates, so nobody else may be using the image: the locks of a writer that shares nothing but
 * reading are taken first.
 */
static int create_locked(int fd, const char *filename, uint64_t size, PreallocMode prealloc, GError **errp)
{
    FileLock lock = { 0 };
    CreateJob job = { fd, size, prealloc };
    int ret = file_lock_prepare(fd, &lock, BLK_PERM_WRITE | BLK_PERM_RESIZE, BLK_PERM_ALL & ~BLK_PERM_RESIZE,
                                filename, errp);

    if (ret < 0) {
        return ret;
    }
    ret = sched_file_truncate(fd, 0);
    if (ret == 0) {
        ret = thread_pool_submit_co(create_worker, &job);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not resize file");
    }
    file_lock_settle(fd, &lock, 0, BLK_PERM_ALL);
    return ret;
}

int coroutine_fn file_co_create_opts(BlockDriver *drv, const char *filename, QDict *opts, GError **errp)
{
    uint64_t size = qdict_get_size(opts, "size", 0);
    PreallocMode prealloc;
    int fd, ret;

    if (!parse_prealloc(qdict_get_try_str(opts, "preallocation"), &prealloc, errp)) {
        return -EINVAL;
    }
    if (size > (uint64_t)BDRV_MAX_LENGTH) {
        error_setg(errp, "Image size is too large");
        return -EFBIG;
    }
    size = QEMU_ALIGN_UP(size, BDRV_SECTOR_SIZE);
    if (g_str_has_prefix(filename, "file:")) {
        filename += 5;
    }
    fd = sched_file_open("(new image)", filename, SCHED_FILE_WRITE | SCHED_FILE_CREATE);
    if (fd < 0) {
        error_setg_errno(errp, -fd, "Could not create '%s'", filename);
        return fd;
    }
    ret = create_locked(fd, filename, size, prealloc, errp);
    sched_close(fd);
    return ret;
}
