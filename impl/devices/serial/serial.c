/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-serial: a 16550A UART on a chardev.
 *
 * Sending takes no guest time: a byte written to THR is with the chardev at once and the transmitter is empty again,
 * so drivers that poll never wait and the run is the same on every machine. Receiving obeys FIFO and trigger level.
 *
 * Context: BQL; the chardev delivers from the outermost main loop, the timeout from a main-loop timer.
 *
 * I1  LSR.DR is set exactly while the receive FIFO (or RBR) holds a byte.
 * I2  The interrupt line follows IIR: the highest-priority enabled condition, recomputed after each change.
 * Source: National Semiconductor PC16550D data sheet.
 */
#include <string.h>

#include "aio/timer.h"
#include "devices/isa/isa.h"
#include "devices/table.h"
#include "migration/vmstate.h"
#include "monitor/chardev.h"

#define UART_FIFO 16

#define IER_RDI 0x01
#define IER_THRI 0x02
#define IER_RLSI 0x04
#define IER_MSI 0x08
#define IIR_NO_INT 0x01
#define IIR_MSI 0x00
#define IIR_THRI 0x02
#define IIR_RDI 0x04
#define IIR_RLSI 0x06
#define IIR_CTI 0x0c
#define IIR_FE 0xc0
#define FCR_FE 0x01
#define FCR_RFR 0x02
#define LCR_DLAB 0x80
#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define LSR_DR 0x01
#define LSR_OE 0x02
#define LSR_BI 0x10
#define LSR_ERRORS 0x1e
#define LSR_THRE 0x20
#define LSR_TEMT 0x40
#define MSR_DELTA 0x0f
#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80

typedef struct SerialState {
    ISADevice parent;
    uint32_t index;
    uint32_t iobase;            /* 0: by index */
    uint32_t isairq;            /* 0: by index */
    CharBackend chr;
    MemoryRegion io;
    qemu_irq irq;
    uint16_t divider;
    uint8_t ier;
    uint8_t iir;
    uint8_t fcr;
    uint8_t lcr;
    uint8_t mcr;
    uint8_t lsr;
    uint8_t msr;
    uint8_t scr;
    uint8_t fifo[UART_FIFO];    /* without FIFO mode only the first place is used */
    uint8_t fifo_len;
    uint8_t thr_ipending;       /* THR became empty and nobody has been told */
    uint8_t timeout_ipending;
    QEMUTimer timeout;
} SerialState;

static bool serial_fifo_on(const SerialState *s)
{
    return s->fcr & FCR_FE;
}

static unsigned serial_trigger(const SerialState *s)
{
    static const uint8_t levels[4] = { 1, 4, 8, 14 };

    return serial_fifo_on(s) ? levels[s->fcr >> 6] : 1;
}

/* Ten bits a character, four characters of silence. */
static int64_t serial_timeout_ns(const SerialState *s)
{
    unsigned divider = s->divider ? s->divider : 1;

    return 4 * 10 * (int64_t)NANOSECONDS_PER_SECOND / (115200 / MIN(divider, 115200u));
}

static void serial_update_irq(SerialState *s)
{
    uint8_t iir = IIR_NO_INT;

    if (s->ier & IER_RLSI && s->lsr & LSR_ERRORS) {
        iir = IIR_RLSI;
    } else if (s->ier & IER_RDI && s->timeout_ipending) {
        iir = IIR_CTI;
    } else if (s->ier & IER_RDI && s->fifo_len >= serial_trigger(s)) {
        iir = IIR_RDI;
    } else if (s->ier & IER_THRI && s->thr_ipending) {
        iir = IIR_THRI;
    } else if (s->ier & IER_MSI && s->msr & MSR_DELTA) {
        iir = IIR_MSI;
    }
    s->iir = iir | (serial_fifo_on(s) ? IIR_FE : 0);
    qemu_set_irq(s->irq, iir != IIR_NO_INT);
}

static void serial_restart_timeout(SerialState *s)
{
    s->timeout_ipending = 0;
    if (serial_fifo_on(s) && s->fifo_len) {
        timer_mod(&s->timeout, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + serial_timeout_ns(s));
    } else {
        timer_del(&s->timeout);
    }
}

static void serial_timeout(void *opaque)
{
    SerialState *s = opaque;

    if (s->fifo_len) {
        s->timeout_ipending = 1;
        serial_update_irq(s);
    }
}

static void serial_receive_byte(SerialState *s, uint8_t ch)
{
    unsigned room = serial_fifo_on(s) ? UART_FIFO : 1;

    if (s->fifo_len < room) {
        s->fifo[s->fifo_len++] = ch;
    } else {
        s->lsr |= LSR_OE;
        if (!serial_fifo_on(s)) {
            s->fifo[0] = ch;    /* without FIFO the new byte overwrites */
        }
    }
    s->lsr |= LSR_DR;           /* (I1) */
    serial_restart_timeout(s);
}

