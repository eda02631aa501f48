/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: ports announce themselves, carry bytes both ways, open and close on both sides, hold back what the chardev does
 * not take, and go on after stop, reset and unplug.
 * Method: the test is the guest at one end; at the other a chardev of its own, which takes as much as it is told to.
 */
#include "devices/virtio-serial/virtio_serial.h"

#include <errno.h>
#include <string.h>

#include "devices/test-virtio-guest.h"
#include "migration/vmstate.h"
#include "monitor/chardev_int.h"

#define MULTI (UINT64_C(1) << VIRTIO_CONSOLE_F_MULTIPORT)

typedef struct TestChr {
    Chardev chr;
    int room;
    bool fe_open;
    GString *out;
} TestChr;

static int tc_write(Chardev *chr, const uint8_t *buf, int len)
{
    TestChr *c = (TestChr *)chr;

    if (!chr->be_open) {
        return len;
    }
    len = MIN(len, c->room);
    g_string_append_len(c->out, (const char *)buf, len);
    c->room -= len;
    return len ? len : -EAGAIN;
}

static void tc_update(Chardev *chr)
{
}

static void tc_set_fe_open(Chardev *chr, bool open)
{
    ((TestChr *)chr)->fe_open = open;
}

static void tc_free(Chardev *chr)
{
    g_string_free(((TestChr *)chr)->out, TRUE);
}

static const ChardevClass tc_class = {
    .name = "test",
    .size = sizeof(TestChr),
    .write = tc_write,
    .update = tc_update,
    .set_fe_open = tc_set_fe_open,
    .free = tc_free,
};

static TestChr *tc_new(const char *label)
{
    GError *err = NULL;
    TestChr *c = chr_alloc(&tc_class, label, label, &err);

    g_assert_no_error(err);
    c->out = g_string_new(NULL);
    c->room = INT_MAX;
    c->chr.be_open = true;
    return c;
}

typedef struct Serial {
    VGuest *g;
    VirtIOSerial *vser;
    TestChr *con, *port;
    unsigned control_seen;
} Serial;

static DeviceState *add(const char *driver, const char *const *kv)
{
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;
    DeviceState *dev;

    for (; *kv; kv++) {
        g_ptr_array_add(opts, (char *)*kv);
    }
    dev = qdev_device_add(driver, opts, &err);
    g_assert_no_error(err);
    return dev;
}

/* Buffers for control messages: as many as the queue holds. */
static void give_control_buffers(Serial *s)
{
    for (unsigned i = 0; i < s->g->num[2]; i++) {
        vg_in(s->g, 2, i, VG_DATA + 64 * i, 64);
    }
    vg_kick(2);
}

static Serial serial_new(uint64_t features)
{
    static const char *const con[] = { "chardev", "c0", "id", "con0", NULL };
    static const char *const port[] = { "chardev", "c1", "id", "p1", "name", "org.test.1", NULL };
    Serial s = { .con = tc_new("c0"), .port = tc_new("c1") };

    s.g = vg_new("virtio-serial-pci", NULL, 6, features);
    s.vser = (VirtIOSerial *)s.g->vdev;
    (void)add("virtconsole", con);
    (void)add("virtserialport", port);
    vg_driver_up(s.g);
    return s;
}

static void serial_free(Serial *s)
{
    vg_free(s->g);
    qemu_chr_delete(&s->con->chr);
    qemu_chr_delete(&s->port->chr);
}

static void send_control(Serial *s, uint32_t nr, uint16_t event, uint16_t value)
{
    uint8_t msg[8];

    st32_le(msg, nr);
    st16_le(msg + 4, event);
    st16_le(msg + 6, value);
    vg_write(VG_DATA + 0x8000, msg, sizeof(msg));
    vg_out(s->g, 3, 0, VG_DATA + 0x8000, sizeof(msg));
    vg_kick(3);
    (void)vg_wait_used(s->g, 3, NULL);
}

static void expect_control(Serial *s, uint32_t nr, uint16_t event, uint16_t value)
{
    uint64_t at;
    unsigned head;

    g_assert_cmpuint(vg_wait_used(s->g, 2, &head), >=, 8);
    at = VG_DATA + 64 * head;
    g_assert_cmpuint(ldl_le_phys(vg_mem(), at), ==, nr);
    g_assert_cmpuint(lduw_le_phys(vg_mem(), at + 4), ==, event);
    g_assert_cmpuint(lduw_le_phys(vg_mem(), at + 6), ==, value);
}

