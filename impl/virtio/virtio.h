/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio device core: features, status, configuration space, virtqueues, notification both ways.
 *
 * A transport (virtio/pci.c) owns the registers; a device (devices/virtio-*) owns the queues' meaning.
 *
 * Context: control under the BQL; a queue is popped and pushed only by the thread that runs its handler (the
 * home thread of the AioContext its host notifier is attached to), or by anyone while the device is drained.
 *
 * I1  An element is popped once and pushed (or detached) once. One that outlives a reset of its queue is only
 *     unmapped then: the rings it came from are gone.
 * I2  A queue that showed a ring error is broken: nothing is popped until reset, DEVICE_NEEDS_RESET is set.
 * I3  After notification is switched on the queue is looked at again before anybody sleeps.
 * I4  vq->inuse never exceeds the queue size.
 * Source: virtio 1.2, sections 2 and 4.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <sys/uio.h>

#include "aio/aio.h"
#include "devices/device.h"
#include "mem/memory.h"
#include "virtio/ring.h"

#define VIRTIO_QUEUE_MAX 64
#define VIRTQUEUE_MAX_SIZE 1024
#define VIRTIO_NO_VECTOR 0xffff

/* Device status (2.1). */
#define VIRTIO_CONFIG_S_ACKNOWLEDGE 1
#define VIRTIO_CONFIG_S_DRIVER 2
#define VIRTIO_CONFIG_S_DRIVER_OK 4
#define VIRTIO_CONFIG_S_FEATURES_OK 8
#define VIRTIO_CONFIG_S_NEEDS_RESET 0x40
#define VIRTIO_CONFIG_S_FAILED 0x80

/* Feature bits (6). */
#define VIRTIO_RING_F_INDIRECT_DESC 28
#define VIRTIO_RING_F_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_ACCESS_PLATFORM 33

#define VIRTIO_ID_NET 1
#define VIRTIO_ID_BLOCK 2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_RNG 4
#define VIRTIO_ID_BALLOON 5
#define VIRTIO_ID_SCSI 8

typedef struct VirtIODevice VirtIODevice;
typedef struct VirtQueue VirtQueue;
typedef struct VirtioDeviceClass VirtioDeviceClass;
typedef struct VirtioBusState VirtioBusState;
typedef struct VirtioBusOps VirtioBusOps;
typedef void (*VirtIOHandleOutput)(VirtIODevice *vdev, VirtQueue *vq);

/** A request as popped: device-readable part "out", device-writable part "in", mapped guest memory. */
typedef struct VirtQueueElement {
    unsigned index;             /* head descriptor */
    unsigned epoch;             /* of the queue when it was popped: a reset ends an epoch */
    unsigned out_num;
    unsigned in_num;
    struct iovec *out_sg;       /* these four arrays lie behind the element */
    struct iovec *in_sg;
    hwaddr *out_addr;
    hwaddr *in_addr;
} VirtQueueElement;

/** Callbacks of a kind of virtio device; DeviceClass.class_data points here. Any may be NULL. */
struct VirtioDeviceClass {
    uint16_t device_id;
    bool (*realize)(VirtIODevice *vdev, GError **errp);
    void (*unrealize)(VirtIODevice *vdev);
    uint64_t (*get_features)(VirtIODevice *vdev, uint64_t features);
    void (*set_features)(VirtIODevice *vdev, uint64_t features);
    void (*get_config)(VirtIODevice *vdev, uint8_t *config);
    void (*set_config)(VirtIODevice *vdev, const uint8_t *config);
    void (*reset)(VirtIODevice *vdev);
    void (*set_status)(VirtIODevice *vdev, uint8_t status);
    /* Take over (give back) all host notifiers; 0 or -errno. NULL: the generic ones on the main loop. */
    int (*start_ioeventfd)(VirtIODevice *vdev);
    void (*stop_ioeventfd)(VirtIODevice *vdev);
};

struct VirtIODevice {
    DeviceState qdev;
    const char *name;           /* "virtio-blk", section name in streams */
    uint16_t device_id;
    uint8_t status;
    uint8_t isr;
    uint64_t guest_features;
    uint64_t host_features;
    uint32_t config_size;       /* bytes */
    uint8_t *config;
    uint16_t config_vector;
    uint32_t generation;
    uint16_t queue_sel;
    VirtQueue *vq;              /* VIRTIO_QUEUE_MAX of them */
    uint32_t num_queues;        /* as many as were added */
    bool vm_running;
    bool broken;                /* I2; atomic, any thread */
    bool started;
    AddressSpace *dma_as;
    VirtioBusState *bus;
    struct VMChangeStateEntry *vmstate;
    QEMUBH *error_bh;           /* tells the guest that the device is broken */
    char *error;                /* why; NULL: it is not */
    bool indirect_desc;         /* properties: offer the feature */
    bool event_idx;
};

