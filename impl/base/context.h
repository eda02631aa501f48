/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lock and context contracts that clang checks (-Wthread-safety). Empty on other compilers; every contract is
 * asserted at run time as well, so gcc and sanitizer builds still check.
 *
 * Limits of the analysis in C (clang 14): fields cannot be guarded by a lock of the same struct, function
 * pointers are not followed, cleanup-attribute unlocks are not understood. Annotate in headers only:
 * a definition's own annotations are not seen by callers in other files.
 */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#if defined(__clang__)
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif

#define TSA_CAPABILITY(name) TSA(capability(name))
#define TSA_REQUIRES(...) TSA(requires_capability(__VA_ARGS__))
#define TSA_REQUIRES_SHARED(...) TSA(requires_shared_capability(__VA_ARGS__))
#define TSA_EXCLUDES(...) TSA(locks_excluded(__VA_ARGS__))
#define TSA_ACQUIRE(...) TSA(acquire_capability(__VA_ARGS__))
#define TSA_RELEASE(...) TSA(release_capability(__VA_ARGS__))
#define TSA_ACQUIRE_SHARED(...) TSA(acquire_shared_capability(__VA_ARGS__))
#define TSA_RELEASE_SHARED(...) TSA(release_shared_capability(__VA_ARGS__))
#define TSA_ASSERT(...) TSA(assert_capability(__VA_ARGS__))
#define TSA_ASSERT_SHARED(...) TSA(assert_shared_capability(__VA_ARGS__))
#define TSA_NO_TSA TSA(no_thread_safety_analysis)

/* Runs only inside a coroutine; may yield. The name carries `_co_`. */
#define coroutine_fn
/* Inside or outside a coroutine. */
#define coroutine_mixed_fn
/* Never inside a coroutine: it may poll. */
#define no_coroutine_fn

#endif
