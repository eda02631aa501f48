/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: local APICs take, order, send and acknowledge interrupts as chapter 10 says; their timers fire.
 * Method: three processors without threads; the test is now this one, now that one when it touches the registers.
 */
#include "devices/apic/apic_int.h"

#include "aio/timer.h"
#include "base/bytes.h"
#include "devices/test-board.h"
#include "migration/vmstate.h"

enum { ID = 0x20, TPR = 0x80, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180,
       IRR = 0x200, ESR = 0x280, ICR_LOW = 0x300, ICR_HIGH = 0x310, LVT_TIMER = 0x320, LVT_LINT0 = 0x350,
       LVT_ERROR = 0x370, INITIAL_COUNT = 0x380, CURRENT_COUNT = 0x390, DIVIDE = 0x3e0 };

enum { CPUS = 3 };

static int pic_vector = -1;

static void be_cpu(unsigned cpu)
{
    sched_slot_set(SCHED_SLOT_CPU, qemu_get_cpu(cpu));
}

static void be_main(void)
{
    sched_slot_set(SCHED_SLOT_CPU, NULL);
}

static void wr(unsigned cpu, unsigned reg, uint32_t v)
{
    be_cpu(cpu);
    stl_le_phys(get_address_space_memory(), APIC_DEFAULT_ADDRESS + reg, v);
    be_main();
}

static uint32_t rd(unsigned cpu, unsigned reg)
{
    uint32_t v;

    be_cpu(cpu);
    v = ldl_le_phys(get_address_space_memory(), APIC_DEFAULT_ADDRESS + reg);
    be_main();
    return v;
}

static X86CPU *x86_of(unsigned cpu)
{
    return qemu_get_cpu(cpu)->x86;
}

static bool pending(unsigned cpu, uint32_t mask)
{
    return __atomic_load_n(&x86_of(cpu)->pending, __ATOMIC_ACQUIRE) & mask;
}

static int ack(unsigned cpu)
{
    return x86_of(cpu)->apic->get_interrupt(x86_of(cpu)->apic_opaque);
}

static void send(unsigned from, uint32_t dest, uint32_t low)
{
    wr(from, ICR_HIGH, dest << 24);
    wr(from, ICR_LOW, low);
}

static int get_pic_vector(void *opaque)
{
    return pic_vector;
}

/* All APICs as after RESET, then enabled. */
static void fresh(void)
{
    static bool made;
    GError *err = NULL;

    if (!made) {
        for (unsigned i = 0; i < CPUS; i++) {
            g_assert_nonnull(apic_new(qemu_cpu_new(i, &err), &err));
        }
        cpu_x86_set_get_irq(x86_of(0), get_pic_vector, NULL);
        made = true;
    }
    qemu_devices_reset();
    for (unsigned i = 0; i < CPUS; i++) {
        cpu_x86_reset(x86_of(i));
        wr(i, SVR, 0x1ff);
        g_assert_false(pending(i, CPU_INTERRUPT_HARD));
    }
}

static void test_fixed_ipi(void)
{
    fresh();
    send(0, 1, 0x41);
    g_assert_false(pending(0, CPU_INTERRUPT_HARD));
    g_assert_true(pending(1, CPU_INTERRUPT_HARD));
    g_assert_false(pending(2, CPU_INTERRUPT_HARD));
    g_assert_cmphex(rd(1, IRR + 0x20), ==, 2);
    g_assert_cmpint(ack(1), ==, 0x41);
    g_assert_false(pending(1, CPU_INTERRUPT_HARD));
    g_assert_cmphex(rd(1, IRR + 0x20), ==, 0);
    g_assert_cmphex(rd(1, ISR + 0x20), ==, 2);
    g_assert_cmphex(rd(1, PPR), ==, 0x40);
    wr(1, EOI, 0);
    g_assert_cmphex(rd(1, ISR + 0x20), ==, 0);
}

