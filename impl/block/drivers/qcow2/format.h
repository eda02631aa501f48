/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 on disk: constants, limits, and pure decoders of untrusted bytes.
 *
 * Nothing here does I/O or keeps state: bytes in, struct or error out, so every decoder can be fuzzed alone.
 * All limits on what an image may ask of us are in this header.
 *
 * Source: "qcow2 image format" specification (sections Header, Header extensions, Host cluster management,
 * Cluster mapping, Snapshots).
 */
#ifndef BLOCK_DRIVERS_QCOW2_FORMAT_H
#define BLOCK_DRIVERS_QCOW2_FORMAT_H

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"

#define QCOW_MAGIC 0x514649fbU

#define QCOW2_V2_HEADER_LEN 72U
#define QCOW2_V3_HEADER_LEN 104U
/* With the compression type byte and its padding. */
#define QCOW2_HEADER_LEN 112U

/* ---- Limits ---- */

#define MIN_CLUSTER_BITS 9U
#define MAX_CLUSTER_BITS 21U
#define QCOW_MAX_L1_SIZE (32 * MiB)
#define QCOW_MAX_REFTABLE_SIZE (8 * MiB)
#define QCOW_MAX_SNAPSHOTS 65536U
#define QCOW_MAX_SNAPSHOT_EXTRA_DATA 1024U
#define QCOW_MAX_SNAPSHOTS_SIZE ((uint64_t)QCOW_MAX_SNAPSHOT_EXTRA_DATA * QCOW_MAX_SNAPSHOTS)
#define QCOW_MAX_BACKING_NAME 1023U
#define QCOW_MAX_REFCOUNT_ORDER 6U
/* Host offsets have 56 bits in table entries. */
#define QCOW_MAX_CLUSTER_OFFSET ((1ULL << 56) - 1)
/* No byte of the file may be addressed beyond this, so offset + length never wraps. */
#define QCOW_MAX_HOST_END (1ULL << 62)

G_STATIC_ASSERT((1U << MIN_CLUSTER_BITS) >= QCOW2_HEADER_LEN);
G_STATIC_ASSERT(QCOW_MAX_HOST_END > QCOW_MAX_CLUSTER_OFFSET + QCOW_MAX_SNAPSHOTS_SIZE);

/* ---- Feature bits ---- */

#define QCOW2_INCOMPAT_DIRTY (1ULL << 0)
#define QCOW2_INCOMPAT_CORRUPT (1ULL << 1)
#define QCOW2_INCOMPAT_DATA_FILE (1ULL << 2)
#define QCOW2_INCOMPAT_COMPRESSION (1ULL << 3)
#define QCOW2_INCOMPAT_EXTL2 (1ULL << 4)
/* What this driver implements. */
#define QCOW2_INCOMPAT_MASK (QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT | QCOW2_INCOMPAT_COMPRESSION)

#define QCOW2_COMPAT_LAZY_REFCOUNTS (1ULL << 0)

#define QCOW2_AUTOCLEAR_BITMAPS (1ULL << 0)
#define QCOW2_AUTOCLEAR_DATA_FILE_RAW (1ULL << 1)

typedef enum Qcow2CompressionType {
    QCOW2_COMPRESSION_ZLIB = 0,
    QCOW2_COMPRESSION_ZSTD = 1,
} Qcow2CompressionType;

/* ---- Header ---- */

typedef struct Qcow2Header {
    uint32_t version;
    uint64_t backing_file_offset;
    uint32_t backing_file_size;
    uint32_t cluster_bits;
    uint64_t size;                      /* virtual disk size, bytes */
    uint32_t crypt_method;
    uint32_t l1_size;                   /* entries */
    uint64_t l1_table_offset;
    uint64_t refcount_table_offset;
    uint32_t refcount_table_clusters;
    uint32_t nb_snapshots;
    uint64_t snapshots_offset;
    uint64_t incompatible_features;
    uint64_t compatible_features;
    uint64_t autoclear_features;
    uint32_t refcount_order;
    uint32_t header_length;
    uint8_t compression_type;
} Qcow2Header;

