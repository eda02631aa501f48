/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A simulated file, shared by its contents (sim_file.c) and its locks (sim_file_lock.c). */
#ifndef SCHED_SIM_FILE_H
#define SCHED_SIM_FILE_H

#include "sched/sim_int.h"

#define PAGE 4096u

typedef struct SimPage {
    uint64_t index;
    bool dirty;
    uint8_t *stable;            /* flushed contents if dirty */
    uint8_t data[PAGE];
} SimPage;

typedef struct SimLock {
    const SimFd *holder;
    uint64_t start, end;
    bool exclusive;
} SimLock;

typedef struct SimFile {
    char *path;
    int base_fd;                /* the real file, read-only; -1: made during the run */
    uint64_t base_length;       /* bytes of it that still show through; shrinks with truncation */
    uint64_t length, stable_length;
    bool exists;
    SchedFileType type;
    GHashTable *pages;          /* index -> SimPage */
    GPtrArray *dirty;           /* SimPage *, in the order they became dirty */
    GArray *locks;              /* SimLock */
} SimFile;

/** sim_file_of: the file behind a descriptor; NULL if it is none. */
SimFile *sim_file_of(int fd);

#endif
