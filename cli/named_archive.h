/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive by a word in place of its path: `latest`, `latest~1` (the one before), or a number of
 * `hbcore archives`. What has a '/' or is a file is a path, whatever its name.
 */
#ifndef HB_NAMED_ARCHIVE_H
#define HB_NAMED_ARCHIVE_H

#include "session.h"

enum hb_named { HB_NAMED_NOT, HB_NAMED_LATEST, HB_NAMED_NUMBER };

enum hb_named hb_archive_is_named(const char *word);

/*
 * Its path, or URL: of [preset:PRESET], or (NULL) of any preset. `latest` is the newest complete
 * one of this home; that a newer one is incomplete becomes a note. Where the home does not exist,
 * those count that note its path, of this machine if there are any; else of one machine alone. 0,
 * and *path, which the caller frees: a copy of the word, where it is no name. Or an exit code and
 * session->error. The home is opened for it, and closed again.
 */
int hb_archive_named(struct hb_session *session, const char *word, const char *preset, char **path);

#endif
