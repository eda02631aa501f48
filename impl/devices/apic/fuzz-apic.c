/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: two processors and a board do anything to the registers, messages, wires and MSRs of the local APICs and
 * the I/O APIC. The input is a list of operations of eight bytes each.
 * Checked: what the devices assert of themselves, what the sanitizers see, and that a vector which is taken was meant
 * for software.
 */
#include "aio/timer.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "devices/apic/apic.h"
#include "devices/ioapic/ioapic.h"
#include "devices/test-board.h"

#define OP_SIZE 8
#define OPS_MAX 500

enum { CPUS = 2 };

typedef struct Fuzz {
    const uint8_t *data;
    size_t size;
    DeviceState *ioapic;
} Fuzz;

static int pic_vector(void *opaque)
{
    return 8;
}

static void up(Fuzz *f)
{
    GError *err = NULL;

    for (unsigned i = 0; i < CPUS; i++) {
        CPUState *cpu = qemu_cpu_new(i, NULL);

        cpu_x86_set_get_irq(cpu->x86, pic_vector, NULL);
        if (!apic_new(cpu, &err)) {
            base_fatal("%s", err->message);
        }
    }
    f->ioapic = test_board_add(&ioapic_class, sysbus_get_default(), NULL);
}

/* What a processor does at its own interface: acknowledge, priority, base, deadline, INIT. */
static void be_processor(CPUState *cpu, uint8_t what, uint32_t val)
{
    const X86ApicOps *ops = cpu->x86->apic;
    void *apic = cpu->x86->apic_opaque;
    int vector;

    switch (what % 6) {
    case 0:
        vector = ops->get_interrupt(apic);
        assert(vector == -1 || vector == 8 || (vector >= 16 && vector <= 255));
        break;
    case 1:
        ops->set_tpr(apic, val & 15);
        assert(ops->get_tpr(apic) == (val & 15));
        break;
    case 2:
        (void)ops->set_base(apic, val);   /* a refusal is an exception in the guest */
        break;
    case 3:
        ops->set_tsc_deadline(apic, val);
        break;
    case 4:
        ops->init_reset(apic);
        break;
    default:
        (void)ops->get_sipi_vector(apic);   /* any byte will do */
        break;
    }
}

static void operate(Fuzz *f, const uint8_t *op)
{
    CPUState *cpu = qemu_get_cpu(op[0] >> 7);
    uint32_t val = ld32_le(op + 4);
    uint16_t addr = ld16_le(op + 2);

    sched_slot_set(SCHED_SLOT_CPU, cpu);
    switch (op[0] & 7) {
    case 0:
    case 1:
        stl_le_phys(&address_space_memory, APIC_DEFAULT_ADDRESS + (op[1] & 0x3f) * 16, val);
        break;
    case 2:
        (void)ldl_le_phys(&address_space_memory, APIC_DEFAULT_ADDRESS + addr % 0x1000);
        break;
    case 3:
        stl_le_phys(&address_space_memory, APIC_DEFAULT_ADDRESS + addr * 4u, val);
        break;
    case 4:
        stl_le_phys(&address_space_memory, IOAPIC_DEFAULT_ADDRESS, op[1] & 0x3f);
        stl_le_phys(&address_space_memory, IOAPIC_DEFAULT_ADDRESS + (op[1] & 0x80 ? 0x40 : 0x10), val);
        (void)ldl_le_phys(&address_space_memory, IOAPIC_DEFAULT_ADDRESS + 0x10);
        break;
    case 5:
        qemu_set_irq(ioapic_irq(f->ioapic, addr % IOAPIC_NUM_PINS), val & 1);
        break;
    case 6:
        apic_deliver_pic_intr(cpu_get_apic(qemu_get_cpu(0)), val & 1);
        break;
    default:
        be_processor(cpu, op[1], val);
        break;
    }
    sched_slot_set(SCHED_SLOT_CPU, NULL);
}

static int fuzz_body(void *opaque)
{
    Machine *m = test_board_up();
    Fuzz *f = opaque;

    up(f);
    cpu_enable_ticks();
    for (size_t at = 0, n = 0; at + OP_SIZE <= f->size && n < OPS_MAX; at += OP_SIZE, n++) {
        operate(f, f->data + at);
        if (n % 16 == 0) {
            main_loop_wait(true);
        }
    }
    qemu_devices_reset();
    test_board_down(m);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz f = { .data = data, .size = size };

    return sched_main(fuzz_body, &f);
}
