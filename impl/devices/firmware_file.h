/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where firmware images that come with the host are: BIOS and option ROMs. Context: main thread.
 */
#ifndef DEVICES_FIRMWARE_FILE_H
#define DEVICES_FIRMWARE_FILE_H

/**
 * firmware_file_find: @name itself if it is a path that exists, else the first of the host's firmware folders that
 * has it. NULL: nowhere. Caller frees.
 */
char *firmware_file_find(const char *name);

#endif
