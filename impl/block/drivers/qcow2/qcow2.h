/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 driver: state and the functions its files share. Nothing outside this folder includes it.
 *
 * Layers, bottom up: format.h (pure) <- cache.c <- refcount.c <- map.c <- {write.c, read.c, zero.c, resize.c,
 * snapshot.c, check.c, create.c} <- driver.c (the ops table).
 *
 * Locks: s->lock (CoMutex), taken after nothing of ours. `_locked` functions need it; metadata I/O happens under it,
 * guest data I/O never does.
 *
 * I1  A cluster is referenced from an L2 entry only after the bytes it must show (guest data and copied head and tail)
 *     were written to the child; with copied bytes the child is flushed before the L2 entry is written.
 * I2  On disk, refcount(c) >= number of references to c at every write boundary: the L2 cache waits for the refcount
 *     cache when references are added, the other way round when they are dropped. (The dirty bit excuses it.)
 * I3  Two requests never both have an unpublished mapping for the same guest cluster (s->inflight).
 * I4  A host cluster that a data write is on its way to is not handed out again (s->data_writes).
 * I5  Nor is a freed cluster before the L2 tables that stopped naming it are on disk and flushed (s->pending_free):
 *     after a crash the old mapping would show another guest address's data.
 */
#ifndef BLOCK_DRIVERS_QCOW2_QCOW2_H
#define BLOCK_DRIVERS_QCOW2_QCOW2_H

#include "aio/co_locks.h"
#include "block/block_int.h"
#include "block/drivers/qcow2/format.h"

/* Data moved by one mapping, and so the largest copy-on-write buffer. */
#define QCOW2_MAP_MAX_BYTES (32 * MiB)
#define QCOW2_DEFAULT_L2_CACHE_BYTES (32 * MiB)
#define QCOW2_MIN_CACHE_TABLES 4
#define QCOW2_MAX_CACHE_BYTES (8 * GiB)

/* ---- Metadata cache ---- */

typedef struct Qcow2CacheEntry {
    uint64_t offset;                    /* host offset of the table; 0: empty slot */
    uint64_t last_use;
    int ref;
    bool dirty;
} Qcow2CacheEntry;

typedef struct Qcow2Cache Qcow2Cache;
struct Qcow2Cache {
    Qcow2CacheEntry *entries;
    uint8_t *tables;                    /* size * table_size bytes, aligned for the child */
    unsigned size;
    uint64_t table_size;
    uint64_t clock;
    Qcow2Cache *depends;                /* must be on disk before any table of this one is written */
    bool depends_on_flush;              /* the child must be flushed before any table is written */
    const char *what;                   /* "L2 table" or "Refcount block", in messages */
    bool is_l2;
};

/* ---- Requests on their way ---- */

/* An allocation whose L2 entries are not written yet. Lives on the stack of its request. */
typedef struct Qcow2Map {
    uint64_t offset;                    /* guest, bytes: first byte this mapping is good for */
    uint64_t bytes;                     /* >= 1; stays inside one L2 table */
    uint64_t host_offset;               /* where guest byte `offset` goes */
    bool is_new;                        /* must be published or abandoned */
    bool reuses_host;                   /* host clusters were already ours (zero clusters with a host cluster) */
    uint64_t first;                     /* guest, cluster aligned: first new cluster */
    uint64_t nb_clusters;
    uint64_t alloc_offset;              /* host, of the first new cluster */
    bool copied;                        /* bytes besides the guest's own were written: flush before the L2 entry */
    CoQueue dependents;                 /* requests that wait for this allocation */
} Qcow2Map;

/* A data write to the child that is under way. Lives on the stack of its request. */
typedef struct Qcow2DataWrite {
    uint64_t host_offset;
    uint64_t bytes;
} Qcow2DataWrite;

/* Why a cluster becomes free: decides whether the child is told. */
typedef enum Qcow2DiscardType {
    QCOW2_DISCARD_NEVER,
    QCOW2_DISCARD_ALWAYS,
    QCOW2_DISCARD_REQUEST,
    QCOW2_DISCARD_SNAPSHOT,
    QCOW2_DISCARD_OTHER,
    QCOW2_DISCARD__MAX,
} Qcow2DiscardType;

