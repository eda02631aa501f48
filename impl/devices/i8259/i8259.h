/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pair of 8259A interrupt controllers of a PC, with the edge/level registers of the chipset.
 *
 * Context: BQL held.
 *
 * I1  A level-triggered input keeps its request bit equal to its level; an edge-triggered one sets it on a rise
 *     and keeps it until acknowledged or, before that, until the line falls.
 * I2  The output to the processor is recomputed after every change.
 * Source: Intel 8259A data sheet; 82371SB data sheet, ELCR.
 */
#ifndef DEVICES_I8259_I8259_H
#define DEVICES_I8259_I8259_H

#include "devices/isa/isa.h"

typedef struct PICState PICState;

extern const DeviceClass i8259_class;

/**
 * i8259_set_output: where the master's INT pin goes. @opaque is passed back as irq opaque.
 * The slave is wired to input 2 of @master by i8259_cascade.
 */
void i8259_init_master(DeviceState *dev, qemu_irq int_out);
void i8259_init_slave(DeviceState *dev, DeviceState *master);
/** i8259_irq: input @n (0..7) of one controller. Borrowed. */
qemu_irq i8259_irq(DeviceState *dev, int n);
/** pic_read_irq: the processor's acknowledge cycle. Returns the vector (a spurious one if nothing is pending). */
int pic_read_irq(DeviceState *master);

#endif