static void test_priorities(void)
{
    fresh();
    send(1, 0, 0x31);
    send(1, 0, 0x52);
    g_assert_cmpint(ack(0), ==, 0x52);
    g_assert_cmpint(ack(0), ==, -1);           /* 0x31 is below what is in service */
    send(1, 0, 0x5f);
    g_assert_cmpint(ack(0), ==, -1);           /* so is its own class */
    send(1, 0, 0x60);
    g_assert_cmpint(ack(0), ==, 0x60);
    wr(0, EOI, 0);
    wr(0, EOI, 0);
    wr(0, TPR, 0x50);
    g_assert_false(pending(0, CPU_INTERRUPT_HARD));
    x86_of(0)->apic->set_tpr(x86_of(0)->apic_opaque, 4);
    g_assert_cmphex(rd(0, TPR), ==, 0x40);
    g_assert_true(pending(0, CPU_INTERRUPT_HARD));
    g_assert_cmpint(ack(0), ==, 0x5f);
    wr(0, EOI, 0);
    wr(0, TPR, 0);
    g_assert_cmpint(ack(0), ==, 0x31);
}

static void test_destinations(void)
{
    fresh();
    for (unsigned i = 0; i < CPUS; i++) {
        wr(i, LDR, (1u << i) << 24);
    }
    send(0, 6, 0x844);                         /* logical, flat: 1 and 2 */
    g_assert_false(pending(0, CPU_INTERRUPT_HARD));
    g_assert_cmpint(ack(1), ==, 0x44);
    g_assert_cmpint(ack(2), ==, 0x44);
    for (unsigned i = 0; i < CPUS; i++) {
        wr(i, EOI, 0);
        wr(i, DFR, 0x0fffffff);
        wr(i, LDR, (i == 2 ? 0x21u : 0x11u << i) << 24);
    }
    send(0, 0x21, 0x845);                      /* cluster 2, its member 0 */
    g_assert_cmpint(ack(0), ==, -1);
    g_assert_cmpint(ack(2), ==, 0x45);
    send(0, 0xff, 0x46);                       /* everybody */
    g_assert_cmpint(ack(0), ==, 0x46);
    g_assert_cmpint(ack(1), ==, 0x46);
    wr(0, EOI, 0);
    wr(1, EOI, 0);
    send(1, 0, 0x47 | 3u << 18);               /* all but itself */
    g_assert_cmpint(ack(0), ==, 0x47);
    g_assert_cmpint(ack(1), ==, -1);
    send(1, 0, 0x58 | 1u << 18);               /* itself */
    g_assert_cmpint(ack(1), ==, 0x58);
    g_assert_cmpint(ack(0), ==, -1);
}

static void test_lowest_priority(void)
{
    fresh();
    wr(0, TPR, 0x20);
    wr(2, TPR, 0x10);
    wr(1, SVR, 0xff);                          /* does not take part */
    apic_deliver_irq(0xff, APIC_DEST_PHYSICAL, APIC_DM_LOWPRI, 0x90, APIC_TRIGGER_EDGE);
    g_assert_cmpint(ack(0), ==, -1);
    g_assert_cmpint(ack(2), ==, 0x90);
    apic_deliver_irq(0xff, APIC_DEST_PHYSICAL, APIC_DM_LOWPRI, 0x91, APIC_TRIGGER_EDGE);
    g_assert_cmpint(ack(0), ==, 0x91);         /* the other one is busy at 9 now */
}

static void test_messages(void)
{
    fresh();
    stl_le_phys(get_address_space_memory(), 0xfee01000, 0x4062);
    g_assert_cmpint(ack(1), ==, 0x62);
    be_cpu(2);                                 /* a device that runs on a processor's thread */
    stl_le_phys(get_address_space_memory(), 0xfee00000, 0x63);
    be_main();
    g_assert_cmpint(ack(0), ==, 0x63);
    stl_le_phys(get_address_space_memory(), 0xfee02000, APIC_DM_NMI << 8);
    g_assert_true(pending(2, CPU_INTERRUPT_NMI));
}

