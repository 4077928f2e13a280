/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/undo_look.h"

#include "base/memory.h"
#include "host/content.h"
#include "restore/changed_since.h"
#include "restore/target.h"
#include "restore/undo_roots.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static const char changed[] = "it has been changed since";

const struct hb_instance *hb_undo_claimant(const struct hb_chain *contents,
                                           const struct hb_place *place, bool *known)
{
    const struct hb_instance *content = NULL;
    struct hb_entry entry = hb_file_entry(place->path, &place->status);
    *known = hb_claimant_at(contents, &entry, place->directory_fd, place->name, &content) == 0;
    return *known ? content : NULL;
}

static enum hb_undo_state look_at_claimed(const struct hb_chain *contents,
                                          const struct hb_undo_row *row,
                                          const struct hb_place *place, const char **why)
{
    bool known;
    const struct hb_instance *content = hb_undo_claimant(contents, place, &known);
    *why = "no content plugin of the configuration can tell whether it has been changed since";
    if (content == NULL)
        return HB_UNDO_UNTOLD;
    *why = "what it was left as is not known: the import was interrupted there";
    if ((row->flags & HB_UNDO_HAS_NOTE) == 0)
        return HB_UNDO_UNTOLD;
    switch (hb_content_is_as_noted(content, place->path, &place->status, row->note)) {
    case HB_SINCE_AS_NOTED:
        return HB_UNDO_AS_LEFT;
    case HB_SINCE_CHANGED:
        *why = changed;
        return HB_UNDO_CHANGED;
    default:
        *why = "whether it has been changed since cannot be told now";
        return HB_UNDO_UNTOLD;
    }
}

static enum hb_undo_state look_at_file(const struct hb_undo_row *row, const struct hb_place *place,
                                       const char **why)
{
    unsigned char now[HB_NOTE_CONTENT_BYTES];
    *why = "what it was left as is not known";
    if ((row->flags & HB_UNDO_HAS_NOTE) == 0)
        return HB_UNDO_UNTOLD;
    hb_note_file(place->directory_fd, place->name, now);
    *why = "it cannot be read";
    if (now[HB_NOTE_CONTENT_BYTES - 1] != 1)
        return HB_UNDO_UNTOLD;
    *why = changed;
    return memcmp(now, row->note, sizeof now) == 0 ? HB_UNDO_AS_LEFT : HB_UNDO_CHANGED;
}

static enum hb_undo_state look_at_link(const struct hb_undo_row *row, const struct hb_place *place,
                                       const char **why)
{
    char target[PATH_MAX];
    ssize_t bytes = readlinkat(place->directory_fd, place->name, target, sizeof target);
    *why = bytes < 0 ? "it cannot be read" : changed;
    if (bytes < 0)
        return HB_UNDO_UNTOLD;
    return strlen(row->link) == (size_t)bytes && memcmp(row->link, target, (size_t)bytes) == 0
               ? HB_UNDO_AS_LEFT
               : HB_UNDO_CHANGED;
}

static bool is_of_type(mode_t mode, uint8_t type)
{
    return type == HB_TYPE_DIRECTORY ? S_ISDIR(mode)
           : type == HB_TYPE_SYMLINK ? S_ISLNK(mode)
                                     : S_ISREG(mode);
}

/* Where it leads; HB_UNDO_AS_LEFT: it is to be looked at. */
static enum hb_undo_state find(struct hb_run *run, const struct hb_undo_row *row,
                               struct hb_place *place, const char **why)
{
    *place = (struct hb_place){.directory_fd = -1};
    *why = hb_undo_root_problem(run, row);
    if (*why != NULL)
        return HB_UNDO_AWAY;
    int result = hb_beneath_resolve(&run->home, row->path, HB_KEEP_LAST, place, NULL);
    *why = changed;
    if (result == -ENOENT || result == -ENOTDIR || (result == 0 && !place->exists))
        return HB_UNDO_ABSENT;
    if (result == 0 && place->through_link) /* no link was on the way */
        return HB_UNDO_CHANGED;
    if (result == 0)
        result = hb_target_refusal(run, place, HB_KEEP_LAST);
    *why = "it cannot be reached";
    return result == 0 ? HB_UNDO_AS_LEFT : HB_UNDO_UNTOLD;
}

enum hb_undo_state hb_undo_look(struct hb_run *run, const struct hb_chain *contents,
                                const struct hb_undo_row *row, struct hb_place *place,
                                const char **why)
{
    enum hb_undo_state state = find(run, row, place, why);
    if (state != HB_UNDO_AS_LEFT)
        return state;
    *why = changed;
    if (!is_of_type(place->status.st_mode, row->type))
        return HB_UNDO_CHANGED;
    if (row->type == HB_TYPE_FILE && (row->flags & HB_UNDO_HAS_MODE) != 0 &&
        row->mode != (place->status.st_mode & 07777))
        return HB_UNDO_CHANGED;
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &place->rights) != 0) {
        *why = "it cannot be reached";
        return HB_UNDO_UNTOLD;
    }
    switch (row->type) {
    case HB_TYPE_DIRECTORY:
        return HB_UNDO_AS_LEFT;
    case HB_TYPE_SYMLINK:
        return look_at_link(row, place, why);
    default:
        return (row->flags & HB_UNDO_CLAIMED) != 0 ? look_at_claimed(contents, row, place, why)
                                                   : look_at_file(row, place, why);
    }
}

bool hb_undo_holds(const struct hb_undo_row *row, int directory_fd, const char *name)
{
    struct hb_place place = {.directory_fd = directory_fd, .name = (char *)name};
    const char *why;
    if (fstatat(directory_fd, name, &place.status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !is_of_type(place.status.st_mode, row->type) || row->type == HB_TYPE_DIRECTORY)
        return false;
    return (row->type == HB_TYPE_SYMLINK ? look_at_link(row, &place, &why)
                                         : look_at_file(row, &place, &why)) == HB_UNDO_AS_LEFT;
}

bool hb_undo_take_present(struct hb_run *run, struct hb_undo_row *row)
{
    struct hb_place place;
    const char *why;
    bool told = false;
    char target[PATH_MAX];
    enum hb_undo_state state = find(run, row, &place, &why);
    HB_AUTO_AS as = {.changed = false};
    if (state == HB_UNDO_AS_LEFT && is_of_type(place.status.st_mode, row->type) &&
        hb_as_begin(&as, &place.rights) == 0) {
        row->mode = place.status.st_mode & 07777;
        ssize_t bytes = row->type == HB_TYPE_SYMLINK
                            ? readlinkat(place.directory_fd, place.name, target, sizeof target - 1)
                            : 0;
        if (row->type == HB_TYPE_SYMLINK && bytes >= 0) {
            free(row->link);
            row->link = hb_copy_bytes(target, (size_t)bytes);
        }
        if (row->type == HB_TYPE_FILE)
            hb_note_file(place.directory_fd, place.name, row->note);
        row->flags |= HB_UNDO_HAS_NOTE | HB_UNDO_HAS_MODE;
        told =
            bytes >= 0 && (row->type != HB_TYPE_FILE || row->note[HB_NOTE_CONTENT_BYTES - 1] == 1);
    }
    hb_place_clear(&place);
    return told;
}