typedef struct Qcow2DiscardRange {
    uint64_t offset;
    uint64_t bytes;
} Qcow2DiscardRange;

/* More freed clusters than this are not left waiting (I5): allocation flushes first. */
#define QCOW2_MAX_PENDING_FREE 4096

/* Metadata a write must not hit. */
enum {
    QCOW2_OL_MAIN_HEADER = 1 << 0,
    QCOW2_OL_ACTIVE_L1 = 1 << 1,
    QCOW2_OL_ACTIVE_L2 = 1 << 2,
    QCOW2_OL_REFCOUNT_TABLE = 1 << 3,
    QCOW2_OL_REFCOUNT_BLOCK = 1 << 4,
    QCOW2_OL_SNAPSHOT_TABLE = 1 << 5,
    QCOW2_OL_INACTIVE_L1 = 1 << 6,
    QCOW2_OL_CONSTANT = QCOW2_OL_MAIN_HEADER | QCOW2_OL_ACTIVE_L1 | QCOW2_OL_REFCOUNT_TABLE |
                        QCOW2_OL_SNAPSHOT_TABLE,
    QCOW2_OL_CACHED = QCOW2_OL_CONSTANT | QCOW2_OL_ACTIVE_L2 | QCOW2_OL_REFCOUNT_BLOCK | QCOW2_OL_INACTIVE_L1,
};

typedef struct BDRVQcow2State {
    /* ---- fixed after open ---- */
    unsigned version;
    unsigned cluster_bits;
    uint64_t cluster_size;
    unsigned l2_bits;
    uint64_t l2_entries;                /* per table */
    unsigned refcount_order;
    uint64_t refcount_max;
    unsigned rb_bits;                   /* log2 of entries per refcount block */
    uint64_t rb_entries;
    Qcow2CompressionType compression;
    bool use_lazy_refcounts;
    bool discard_passthrough[QCOW2_DISCARD__MAX];
    int overlap_check;                  /* QCOW2_OL_*; 0: off */
    int lazy_option;                    /* the user's choice: 1, 0; -1: as the image says */
    uint64_t l2_cache_bytes;
    uint64_t refcount_cache_bytes;
    int flags;                          /* BDRV_O_* in force; changes in reopen and activation, node quiet */

    CoMutex lock;
    /* ---- under lock ---- */
    uint64_t size;                      /* virtual disk size, bytes */
    uint64_t *l1_table;                 /* host byte order */
    uint32_t l1_size;                   /* entries */
    uint64_t l1_table_offset;
    uint64_t *refcount_table;           /* host byte order */
    uint64_t refcount_table_size;       /* entries */
    uint64_t refcount_table_offset;
    Qcow2Cache *l2_cache;
    Qcow2Cache *refcount_cache;
    uint64_t free_cluster_index;        /* the search for free clusters starts here */
    uint64_t free_byte_offset;          /* next byte for compressed data; 0: none */
    GPtrArray *inflight;                /* of Qcow2Map *, oldest first */
    GPtrArray *data_writes;             /* of Qcow2DataWrite * */
    GHashTable *pending_free;           /* set of gint64 cluster numbers (I5); looked up, never iterated */
    GArray *discards;                   /* of Qcow2DiscardRange, queued until metadata is on disk */
    QCowSnapshot *snapshots;
    uint32_t nb_snapshots;
    uint32_t header_snapshots;          /* how many the header promised at open */
    uint64_t snapshots_offset;
    uint64_t snapshots_bytes;           /* length of the table on disk */
    uint64_t incompatible_features;
    uint64_t compatible_features;
    uint64_t autoclear_features;
    Qcow2HeaderTail tail;
    char *backing_file;                 /* as in the header; NULL: none */
    bool signaled_corruption;
    bool unusable;                      /* metadata is not to be trusted: every request fails */
} BDRVQcow2State;