static void serial_flush_rx(SerialState *s)
{
    s->fifo_len = 0;
    s->lsr &= ~(LSR_DR | LSR_BI);
    serial_restart_timeout(s);
    qemu_chr_fe_accept_input(&s->chr);
}

/* ---- Chardev side ---- */

static int serial_can_receive(void *opaque)
{
    SerialState *s = opaque;

    return serial_fifo_on(s) ? UART_FIFO - s->fifo_len : !s->fifo_len;
}

static void serial_receive(void *opaque, const uint8_t *buf, int size)
{
    SerialState *s = opaque;

    if (s->mcr & MCR_LOOP) {
        return;                 /* the line is cut while looped */
    }
    for (int i = 0; i < size; i++) {
        serial_receive_byte(s, buf[i]);
    }
    serial_update_irq(s);
}

static void serial_event(void *opaque, QEMUChrEvent event)
{
    SerialState *s = opaque;

    if (event == CHR_EVENT_BREAK) {
        serial_receive_byte(s, 0);
        s->lsr |= LSR_BI;
        serial_update_irq(s);
    }
}

/* ---- Registers ---- */

static void serial_transmit(SerialState *s, uint8_t ch)
{
    s->thr_ipending = 0;
    serial_update_irq(s);
    if (s->mcr & MCR_LOOP) {
        serial_receive_byte(s, ch);
    } else {
        (void)qemu_chr_fe_write_all(&s->chr, &ch, 1);   /* a line has no way to report a lost byte */
    }
    s->thr_ipending = 1;
    serial_update_irq(s);
}

static uint8_t serial_msr(const SerialState *s)
{
    uint8_t m = s->mcr;

    if (!(m & MCR_LOOP)) {
        return s->msr;
    }
    return (m & MCR_RTS ? MSR_CTS : 0) | (m & MCR_DTR ? MSR_DSR : 0) | (m & MCR_OUT1 ? MSR_RI : 0) |
           (m & MCR_OUT2 ? MSR_DCD : 0);
}

static void serial_write_fcr(SerialState *s, uint8_t val)
{
    if ((val ^ s->fcr) & FCR_FE) {
        val |= FCR_RFR;         /* switching the FIFOs on or off empties them */
    }
    s->fcr = val & 0xc9;
    if (val & FCR_RFR) {
        serial_flush_rx(s);
    }
    serial_update_irq(s);
}

static void serial_ioport_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    SerialState *s = opaque;

    switch (addr) {
    case 0:
        if (s->lcr & LCR_DLAB) {
            s->divider = (s->divider & 0xff00) | (val & 0xff);
        } else {
            serial_transmit(s, val);
        }
        break;
    case 1:
        if (s->lcr & LCR_DLAB) {
            s->divider = (s->divider & 0xff) | (val & 0xff) << 8;
        } else {
            /* Enabling the empty interrupt while the transmitter is empty raises it. */
            if (val & IER_THRI && !(s->ier & IER_THRI)) {
                s->thr_ipending = 1;
            }
            s->ier = val & 0x0f;
            serial_update_irq(s);
        }
        break;
    case 2:
        serial_write_fcr(s, val);
        break;
    case 3:
        s->lcr = val;
        break;
    case 4:
        s->mcr = val & 0x1f;
        break;
    case 7:
        s->scr = val;
        break;
    default:
        break;
    }
}

static uint8_t serial_read_rbr(SerialState *s)
{
    uint8_t ch = s->fifo[0];

    if (s->fifo_len) {
        s->fifo_len--;
        memmove(s->fifo, s->fifo + 1, s->fifo_len);
    }
    if (!s->fifo_len) {
        s->lsr &= ~(LSR_DR | LSR_BI);
    }
    serial_restart_timeout(s);
    serial_update_irq(s);
    if (!(s->mcr & MCR_LOOP)) {
        qemu_chr_fe_accept_input(&s->chr);
    }
    return ch;
}

static uint64_t serial_ioport_read(void *opaque, hwaddr addr, unsigned size)
{
    SerialState *s = opaque;
    uint8_t ret;

    switch (addr) {
    case 0:
        return s->lcr & LCR_DLAB ? s->divider & 0xff : serial_read_rbr(s);
    case 1:
        return s->lcr & LCR_DLAB ? s->divider >> 8 : s->ier;
    case 2:
        ret = s->iir;
        if ((ret & 0x0f) == IIR_THRI) {
            s->thr_ipending = 0;
            serial_update_irq(s);
        }
        return ret;
    case 3:
        return s->lcr;
    case 4:
        return s->mcr;
    case 5:
        ret = s->lsr;
        s->lsr &= ~LSR_ERRORS;
        serial_update_irq(s);
        return ret;
    case 6:
        ret = serial_msr(s);
        if (!(s->mcr & MCR_LOOP)) {
            s->msr &= ~MSR_DELTA;
            serial_update_irq(s);
        }
        return ret;
    default:
        return s->scr;
    }
}

