/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving guest RAM while the guest writes to it.
 *
 * Format of a section's data: words of page address | flags. Setup: total size with MEM_SIZE, then per block a
 * counted name and its length; EOS. Later sections: per page the word, the block's counted name unless CONTINUE, and
 * either a zero byte (ZERO) or 4096 bytes (PAGE); EOS.
 *
 * Owns: the RAMState below, between save_setup and save_cleanup. Context: handlers come from one owner at a time (the
 * migration thread, or the coroutine of an asynchronous snapshot and then the main thread), so the bitmaps need no
 * lock; a put may yield, and a yield must not happen under one. Counters are read by anybody and are atomics.
 *
 * I1  A page's bit is cleared before the page is read: a store that comes later finds it clean and dirties it again.
 * I2  Every page is sent at least once, and again if it was dirty at the last synchronisation with the VM stopped.
 */
#include "migration/ram.h"
#include "migration/ram_int.h"

#include "aio/bql.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "migration/migration_int.h"
#include "sched/sched.h"

enum {
    ITERATE_MAX_NS = 50 * 1000 * 1000,      /* one round; then the caller looks at the time and the limits */
    ITERATE_CHECK_PAGES = 64,
    BITS_PER_LONG = sizeof(unsigned long) * 8,
};

typedef struct RAMSaveBlock {
    RAMBlock *rb;
    uint64_t pages;
    unsigned long *dirty;               /* a bit per page still to be sent */
} RAMSaveBlock;

struct RAMState {
    GArray *blocks;                     /* of RAMSaveBlock; NULL when no save is set up */
    unsigned block;                     /* where the search for dirty pages is */
    uint64_t page;
    const RAMBlock *last_sent;          /* for CONTINUE; NULL at the start of a section */
    bool log_started;
    int64_t last_sync_ns;
    uint64_t dirty_since_sync;          /* pages that became dirty, for the rate */
    RAMStats stats;                     /* atomics */
};

static RAMState *ram_state(void)
{
    return migration_module()->ram;
}

#define STAT_ADD(rs, field, n) __atomic_fetch_add(&(rs)->stats.field, (uint64_t)(n), __ATOMIC_RELAXED)
#define STAT_SUB(rs, field, n) __atomic_fetch_sub(&(rs)->stats.field, (uint64_t)(n), __ATOMIC_RELAXED)
#define STAT_SET(rs, field, n) __atomic_store_n(&(rs)->stats.field, (uint64_t)(n), __ATOMIC_RELAXED)
#define STAT_GET(rs, field) __atomic_load_n(&(rs)->stats.field, __ATOMIC_RELAXED)

RAMStats ram_stats(void)
{
    RAMState *rs = ram_state();

    return (RAMStats) {
        .transferred = STAT_GET(rs, transferred),
        .remaining_pages = STAT_GET(rs, remaining_pages),
        .zero_pages = STAT_GET(rs, zero_pages),
        .normal_pages = STAT_GET(rs, normal_pages),
        .dirty_sync_count = STAT_GET(rs, dirty_sync_count),
        .dirty_pages_rate = STAT_GET(rs, dirty_pages_rate),
    };
}

/* ---- Dirty pages ---- */

static void ram_sync_dirty(RAMState *rs)
{
    int64_t now = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    uint64_t fresh = 0;

    memory_global_dirty_log_sync();
    for (unsigned i = 0; i < rs->blocks->len; i++) {
        RAMSaveBlock *b = &g_array_index(rs->blocks, RAMSaveBlock, i);

        fresh += ram_block_sync_dirty(b->rb, b->dirty);
    }
    STAT_ADD(rs, remaining_pages, fresh);
    STAT_ADD(rs, dirty_sync_count, 1);
    rs->dirty_since_sync += fresh;
    if (now > rs->last_sync_ns + 1000 * 1000 * 1000) {
        STAT_SET(rs, dirty_pages_rate, rs->dirty_since_sync * 1000 / ((uint64_t)(now - rs->last_sync_ns) / 1000000));
        rs->dirty_since_sync = 0;
        rs->last_sync_ns = now;
    }
    migration_event_pass((int64_t)STAT_GET(rs, dirty_sync_count));
}

