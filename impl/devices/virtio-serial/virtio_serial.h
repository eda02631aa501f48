/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-serial: a bus of byte streams between guest and chardevs. Port 0 is a console.
 *
 * Queues: 0 and 1 are port 0's (to the guest, from the guest), 2 and 3 the control messages', 2n + 2 and 2n + 3 those
 * of port n. Context: main thread or a vCPU thread, BQL held.
 *
 * I1  No element is in flight between two calls: what a chardev does not take stays in the ring, with the number of
 *     bytes that it did take (tx_offset).
 * I2  Control messages for the guest are kept in order until it has buffers for them, at most CONTROL_MAX.
 * I3  One pass over a queue hands at most TX_BUDGET bytes and TX_BURST elements to the chardev.
 * Source: virtio 1.2, section 5.3.
 */
#ifndef DEVICES_VIRTIO_SERIAL_VIRTIO_SERIAL_H
#define DEVICES_VIRTIO_SERIAL_VIRTIO_SERIAL_H

#include "devices/device.h"
#include "monitor/chardev.h"
#include "virtio/virtio.h"

#define VIRTIO_CONSOLE_F_SIZE 0
#define VIRTIO_CONSOLE_F_MULTIPORT 1
#define VIRTIO_CONSOLE_F_EMERG_WRITE 2

#define VIRTIO_CONSOLE_DEVICE_READY 0
#define VIRTIO_CONSOLE_PORT_ADD 1
#define VIRTIO_CONSOLE_PORT_REMOVE 2
#define VIRTIO_CONSOLE_PORT_READY 3
#define VIRTIO_CONSOLE_CONSOLE_PORT 4
#define VIRTIO_CONSOLE_RESIZE 5
#define VIRTIO_CONSOLE_PORT_OPEN 6
#define VIRTIO_CONSOLE_PORT_NAME 7

#define VIRTIO_CONSOLE_BAD_ID UINT32_MAX

/* Control messages that may wait for the guest. */
#define VIRTIO_SERIAL_CONTROL_MAX 512
#define VIRTIO_SERIAL_MAX_PORTS 31

typedef struct VirtIOSerial VirtIOSerial;

/** A port: virtconsole or virtserialport. */
typedef struct VirtIOSerialPort {
    DeviceState qdev;
    /* fixed after realize */
    uint32_t nr;                /* VIRTIO_CONSOLE_BAD_ID: choose */
    char *name;
    CharBackend chr;
    VirtIOSerial *vser;
    VirtQueue *ivq;             /* to the guest */
    VirtQueue *ovq;             /* from the guest */
    QEMUBH *bh;                 /* goes on with ovq (I3) */
    /* BQL */
    bool host_connected;        /* the chardev's peer is there, or this is a console */
    bool throttled;             /* the chardev is full: a watch waits for room */
} VirtIOSerialPort;

struct VirtIOSerial {
    VirtIODevice parent;
    BusState bus;
    /* fixed after realize */
    uint32_t max_ports;
    bool emergency_write;
    VirtQueue *c_ivq;           /* control messages to the guest */
    VirtQueue *c_ovq;
    QEMUBH *control_bh;
    VirtIOSerialPort *ports[VIRTIO_SERIAL_MAX_PORTS];   /* by number; BQL */
    /* BQL */
    GQueue control;             /* of GBytes: messages that wait (I2) */
    uint32_t ports_map;         /* bit n: port n exists */
    uint32_t guest_open;        /* bit n: the guest has port n open */
    uint32_t host_open;         /* bit n: what the guest was last told of our side */
    uint64_t tx_offset[VIRTIO_SERIAL_MAX_PORTS];        /* (I1) */
    /* Only for the stream: the messages that wait, each as port, event << 32 and value << 48. */
    uint32_t n_saved;
    uint64_t saved[VIRTIO_SERIAL_CONTROL_MAX];
};

/** virtio_serial_port_is_console: is it a virtconsole? */
bool virtio_serial_port_is_console(const VirtIOSerialPort *port);
/** virtio_serial_multiport: did the guest accept more ports than one? */
bool virtio_serial_multiport(const VirtIOSerial *vser);
bool virtio_serial_active(const VirtIOSerial *vser);

/* ---- Control messages (control.c) ---- */

/** virtio_serial_send_control: @name: appended, may be NULL. Nothing without a multiport driver. */
void virtio_serial_send_control(VirtIOSerial *vser, uint32_t nr, uint16_t event, uint16_t value, const char *name);
/** virtio_serial_save_control / load: the messages that wait, to and from the fields for the stream. -EINVAL. */
void virtio_serial_save_control(VirtIOSerial *vser);
int virtio_serial_load_control(VirtIOSerial *vser);
/** virtio_serial_flush_control: into buffers that the guest has given. */
void virtio_serial_flush_control(VirtIOSerial *vser);
void virtio_serial_handle_control_in(VirtIODevice *vdev, VirtQueue *vq);
void virtio_serial_handle_control_out(VirtIODevice *vdev, VirtQueue *vq);
/** virtio_serial_control_bh: goes on with what the guest sent (I3), and with what waits for it. */
void virtio_serial_control_bh(void *opaque);
/** virtio_serial_command: one message of the guest. For tests and the fuzz target too. */
void virtio_serial_command(VirtIOSerial *vser, const uint8_t *msg, size_t len);

/* ---- Ports (port.c) ---- */

/** virtio_serial_port_set_guest: the guest opens or closes @port. */
void virtio_serial_port_set_guest(VirtIOSerialPort *port, bool open);
/** virtio_serial_port_flush: hand what the guest sent to the chardev, as far as it goes. */
void virtio_serial_port_flush(VirtIOSerialPort *port);
/** virtio_serial_port_stop: until the next kick; forget what the chardev was waited for. */
void virtio_serial_port_stop(VirtIOSerialPort *port);
extern const BusClass virtio_serial_bus_class;

#endif
