/* SPDX-License-Identifier: Apache-2.0 */
/* A file that an option names, into locked memory. */
#ifndef AGE_FILE_H
#define AGE_FILE_H

#include "locked.h"
#include <hbcore/transform.h>

enum file_kind {
    FILE_SECRET,  /* others should not read it: else a note */
    FILE_TRUSTED, /* others must not write to it: who can adds a key of his own */
};

/* The option `which` names `path`. HB_OK, or HB_STATUS_FATAL, told. */
int file_read(const struct hb_host *host, const struct hb_settings *settings, int which,
              const char *path, enum file_kind kind, struct locked *out);

#endif
