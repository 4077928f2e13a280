/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the core's own sections. */
#ifndef HB_SETTINGS_H
#define HB_SETTINGS_H

#include <hbcore/plugin.h>
#include <stdbool.h>

enum { HB_MOST_WORKERS = 256 };

struct hb_settings_table {
    const char *section; /* "backup"; or "preset:" for every section that starts so */
    bool labelled;       /* "preset:": any number of sections, told apart by a label */
    const struct hb_option *const *options;
    size_t count;
};

/* All of them; ended by a section that is NULL. */
extern const struct hb_settings_table hb_settings_tables[];

/* What every plugin's section takes besides the plugin's own options: plugin, on. */
extern const struct hb_settings_table hb_settings_common, hb_settings_hook_common;

/*
 * What is wrong with a text, or a word of a list, for an option of the core's own: NULL, or a
 * sentence about it. `in_file`: it stands in a file, which is read from whichever directory.
 */
const char *hb_settings_problem(const char *section, const struct hb_option *option,
                                const char *text, bool in_file);

/* The default of import.max-depth, which a backup tells about what lies deeper. */
enum { HB_IMPORTED_DEPTH = 10000 };

#endif
