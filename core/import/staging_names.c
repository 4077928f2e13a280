/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_names.h"

#include "base/memory.h"
#include "files/names.h"
#include "files/removal.h"
#include "host/filter.h"
#include "host/own_places.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* ---- what a path is called ----------------------------------------------------------------- */

/*
 * The path, with what is there by its own name. NULL: it is called so, or it leads through a link,
 * which publishing resolves. Caller frees.
 */
static char *real_path(struct hb_names *names, const struct hb_root *home, const char *path)
{
    HB_AUTO_FREE char *real = hb_copy_text(path);
    const char *below = path;
    HB_AUTO_CLOSE int at = fcntl(hb_graft_root(home, &below)->fd, F_DUPFD_CLOEXEC, 3);
    size_t from = (size_t)(below - path);
    for (bool last = false; !last && at >= 0;) {
        size_t bytes = strcspn(real + from, "/");
        HB_AUTO_FREE char *name = hb_copy_bytes(real + from, bytes), *called = NULL;
        struct stat status;
        last = real[from + bytes] == '\0';
        if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            hb_name_real(names, at, name, &called) < 0)
            break;
        if (called != NULL) {
            char *longer = hb_text("%.*s%s%s", (int)from, real, called, real + from + bytes);
            free(real);
            real = longer;
            bytes = strlen(called);
        }
        if (!S_ISDIR(status.st_mode))
            break;
        int inner = openat(at, called != NULL ? called : name,
                           O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = inner;
        from += bytes + 1;
    }
    return strcmp(real, path) == 0 ? NULL : hb_copy_text(real);
}

/* ---- what becomes of a member -------------------------------------------------------------- */

static bool is_selected(const struct hb_restore_plan *plan, size_t index)
{
    return index != SIZE_MAX && hb_planned_is_selected(plan, index);
}

static bool is_taken(const struct hb_staging *staging, size_t before, const char *real)
{
    for (size_t i = 0; i < before; i++)
        if (staging->renamed[i] != NULL && strcmp(staging->renamed[i], real) == 0)
            return true;
    return false;
}

/* Why nothing may be put there; NULL: it may. *status is HB_STATUS_FATAL if a filter failed. */
static const char *problem_of(const struct hb_staging *staging, size_t index, const char *real,
                              int *status, struct hb_error *error)
{
    const struct hb_restore_plan *plan = staging->plan;
    struct hb_run *run = staging->run;
    struct hb_verdict verdict = {.size = sizeof verdict};
    struct hb_entry entry;
    if (is_selected(plan, hb_planned_find(plan, real)) || is_taken(staging, index, real))
        return "which is also in the archive";
    hb_planned_entry(plan, index, &entry);
    entry.path = real;
    entry.path_bytes = strlen(real);
    for (size_t i = 0; staging->filters != NULL && i < staging->filters->count; i++) {
        *status = hb_ask_filter(run, staging->filters->instances[i], HB_DIRECTION_IMPORT, &entry,
                                &verdict, error);
        if (*status == HB_STATUS_ENTRY) {
            *status = HB_OK;
            return "of which a filter cannot tell whether it may be replaced";
        }
        if (*status != HB_OK || verdict.kind != HB_VERDICT_KEEP)
            return "which an import never replaces";
    }
    return hb_own_problem(run->own, real, entry.type == HB_TYPE_SYMLINK) == NULL
               ? NULL
               : "which hbcore keeps for itself";
}

static int settle(struct hb_staging *staging, size_t index, char *real, struct hb_error *error)
{
    struct hb_report *report = &staging->run->report;
    const char *path = hb_planned_path(staging->plan, index);
    int status = HB_OK;
    const char *problem = problem_of(staging, index, real, &status, error);
    if (problem == NULL) {
        hb_report_add(report, HB_FOUND_NOTE, path,
                      "the home's file system treats this name as %s; that file is replaced", real);
        staging->renamed[index] = real;
        return HB_OK;
    }
    if (status == HB_OK)
        hb_report_add(report, HB_FOUND_SKIPPED, path,
                      "the home's file system treats this name as %s, %s", real, problem);
    staging->plan->rows[index].action = HB_DROPPED;
    free(real);
    return status;
}

