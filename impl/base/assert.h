/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Assertions, always on, in release builds too.
 *
 * The text on stderr is the one the C library prints, because bug reports quote it:
 *     file:line: function: Assertion `expression' failed.
 * A handler may be installed (the simulator does) to report the stack of every thread first.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include <glib.h>

/**
 * BaseFatalFunc: told of a fatal error of ours before the process ends.
 * @text: the complete line, without newline. Borrowed. May return; then the process aborts.
 */
typedef void BaseFatalFunc(const char *text);

/** base_set_fatal_handler: install @fn (NULL: none). One per process; set before threads exist. */
void base_set_fatal_handler(BaseFatalFunc *fn);

/** base_fatal: print @fmt as one line on stderr, tell the handler, abort(). For states we cannot be in. */
G_NORETURN void base_fatal(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/** base_assert_fail: the failing half of assert(). */
G_NORETURN void base_assert_fail(const char *expr, const char *file, int line, const char *func);

#undef assert
#define assert(expr) \
    (G_LIKELY(expr) ? (void)0 : base_assert_fail(#expr, __FILE__, __LINE__, __func__))

#endif
