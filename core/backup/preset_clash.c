/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_clash.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include <stdlib.h>
#include <string.h>

/* "/a//b/" and "/a/./b" are one directory, and so is a link to it. */
static char *place_of(const struct hb_config *config, const struct hb_section *preset,
                      const char *home)
{
    HB_AUTO_FREE char *text = hb_expand_path(hb_config_text(config, preset->name, "directory"));
    if (hb_url_scheme(text) > 0)
        return hb_text("%s%s", text, text[strlen(text) - 1] == '/' ? "" : "/");
    bool below = *text != '/' && home != NULL && *home == '/';
    HB_AUTO_FREE char *path = hb_text("%s%s%s", below ? home : "", below ? "/" : "", text);
    char *real = *path == '/' ? realpath(path, NULL) : NULL;
    if (real != NULL)
        return real;
    char *place = hb_alloc(strlen(path) + 2);
    place[0] = *path == '/' ? '/' : '.';
    *hb_path_put_meaning(place + 1, path) = '\0';
    return place;
}

/* The line to change: that of the prefix, or else of the directory. */
struct origin {
    const struct hb_section *preset;
    char *text; /* "file:12"; NULL: neither is written down */
};

static void find_origin(void *context, const struct hb_section *section,
                        const struct hb_option *option, const struct hb_value *value,
                        const char *origin)
{
    struct origin *found = context;
    bool prefix = strcmp(option->key, "prefix") == 0;
    (void)value;
    if (section != found->preset || strcmp(origin, "default") == 0 ||
        (!prefix && strcmp(option->key, "directory") != 0))
        return;
    free(found->text);
    found->text = hb_copy_text(origin);
}

/* Caller frees. */
static char *origin_of(const struct hb_config *config, const struct hb_section *preset)
{
    struct origin origin = {.preset = preset};
    hb_config_each(config, find_origin, &origin);
    return origin.text;
}

static int clash(const struct hb_config *config, const struct hb_section *preset,
                 const struct hb_section *other, const char *place, const char *prefix,
                 struct hb_error *error)
{
    HB_AUTO_FREE char *here = origin_of(config, preset);
    HB_AUTO_FREE char *there = origin_of(config, other);
    hb_error_set(error, HB_STATUS_FATAL,
                 "%s%s[%s] has the directory and the prefix of [%s]%s%s%s, %s and %s: each would "
                 "remove the other's archives",
                 here == NULL ? "" : here, here == NULL ? "" : ": ", preset->name, other->name,
                 there == NULL ? "" : " (", there == NULL ? "" : there, there == NULL ? "" : ")",
                 place, prefix);
    hb_error_hint(error, "give one of them a directory or a prefix of its own");
    error->wrong_use = true;
    return HB_STATUS_FATAL;
}

int hb_preset_clash(const struct hb_config *config, const struct hb_section *preset,
                    const char *home, bool before, struct hb_error *error)
{
    const struct hb_section *other = NULL;
    HB_AUTO_FREE char *prefix = hb_config_prefix(config, preset);
    HB_AUTO_FREE char *place = place_of(config, preset, home);
    while ((other = hb_config_next_preset(config, other)) != NULL) {
        if (other == preset && before)
            return HB_OK;
        HB_AUTO_FREE char *other_prefix = hb_config_prefix(config, other);
        HB_AUTO_FREE char *other_place = place_of(config, other, home);
        if (other != preset && strcmp(prefix, other_prefix) == 0 && strcmp(place, other_place) == 0)
            return clash(config, preset, other, place, prefix, error);
    }
    return HB_OK;
}
