/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: all that test-exec.c says holds for translated code.
 * Method: the same tests with blocks translated before they run for the first time.
 */
#define TEST_CPU_TRANSLATE 1

#include "cpu/test-exec.c"
