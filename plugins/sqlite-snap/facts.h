/* SPDX-License-Identifier: Apache-2.0 */
/* What a database says of itself in numbers: the rows of the tables that `count` names. */
#ifndef FACTS_H
#define FACTS_H

#include "connection.h"

/* hb_content_ops.fact; `self` is a struct snap. The fact has the name of the table. */
int snap_fact(void *self, const struct hb_entry *entry, const struct hb_source *source,
              size_t index, struct hb_fact *fact);

/* The rows of a table, if there is one of its own pages. SQLite's result. */
int facts_rows(const struct connection *connection, const char *name, bool *found, int64_t *rows);

#endif
