/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of what is staged: in which order it is published, and with which modes. */
#ifndef HB_STAGING_JOURNAL_H
#define HB_STAGING_JOURNAL_H

#include "import/staging_state.h"

/*
 * Writes down what is to be published; flushes it and all that is staged. Not yet committed. HB_OK,
 * or HB_STATUS_FATAL; the caller frees *writer in any case.
 */
int hb_staging_write_journal(struct hb_staging *staging, struct hb_journal_writer **writer,
                             struct hb_error *error);

/* Would a content plugin put it back? Also if that is unknown. */
bool hb_staging_is_claimed(const struct hb_staging *staging, size_t index);

#endif