/* First dirty page of @b at or after @page; b->pages if there is none. */
static uint64_t find_next_dirty(const RAMSaveBlock *b, uint64_t page)
{
    while (page < b->pages) {
        unsigned long word = b->dirty[page / BITS_PER_LONG] >> (page % BITS_PER_LONG);

        if (word) {
            return MIN(page + (uint64_t)__builtin_ctzl(word), b->pages);
        }
        page = (page / BITS_PER_LONG + 1) * BITS_PER_LONG;
    }
    return b->pages;
}

/* Advance to the next dirty page, once around at most. False: every page is clean. */
static bool ram_find_dirty(RAMState *rs)
{
    unsigned nblocks = rs->blocks->len;

    for (unsigned tries = 0; tries <= nblocks; tries++) {
        RAMSaveBlock *b = &g_array_index(rs->blocks, RAMSaveBlock, rs->block);

        rs->page = find_next_dirty(b, rs->page);
        if (rs->page < b->pages) {
            return true;
        }
        rs->block = (rs->block + 1) % nblocks;
        rs->page = 0;
    }
    return false;
}

/* ---- Pages ---- */

static void put_page_header(QEMUFile *f, RAMState *rs, RAMBlock *rb, uint64_t offset)
{
    if (rs->last_sent == rb) {
        qemu_put_be64(f, offset | RAM_SAVE_FLAG_CONTINUE);
        return;
    }
    qemu_put_be64(f, offset);
    qemu_put_counted_string(f, qemu_ram_get_idstr(rb));
    rs->last_sent = rb;
}

static void ram_save_page(QEMUFile *f, RAMState *rs)
{
    RAMSaveBlock *b = &g_array_index(rs->blocks, RAMSaveBlock, rs->block);
    const uint8_t *host = (uint8_t *)qemu_ram_get_host_addr(b->rb) + (rs->page << TARGET_PAGE_BITS);
    uint64_t offset = rs->page << TARGET_PAGE_BITS;

    b->dirty[rs->page / BITS_PER_LONG] &= ~(1ul << (rs->page % BITS_PER_LONG));
    STAT_SUB(rs, remaining_pages, 1);
    if (buffer_is_zero(host, TARGET_PAGE_SIZE)) {
        put_page_header(f, rs, b->rb, offset | RAM_SAVE_FLAG_ZERO);
        qemu_put_byte(f, 0);
        STAT_ADD(rs, zero_pages, 1);
    } else {
        put_page_header(f, rs, b->rb, offset | RAM_SAVE_FLAG_PAGE);
        qemu_put_buffer(f, host, TARGET_PAGE_SIZE);
        STAT_ADD(rs, normal_pages, 1);
    }
}

static int ram_put_eos(QEMUFile *f, RAMState *rs, uint64_t start)
{
    qemu_put_be64(f, RAM_SAVE_FLAG_EOS);
    STAT_ADD(rs, transferred, qemu_file_transferred(f) - start);
    return qemu_file_get_error(f);
}

/* ---- Handlers ---- */

static void ram_init_bitmaps(RAMState *rs)
{
    uint64_t total = 0;
    RAMBlock *rb;

    rs->blocks = g_array_new(FALSE, TRUE, sizeof(RAMSaveBlock));
    RAMBLOCK_FOREACH(rb) {
        RAMSaveBlock b = { .rb = rb, .pages = qemu_ram_get_used_length(rb) >> TARGET_PAGE_BITS };
        size_t words = (size_t)DIV_ROUND_UP(b.pages, BITS_PER_LONG);

        if (!rb->migratable) {
            continue;
        }
        b.dirty = g_new(unsigned long, words);
        memset(b.dirty, 0xff, words * sizeof(unsigned long));
        total += b.pages;
        g_array_append_val(rs->blocks, b);
    }
    memory_global_dirty_log_start();
    rs->log_started = true;
    STAT_SET(rs, remaining_pages, total);
}

