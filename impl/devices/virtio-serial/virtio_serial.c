/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-serial: the device, its life and state, and its PCI proxy. See virtio_serial.h.
 */
#include "devices/virtio-serial/virtio_serial.h"

#include "base/bytes.h"
#include "devices/table.h"
#include "migration/vmstate.h"
#include "virtio/pci.h"

#define PORT_QUEUE_SIZE 128
#define CONTROL_QUEUE_SIZE 32
#define CONFIG_SIZE 12          /* cols, rows, max_nr_ports, emerg_wr */

bool virtio_serial_multiport(const VirtIOSerial *vser)
{
    return virtio_vdev_has_feature(&vser->parent, VIRTIO_CONSOLE_F_MULTIPORT);
}

bool virtio_serial_active(const VirtIOSerial *vser)
{
    return vser->parent.vm_running && vser->parent.status & VIRTIO_CONFIG_S_DRIVER_OK && !vser->parent.broken;
}

/* ---- Queues ---- */

static VirtIOSerialPort *virtio_serial_port_of(VirtIOSerial *vser, VirtQueue *vq)
{
    unsigned q = virtio_get_queue_index(vq);

    return vser->ports[q < 2 ? 0 : q / 2 - 1];
}

static void virtio_serial_handle_input(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOSerialPort *port = virtio_serial_port_of((VirtIOSerial *)vdev, vq);

    if (port) {
        qemu_chr_fe_accept_input(&port->chr);
    }
}

static void virtio_serial_handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOSerialPort *port = virtio_serial_port_of((VirtIOSerial *)vdev, vq);

    /* What is sent to a port that does not exist stays where it is. */
    if (port) {
        virtio_serial_port_flush(port);
    }
}

/* ---- Configuration ---- */

static void virtio_serial_get_config(VirtIODevice *vdev, uint8_t *c)
{
    st32_le(c, 0);              /* a size of our own we do not know */
    st32_le(c + 4, ((VirtIOSerial *)vdev)->max_ports);
    st32_le(c + 8, 0);
}

/* A guest in trouble writes single bytes before it has a driver. */
static void virtio_serial_set_config(VirtIODevice *vdev, const uint8_t *config)
{
    VirtIOSerial *vser = (VirtIOSerial *)vdev;
    uint8_t byte = config[8];

    if (vser->emergency_write && vser->ports[0] && byte && vdev->vm_running) {
        result_ignored(qemu_chr_fe_write_all(&vser->ports[0]->chr, &byte, 1));     /* nobody to tell */
    }
    st32_le(vdev->config + 8, 0);
}

static uint64_t virtio_serial_get_features(VirtIODevice *vdev, uint64_t features)
{
    VirtIOSerial *vser = (VirtIOSerial *)vdev;

    features |= (uint64_t)(vser->max_ports > 1) << VIRTIO_CONSOLE_F_MULTIPORT;
    return features | (uint64_t)vser->emergency_write << VIRTIO_CONSOLE_F_EMERG_WRITE;
}

/* ---- Life ---- */

static void virtio_serial_set_status(VirtIODevice *vdev, uint8_t status)
{
    VirtIOSerial *vser = (VirtIOSerial *)vdev;
    bool active = status & VIRTIO_CONFIG_S_DRIVER_OK && vdev->vm_running;

    if (active) {
        qemu_bh_schedule(vser->control_bh);
    } else {
        qemu_bh_cancel(vser->control_bh);
    }
    for (unsigned i = 0; i < vser->max_ports; i++) {
        VirtIOSerialPort *port = vser->ports[i];

        if (port && active) {
            qemu_bh_schedule(port->bh);
            qemu_chr_fe_accept_input(&port->chr);
        } else if (port) {
            virtio_serial_port_stop(port);
        }
    }
}

static void virtio_serial_reset(VirtIODevice *vdev)
{
    VirtIOSerial *vser = (VirtIOSerial *)vdev;

    g_queue_clear_full(&vser->control, (GDestroyNotify)g_bytes_unref);
    for (unsigned i = 0; i < vser->max_ports; i++) {
        vser->tx_offset[i] = 0;
        if (vser->ports[i]) {
            virtio_serial_port_set_guest(vser->ports[i], false);
        }
    }
}

static bool virtio_serial_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIOSerial *vser = (VirtIOSerial *)vdev;
    DeviceState *proxy = virtio_user_device(vdev);
    g_autofree char *bus_name = proxy->id ? g_strdup_printf("%s.0", proxy->id) : NULL;

    if (vser->max_ports < 1) {
        error_setg(errp, "Maximum number of serial ports not specified");
        return false;
    }
    if (vser->max_ports > VIRTIO_SERIAL_MAX_PORTS) {
        error_setg(errp, "maximum ports supported: %u", VIRTIO_SERIAL_MAX_PORTS);
        return false;
    }
    vdev->name = "virtio-console";
    virtio_init(vdev, VIRTIO_ID_CONSOLE, CONFIG_SIZE);
    g_queue_init(&vser->control);
    vser->control_bh = qemu_bh_new(virtio_serial_control_bh, vser);
    for (unsigned i = 0; i < vser->max_ports; i++) {
        (void)virtio_add_queue(vdev, PORT_QUEUE_SIZE, virtio_serial_handle_input);
        (void)virtio_add_queue(vdev, PORT_QUEUE_SIZE, virtio_serial_handle_output);
        if (i == 0) {
            vser->c_ivq = virtio_add_queue(vdev, CONTROL_QUEUE_SIZE, virtio_serial_handle_control_in);
            vser->c_ovq = virtio_add_queue(vdev, CONTROL_QUEUE_SIZE, virtio_serial_handle_control_out);
        }
    }
    bus_init(&vser->bus, &virtio_serial_bus_class, &vdev->qdev, bus_name);
    return true;
}

