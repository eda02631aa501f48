/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of accelerators. A new one is a line here. */
#include "cpu/accel.h"

#include <string.h>

static const AccelOps *const accels[] = {
#ifdef __x86_64__
    &accel_kvm,
#endif
    &accel_soft,
    &accel_tcg,
};

const AccelOps *accel_by_option(const char *option)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(accels); i++) {
        if (strcmp(accels[i]->option, option) == 0) {
            return accels[i];
        }
    }
    return NULL;
}

const char *accel_help(void)
{
    return "Accelerators supported in Rondo:\n"
#ifdef __x86_64__
           "kvm    the host's processor, through /dev/kvm\n"
#endif
           "soft   interpreter\n"
           "tcg    translation to host code where the host is x86-64 (translate=off: interpreter)\n"
           "kvm:tcg  the first of a list that works\n";
}