static int ram_save_setup(QEMUFile *f, void *opaque, GError **errp)
{
    RAMState *rs = ram_state();
    uint64_t start = qemu_file_transferred(f);

    assert(bql_locked() && !rs->blocks);
    memset(&rs->stats, 0, sizeof(rs->stats));
    rs->block = 0;
    rs->page = 0;
    rs->last_sent = NULL;
    rs->dirty_since_sync = 0;
    rs->last_sync_ns = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    ram_init_bitmaps(rs);
    qemu_put_be64(f, ram_bytes_total() | RAM_SAVE_FLAG_MEM_SIZE);
    for (unsigned i = 0; i < rs->blocks->len; i++) {
        RAMBlock *rb = g_array_index(rs->blocks, RAMSaveBlock, i).rb;

        qemu_put_counted_string(f, qemu_ram_get_idstr(rb));
        qemu_put_be64(f, qemu_ram_get_used_length(rb));
    }
    (void)ram_put_eos(f, rs, start);        /* reported by the flush */
    if (qemu_fflush(f) < 0) {
        return qemu_file_get_error_obj(f, errp);
    }
    return 0;
}

static void ram_save_cleanup(void *opaque)
{
    RAMState *rs = ram_state();

    if (rs->log_started) {
        memory_global_dirty_log_stop();
        rs->log_started = false;
    }
    for (unsigned i = 0; rs->blocks && i < rs->blocks->len; i++) {
        g_free(g_array_index(rs->blocks, RAMSaveBlock, i).dirty);
    }
    g_clear_pointer(&rs->blocks, g_array_unref);
    STAT_SET(rs, remaining_pages, 0);
}

static int ram_save_iterate(QEMUFile *f, void *opaque)
{
    RAMState *rs = ram_state();
    uint64_t start = qemu_file_transferred(f);
    int64_t begin = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    bool done = rs->blocks->len == 0;
    int ret;

    rs->last_sent = NULL;
    for (unsigned n = 1; !done && !qemu_file_rate_exceeded(f); n++) {
        if (!ram_find_dirty(rs)) {
            done = true;
            break;
        }
        ram_save_page(f, rs);
        if (n % ITERATE_CHECK_PAGES == 0 && sched_clock_ns(SCHED_CLOCK_MONOTONIC) - begin > ITERATE_MAX_NS) {
            break;
        }
    }
    ret = ram_put_eos(f, rs, start);
    return ret < 0 ? ret : done;
}

static int ram_save_complete(QEMUFile *f, void *opaque)
{
    RAMState *rs = ram_state();
    uint64_t start = qemu_file_transferred(f);

    assert(bql_locked());
    ram_sync_dirty(rs);     /* (I2) */
    rs->last_sent = NULL;
    while (rs->blocks->len > 0 && !qemu_file_get_error(f) && ram_find_dirty(rs)) {
        ram_save_page(f, rs);
    }
    return ram_put_eos(f, rs, start);
}

static void ram_state_pending_estimate(void *opaque, uint64_t *must_precopy, uint64_t *can_postcopy)
{
    *must_precopy += STAT_GET(ram_state(), remaining_pages) * TARGET_PAGE_SIZE;
}

static void ram_state_pending_exact(void *opaque, uint64_t *must_precopy, uint64_t *can_postcopy)
{
    RAMState *rs = ram_state();

    bql_lock();
    ram_sync_dirty(rs);
    bql_unlock();
    *must_precopy += STAT_GET(rs, remaining_pages) * TARGET_PAGE_SIZE;
}

static const SaveVMHandlers savevm_ram_handlers = {
    .save_setup = ram_save_setup,
    .save_cleanup = ram_save_cleanup,
    .save_live_iterate = ram_save_iterate,
    .save_live_complete_precopy = ram_save_complete,
    .state_pending_estimate = ram_state_pending_estimate,
    .state_pending_exact = ram_state_pending_exact,
    .load_state = ram_load,
};

void ram_mig_init(void)
{
    migration_module()->ram = g_new0(RAMState, 1);
    register_savevm_live("ram", 0, RAM_SAVE_VERSION, &savevm_ram_handlers, NULL);
}

void ram_mig_cleanup(void)
{
    unregister_savevm("ram", NULL);
    ram_save_cleanup(NULL);
    g_clear_pointer(&migration_module()->ram, g_free);
}
