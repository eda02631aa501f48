/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Return addresses of this process to function names, inlined calls included, through libdw. */
#ifndef REPLAY_SYMBOLS_H
#define REPLAY_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void SymbolFunc(const char *function, const char *file, int line, void *opaque);

/**
 * symbols_at: the functions that are active at @pc, innermost first: inlined ones, then the real one.
 * @is_return: @pc is a return address, so the call itself is just before it. Names are borrowed.
 */
void symbols_at(uintptr_t pc, bool is_return, SymbolFunc *fn, void *opaque);

#endif
