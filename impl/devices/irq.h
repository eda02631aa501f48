/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines: a level that one side sets and the other side is told about. Embedded in the receiver.
 * Needs the BQL.
 */
#ifndef DEVICES_IRQ_H
#define DEVICES_IRQ_H

#include <stddef.h>

typedef void (*qemu_irq_handler)(void *opaque, int n, int level);

typedef struct IRQState {
    qemu_irq_handler handler;
    void *opaque;
    int n;
} IRQState;

/** A line as its source sees it; NULL is a line that goes nowhere. Borrowed from the receiver. */
typedef IRQState *qemu_irq;

static inline void qemu_init_irq(IRQState *irq, qemu_irq_handler handler, void *opaque, int n)
{
    *irq = (IRQState){ .handler = handler, .opaque = opaque, .n = n };
}

/** qemu_set_irq: @level 0 or 1. */
static inline void qemu_set_irq(qemu_irq irq, int level)
{
    if (irq) {
        irq->handler(irq->opaque, irq->n, level);
    }
}

static inline void qemu_irq_raise(qemu_irq irq)
{
    qemu_set_irq(irq, 1);
}

static inline void qemu_irq_lower(qemu_irq irq)
{
    qemu_set_irq(irq, 0);
}

#endif
