/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_mounts.h"

#include "base/memory.h"
#include "files/mounts.h"
#include "host/roots.h"
#include "import/staging_links.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/*
 * Is that stage of the same root as the place? What goes to a further root is never in the home's
 * own stage: whoever completes an import finds the stage there, or it is another directory by now.
 */
static bool is_of(const struct hb_staging *staging, unsigned number,
                  const struct hb_mount_place *place)
{
    const char *rest;
    const struct hb_root *home = &staging->run->home;
    return hb_graft_of(home, place->directory, &rest) ==
           (number == 0 ? NULL : hb_graft_of(home, staging->places_of[number], &rest));
}

/*
 * The number of the stage on that file system and of that owner; made beside where the first file
 * goes. 0, the run's own, where none can be made: publishing tells about those files.
 */
static unsigned stage_on(struct hb_staging *staging, const struct hb_mount_place *place)
{
    struct hb_error ignored;
    for (unsigned i = 0; i < staging->stage_count; i++)
        if (staging->mounts[i] == place->mount && is_of(staging, i, place) &&
            hb_rights_are_same(&staging->stages[i]->rights, &place->rights))
            return i;
    if (staging->stage_count == HB_JOURNAL_STAGES)
        return 0;
    HB_AUTO_FREE char *parent = *place->directory == '\0'
                                    ? hb_copy_text(staging->run->home.path)
                                    : hb_full_path(&staging->run->home, place->directory);
    struct hb_directory directory;
    if (hb_beneath_directory(&staging->run->home, place->directory, 0, &directory) != 0)
        return 0;
    struct hb_stage *stage = hb_alloc(sizeof *stage);
    int status = hb_stage_open_in(directory.fd, &place->rights, parent, stage, NULL, &ignored);
    hb_directory_close(&directory);
    if (status != HB_OK || hb_mount_of(stage->fd) != place->mount) {
        hb_run_close_stage(staging->run, stage, HB_OK);
        free(stage);
        return 0;
    }
    staging->stages[staging->stage_count] = stage;
    staging->places_of[staging->stage_count] =
        *place->directory == '\0' ? hb_copy_text(stage->name)
                                  : hb_text("%s/%s", place->directory, stage->name);
    staging->mounts[staging->stage_count] = place->mount;
    return staging->stage_count++;
}

/* To a file of that name in the stage, with its owner's rights. 0 or -errno. */
static int copy_into(const struct hb_staging *staging, const struct hb_stage *stage,
                     const char *name, int from, size_t index)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &stage->rights);
    if (result != 0)
        return result;
    HB_AUTO_CLOSE int to =
        openat(stage->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return to < 0 ? -errno : hb_staging_copy(staging, index, from, to);
}

static int link_in(const struct hb_stage *stage, const char *target, const char *name)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &stage->rights);
    return result == 0 && symlinkat(target, stage->fd, name) != 0 ? -errno : result;
}

/* Copies a staged member to where it can be renamed from. */
static int move_member(struct hb_staging *staging, size_t index, unsigned number,
                       struct hb_error *error)
{
    bool is_link = hb_planned_type(staging->plan, index) == HB_TYPE_SYMLINK;
    const struct hb_stage *there = staging->stages[number];
    int here = staging->run->stage.fd, result = 0;
    char name[24];
    hb_staged_name(index, name);
    if (is_link) {
        result = link_in(there, hb_planned_link(staging->plan, index), name);
    } else {
        HB_AUTO_CLOSE int from = openat(here, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        result = from < 0 ? -errno : copy_into(staging, there, name, from, index);
    }
    if (result != 0 && is_link && hb_staging_lacks_links(-result))
        hb_staging_drop_link(staging, index);
    else if (result != 0)
        return hb_staging_failed(staging, index, -result, error);
    unlinkat(here, name, 0);
    staging->plan->rows[index].stage = (uint8_t)number;
    return HB_OK;
}

/*
 * Nothing of a directory is staged, but the journal has to say on which file system it is. For one
 * that is there already no stage is made: that would change it.
 */
static void place_directory(struct hb_staging *staging, size_t index)
{
    struct hb_restore_row *row = &staging->plan->rows[index];
    struct hb_mount_place place;
    row->stage = HB_NO_STAGE;
    if (hb_mount_find(&staging->run->home, hb_planned_path(staging->plan, index), &place) != 0)
        return;
    for (unsigned i = 0; i < staging->stage_count && row->stage == HB_NO_STAGE; i++)
        if (staging->mounts[i] == place.mount && is_of(staging, i, &place))
            row->stage = (uint8_t)i;
    bool rooted = hb_roots_have(staging->run, place.directory);
    if (row->stage == HB_NO_STAGE && (rooted || hb_staging_is_missing(staging, index))) {
        unsigned number = stage_on(staging, &place);
        if (number != 0)
            row->stage = (uint8_t)number;
    }
    free(place.directory);
}

static void place_directories(struct hb_staging *staging)
{
    const struct hb_restore_plan *plan = staging->plan;
    for (size_t i = 0; i < plan->count; i++)
        if (hb_planned_is_selected(plan, i) && plan->catalog->members[i].type == HB_TYPE_DIRECTORY)
            place_directory(staging, i);
}

int hb_staging_spread(struct hb_staging *staging, struct hb_error *error)
{
    const struct hb_restore_plan *plan = staging->plan;
    const struct hb_root *home = &staging->run->home;
    bool mounts = hb_mounts_below(home->path) || hb_staging_uses_roots(staging);
    if (hb_trees_have_one_owner(&staging->trees) && !mounts)
        return HB_OK;
    staging->mounts[0] = hb_mount_of(staging->run->stage.fd);
    for (size_t i = 0; i < plan->count; i++) {
        struct hb_mount_place place;
        if (!hb_planned_is_selected(plan, i) ||
            plan->catalog->members[i].type == HB_TYPE_DIRECTORY ||
            hb_mount_find(home, hb_planned_path(plan, i), &place) != 0)
            continue;
        unsigned number = stage_on(staging, &place);
        free(place.directory);
        int status = number == 0 ? HB_OK : move_member(staging, i, number, error);
        if (status != HB_OK)
            return status;
    }
    if (mounts)
        place_directories(staging);
    return HB_OK;
}
