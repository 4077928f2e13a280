/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/target.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/owner.h"
#include "files/stage.h"
#include "host/lost.h"
#include "host/own_places.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { ATTEMPTS = 16 /* of a call that a signal interrupts */ };

/* As its owner could; behind a link that leads to the home, as who made that could. 0 or -errno. */
static int remove_directory(const struct hb_root *home, int above_fd, const char *name)
{
    struct hb_rights rights = home->rights;
    HB_AUTO_AS as = {.changed = false};
    int result = home->led ? 0 : hb_rights_of(above_fd, &rights);
    if (result == 0)
        result = hb_as_begin(&as, &rights);
    if (result == 0 && unlinkat(above_fd, name, AT_REMOVEDIR) != 0)
        result = -errno;
    return result;
}

/* Takes the last `made` directories on the way to the path away again, as far as they are empty. */
static void unmake(const struct hb_root *home, const char *path, unsigned made)
{
    HB_AUTO_FREE char *way = hb_copy_text(path);
    for (char *slash = strrchr(way, '/'); slash != NULL && made > 0; slash = strrchr(way, '/')) {
        *slash = '\0';
        const char *name = hb_base_name(way);
        HB_AUTO_FREE char *above =
            name == way ? NULL : hb_copy_bytes(way, (size_t)(name - way) - 1);
        HB_AUTO_CLOSE int fd = above == NULL
                                   ? fcntl(home->fd, F_DUPFD_CLOEXEC, 3)
                                   : hb_beneath_open(home, above, O_PATH | O_DIRECTORY, 0);
        if (fd < 0 || remove_directory(home, fd, name) != 0)
            return;
        made--;
    }
}

int hb_target_refusal(const struct hb_run *run, const struct hb_place *place, unsigned flags)
{
    if (hb_stage_on_path(place->path))
        return -EBADMSG;
    return hb_own_problem(run->own, place->path, (flags & HB_KEEP_LAST) != 0) == NULL
               ? 0
               : -EKEYREVOKED;
}

int hb_target_resolve(const struct hb_run *run, const char *path, unsigned flags,
                      struct hb_place *place)
{
    unsigned made = 0;
    int result = hb_beneath_resolve(&run->home, path, HB_MAKE_PARENTS | flags, place, &made);
    if (result == 0)
        result = hb_target_refusal(run, place, flags);
    if (result == -EBADMSG || result == -EKEYREVOKED)
        unmake(&run->home, place->path, made);
    return result;
}

const char *hb_target_obstacle(const struct hb_place *place)
{
    if (!place->exists || S_ISREG(place->status.st_mode) || S_ISLNK(place->status.st_mode))
        return NULL;
    return S_ISDIR(place->status.st_mode) ? "a directory is in the way"
                                          : "there is a socket, pipe or device in its place";
}

bool hb_target_is_newer(const struct hb_place *place, const struct timespec *since)
{
    const struct timespec *there = &place->status.st_mtim;
    return place->exists && S_ISREG(place->status.st_mode) &&
           (there->tv_sec > since->tv_sec ||
            (there->tv_sec == since->tv_sec && there->tv_nsec > since->tv_nsec));
}

/* As root: whom it belonged to, or the owner of the directory. */
static int find_owner(const struct hb_place *place, bool keep_roots, const struct hb_owner *kept,
                      struct hb_owner *owner)
{
    *owner = hb_owner_known(place->status.st_uid, place->status.st_gid);
    bool becomes_his = place->rights.other && owner->user == 0 && !keep_roots;
    if (place->led) /* he could give it to nobody */
        owner->give = false;
    else if (kept != NULL)
        *owner = *kept;
    else if (!place->exists || becomes_his)
        return hb_owner_of(place->directory_fd, owner);
    return 0;
}

int hb_target_own(int from_fd, const char *name, const struct hb_place *place, bool keep_roots,
                  const struct hb_owner *kept)
{
    struct hb_owner owner;
    int result = find_owner(place, keep_roots, kept, &owner);
    return result == 0 ? hb_owner_give_at(&owner, from_fd, name) : result;
}

int hb_target_give(struct hb_run *run, int from_fd, const char *name, const struct hb_place *place,
                   uint32_t mode, enum hb_access_rule rule, const struct hb_owner *kept)
{
    struct hb_owner owner;
    unsigned lost = 0;
    int result = find_owner(place, run->home.read_as_root, kept, &owner);
    if (result == 0)
        result = hb_access_give(from_fd, name, -1, place, mode, rule, &owner, &lost);
    hb_tell_lost(run, place->path, lost);
    return result;
}

