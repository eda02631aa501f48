/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 header and header extensions: decode, check, encode. Pure; no I/O, no state.
 *
 * I1  Nothing here trusts a length or position from the image before comparing it with a limit of format.h.
 * Source: qcow2 specification, "Header", "Header extensions", "Feature name table".
 */
#include "block/drivers/qcow2/format.h"

#define EXT_END 0x00000000U
#define EXT_BACKING_FORMAT 0xe2792acaU
#define EXT_FEATURE_TABLE 0x6803f857U
#define EXT_CRYPTO_HEADER 0x0537be77U
#define EXT_BITMAPS 0x23852875U
#define EXT_DATA_FILE 0x44415441U

#define FEATURE_ENTRY_LEN 48U

bool qcow2_header_parse(const uint8_t *buf, size_t len, Qcow2Header *ret, GError **errp)
{
    Qcow2Header h = { 0 };

    if (len < QCOW2_V2_HEADER_LEN || ld32_be(buf) != QCOW_MAGIC) {
        error_setg(errp, "Image is not in qcow2 format");
        return false;
    }
    h.version = ld32_be(buf + 4);
    if (h.version < 2 || h.version > 3) {
        error_setg(errp, "Unsupported qcow2 version %u", h.version);
        return false;
    }
    h.backing_file_offset = ld64_be(buf + 8);
    h.backing_file_size = ld32_be(buf + 16);
    h.cluster_bits = ld32_be(buf + 20);
    h.size = ld64_be(buf + QCOW2_HDR_SIZE);
    h.crypt_method = ld32_be(buf + 32);
    h.l1_size = ld32_be(buf + QCOW2_HDR_L1_SIZE);
    h.l1_table_offset = ld64_be(buf + 40);
    h.refcount_table_offset = ld64_be(buf + QCOW2_HDR_REFTABLE);
    h.refcount_table_clusters = ld32_be(buf + 56);
    h.nb_snapshots = ld32_be(buf + QCOW2_HDR_SNAPSHOTS);
    h.snapshots_offset = ld64_be(buf + 64);
    h.refcount_order = 4;
    h.header_length = QCOW2_V2_HEADER_LEN;
    if (h.version == 3) {
        if (len < QCOW2_V3_HEADER_LEN) {
            error_setg(errp, "qcow2 header too short");
            return false;
        }
        h.incompatible_features = ld64_be(buf + QCOW2_HDR_INCOMPAT);
        h.compatible_features = ld64_be(buf + 80);
        h.autoclear_features = ld64_be(buf + 88);
        h.refcount_order = ld32_be(buf + 96);
        h.header_length = ld32_be(buf + 100);
        if (h.header_length < QCOW2_V3_HEADER_LEN) {
            error_setg(errp, "qcow2 header too short");
            return false;
        }
        /* Older images end before this byte, which then means zlib. */
        if (h.header_length > QCOW2_V3_HEADER_LEN && len > QCOW2_V3_HEADER_LEN) {
            h.compression_type = buf[104];
        }
    }
    *ret = h;
    return true;
}

bool qcow2_validate_table(uint64_t offset, uint64_t entries, size_t entry_len, uint64_t max_bytes,
                          uint64_t cluster_size, const char *what, GError **errp)
{
    if (entries > max_bytes / entry_len) {
        error_setg(errp, "%s too large", what);
        return false;
    }
    if (offset & (cluster_size - 1) || offset > QCOW_MAX_HOST_END - max_bytes) {
        error_setg(errp, "%s offset invalid", what);
        return false;
    }
    return true;
}

static bool check_backing(const Qcow2Header *h, uint64_t cluster_size, GError **errp)
{
    if (h->backing_file_offset > cluster_size) {
        error_setg(errp, "Invalid backing file offset");
        return false;
    }
    if (h->backing_file_offset == 0) {
        return true;
    }
    if (h->backing_file_offset < h->header_length) {
        error_setg(errp, "Invalid backing file offset");
        return false;
    }
    if (h->backing_file_size > QCOW_MAX_BACKING_NAME ||
        h->backing_file_size > cluster_size - h->backing_file_offset) {
        error_setg(errp, "Backing file name too long");
        return false;
    }
    return true;
}

