/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads in parts that were never completed. The service keeps their parts, and asks money for
 * them, until somebody gives them up; nobody but it sees them, and it does not say whose they are.
 * So a small object lies beside each while it is on its way, "KEY.hbcore-upload-HASH", whose name
 * has a hash of the home's id: sweep() lists those, and gives up what another run of this home has
 * left. A listing for others does not show them.
 */
#ifndef S3_UNFINISHED_H
#define S3_UNFINISHED_H

#include "client.h"

/* Puts the mark of an upload that is about to begin; takes it away. Both may fail, and be told. */
int mark_put(struct s3 *s3, const struct object_name *name, const char *home);
int mark_remove(struct s3 *s3, const struct object_name *name, const char *home);
/* Gives up an upload. HB_OK also where it is not there. */
int upload_abort(struct s3 *s3, const struct object_name *name, const char *id);
/* Gives up all that are under way to that name and began before that (nanoseconds since 1970), and
 * removes the mark, if none is left; *swept counts them. */
int uploads_give_up(struct s3 *s3, const struct object_name *name, const char *home, int64_t before,
                    uint64_t *swept);

/* The callback. */
int s3_sweep(void *self, const char *prefix, const char *home, int64_t before, uint64_t *swept);

#endif
