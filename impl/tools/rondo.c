/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main() of `rondo`, on real threads.
 */
#include "machine/machine.h"
#include "sched/sched.h"

typedef struct Args {
    int argc;
    char **argv;
} Args;

static int rondo_body(void *opaque)
{
    Args *a = opaque;

    return rondo_main(a->argc, a->argv);
}

int main(int argc, char **argv)
{
    Args a = { argc, argv };

    return sched_main(rondo_body, &a);
}
