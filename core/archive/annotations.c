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

static bool are_facts(json_t *facts)
{
    const char *name;
    json_t *value;
    if (facts != NULL && !json_is_object(facts))
        return false;
    json_object_foreach(facts, name, value) if (!json_is_integer(value)) return false;
    return true;
}

static bool are_notes(const json_t *notes)
{
    if (notes != NULL && !json_is_array(notes))
        return false;
    for (size_t i = 0; i < json_array_size(notes); i++)
        if (!json_is_string(json_array_get(notes, i)))
            return false;
    return true;
}

/* False: a row that is none, or one that does not ascend. */
static bool are_rows(const json_t *rows, uint64_t entries)
{
    json_int_t before = -1;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const json_t *entry = json_object_get(row, "entry");
        json_int_t number = json_integer_value(entry);
        if (!json_is_integer(entry) || number <= before || (uint64_t)number >= entries ||
            !are_facts(json_object_get(row, "facts")) || !are_notes(json_object_get(row, "notes")))
            return false;
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
    return json_object_get(find(rows, entry), "facts");
}

const json_t *hb_annotations_notes(const json_t *rows, uint64_t entry)
{
    return json_object_get(find(rows, entry), "notes");
}
