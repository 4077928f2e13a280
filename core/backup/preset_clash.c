/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_clash.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include <stdlib.h>
#include <string.h>

/* "/a//b/" and "/a/./b" are one directory, and so is a link to it. */
static char *place_of(const struct hb_section *preset, const char *home)
{
    HB_AUTO_FREE char *text = hb_expand_path(hb_config_preset(preset)->directory);
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

/* The line to change: that of the prefix, or else of the directory; NULL: neither is written. */
static const char *origin_of(const struct hb_section *preset)
{
    const struct hb_preset_settings *settings = hb_config_preset(preset);
    const char *prefix = hb_section_origin(preset, &settings->prefix);
    return prefix != NULL ? prefix : hb_section_origin(preset, &settings->directory);
}

static int clash(const struct hb_section *preset, const struct hb_section *other, const char *place,
                 const char *prefix, struct hb_error *error)
{
    const char *here = origin_of(preset), *there = origin_of(other);
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
    HB_AUTO_FREE char *prefix = hb_config_prefix(preset);
    HB_AUTO_FREE char *place = place_of(preset, home);
    while ((other = hb_config_next_preset(config, other)) != NULL) {
        if (other == preset && before)
            return HB_OK;
        HB_AUTO_FREE char *other_prefix = hb_config_prefix(other);
        HB_AUTO_FREE char *other_place = place_of(other, home);
        if (other != preset && strcmp(prefix, other_prefix) == 0 && strcmp(place, other_place) == 0)
            return clash(preset, other, place, prefix, error);
    }
    return HB_OK;
}
