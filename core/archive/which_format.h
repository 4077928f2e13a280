/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which format an archive has. An archive may hold others, be put behind another one, or end with
 * one: each format says how well the bytes fit, and the strongest proof counts. If two are as
 * strong, nobody but the user can tell, and what one reader shows another one does not: the user is
 * asked for
 * --format. The same if two plugins go by one magic.
 *
 * The end of a stream is not known before it has passed by. Until then the start decides; then all
 * are asked again, before anything is published.
 */
#ifndef HB_WHICH_FORMAT_H
#define HB_WHICH_FORMAT_H

#include "archive/archive_state.h"

/*
 * Sets archive->choice. HB_OK; HB_STATUS_NOMATCH: the start of a stream does not tell, it has to be
 * copied to where its end can be looked at; HB_STATUS_FATAL. With `lenient`, the first of several
 * plugins with one magic is taken.
 */
int hb_which_format(struct hb_archive *archive, bool lenient, struct hb_error *error);

/* A stream has passed by. HB_OK: the choice was right; HB_STATUS_FATAL. */
int hb_which_format_after(struct hb_archive *archive, struct hb_error *error);

#endif
