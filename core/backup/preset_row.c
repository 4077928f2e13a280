/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_row.h"

#include "backup/accepted.h"
#include "backup/made_elsewhere.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include "files/io.h"
#include "files/state_key.h"
#include "store/local.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Does the path lie in the home? Both are canonical. */
static bool is_below_home(const struct hb_run *run, const char *path)
{
    size_t length = run->home.path == NULL ? 0 : strlen(run->home.path);
    return length > 0 && strncmp(path, run->home.path, length) == 0 &&
           (path[length] == '/' || strcmp(run->home.path, "/") == 0);
}

bool hb_row_may_be_a_strangers(const struct hb_run *run, const char *path, const struct stat *file)
{
    struct stat home, directory;
    if (hb_url_scheme(path) > 0 || file->st_uid == 0 || file->st_uid == geteuid() ||
        (fstat(run->home.fd, &home) == 0 && file->st_uid == home.st_uid))
        return false;
    HB_AUTO_FREE char *above = hb_copy_bytes(path, (size_t)(hb_base_name(path) - path));
    return stat(above, &directory) != 0 || file->st_uid != directory.st_uid;
}

/* Nothing in it says so. */
static enum hb_whose whose_by_place(struct hb_run *run, const struct hb_home_id *id,
                                    const char *path, const struct stat *status)
{
    const struct hb_rights *rights = &run->home.rights; /* he could write any name into the file */
    bool his = !rights->other || status->st_uid == rights->user;
    bool here = is_below_home(run, path) && !hb_row_may_be_a_strangers(run, path, status);
    return here || (his && hb_home_id_has_adopted(id, path, status)) ? HB_HOME_OURS
                                                                     : HB_HOME_UNKNOWN;
}

static void set_reason(char **reason, const char *path, const char *why)
{
    size_t length = strlen(path);
    if (strncmp(why, path, length) == 0 && strncmp(why + length, ": ", 2) == 0)
        why += length + 2;
    free(*reason);
    *reason = hb_copy_text(*why == '\0' ? "interrupted" : why);
}

void hb_row_cannot_tell(struct hb_preset_archive *row, const char *path, const char *why)
{
    set_reason(&row->kept.why, path, why);
}

/*
 * That it opens tells nothing of who has made it: for that a public key is enough, and the id of
 * the home is in the facts, for all to read. What is not sealed is believed as whoever may write to
 * the directory is.
 */
static bool is_sealed(const struct hb_archive *archive)
{
    return archive->opener != NULL;
}

void hb_row_mark(struct hb_preset_archive *row, enum hb_shrunk shrunk)
{
    row->origin.shrunk = shrunk;
    row->accepted |= shrunk != HB_SHRUNK_NO && hb_shrink_is_accepted(&row->origin);
    row->kept.shrunk = shrunk != HB_SHRUNK_NO && !row->accepted;
}

static void add_reasons(json_t *all, const json_t *some)
{
    enum { MOST = 100 };
    for (size_t i = 0; i < json_array_size(some) && json_array_size(all) < MOST; i++) {
        const json_t *row = json_array_get(some, i);
        const json_t *path = json_object_get(row, "path"), *why = json_object_get(row, "reason");
        if (json_is_string(path) && json_is_string(why))
            json_array_append_new(all, json_pack("{s:O, s:O}", "path", path, "reason", why));
    }
}

json_t *hb_row_reasons(const struct hb_trailer *trailer)
{
    json_t *all = json_array();
    add_reasons(all, json_object_get(trailer->summary, "skipped"));
    add_reasons(all, json_object_get(trailer->summary, "doubtful"));
    return all;
}

/* The archive was opened; the trailer says whose it is, or nothing does. */
static void take_origin(struct hb_run *run, const struct hb_home_id *id, const char *path,
                        struct hb_archive *archive, struct hb_preset_archive *row)
{
    struct hb_trailer *trailer = &archive->trailer;
    row->has_origin = archive->has_trailer && trailer->has_origin && *trailer->origin.home != '\0';
    if (row->has_origin) {
        row->origin = trailer->origin;
        row->kept.when.sequence = row->origin.sequence;
        row->kept.when.started = row->origin.started;
        trailer->origin = (struct hb_origin){.sequence = 0};
        const char *place = row->origin.path == NULL ? "" : row->origin.path;
        if (!hb_home_id_is(id, row->origin.home))
            row->kept.whose = HB_HOME_OTHERS;
        else if (hb_row_may_be_a_strangers(run, path, &row->status))
            row->kept.whose = HB_HOME_UNKNOWN;
        else if (is_below_home(run, path))
            row->kept.whose = HB_HOME_OURS;
        else
            row->kept.whose = hb_whose_elsewhere(run, row->origin.home, place, &row->status);
        if (row->kept.whose == HB_HOME_UNKNOWN)
            row->kept.whose = whose_by_place(run, id, path, &row->status); /* it may be adopted */
    } else {
        row->kept.whose = whose_by_place(run, id, path, &row->status);
    }
    row->unproved = is_sealed(archive) && !archive->proved;
    if (row->unproved && row->kept.whose == HB_HOME_OURS)
        row->kept.whose = whose_by_place(run, id, path, &row->status);
    if (row->kept.whose == HB_HOME_UNKNOWN) /* any number could stand there */
        row->kept.when.sequence = row->origin.sequence = 0;
    hb_row_mark(row, row->origin.shrunk);
    if (archive->has_trailer && hb_trailer_incomplete(trailer))
        row->kept.complete = HB_NO;
    if (archive->has_trailer && row->has_origin)
        row->reasons = hb_row_reasons(trailer);
}

