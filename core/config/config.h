/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: an INI file and --set, validated against the core's own options (settings.h)
 * and those of the plugins that it selects (config_load.h). Immutable once it is loaded.
 */
#ifndef HB_CONFIG_H
#define HB_CONFIG_H

#include "base/error.h"
#include "config/hook_words.h"
#include "config/section.h"
#include <hbcore/plugin.h>
#include <stdbool.h>
#include <stdio.h>

/* Made by config_load.c; everybody else reads it through the functions below. */
struct hb_config {
    char *path; /* absolute; NULL: there is no file */
    struct hb_loader *loader;
    struct hb_owned_section **sections; /* the core's own first, then as in the file */
    size_t count;
    struct hb_hook_words *hook_words; /* the options of hooks' sections point to it */
    char **doubts;                    /* what is odd, but no error: sentences */
    size_t doubt_count;
};

void hb_config_free(struct hb_config *config);

void hb_config_add(struct hb_config *config,
                   struct hb_owned_section *section); /* while it is loaded */

const char *hb_config_path(const struct hb_config *config); /* absolute; NULL: no file */
struct hb_loader *hb_config_loader(const struct hb_config *config);

/* What is to be told of the configuration though it is right: number `index`, or NULL. */
const char *hb_config_doubt(const struct hb_config *config, size_t index);
void hb_config_add_doubt(struct hb_config *config, char *sentence); /* takes it over */

/* Sections of plugins of one kind, in the order of the file; NULL after the last. */
const struct hb_section *hb_config_next(const struct hb_config *config, enum hb_kind kind,
                                        const struct hb_section *previous);
/* The same of [preset:…]. */
const struct hb_section *hb_config_next_preset(const struct hb_config *config,
                                               const struct hb_section *previous);
/* The same of [root:…]. */
const struct hb_section *hb_config_next_root(const struct hb_config *config,
                                             const struct hb_section *previous);
/* With what the names of its archives begin: as configured, or "NAME-"; to be freed. */
char *hb_config_prefix(const struct hb_section *preset);
/* A section by its full name ("preset:pre-update"), or NULL. The core's own always exist, except
 * presets. */
const struct hb_section *hb_config_section(const struct hb_config *config, const char *name);

/* The values of the core's own sections. */
const struct hb_home_settings *hb_config_home(const struct hb_config *config);
const struct hb_plugins_settings *hb_config_plugins(const struct hb_config *config);
const struct hb_backup_settings *hb_config_backup(const struct hb_config *config);
const struct hb_import_settings *hb_config_import(const struct hb_config *config);
const struct hb_snapshot_settings *hb_config_snapshot(const struct hb_config *config);
const struct hb_preset_settings *hb_config_preset(const struct hb_section *preset);
const struct hb_root_settings *hb_config_root(const struct hb_section *root);

/* Every option of every section in turn, and where its value comes from ("default", "--set",
 * "file:12"). */
void hb_config_each(const struct hb_config *config,
                    void (*each)(void *context, const struct hb_section *section,
                                 const struct hb_option *option, const struct hb_value *value,
                                 const char *origin),
                    void *context);

#endif
