/* SPDX-License-Identifier: Apache-2.0 */
/* Which file is the configuration, may it be trusted, and what is in it. */
#ifndef HB_CONFIG_FILE_H
#define HB_CONFIG_FILE_H

#include "base/error.h"

/*
 * The user's own: $XDG_CONFIG_HOME/hbcore/hbcore.ini, else ~/.config/hbcore/hbcore.ini. Does not
 * begin with '/' where no home is known. Caller frees.
 */
char *hb_config_file_of_user(void);

/*
 * Reads all of the file that counts: `given`, else that of $HBCORE_CONFIG, else the first that is
 * there of the user's own and /etc/hbcore/hbcore.ini. HB_OK; HB_END: there is none,
 * and none was asked for; HB_FATAL. The caller frees *path, as it was named, and *data in any case.
 */
int hb_config_file_read(const char *given, char **path, char **data, size_t *bytes,
                        struct hb_error *error);

#endif
