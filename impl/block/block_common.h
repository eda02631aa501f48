/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types and flags that the graph, the I/O path, drivers and users of the block layer share. No functions.
 *
 * Units: bytes everywhere.
 */
#ifndef BLOCK_BLOCK_COMMON_H
#define BLOCK_BLOCK_COMMON_H

#include "base/context.h"
#include "base/error.h"
#include "base/iov.h"
#include "block/graph_lock.h"
#include "block/qdict.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct BlockDriver BlockDriver;
typedef struct BlockDriverState BlockDriverState;
typedef struct BdrvChild BdrvChild;
typedef struct BdrvChildClass BdrvChildClass;
typedef struct BlockBackend BlockBackend;
typedef struct BlockJob BlockJob;
typedef struct Transaction Transaction;

/* ---- Open flags of a node (bs->open_flags) ---- */
#define BDRV_O_NO_SHARE    0x0001 /* shared permissions are empty */
#define BDRV_O_RDWR        0x0002
#define BDRV_O_RESIZE      0x0004
#define BDRV_O_SNAPSHOT    0x0008 /* put a temporary overlay on top */
#define BDRV_O_TEMPORARY   0x0010 /* delete the file after use */
#define BDRV_O_NOCACHE     0x0020 /* bypass the host page cache */
#define BDRV_O_NATIVE_AIO  0x0080
#define BDRV_O_NO_BACKING  0x0100 /* do not open the backing file */
#define BDRV_O_NO_FLUSH    0x0200 /* cache=unsafe: flushes do nothing */
#define BDRV_O_COPY_ON_READ 0x0400
#define BDRV_O_INACTIVE    0x0800 /* another process owns the image: no writes, no locks */
#define BDRV_O_CHECK       0x1000 /* opened for a consistency check */
#define BDRV_O_ALLOW_RDWR  0x2000 /* may be reopened read-write */
#define BDRV_O_UNMAP       0x4000 /* discard=unmap */
#define BDRV_O_PROTOCOL    0x8000 /* no format probing: a protocol driver */
#define BDRV_O_NO_IO       0x10000 /* opened for its options only */
#define BDRV_O_AUTO_RDONLY 0x20000 /* fall back to read-only */
#define BDRV_O_IO_URING    0x40000

#define BDRV_O_CACHE_MASK (BDRV_O_NOCACHE | BDRV_O_NO_FLUSH)

/* Option names that every node understands. */
#define BDRV_OPT_CACHE_WB "cache.writeback"
#define BDRV_OPT_CACHE_DIRECT "cache.direct"
#define BDRV_OPT_CACHE_NO_FLUSH "cache.no-flush"
#define BDRV_OPT_READ_ONLY "read-only"
#define BDRV_OPT_AUTO_READ_ONLY "auto-read-only"
#define BDRV_OPT_DISCARD "discard"
#define BDRV_OPT_FORCE_SHARE "force-share"
#define BDRV_OPT_ACTIVE "active"

/* ---- Request flags ---- */
typedef enum BdrvRequestFlags {
    BDRV_REQ_COPY_ON_READ = 0x1,    /* copy what comes from the backing file into this node */
    BDRV_REQ_ZERO_WRITE = 0x2,      /* write zeroes; no buffer */
    BDRV_REQ_MAY_UNMAP = 0x4,       /* zeroes may be made by giving storage back */
    BDRV_REQ_FUA = 0x10,            /* on stable storage when the request completes */
    BDRV_REQ_WRITE_COMPRESSED = 0x20,
    BDRV_REQ_WRITE_UNCHANGED = 0x40, /* the guest-visible content stays the same */
    BDRV_REQ_SERIALISING = 0x80,    /* no overlapping request runs at the same time */
    BDRV_REQ_NO_FALLBACK = 0x100,   /* -ENOTSUP instead of a slow way to write zeroes */
    BDRV_REQ_PREFETCH = 0x200,      /* data is not wanted, only the copy-on-read */
    BDRV_REQ_NO_WAIT = 0x400,       /* -EBUSY instead of waiting for an overlapping request */
    BDRV_REQ_MASK = 0x7f7,
} BdrvRequestFlags;

/* ---- Block status ---- */
#define BDRV_BLOCK_DATA         0x01 /* the node stores data here */
#define BDRV_BLOCK_ZERO         0x02 /* reads as zeroes */
#define BDRV_BLOCK_OFFSET_VALID 0x04 /* *map is the offset in *file */
#define BDRV_BLOCK_RAW          0x08 /* driver's answer: ask *file instead */
#define BDRV_BLOCK_ALLOCATED    0x10 /* the content is determined by this layer */
#define BDRV_BLOCK_EOF          0x20 /* the range ends at the end of the node */
#define BDRV_BLOCK_RECURSE      0x40 /* driver's answer: the core may ask *file for more detail */
#define BDRV_BLOCK_COMPRESSED   0x80

