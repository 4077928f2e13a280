/* SPDX-License-Identifier: Apache-2.0 */
/* One archive of a preset, asked itself: what its trailer says of it. Of preset_archives.c alone.
 */
#ifndef HB_PRESET_ROW_H
#define HB_PRESET_ROW_H

#include "archive/archive.h"
#include "backup/preset_archives.h"

/* Whose it is, and when it was made; row->version is known, and why is NULL. */
void hb_row_read(struct hb_run *run, const struct hb_home_id *id, const char *path,
                 struct hb_preset_archive *row);

/*
 * Opens it and reads its trailer, or `all` that lists its content; *status is what that came to.
 * False: it tells nothing now, and row->kept.why says why. The file may have been replaced since it
 * was looked at.
 */
bool hb_row_look_into(struct hb_run *run, const char *path, bool all, struct hb_archive *archive,
                      int *status, struct hb_preset_archive *row);

/* The reason as it is said of the archive, whose name the sentence begins with. */
void hb_row_cannot_tell(struct hb_preset_archive *row, const char *path, const char *why);

/*
 * May a user have made it who has no say in the home? He can write any id into it, and fill the
 * places of those that are kept. Whoever owns the directory could remove what is in it anyway; on a
 * file system without owners that is who owns the files.
 */
bool hb_row_may_be_a_strangers(const struct hb_run *run, const char *path, const struct stat *file);

void hb_row_clear(struct hb_preset_archive *row);

#endif