static void test_disabled(void)
{
    fresh();
    wr(0, SVR, 0xff);
    send(1, 0, 0x41);
    g_assert_false(pending(0, CPU_INTERRUPT_HARD));
    wr(0, LVT_TIMER, 0x30);
    g_assert_cmphex(rd(0, LVT_TIMER), ==, 0x10030);
    g_assert_true(x86_of(1)->apic->set_base(x86_of(1)->apic_opaque, APIC_DEFAULT_ADDRESS));
    send(0, 1, 0x41);
    g_assert_false(pending(1, CPU_INTERRUPT_HARD));
    g_assert_cmphex(rd(1, ID), ==, 0);         /* nobody answers */
    g_assert_false(x86_of(1)->apic->set_base(x86_of(1)->apic_opaque, APIC_DEFAULT_ADDRESS | 0xc00));
}

static void test_errors(void)
{
    fresh();
    wr(0, LVT_ERROR, 0xe0);
    send(0, 1, 0x0f);
    g_assert_cmpint(ack(0), ==, 0xe0);
    g_assert_cmphex(rd(0, ESR), ==, 0);
    wr(0, ESR, 0);
    g_assert_cmphex(rd(0, ESR), ==, 0x20);
    wr(0, ESR, 0);
    g_assert_cmphex(rd(0, ESR), ==, 0);
    wr(0, LVT_ERROR, 0x05);                    /* an error whose own vector is one */
    wr(0, 0x3f0, 1);
    wr(0, ESR, 0);
    g_assert_cmphex(rd(0, ESR), ==, 0xc0);
}

static void test_pic(void)
{
    DeviceState *apic = cpu_get_apic(qemu_get_cpu(0));

    fresh();
    g_assert_cmphex(rd(0, LVT_LINT0), ==, 0x700);
    pic_vector = 0x08;
    apic_deliver_pic_intr(apic, 1);
    g_assert_true(pending(0, CPU_INTERRUPT_HARD));
    g_assert_cmpint(ack(0), ==, 0x08);
    g_assert_cmphex(rd(0, ISR), ==, 0);        /* it never was the APIC's */
    wr(0, LVT_LINT0, 0x10700);
    g_assert_false(pending(0, CPU_INTERRUPT_HARD));
    apic_deliver_pic_intr(apic, 0);
    wr(0, LVT_LINT0, 0x71);                    /* a line like any other */
    apic_deliver_pic_intr(apic, 1);
    g_assert_cmpint(ack(0), ==, 0x71);
    apic_deliver_pic_intr(apic, 0);
}

static void test_start_up(void)
{
    fresh();
    g_assert_true(x86_of(1)->wait_sipi);
    send(0, 1, 0x4500);
    g_assert_true(pending(1, CPU_INTERRUPT_INIT));
    send(0, 1, 0x8500);                        /* level de-assert: nothing */
    g_assert_false(pending(2, CPU_INTERRUPT_INIT));
    send(0, 1, 0x4699);
    g_assert_true(pending(1, CPU_INTERRUPT_SIPI));
    g_assert_cmphex(x86_of(1)->apic->get_sipi_vector(x86_of(1)->apic_opaque), ==, 0x99);
    cpu_x86_init(x86_of(1));
    g_assert_true(pending(1, CPU_INTERRUPT_SIPI));
    cpu_x86_sipi(x86_of(1), 0x99);
    g_assert_cmphex(x86_of(1)->segs[R_CS].base, ==, 0x99000);
    g_assert_false(x86_of(1)->halted);
}

static void wait_pending(unsigned cpu)
{
    while (!pending(cpu, CPU_INTERRUPT_HARD)) {
        main_loop_wait(false);
    }
}

