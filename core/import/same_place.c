/* SPDX-License-Identifier: Apache-2.0 */
#include "import/same_place.h"

#include "base/memory.h"
#include <string.h>

void hb_led_note(struct hb_led_members *led, const struct hb_restore_plan *plan, size_t index,
                 const char *real)
{
    if (real == NULL || strcmp(real, hb_planned_path(plan, index)) == 0)
        return;
    if (led->count == led->capacity) {
        led->capacity = led->capacity == 0 ? 16 : led->capacity * 3 / 2;
        led->rows = hb_resize(led->rows, led->capacity, sizeof *led->rows);
    }
    led->rows[led->count++] = (struct hb_led_member){index, hb_copy_text(real)};
}

static const char *path_of(const void *rows, size_t row, size_t *bytes)
{
    const struct hb_led_member *led = rows;
    *bytes = strlen(led[row].path);
    return led[row].path;
}

void hb_led_each_clash(const struct hb_led_members *led, struct hb_restore_plan *plan,
                       void (*clash)(void *context, size_t index, size_t other, const char *real),
                       void *context)
{
    struct hb_path_table known = {0};
    if (led->count > 0)
        hb_planned_enter_all(plan);
    for (size_t i = 0; i < led->count; i++) {
        const struct hb_led_member *row = &led->rows[i];
        if (!hb_planned_is_selected(plan, row->index))
            continue;
        size_t other = hb_planned_find(plan, row->path);
        if (other == SIZE_MAX || other == row->index || !hb_planned_is_selected(plan, other)) {
            size_t first =
                hb_path_table_find(&known, row->path, strlen(row->path), path_of, led->rows);
            other = first == SIZE_MAX ? SIZE_MAX : led->rows[first].index;
            if (first == SIZE_MAX)
                hb_path_table_put(&known, i, path_of, led->rows);
        }
        if (other != SIZE_MAX)
            clash(context, row->index, other, row->path);
    }
    hb_path_table_clear(&known);
}

void hb_led_clear(struct hb_led_members *led)
{
    for (size_t i = 0; i < led->count; i++)
        free(led->rows[i].path);
    free(led->rows);
    *led = (struct hb_led_members){0};
}
