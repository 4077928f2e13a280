/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passing over all of an archive, front to back. The format plugin is not believed: is it true to
 * the order of the calls, and does it hand on what they answer?
 */
#ifndef HB_ARCHIVE_WALK_H
#define HB_ARCHIVE_WALK_H

#include "archive/archive_state.h"

/* One pass; the visitor's own failures are returned as they are, with *error left alone if it is
 * set. */
int hb_archive_walk(struct hb_archive *archive, const struct hb_visitor *visitor,
                    struct hb_error *error);

/* Before a second walk: a plugin need not be able to read an archive twice. */
int hb_archive_again(struct hb_archive *archive, struct hb_error *error);

#endif
