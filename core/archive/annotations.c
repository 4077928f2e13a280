/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/annotations.h"

void hb_annotations_add(json_t *rows, uint64_t entry, json_t *facts, json_t *notes)
{
    bool some = json_object_size(facts) > 0, told = json_array_size(notes) > 0;
    if (!some && !told)
        return;
    json_t *row = json_object();
    json_object_set_new(row, "entry", json_integer((json_int_t)entry));
    if (some)
        json_object_set(row, "facts", facts);
    if (told)
        json_object_set(row, "notes", notes);
    json_array_append_new(rows, row);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A later version may have facts of another kind, which are not for us. */
static void keep_numbers(json_t *facts)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(facts, next, name, value)
    {
        if (!json_is_integer(value))
            json_object_del(facts, name);
    }
}

static void keep_texts(json_t *notes)
{
    for (size_t i = json_array_size(notes); i-- > 0;)
        if (!json_is_string(json_array_get(notes, i)))
            json_array_remove(notes, i);
}

/* False: a row that is none, or one that does not ascend. */
static bool are_rows(const json_t *rows, uint64_t entries)
{
    json_int_t before = -1;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const json_t *entry = json_object_get(row, "entry");
        json_int_t number = json_integer_value(entry);
        if (!json_is_integer(entry) || number <= before || (uint64_t)number >= entries)
            return false;
        keep_numbers(json_object_get(row, "facts"));
        keep_texts(json_object_get(row, "notes"));
        before = number;
    }
    return json_is_array(rows);
}

json_t *hb_annotations_parse(const unsigned char *data, size_t bytes, uint64_t entries)
{
    json_t *rows = json_loadb((const char *)data, bytes, JSON_REJECT_DUPLICATES, NULL);
    if (are_rows(rows, entries))
        return rows;
    json_decref(rows);
    return NULL;
}

static const json_t *find(const json_t *rows, uint64_t entry)
{
    size_t low = 0, high = json_array_size(rows);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const json_t *row = json_array_get(rows, middle);
        uint64_t there = (uint64_t)json_integer_value(json_object_get(row, "entry"));
        if (there == entry)
            return row;
        if (there < entry)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const json_t *hb_annotations_facts(const json_t *rows, uint64_t entry)
{
    const json_t *facts = json_object_get(find(rows, entry), "facts");
    return json_object_size(facts) > 0 ? facts : NULL;
}

const json_t *hb_annotations_notes(const json_t *rows, uint64_t entry)
{
    return json_object_get(find(rows, entry), "notes");
}
