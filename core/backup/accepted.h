/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which archives that are marked as shrunk (shrink.h) somebody has accepted with `prune --accept`.
 * An archive does not change once it is made, and in many stores cannot: so that stands in a file
 * of this installation, wherever the archive lies, and holds for good:
 *
 *   accepted-ID in the directory for state (files/state_key.h), ID that of the home; a JSON object:
 *   version, and accepted, an array of objects with sequence and started of an archive
 *
 * No two archives of a home have both. Without the file nothing was accepted: retention waits, and
 * nothing is lost.
 */
#ifndef HB_ACCEPTED_H
#define HB_ACCEPTED_H

#include "archive/origin.h"

/* No where that cannot be told. */
bool hb_shrink_is_accepted(const struct hb_origin *origin);

/* With the lock of the home. 0 or -errno; *why may say more, and is the caller's to free. */
int hb_shrink_accept(const struct hb_origin *origin, char **why);

#endif