/* ---- Permissions ---- */
enum {
    BLK_PERM_CONSISTENT_READ = 0x01,
    BLK_PERM_WRITE = 0x02,
    BLK_PERM_WRITE_UNCHANGED = 0x04,
    BLK_PERM_RESIZE = 0x08,
    BLK_PERM_ALL = 0x0f,
    DEFAULT_PERM_PASSTHROUGH = BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED |
                               BLK_PERM_RESIZE,
    DEFAULT_PERM_UNCHANGED = BLK_PERM_ALL & ~DEFAULT_PERM_PASSTHROUGH,
};

/* ---- Roles of a child for its parent ---- */
enum BdrvChildRoleBits {
    BDRV_CHILD_DATA = 1 << 0,       /* holds the guest's data */
    BDRV_CHILD_METADATA = 1 << 1,   /* holds what the format needs */
    BDRV_CHILD_FILTERED = 1 << 2,   /* the parent is a filter of it */
    BDRV_CHILD_COW = 1 << 3,        /* read where the parent has nothing: backing file */
    BDRV_CHILD_PRIMARY = 1 << 4,    /* the main child: "file" */
    BDRV_CHILD_IMAGE = BDRV_CHILD_DATA | BDRV_CHILD_METADATA | BDRV_CHILD_PRIMARY,
};
typedef unsigned int BdrvChildRole;

typedef enum PreallocMode {
    PREALLOC_MODE_OFF,
    PREALLOC_MODE_METADATA,
    PREALLOC_MODE_FALLOC,
    PREALLOC_MODE_FULL,
} PreallocMode;

typedef enum BlockdevDetectZeroesOptions {
    BLOCKDEV_DETECT_ZEROES_OPTIONS_OFF,
    BLOCKDEV_DETECT_ZEROES_OPTIONS_ON,
    BLOCKDEV_DETECT_ZEROES_OPTIONS_UNMAP,
} BlockdevDetectZeroesOptions;

typedef enum BlockOpType {
    BLOCK_OP_TYPE_BACKUP_SOURCE,
    BLOCK_OP_TYPE_BACKUP_TARGET,
    BLOCK_OP_TYPE_CHANGE,
    BLOCK_OP_TYPE_COMMIT_SOURCE,
    BLOCK_OP_TYPE_COMMIT_TARGET,
    BLOCK_OP_TYPE_DATAPLANE,
    BLOCK_OP_TYPE_DRIVE_DEL,
    BLOCK_OP_TYPE_EJECT,
    BLOCK_OP_TYPE_EXTERNAL_SNAPSHOT,
    BLOCK_OP_TYPE_INTERNAL_SNAPSHOT,
    BLOCK_OP_TYPE_INTERNAL_SNAPSHOT_DELETE,
    BLOCK_OP_TYPE_MIRROR_SOURCE,
    BLOCK_OP_TYPE_MIRROR_TARGET,
    BLOCK_OP_TYPE_RESIZE,
    BLOCK_OP_TYPE_STREAM,
    BLOCK_OP_TYPE_REPLACE,
    BLOCK_OP_TYPE_MAX,
} BlockOpType;

typedef struct BlockDriverInfo {
    int cluster_size;               /* bytes, 0 if the driver has none */
    int64_t vm_state_offset;        /* where VM state starts, bytes */
    bool is_dirty;
    int subcluster_size;
} BlockDriverInfo;

typedef struct BlockSizes {
    uint32_t phys;
    uint32_t log;
} BlockSizes;

/* Limits of the VM state name and id as the qcow2 specification and clients expect them. */
typedef struct QEMUSnapshotInfo {
    char id_str[128];               /* unique within the image */
    char name[256];                 /* chosen by the user */
    uint64_t vm_state_size;         /* bytes of VM state */
    uint32_t date_sec;              /* host clock at creation */
    uint32_t date_nsec;
    uint64_t vm_clock_nsec;         /* guest clock since boot */
    uint64_t icount;                /* instructions executed; UINT64_MAX: not counted */
} QEMUSnapshotInfo;

typedef struct BlockFragInfo {
    uint64_t allocated_clusters;
    uint64_t total_clusters;
    uint64_t fragmented_clusters;
    uint64_t compressed_clusters;
} BlockFragInfo;

typedef struct BdrvCheckResult {
    int corruptions;
    int leaks;
    int check_errors;
    int corruptions_fixed;
    int leaks_fixed;
    int64_t image_end_offset;
    BlockFragInfo bfi;
} BdrvCheckResult;

typedef enum BdrvCheckMode {
    BDRV_FIX_LEAKS = 1,
    BDRV_FIX_ERRORS = 2,
} BdrvCheckMode;

typedef struct BlockMeasureInfo {
    uint64_t required;
    uint64_t fully_allocated;
    bool has_bitmaps;
    uint64_t bitmaps;
} BlockMeasureInfo;

/* Sizes of requests: INT64_MAX rounded down to the largest alignment we accept. */
#define BDRV_MAX_ALIGNMENT (1L << 30)
#define BDRV_MAX_LENGTH ((int64_t)(INT64_MAX & ~(BDRV_MAX_ALIGNMENT - 1)))
#define BDRV_REQUEST_MAX_BYTES ((int64_t)(INT32_MAX & ~511))
#define BDRV_SECTOR_SIZE 512ULL
#define BDRV_SECTOR_BITS 9

#endif