int hb_target_make_directory(const struct hb_place *place)
{
    return hb_target_make_directory_for(place, 0700);
}

int hb_target_make_directory_for(const struct hb_place *place, uint32_t mode)
{
    struct hb_owner owner;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &place->rights);
    if (result == 0 && mkdirat(place->directory_fd, place->name,
                               hb_access_first_mode(place->directory_fd, mode)) != 0)
        result = -errno;
    if (result != 0 || place->led)
        return result;
    result = hb_owner_of(place->directory_fd, &owner);
    return result == 0 ? hb_owner_inherit(place->directory_fd, &owner, place->name) : result;
}

int hb_target_rename(int from_fd, const char *name, const struct hb_place *place)
{
    int attempts = 0;
    while (renameat(from_fd, name, place->directory_fd, place->name) != 0) {
        if (errno != EINTR)
            return errno == EXDEV ? -ENOTSUP : -errno;
        if (++attempts == ATTEMPTS)
            return -EINTR;
    }
    return 0;
}

static int rename_as(int from_fd, const char *name, const struct hb_place *place, unsigned how)
{
    int attempts = 0;
    while (renameat2(from_fd, name, place->directory_fd, place->name, how) != 0)
        if (errno != EINTR || ++attempts == ATTEMPTS)
            return -errno;
    return 0;
}

int hb_target_swap(int from_fd, const char *name, const struct hb_place *place,
                   const struct hb_target_note *note, const unsigned char *content)
{
    struct stat was;
    bool missing = note->what == HB_NOTED_ABSENT;
    if (note->what == HB_NOTED_NOTHING)
        return hb_target_rename(from_fd, name, place);
    int result = rename_as(from_fd, name, place, missing ? RENAME_NOREPLACE : RENAME_EXCHANGE);
    if (result == -EINVAL || result == -ENOSYS) /* a file system that does not know it */
        return hb_target_rename(from_fd, name, place);
    if (result == (missing ? -EEXIST : -ENOENT))
        return -ESTALE;
    if (result != 0 || missing)
        return result == -EXDEV ? -ENOTSUP : result;
    if (fstatat(from_fd, name, &was, AT_SYMLINK_NOFOLLOW) == 0 &&
        hb_target_is_as_noted(note, &was) &&
        (content == NULL || hb_file_is_as_noted(from_fd, name, content))) {
        unlinkat(from_fd, name, 0);
        return 0;
    }
    result = rename_as(from_fd, name, place, RENAME_EXCHANGE);
    return result == 0 ? -ESTALE : result;
}

const char *hb_target_explain(int error)
{
    switch (error) {
    case EXDEV:
        return "refused: leads outside the home";
    case ELOOP:
        return "refused: too many symbolic links";
    case ENOTDIR:
        return "a file is in the way of its directory";
    case ENOTSUP: /* see hb_target_rename */
        return "lies on another file system, where no staging directory could be made";
    case EISDIR:
        return "a directory is in the way";
    case EBUSY:
        return "something is mounted in its place, so it cannot be replaced";
    case EBADMSG: /* see hb_target_resolve */
        return "refused: a link leads into a staging directory";
    case EKEYREVOKED:
        return "refused: a link leads to where this home's own archives or snapshots lie";
    default:
        return hb_rights_explain(error);
    }
}

/* ---- neighbours ---------------------------------------------------------------------------- */

static size_t directory_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path);
}

bool hb_target_beside(const struct hb_run *run, const struct hb_last_target *last, const char *path,
                      struct hb_place *place)
{
    const char *rest;
    const struct hb_graft *graft = hb_graft_of(&run->home, path, &rest);
    size_t bytes = directory_bytes(path);
    if (graft != NULL && (*rest == '\0' || hb_graft_is_inner(graft, rest)))
        return false;
    if (last->directory == NULL || strlen(last->directory) != bytes ||
        memcmp(last->directory, path, bytes) != 0)
        return false;
    const char *name = hb_base_name(path);
    *place = (struct hb_place){.directory_fd = -1, .rights = last->rights, .led = last->led};
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &last->rights) != 0)
        return false;
    place->exists = fstatat(last->fd, name, &place->status, AT_SYMLINK_NOFOLLOW) == 0;
    if ((!place->exists && errno != ENOENT) || (place->exists && S_ISLNK(place->status.st_mode)))
        return false; /* the long way knows what to do */
    place->directory_fd = fcntl(last->fd, F_DUPFD_CLOEXEC, 3);
    place->name = hb_copy_text(name);
    place->path = *last->path == '\0' ? hb_copy_text(name) : hb_text("%s/%s", last->path, name);
    return place->directory_fd >= 0 && hb_own_problem(run->own, place->path, false) == NULL;
}

