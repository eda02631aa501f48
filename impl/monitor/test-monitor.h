/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For unit tests: a chardev in memory, whose peer is the test. */
#ifndef MONITOR_TEST_MONITOR_H
#define MONITOR_TEST_MONITOR_H

#include "aio/test-machine.h"
#include "monitor/chardev_int.h"

#include <string.h>

typedef struct FakeChr {
    Chardev parent;
    GString *out;               /* what the front end wrote */
    int room;                   /* bytes the peer takes; -1: any number */
} FakeChr;

static inline int fake_write(Chardev *chr, const uint8_t *buf, int len)
{
    FakeChr *f = (FakeChr *)chr;
    int n = f->room < 0 ? len : MIN(len, f->room);

    if (!n) {
        return -EAGAIN;
    }
    f->room -= f->room < 0 ? 0 : n;
    g_string_append_len(f->out, (const char *)buf, n);
    return n;
}

static inline void fake_update(Chardev *chr)
{
}

static inline void fake_disconnect(Chardev *chr)
{
    chr_drop_pending(chr);
    chr_event(chr, CHR_EVENT_CLOSED);
}

static inline void fake_free(Chardev *chr)
{
    g_string_free(((FakeChr *)chr)->out, TRUE);
}

static const ChardevClass fake_class = {
    .name = "fake",
    .size = sizeof(FakeChr),
    .write = fake_write,
    .update = fake_update,
    .disconnect = fake_disconnect,
    .free = fake_free,
};

/** fake_new: the peer is there at once unless @absent. */
static inline FakeChr *fake_new(const char *label, bool absent)
{
    FakeChr *f = chr_alloc(&fake_class, label, NULL, NULL);

    f->out = g_string_new(NULL);
    f->room = -1;
    if (!absent) {
        chr_event(&f->parent, CHR_EVENT_OPENED);
    }
    return f;
}

/** fake_type: the peer sends @text as far as the front end takes it; returns the number of bytes taken. */
static inline size_t fake_type(FakeChr *f, const char *text)
{
    size_t done = 0, len = strlen(text);

    while (done < len) {
        int n = MIN(chr_wants_input(&f->parent), (int)(len - done));

        if (n <= 0) {
            break;
        }
        chr_input(&f->parent, (const uint8_t *)text + done, n);
        done += (size_t)n;
    }
    return done;
}

/** fake_expect: @text is what was written since the last call. */
static inline void fake_expect(FakeChr *f, const char *text)
{
    g_assert_cmpstr(f->out->str, ==, text);
    g_string_truncate(f->out, 0);
}

/** loop_settle: let everything run that can. */
static inline void loop_settle(void)
{
    for (int i = 0; i < 20; i++) {
        main_loop_wait(true);
    }
}

#endif
