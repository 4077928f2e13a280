/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of an archive: of a file, or of a stream that can be read once. */
#ifndef HB_ARCHIVE_INPUT_H
#define HB_ARCHIVE_INPUT_H

#include "archive/archive_state.h"

/* Opens archive->path and reads its head. HB_OK, HB_STATUS_CANCELLED, HB_STATUS_FATAL. */
int hb_archive_input_open(struct hb_archive *archive, struct hb_error *error);

/* The same of archive->fd, which is open already; below 0: errno says why it is not. */
int hb_archive_input_take(struct hb_archive *archive, struct hb_error *error);

/* Copies a stream into the run's stage, so that it can be read anywhere. As above. */
int hb_archive_input_spool(struct hb_archive *archive, struct hb_error *error);

/*
 * What is still known of a stream that has passed by: its head, its tail, and its length. Other
 * bytes cannot be read any more. For questions about its format.
 */
struct hb_input hb_archive_input_passed(struct hb_archive *archive);

#endif
