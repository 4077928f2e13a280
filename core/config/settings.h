/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of the core's own sections, and the structures that hold their values: a row of a
 * table (settings.c) names its member, so that nobody looks a value up by a string.
 */
#ifndef HB_SETTINGS_H
#define HB_SETTINGS_H

#include <hbcore/plugin.h>
#include <stdbool.h>

enum { HB_MOST_WORKERS = 256, HB_MOST_KEPT = 1000000, HB_USUALLY_KEPT = 5 };

struct hb_home_settings {
    const char *variable, *path; /* as written */
    const char *const *nested_in;
    bool read_as_root;
};

/* [root:NAME]: a directory outside of the home that belongs to it (host/roots.h). */
struct hb_root_settings {
    const char *prefix, *directory;
    const char *const *paths;
};

struct hb_plugins_settings {
    const char *const *path;
};

struct hb_backup_settings {
    const char *format, *seal, *directory, *prefix, *stage_dir, *restore_command;
    bool store_links, one_file_system, reuse;
    int64_t workers; /* 0, or above HB_MOST_WORKERS: one for each processor */
    int64_t window;
};

struct hb_preset_settings {
    const char *directory, *prefix, *format, *seal;
    int64_t keep; /* above HB_MOST_KEPT: as the others say */
    int64_t keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly; /* 0: no
                                                                                           rule */
    int64_t keep_within; /* seconds */
    bool reuse;
    int64_t min_files, min_bytes; /* fewer: the archive is marked as shrunk; 0: no such limit */
    const char *shrink_limit;     /* "none", or a percentage: hb_setting_percent() */
    bool empty_is_error;          /* a home with nothing to back up */
    bool history_names;           /* of sealed archives may enter the history */
};

struct hb_import_settings {
    bool restore_links, keep_owners;
    const char *const *nested_in; /* "auto": as in [home] */
    const char *const *markers, *const *wrappers, *const *ask_if;
    int64_t max_entries, max_bytes, max_path, max_names, max_depth;
    const char *backup_preset;
};

struct hb_snapshot_settings {
    const char *directory;
    const char *const *files, *const *without;
    int64_t max_file_size; /* 0: no limit */
    int64_t keep;
    bool before_restore;
};

/* ---- the tables ---------------------------------------------------------------------------- */

/* An option of the core's own. */
struct hb_setting {
    struct hb_option option; /* first: the tables point to it */
    size_t at;               /* of the member in the section's structure */
    /* What is wrong with a text, or a word of a list: NULL, or a sentence about it. `in_file`: it
     * stands in a file, which is read from whichever directory. May be NULL. */
    const char *(*problem)(const char *text, bool in_file);
};

struct hb_settings_table {
    const char *section; /* "backup"; or "preset:" for every section that starts so */
    bool labelled;       /* "preset:": any number of sections, told apart by a label */
    const struct hb_option *const *options;
    size_t count;
    size_t bytes; /* of the structure; each option is that of a struct hb_setting. 0: there is
                     none, and they are mere options */
};

/* All of them; ended by a section that is NULL. */
enum {
    HB_SETTINGS_HOME,
    HB_SETTINGS_PLUGINS,
    HB_SETTINGS_BACKUP,
    HB_SETTINGS_IMPORT,
    HB_SETTINGS_SNAPSHOT,
    HB_SETTINGS_PRESET,
    HB_SETTINGS_ROOT
};
extern const struct hb_settings_table hb_settings_tables[];

/* What every plugin's section takes besides the plugin's own options: plugin, on. */
extern const struct hb_settings_table hb_settings_common, hb_settings_hook_common;

/* Puts the value of an option of such a table into its structure, which then points into it. */
void hb_setting_put(const struct hb_option *option, const struct hb_value *value, void *structure);

/* Its member there. */
const void *hb_setting_at(const struct hb_option *option, const void *structure);

/* What is wrong with a text, or a word of a list, for an option of such a table, or NULL. */
const char *hb_setting_problem(const struct hb_option *option, const char *text, bool in_file);

/* "50%"; 0: it is none of those from 1% to 99%. */
unsigned hb_setting_percent(const char *text);

/* The default of import.max-depth, which a backup tells about what lies deeper. */
enum { HB_IMPORTED_DEPTH = 10000 };

#endif