void hb_last_target_clear(struct hb_last_target *last)
{
    if (last->fd >= 0)
        close(last->fd);
    free(last->directory);
    free(last->path);
    hb_names_clear(&last->names);
    free(last->exact);
    *last = (struct hb_last_target)HB_LAST_TARGET_NONE;
}

void hb_target_remember(struct hb_last_target *last, const char *path, const struct hb_place *place)
{
    char *exact = last->exact;
    last->exact = NULL;
    hb_last_target_clear(last);
    last->exact = exact;
    if (place->through_link) /* which may be its own: its neighbours lie elsewhere then */
        return;
    last->directory = hb_copy_bytes(path, directory_bytes(path));
    last->path = hb_copy_bytes(place->path, directory_bytes(place->path));
    last->fd = fcntl(place->directory_fd, F_DUPFD_CLOEXEC, 3);
    last->rights = place->rights;
    last->led = place->led;
    if (last->fd < 0)
        hb_last_target_clear(last);
}

int hb_target_look(const struct hb_run *run, struct hb_last_target *last, const char *path,
                   bool is_link, struct hb_place *place)
{
    *place = (struct hb_place){.directory_fd = -1};
    if (!is_link && hb_target_beside(run, last, path, place))
        return 0;
    hb_place_clear(place);
    int result = hb_beneath_resolve(&run->home, path, is_link ? HB_KEEP_LAST : 0, place, NULL);
    if (result == 0 && !is_link)
        hb_target_remember(last, path, place);
    return result;
}

/* ---- names --------------------------------------------------------------------------------- */

/* Is the path of a directory below the home what it is called? Also if it cannot be looked at. */
static bool is_called(const struct hb_root *home, const char *path, size_t bytes)
{
    HB_AUTO_FREE char *whole = hb_copy_bytes(path, bytes);
    const char *way = whole;
    HB_AUTO_CLOSE int at = fcntl(hb_graft_root(home, &way)->fd, F_DUPFD_CLOEXEC, 3);
    bool so = true;
    for (char *name = whole + (way - whole), *rest; so && at >= 0 && name != NULL && *name != '\0';
         name = rest) {
        struct hb_names names = {.known = false};
        HB_AUTO_FREE char *called = NULL;
        rest = strchr(name, '/');
        if (rest != NULL)
            *rest++ = '\0';
        so = hb_name_real(&names, at, name, &called) != 1;
        hb_names_clear(&names);
        int inner = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = inner;
    }
    return so;
}

/* The last that was found so is remembered: what is restored next lies in it, as a rule. */
static bool directory_is_called_so(const struct hb_run *run, struct hb_last_target *last,
                                   const struct hb_place *place)
{
    size_t bytes = directory_bytes(place->path);
    if (bytes == 0 || place->through_link) /* a link spells what it leads to as it likes */
        return true;
    if (last->exact != NULL && strlen(last->exact) == bytes &&
        memcmp(last->exact, place->path, bytes) == 0)
        return true;
    if (!is_called(&run->home, place->path, bytes))
        return false;
    free(last->exact);
    last->exact = hb_copy_bytes(place->path, bytes);
    return true;
}

/* What it is called; NULL: as the place says. Caller frees. */
static char *other_name(const struct hb_run *run, struct hb_last_target *last,
                        const struct hb_place *place)
{
    char *real;
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as); /* names are only looked up */
    int result = hb_name_real(&last->names, place->directory_fd, place->name, &real);
    if (result < 0) /* what is there cannot be listed: as before there were such file systems */
        return NULL;
    if (real != NULL)
        return real;
    if (result == 1 || !directory_is_called_so(run, last, place))
        return hb_copy_text("another name");
    if (S_ISDIR(place->status.st_mode) && !place->through_link) {
        free(last->exact);
        last->exact = hb_copy_text(place->path);
    }
    return NULL;
}

char *hb_target_is_folded(const struct hb_run *run, struct hb_last_target *last,
                          const struct hb_place *place)
{
    HB_AUTO_FREE char *other = place->exists ? other_name(run, last, place) : NULL;
    return other == NULL
               ? NULL
               : hb_text("the file system treats its name as %s, which exists and stays as it is",
                         other);
}
