/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of an x86-64 processor as a debugger numbers them.
 *
 * Source: GDB manual, appendix G "Target Descriptions", "i386 Features".
 */
#ifndef GDBSTUB_REGISTERS_H
#define GDBSTUB_REGISTERS_H

#include <glib.h>

#include "cpu/cpu.h"

#define GDB_REG_BYTES_MAX 16

unsigned gdb_reg_count(void);
/** gdb_reg_read: register @n, little-endian, into @buf of GDB_REG_BYTES_MAX. Returns its bytes, 0: no such register. */
unsigned gdb_reg_read(const X86CPU *cpu, unsigned n, uint8_t *buf);
/** gdb_reg_write: @len bytes; false: no such register, another size, or one that cannot be written. */
bool gdb_reg_write(X86CPU *cpu, unsigned n, const uint8_t *buf, unsigned len);
/** gdb_target_xml: the description of all this that gdb asks for. Caller frees. */
char *gdb_target_xml(void);

#endif
