/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Assertion failure and fatal errors: one line on stderr, then abort().
 *
 * The handler pointer is the one variable of the process that is not hung off a machine: it must work when
 * there is no machine any more.
 */
#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static BaseFatalFunc *fatal_handler;

void base_set_fatal_handler(BaseFatalFunc *fn)
{
    fatal_handler = fn;
}

G_NORETURN static void fatal_text(const char *text)
{
    BaseFatalFunc *handler = fatal_handler;

    fprintf(stderr, "%s\n", text);
    fflush(stderr);
    fatal_handler = NULL;       /* an assertion inside the handler must not recurse */
    if (handler) {
        handler(text);
    }
    abort();
}

void base_fatal(const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fatal_text(text);
}

void base_assert_fail(const char *expr, const char *file, int line, const char *func)
{
    while (g_str_has_prefix(file, "../")) {
        file += strlen("../");
    }
    base_fatal("rondo: %s:%d: %s: Assertion `%s' failed.", file, line, func, expr);
}