/* ---- two of the archive -------------------------------------------------------------------- */

/*
 * Whether two names of the archive are one is asked by making them, empty, in a directory of the
 * stage: what cannot be made any more is there already, by another name. Which that is, only who
 * reads the report can tell.
 */
enum { SKELETON_MODE = 0700 };
static const char skeleton[] = "names";

static char *bone_of(const char *path, size_t bytes)
{
    return hb_text("%s/%.*s", skeleton, (int)bytes, path);
}

static void drop_twin(struct hb_staging *staging, size_t index)
{
    staging->plan->rows[index].action = HB_DROPPED;
    hb_report_add(&staging->run->report, HB_FOUND_SKIPPED, hb_planned_path(staging->plan, index),
                  "the home's file system treats this name like another one in the archive; that "
                  "one is restored");
}

static void make_bones(struct hb_staging *staging)
{
    const struct hb_restore_plan *plan = staging->plan;
    const struct hb_trees *trees = &staging->trees;
    int stage_fd = staging->run->stage.fd;
    for (uint32_t i = 0; i < trees->directory_count; i++) { /* parents stand in front */
        const struct hb_tree_directory *directory = &trees->directories[i];
        HB_AUTO_FREE char *bone = bone_of(directory->path, directory->path_bytes);
        if (mkdirat(stage_fd, bone, SKELETON_MODE) != 0 && errno == EEXIST &&
            is_selected(plan, directory->member))
            drop_twin(staging, directory->member); /* its files go to the other one */
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (!hb_planned_is_selected(plan, i) || plan->catalog->members[i].type == HB_TYPE_DIRECTORY)
            continue;
        HB_AUTO_FREE char *bone = bone_of(hb_planned_path(plan, i), hb_planned_path_bytes(plan, i));
        HB_AUTO_CLOSE int fd =
            openat(stage_fd, bone, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST)
            drop_twin(staging, i);
    }
}

static void drop_twins(struct hb_staging *staging)
{
    if (mkdirat(staging->run->stage.fd, skeleton, SKELETON_MODE) != 0)
        return; /* publishing looks, too */
    make_bones(staging);
    HB_AUTO_CLOSE int fd =
        openat(staging->run->stage.fd, skeleton, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        hb_remove_below(fd, NULL);
    unlinkat(staging->run->stage.fd, skeleton, AT_REMOVEDIR);
}

int hb_staging_settle_names(struct hb_staging *staging, struct hb_error *error)
{
    const struct hb_restore_plan *plan = staging->plan;
    struct hb_names names = {.known = false};
    int status = HB_OK;
    if (!hb_names_are_folded(staging->run->stage.fd))
        return HB_OK;
    staging->renamed = hb_alloc(plan->count * sizeof *staging->renamed);
    hb_planned_enter_all(staging->plan);
    for (size_t i = 0; status == HB_OK && i < plan->count; i++) {
        char *real = hb_planned_is_selected(plan, i)
                         ? real_path(&names, &staging->run->home, hb_planned_path(plan, i))
                         : NULL;
        if (real != NULL)
            status = settle(staging, i, real, error);
    }
    hb_names_clear(&names);
    if (status == HB_OK)
        drop_twins(staging);
    return status;
}

const char *hb_staging_path(const struct hb_staging *staging, size_t index)
{
    return staging->renamed != NULL && staging->renamed[index] != NULL
               ? staging->renamed[index]
               : hb_planned_path(staging->plan, index);
}

void hb_staging_clear_names(struct hb_staging *staging)
{
    for (size_t i = 0; staging->renamed != NULL && i < staging->plan->count; i++)
        free(staging->renamed[i]);
    free(staging->renamed);
    staging->renamed = NULL;
}
