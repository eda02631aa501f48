/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: an image of arbitrary bytes is opened, read, checked, repaired and written. It may be refused; it may
 * not crash, hang or leak. The first byte chooses what is done.
 */
#include "aio/test-machine.h"
#include "block/drivers/qcow2/test-qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Input {
    const uint8_t *data;
    size_t size;
} Input;

static void use_image(BlockBackend *blk, unsigned what)
{
    static uint8_t buf[65536];
    BdrvCheckResult result = { 0 };
    int64_t length = blk_getlength(blk);
    int ret = 0;

    if (what & 1) {
        ret |= bdrv_check(blk_bs(blk), &result, what & 2 ? BDRV_FIX_LEAKS | BDRV_FIX_ERRORS : 0);
    }
    for (unsigned i = 0; i < 8 && length > 0; i++) {
        int64_t offset = length / 8 * i;
        int64_t n = MIN((int64_t)sizeof(buf), length - offset);

        ret |= blk_pread(blk, offset, n, buf, 0);
        if (what & 2) {
            ret |= blk_pwrite(blk, offset, n, buf, 0);
        }
    }
    if (what & 4) {
        ret |= blk_pwrite_zeroes(blk, 0, MIN(length, 1 << 20), BDRV_REQ_MAY_UNMAP);
        ret |= blk_pdiscard(blk, 0, MIN(length, 1 << 20));
    }
    ret |= blk_flush(blk);
    (void)ret;      /* any errno is a fine answer */
}

static int run(void *opaque)
{
    Input *in = opaque;
    Machine *m = machine_new("vm");
    BlockDriverState *disk;
    BlockBackend *blk;
    unsigned what = in->data[0];

    machine_set_current(m);
    if (!qemu_init_main_loop(NULL)) {
        base_fatal("qemu_init_main_loop failed");
    }
    bdrv_init();
    disk = mem_new("disk", in->data + 1, in->size - 1);
    blk = qcow2_on("disk", BDRV_O_NO_BACKING | (what & 2 ? BDRV_O_RDWR | BDRV_O_UNMAP : 0), NULL);
    if (blk) {
        use_image(blk, what);
        blk_unref(blk);
    }
    bdrv_unref(disk);
    bdrv_cleanup();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in = { data, size };

    if (size > 1) {
        sched_main(run, &in);
    }
    return 0;
}