bool hb_row_look_into(struct hb_run *run, const char *path, bool all, struct hb_archive *archive,
                      int *status, struct hb_preset_archive *row)
{
    struct hb_error error = {0};
    *status = hb_archive_open_file(run, path, NULL, archive, &error);
    struct hb_state_key key = {.known = false};
    if (*status == HB_OK && !all && is_sealed(archive))
        hb_state_key_find(false, &key);
    archive->prove_with = key.known ? key.key : NULL;
    if (*status == HB_OK)
        *status = all ? hb_archive_list(archive, &error) : hb_archive_read_trailer(archive, &error);
    archive->prove_with = NULL;
    hb_state_key_clear(&key);
    const char *why = NULL;
    if (hb_archive_is_open(archive) && !hb_archive_has_version(archive, row->version))
        why = "it was replaced while it was being examined";
    else if (archive->untold || !hb_archive_is_open(archive) || hb_interrupt_signal() != 0)
        why = error.text;
    else if (archive->later_trailer && (all || *status == HB_OK))
        why = HB_LATER_TRAILER;
    row->shut = archive->shut;
    if (why != NULL)
        hb_row_cannot_tell(row, path, why);
    else if (*status != HB_OK)
        set_reason(&row->damage, path, error.text);
    return why == NULL;
}

void hb_row_read(struct hb_run *run, const struct hb_home_id *id, const char *path,
                 struct hb_preset_archive *row)
{
    struct hb_archive archive = {.fd = -1};
    int status;
    row->kept.whose = HB_HOME_UNTOLD;
    if (hb_row_look_into(run, path, false, &archive, &status, row)) {
        if (status == HB_OK) {
            take_origin(run, id, path, &archive, row);
        } else { /* read, and refused: it is not an archive, or damaged */
            row->kept.whose = whose_by_place(run, id, path, &row->status);
            row->kept.complete = HB_NO;
            row->no_archive = archive.no_archive;
        }
    }
    hb_archive_close(&archive);
}

/* The same of any file. */
static void read_file(struct hb_run *run, const struct hb_home_id *id, const char *path,
                      struct hb_preset_archive *row)
{
    *row = (struct hb_preset_archive){.kept.whose = HB_HOME_UNTOLD};
    if (lstat(path, &row->status) == 0 && S_ISREG(row->status.st_mode)) {
        row->version = hb_alloc(HB_VERSION_BYTES);
        hb_local_version(&row->status, row->version);
        hb_row_read(run, id, path, row);
    }
    free(row->version);
    free(row->kept.why);
    free(row->damage);
    json_decref(row->reasons);
    row->kept.why = row->damage = NULL;
    row->reasons = NULL;
}

static int64_t read_start(const char *path, void *data, size_t most)
{
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -1 : hb_read_all_at(fd, data, most, 0);
}

/* With a public key alone the facts beside an archive of a preset speak for it (preset_facts.h). */
static bool facts_say_ours(const struct hb_home_id *id, const char *path,
                           const struct hb_preset_archive *row)
{
    unsigned char text[HB_FACTS_MOST + 1], start[HB_FACTS_HEAD], head[HB_FACTS_HASH];
    struct hb_facts facts;
    struct hb_state_key key;
    HB_AUTO_FREE char *beside = hb_text("%s%s", path, HB_FACTS_SUFFIX);
    int64_t bytes = read_start(beside, text, sizeof text);
    if (bytes <= 0 || !hb_facts_parse(text, (size_t)bytes, &facts))
        return false;
    hb_state_key_find(false, &key);
    bool ours = key.known && hb_facts_are_sealed(text, (size_t)bytes, "", key.key);
    hb_state_key_clear(&key);
    int64_t got = read_start(path, start, sizeof start);
    if (!ours || got < 0 || !hb_home_id_is(id, facts.home) ||
        facts.length != (uint64_t)row->status.st_size)
        return false;
    hb_facts_head(start, (size_t)got, head);
    return memcmp(head, facts.head, sizeof head) == 0;
}

enum hb_own_archive hb_preset_is_ours(struct hb_run *run, const struct hb_home_id *id,
                                      const char *path)
{
    struct hb_preset_archive row;
    read_file(run, id, path, &row);
    hb_origin_clear(&row.origin);
    if (row.shut)
        return facts_say_ours(id, path, &row) ? HB_OWN_BY_TRAILER : HB_OWN_SHUT;
    if (row.kept.whose != HB_HOME_OURS || row.no_archive)
        return HB_OWN_NOT;
    return row.has_origin ? HB_OWN_BY_TRAILER : HB_OWN_BY_PLACE;
}

uint64_t hb_preset_sequence_of(struct hb_run *run, const struct hb_home_id *id, const char *path)
{
    struct hb_preset_archive row;
    read_file(run, id, path, &row);
    uint64_t sequence = row.kept.whose == HB_HOME_OURS ? row.origin.sequence : 0;
    hb_origin_clear(&row.origin);
    return sequence;
}

void hb_row_clear(struct hb_preset_archive *row)
{
    free(row->kept.name);
    free(row->kept.why);
    free(row->damage);
    free(row->version);
    json_decref(row->reasons);
    hb_origin_clear(&row->origin);
}
