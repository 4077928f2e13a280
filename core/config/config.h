/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: an INI file and --set, validated against the core's own options (settings.h)
 * and those of the plugins that it selects. Parsed into staging; only a file that is right
 * as a whole comes out. Immutable afterwards.
 */
#ifndef HB_CONFIG_H
#define HB_CONFIG_H

#include "base/error.h"
#include "plugin/loader.h"
#include <hbcore/plugin.h>
#include <stdbool.h>
#include <stdio.h>

struct hb_config;

/* One section, with all its options filled in. */
struct hb_section {
    const char *name;                 /* "backup", "filter:exclusions" */
    const char *label;                /* "exclusions"; of a section without ':' its name */
    uint32_t kind;                    /* enum hb_kind of a plugin's section, 0 of the core's own */
    const struct hb_library *library; /* of a plugin's section, else NULL */
    struct hb_settings settings;      /* by the plugin's options (or the core's) */
    struct hb_settings
        common; /* plugin's sections: by hb_settings_common (plugin, on); else count 0 */
};

/*
 * Reads `path` (NULL: the first that is there of $HBCORE_CONFIG, ~/.config/hbcore/hbcore.ini,
 * /etc/hbcore/hbcore.ini; none: every option has its default and no section is selected) and
 * applies `sets`
 * ("SECTION.KEY=VALUE", ended by NULL, may be NULL; the section is everything before the
 * last dot of what stands before '='). Every error is reported through `report`, one call each with
 * file:line, what is wrong, and the nearest valid name as hint; parsing goes on to find the rest.
 * HB_OK and *config, or HB_FATAL after at least one report. The loader is made from [plugins] path.
 */
int hb_config_load(const char *path, const char *const *sets,
                   void (*report)(void *context, const struct hb_error *error), void *context,
                   struct hb_config **config);
void hb_config_free(struct hb_config *config);

const char *hb_config_path(const struct hb_config *config); /* absolute; NULL: no file */
struct hb_loader *hb_config_loader(const struct hb_config *config);

/* Sections of plugins of one kind, in the order of the file; NULL after the last. */
const struct hb_section *hb_config_next(const struct hb_config *config, enum hb_kind kind,
                                        const struct hb_section *previous);
/* A section by its full name ("preset:pre-update"), or NULL. The core's own always exist, except
 * presets. */
const struct hb_section *hb_config_section(const struct hb_config *config, const char *name);

/* Values of the core's own sections; the key must be in its table (it aborts otherwise). */
const struct hb_value *hb_config_value(const struct hb_config *config, const char *section,
                                       const char *key);
int64_t hb_config_number(const struct hb_config *config, const char *section, const char *key);
const char *hb_config_text(const struct hb_config *config, const char *section, const char *key);
const char *const *hb_config_list(const struct hb_config *config, const char *section,
                                  const char *key);

/*
 * Default settings for a plugin that no section selects (a format named on the command line or
 * needed to read). Caller frees with hb_section_free.
 */
struct hb_section *hb_section_default(const struct hb_library *library);
void hb_section_free(struct hb_section *section);

/* Every option of every section in turn, and where its value comes from ("default", "--set",
 * "file:12"). */
void hb_config_each(const struct hb_config *config,
                    void (*each)(void *context, const struct hb_section *section,
                                 const struct hb_option *option, const struct hb_value *value,
                                 const char *origin),
                    void *context);

#endif
