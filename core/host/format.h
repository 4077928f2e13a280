/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists the format plugins, and finds one by its name. archive/archive.c finds out which of them
 * reads an existing archive.
 */
#ifndef HB_FORMAT_H
#define HB_FORMAT_H

#include "host/chosen.h"
#include "host/run.h"

/* The format called `name`; NULL or "": backup.format, else the first [format:…]. */
int hb_format_find(const struct hb_config *config, const char *name, struct hb_chosen *choice,
                   struct hb_error *error);
void hb_format_list(const struct hb_config *config, struct hb_chosen_list *list);

/*
 * The length of a file's name without the format's suffix, one of `suffixes` (ended by NULL) in any
 * case; 0: it has none of them, or nothing in front.
 */
size_t hb_format_stem(const char *const *suffixes, const char *name);

/*
 * How the instance wants content to be cut into units; the host's values where it does not say.
 * HB_OK or HB_STATUS_FATAL.
 */
int hb_format_policy(const struct hb_instance *format, struct hb_unit_policy *policy,
                     struct hb_error *error);

/* What archives of this format keep of an entry, complete. */
struct hb_keeps hb_format_keeps(const struct hb_chosen *choice);

/*
 * What the plugin says of itself: suffixes, flags, which callbacks it has. To call one an instance
 * is needed, and its own table (calls.h).
 */
static inline const struct hb_format_ops *hb_format_ops_of(const struct hb_chosen *choice)
{
    return (const struct hb_format_ops *)choice->section->library->plugin->ops;
}

#endif