static void test_timer(void)
{
    int64_t start;
    uint32_t count;

    fresh();
    cpu_enable_ticks();
    wr(0, DIVIDE, 0xb);                        /* by 1: a tick is a nanosecond */
    wr(0, LVT_TIMER, 0x40);
    start = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    wr(0, INITIAL_COUNT, 2000000);
    count = rd(0, CURRENT_COUNT);
    g_assert_cmpuint(count, <=, 2000000);
    wait_pending(0);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) - start, >=, 2000000);
    g_assert_cmpint(ack(0), ==, 0x40);
    wr(0, EOI, 0);
    g_assert_cmpuint(rd(0, CURRENT_COUNT), ==, 0);

    wr(0, INITIAL_COUNT, 1);                   /* over before anybody could look */
    wait_pending(0);
    g_assert_cmpint(ack(0), ==, 0x40);
    wr(0, EOI, 0);

    wr(0, DIVIDE, 0x1);                        /* by 8 */
    wr(0, LVT_TIMER, 0x20041);                 /* periodic */
    wr(0, INITIAL_COUNT, 100000);
    for (unsigned i = 0; i < 3; i++) {
        wait_pending(0);
        g_assert_cmpint(ack(0), ==, 0x41);
        wr(0, EOI, 0);
    }
    g_assert_cmpuint(rd(0, CURRENT_COUNT), >, 0);
    wr(0, INITIAL_COUNT, 0);

    wr(0, LVT_TIMER, 0x40042);                 /* at a value of the time stamp counter */
    start = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    x86_of(0)->apic->set_tsc_deadline(x86_of(0)->apic_opaque, (uint64_t)start + 3000000);
    wait_pending(0);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), >=, start + 3000000);
    g_assert_cmpint(ack(0), ==, 0x42);
    g_assert_cmpuint(x86_of(0)->apic->get_tsc_deadline(x86_of(0)->apic_opaque), ==, 0);
    cpu_disable_ticks();
}

/* A one-shot that is still to come when state is saved comes after a load, even if its time has passed meanwhile. */
static void test_timer_state(void)
{
    DeviceState *apic;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    GError *err = NULL;

    fresh();
    apic = cpu_get_apic(qemu_get_cpu(0));
    cpu_enable_ticks();
    wr(0, DIVIDE, 0xb);
    wr(0, LVT_TIMER, 0x43);
    wr(0, INITIAL_COUNT, 2000000);
    g_assert_cmpint(vmstate_save_state(f, apic->klass->vmsd, apic, &err), ==, 0);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    wait_pending(0);
    g_assert_cmpint(ack(0), ==, 0x43);
    wr(0, EOI, 0);
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpint(vmstate_load_state(f, apic->klass->vmsd, apic, 2, &err), ==, 0);
    (void)qemu_fclose(f);
    wait_pending(0);
    g_assert_cmpint(ack(0), ==, 0x43);
    wr(0, EOI, 0);
    cpu_disable_ticks();
}

/* A crafted stream: the count begins after the end of time. */
static void test_timer_from_the_future(void)
{
    DeviceState *apic;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    GError *err = NULL;

    fresh();
    apic = cpu_get_apic(qemu_get_cpu(0));
    ((APICState *)apic)->count_load_time = INT64_MAX - 5;
    g_assert_cmpint(vmstate_save_state(f, apic->klass->vmsd, apic, &err), ==, 0);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpint(vmstate_load_state(f, apic->klass->vmsd, apic, 2, &err), <, 0);
    (void)qemu_fclose(f);
    g_clear_error(&err);
    ((APICState *)apic)->count_load_time = 0;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/apic/fixed-ipi", test_fixed_ipi);
    g_test_add_func("/apic/priorities", test_priorities);
    g_test_add_func("/apic/destinations", test_destinations);
    g_test_add_func("/apic/lowest-priority", test_lowest_priority);
    g_test_add_func("/apic/messages", test_messages);
    g_test_add_func("/apic/disabled", test_disabled);
    g_test_add_func("/apic/errors", test_errors);
    g_test_add_func("/apic/pic", test_pic);
    g_test_add_func("/apic/start-up", test_start_up);
    g_test_add_func("/apic/timer", test_timer);
    g_test_add_func("/apic/timer-state", test_timer_state);
    g_test_add_func("/apic/timer-from-the-future", test_timer_from_the_future);
    return test_board_run();
}
