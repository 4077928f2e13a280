/* SPDX-License-Identifier: Apache-2.0 */
/* One section of the configuration: its values, and where they come from. */
#ifndef HB_SECTION_H
#define HB_SECTION_H

#include "config/settings.h"
#include "plugin/loader.h"

/* One section, with all its options filled in. */
struct hb_section {
    const char *name;                 /* "backup", "filter:exclusions" */
    const char *label;                /* "exclusions"; of a section without ':' its name */
    uint32_t kind;                    /* enum hb_kind of a plugin's section, 0 of the core's own */
    const struct hb_library *library; /* of a plugin's section, else NULL */
    struct hb_settings settings;      /* by the plugin's options (or the core's) */
    bool broken; /* something is wrong with it: its plugin is not asked for more */
    struct hb_settings
        common; /* plugin's sections: by hb_settings_common (plugin, on); else count 0 */
};

/* ---- while it is being filled in ----------------------------------------------------------- */

/* The values of one table of options. */
struct hb_filled {
    const struct hb_option *const *options;
    size_t count;
    struct hb_value *values;
    const struct hb_value **pointers; /* to each of `values`, as the ABI wants them */
    char **origins;                   /* "file:12", "--set"; NULL: the default */
    void *structure; /* of the core's own (settings.h), which points into `values`; else NULL */
};

struct hb_owned_section {
    struct hb_section section; /* first: hb_section_free() gets its address */
    struct hb_filled own;
    struct hb_filled common; /* of a plugin's section */
};

/* With every option at its default. The strings are copied; the table is not. */
struct hb_owned_section *hb_section_new_core(const char *name,
                                             const struct hb_settings_table *table);
/* `common`: the options that each section of this kind has. */
struct hb_owned_section *hb_section_new_plugin(const char *name, uint32_t kind,
                                               const struct hb_library *library,
                                               const struct hb_settings_table *common);

/*
 * Default settings for a plugin that no section selects (a format named on the command line or
 * needed to read). Caller frees with hb_section_free.
 */
struct hb_section *hb_section_default(const struct hb_library *library);
void hb_section_free(struct hb_section *section);

/* The key of an option that is required and that nobody has set, or NULL. A plugin's section. */
const char *hb_section_missing(const struct hb_section *section);

/* Index of the option `key`, or SIZE_MAX. */
size_t hb_filled_find(const struct hb_filled *filled, const char *key);

/* Takes the value over. */
void hb_filled_set(struct hb_filled *filled, size_t index, struct hb_value *value,
                   const char *origin);

/* Of a section of the core's own: its structure (settings.h). */
const void *hb_section_structure(const struct hb_section *section);
/* Where the value of a member of that structure comes from: "file:12", "--set"; NULL: the default.
 */
const char *hb_section_origin(const struct hb_section *section, const void *member);

/* Does a section of this kind take `on`? Formats and content plugins are always asked. */
bool hb_kind_takes_on(uint32_t kind);

#endif
