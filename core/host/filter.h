/* SPDX-License-Identifier: Apache-2.0 */
/* Asking filters. */
#ifndef HB_HOST_FILTER_H
#define HB_HOST_FILTER_H

#include "host/run.h"

/*
 * The verdict of one filter. HB_OK; HB_STATUS_ENTRY: it cannot tell, which stands in the report
 * now, and the entry is left out; HB_STATUS_FATAL: it failed, or answered something else.
 */
int hb_ask_filter(struct hb_run *run, const struct hb_instance *filter, int direction,
                  const struct hb_entry *entry, struct hb_verdict *verdict, struct hb_error *error);

#endif