static void virtio_serial_unrealize(VirtIODevice *vdev)
{
    VirtIOSerial *vser = (VirtIOSerial *)vdev;

    g_queue_clear_full(&vser->control, (GDestroyNotify)g_bytes_unref);
    qemu_bh_delete(vser->control_bh);
    vser->control_bh = NULL;
}

/* ---- State ---- */

static int virtio_serial_pre_save(void *opaque)
{
    virtio_serial_save_control(opaque);
    return 0;
}

/* Whether the host's sides are open may be different here: the guest is told. */
static int virtio_serial_post_load(void *opaque, int version_id)
{
    VirtIOSerial *vser = opaque;
    uint32_t told = vser->host_open;

    if (vser->guest_open & ~vser->ports_map || told & ~vser->ports_map) {
        vser->guest_open = vser->host_open = 0;
        return -EINVAL;
    }
    if (virtio_serial_load_control(vser) < 0) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < vser->max_ports; i++) {
        VirtIOSerialPort *port = vser->ports[i];
        bool open = vser->guest_open & 1u << i;

        if (!port) {
            continue;
        }
        if (!virtio_serial_port_is_console(port)) {
            qemu_chr_fe_set_open(&port->chr, open);
        }
        if (open && port->host_connected != ((told & 1u << i) != 0)) {
            vser->host_open ^= 1u << i;
            virtio_serial_send_control(vser, i, VIRTIO_CONSOLE_PORT_OPEN, port->host_connected, NULL);
        }
    }
    return 0;
}

static const VMStateDescription vmstate_virtio_serial = {
    .name = "virtio-console",
    .version_id = 2,
    .minimum_version_id = 2,
    .pre_save = virtio_serial_pre_save,
    .post_load = virtio_serial_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE(parent, VirtIOSerial),
        VMSTATE_UINT32_EQUAL(ports_map, VirtIOSerial),
        VMSTATE_UINT32(guest_open, VirtIOSerial),
        VMSTATE_UINT32(host_open, VirtIOSerial),
        VMSTATE_UINT64_ARRAY(tx_offset, VirtIOSerial, VIRTIO_SERIAL_MAX_PORTS),
        VMSTATE_UINT32(n_saved, VirtIOSerial),
        VMSTATE_UINT64_ARRAY(saved, VirtIOSerial, VIRTIO_SERIAL_CONTROL_MAX),
        VMSTATE_END_OF_LIST()
    },
};

static const VirtioDeviceClass virtio_serial_vdc = {
    .device_id = VIRTIO_ID_CONSOLE,
    .realize = virtio_serial_realize,
    .unrealize = virtio_serial_unrealize,
    .get_features = virtio_serial_get_features,
    .get_config = virtio_serial_get_config,
    .set_config = virtio_serial_set_config,
    .reset = virtio_serial_reset,
    .set_status = virtio_serial_set_status,
};

static const Property virtio_serial_props[] = {
    DEFINE_PROP_UINT32("max_ports", VirtIOSerial, max_ports, VIRTIO_SERIAL_MAX_PORTS),
    DEFINE_PROP_BOOL("emergency-write", VirtIOSerial, emergency_write, true),
    DEFINE_VIRTIO_COMMON_PROPS(VirtIOSerial, parent),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass virtio_serial_class = {
    .name = "virtio-serial-device",
    .bus_type = "virtio-bus",
    .user_creatable = true,
    .instance_size = sizeof(VirtIOSerial),
    .props = virtio_serial_props,
    .realize = virtio_device_realize,
    .unrealize = virtio_device_unrealize,
    .reset = virtio_device_reset,
    .vmsd = &vmstate_virtio_serial,
    .class_data = &virtio_serial_vdc,
};

/* ---- virtio-serial-pci ---- */

typedef struct VirtIOSerialPCI {
    VirtIOPCIProxy parent;
    VirtIOSerial vdev;
} VirtIOSerialPCI;

static void virtio_serial_pci_init(DeviceState *dev)
{
    VirtIOSerialPCI *d = (VirtIOSerialPCI *)dev;

    virtio_pci_init(&d->parent, &d->vdev.parent, &virtio_serial_class);
}

static bool virtio_serial_pci_realize(PCIDevice *pci_dev, GError **errp)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)pci_dev;

    if (proxy->nvectors == VIRTIO_PCI_VECTORS_AUTO) {
        proxy->nvectors = 2;    /* one for each of 60 queues would help nobody */
    }
    return virtio_pci_realize(pci_dev, errp);
}

static const Property virtio_serial_pci_props[] = {
    VIRTIO_PCI_PROPS(VirtIOSerialPCI, parent),
    DEFINE_PROP_END_OF_LIST()
};

static const PCIDeviceClass virtio_serial_pci_pc = {
    VIRTIO_PCI_CLASS,
    .device_id = 0x1003,
    .class_id = 0x0780,
    .realize = virtio_serial_pci_realize,
};

const DeviceClass virtio_serial_pci_class = {
    VIRTIO_PCI_DEVICE_CLASS,
    .name = "virtio-serial-pci",
    .instance_size = sizeof(VirtIOSerialPCI),
    .props = virtio_serial_pci_props,
    .init = virtio_serial_pci_init,
    .class_data = &virtio_serial_pci_pc,
};