static const MemoryRegionOps serial_ops = {
    .read = serial_ioport_read,
    .write = serial_ioport_write,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

/* ---- Life ---- */

static void serial_reset(DeviceState *dev)
{
    SerialState *s = (SerialState *)dev;

    s->divider = 0x0c;
    s->ier = 0;
    s->fcr = 0;
    s->lcr = 0;
    s->mcr = MCR_OUT2;
    s->lsr = LSR_THRE | LSR_TEMT;
    s->msr = MSR_DCD | MSR_DSR | MSR_CTS;
    s->scr = 0;
    s->thr_ipending = 0;
    serial_flush_rx(s);
    serial_update_irq(s);
}

static bool serial_realize(DeviceState *dev, GError **errp)
{
    static const uint16_t bases[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    static const uint8_t irqs[] = { 4, 3, 4, 3 };
    SerialState *s = (SerialState *)dev;

    if (s->index == UINT32_MAX) {
        s->index = 0;
        for (unsigned i = 0; i < dev->parent_bus->children->len; i++) {
            DeviceState *other = g_ptr_array_index(dev->parent_bus->children, i);

            s->index += other != dev && other->klass == dev->klass;
        }
    }
    if (s->index >= G_N_ELEMENTS(bases)) {
        error_setg(errp, "Max. supported number of ISA serial ports is %zu.", G_N_ELEMENTS(bases));
        return false;
    }
    if (s->iobase > 0xfff8) {
        error_setg(errp, "isa-serial: port 0x%x is outside the I/O space", s->iobase);
        return false;
    }
    s->irq = isa_get_irq(&s->parent, s->isairq ? s->isairq : irqs[s->index]);
    timer_init_ns(&s->timeout, QEMU_CLOCK_VIRTUAL, serial_timeout, s);
    memory_region_init_io(&s->io, s, &serial_ops, s, "serial", 8);
    isa_register_ioport(&s->parent, &s->io, s->iobase ? s->iobase : bases[s->index]);
    qemu_chr_fe_set_handlers(&s->chr, serial_can_receive, serial_receive, serial_event, s, true);
    serial_reset(dev);
    return true;
}

static void serial_unrealize(DeviceState *dev)
{
    SerialState *s = (SerialState *)dev;

    qemu_chr_fe_set_handlers(&s->chr, NULL, NULL, NULL, NULL, false);
    isa_unregister_ioport(&s->parent, &s->io);
    timer_del(&s->timeout);
    timer_deinit(&s->timeout);
}

static int serial_post_load(void *opaque, int version_id)
{
    SerialState *s = opaque;

    if (s->fifo_len > UART_FIFO) {
        s->fifo_len = 0;
        return -EINVAL;
    }
    s->lsr = (s->lsr & ~LSR_DR) | (s->fifo_len ? LSR_DR : 0);
    if (s->fifo_len && !s->timeout_ipending) {
        serial_restart_timeout(s);
    }
    return 0;
}

static const VMStateDescription vmstate_serial = {
    .name = "serial",
    .version_id = 3,
    .minimum_version_id = 3,
    .post_load = serial_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(divider, SerialState),
        VMSTATE_UINT8(ier, SerialState),
        VMSTATE_UINT8(iir, SerialState),
        VMSTATE_UINT8(fcr, SerialState),
        VMSTATE_UINT8(lcr, SerialState),
        VMSTATE_UINT8(mcr, SerialState),
        VMSTATE_UINT8(lsr, SerialState),
        VMSTATE_UINT8(msr, SerialState),
        VMSTATE_UINT8(scr, SerialState),
        VMSTATE_BUFFER(fifo, SerialState),
        VMSTATE_UINT8(fifo_len, SerialState),
        VMSTATE_UINT8(thr_ipending, SerialState),
        VMSTATE_UINT8(timeout_ipending, SerialState),
        VMSTATE_END_OF_LIST()
    },
};

static const Property serial_props[] = {
    DEFINE_PROP_UINT32("index", SerialState, index, UINT32_MAX),
    DEFINE_PROP_UINT32("iobase", SerialState, iobase, 0),
    DEFINE_PROP_UINT32("irq", SerialState, isairq, 0),
    DEFINE_PROP_CHR("chardev", SerialState, chr),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass isa_serial_class = {
    .name = "isa-serial",
    .bus_type = "ISA",
    .instance_size = sizeof(SerialState),
    .props = serial_props,
    .user_creatable = true,
    .realize = serial_realize,
    .unrealize = serial_unrealize,
    .reset = serial_reset,
    .vmsd = &vmstate_serial,
};