static bool check_tables(const Qcow2Header *h, uint64_t cluster_size, GError **errp)
{
    uint64_t l1_entry_covers = cluster_size * (cluster_size / L2E_SIZE);
    uint64_t l1_needed = h->size / l1_entry_covers + (h->size % l1_entry_covers != 0);

    if (h->refcount_table_clusters == 0) {
        error_setg(errp, "Image does not contain a reference count table");
        return false;
    }
    if (!qcow2_validate_table(h->refcount_table_offset,
                              (uint64_t)h->refcount_table_clusters * (cluster_size / REFTABLE_ENTRY_SIZE),
                              REFTABLE_ENTRY_SIZE, QCOW_MAX_REFTABLE_SIZE, cluster_size,
                              "Reference count table", errp) ||
        !qcow2_validate_table(h->snapshots_offset, h->nb_snapshots, QCOW_MAX_SNAPSHOT_EXTRA_DATA,
                              QCOW_MAX_SNAPSHOTS_SIZE, cluster_size, "Snapshot table", errp) ||
        !qcow2_validate_table(h->l1_table_offset, h->l1_size, L1E_SIZE, QCOW_MAX_L1_SIZE, cluster_size,
                              "Active L1 table", errp)) {
        return false;
    }
    if (l1_needed > QCOW_MAX_L1_SIZE / L1E_SIZE) {
        error_setg(errp, "Image is too big");
        return false;
    }
    if (h->l1_size < l1_needed) {
        error_setg(errp, "L1 table is too small");
        return false;
    }
    return true;
}

bool qcow2_header_check(const Qcow2Header *h, GError **errp)
{
    uint64_t cluster_size;

    if (h->cluster_bits < MIN_CLUSTER_BITS || h->cluster_bits > MAX_CLUSTER_BITS) {
        error_setg(errp, "Unsupported cluster size: 2^%u", h->cluster_bits);
        return false;
    }
    cluster_size = 1ULL << h->cluster_bits;
    if (h->header_length > cluster_size) {
        error_setg(errp, "qcow2 header exceeds cluster size");
        return false;
    }
    if (!check_backing(h, cluster_size, errp)) {
        return false;
    }
    if (h->refcount_order > QCOW_MAX_REFCOUNT_ORDER) {
        error_setg(errp, "Reference count entry width too large; may not exceed 64 bits");
        return false;
    }
    if (h->crypt_method > 2) {
        error_setg(errp, "Unsupported encryption method %u", h->crypt_method);
        return false;
    }
    if (h->crypt_method) {
        error_setg(errp, "Encrypted images are not supported (the image uses %s encryption)",
                   h->crypt_method == 1 ? "AES" : "LUKS");
        return false;
    }
    if (h->compression_type > QCOW2_COMPRESSION_ZSTD) {
        error_setg(errp, "qcow2: unknown compression type: %u", h->compression_type);
        return false;
    }
    if ((h->compression_type != QCOW2_COMPRESSION_ZLIB) !=
        !!(h->incompatible_features & QCOW2_INCOMPAT_COMPRESSION)) {
        error_setg(errp, h->compression_type
                   ? "qcow2: Compression type incompatible feature bit must be set"
                   : "qcow2: Compression type incompatible feature bit must not be set");
        return false;
    }
    return check_tables(h, cluster_size, errp);
}

