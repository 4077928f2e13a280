/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a table of callbacks that do not go together; a table says which. */
#ifndef HB_CONTRADICTIONS_H
#define HB_CONTRADICTIONS_H

#include "base/error.h"
#include <hbcore/plugin.h>
#include <stdbool.h>

enum { HB_MOST_NEEDS = 2 };

/* What a member of the table needs: one of these. */
struct hb_need {
    uint32_t kind; /* enum hb_kind; 0 after the last */
    const char *name;
    size_t offset;
    struct {
        const char *name; /* NULL: no other */
        size_t offset;
    } needs[HB_MOST_NEEDS];
    uint32_t flag; /* an enum hb_format_flags, whose name is the first; 0: these are callbacks */
    const char *why;
};

extern const struct hb_need hb_needs[];

/* Which flags a kind's table may have; the word is called `reserved` where there are none yet. */
uint32_t hb_table_flags(uint32_t kind);

/*
 * NULL: nothing in the table of this plugin contradicts anything else in it. Else the end of a
 * sentence that begins with the plugin; caller frees.
 */
char *hb_contradiction(const struct hb_plugin *plugin);

#endif
