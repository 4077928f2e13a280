/* SPDX-License-Identifier: Apache-2.0 */
/* An archive that is sealed on its way to its place. */
#ifndef HB_PUBLISH_SEALED_H
#define HB_PUBLISH_SEALED_H

#include "backup/publish_state.h"

/*
 * After hb_publication_begin(), and before anything is written: it is sealed, with that key, which
 * is used until hb_publication_end(). HB_OK or HB_STATUS_FATAL.
 */
int hb_publication_seal(struct hb_publication *publication, const struct hb_key *key,
                        unsigned workers, struct hb_error *error);
/* Of a sealed one of which not all blocks are in its file; else NULL. */
const struct hb_kept_blocks *hb_publication_kept(const struct hb_publication *publication);

/* ---- for publish.c alone --------------------------------------------------------------------- */

/* HB_OK, or a failure, and then the publication's error says why. */
int hb_sealed_finish(struct hb_publication *publication);
/* What is written from here on is kept. */
void hb_sealed_keep_rest(struct hb_publication *publication);
void hb_sealed_keep_part(struct hb_publication *publication, const struct hb_range *range,
                         const struct hb_range *part);
uint64_t hb_sealed_memory(const struct hb_publication *publication);
void hb_sealed_end(struct hb_publication *publication);

#endif
