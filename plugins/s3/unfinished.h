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

/* Of a key: with the mark of a home behind it. "" has none. */
void mark_of(const char *key, const char *home, struct text *marked);
/* Is that key the mark of an upload? The bytes of the key in front of it; 0: no. */
size_t mark_of_what(const char *key);

/* Puts the mark of an upload that is about to begin; takes it away. Both may fail, and be told. */
int mark_put(struct s3 *s3, const struct object_name *name, const char *home);
int mark_remove(struct s3 *s3, const struct object_name *name, const char *home);
/* Gives up an upload. HB_OK also where it is not there. */
int upload_abort(struct s3 *s3, const struct object_name *name, const char *id);
/* Gives up all that are under way to that name, and removes the mark; *swept counts them. */
int uploads_give_up(struct s3 *s3, const struct object_name *name, const char *home,
                    uint64_t *swept);

#endif