static inline uint64_t offset_into_cluster(const BDRVQcow2State *s, uint64_t offset)
{
    return offset & (s->cluster_size - 1);
}

static inline uint64_t start_of_cluster(const BDRVQcow2State *s, uint64_t offset)
{
    return offset & ~(s->cluster_size - 1);
}

static inline uint64_t end_of_cluster(const BDRVQcow2State *s, uint64_t offset)
{
    return start_of_cluster(s, offset + s->cluster_size - 1);
}

static inline uint64_t size_to_clusters(const BDRVQcow2State *s, uint64_t bytes)
{
    return (bytes >> s->cluster_bits) + (offset_into_cluster(s, bytes) != 0);
}

static inline uint64_t offset_to_l1_index(const BDRVQcow2State *s, uint64_t offset)
{
    return offset >> (s->l2_bits + s->cluster_bits);
}

static inline uint64_t offset_to_l2_index(const BDRVQcow2State *s, uint64_t offset)
{
    return (offset >> s->cluster_bits) & (s->l2_entries - 1);
}

/* L1 entries that the guest-visible disk of @size bytes needs; VM state starts after them. */
static inline uint64_t size_to_l1(const BDRVQcow2State *s, uint64_t size)
{
    unsigned shift = s->l2_bits + s->cluster_bits;

    return (size >> shift) + ((size & ((1ULL << shift) - 1)) != 0);
}

static inline uint64_t qcow2_vm_state_offset(const BDRVQcow2State *s)
{
    return size_to_l1(s, s->size) << (s->l2_bits + s->cluster_bits);
}

/* ---- cache.c ---- */

/** qcow2_cache_create: @tables tables of one cluster. NULL if memory is short. */
Qcow2Cache *qcow2_cache_create(BlockDriverState *bs, unsigned tables, bool is_l2);
/** qcow2_cache_destroy: NULL: nothing. Every table must have been put; dirty ones are dropped. */
void qcow2_cache_destroy(Qcow2Cache *c);
/**
 * qcow2_cache_get: borrow the table at host @offset (cluster aligned, not 0), reading it if needed.
 * Pair with qcow2_cache_put. Returns 0 or -errno of the read, or of writing the table it displaces. Yields.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_cache_get(BlockDriverState *bs, Qcow2Cache *c, uint64_t offset, void **ret_table)
    G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_cache_get_empty: the same without reading: the caller fills the table (it is zeroed) and marks it dirty. */
int coroutine_fn GRAPH_RDLOCK qcow2_cache_get_empty(BlockDriverState *bs, Qcow2Cache *c, uint64_t offset,
                                                    void **ret_table)
    G_GNUC_WARN_UNUSED_RESULT;
void qcow2_cache_put(Qcow2Cache *c, void **table);
void qcow2_cache_mark_dirty(Qcow2Cache *c, void *table);
/** qcow2_cache_set_dependency: @dep must be written before @c. Flushes first what would make a cycle. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_cache_set_dependency(BlockDriverState *bs, Qcow2Cache *c, Qcow2Cache *dep)
    G_GNUC_WARN_UNUSED_RESULT;
void qcow2_cache_depends_on_flush(Qcow2Cache *c);
/** qcow2_cache_write: write all dirty tables, honouring order; no flush at the end. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_cache_write(BlockDriverState *bs, Qcow2Cache *c) G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_cache_flush: qcow2_cache_write, then flush the child. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_cache_flush(BlockDriverState *bs, Qcow2Cache *c) G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_cache_empty: write and forget every table. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_cache_empty(BlockDriverState *bs, Qcow2Cache *c) G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_cache_drop: forget the table at @offset, dirty or not: its cluster was freed. */
void qcow2_cache_drop(Qcow2Cache *c, uint64_t offset);
/** qcow2_write_caches: both caches in the order their dependency asks for; no flush. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_write_caches(BlockDriverState *bs) G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_flush_caches: qcow2_write_caches, then flush the child. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_flush_caches(BlockDriverState *bs) G_GNUC_WARN_UNUSED_RESULT;

/* ---- refcount.c ---- */

