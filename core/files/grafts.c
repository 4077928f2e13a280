/* SPDX-License-Identifier: Apache-2.0 */
#include "files/grafts.h"

#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void hb_grafts_clear(struct hb_grafts *grafts)
{
    for (size_t i = 0; i < grafts->count; i++) {
        hb_root_close(&grafts->rows[i].root);
        free(grafts->rows[i].name);
        free(grafts->rows[i].why);
        free(grafts->rows[i].inner);
        for (char **path = grafts->rows[i].paths; path != NULL && *path != NULL; path++)
            free(*path);
        free(grafts->rows[i].paths);
    }
    free(grafts->rows);
    *grafts = (struct hb_grafts){0};
}

/* What of the path follows the directory; NULL: it lies elsewhere. "": it is the directory. */
static const char *behind(const char *path, const char *directory)
{
    size_t bytes = strlen(directory);
    if (strncmp(path, directory, bytes) != 0 || (path[bytes] != '/' && path[bytes] != '\0'))
        return NULL;
    return path + bytes + (path[bytes] == '/');
}

const struct hb_graft *hb_graft_of(const struct hb_root *root, const char *path, const char **rest)
{
    for (size_t i = 0; root->grafts != NULL && i < root->grafts->count; i++) {
        *rest = behind(path, root->grafts->rows[i].name);
        if (*rest != NULL)
            return &root->grafts->rows[i];
    }
    return NULL;
}

const struct hb_root *hb_graft_root(const struct hb_root *root, const char **path)
{
    const char *rest;
    const struct hb_graft *graft = hb_graft_of(root, *path, &rest);
    if (graft == NULL)
        return root;
    *path = rest;
    return &graft->root;
}

bool hb_graft_is_inner(const struct hb_graft *graft, const char *path)
{
    return graft->inner != NULL && behind(path, graft->inner) != NULL;
}

bool hb_graft_has(const struct hb_graft *graft, const char *path)
{
    for (char *const *wanted = graft->paths; *wanted != NULL; wanted++)
        if (behind(path, *wanted) != NULL)
            return true;
    return false;
}

bool hb_graft_names(const struct hb_graft *graft, const char *path)
{
    for (char *const *wanted = graft->paths; *wanted != NULL; wanted++)
        if (behind(*wanted, path) != NULL)
            return true;
    return false;
}

bool hb_graft_is_filled(const struct hb_graft *graft)
{
    bool filled = false;
    struct stat status;
    for (char *const *path = graft->paths; graft->root.fd >= 0 && !filled && *path != NULL; path++)
        filled = fstatat(graft->root.fd, *path, &status, AT_SYMLINK_NOFOLLOW) == 0 ||
                 (errno != ENOENT && errno != ENOTDIR);
    return filled;
}

char *hb_full_path(const struct hb_root *root, const char *path)
{
    const struct hb_root *below = hb_graft_root(root, &path);
    if (below->path == NULL) /* one that is not there: as if it were a directory like others */
        return hb_text("%s/%s", root->path, path);
    return *path == '\0' ? hb_copy_text(below->path)
                         : hb_text("%s/%s", strcmp(below->path, "/") == 0 ? "" : below->path, path);
}

static const char *below_root(const struct hb_root *root, const char *full)
{
    if (root->path == NULL)
        return NULL;
    return strcmp(root->path, "/") == 0 ? full + 1 : behind(full, root->path);
}

char *hb_path_below(const struct hb_root *root, const char *full)
{
    const char *path = below_root(root, full);
    for (size_t i = 0; path == NULL && root->grafts != NULL && i < root->grafts->count; i++) {
        const struct hb_graft *graft = &root->grafts->rows[i];
        const char *inside = below_root(&graft->root, full);
        if (inside != NULL)
            return *inside == '\0' ? hb_copy_text(graft->name)
                                   : hb_text("%s/%s", graft->name, inside);
    }
    return path == NULL ? NULL : hb_copy_text(path);
}
