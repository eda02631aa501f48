/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of a virtio-serial device: bytes between a pair of queues and a chardev. See virtio_serial.h.
 */
#include "devices/virtio-serial/virtio_serial.h"

#include <string.h>

#include "aio/main_loop.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "base/iov.h"
#include "devices/events.h"
#include "devices/table.h"

#define TX_BUDGET (1 << 20)     /* bytes in one pass */
#define TX_BURST 256            /* elements in one pass */
#define TX_CHUNK 65536
#define RX_MAX 4096             /* bytes taken from the chardev at once */

bool virtio_serial_port_is_console(const VirtIOSerialPort *port)
{
    return port->qdev.klass == &virtconsole_class;
}

static bool port_guest_ready(const VirtIOSerialPort *port)
{
    const VirtIOSerial *vser = port->vser;

    return virtio_serial_active(vser) && virtio_queue_ready(port->ivq) &&
           (!virtio_serial_multiport(vser) || vser->guest_open & 1u << port->nr);
}

/* ---- From the guest ---- */

static void port_flush_bh(void *opaque)
{
    virtio_serial_port_flush(opaque);
}

static gboolean port_writable(void *do_not_use, GIOCondition condition, void *opaque)
{
    VirtIOSerialPort *port = opaque;

    port->throttled = false;
    virtio_serial_port_flush(port);
    return port->throttled ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;       /* the same watch again */
}

/* The chardev is full: come back when it is not. Returns false if it will never say so, and the bytes are lost. */
static bool port_throttle(VirtIOSerialPort *port)
{
    port->throttled = true;
    if (!qemu_chr_fe_add_watch(&port->chr, G_IO_OUT | G_IO_HUP, port_writable, port)) {
        port->throttled = false;
    }
    return port->throttled;
}

/* Bytes of @elem from tx_offset on. Returns true if all are gone. */
static bool port_send(VirtIOSerialPort *port, const VirtQueueElement *elem, size_t *budget)
{
    uint64_t *offset = &port->vser->tx_offset[port->nr];
    size_t size = iov_size(elem->out_sg, elem->out_num);
    g_autofree uint8_t *buf = g_malloc(TX_CHUNK);

    while (*offset < size && *budget) {
        size_t len = iov_to_buf(elem->out_sg, elem->out_num, *offset, buf, MIN(TX_CHUNK, *budget));
        int ret = qemu_chr_fe_get_driver(&port->chr) ? qemu_chr_fe_write(&port->chr, buf, len) : (int)len;

        if (ret < 0 && ret != -EAGAIN) {
            ret = len;          /* a peer that is gone takes everything */
        }
        *offset += MAX(ret, 0);
        *budget -= MIN(*budget, len);
        if (ret < (int)len && port_throttle(port)) {
            return false;
        }
        if (ret <= 0) {
            *offset += len;
        }
    }
    return *offset >= size;
}

void virtio_serial_port_flush(VirtIOSerialPort *port)
{
    VirtIOSerial *vser = port->vser;
    size_t budget = TX_BUDGET;
    unsigned n = 0, done = 0;

    while (virtio_serial_active(vser) && !port->throttled) {
        VirtQueueElement *elem;

        if (!budget || n++ == TX_BURST) {
            qemu_bh_schedule(port->bh);         /* (I3) */
            break;
        }
        elem = virtqueue_pop(port->ovq, sizeof(*elem));
        if (!elem) {
            break;
        }
        if (port_send(port, elem, &budget)) {
            vser->tx_offset[port->nr] = 0;
            virtqueue_push(port->ovq, elem, 0);
            done++;
        } else {
            virtqueue_unpop(port->ovq, elem);   /* (I1) */
        }
        g_free(elem);
    }
    if (done) {
        virtio_notify(&vser->parent, port->ovq);
    }
}

void virtio_serial_port_stop(VirtIOSerialPort *port)
{
    qemu_bh_cancel(port->bh);
    if (port->throttled) {
        qemu_chr_fe_remove_watch(&port->chr);
        port->throttled = false;
    }
}

