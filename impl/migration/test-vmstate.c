/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmstate: every kind of field goes through a stream and back; what a stream may not do is refused. Method: one device
 * with all kinds; its stream cut at every length and with every byte changed.
 */
#include "migration/vmstate.h"

#include "aio/test-machine.h"

typedef struct Inner {
    uint16_t a;
    uint8_t b;
} Inner;

static const VMStateDescription vmstate_inner = {
    .name = "inner",
    .version_id = 2,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(a, Inner),
        VMSTATE_UINT8_V(b, Inner, 2),
        VMSTATE_END_OF_LIST()
    },
};

typedef struct Dev {
    bool flag;
    int8_t i8;
    int64_t i64;
    uint32_t u32;
    uint16_t words[3];
    uint8_t bytes[5];
    uint8_t nlive;
    Inner live[4];
    uint32_t ndyn;
    uint32_t *dyn;
    Inner inner;
    Inner *ptr;
    Inner *maybe[3];
    uint32_t blob_len;
    uint8_t *blob;
    QEMUTimer timer;
    uint32_t extra;
    bool extra_needed;
    int post_load;
} Dev;

static bool extra_is_needed(void *opaque)
{
    return ((Dev *)opaque)->extra_needed;
}

static const VMStateDescription vmstate_dev_extra = {
    .name = "dev/extra",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = extra_is_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(extra, Dev),
        VMSTATE_END_OF_LIST()
    },
};

static bool u32_is_sane(void *opaque, int version_id)
{
    return ((Dev *)opaque)->u32 != 666;
}

static int dev_post_load(void *opaque, int version_id)
{
    ((Dev *)opaque)->post_load++;
    return 0;
}

static const VMStateDescription vmstate_dev = {
    .name = "dev",
    .version_id = 3,
    .minimum_version_id = 2,
    .post_load = dev_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(flag, Dev),
        VMSTATE_INT8(i8, Dev),
        VMSTATE_INT64(i64, Dev),
        VMSTATE_UINT32(u32, Dev),
        VMSTATE_VALIDATE("u32 is sane", u32_is_sane),
        VMSTATE_UINT16_ARRAY(words, Dev, 3),
        VMSTATE_BUFFER(bytes, Dev),
        VMSTATE_UINT8(nlive, Dev),
        VMSTATE_STRUCT_VARRAY_UINT8(live, Dev, nlive, 0, vmstate_inner, Inner),
        VMSTATE_UINT32(ndyn, Dev),
        VMSTATE_VARRAY_UINT32_ALLOC(dyn, Dev, ndyn, 0, vmstate_info_uint32, uint32_t),
        VMSTATE_STRUCT(inner, Dev, 0, vmstate_inner, Inner),
        VMSTATE_STRUCT_POINTER(ptr, Dev, vmstate_inner, Inner),
        VMSTATE_ARRAY_OF_POINTER_TO_STRUCT(maybe, Dev, 3, 0, vmstate_inner, Inner),
        VMSTATE_UINT32(blob_len, Dev),
        VMSTATE_VBUFFER_ALLOC_UINT32(blob, Dev, 0, blob_len),
        VMSTATE_UNUSED(3),
        VMSTATE_TIMER(timer, Dev),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *const[]) {
        &vmstate_dev_extra,
        NULL
    },
};

static void timer_cb(void *opaque)
{
}

static void dev_init(Dev *d, Inner *ptr, Inner *maybe1)
{
    memset(d, 0, sizeof(*d));
    d->ptr = ptr;
    d->maybe[1] = maybe1;
    timer_init_ns(&d->timer, QEMU_CLOCK_VIRTUAL, timer_cb, d);
}

