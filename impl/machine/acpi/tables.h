/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables of a machine, as three files for firmware: etc/acpi/tables, etc/acpi/rsdp and etc/table-loader.
 *
 * Boards fill in AcpiMachine and write the body of the DSDT. Addresses in the tables are offsets in etc/acpi/tables
 * until firmware has run the loader's script.
 * Source: ACPI 6.4, chapter 5; PCI Firmware 3.3 (MCFG); IA-PC HPET 1.0a; WAET 1.0.
 */
#ifndef MACHINE_ACPI_TABLES_H
#define MACHINE_ACPI_TABLES_H

#include "machine/acpi/aml.h"
#include "machine/acpi/loader.h"

#define ACPI_TABLES_FILE "etc/acpi/tables"
#define ACPI_RSDP_FILE "etc/acpi/rsdp"
#define ACPI_LOADER_FILE "etc/table-loader"

/** What differs between boards. Ports; a GPE block of length 0 is absent. */
typedef struct AcpiMachine {
    unsigned num_cpus;
    uint16_t pm1_evt;
    uint16_t pm1_cnt;
    uint16_t pm_tmr;
    uint16_t gpe0;
    uint8_t gpe0_len;
    uint8_t sci;                /* GSI */
    uint16_t smi_cmd;           /* 0: always in ACPI mode */
    uint32_t level_gsis;        /* a bit for each ISA line that PCI devices use: level triggered, active high */
    bool i8042;
    bool hpet;
    uint64_t reduced_regs;      /* no fixed hardware: sleep control, sleep status, reset in memory; 0: not so */
    uint64_t mcfg_base;         /* 0: no ECAM */
    uint8_t mcfg_buses_minus_1;
} AcpiMachine;

typedef struct AcpiTables {
    GByteArray *tables;
    GByteArray *rsdp;
    GByteArray *script;
} AcpiTables;

/** Write what is in the DSDT. */
typedef void AcpiDsdtFunc(Aml *a, void *opaque);

/** acpi_build: @ret's arrays belong to the caller. */
void acpi_build(const AcpiMachine *m, AcpiDsdtFunc *dsdt, void *opaque, AcpiTables *ret);
void acpi_tables_clear(AcpiTables *t);

#endif