/* Properties of every virtio device. */
#define DEFINE_VIRTIO_COMMON_PROPS(state, member) \
    DEFINE_PROP_BOOL("indirect_desc", state, member.indirect_desc, true), \
    DEFINE_PROP_BOOL("event_idx", state, member.event_idx, true)

/** What a transport offers to the bus. @d is the transport's device. */
struct VirtioBusOps {
    void (*notify)(DeviceState *d, uint16_t vector);        /* vector VIRTIO_NO_VECTOR: no interrupt wanted */
    void (*config_changed)(DeviceState *d);
    void (*vmstate_change)(DeviceState *d, bool running);
    bool (*ioeventfd_enabled)(DeviceState *d);
    /* Map (unmap) @notifier to the guest's kick register of queue @n. */
    int (*ioeventfd_assign)(DeviceState *d, EventNotifier *notifier, int n, bool assign);
    int (*set_guest_notifiers)(DeviceState *d, int nvqs, bool assign);
};

struct VirtioBusState {
    BusState bus;
    const VirtioBusOps *ops;
    bool ioeventfd_started;
};

/* ---- Devices ---- */

/** virtio_init: for a device's realize; @config_size bytes of configuration space. */
void virtio_init(VirtIODevice *vdev, uint16_t device_id, size_t config_size);
void virtio_cleanup(VirtIODevice *vdev);
/** virtio_add_queue: @queue_size: power of two, 2..VIRTQUEUE_MAX_SIZE. Borrowed. */
VirtQueue *virtio_add_queue(VirtIODevice *vdev, int queue_size, VirtIOHandleOutput handle_output);
void virtio_delete_queue(VirtQueue *vq);
VirtQueue *virtio_get_queue(VirtIODevice *vdev, int n);
unsigned virtio_get_num_queues(VirtIODevice *vdev);
VirtIODevice *virtio_queue_get_vdev(VirtQueue *vq);
int virtio_get_queue_index(VirtQueue *vq);

