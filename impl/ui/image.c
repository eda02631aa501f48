/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Surfaces as image files: PPM (P6) and PNG. Source: netpbm ppm(5); PNG second edition, sections 5 and 11.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "sched/io.h"
#include "ui/console.h"

static bool image_write(const char *path, const GByteArray *bytes, GError **errp)
{
    int fd = sched_file_open("screendump", path, SCHED_FILE_WRITE | SCHED_FILE_CREATE | SCHED_FILE_TRUNC);
    struct iovec iov = { bytes->data, bytes->len };
    ssize_t ret;

    if (fd < 0) {
        error_setg(errp, "failed to open file '%s': %s", path, g_strerror(-fd));
        return false;
    }
    ret = sched_file_pwritev(fd, &iov, 1, 0);
    sched_close(fd);
    if (ret < 0) {
        error_setg(errp, "failed to write file '%s': %s", path, g_strerror(-ret));
    }
    return ret >= 0;
}

/* Three bytes a pixel. */
static void image_put_line(const DisplaySurface *s, unsigned y, uint8_t *out)
{
    const uint32_t *line = s->data + (size_t)y * s->width;

    for (unsigned x = 0; x < s->width; x++, out += 3) {
        out[0] = line[x] >> 16;
        out[1] = line[x] >> 8;
        out[2] = line[x];
    }
}

bool ppm_save(const DisplaySurface *s, const char *path, GError **errp)
{
    g_autofree char *header = g_strdup_printf("P6\n%u %u\n%d\n", s->width, s->height, 255);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    size_t n = strlen(header);

    g_byte_array_append(bytes, (const uint8_t *)header, n);
    g_byte_array_set_size(bytes, n + 3 * s->width * s->height);
    for (unsigned y = 0; y < s->height; y++) {
        image_put_line(s, y, bytes->data + n + 3 * (size_t)y * s->width);
    }
    return image_write(path, bytes, errp);
}

static void png_chunk(GByteArray *out, const char *type, const uint8_t *data, uint32_t len)
{
    uint8_t word[4];
    uint32_t crc = crc32(0, (const uint8_t *)type, 4);

    st32_be(word, len);
    g_byte_array_append(out, word, 4);
    g_byte_array_append(out, (const uint8_t *)type, 4);
    if (len) {
        g_byte_array_append(out, data, len);
        crc = crc32(crc, data, len);
    }
    st32_be(word, crc);
    g_byte_array_append(out, word, 4);
}

bool png_save(const DisplaySurface *s, const char *path, GError **errp)
{
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    size_t stride = 1 + 3 * (size_t)s->width;
    uLong raw_len = stride * s->height;
    uLongf len = compressBound(raw_len);
    g_autofree uint8_t *raw = g_malloc0(raw_len);
    g_autofree uint8_t *packed = g_malloc(len);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    uint8_t header[13] = { 0 };

    for (unsigned y = 0; y < s->height; y++) {
        image_put_line(s, y, raw + stride * y + 1);     /* the byte before says: not filtered */
    }
    if (compress2(packed, &len, raw, raw_len, 6) != Z_OK) {
        error_setg(errp, "failed to compress '%s'", path);
        return false;
    }
    st32_be(header, s->width);
    st32_be(header + 4, s->height);
    header[8] = 8;              /* bits */
    header[9] = 2;              /* RGB */
    g_byte_array_append(bytes, signature, sizeof(signature));
    png_chunk(bytes, "IHDR", header, sizeof(header));
    png_chunk(bytes, "IDAT", packed, len);
    png_chunk(bytes, "IEND", NULL, 0);
    return image_write(path, bytes, errp);
}