/* Byte positions that are rewritten one at a time. */
enum {
    QCOW2_HDR_SIZE = 24,
    QCOW2_HDR_L1_SIZE = 36,             /* l1_size (4), l1_table_offset (8) */
    QCOW2_HDR_REFTABLE = 48,            /* refcount_table_offset (8), refcount_table_clusters (4) */
    QCOW2_HDR_SNAPSHOTS = 60,           /* nb_snapshots (4), snapshots_offset (8) */
    QCOW2_HDR_INCOMPAT = 72,
};

typedef struct Qcow2Feature {
    uint8_t type;                       /* 0 incompatible, 1 compatible, 2 autoclear */
    uint8_t bit;
    char name[47];                      /* always terminated */
} Qcow2Feature;

/* An extension we do not interpret: kept, and written back with the header. */
typedef struct Qcow2Extension {
    uint32_t type;
    uint32_t len;
    uint8_t *data;
} Qcow2Extension;

/* What follows the fixed header. */
typedef struct Qcow2HeaderTail {
    char *backing_format;               /* NULL: none recorded */
    char *data_file;                    /* NULL: none recorded */
    GArray *features;                   /* of Qcow2Feature; the image's feature name table */
    GArray *unknown;                    /* of Qcow2Extension */
    uint64_t bitmap_directory_offset;   /* 0: no bitmaps extension */
    uint64_t bitmap_directory_size;
    uint32_t nb_bitmaps;
} Qcow2HeaderTail;