static void send_bytes(Serial *s, unsigned q, unsigned i, const char *text)
{
    vg_write(VG_DATA + 0x10000 + 0x1000 * i, text, strlen(text));
    vg_out(s->g, q, i, VG_DATA + 0x10000 + 0x1000 * i, strlen(text));
    vg_kick(q);
}

static void ports_up(Serial *s)
{
    give_control_buffers(s);
    send_control(s, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
    expect_control(s, 0, VIRTIO_CONSOLE_PORT_ADD, 1);
    expect_control(s, 1, VIRTIO_CONSOLE_PORT_ADD, 1);
    send_control(s, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    expect_control(s, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
    expect_control(s, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    send_control(s, 1, VIRTIO_CONSOLE_PORT_READY, 1);
    expect_control(s, 1, VIRTIO_CONSOLE_PORT_NAME, 1);
    expect_control(s, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

static void test_protocol(void)
{
    Serial s = serial_new(MULTI);
    GError *err = NULL;

    g_assert_cmpuint(ldl_le_phys(vg_mem(), VG_CONFIG + 4), ==, 31);
    ports_up(&s);
    g_assert_false(s.port->fe_open);
    send_control(&s, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    g_assert_true(s.port->fe_open);
    chr_event(&s.port->chr, CHR_EVENT_CLOSED);
    expect_control(&s, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
    chr_event(&s.port->chr, CHR_EVENT_OPENED);
    expect_control(&s, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    send_control(&s, 77, VIRTIO_CONSOLE_PORT_OPEN, 1);          /* no such port */
    send_control(&s, UINT32_MAX, VIRTIO_CONSOLE_PORT_READY, 1);
    send_control(&s, 1, 99, 1);
    g_assert_true(qdev_unplug("p1", &err));
    expect_control(&s, 1, VIRTIO_CONSOLE_PORT_REMOVE, 1);
    stb_phys(vg_mem(), VG_BAR + 0x14, 0);                       /* a reset closes */
    g_assert_cmphex(s.vser->guest_open, ==, 0);
    serial_free(&s);
}

static int move(Serial *s, unsigned n_saved, GError **errp)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    const VMStateDescription *vmsd = virtio_serial_class.vmsd;
    int r;

    g_assert_cmpint(vmstate_save_state(f, vmsd, s->vser, errp), ==, 0);
    g_assert_cmpuint(s->vser->n_saved, ==, n_saved);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    g_queue_clear_full(&s->vser->control, (GDestroyNotify)g_bytes_unref);
    f = qemu_fopen_memory(bytes, false);
    r = vmstate_load_state(f, vmsd, s->vser, vmsd->version_id, errp);
    (void)qemu_fclose(f);
    return r;
}

/* Messages that no buffer was there for come along. */
static void test_messages_move(void)
{
    Serial s = serial_new(MULTI);
    GError *err = NULL;

    send_control(&s, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
    send_control(&s, 1, VIRTIO_CONSOLE_PORT_READY, 1);
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    g_assert_cmpint(move(&s, 4, &err), ==, 0);
    vm_start();
    give_control_buffers(&s);
    expect_control(&s, 0, VIRTIO_CONSOLE_PORT_ADD, 1);
    expect_control(&s, 1, VIRTIO_CONSOLE_PORT_ADD, 1);
    expect_control(&s, 1, VIRTIO_CONSOLE_PORT_NAME, 1);
    expect_control(&s, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    s.vser->n_saved = VIRTIO_SERIAL_CONTROL_MAX + 1;            /* a crafted stream */
    g_assert_cmpint(virtio_serial_load_control(s.vser), ==, -EINVAL);
    s.vser->n_saved = 1;
    s.vser->saved[0] = s.vser->max_ports;
    g_assert_cmpint(virtio_serial_load_control(s.vser), ==, -EINVAL);
    s.vser->saved[0] = (uint64_t)VIRTIO_CONSOLE_PORT_NAME << 32 | 7;
    g_assert_cmpint(virtio_serial_load_control(s.vser), ==, 0);     /* of a port that has gone */
    g_assert_cmpuint(s.vser->control.length, ==, 0);
    serial_free(&s);
}

static void test_from_guest(void)
{
    Serial s = serial_new(MULTI);

    ports_up(&s);
    send_control(&s, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    send_bytes(&s, 1, 0, "console ");
    (void)vg_wait_used(s.g, 1, NULL);
    g_assert_cmpstr(s.con->out->str, ==, "console ");
    s.port->room = 3;
    send_bytes(&s, 5, 0, "abcdef");
    send_bytes(&s, 5, 1, "ghi");
    vg_settle();
    g_assert_cmpstr(s.port->out->str, ==, "abc");
    g_assert_cmpuint(vg_used(5), ==, 0);                        /* not done: the chardev is full */
    g_assert_cmpuint(s.g->vdev->vq[5].inuse, ==, 0);            /* and nothing in flight */
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    s.port->room = 1;
    vm_start();
    vg_settle();
    g_assert_cmpstr(s.port->out->str, ==, "abcd");
    s.port->room = 100;
    chr_flush_pending(&s.port->chr);
    (void)vg_wait_used(s.g, 5, NULL);
    (void)vg_wait_used(s.g, 5, NULL);
    g_assert_cmpstr(s.port->out->str, ==, "abcdefghi");
    s.port->room = 0;
    send_bytes(&s, 5, 0, "lost");
    vg_settle();
    s.port->chr.be_open = false;
    chr_event(&s.port->chr, CHR_EVENT_CLOSED);
    (void)vg_wait_used(s.g, 5, NULL);                           /* nobody there: taken and dropped */
    serial_free(&s);
}

static void test_to_guest(void)
{
    Serial s = serial_new(MULTI);

    ports_up(&s);
    g_assert_cmpint(chr_wants_input(&s.port->chr), ==, 0);      /* no buffers */
    vg_in(s.g, 4, 0, VG_DATA + 0x20000, 4);
    vg_kick(4);
    vg_settle();
    g_assert_cmpint(chr_wants_input(&s.port->chr), ==, 0);      /* not open */
    send_control(&s, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    g_assert_cmpint(chr_wants_input(&s.port->chr), ==, 4);
    chr_input(&s.port->chr, (const uint8_t *)"wxyz", 4);
    g_assert_cmpuint(vg_wait_used(s.g, 4, NULL), ==, 4);
    g_assert_cmphex(ldl_le_phys(vg_mem(), VG_DATA + 0x20000), ==, 0x7a797877);
    g_assert_cmpint(chr_wants_input(&s.port->chr), ==, 0);
    vg_out(s.g, 4, 1, VG_DATA, 16);                             /* holds nothing */
    vg_kick(4);
    vg_settle();
    g_assert_cmpint(chr_wants_input(&s.port->chr), ==, 0);
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    g_assert_cmpint(chr_wants_input(&s.con->chr), ==, 0);
    vm_start();
    serial_free(&s);
}

/* A driver of one port: the console is there without a word. */
static void test_single_port(void)
{
    Serial s = serial_new(0);

    send_bytes(&s, 1, 0, "hello");
    (void)vg_wait_used(s.g, 1, NULL);
    g_assert_cmpstr(s.con->out->str, ==, "hello");
    vg_in(s.g, 0, 0, VG_DATA, 16);
    vg_kick(0);
    vg_settle();
    g_assert_cmpint(chr_wants_input(&s.con->chr), ==, 16);
    stl_le_phys(vg_mem(), VG_CONFIG + 8, '!');                  /* without any queue */
    g_assert_cmpstr(s.con->out->str, ==, "hello!");
    serial_free(&s);
}

static void test_port_numbers(void)
{
    static const struct {
        const char *driver;
        const char *nr;
        const char *message;
    } bad[] = {
        { "virtserialport", "0", "Port number 0 on virtio-serial devices reserved for virtconsole "
          "devices for backward compatibility." },
        { "virtserialport", "1", "virtio-serial-bus: A port already exists at id 1" },
        { "virtserialport", "31", "virtio-serial-bus: Out-of-range port id specified, max. allowed: 30" },
    };
    Serial s = serial_new(MULTI);

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GPtrArray) opts = g_ptr_array_new();
        GError *err = NULL;

        g_ptr_array_add(opts, (char *)"nr");
        g_ptr_array_add(opts, (char *)bad[i].nr);
        g_assert_null(qdev_device_add(bad[i].driver, opts, &err));
        g_assert_cmpstr(err->message, ==, bad[i].message);
        g_clear_error(&err);
    }
    serial_free(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-serial/protocol", test_protocol);
    g_test_add_func("/virtio-serial/messages-move", test_messages_move);
    g_test_add_func("/virtio-serial/from-guest", test_from_guest);
    g_test_add_func("/virtio-serial/to-guest", test_to_guest);
    g_test_add_func("/virtio-serial/single-port", test_single_port);
    g_test_add_func("/virtio-serial/port-numbers", test_port_numbers);
    return test_board_run();
}
