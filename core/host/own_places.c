/* SPDX-License-Identifier: Apache-2.0 */
#include "host/own_places.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include "files/home_id.h"
#include "files/state_key.h"
#include "host/format.h"
#include "host/roots.h"
#include "host/suffixes.h"
#include <string.h>

/* ---- paths --------------------------------------------------------------------------------- */

/* Is `path` in the directory, or the directory itself? "" is the home. */
static bool is_within(const char *directory, const char *path)
{
    size_t length = strlen(directory);
    return length == 0 ||
           (strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

/* ---- finding out --------------------------------------------------------------------------- */

char *hb_own_directory_path(const struct hb_section *preset, const char *directory,
                            const char *home)
{
    HB_AUTO_FREE char *expanded = hb_expand_path(directory);
    if (hb_url_scheme(expanded) > 0)
        return hb_copy_text(expanded);
    return preset != NULL && *expanded != '/' ? hb_text("%s/%s", home, expanded)
                                              : hb_absolute(expanded);
}

/* The path below the home of what the configuration names; NULL: it lies elsewhere. */
static char *place_below(const struct hb_root *home, const char *path)
{
    HB_AUTO_FREE char *real = hb_url_scheme(path) > 0 ? NULL : hb_canonical(path);
    return real == NULL ? NULL : hb_path_below(home, real);
}

/* What root does in a user's home may reach the user's own archives, by his own ~. */
static void add_of_owner(struct hb_own_places *own, const struct hb_root *held,
                         const struct hb_root *home, const char *directory, const char *prefix)
{
    HB_AUTO_FREE char *full =
        *directory == '~' && held->rights.other ? hb_roots_expand(held, directory) : NULL;
    char *path = full == NULL ? NULL : place_below(home, full);
    if (path == NULL)
        return;
    own->directories = hb_resize(own->directories, own->count + 1, sizeof *own->directories);
    own->directories[own->count++] = (struct hb_own_directory){path, hb_copy_text(prefix)};
}

static void add_directory(struct hb_own_places *own, const struct hb_root *home,
                          const struct hb_section *preset, const char *directory, char *prefix)
{
    HB_AUTO_FREE char *full = hb_own_directory_path(preset, directory, home->path);
    /* No name leads to the current directory: it is in no home, for one of those has a name. */
    char *path = full == NULL ? NULL : place_below(home, full);
    if (path == NULL) {
        free(prefix);
        return;
    }
    own->directories = hb_resize(own->directories, own->count + 1, sizeof *own->directories);
    own->directories[own->count++] = (struct hb_own_directory){path, prefix};
}

static void add_presets(struct hb_own_places *own, const struct hb_run *run,
                        const struct hb_root *home)
{
    const struct hb_config *config = run->config;
    const struct hb_backup_settings *backup = hb_config_backup(config);
    const struct hb_section *section = NULL;
    add_directory(own, home, NULL, backup->directory, hb_copy_text(backup->prefix));
    add_of_owner(own, &run->home, home, backup->directory, backup->prefix);
    while ((section = hb_config_next_preset(config, section)) != NULL) {
        HB_AUTO_FREE char *prefix = hb_config_prefix(section);
        add_directory(own, home, section, hb_config_preset(section)->directory,
                      hb_copy_text(prefix));
        add_of_owner(own, &run->home, home, hb_config_preset(section)->directory, prefix);
    }
}

static void clear(struct hb_own_places *own)
{
    for (size_t i = 0; i < own->count; i++) {
        free(own->directories[i].path);
        free(own->directories[i].prefix);
    }
    free(own->directories);
    hb_suffixes_free(own->suffixes);
    free(own->snapshots);
    free(own->state);
    free(own->home);
    free(own);
}

const struct hb_own_places *hb_own_places_of(struct hb_run *run, const char *home)
{
    if (run->own != NULL)
        return run->own;
    struct hb_own_places *own = hb_alloc(sizeof *own);
    own->home = hb_canonical(home);
    own->grafts = &run->grafts;
    /* By names alone: it may be missing. */
    const struct hb_root root = {.fd = -1, .path = own->home, .grafts = &run->grafts};
    HB_AUTO_FREE char *snapshots =
        hb_text("%s/%s", own->home, hb_config_snapshot(run->config)->directory);
    HB_AUTO_FREE char *state = hb_state_directory();
    if (*hb_config_snapshot(run->config)->files != NULL) /* else it is any directory */
        own->snapshots = place_below(&root, snapshots);
    own->state = state == NULL ? NULL : place_below(&root, state);
    if (own->state != NULL &&
        *own->state == '\0') { /* the home itself: its inode is all that is known */
        free(own->state);
        own->state = NULL;
    }
    own->suffixes = hb_suffixes_known(run->config, NULL);
    add_presets(own, run, &root);
    run->own = own;
    run->clear_own = clear;
    return own;
}

const char *const *hb_own_suffixes(struct hb_run *run)
{
    return (const char *const *)hb_own_places_of(run, run->home.path)->suffixes;
}

/* ---- asking -------------------------------------------------------------------------------- */

bool hb_own_archive(const struct hb_own_places *own, const char *path, size_t directory_bytes)
{
    struct hb_archive_name parts;
    const char *there = path + directory_bytes + (directory_bytes > 0);
    size_t stem = hb_facts_stem(there); /* they go and come with the archive */
    HB_AUTO_FREE char *name = stem > 0 ? hb_copy_bytes(there, stem) : hb_copy_text(there);
    for (size_t i = 0; i < own->count; i++)
        if (strncmp(own->directories[i].path, path, directory_bytes) == 0 &&
            own->directories[i].path[directory_bytes] == '\0' &&
            hb_archive_name_parse(name, own->directories[i].prefix,
                                  (const char *const *)own->suffixes, &parts))
            return true;
    return false;
}

bool hb_own_touches(const struct hb_own_places *own, const char *path)
{
    bool touches = own->snapshots != NULL && *own->snapshots != '\0' &&
                   (is_within(own->snapshots, path) || is_within(path, own->snapshots));
    touches = touches ||
              (own->state != NULL && (is_within(own->state, path) || is_within(path, own->state)));
    for (size_t i = 0; i < own->count && !touches; i++)
        touches = *own->directories[i].path != '\0' && (is_within(path, own->directories[i].path) ||
                                                        is_within(own->directories[i].path, path));
    return touches;
}

/* Does the path lead to the directory: is it on the way, or the directory itself? */
static bool leads_to(const char *path, const char *directory)
{
    return directory != NULL && *directory != '\0' && is_within(path, directory);
}

static bool link_misleads(const struct hb_own_places *own, const char *path)
{
    bool misleads = leads_to(path, own->snapshots) || leads_to(path, own->state);
    for (size_t i = 0; i < own->count && !misleads; i++)
        misleads = leads_to(path, own->directories[i].path);
    return misleads;
}

static bool has_id_on_way(const char *path)
{
    size_t length = sizeof HB_HOME_ID_NAME - 1;
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, HB_HOME_ID_NAME, length) == 0 && (at[length] == '/' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* The directory itself may be made; nothing below it. */
bool hb_own_snapshot(const struct hb_own_places *own, const char *path)
{
    return own != NULL && own->snapshots != NULL && *own->snapshots != '\0' &&
           is_within(own->snapshots, path) && path[strlen(own->snapshots)] == '/';
}

/* In a further root, whoever's state and configuration that are: not only the running user's. */
static bool is_of_program(const struct hb_own_places *own, const char *path)
{
    const char *rest;
    const struct hb_root roots = {.fd = -1, .grafts = own->grafts};
    return hb_graft_of(&roots, path, &rest) != NULL && hb_state_is_on_way(rest);
}

const char *hb_own_problem(const struct hb_own_places *own, const char *path, bool is_link)
{
    size_t name = (size_t)(hb_base_name(path) - path);
    if (own == NULL)
        return NULL;
    if (has_id_on_way(path))
        return "has the name of the file that identifies a home";
    if (hb_own_snapshot(own, path))
        return "would lie in the directory of this home's snapshots";
    if (own->state != NULL && is_within(own->state, path) && path[strlen(own->state)] == '/')
        return "would lie in the directory of this program's key";
    if (hb_state_key_is_at(own->home, path))
        return "would be taken for the key of an installation";
    if (is_of_program(own, path))
        return "would lie in a directory of this program's configuration or state";
    if (hb_state_history_is_at(own->home, path))
        return "would be taken for the history of an installation";
    if (hb_own_archive(own, path, name == 0 ? 0 : name - 1))
        return "would be taken for an archive of this home";
    if (is_link && link_misleads(own, path))
        return "is a link that would redirect this home's archives or snapshots";
    return NULL;
}
