/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an archive appears under its name.
 *
 *     written into the stage ---> read back ---> flushed ---> renamed ---> directory flushed: it is
 *       hb_publication_begin    (read_back.h)   '-------- hb_publication_commit --------'  there
 *
 * What it promises: under the name is either what was there before or a whole archive, at every
 * moment, also after a power failure; and success is reported when the archive is on the disk, its
 * name included. What it must not do: replace anything under a name that is made of a time
 * ("unique"; a number is added instead), or leave a part of an archive anywhere. Whatever goes
 * wrong before the rename, the staged file goes with the stage.
 *
 * The order is the point. Flushed after the rename, the name could survive a power failure and the
 * bytes could not. Read back before it, for a format plugin may have written what it cannot read,
 * and the archive may be about to replace the last good one. The stage lies beside the destination,
 * because a rename works within one file system only.
 *
 * That is the directory of this machine (store/local.h). Another store (hbcore/store.h) gets the
 * bytes in parts while they are made, and a commit in place of the rename. To be read back, the
 * start, links, and what the format writes at its end, index and trailer, lie in the stage until
 * then, with a hole in place of all content; of a format that does not say that it is listed by
 * these (HB_FORMAT_INDEX_AT_END) all of it.
 *
 * Where the archive is sealed, all these bytes are (publish_sealed.c).
 *
 * A pipe or a device gets the bytes as they come: there is nothing to rename, to patch or to read
 * back.
 */
#ifndef HB_PUBLISH_H
#define HB_PUBLISH_H

#include "backup/publish_confirm.h"
#include "backup/publish_sealed.h"
#include "backup/publish_state.h"

/* `bytes_most`: an upper bound of its length, or HB_SIZE_UNKNOWN. */
int hb_publication_begin(struct hb_run *run, struct hb_destination *destination,
                         struct hb_stage *stage, uint64_t bytes_most,
                         struct hb_publication *publication, struct hb_error *error);
/* So much of a window of finished units is left to the pipeline: parts on their way are in memory,
 * too, and wait there as well. */
uint64_t hb_publication_window(const struct hb_publication *publication, uint64_t window);
/* Keeps for the listing what lies within the range that was copied last: part of its bytes. Of a
 * sealed archive: that is going to be copied. */
int hb_publication_keep(struct hb_publication *publication, const struct hb_range *range,
                        const struct hb_range *part, struct hb_error *error);
/* What is written from here on is read again when the archive is listed. */
int hb_publication_finish(struct hb_publication *publication, struct hb_error *error);
/* Writes the buffer out: the whole archive can be read from its file now. */
int hb_publication_flush(struct hb_publication *publication, struct hb_error *error);
/* The same, down to the disk, which may take minutes. */
int hb_publication_sync(struct hb_publication *publication, struct hb_error *error);
/*
 * Flushes, down to the disk, and gives it its name; a unique one gets a number if there is an
 * archive of that name (destination->path says which). After this it is complete and durable.
 */
int hb_publication_commit(struct hb_publication *publication, struct hb_error *error);
/* Closes; what was not committed goes with the stage. */
void hb_publication_end(struct hb_publication *publication);

#endif