void qcow2_header_store(const Qcow2Header *h, uint8_t *buf)
{
    memset(buf, 0, QCOW2_HEADER_LEN);
    st32_be(buf, QCOW_MAGIC);
    st32_be(buf + 4, h->version);
    st64_be(buf + 8, h->backing_file_offset);
    st32_be(buf + 16, h->backing_file_size);
    st32_be(buf + 20, h->cluster_bits);
    st64_be(buf + QCOW2_HDR_SIZE, h->size);
    st32_be(buf + 32, h->crypt_method);
    st32_be(buf + QCOW2_HDR_L1_SIZE, h->l1_size);
    st64_be(buf + 40, h->l1_table_offset);
    st64_be(buf + QCOW2_HDR_REFTABLE, h->refcount_table_offset);
    st32_be(buf + 56, h->refcount_table_clusters);
    st32_be(buf + QCOW2_HDR_SNAPSHOTS, h->nb_snapshots);
    st64_be(buf + 64, h->snapshots_offset);
    if (h->version >= 3) {
        st64_be(buf + QCOW2_HDR_INCOMPAT, h->incompatible_features);
        st64_be(buf + 80, h->compatible_features);
        st64_be(buf + 88, h->autoclear_features);
        st32_be(buf + 96, h->refcount_order);
        st32_be(buf + 100, h->header_length);
        buf[104] = h->compression_type;
    }
}

static void parse_feature_table(const uint8_t *data, uint32_t len, Qcow2HeaderTail *tail)
{
    for (uint32_t i = 0; i + FEATURE_ENTRY_LEN <= len; i += FEATURE_ENTRY_LEN) {
        Qcow2Feature f = { .type = data[i], .bit = data[i + 1] };

        memcpy(f.name, data + i + 2, sizeof(f.name) - 1);
        g_array_append_val(tail->features, f);
    }
}

static bool parse_extension(uint32_t type, const uint8_t *data, uint32_t len, Qcow2HeaderTail *tail, GError **errp)
{
    Qcow2Extension unknown = { .type = type, .len = len };

    switch (type) {
    case EXT_BACKING_FORMAT:
        if (len >= 16) {
            error_setg(errp, "ERROR: ext_backing_format: len=%u too large (>=16)", len);
            return false;
        }
        g_free(tail->backing_format);
        tail->backing_format = g_strndup((const char *)data, len);
        return true;
    case EXT_FEATURE_TABLE:
        parse_feature_table(data, len, tail);
        return true;
    case EXT_DATA_FILE:
        g_free(tail->data_file);
        tail->data_file = g_strndup((const char *)data, len);
        return true;
    case EXT_CRYPTO_HEADER:
        error_setg(errp, "CRYPTO header extension only expected with LUKS encryption method");
        return false;
    case EXT_BITMAPS:
        if (len != 24) {
            error_setg(errp, "bitmaps_ext: Invalid extension length");
            return false;
        }
        tail->nb_bitmaps = ld32_be(data);
        tail->bitmap_directory_size = ld64_be(data + 8);
        tail->bitmap_directory_offset = ld64_be(data + 16);
        break;      /* and kept as it is, to be written back */
    default:
        break;
    }
    unknown.data = g_memdup2(data, len);
    g_array_append_val(tail->unknown, unknown);
    return true;
}

bool qcow2_tail_parse(const uint8_t *buf, size_t len, Qcow2HeaderTail *ret, GError **errp)
{
    size_t pos = 0;

    *ret = (Qcow2HeaderTail){
        .features = g_array_new(FALSE, TRUE, sizeof(Qcow2Feature)),
        .unknown = g_array_new(FALSE, TRUE, sizeof(Qcow2Extension)),
    };
    while (len - pos >= 8) {
        uint32_t type = ld32_be(buf + pos);
        uint32_t ext_len = ld32_be(buf + pos + 4);

        pos += 8;
        if (type == EXT_END) {
            return true;
        }
        if (ext_len > len - pos) {
            error_setg(errp, "Header extension too large");
            return false;
        }
        if (!parse_extension(type, buf + pos, ext_len, ret, errp)) {
            return false;
        }
        pos += MIN(QEMU_ALIGN_UP((size_t)ext_len, 8), len - pos);
    }
    return true;
}

void qcow2_tail_clear(Qcow2HeaderTail *tail)
{
    for (guint i = 0; tail->unknown && i < tail->unknown->len; i++) {
        g_free(g_array_index(tail->unknown, Qcow2Extension, i).data);
    }
    g_clear_pointer(&tail->unknown, g_array_unref);
    g_clear_pointer(&tail->features, g_array_unref);
    g_clear_pointer(&tail->backing_format, g_free);
    g_clear_pointer(&tail->data_file, g_free);
}