/* ---- To the guest ---- */

static int port_can_read(void *opaque)
{
    VirtIOSerialPort *port = opaque;
    VirtQueueElement *elem;
    size_t room;

    if (!port_guest_ready(port)) {
        return 0;
    }
    elem = virtqueue_pop(port->ivq, sizeof(*elem));
    if (!elem) {
        return 0;
    }
    room = MIN(iov_size(elem->in_sg, elem->in_num), RX_MAX);
    if (room) {
        virtqueue_unpop(port->ivq, elem);
    } else {
        /* A buffer that holds nothing is used up with nothing, or it would be the first for ever. */
        virtqueue_push(port->ivq, elem, 0);
        virtio_notify(&port->vser->parent, port->ivq);
    }
    g_free(elem);
    return room;
}

static void port_read(void *opaque, const uint8_t *buf, int size)
{
    VirtIOSerialPort *port = opaque;

    while (size > 0) {
        VirtQueueElement *elem = virtqueue_pop(port->ivq, sizeof(*elem));
        size_t len;

        if (!elem) {
            break;              /* the guest took its buffers back: it does not want the rest */
        }
        len = iov_from_buf(elem->in_sg, elem->in_num, 0, buf, size);
        virtqueue_push(port->ivq, elem, len);
        g_free(elem);
        buf += len;
        size -= len;
        if (!len) {
            break;
        }
    }
    virtio_notify(&port->vser->parent, port->ivq);
}

/* ---- Opening and closing ---- */

static void port_set_host(VirtIOSerialPort *port, bool connected)
{
    VirtIOSerial *vser = port->vser;
    uint32_t bit = 1u << port->nr;

    if (port->host_connected == connected) {
        return;
    }
    port->host_connected = connected;
    vser->host_open = connected ? vser->host_open | bit : vser->host_open & ~bit;
    virtio_serial_send_control(vser, port->nr, VIRTIO_CONSOLE_PORT_OPEN, connected, NULL);
}

static void port_event(void *opaque, QEMUChrEvent event)
{
    VirtIOSerialPort *port = opaque;

    bool console = virtio_serial_port_is_console(port);

    /* A console is there for the guest whether somebody looks at it or not. */
    if (event == CHR_EVENT_OPENED && !console) {
        port_set_host(port, true);
    } else if (event == CHR_EVENT_CLOSED) {
        if (!console) {
            port_set_host(port, false);
        }
        if (port->throttled) {
            /* Nobody will make room: what waits is dropped as if it had been taken. */
            virtio_serial_port_stop(port);
            qemu_bh_schedule(port->bh);
        }
    }
}

void virtio_serial_port_set_guest(VirtIOSerialPort *port, bool open)
{
    VirtIOSerial *vser = port->vser;
    uint32_t bit = 1u << port->nr;

    if (open == ((vser->guest_open & bit) != 0)) {
        return;
    }
    vser->guest_open = open ? vser->guest_open | bit : vser->guest_open & ~bit;
    if (!virtio_serial_port_is_console(port)) {
        qemu_chr_fe_set_open(&port->chr, open);
        if (port->qdev.id && devices_events()->vserport_change) {
            devices_events()->vserport_change(port->qdev.id, open);
        }
    }
    if (open) {
        qemu_chr_fe_accept_input(&port->chr);
    }
}

/* ---- Life ---- */

