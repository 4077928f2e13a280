/* SPDX-License-Identifier: Apache-2.0 */
/* Are the indexes that a module of SQLite keeps, of full-text search and R-trees, sound? */
#ifndef INDEXES_H
#define INDEXES_H

#include "checking.h"

struct index_table {
    char *name, *sql;
    struct index_table *next;
};

/* All virtual tables of the open copy. SQLite's result; indexes_free() in any case. */
int indexes_list(struct checking *checking, struct index_table **tables);
void indexes_free(struct index_table *tables);

/* Checks those whose module has a check. The connection is one that can write, and does not. */
void indexes_check(struct checking *checking, const struct index_table *tables);

#endif