int coroutine_fn GRAPH_RDLOCK qcow2_refcount_load(BlockDriverState *bs, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_get_refcount: of host cluster @index. -EIO: corrupt or unreadable. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_get_refcount(BlockDriverState *bs, uint64_t index,
                                                 uint64_t *ret) G_GNUC_WARN_UNUSED_RESULT;
/**
 * qcow2_update_refcount: add @addend (may be negative) to every cluster that [offset, offset + bytes) touches.
 * All or nothing, as far as I/O errors while undoing allow. -EINVAL: a refcount would leave its range (image
 * marked corrupt when it would fall below 0); -ENOSPC; -EFBIG; -EIO. Yields.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_update_refcount(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                                                    int64_t addend,
                                       Qcow2DiscardType type) G_GNUC_WARN_UNUSED_RESULT;
/**
 * qcow2_alloc_clusters: host offset of @bytes contiguous free bytes, refcount 1, or -errno. @what they are for, in
 * messages. Yields.
 */
int64_t coroutine_fn GRAPH_RDLOCK qcow2_alloc_clusters(BlockDriverState *bs, uint64_t bytes, const char *what)
    G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_alloc_bytes: room for @bytes (1..cluster size) of compressed data, shared with other compressed data. */
int64_t coroutine_fn GRAPH_RDLOCK qcow2_alloc_bytes(BlockDriverState *bs, uint64_t bytes) G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_free_clusters: drop one reference. Errors leak clusters and are not reported. Yields. */
void coroutine_fn GRAPH_RDLOCK qcow2_free_clusters(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                                                   Qcow2DiscardType type);
/** qcow2_free_entry: drop the reference that @l2_entry held. Yields. */
void coroutine_fn GRAPH_RDLOCK qcow2_free_entry(BlockDriverState *bs, uint64_t l2_entry, Qcow2DiscardType type);
/** qcow2_process_discards: tell the child about freed clusters (@failed: forget them instead). Yields. */
void coroutine_fn GRAPH_RDLOCK qcow2_process_discards(BlockDriverState *bs, bool failed);
/**
 * qcow2_overlap_check: which metadata (a QCOW2_OL_ bit) would a write to the range hit, not counting @ignore? 0: none.
 */
int qcow2_overlap_check(BlockDriverState *bs, int ignore, uint64_t offset, uint64_t bytes);
/** qcow2_pre_write_overlap_check: the same; marks the image corrupt and returns -EIO. */
int coroutine_fn GRAPH_RDLOCK qcow2_pre_write_overlap_check(BlockDriverState *bs, int ignore, uint64_t offset,
                                                            uint64_t bytes)
    G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_last_used_cluster: highest host cluster with a refcount; -errno. Yields. */
int64_t coroutine_fn GRAPH_RDLOCK qcow2_last_used_cluster(BlockDriverState *bs) G_GNUC_WARN_UNUSED_RESULT;

/* ---- map.c ---- */

typedef struct Qcow2Extent {
    Qcow2ClusterType type;
    uint64_t host_offset;               /* NORMAL and ZERO_ALLOC: of the first guest byte */
    uint64_t l2_entry;                  /* COMPRESSED: the raw entry */
    uint64_t bytes;                     /* guest bytes with this answer, >= 1 */
} Qcow2Extent;

/** qcow2_lookup_locked: what holds guest byte @offset, and for how many of @bytes the answer is the same. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_lookup_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                                                  Qcow2Extent *ret)
    G_GNUC_WARN_UNUSED_RESULT;
/**
 * qcow2_get_l2_for_write: borrow the L2 table for guest @offset, making it ours (allocated, refcount 1).
 * Put with qcow2_cache_put(s->l2_cache, ...). Yields.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_get_l2_for_write(BlockDriverState *bs, uint64_t offset, uint64_t **ret_l2,
                                                     uint64_t *ret_index)
    G_GNUC_WARN_UNUSED_RESULT;
/**
 * qcow2_map_for_write_locked: find or allocate host bytes for a guest range; waits for conflicting allocations (I3).
 * @ret: filled on success; when is_new, publish or abandon it, and it stays where it is until then.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_map_for_write_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                                                         Qcow2Map *ret)
    G_GNUC_WARN_UNUSED_RESULT;
/**
 * qcow2_map_publish_locked: write the L2 entries of @m (into the cache) and wake who waits. On error it is abandoned.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_map_publish_locked(BlockDriverState *bs, Qcow2Map *m) G_GNUC_WARN_UNUSED_RESULT;
void coroutine_fn GRAPH_RDLOCK qcow2_map_abandon_locked(BlockDriverState *bs, Qcow2Map *m);
/** qcow2_wait_inflight_locked: until no unpublished allocation touches the guest range. Yields. */
void coroutine_fn GRAPH_RDLOCK qcow2_wait_inflight_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes);
/** qcow2_inflight_add, _remove: reserve guest clusters [m->first, + nb_clusters) for an allocation. */
void qcow2_inflight_add(BDRVQcow2State *s, Qcow2Map *m);
void coroutine_fn GRAPH_RDLOCK qcow2_inflight_remove(BDRVQcow2State *s, Qcow2Map *m);
/** qcow2_write_l1_entry: write the sector of the L1 table that holds entry @index. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_write_l1_entry(BlockDriverState *bs, uint32_t index) G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_grow_l1_table: to at least @min_size entries (@exact: just that many). Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_grow_l1_table(BlockDriverState *bs, uint64_t min_size,
                                                  bool exact) G_GNUC_WARN_UNUSED_RESULT;
int coroutine_fn GRAPH_RDLOCK qcow2_shrink_l1_table(BlockDriverState *bs,
                                                    uint64_t exact_size) G_GNUC_WARN_UNUSED_RESULT;

/* ---- zero.c ---- */

