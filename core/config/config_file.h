/* SPDX-License-Identifier: Apache-2.0 */
/* Which file is the configuration, may it be trusted, and what is in it. */
#ifndef HB_CONFIG_FILE_H
#define HB_CONFIG_FILE_H

#include "base/error.h"

/*
 * Reads all of the file that counts: `given`, else that of $HBCORE_CONFIG, else the first that is
 * there of hb_config_file_place(). HB_OK; HB_STATUS_END: there is none,
 * and none was asked for; HB_STATUS_FATAL. The caller frees *path, as it was named, and *data in
 * any case.
 */
int hb_config_file_read(const char *given, char **path, char **data, size_t *bytes,
                        struct hb_error *error);

/* A configuration that is larger is none. */
enum { HB_CONFIG_LARGEST_FILE = 1 << 20 };

/*
 * Where a configuration is looked for that nobody named: that of the user (XDG Base Directory
 * Specification), then that of the machine; NULL behind the last one. Caller frees.
 */
char *hb_config_file_place(size_t index);

/*
 * The file that would count, if it were there: `given` (--config), or that of $HBCORE_CONFIG, or
 * the user's. NULL: nothing says where the user's is. Caller frees.
 */
char *hb_config_file_wanted(const char *given);

#endif
