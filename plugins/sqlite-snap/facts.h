/* SPDX-License-Identifier: Apache-2.0 */
/* What a database says of itself in numbers: the rows of the tables that `count` names. */
#ifndef FACTS_H
#define FACTS_H

#include "sqlite_snap.h"

/* hb_content_ops.fact; `self` is a struct snap. The fact has the name of the table. */
int snap_fact(void *self, const struct hb_entry *entry, const struct hb_source *source,
              size_t index, struct hb_fact *fact);

#endif
