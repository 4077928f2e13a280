/* SPDX-License-Identifier: Apache-2.0 */
#include "host/roots.h"

#include "base/memory.h"
#include "base/path.h"
#include "config/settings.h"
#include "files/anywhere.h"
#include "files/grafts.h"
#include "files/lock.h"
#include "files/stage.h"
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

/* ---- opening them -------------------------------------------------------------------------- */

/* Does it begin with the login directory of whoever that is? */
static bool begins_at_login(const char *text)
{
    return text[0] == '~' && (text[1] == '/' || text[1] == '\0');
}

char *hb_roots_expand(const struct hb_root *home, const char *text)
{
    struct passwd entry, *found = NULL;
    char buffer[4096];
    if (!begins_at_login(text) || home->fd < 0 || !home->rights.other)
        return hb_expand_path(text);
    if (getpwuid_r(home->rights.user, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
        return NULL;
    return hb_text("%s%s", found->pw_dir, text + 1);
}

/* Where one directory lies in another; NULL: it does not. "": they are the same. Caller frees. */
static char *place_in(const struct hb_root *outer, const struct hb_root *inner)
{
    const struct hb_root plain = {.fd = outer->fd, .path = outer->path};
    return inner->path == NULL ? NULL : hb_path_below(&plain, inner->path);
}

/* By whatever name: a mount may give it another one. */
static bool is_same(const struct hb_root *one, const struct hb_root *other)
{
    struct stat here, there;
    return fstat(one->fd, &here) == 0 && fstat(other->fd, &there) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* What the home and the directory have to do with each other: *why if that cannot be. */
static void settle_inner(struct hb_graft *graft, const struct hb_root *home)
{
    HB_AUTO_FREE char *in_home =
        is_same(home, &graft->root) ? hb_copy_text("") : place_in(home, &graft->root);
    graft->inner = place_in(&graft->root, home);
    if (in_home != NULL) /* what is in it is stored there */
        graft->why = hb_text("%s lies in the home itself", graft->root.path);
    for (char *const *path = graft->paths; graft->inner != NULL && *path != NULL; path++) {
        size_t bytes = strlen(*path);
        bool around = strncmp(*path, graft->inner, bytes) == 0 &&
                      (graft->inner[bytes] == '/' || graft->inner[bytes] == '\0');
        graft->missed = graft->missed || around || hb_graft_is_inner(graft, *path);
        if (graft->why == NULL && graft->missed)
            graft->why = hb_text("its path %s has to do with the home itself, which is stored "
                                 "anyway",
                                 *path);
    }
}

static char **copy_paths(const char *const *paths)
{
    size_t count = 0;
    while (paths[count] != NULL)
        count++;
    char **copy = hb_alloc((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(paths[i]);
        while (bytes > 1 && paths[i][bytes - 1] == '/')
            bytes--;
        copy[i] = hb_copy_bytes(paths[i], bytes);
    }
    return copy;
}

/* Users that are no people may have a directory of root's for a login directory. */
static bool is_of_root(const struct hb_run *run, const struct hb_graft *graft, const char *text)
{
    return begins_at_login(text) && run->home.fd >= 0 && run->home.rights.other &&
           !graft->root.rights.other;
}

static void open_one(struct hb_run *run, const struct hb_section *section)
{
    const struct hb_root_settings *settings = hb_config_root(section);
    struct hb_grafts *grafts = &run->grafts;
    grafts->rows = hb_resize(grafts->rows, grafts->count + 1, sizeof *grafts->rows);
    struct hb_graft *graft = &grafts->rows[grafts->count++];
    *graft = (struct hb_graft){
        .name = hb_copy_text(*settings->prefix == '\0' ? section->label : settings->prefix),
        .root.fd = -1,
        .paths = copy_paths(settings->paths),
        .section = section->name,
    };
    for (size_t i = 0; i + 1 < grafts->count; i++)
        if (strcmp(grafts->rows[i].name, graft->name) == 0)
            graft->why = hb_text("[%s] has the same prefix", grafts->rows[i].section);
    graft->missed = graft->why != NULL;
    if (*settings->directory == '\0' && graft->why == NULL)
        graft->why = hb_copy_text("it has no directory");
    if (graft->why != NULL)
        return;
    HB_AUTO_FREE char *path = hb_roots_expand(&run->home, settings->directory);
    int result = path == NULL ? -ENOENT : hb_root_open(path, &graft->root);
    if (path == NULL)
        graft->why = hb_text("the owner of the home, user %u, has no login directory",
                             (unsigned)run->home.rights.user);
    else if (result == 0 && is_of_root(run, graft, settings->directory))
        graft->why = hb_text("%s belongs to root, and the home to user %u", graft->root.path,
                             (unsigned)run->home.rights.user);
    else if (result == 0 && run->home.path != NULL)
        settle_inner(graft, &run->home);
    else if (result != 0)
        graft->why = hb_text("%s: %s", path, hb_rights_explain(-result));
    /* A user without a login directory has nothing in it; a disk may not be mounted. */
    if (result != 0)
        graft->missed = result != -ENOENT || *settings->directory != '~';
    if (graft->why != NULL)
        hb_root_close(&graft->root);
}

void hb_roots_open(struct hb_run *run)
{
    const struct hb_section *section = NULL;
    hb_grafts_clear(&run->grafts);
    while (!run->without_roots && (section = hb_config_next_root(run->config, section)) != NULL)
        open_one(run, section);
    run->home.grafts = &run->grafts;
}

void hb_roots_take_home(struct hb_run *run)
{
    run->home.read_as_root = hb_rights_matter() && hb_config_home(run->config)->read_as_root;
    hb_roots_open(run);
}

/* ---- what becomes of them ------------------------------------------------------------------ */

void hb_roots_report(struct hb_run *run)
{
    const struct hb_grafts *grafts = run->home.grafts;
    for (size_t i = 0; grafts != NULL && i < grafts->count; i++) {
        const struct hb_graft *graft = &grafts->rows[i];
        if (graft->missed && *graft->paths != NULL)
            hb_report_add(&run->report, HB_FOUND_SKIPPED, graft->name, "[%s] cannot be stored: %s",
                          graft->section, graft->why);
    }
}

/* Is anything at the path, or may there be? */
static bool is_there(const struct hb_root *roots, const char *path)
{
    struct hb_place place;
    int result = hb_beneath_resolve(roots, path, HB_KEEP_LAST, &place, NULL);
    bool there = result == 0 ? place.exists : result != -ENOENT;
    hb_place_clear(&place);
    return there;
}

char *hb_roots_problem(const struct hb_run *run, const char *path, bool is_directory)
{
    const char *rest;
    const struct hb_root roots = {.fd = -1, .grafts = &run->grafts};
    const struct hb_graft *graft = hb_graft_of(&roots, path, &rest);
    if (graft == NULL)
        return NULL;
    if (*rest == '\0' && !is_directory)
        return hb_text("bears the name of [%s], which is a directory", graft->section);
    if (graft->root.fd < 0)
        return hb_text("belongs to [%s], where nothing is restored: %s", graft->section,
                       graft->why);
    if (hb_graft_is_inner(graft, rest))
        return hb_text("belongs to [%s], and would lie in the home", graft->section);
    const struct hb_section *section = hb_config_section(run->config, graft->section);
    const char *origin = hb_section_origin(section, &hb_config_root(section)->directory);
    if (!run->elsewhere || (origin != NULL && strcmp(origin, "--set") == 0) || is_directory ||
        !is_there(&roots, path))
        return NULL;
    HB_AUTO_FREE char *full = hb_full_path(&roots, path);
    return hb_text("%s is there, and belongs to the home that the configuration names, which this "
                   "one is not; to replace it, name the directory: --set %s.directory=%s",
                   full, graft->section, hb_config_root(section)->directory);
}

bool hb_roots_have(const struct hb_run *run, const char *path)
{
    const char *rest;
    const struct hb_root roots = {.fd = -1, .grafts = &run->grafts};
    return hb_graft_of(&roots, path, &rest) != NULL;
}

bool hb_roots_are_filled(const struct hb_run *run, const char *path)
{
    const struct hb_root roots = {.fd = -1, .grafts = &run->grafts};
    return hb_roots_have(run, path) && is_there(&roots, path);
}

int hb_roots_lock(struct hb_run *run, bool alone, int64_t wait_seconds, struct hb_error *error)
{
    const struct hb_grafts *grafts = run->home.grafts;
    int status = HB_OK;
    for (size_t i = 0; grafts != NULL && status == HB_OK && i < grafts->count; i++) {
        const struct hb_graft *graft = &grafts->rows[i];
        if (alone ? graft->used : hb_graft_is_filled(graft))
            status = hb_root_lock(&graft->root, alone, wait_seconds, error);
    }
    return status;
}
