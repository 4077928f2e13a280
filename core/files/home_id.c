/* SPDX-License-Identifier: Apache-2.0 */
#include "files/home_id.h"

#include "base/memory.h"
#include "base/name.h"
#include "files/home_places.h"
#include "files/io.h"
#include "files/owner.h"
#include "files/stage.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    LARGEST = 16 << 20, /* a larger file is not ours */
    MACHINE_BYTES = 33,
    BIRTH_BYTES = 40,
    RANDOM_BYTES = 16
};

static const char version_key[] = "hbcore-id";
static const char beginning[] = "{\"hbcore-id\":"; /* of each file of ours, also of a torn one */

/* The place of the home, and its directory. */
struct place {
    uint64_t inode;
    char birth[BIRTH_BYTES];     /* "": the file system does not say */
    char machine[MACHINE_BYTES]; /* "": there is none */
    const char *path;
};

/* What the file of that name is. */
enum found { NONE, OURS, TORN, FOREIGN, UNREADABLE };

bool hb_home_id_is_name(const char *name)
{
    return strcmp(name, HB_HOME_ID_NAME) == 0;
}

/* ---- the place ----------------------------------------------------------------------------- */

/* machine-id(5): 32 hexadecimal digits. An image that boots for the first time may have none. */
static void find_machine(char machine[MACHINE_BYTES])
{
    static const char *const paths[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        HB_AUTO_CLOSE int fd = open(paths[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        int64_t got = fd < 0 ? -1 : hb_read_all(fd, machine, MACHINE_BYTES - 1);
        machine[got < 0 ? 0 : got] = '\0';
        if (strspn(machine, "0123456789abcdef") == MACHINE_BYTES - 1)
            return;
    }
    machine[0] = '\0';
}

static struct place find_place(const struct hb_root *home)
{
    struct statx status = {0};
    struct place place = {.path = home->path};
    find_machine(place.machine);
    if (statx(home->fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0)
        return place;
    place.inode = status.stx_ino;
    if (status.stx_mask & STATX_BTIME)
        snprintf(place.birth, sizeof place.birth, "%" PRId64 ".%09" PRIu32,
                 (int64_t)status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
    return place;
}

static void put_hex(const unsigned char *bytes, char id[HB_ID_BYTES])
{
    for (size_t i = 0; i < RANDOM_BYTES; i++)
        snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

/*
 * The id of a home that has no file. Inode numbers are small and paths alike in all containers of
 * an image: where neither birth time nor machine tell them apart there is none.
 */
static void hash_place(const struct place *place, char id[HB_ID_BYTES])
{
    struct sha256_ctx hash;
    unsigned char digest[RANDOM_BYTES];
    id[0] = '\0';
    if (*place->birth == '\0' && *place->machine == '\0')
        return;
    HB_AUTO_FREE char *text = hb_text("home\n%s\n%s\n%" PRIu64 "\n%s", place->machine, place->birth,
                                      place->inode, place->path);
    sha256_init(&hash);
    sha256_update(&hash, strlen(text), (const uint8_t *)text);
    sha256_digest(&hash, sizeof digest, digest);
    put_hex(digest, id);
}

/* ---- the file ------------------------------------------------------------------------------ */

static json_t *make_json(const char *id, const struct place *place, json_t *adopted, json_t *places)
{
    json_t *object = json_object();
    json_object_set_new(object, version_key, json_integer(1)); /* first: see `beginning` */
    json_object_set_new(object, "id", json_string(id));
    json_object_set_new(object, "inode", json_integer((json_int_t)place->inode));
    json_object_set_new(object, "birth", json_string(place->birth));
    json_object_set_new(object, "machine", json_string(place->machine));
    hb_json_name(object, "path", place->path);
    if (adopted != NULL && json_array_size(adopted) > 0)
        json_object_set(object, "adopted", adopted);
    if (places != NULL && json_array_size(places) > 0)
        json_object_set(object, "places", places);
    return object;
}

static bool equal(const json_t *one, const json_t *other, const char *key)
{
    const json_t *here = json_object_get(one, key), *there = json_object_get(other, key);
    return here == there || json_equal(here, there);
}

static bool is_empty(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL || *text == '\0';
}

/* Does the place in the file match the place where the file lies? See the page in the header. */
static bool holds(const json_t *file, const json_t *here)
{
    bool directory =
        !is_empty(here, "birth") && equal(file, here, "birth") && equal(file, here, "inode");
    bool place = !is_empty(here, "machine") && equal(file, here, "machine") &&
                 equal(file, here, "path") && equal(file, here, "path_base64");
    return directory || place;
}

static bool is_id(const char *text)
{
    return text != NULL && strlen(text) == HB_ID_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == HB_ID_BYTES - 1;
}

/* Neither a link nor a pipe of that name is followed or waited for. *why is for UNREADABLE. */
static enum found read_file(const struct hb_root *home, json_t **file, int *why)
{
    struct stat status;
    HB_AUTO_CLOSE int fd =
        openat(home->fd, HB_HOME_ID_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return NONE;
    if (fd < 0 && (errno == ELOOP || errno == ENXIO))
        return FOREIGN;
    *why = errno;
    if (fd < 0 || fstat(fd, &status) != 0)
        return UNREADABLE;
    if (!S_ISREG(status.st_mode) || status.st_size > LARGEST)
        return FOREIGN;
    size_t bytes = (size_t)status.st_size, first = sizeof beginning - 1;
    HB_AUTO_FREE char *text = hb_alloc(bytes + 1);
    int64_t got = hb_read_all_at(fd, text, bytes, 0);
    *why = got < 0 ? (int)-got : EIO;
    if (got < 0 || (uint64_t)got != bytes)
        return UNREADABLE;
    *file = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_integer(json_object_get(*file, version_key)) &&
        is_id(json_string_value(json_object_get(*file, "id"))))
        return OURS;
    json_decref(*file);
    *file = NULL;
    return strncmp(text, beginning, bytes < first ? bytes : first) == 0 ? TORN : FOREIGN;
}

/* Staged, flushed, and put into its place by one rename; `fresh`: only where nothing has the name.
 */
static int put_staged(const struct hb_root *home, struct hb_stage *stage, const char *text,
                      bool fresh)
{
    struct hb_owner owner;
    struct hb_error ignored;
    char *staged = NULL;
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &home->rights) != 0)
        return -EACCES;
    HB_AUTO_CLOSE int fd = hb_stage_file(stage, "id", &staged, &ignored);
    HB_AUTO_FREE char *name = staged;
    if (fd < 0)
        return -errno;
    int result = hb_write_all(fd, text, strlen(text));
    if (result == 0)
        result = hb_owner_of(home->fd, &owner);
    if (result == 0)
        result = hb_owner_give(&owner, fd);
    if (result != 0)
        return result;
    if (fsync(fd) != 0)
        return -errno;
    if (renameat2(stage->fd, name, home->fd, HB_HOME_ID_NAME, fresh ? RENAME_NOREPLACE : 0) != 0) {
        if (!fresh || errno != EINVAL) /* EINVAL: a file system that does not know the flag */
            return -errno;
        if (renameat(stage->fd, name, home->fd, HB_HOME_ID_NAME) != 0)
            return -errno;
    }
    return hb_flush_directory(home->fd);
}

/* For whoever watches the home nothing in it has changed: its times stay. */
static int write_file(const struct hb_root *home, const json_t *file, bool fresh,
                      struct hb_home_id *id)
{
    struct hb_stage stage;
    struct hb_error ignored;
    struct stat before;
    if (fstat(home->fd, &before) != 0)
        return -errno;
    errno = 0;
    if (hb_stage_open_in(home->fd, &home->rights, home->path, &stage, &id->swept, &ignored) !=
        HB_OK)
        return errno == 0 ? -EACCES : -errno;
    HB_AUTO_FREE char *text = json_dumps(file, JSON_COMPACT | JSON_ENSURE_ASCII);
    int result = text == NULL ? -ENOMEM : put_staged(home, &stage, text, fresh);
    HB_AUTO_FREE char *path = hb_copy_text(stage.path);
    int stays = hb_stage_close(&stage);
    if (stays != 0 && id->note == NULL)
        id->note = hb_stage_staying(path, -stays);
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    futimens(home->fd, times);
    return result;
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* There is no file, and none is made: the home is known by its place. */
static void take_place(struct hb_home_id *id)
{
    memcpy(id->id, id->by_place, sizeof id->id);
    id->from_file = false;
}

static void note_failure(struct hb_home_id *id, const char *what, int reason)
{
    free(id->note);
    id->note = hb_text("%s: %s: %s; until this works the home is identified by its place",
                       HB_HOME_ID_NAME, what, strerror(reason));
}

/* Writes the file with this id. In a read-only home it is normal that this fails. */
static void settle(const struct hb_root *home, const char *text, const struct place *place,
                   bool fresh, struct hb_home_id *id)
{
    json_t *file = make_json(text, place, id->adopted, id->places);
    int result = write_file(home, file, fresh, id);
    json_decref(file);
    if (result == 0) {
        snprintf(id->id, sizeof id->id, "%s", text);
        id->from_file = true;
        return;
    }
    if (result != -EROFS && result != -EACCES && result != -EPERM)
        note_failure(id, "cannot be written", -result);
    take_place(id);
}

static void make_new(const struct hb_root *home, const struct place *place, bool fresh,
                     struct hb_home_id *id)
{
    unsigned char bytes[RANDOM_BYTES];
    char text[HB_ID_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        take_place(id);
        return;
    }
    put_hex(bytes, text);
    settle(home, text, place, fresh, id);
}

/* Is this path the same directory? Then its file has the id that was just made. */
static bool is_reached_at(const json_t *entry, const struct place *place, const char *id)
{
    HB_AUTO_FREE char *path = hb_json_name_of(entry, "path");
    HB_AUTO_CLOSE int fd =
        path == NULL || strcmp(path, place->path) == 0 /* this one; that one is gone */
            ? -1
            : open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    const struct hb_root there = {.fd = fd};
    json_t *file = NULL;
    int why = 0;
    bool same = fd >= 0 && read_file(&there, &file, &why) == OURS &&
                strcmp(json_string_value(json_object_get(file, "id")), id) == 0;
    json_decref(file);
    return same;
}

/* The file is of another place: this one's id is new. See the page in home_places.h. */
static void add_place(const struct hb_root *home, const json_t *file, const struct place *place,
                      struct hb_home_id *id)
{
    json_t *places = id->places;
    hb_home_places_push(places, hb_home_place_of(file));
    json_t *near = hb_home_places_split(places, place->machine);
    id->places = NULL;
    make_new(home, place, false, id);
    bool same = id->from_file;
    for (size_t i = json_array_size(near); i-- > 0 && same;) {
        same = is_reached_at(json_array_get(near, i), place, id->id);
        if (same)
            hb_home_places_push(places, json_incref(json_array_get(near, i)));
    }
    json_decref(near);
    id->places = places;
    if (!same) /* a copy, or moved: the places are not its own */
        json_array_clear(places);
    else
        hb_home_id_save(home, id); /* without it those places get new ids, too */
}

/* The file does not name this place as its last one. */
static void take_another(const struct hb_root *home, const json_t *file, const struct place *place,
                         bool make, struct hb_home_id *id)
{
    const char *text = json_string_value(json_object_get(file, "id"));
    const char *path = json_string_value(json_object_get(file, "path"));
    HB_AUTO_FREE char *shown = hb_printable(path == NULL ? "another place" : path);
    if (make)
        add_place(home, file, place, id);
    else
        take_place(id);
    if (id->note == NULL)
        id->note = hb_text("this home is a copy of %s, was moved from there, or is also used "
                           "there: its id is now %s; archives of %s are left alone",
                           shown, id->id, text);
}

/* The file is right about this place, by what it says of the last one, or by its list: `said`. */
static void take_said(const struct hb_root *home, const json_t *said, const struct place *place,
                      bool write, struct hb_home_id *id)
{
    const char *text = json_string_value(json_object_get(said, "id"));
    json_t *adopted = json_object_get(said, "adopted");
    id->adopted = json_is_array(adopted) ? json_incref(adopted) : NULL;
    snprintf(id->id, sizeof id->id, "%s", text);
    id->from_file = true;
    if (write)
        settle(home, text, place, false, id);
    if (!id->from_file) { /* it could not be brought up to date, and holds all the same */
        snprintf(id->id, sizeof id->id, "%s", text);
        id->from_file = true;
    }
}

/* The file is one of ours, for this home or for another. */
static void take_file(const struct hb_root *home, const json_t *file, const struct place *place,
                      bool make, struct hb_home_id *id)
{
    json_t *here = make_json("", place, NULL, NULL), *listed;
    bool same = equal(file, here, "inode") && equal(file, here, "birth") &&
                equal(file, here, "machine") && equal(file, here, "path") &&
                equal(file, here, "path_base64");
    id->places = hb_home_places_read(file, here, &listed);
    if (holds(file, here)) { /* else a copy made at the old place would be valid, too */
        take_said(home, file, place, make && !same, id);
        bool made_anew =
            !is_empty(file, "birth") && !is_empty(here, "birth") && !equal(file, here, "birth");
        if (made_anew && id->note == NULL)
            id->note =
                hb_text("the directory of this home was created anew at its path (restored, or a "
                        "copy was put there) and keeps the id: archives of the earlier directory "
                        "count as its own. If that directory lives on elsewhere, delete %s here",
                        HB_HOME_ID_NAME);
    } else if (listed != NULL) {
        hb_home_places_push(id->places, hb_home_place_of(file));
        take_said(home, listed, place, make, id);
    } else {
        take_another(home, file, place, make, id);
    }
    json_decref(listed);
    json_decref(here);
}

void hb_home_id_find(const struct hb_root *home, bool make, struct hb_home_id *id)
{
    struct place place = find_place(home);
    json_t *file = NULL;
    int why = 0;
    *id = (struct hb_home_id){.note = NULL};
    hash_place(&place, id->by_place);
    take_place(id);
    switch (read_file(home, &file, &why)) {
    case NONE:
        if (make)
            make_new(home, &place, true, id);
        break;
    case OURS:
        take_file(home, file, &place, make, id);
        break;
    case TORN:
        if (make)
            make_new(home, &place, false, id);
        if (id->note == NULL)
            id->note = hb_text("%s: was cut short; the home gets a new id, and archives with the "
                               "old id are left alone",
                               HB_HOME_ID_NAME);
        break;
    case FOREIGN:
        id->foreign = true;
        id->note = hb_text("%s: is not the file that identifies the home; rename it. Until then "
                           "the home is identified by its place",
                           HB_HOME_ID_NAME);
        break;
    case UNREADABLE:
        note_failure(id, "cannot be read", why);
        break;
    }
    json_decref(file);
}

void hb_home_id_clear(struct hb_home_id *id)
{
    free(id->note);
    json_decref(id->adopted);
    json_decref(id->places);
    *id = (struct hb_home_id){.note = NULL};
}

bool hb_home_id_is(const struct hb_home_id *id, const char *other)
{
    return *other != '\0' && (strcmp(other, id->id) == 0 || strcmp(other, id->by_place) == 0);
}

/* ---- adopted files ------------------------------------------------------------------------- */

static json_t *row_of(const char *path, const struct stat *status)
{
    json_t *row = json_object();
    hb_json_name(row, "path", path);
    json_object_set_new(row, "inode", json_integer((json_int_t)status->st_ino));
    json_object_set_new(row, "bytes", json_integer((json_int_t)status->st_size));
    json_object_set_new(row, "seconds", json_integer((json_int_t)status->st_mtim.tv_sec));
    json_object_set_new(row, "nanoseconds", json_integer((json_int_t)status->st_mtim.tv_nsec));
    return row;
}

bool hb_home_id_has_adopted(const struct hb_home_id *id, const char *path,
                            const struct stat *status)
{
    if (id->adopted == NULL)
        return false;
    json_t *row = row_of(path, status);
    bool found = false;
    for (size_t i = 0; i < json_array_size(id->adopted) && !found; i++)
        found = json_equal(json_array_get(id->adopted, i), row) != 0;
    json_decref(row);
    return found;
}

static bool is_same_path(const json_t *one, const json_t *other)
{
    return equal(one, other, "path") && equal(one, other, "path_base64");
}

void hb_home_id_adopt(struct hb_home_id *id, const char *path, const struct stat *status)
{
    if (id->adopted == NULL)
        id->adopted = json_array();
    if (hb_home_id_has_adopted(id, path, status))
        return;
    json_t *row = row_of(path, status);
    for (size_t i = json_array_size(id->adopted); i-- > 0;) /* one that it has taken the place of */
        if (is_same_path(json_array_get(id->adopted, i), row))
            json_array_remove(id->adopted, i);
    json_array_append_new(id->adopted, row);
}

/* The name of an adopted file, if it lies in the directory itself. Caller frees; or NULL. */
static char *name_in(const json_t *row, const char *directory)
{
    HB_AUTO_FREE char *path = hb_json_name_of(row, "path");
    size_t length = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    if (path == NULL || strncmp(path, directory, length) != 0 || path[length] != '/' ||
        strchr(path + length + 1, '/') != NULL)
        return NULL;
    return hb_copy_text(path + length + 1);
}

void hb_home_id_forget(struct hb_home_id *id, const char *directory,
                       bool (*is_gone)(void *context, const char *name), void *context)
{
    for (size_t i = json_array_size(id->adopted); i-- > 0;) {
        HB_AUTO_FREE char *name = name_in(json_array_get(id->adopted, i), directory);
        if (name != NULL && is_gone(context, name))
            json_array_remove(id->adopted, i);
    }
}

int hb_home_id_save(const struct hb_root *home, struct hb_home_id *id)
{
    struct place place = find_place(home);
    if (!id->from_file)
        return -ENOENT;
    json_t *file = make_json(id->id, &place, id->adopted, id->places);
    int result = write_file(home, file, false, id);
    json_decref(file);
    return result;
}
