/* SPDX-License-Identifier: Apache-2.0 */
/* One member of an archive, by its name. */
#ifndef HB_MEMBER_H
#define HB_MEMBER_H

#include "archive/archive.h"

/*
 * Writes the content of a member of a listed archive to standard output, or a pipe: of the last one
 * that has the name, a leading "./" aside; of a hard link, the content of what it names. HB_OK;
 * HB_STATUS_CANCELLED; HB_STATUS_FATAL: there is no such file, or it cannot be read.
 */
int hb_member_write(struct hb_archive *archive, const char *name, int fd, struct hb_error *error);

/* "file", "directory", … */
const char *hb_member_type(uint8_t type);

#endif
