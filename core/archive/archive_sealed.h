/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive that is sealed: what its first bytes say of that, and its content as the input that
 * everybody else reads. The archive's own bytes are then `sealed`.
 */
#ifndef HB_ARCHIVE_SEALED_H
#define HB_ARCHIVE_SEALED_H

#include "archive/archive_state.h"

/*
 * Its head has been read. HB_OK: it is open now, or was not sealed; HB_STATUS_NOMATCH: it is, and
 * has to be copied to where it can be read anywhere; HB_STATUS_FATAL: nothing of it can be handed
 * out. archive->shut: it is whole as far as its length tells, but nothing that is configured opens
 * it.
 */
int hb_archive_unseal(struct hb_archive *archive, struct hb_error *error);
/* The same of what this run has sealed with `key`; `kept` as for hb_opener_start(). */
int hb_archive_unseal_own(struct hb_archive *archive, const struct hb_key *key,
                          const struct hb_kept_blocks *kept, struct hb_error *error);
void hb_archive_sealed_clear(struct hb_archive *archive);

/* What it is sealed with, for people and programs; NULL: nothing. */
const char *hb_archive_seal_name(const struct hb_archive *archive);

#endif