static void dev_fill(Dev *d)
{
    d->flag = true;
    d->i8 = -5;
    d->i64 = INT64_MIN;
    d->u32 = 77;
    d->words[2] = 0xbeef;
    memcpy(d->bytes, "hello", 5);
    d->nlive = 2;
    d->live[1] = (Inner) { .a = 9, .b = 8 };
    d->ndyn = 3;
    d->dyn = g_new0(uint32_t, 3);
    d->dyn[2] = 33;
    d->inner.a = 4;
    d->ptr->a = 5;
    d->maybe[1]->b = 6;
    d->blob_len = 4;
    d->blob = g_memdup2("blob", 4);
    timer_mod_ns(&d->timer, 123456789);
    d->extra = 99;
    d->extra_needed = true;
}

static void dev_clear(Dev *d)
{
    timer_del(&d->timer);
    timer_deinit(&d->timer);
    g_free(d->dyn);
    g_free(d->blob);
}

static GByteArray *save(const VMStateDescription *vmsd, void *opaque)
{
    GByteArray *bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    GError *err = NULL;

    g_assert_cmpint(vmstate_save_state(f, vmsd, opaque, &err), ==, 0);
    g_assert_no_error(err);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    return bytes;
}

static int load(GByteArray *bytes, const VMStateDescription *vmsd, void *opaque, int version, char **ret_error)
{
    QEMUFile *f = qemu_fopen_memory(bytes, false);
    GError *err = NULL;
    int ret = vmstate_load_state(f, vmsd, opaque, version, &err);

    (void)qemu_fclose(f);       /* a short stream is the point of some tests */
    g_assert_true((ret < 0) == (err != NULL));
    if (ret_error) {
        *ret_error = err ? g_strdup(err->message) : NULL;
    }
    g_clear_error(&err);
    return ret;
}

static GByteArray *saved_dev(void)
{
    Inner ptr = { 0 }, maybe = { 0 };
    GByteArray *bytes;
    Dev d;

    dev_init(&d, &ptr, &maybe);
    dev_fill(&d);
    bytes = save(&vmstate_dev, &d);
    dev_clear(&d);
    return bytes;
}

static void test_everything_comes_back(void)
{
    g_autoptr(GByteArray) bytes = saved_dev();
    Inner ptr = { 0 }, maybe = { 0 };
    Dev d;

    dev_init(&d, &ptr, &maybe);
    g_assert_cmpint(load(bytes, &vmstate_dev, &d, 3, NULL), ==, 0);
    g_assert_true(d.flag);
    g_assert_cmpint(d.i8, ==, -5);
    g_assert_cmpint(d.i64, ==, INT64_MIN);
    g_assert_cmpuint(d.u32, ==, 77);
    g_assert_cmphex(d.words[2], ==, 0xbeef);
    g_assert_cmpmem(d.bytes, 5, "hello", 5);
    g_assert_cmpuint(d.nlive, ==, 2);
    g_assert_cmpuint(d.live[1].a, ==, 9);
    g_assert_cmpuint(d.live[1].b, ==, 8);
    g_assert_cmpuint(d.ndyn, ==, 3);
    g_assert_cmpuint(d.dyn[2], ==, 33);
    g_assert_cmpuint(d.inner.a, ==, 4);
    g_assert_cmpuint(ptr.a, ==, 5);
    g_assert_null(d.maybe[0]);
    g_assert_cmpuint(maybe.b, ==, 6);
    g_assert_cmpmem(d.blob, d.blob_len, "blob", 4);
    g_assert_cmpuint(timer_expire_time_ns(&d.timer), ==, 123456789);
    g_assert_cmpuint(d.extra, ==, 99);
    g_assert_cmpint(d.post_load, ==, 1);
    dev_clear(&d);
}