static bool port_choose_nr(VirtIOSerialPort *port, VirtIOSerial *vser, GError **errp)
{
    bool console = virtio_serial_port_is_console(port);

    if (!console && port->nr == 0) {
        error_setg(errp, "Port number 0 on virtio-serial devices reserved for virtconsole devices for "
                   "backward compatibility.");
        return false;
    }
    if (port->nr == VIRTIO_CONSOLE_BAD_ID) {
        port->nr = console ? 0 : 1;
        while (port->nr < vser->max_ports && vser->ports[port->nr]) {
            port->nr++;
        }
        if (port->nr == vser->max_ports) {
            port->nr = VIRTIO_CONSOLE_BAD_ID;
            error_setg(errp, "virtio-serial-bus: Maximum port limit for this device reached");
            return false;
        }
    }
    if (port->nr >= vser->max_ports) {
        error_setg(errp, "virtio-serial-bus: Out-of-range port id specified, max. allowed: %u", vser->max_ports - 1);
        return false;
    }
    if (vser->ports[port->nr]) {
        error_setg(errp, "virtio-serial-bus: A port already exists at id %u", port->nr);
        return false;
    }
    return true;
}

static bool port_realize(DeviceState *dev, GError **errp)
{
    VirtIOSerialPort *port = (VirtIOSerialPort *)dev;
    VirtIOSerial *vser = (VirtIOSerial *)dev->parent_bus->parent;
    unsigned q;

    if (!port_choose_nr(port, vser, errp)) {
        return false;
    }
    q = port->nr ? 2 * port->nr + 2 : 0;
    port->vser = vser;
    port->ivq = virtio_get_queue(&vser->parent, q);
    port->ovq = virtio_get_queue(&vser->parent, q + 1);
    port->bh = qemu_bh_new(port_flush_bh, port);
    vser->ports[port->nr] = port;
    vser->ports_map |= 1u << port->nr;
    vser->tx_offset[port->nr] = 0;
    /* A guest that runs already learns of it now. */
    virtio_serial_send_control(vser, port->nr, VIRTIO_CONSOLE_PORT_ADD, 1, NULL);
    if (virtio_serial_port_is_console(port)) {
        port->host_connected = true;
    }
    if (qemu_chr_fe_get_driver(&port->chr)) {
        qemu_chr_fe_set_handlers(&port->chr, port_can_read, port_read, port_event, port,
                                 virtio_serial_port_is_console(port));
    }
    return true;
}

static void port_unrealize(DeviceState *dev)
{
    VirtIOSerialPort *port = (VirtIOSerialPort *)dev;
    VirtIOSerial *vser = port->vser;
    uint32_t bit = 1u << port->nr;

    virtio_serial_port_stop(port);
    qemu_chr_fe_set_handlers(&port->chr, NULL, NULL, NULL, NULL, false);
    qemu_bh_delete(port->bh);
    port->bh = NULL;
    vser->ports[port->nr] = NULL;
    vser->ports_map &= ~bit;
    vser->guest_open &= ~bit;
    vser->host_open &= ~bit;
    virtio_serial_send_control(vser, port->nr, VIRTIO_CONSOLE_PORT_REMOVE, 1, NULL);
}

static char *virtio_serial_bus_dev_path(DeviceState *dev)
{
    return g_strdup_printf("port%u", ((VirtIOSerialPort *)dev)->nr);
}

const BusClass virtio_serial_bus_class = {
    .type = "virtio-serial-bus",
    .get_dev_path = virtio_serial_bus_dev_path,
    .max_dev = VIRTIO_SERIAL_MAX_PORTS,
};

static const Property port_props[] = {
    DEFINE_PROP_UINT32("nr", VirtIOSerialPort, nr, VIRTIO_CONSOLE_BAD_ID),
    DEFINE_PROP_STRING("name", VirtIOSerialPort, name),
    DEFINE_PROP_CHR("chardev", VirtIOSerialPort, chr),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass virtconsole_class = {
    .name = "virtconsole",
    .bus_type = "virtio-serial-bus",
    .user_creatable = true,
    .instance_size = sizeof(VirtIOSerialPort),
    .props = port_props,
    .realize = port_realize,
    .unrealize = port_unrealize,
};

const DeviceClass virtserialport_class = {
    .name = "virtserialport",
    .bus_type = "virtio-serial-bus",
    .user_creatable = true,
    .instance_size = sizeof(VirtIOSerialPort),
    .props = port_props,
    .realize = port_realize,
    .unrealize = port_unrealize,
};
