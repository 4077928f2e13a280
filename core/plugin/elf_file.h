/* SPDX-License-Identifier: Apache-2.0 */
/* Is a file a whole shared object for this machine? Nothing in it runs, and nothing is mapped. */
#ifndef HB_ELF_FILE_H
#define HB_ELF_FILE_H

#include "base/error.h"
#include <stdint.h>

/*
 * The kind of plugin that the file says it is (HB_PLUGIN_KIND of hbcore/plugin.h); 0: it does not
 * say, or cannot be read. Its word alone: the descriptor decides.
 */
uint32_t hb_elf_kind(int fd);

/*
 * Checks an open file before dlopen() sees it: kind, machine, and that all that its headers speak
 * of lies inside it. HB_OK, or HB_STATUS_FATAL with a sentence about `path` and what to do.
 */
int hb_elf_check(int fd, const char *path, struct hb_error *error);

#endif
