/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages of a virtio-serial device: ports that come, go, open and close. See virtio_serial.h.
 */
#include "devices/virtio-serial/virtio_serial.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/iov.h"

#define CONTROL_HDR 8           /* id, event, value */
#define CONTROL_BURST 64

/* ---- To the guest ---- */

void virtio_serial_flush_control(VirtIOSerial *vser)
{
    bool any = false;

    while (vser->control.length && virtio_serial_active(vser)) {
        VirtQueueElement *elem = virtqueue_pop(vser->c_ivq, sizeof(*elem));
        GBytes *msg;
        size_t len;

        if (!elem) {
            break;
        }
        msg = g_queue_pop_head(&vser->control);
        len = iov_from_buf(elem->in_sg, elem->in_num, 0, g_bytes_get_data(msg, NULL), g_bytes_get_size(msg));
        virtqueue_push(vser->c_ivq, elem, len);
        g_bytes_unref(msg);
        g_free(elem);
        any = true;
    }
    if (any) {
        virtio_notify(&vser->parent, vser->c_ivq);
    }
}

void virtio_serial_send_control(VirtIOSerial *vser, uint32_t nr, uint16_t event, uint16_t value, const char *name)
{
    size_t name_len = name ? strlen(name) + 1 : 0;
    g_autofree uint8_t *msg = NULL;

    if (!virtio_serial_multiport(vser) || vser->control.length >= VIRTIO_SERIAL_CONTROL_MAX) {
        return;
    }
    msg = g_malloc0(CONTROL_HDR + name_len);
    st32_le(msg, nr);
    st16_le(msg + 4, event);
    st16_le(msg + 6, value);
    if (name) {
        memcpy(msg + CONTROL_HDR, name, name_len);
    }
    g_queue_push_tail(&vser->control, g_bytes_new(msg, CONTROL_HDR + name_len));
    virtio_serial_flush_control(vser);
}

void virtio_serial_save_control(VirtIOSerial *vser)
{
    vser->n_saved = 0;
    for (const GList *l = vser->control.head; l; l = l->next) {
        const uint8_t *msg = g_bytes_get_data(l->data, NULL);

        vser->saved[vser->n_saved++] = ld64_le(msg);        /* a name is the port's, which the other side has too */
    }
}

int virtio_serial_load_control(VirtIOSerial *vser)
{
    g_queue_clear_full(&vser->control, (GDestroyNotify)g_bytes_unref);
    if (vser->n_saved > VIRTIO_SERIAL_CONTROL_MAX) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < vser->n_saved; i++) {
        uint32_t nr = (uint32_t)vser->saved[i];
        uint16_t event = vser->saved[i] >> 32 & 0xffff;
        const VirtIOSerialPort *port = nr < vser->max_ports ? vser->ports[nr] : NULL;

        if (nr >= vser->max_ports || event > VIRTIO_CONSOLE_PORT_NAME) {
            return -EINVAL;
        }
        if (event == VIRTIO_CONSOLE_PORT_NAME && !(port && port->name)) {
            continue;       /* the port was unplugged since, and that message is on its way, too */
        }
        virtio_serial_send_control(vser, nr, event, vser->saved[i] >> 48,
                                   event == VIRTIO_CONSOLE_PORT_NAME ? port->name : NULL);
    }
    return 0;
}

void virtio_serial_handle_control_in(VirtIODevice *vdev, VirtQueue *vq)
{
    virtio_serial_flush_control((VirtIOSerial *)vdev);
}

/* ---- From the guest ---- */

static void virtio_serial_announce_port(VirtIOSerialPort *port)
{
    VirtIOSerial *vser = port->vser;

    /* A console's name comes after it is known to be one. */
    if (virtio_serial_port_is_console(port)) {
        virtio_serial_send_control(vser, port->nr, VIRTIO_CONSOLE_CONSOLE_PORT, 1, NULL);
    }
    if (port->name) {
        virtio_serial_send_control(vser, port->nr, VIRTIO_CONSOLE_PORT_NAME, 1, port->name);
    }
    if (port->host_connected) {
        vser->host_open |= 1u << port->nr;
        virtio_serial_send_control(vser, port->nr, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL);
    }
}

static void virtio_serial_device_ready(VirtIOSerial *vser)
{
    for (unsigned i = 0; i < vser->max_ports; i++) {
        if (vser->ports[i]) {
            virtio_serial_send_control(vser, i, VIRTIO_CONSOLE_PORT_ADD, 1, NULL);
        }
    }
}

void virtio_serial_command(VirtIOSerial *vser, const uint8_t *msg, size_t len)
{
    VirtIOSerialPort *port;
    uint16_t event, value;
    uint32_t nr;

    if (len < CONTROL_HDR) {
        return;
    }
    nr = ld32_le(msg);
    event = ld16_le(msg + 4);
    value = ld16_le(msg + 6);
    if (event == VIRTIO_CONSOLE_DEVICE_READY) {
        /* Of a driver that failed there is nothing more to hear. */
        if (value) {
            virtio_serial_device_ready(vser);
        }
        return;
    }
    port = nr < vser->max_ports ? vser->ports[nr] : NULL;
    if (!port) {
        return;
    }
    if (event == VIRTIO_CONSOLE_PORT_READY && value) {
        virtio_serial_announce_port(port);
    } else if (event == VIRTIO_CONSOLE_PORT_OPEN) {
        virtio_serial_port_set_guest(port, value != 0);
    }
}

void virtio_serial_control_bh(void *opaque)
{
    VirtIOSerial *vser = opaque;

    virtio_serial_flush_control(vser);
    virtio_serial_handle_control_out(&vser->parent, vser->c_ovq);
}

void virtio_serial_handle_control_out(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOSerial *vser = (VirtIOSerial *)vdev;
    unsigned n = 0;

    while (virtio_serial_active(vser) && n < CONTROL_BURST) {
        VirtQueueElement *elem = virtqueue_pop(vq, sizeof(*elem));
        uint8_t msg[CONTROL_HDR];
        size_t len;

        if (!elem) {
            break;
        }
        len = iov_to_buf(elem->out_sg, elem->out_num, 0, msg, sizeof(msg));
        virtqueue_push(vq, elem, 0);
        g_free(elem);
        n++;
        virtio_serial_command(vser, msg, len);
    }
    if (n == CONTROL_BURST) {
        qemu_bh_schedule(vser->control_bh);
    }
    if (n > 0) {
        virtio_notify(vdev, vq);
    }
}
