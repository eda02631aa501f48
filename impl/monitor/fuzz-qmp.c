/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: bytes of a QMP client, through parser, dispatcher and commands, on a machine without hardware.
 *
 * It links the simulated engine, whose files are overlays and whose processes and sockets lead nowhere; so no input can
 * change the host. A byte 0x00 disconnects and reconnects.
 */
#include "monitor/test-null-machine.h"

#define FUZZ_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct FuzzInput {
    const uint8_t *data;
    size_t size;
} FuzzInput;

static void fuzz_reconnect(FakeChr *f)
{
    chr_event(&f->parent, CHR_EVENT_CLOSED);
    chr_event(&f->parent, CHR_EVENT_OPENED);
    fake_type(f, "{\"execute\": \"qmp_capabilities\"}");
}

static int fuzz_body(void *opaque)
{
    const FuzzInput *in = opaque;
    NullMachine n;
    size_t done = 0;

    null_machine_up(&n);
    while (done < in->size) {
        int take = MIN(chr_wants_input(&n.client->parent), (int)MIN(in->size - done, 64));

        if (in->data[done] == 0) {
            fuzz_reconnect(n.client);
            done++;
        } else if (take > 0) {
            chr_input(&n.client->parent, in->data + done, take);
            done += (size_t)take;
        }
        main_loop_wait(true);
        g_string_truncate(n.client->out, 0);
    }
    loop_settle();
    null_machine_down(&n);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = { data, MIN(size, FUZZ_MAX) };

    (void)sched_main(fuzz_body, &in);
    return 0;
}