static void test_layout_is_the_published_one(void)
{
    Inner in = { .a = 0x1234, .b = 0x56 };
    g_autoptr(GByteArray) bytes = save(&vmstate_inner, &in);
    const uint8_t expect[] = { 0x12, 0x34, 0x56 };
    Dev d = { .extra = 1, .extra_needed = true };
    const VMStateDescription only_sub = {
        .name = "dev",
        .version_id = 1,
        .fields = (const VMStateField[]) { VMSTATE_END_OF_LIST() },
        .subsections = (const VMStateDescription *const[]) { &vmstate_dev_extra, NULL },
    };
    g_autoptr(GByteArray) sub = save(&only_sub, &d);
    const uint8_t expect_sub[] = {
        0x05, 9, 'd', 'e', 'v', '/', 'e', 'x', 't', 'r', 'a', 0, 0, 0, 1, 0, 0, 0, 1,
    };

    g_assert_cmpmem(bytes->data, bytes->len, expect, sizeof(expect));
    g_assert_cmpmem(sub->data, sub->len, expect_sub, sizeof(expect_sub));
}

static void test_every_cut_is_refused(void)
{
    g_autoptr(GByteArray) bytes = saved_dev();

    for (unsigned len = bytes->len; len-- > 0;) {
        Inner ptr = { 0 }, maybe = { 0 };

        Dev d;

        g_byte_array_set_size(bytes, len);
        dev_init(&d, &ptr, &maybe);
        if (load(bytes, &vmstate_dev, &d, 3, NULL) == 0) {
            g_assert_true(d.extra == 0);
        }
        dev_clear(&d);
    }
}

static void test_no_byte_does_harm(void)
{
    g_autoptr(GByteArray) bytes = saved_dev();

    for (unsigned i = 0; i < bytes->len; i++) {
        const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
        uint8_t good = bytes->data[i];

        for (unsigned v = 0; v < G_N_ELEMENTS(values); v++) {
            Inner ptr = { 0 }, maybe = { 0 };
            Dev d;

            bytes->data[i] = values[v];
            dev_init(&d, &ptr, &maybe);
            (void)load(bytes, &vmstate_dev, &d, 3, NULL);   /* any result, under a sanitizer */
            dev_clear(&d);
        }
        bytes->data[i] = good;
    }
}

static void expect_error(GByteArray *bytes, int version, const char *text)
{
    Inner ptr = { 0 }, maybe = { 0 };
    g_autofree char *error = NULL;
    Dev d;

    dev_init(&d, &ptr, &maybe);
    g_assert_cmpint(load(bytes, &vmstate_dev, &d, version, &error), <, 0);
    if (!strstr(error, text)) {
        g_error("got '%s', expected '%s'", error, text);
    }
    g_assert_cmpint(d.post_load, ==, 0);
    dev_clear(&d);
}

static void test_wrong_streams_are_named(void)
{
    /* Offsets: flag 0, i8 1, i64 2, u32 10, words 14, bytes 20, nlive 25. */
    g_autoptr(GByteArray) bytes = saved_dev();

    expect_error(bytes, 4, "dev: incoming version_id 4 is too new for local version_id 3");
    expect_error(bytes, 1, "dev: incoming version_id 1 is too old for local minimum version_id 2");
    bytes->data[25] = 5;
    expect_error(bytes, 3, "field 'live' has 5 elements, at most 4 are possible");
    bytes->data[25] = 2;
    bytes->data[26 + 6] = 0x7f;     /* ndyn */
    expect_error(bytes, 3, "field 'dyn' would need");
    bytes->data[26 + 6] = 0;
    bytes->data[12] = 666 >> 8;
    bytes->data[13] = 666 & 0xff;
    expect_error(bytes, 3, "Input validation failed: dev/u32 is sane");
    bytes->data[12] = 0;
    bytes->data[bytes->len - 9] = 'X';
    expect_error(bytes, 3, "VM subsection 'dev/extrX' in 'dev' does not exist");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vmstate/everything-comes-back", test_everything_comes_back);
    g_test_add_func("/vmstate/layout", test_layout_is_the_published_one);
    g_test_add_func("/vmstate/every-cut", test_every_cut_is_refused);
    g_test_add_func("/vmstate/no-byte-does-harm", test_no_byte_does_harm);
    g_test_add_func("/vmstate/wrong-streams", test_wrong_streams_are_named);
    return test_machine_run();
}