char *qcow2_unsupported_features(const Qcow2HeaderTail *tail, uint64_t mask)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; tail->features && i < tail->features->len; i++) {
        const Qcow2Feature *f = &g_array_index(tail->features, Qcow2Feature, i);

        if (f->type == 0 && f->bit < 64 && mask & (1ULL << f->bit) && f->name[0]) {
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", f->name);
            mask &= ~(1ULL << f->bit);
        }
    }
    if (mask) {
        g_string_append_printf(text, "%sUnknown incompatible feature: %" G_GINT64_MODIFIER "x",
                               text->len ? ", " : "", mask);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void append_extension(GByteArray *out, uint32_t type, const void *data, uint32_t len)
{
    static const uint8_t zero[8];
    uint8_t head[8];

    st32_be(head, type);
    st32_be(head + 4, len);
    g_byte_array_append(out, head, sizeof(head));
    if (len) {
        g_byte_array_append(out, data, len);
    }
    g_byte_array_append(out, zero, QEMU_ALIGN_UP(len, 8) - len);
}

/* The names other programs show when they do not know a bit. */
static void append_feature_table(GByteArray *out)
{
    static const struct { uint8_t type, bit; char name[46]; } table[] = {
        { 0, 0, "dirty bit" }, { 0, 1, "corrupt bit" }, { 0, 2, "external data file" },
        { 0, 3, "compression type" }, { 0, 4, "extended L2 entries" },
        { 1, 0, "lazy refcounts" }, { 2, 0, "bitmaps" }, { 2, 1, "raw external data" },
    };

    G_STATIC_ASSERT(sizeof(table[0]) == FEATURE_ENTRY_LEN);
    append_extension(out, EXT_FEATURE_TABLE, table, sizeof(table));
}

uint8_t *qcow2_header_encode(Qcow2Header *h, const Qcow2HeaderTail *tail, const char *backing_file, GError **errp)
{
    uint64_t cluster_size = 1ULL << h->cluster_bits;
    g_autoptr(GByteArray) out = g_byte_array_new();

    h->header_length = h->version >= 3 ? QCOW2_HEADER_LEN : QCOW2_V2_HEADER_LEN;
    g_byte_array_set_size(out, h->header_length);
    if (tail->backing_format) {
        append_extension(out, EXT_BACKING_FORMAT, tail->backing_format, strlen(tail->backing_format));
    }
    if (h->version >= 3) {
        append_feature_table(out);
    }
    for (guint i = 0; tail->unknown && i < tail->unknown->len; i++) {
        const Qcow2Extension *e = &g_array_index(tail->unknown, Qcow2Extension, i);

        append_extension(out, e->type, e->data, e->len);
    }
    append_extension(out, EXT_END, NULL, 0);
    h->backing_file_offset = 0;
    h->backing_file_size = 0;
    if (backing_file && backing_file[0]) {
        size_t name_len = strlen(backing_file);

        if (name_len > QCOW_MAX_BACKING_NAME) {
            error_setg(errp, "Backing file name too long");
            return NULL;
        }
        h->backing_file_offset = out->len;
        h->backing_file_size = name_len;
        g_byte_array_append(out, (const uint8_t *)backing_file, name_len);
    }
    if (out->len > cluster_size) {
        error_setg(errp, "qcow2 header and its extensions need %u bytes, more than one cluster (%" G_GUINT64_FORMAT ")",
                   out->len, cluster_size);
        return NULL;
    }
    {
        uint8_t fixed[QCOW2_HEADER_LEN];
        guint used = out->len;

        qcow2_header_store(h, fixed);
        memcpy(out->data, fixed, h->header_length);
        g_byte_array_set_size(out, cluster_size);
        memset(out->data + used, 0, cluster_size - used);
    }
    return g_byte_array_free(g_steal_pointer(&out), FALSE);
}