/** qcow2_header_parse: decode the first @len bytes of an image. Checks magic, version and length only. Pure. */
bool qcow2_header_parse(const uint8_t *buf, size_t len, Qcow2Header *ret, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/**
 * qcow2_header_check: every bound that needs nothing but the header: cluster size, refcount width, table sizes and
 * positions, encryption, compression type. Does not judge feature bits (their names come later in the file). Pure.
 */
bool qcow2_header_check(const Qcow2Header *h, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/** qcow2_header_store: encode @h into @buf (QCOW2_HEADER_LEN bytes, zeroed first). */
void qcow2_header_store(const Qcow2Header *h, uint8_t *buf);

/**
 * qcow2_tail_parse: header extensions.
 * @buf: the bytes from header_length to the backing file name or the end of the first cluster; @len of them.
 * Pair with qcow2_tail_clear, also after failure.
 */
bool qcow2_tail_parse(const uint8_t *buf, size_t len, Qcow2HeaderTail *ret, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void qcow2_tail_clear(Qcow2HeaderTail *tail);

/**
 * qcow2_header_encode: the whole first cluster.
 * @backing_file: NULL for none; its position and length are filled into @h.
 * Returns @cluster_size bytes, owned by the caller; NULL if it does not fit (-ENOSPC in spirit, reason in @errp).
 */
uint8_t *qcow2_header_encode(Qcow2Header *h, const Qcow2HeaderTail *tail, const char *backing_file,
                             GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/**
 * qcow2_unsupported_features: names of the incompatible bits in @mask, from the image's own table, else
 * "Unknown incompatible feature: <hex>". Caller frees.
 */
char *qcow2_unsupported_features(const Qcow2HeaderTail *tail, uint64_t mask);

/**
 * qcow2_validate_table: does a table of @entries entries of @entry_len bytes at @offset stay within @max_bytes and
 * the file's address space, and start on a cluster? @what begins the message ("Active L1 table").
 */
bool qcow2_validate_table(uint64_t offset, uint64_t entries, size_t entry_len, uint64_t max_bytes,
                          uint64_t cluster_size, const char *what, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* ---- L1, L2 and refcount table entries ---- */

#define QCOW_OFLAG_COPIED (1ULL << 63)
#define QCOW_OFLAG_COMPRESSED (1ULL << 62)
#define QCOW_OFLAG_ZERO (1ULL << 0)

#define L1E_OFFSET_MASK 0x00fffffffffffe00ULL
#define L1E_RESERVED_MASK 0x7f000000000001ffULL
#define L2E_OFFSET_MASK 0x00fffffffffffe00ULL
#define L2E_STD_RESERVED_MASK 0x3f000000000001feULL
#define REFT_OFFSET_MASK 0xfffffffffffffe00ULL
#define REFT_RESERVED_MASK 0x00000000000001ffULL

#define L1E_SIZE 8U
#define L2E_SIZE 8U
#define REFTABLE_ENTRY_SIZE 8U

typedef enum Qcow2ClusterType {
    QCOW2_CLUSTER_UNALLOCATED,          /* reads from the backing file */
    QCOW2_CLUSTER_ZERO_PLAIN,           /* zero, no host cluster */
    QCOW2_CLUSTER_ZERO_ALLOC,           /* zero, host cluster kept for later */
    QCOW2_CLUSTER_NORMAL,
    QCOW2_CLUSTER_COMPRESSED,
} Qcow2ClusterType;

/** qcow2_entry_type: what @l2_entry (host order) says. */
static inline Qcow2ClusterType qcow2_entry_type(uint64_t l2_entry)
{
    if (l2_entry & QCOW_OFLAG_COMPRESSED) {
        return QCOW2_CLUSTER_COMPRESSED;
    }
    if (l2_entry & QCOW_OFLAG_ZERO) {
        return (l2_entry & L2E_OFFSET_MASK) ? QCOW2_CLUSTER_ZERO_ALLOC : QCOW2_CLUSTER_ZERO_PLAIN;
    }
    return (l2_entry & L2E_OFFSET_MASK) ? QCOW2_CLUSTER_NORMAL : QCOW2_CLUSTER_UNALLOCATED;
}

/** qcow2_entry_compressed: host byte range of a compressed cluster. @ret_len is up to the end of its last sector. */
static inline void qcow2_entry_compressed(uint64_t l2_entry, unsigned cluster_bits, uint64_t *ret_offset,
                                          uint32_t *ret_len)
{
    unsigned shift = 62 - (cluster_bits - 8);
    uint64_t sectors = ((l2_entry >> shift) & ((1ULL << (cluster_bits - 8)) - 1)) + 1;

    *ret_offset = l2_entry & ((1ULL << shift) - 1);
    *ret_len = (uint32_t)(sectors * 512 - (*ret_offset & 511));
}

/** qcow2_entry_make_compressed: inverse of the above for @len bytes at @offset, which must fit the entry. */
static inline uint64_t qcow2_entry_make_compressed(uint64_t offset, uint32_t len, unsigned cluster_bits)
{
    unsigned shift = 62 - (cluster_bits - 8);
    uint64_t sectors = (offset + len - 1) / 512 - offset / 512;

    assert(len > 0 && offset < (1ULL << shift) && sectors < (1ULL << (cluster_bits - 8)));
    return QCOW_OFLAG_COMPRESSED | (sectors << shift) | offset;
}

/* ---- Refcounts ---- */

/** qcow2_refcount_get: entry @index of a refcount block whose entries are 2^@order bits wide. */
uint64_t qcow2_refcount_get(const void *block, uint64_t index, unsigned order);
/** qcow2_refcount_put: @value must fit in 2^@order bits. */
void qcow2_refcount_put(void *block, uint64_t index, unsigned order, uint64_t value);

static inline uint64_t qcow2_refcount_max(unsigned order)
{
    return order == 6 ? INT64_MAX : (1ULL << (1U << order)) - 1;
}

/* ---- Snapshot table ---- */

typedef struct QCowSnapshot {
    uint64_t l1_table_offset;
    uint32_t l1_size;                   /* entries */
    char *id_str;
    char *name;
    uint64_t disk_size;                 /* bytes; the current size when the entry does not record it */
    uint64_t vm_state_size;             /* bytes */
    uint32_t date_sec;
    uint32_t date_nsec;
    uint64_t vm_clock_nsec;
    uint64_t icount;                    /* UINT64_MAX: not recorded */
    uint8_t *unknown_extra_data;        /* NULL: none */
    uint32_t unknown_extra_len;
} QCowSnapshot;

/**
 * qcow2_snapshot_parse: one entry of the snapshot table.
 * @buf, @len: from the entry's first byte to the end of what was read.
 * Returns the entry's length rounded up to 8 bytes; 0 if more bytes than @len are needed (no error set);
 * -EINVAL with @errp when it exceeds a limit. Clear @ret with qcow2_snapshot_clear after success.
 */
int64_t qcow2_snapshot_parse(const uint8_t *buf, size_t len, uint64_t disk_size, QCowSnapshot *ret, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;
/** qcow2_snapshot_store: append the encoded entry, padded to 8 bytes. */
void qcow2_snapshot_store(const QCowSnapshot *sn, GByteArray *out);
void qcow2_snapshot_clear(QCowSnapshot *sn);

#endif
