/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/foresee.h"

#include "base/memory.h"
#include "files/mounts.h"
#include "host/failure.h"
#include "host/instance.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As hb_target_resolve(), and nothing is made. 0 or -errno. */
static int resolve(const struct hb_run *run, const char *path, unsigned flags,
                   struct hb_place *place)
{
    int result = hb_beneath_resolve(&run->home, path, HB_SUPPOSE_PARENTS | flags, place, NULL);
    return result == 0 ? hb_target_refusal(run, place, flags) : result;
}

/* May a name be made, or taken away, in the directory? 0 or -errno. */
static int try_directory(const struct hb_place *place)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &place->rights);
    if (result == 0 && faccessat(place->directory_fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        result = -errno;
    return result;
}

/* Is the file immutable, say, which nobody may rename over? */
static bool is_fixed(const struct hb_place *place)
{
    struct statx status;
    return statx(place->directory_fd, place->name, AT_SYMLINK_NOFOLLOW, 0, &status) == 0 &&
           (status.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0;
}

void hb_foresee_place(const struct hb_run *run, struct hb_last_target *last, const char *path,
                      bool is_link, struct hb_place *place, char **why)
{
    int result = 0;
    *why = NULL;
    if (is_link || !hb_target_beside(run, last, path, place)) {
        hb_place_clear(place);
        result = resolve(run, path, is_link ? HB_KEEP_LAST : 0u, place);
        if (result == 0 && strchr(place->name, '/') == NULL) /* its directory is there */
            hb_target_remember(last, path, place);
    }
    const char *obstacle = result == 0 ? hb_target_obstacle(place) : hb_target_explain(-result);
    if (obstacle != NULL)
        *why = hb_copy_text(obstacle);
}

/* Why a rename could not put it there; NULL: it could. */
static const char *foresee_rename(const struct hb_place *place)
{
    int result = try_directory(place);
    if (result == 0 && place->exists && is_fixed(place))
        result = -EPERM;
    if (result == 0 && place->exists && hb_is_mounted(place->directory_fd, place->name))
        result = -EBUSY;
    return result == 0 ? NULL : hb_target_explain(-result);
}

/* As ourselves, like restore(). HB_OK, HB_STATUS_NOMATCH: by rename; or a failure. */
static int ask_plugin(struct hb_run *run, const struct hb_instance *content,
                      const struct hb_entry *entry, uint32_t mode, const struct hb_place *place)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    HB_AUTO_FREE char *path = hb_full_path(&run->home, place->path);
    const struct hb_target target = {
        .size = sizeof target,
        .directory_fd = place->directory_fd,
        .name = place->name,
        .path = path,
        .mode = mode,
        .exists = place->exists,
    };
    hb_run_clear_failure(run);
    return ops->foresee(content->self, entry, &target);
}

char *hb_foresee_publishing(struct hb_run *run, const struct hb_instance *content,
                            const struct hb_entry *entry, uint32_t mode,
                            const struct hb_place *place)
{
    int status = HB_STATUS_NOMATCH;
    bool there = strchr(place->name, '/') == NULL; /* else no plugin has anything to look at */
    if (content != NULL && there) {
        const struct hb_content_ops *ops = content->plugin->ops;
        bool knows = HB_CAN(ops, foresee), by_rename = !HB_CAN(ops, restore) || !place->exists;
        status = knows ? ask_plugin(run, content, entry, mode, place)
                       : (by_rename ? HB_STATUS_NOMATCH : HB_OK);
    }
    if (status < 0)
        return hb_copy_text(hb_instance_failure(content));
    const char *why = status == HB_STATUS_NOMATCH ? foresee_rename(place) : NULL;
    return why == NULL ? NULL : hb_copy_text(why);
}

const char *hb_foresee_directory(const struct hb_run *run, const char *path)
{
    struct hb_place place;
    int result = resolve(run, path, 0, &place);
    if (result == -EISDIR)
        result = 0; /* a link to the home itself: it is there */
    else if (result == 0 && !place.exists)
        result = try_directory(&place);
    else if (result == 0 && !S_ISDIR(place.status.st_mode))
        result = -ENOTDIR;
    hb_place_clear(&place);
    return result == 0 ? NULL : hb_target_explain(-result);
}
