/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: a migration stream from somebody hostile. The first byte chooses whether a good header is put in front,
 * so that the fuzzer need not find the magic before it gets anywhere.
 */
#include "migration/savevm.h"

#include "migration/test-vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct FuzzInput {
    const uint8_t *data;
    size_t size;
} FuzzInput;

static int fuzz_body(void *opaque)
{
    const FuzzInput *in = opaque;
    GByteArray *bytes = g_byte_array_new();
    GError *err = NULL;
    QEMUFile *f;
    TestVM vm;

    test_vm_start(&vm, "vm", true, false);
    if (in->data[0] & 1) {
        f = qemu_fopen_memory(bytes, true);
        qemu_savevm_state_header(f);
        (void)qemu_fclose(f);       /* memory does not fail */
    }
    g_byte_array_append(bytes, in->data + 1, (unsigned)(in->size - 1));
    f = qemu_fopen_memory(bytes, false);
    if (qemu_loadvm_state(f, &err) < 0) {
        assert(err);
        g_error_free(err);
    }
    (void)qemu_fclose(f);           /* most inputs are too short */
    g_byte_array_unref(bytes);
    test_vm_stop(&vm);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = { .data = data, .size = size };

    return size > 0 ? sched_main(fuzz_body, &in) : 0;
}
