/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The accelerators there are, and how long a slice they are asked for. Internal to cpu/. */
#ifndef CPU_ACCEL_H
#define CPU_ACCEL_H

#include "cpu/vcpu.h"

/* Instructions between two looks at the scheduler: short enough for a prompt preemption, long enough to be cheap. */
#define VCPU_SLICE UINT64_C(20000)

extern const AccelOps accel_tcg, accel_soft, accel_kvm;

/* The processor's section in migration streams; its opaque is the X86CPU. */
extern const struct VMStateDescription vmstate_x86_cpu;

#endif