/**
 * qcow2_discard_locked, qcow2_zeroize_locked: of whole clusters: @offset aligned, @bytes aligned or to the end.
 * @full: forget the clusters even if a backing file shows through then.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_discard_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                                                   Qcow2DiscardType type,
                                      bool full) G_GNUC_WARN_UNUSED_RESULT;
int coroutine_fn GRAPH_RDLOCK qcow2_zeroize_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes, int flags)
    G_GNUC_WARN_UNUSED_RESULT;
int coroutine_fn GRAPH_RDLOCK qcow2_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                     BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK qcow2_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes);

/* ---- io.c, compress.c ---- */

int coroutine_fn GRAPH_RDLOCK qcow2_co_preadv_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                   QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK qcow2_co_pwritev_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                    QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK qcow2_co_pwritev_compressed_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                               QEMUIOVector *qiov, size_t qiov_offset);
/** qcow2_read_compressed: @bytes of the compressed cluster @l2_entry, from @skip bytes into it. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_read_compressed(BlockDriverState *bs, uint64_t l2_entry, uint64_t skip,
                                                    uint64_t bytes, QEMUIOVector *qiov, size_t qiov_offset)
    G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_decompress: exactly @dest_len bytes from @src. -EIO: not a valid stream, or shorter. Pure. */
int qcow2_decompress(Qcow2CompressionType type, void *dest, size_t dest_len, const void *src, size_t src_len)
    G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_compress: bytes written to @dest; -ENOMEM: does not fit in @dest_len; -EIO. Pure. */
ssize_t qcow2_compress(Qcow2CompressionType type, void *dest, size_t dest_len, const void *src, size_t src_len)
    G_GNUC_WARN_UNUSED_RESULT;

/* ---- resize.c ---- */

int coroutine_fn GRAPH_RDLOCK qcow2_co_truncate(BlockDriverState *bs, int64_t offset, bool exact, PreallocMode prealloc,
                                                BdrvRequestFlags flags, GError **errp);
/** qcow2_preallocate: allocate and map all of guest [offset, new_length) at the end of the file. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_preallocate(BlockDriverState *bs, uint64_t offset, uint64_t new_length,
                                                PreallocMode mode, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* ---- snapshot.c ---- */