/** virtio_reset: back to the state after power-on, queues forgotten. */
void virtio_reset(void *opaque);
/** virtio_set_status: what the guest wrote to device status (never 0: that is a reset). 0 or -errno. */
int virtio_set_status(VirtIODevice *vdev, uint8_t val);
/** virtio_set_features: keeps only offered bits. Returns 0, or -1 if the guest wanted others or is too late. */
int virtio_set_features(VirtIODevice *vdev, uint64_t val);
static inline bool virtio_has_feature(uint64_t features, unsigned bit)
{
    return features & (UINT64_C(1) << bit);
}
static inline bool virtio_vdev_has_feature(const VirtIODevice *vdev, unsigned bit)
{
    return virtio_has_feature(vdev->guest_features, bit);
}
/** virtio_device_started: would @status mean that the driver is in charge? */
bool virtio_device_started(VirtIODevice *vdev, uint8_t status);
uint32_t virtio_config_readb(VirtIODevice *vdev, uint32_t addr, unsigned size);
void virtio_config_writeb(VirtIODevice *vdev, uint32_t addr, uint32_t data, unsigned size);
/** virtio_notify_config: the configuration space has changed. */
void virtio_notify_config(VirtIODevice *vdev);
/** virtio_error: the guest broke the rules: device needs reset (I2). @fmt says how; logged once. */
void virtio_error(VirtIODevice *vdev, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* For DeviceClass of every virtio device; its vmsd begins with VMSTATE_VIRTIO_DEVICE. */
bool virtio_device_realize(DeviceState *dev, GError **errp);
void virtio_device_unrealize(DeviceState *dev);
void virtio_device_reset(DeviceState *dev);
extern const VMStateDescription vmstate_virtio_device;
#define VMSTATE_VIRTIO_DEVICE(f, s) VMSTATE_STRUCT(f, s, 0, vmstate_virtio_device, VirtIODevice)

/* ---- Queues: set-up by the guest ---- */

void virtio_queue_set_num(VirtIODevice *vdev, int n, int num);
int virtio_queue_get_num(VirtIODevice *vdev, int n);
int virtio_queue_get_max_num(VirtIODevice *vdev, int n);
void virtio_queue_set_rings(VirtIODevice *vdev, int n, hwaddr desc, hwaddr avail, hwaddr used);
hwaddr virtio_queue_get_desc_addr(VirtIODevice *vdev, int n);
hwaddr virtio_queue_get_avail_addr(VirtIODevice *vdev, int n);
hwaddr virtio_queue_get_used_addr(VirtIODevice *vdev, int n);
bool virtio_queue_enabled(VirtIODevice *vdev, int n);
void virtio_queue_enable(VirtIODevice *vdev, int n);
uint16_t virtio_queue_vector(VirtIODevice *vdev, int n);
void virtio_queue_set_vector(VirtIODevice *vdev, int n, uint16_t vector);
/** virtio_queue_notify: the guest kicked queue @n without an ioeventfd in between. */
void virtio_queue_notify(VirtIODevice *vdev, int n);

/* ---- Queues: requests ---- */

bool virtio_queue_ready(VirtQueue *vq);
bool virtio_queue_empty(VirtQueue *vq);
/**
 * virtqueue_pop: the next request, in a block of @sz bytes that begins with VirtQueueElement. Caller g_free()s
 * after push or detach. NULL: nothing there, or the queue is broken (I2).
 */
G_GNUC_WARN_UNUSED_RESULT
void *virtqueue_pop(VirtQueue *vq, size_t sz);
/** virtqueue_push: the request is done, @len bytes of the in part were written. Does not notify. */
void virtqueue_push(VirtQueue *vq, const VirtQueueElement *elem, unsigned len);
/** virtqueue_fill: push without telling, as the @idx-th of a batch; virtqueue_flush() then shows all @count. */
void virtqueue_fill(VirtQueue *vq, const VirtQueueElement *elem, unsigned len, unsigned idx);
void virtqueue_flush(VirtQueue *vq, unsigned count);
/** virtqueue_detach_element: give up the request without telling the guest (reset). */
void virtqueue_detach_element(VirtQueue *vq, const VirtQueueElement *elem, unsigned len);
/** virtqueue_unpop: as if @elem, the one popped last, had never been popped. The caller frees it. */
void virtqueue_unpop(VirtQueue *vq, const VirtQueueElement *elem);
/** virtio_notify: interrupt the guest for @vq unless it asked not to be. BQL held. */
void virtio_notify(VirtIODevice *vdev, VirtQueue *vq);
/** virtio_notify_irqfd: the same from any thread; the interrupt is raised on the main loop. */
void virtio_notify_irqfd(VirtIODevice *vdev, VirtQueue *vq);
/**
 * virtio_notify_any: the one of the two that fits: through the guest notifier while there is one. Whoever takes the
 * notifiers away has drained the device before, so a request that ends late in an iothread still finds it.
 */
void virtio_notify_any(VirtIODevice *vdev, VirtQueue *vq);
/** virtio_queue_set_notification: ask the guest for kicks, or not. */
void virtio_queue_set_notification(VirtQueue *vq, int enable);
bool virtio_queue_get_notification(VirtQueue *vq);

/* ---- Host notifiers ---- */

EventNotifier *virtio_queue_get_host_notifier(VirtQueue *vq);
EventNotifier *virtio_queue_get_guest_notifier(VirtQueue *vq);
void virtio_queue_host_notifier_read(EventNotifier *n);
/** Serve the queue's kicks in @ctx, with polling. Looks at the queue at once (I3). */
void virtio_queue_aio_attach_host_notifier(VirtQueue *vq, AioContext *ctx);
/** The same without polling, for queues that are hardly ever empty of buffers (events). */
void virtio_queue_aio_attach_host_notifier_no_poll(VirtQueue *vq, AioContext *ctx);
void virtio_queue_aio_detach_host_notifier(VirtQueue *vq, AioContext *ctx);
/** What a guest notifier does in the main loop: raise the interrupt of its queue. */
void virtio_queue_guest_notifier_read(EventNotifier *n);
void virtio_queue_set_guest_notifier_fd_handler(VirtQueue *vq, bool assign);
/** virtio_user_device: what the user made: @vdev itself behind a transport of the board, else its PCI device. */
DeviceState *virtio_user_device(VirtIODevice *vdev);
/** virtio_queue_name: "<device>.vq<n>", for traces. */
const char *virtio_queue_name(const VirtQueue *vq);

bool virtio_device_ioeventfd_enabled(VirtIODevice *vdev);
int virtio_device_start_ioeventfd_impl(VirtIODevice *vdev);
void virtio_device_stop_ioeventfd_impl(VirtIODevice *vdev);

/* ---- The bus between transport and device ---- */

extern const BusClass virtio_bus_class;
/* Kept out of line: their names in a stack are how people know a hang in a reset. */
void virtio_bus_reset(VirtioBusState *bus) G_GNUC_NO_INLINE;
int virtio_bus_start_ioeventfd(VirtioBusState *bus) G_GNUC_NO_INLINE;
void virtio_bus_stop_ioeventfd(VirtioBusState *bus) G_GNUC_NO_INLINE;
bool virtio_bus_ioeventfd_enabled(VirtioBusState *bus);
/** virtio_bus_set_guest_notifiers: interrupts of the first @nvqs queues go through descriptors, or no longer. */
int virtio_bus_set_guest_notifiers(VirtioBusState *bus, int nvqs, bool assign);
/** virtio_bus_set_host_notifier: queue @n's kicks become a descriptor (or not). Then, outside any memory
 * transaction, virtio_bus_cleanup_host_notifier. 0 or -errno. */
int virtio_bus_set_host_notifier(VirtioBusState *bus, int n, bool assign);
void virtio_bus_cleanup_host_notifier(VirtioBusState *bus, int n);
VirtIODevice *virtio_bus_get_device(VirtioBusState *bus);

#endif
