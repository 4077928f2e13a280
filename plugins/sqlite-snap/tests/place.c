/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"
#include "live.h"

#include <fcntl.h>
#include <unistd.h>

enum view_result place_pin(struct place *place, bool logged)
{
    struct hb_entry entry = entry_of(place->name);
    place->patience = (struct patience){.host = &place->fixture->fake.host};
    place->view = (struct view){.main = -1, .log = -1, .index_fd = -1};
    assert_int_equal(live_open(&place->fixture->fake.host, &entry, &place->live), 0);
    place->live.with_own_rights = place->read_only;
    int main = held_open_side(&place->live, SIDE_MAIN, O_RDONLY);
    assert_true(main >= 0);
    if (live_lock_shared(main))
        return view_pin(&place->view, &place->live, main, logged ? VIEW_OF_LOG : VIEW_OF_JOURNAL,
                        &place->patience, place->why, sizeof place->why);
    close(main);
    return VIEW_AGAIN;
}

void place_let_go(struct place *place)
{
    view_close(&place->view);
    held_close(&place->live);
}

unsigned char *place_image(const struct place *place)
{
    const struct view *view = &place->view;
    unsigned char *image = malloc(view->bytes + 1);
    assert_non_null(image);
    assert_int_equal(view_read(view, image, view->bytes + 1, 0), (int64_t)view->bytes);
    assert_true(view_is_held(view));
    return image;
}
