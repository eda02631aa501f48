/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hosts for which there is no translator: the interpreter runs everything. Context: any. */
#include "cpu/cpu.h"

bool cpu_x86_set_translate(X86CPU *cpu, unsigned threshold)
{
    return false;
}