int coroutine_fn GRAPH_RDLOCK qcow2_read_snapshots(BlockDriverState *bs, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void qcow2_free_snapshots(BDRVQcow2State *s);
/* Slots; main loop, the node drained. They run a coroutine and poll for it. */
int qcow2_snapshot_load_tmp(BlockDriverState *bs, const char *snapshot_id, const char *name, GError **errp);
int qcow2_snapshot_create(BlockDriverState *bs, QEMUSnapshotInfo *sn_info);
int qcow2_snapshot_goto(BlockDriverState *bs, const char *snapshot_id);
int qcow2_snapshot_delete(BlockDriverState *bs, const char *snapshot_id, const char *name, GError **errp);
int qcow2_snapshot_list(BlockDriverState *bs, QEMUSnapshotInfo **psn_tab);
/**
 * qcow2_update_snapshot_refcount: walk an L1 tree adding @addend to every reference, and set COPIED flags to match.
 * Yields.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_update_snapshot_refcount(BlockDriverState *bs, uint64_t l1_offset,
                                                             uint32_t l1_size, int addend)
    G_GNUC_WARN_UNUSED_RESULT;

/* ---- check.c ---- */

int coroutine_fn GRAPH_RDLOCK qcow2_check_locked(BlockDriverState *bs, BdrvCheckResult *result, BdrvCheckMode fix)
    G_GNUC_WARN_UNUSED_RESULT;

/* ---- create.c ---- */

extern const BlockOptDesc qcow2_create_opts[];

int coroutine_fn GRAPH_UNLOCKED qcow2_co_create_opts(BlockDriver *drv, const char *filename, QDict *opts,
                                                     GError **errp);

/* ---- open.c ---- */

extern const BlockOptDesc qcow2_opts[];
/* Slots; main loop. */
int qcow2_open(BlockDriverState *bs, QDict *options, int flags, GError **errp);
int qcow2_inactivate(BlockDriverState *bs);
void qcow2_close(BlockDriverState *bs);
int qcow2_reopen_prepare(BDRVReopenState *state, GError **errp);
void qcow2_reopen_commit(BDRVReopenState *state);
void qcow2_reopen_abort(BDRVReopenState *state);
void coroutine_fn GRAPH_RDLOCK qcow2_co_invalidate_cache(BlockDriverState *bs, GError **errp);

typedef int coroutine_fn Qcow2CallFunc(BlockDriverState *bs, void *opaque);
/** qcow2_call: run @fn in a coroutine of the node's context, reader lock held, and poll until it ends. */
int qcow2_call(BlockDriverState *bs, const char *name, Qcow2CallFunc *fn, void *opaque) G_GNUC_WARN_UNUSED_RESULT;

/* ---- state.c ---- */

/** qcow2_update_header: write the first cluster again from @s. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_update_header(BlockDriverState *bs) G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_mark_dirty, _clean, _corrupt: the incompatible bits, each on disk when this returns. Yields. */
int coroutine_fn GRAPH_RDLOCK qcow2_mark_dirty(BlockDriverState *bs) G_GNUC_WARN_UNUSED_RESULT;
int coroutine_fn GRAPH_RDLOCK qcow2_mark_clean(BlockDriverState *bs) G_GNUC_WARN_UNUSED_RESULT;
int coroutine_fn GRAPH_RDLOCK qcow2_mark_consistent(BlockDriverState *bs) G_GNUC_WARN_UNUSED_RESULT;
/**
 * qcow2_signal_corruption: report once; when @fatal, set the corrupt bit and refuse everything from now on.
 * Yields when @fatal.
 */
void coroutine_fn GRAPH_RDLOCK qcow2_signal_corruption(BlockDriverState *bs, bool fatal, int64_t offset, int64_t size,
                                          const char *fmt, ...) G_GNUC_PRINTF(5, 6);

/* ---- driver.c ---- */

extern const BlockDriver bdrv_qcow2;

#endif
