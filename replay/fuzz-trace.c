/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: any bytes are a trace or an error, and a trace that was read can be written and read again. */
#include "replay/trace.h"
#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(Trace) t = trace_parse((const char *)data, size, "fuzz", NULL), again = NULL;
    g_autofree char *text = t ? trace_format(t) : NULL;

    if (t) {
        again = trace_parse(text, strlen(text), "again", NULL);
        assert(again);
    }
    return 0;
}
