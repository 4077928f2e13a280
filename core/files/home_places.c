/* SPDX-License-Identifier: Apache-2.0 */
#include "files/home_places.h"

#include <string.h>

static const char list_key[] = "places";

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static bool equal(const json_t *one, const json_t *other, const char *key)
{
    const json_t *here = json_object_get(one, key), *there = json_object_get(other, key);
    return here == there || json_equal(here, there);
}

static bool is_entry(const json_t *entry)
{
    const char *id = text_of(entry, "id");
    return json_is_object(entry) && strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32;
}

/* Nothing holds without a machine: in containers the paths are alike. */
static bool is_here(const json_t *entry, const json_t *here)
{
    return *text_of(here, "machine") != '\0' && equal(entry, here, "machine") &&
           equal(entry, here, "path") && equal(entry, here, "path_base64") &&
           equal(entry, here, "birth");
}

json_t *hb_home_place_of(const json_t *file)
{
    static const char *const keys[] = {"id",   "inode",       "birth",  "machine",
                                       "path", "path_base64", "adopted"};
    json_t *entry = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(file, keys[i]);
        if (value != NULL)
            json_object_set(entry, keys[i], value);
    }
    return entry;
}

json_t *hb_home_places_read(const json_t *file, const json_t *here, json_t **mine)
{
    const json_t *written = json_object_get(file, list_key);
    json_t *places = json_array();
    *mine = NULL;
    for (size_t i = 0; i < json_array_size(written); i++) {
        const json_t *entry = json_array_get(written, i);
        if (!is_entry(entry))
            continue;
        if (!is_here(entry, here)) {
            if (json_array_size(places) < HB_HOME_PLACES)
                json_array_append_new(places, hb_home_place_of(entry));
        } else if (*mine == NULL) {
            *mine = hb_home_place_of(entry);
        }
    }
    return places;
}

void hb_home_places_push(json_t *places, json_t *entry)
{
    json_array_insert_new(places, 0, entry);
    while (json_array_size(places) > HB_HOME_PLACES)
        json_array_remove(places, HB_HOME_PLACES);
}

json_t *hb_home_places_split(json_t *places, const char *machine)
{
    json_t *others = json_array();
    for (size_t i = json_array_size(places); i-- > 0;) {
        json_t *entry = json_array_get(places, i);
        if (strcmp(text_of(entry, "machine"), machine) != 0)
            continue;
        json_array_insert(others, 0, entry);
        json_array_remove(places, i);
    }
    return others;
}
