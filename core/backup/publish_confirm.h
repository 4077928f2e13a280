/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what was published in a store is what was sent. */
#ifndef HB_PUBLISH_CONFIRM_H
#define HB_PUBLISH_CONFIRM_H

#include "backup/publish_state.h"

/*
 * After hb_publication_commit(), of a store whose bytes are not this machine's: does it give back
 * the end of what was sent? HB_OK; or HB_STATUS_FATAL: it has other bytes, and they are removed.
 * Where nobody can tell, *unconfirmed is set, and the report says why: on the strength of this
 * archive nothing may go.
 */
int hb_publication_confirm(const struct hb_publication *publication, bool *unconfirmed,
                           struct hb_error *error);

/* There is no such archive, and nothing of its facts stays. */
void hb_publication_take_facts_back(const struct hb_publication *publication,
                                    const struct hb_put *archive);

#endif
