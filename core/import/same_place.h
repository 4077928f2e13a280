/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links in the home may lead two members to one place: `link` to `file`, or `way/file` to
 * `directory/file`. The one that has the name of the place itself goes there, or else the first;
 * the other would be written over it, or it over the other, without a word.
 */
#ifndef HB_SAME_PLACE_H
#define HB_SAME_PLACE_H

#include "import/restore_plan.h"

/* A member that goes somewhere else than its path says. */
struct hb_led_member {
    size_t index;
    char *path; /* below the home, all links followed */
};

/* Zeroed: none. */
struct hb_led_members {
    struct hb_led_member *rows;
    size_t count;
    size_t capacity;
};

/* `real`: where a selected member goes; NULL: nobody knows. Copied, if it is not its path. */
void hb_led_note(struct hb_led_members *led, const struct hb_restore_plan *plan, size_t index,
                 const char *real);
/*
 * Calls `clash` for each that goes where `other` goes, which is restored; `real` is where. It may
 * drop members.
 */
void hb_led_each_clash(const struct hb_led_members *led, struct hb_restore_plan *plan,
                       void (*clash)(void *context, size_t index, size_t other, const char *real),
                       void *context);
void hb_led_clear(struct hb_led_members *led);

#endif
