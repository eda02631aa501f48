/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI machine language, written front to back: what AML puts before its operands is called first, so that code here
 * reads like the ASL it stands for. A construct with a body is begun and ended; its length is filled in at the end.
 *
 *     aml_device_begin(a, "RTC");
 *     aml_name(a, "_HID"); aml_eisaid(a, "PNP0B00");
 *     aml_end(a);
 *
 * I1  Every begin has its end before aml_free (asserted).
 * Source: ACPI 6.4, chapter 20 (encoding) and section 6.4 (resources).
 */
#ifndef MACHINE_ACPI_AML_H
#define MACHINE_ACPI_AML_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Aml {
    GByteArray *bytes;
    GArray *open;               /* of AmlOpen: constructs that have begun */
} Aml;

/** aml_new: appends to @bytes (borrowed). aml_free: what it wrote stays. */
Aml *aml_new(GByteArray *bytes);
void aml_free(Aml *a);
/** aml_end: of the innermost construct that has begun. */
void aml_end(Aml *a);

/* ---- Values ---- */

void aml_int(Aml *a, uint64_t val);
void aml_string(Aml *a, const char *text);
/** aml_eisaid: "PNP0A03" as a number. */
void aml_eisaid(Aml *a, const char *id);
/** aml_ref: a name: "FOO", "\\_SB.PCI0", "^BAR". aml_call is the same; its arguments follow. */
void aml_ref(Aml *a, const char *name);
#define aml_call(a, name) aml_ref((a), (name))
void aml_arg(Aml *a, unsigned n);
void aml_local(Aml *a, unsigned n);
void aml_package_begin(Aml *a, unsigned num);

/* ---- Objects ---- */

/** aml_name: its value follows. */
void aml_name(Aml *a, const char *name);
void aml_scope_begin(Aml *a, const char *name);
void aml_device_begin(Aml *a, const char *name);
void aml_method_begin(Aml *a, const char *name, unsigned args, bool serialized);
enum { AML_SYSTEM_MEMORY, AML_SYSTEM_IO, AML_PCI_CONFIG };
void aml_operation_region(Aml *a, const char *name, unsigned space, uint64_t offset, uint64_t len);
enum { AML_ACCESS_ANY, AML_ACCESS_BYTE, AML_ACCESS_WORD, AML_ACCESS_DWORD };
/** aml_field_begin: fields follow, each aml_field_unit; NULL as name leaves @bits out. */
void aml_field_begin(Aml *a, const char *region, unsigned access);
void aml_field_unit(Aml *a, const char *name, unsigned bits);

/* ---- Statements and operators; their operands follow ---- */

void aml_return(Aml *a);
void aml_if_begin(Aml *a);
void aml_else_begin(Aml *a);
/** aml_store: value, target. */
void aml_store(Aml *a);
/** aml_notify: device, value. */
void aml_notify(Aml *a);
/** aml_and, aml_or: two operands, then a target (aml_none: there is none). */
void aml_and(Aml *a);
void aml_or(Aml *a);
void aml_none(Aml *a);
void aml_lless(Aml *a);
void aml_lequal(Aml *a);
/** aml_create_dword_field: buffer, byte index, then aml_ref of the new name. */
void aml_create_dword_field(Aml *a);

/* ---- Resource templates ---- */

void aml_resources_begin(Aml *a);
/** aml_io: ports [@base, @base + @len), decoded by 16 bits. */
void aml_io(Aml *a, uint16_t base, uint8_t len);
/** aml_irq_noflags: edge, active high, not shared. */
void aml_irq_noflags(Aml *a, unsigned irq);
/** aml_interrupt: extended: level triggered, active high, shared. @n numbers in @irqs. */
void aml_interrupt(Aml *a, const uint32_t *irqs, unsigned n);
void aml_memory32_fixed(Aml *a, bool writable, uint32_t base, uint32_t len);
/** Windows of a bridge; both ends included. */
void aml_word_bus(Aml *a, uint16_t min, uint16_t max);
void aml_word_io(Aml *a, uint16_t min, uint16_t max);
/** @cacheable: of video memory. */
void aml_dword_memory(Aml *a, bool cacheable, uint32_t min, uint32_t max);
void aml_qword_memory(Aml *a, uint64_t min, uint64_t max);

#endif
