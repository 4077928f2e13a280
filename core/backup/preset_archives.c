/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_archives.h"

#include "archive/archive.h"
#include "archive/facts.h"
#include "backup/made_elsewhere.h"
#include "backup/prune_rows.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include "files/anywhere.h"
#include "files/io.h"
#include "files/rights.h"
#include "host/failure.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one archive --------------------------------------------------------------------------- */

/* Does the path lie in the home? Both are canonical. */
static bool is_below_home(const struct hb_run *run, const char *path)
{
    size_t length = run->home.path == NULL ? 0 : strlen(run->home.path);
    return length > 0 && strncmp(path, run->home.path, length) == 0 &&
           (path[length] == '/' || strcmp(run->home.path, "/") == 0);
}

/*
 * May a user have made it who has no say in the home? He can write any id into it, and fill the
 * places of those that are kept. Whoever owns the directory could remove what is in it anyway; on a
 * file system without owners that is who owns the files.
 */
static bool may_be_a_strangers(const struct hb_run *run, const char *path, const struct stat *file)
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
    bool here = is_below_home(run, path) && !may_be_a_strangers(run, path, status);
    return here || (his && hb_home_id_has_adopted(id, path, status)) ? HB_HOME_OURS
                                                                     : HB_HOME_UNKNOWN;
}

/* The reason as it is said of the archive, whose name the sentence begins with. */
static void cannot_tell(struct hb_preset_archive *row, const char *path, const char *why)
{
    size_t length = strlen(path);
    if (strncmp(why, path, length) == 0 && strncmp(why + length, ": ", 2) == 0)
        why += length + 2;
    free(row->kept.why);
    row->kept.why = hb_copy_text(*why == '\0' ? "interrupted" : why);
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
        else if (may_be_a_strangers(run, path, &row->status))
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
    if (archive->has_trailer && hb_trailer_incomplete(trailer))
        row->kept.complete = HB_NO;
}

/*
 * Opens it and reads its trailer, or `all` that lists its content; *status is what that came to.
 * False: it tells nothing now, and row->kept.why says why. The file may have been replaced since it
 * was looked at.
 */
static bool look_into(struct hb_run *run, const char *path, bool all, struct hb_archive *archive,
                      int *status, struct hb_preset_archive *row)
{
    struct hb_error error = {0};
    *status = hb_archive_open_file(run, path, NULL, archive, &error);
    if (*status == HB_OK)
        *status = all ? hb_archive_list(archive, &error) : hb_archive_read_trailer(archive, &error);
    const char *why = NULL;
    if (hb_archive_is_open(archive) && !hb_archive_has_version(archive, row->version))
        why = "it was replaced while it was being examined";
    else if (archive->untold || !hb_archive_is_open(archive) || hb_interrupt_signal() != 0)
        why = error.text;
    else if (archive->later_trailer && (all || *status == HB_OK))
        why = HB_LATER_TRAILER;
    if (why != NULL)
        cannot_tell(row, path, why);
    return why == NULL;
}

static void read_row(struct hb_run *run, const struct hb_home_id *id, const char *path,
                     struct hb_preset_archive *row)
{
    struct hb_archive archive = {.fd = -1};
    int status;
    row->kept.whose = HB_HOME_UNTOLD;
    if (look_into(run, path, false, &archive, &status, row)) {
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
        read_row(run, id, path, row);
    }
    free(row->version);
    free(row->kept.why);
    row->kept.why = NULL;
}

enum hb_own_archive hb_preset_is_ours(struct hb_run *run, const struct hb_home_id *id,
                                      const char *path)
{
    struct hb_preset_archive row;
    read_file(run, id, path, &row);
    hb_origin_clear(&row.origin);
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

/* ---- all of them --------------------------------------------------------------------------- */

struct reading {
    const struct hb_preset_query *query;
    struct hb_preset_archives *archives;
    size_t above; /* bytes of the object names in front of the archives' own */
};

void hb_preset_tell_removed(const struct hb_preset_archives *archives, struct hb_hooks *hooks)
{
    for (size_t i = 0; i < archives->count; i++) {
        if (!archives->rows[i].kept.removed)
            continue;
        HB_AUTO_FREE char *path = hb_preset_archive_path(archives, i);
        hb_hooks_removed(hooks, path);
    }
}

char *hb_preset_archive_path(const struct hb_preset_archives *archives, size_t row)
{
    const char *directory = archives->directory;
    bool slash = directory[strlen(directory) - 1] == '/';
    return hb_text("%s%s%s", directory, slash ? "" : "/", archives->rows[row].kept.name);
}

/* The name of an object there. Caller frees. */
static char *object_name(const struct hb_preset_archives *archives, const char *name)
{
    if (archives->store == &archives->local.store)
        return hb_copy_text(name);
    const char *above = hb_url_name(archives->directory);
    return hb_text("%s%s%s", above, *above == '\0' ? "" : "/", name);
}

/* What is known of one without reading it. False: nothing, and archives->local says why. */
static bool take_object(const struct hb_preset_archives *archives, const struct hb_run *run,
                        const struct hb_object *object, struct hb_preset_archive *row)
{
    if (archives->store == &archives->local.store) {
        if (archives->local.seen == NULL)
            return false;
        row->status = *archives->local.seen;
    } else { /* whoever may write to a store is believed, as the owner of a directory is */
        row->status.st_uid = run->home.rights.other ? run->home.rights.user : geteuid();
        row->status.st_size = (off_t)object->bytes;
        row->status.st_mtim =
            (struct timespec){object->written / 1000000000, object->written % 1000000000};
    }
    row->version = hb_copy_text(object->version);
    return true;
}

static int add_if_archive(void *context, const struct hb_object *object)
{
    struct reading *reading = context;
    struct hb_preset_archives *archives = reading->archives;
    const struct hb_preset_query *query = reading->query;
    const char *name = object->name + reading->above;
    size_t stem = hb_facts_stem(name);
    struct hb_preset_archive row = {.has_origin = false};
    HB_AUTO_FREE char *archive = stem > 0 ? hb_copy_bytes(name, stem) : hb_copy_text(name);
    if (strchr(name, '/') != NULL ||
        !hb_archive_name_parse(archive, query->prefix, query->suffixes, &row.kept.when.name))
        return 0;
    if (stem > 0) {
        hb_facts_list_add(&archives->facts, object, reading->above);
        return 0;
    }
    bool known = take_object(archives, query->run, object, &row);
    row.kept.name = hb_copy_text(name);
    row.kept.whose = HB_HOME_UNTOLD;
    archives->rows = hb_resize(archives->rows, archives->count + 1, sizeof *archives->rows);
    archives->rows[archives->count++] = row;
    if (!known)
        cannot_tell(&archives->rows[archives->count - 1], name, strerror(archives->local.error));
    return hb_interrupt_signal() != 0 ? HB_STATUS_CANCELLED : 0;
}

/* ---- facts --------------------------------------------------------------------------------- */

/* Are there any, and are they this archive's? */
static bool read_facts(const struct hb_preset_archives *archives,
                       const struct hb_preset_archive *row, struct hb_facts *facts)
{
    const struct hb_store *store = archives->store;
    const struct hb_listed_facts *listed = hb_facts_list_find(&archives->facts, row->kept.name);
    return listed != NULL && store != &archives->local.store &&
           hb_listed_facts_read(store, listed, facts) &&
           facts->length == (uint64_t)row->status.st_size;
}

/*
 * What they say of whose it is. Of this home, where it lay elsewhere or somebody else may have put
 * it there, the archive is asked: its trailer says more.
 */
static bool take_facts(const struct hb_preset_query *query,
                       const struct hb_preset_archives *archives, const char *path,
                       struct hb_preset_archive *row)
{
    struct hb_facts facts;
    char place[HB_PLACE_BYTES];
    if (!read_facts(archives, row, &facts))
        return false;
    bool ours = hb_home_id_is(query->id, facts.home);
    hb_facts_place(facts.home, query->run->home.path, place);
    if (ours &&
        (strcmp(place, facts.place) != 0 || may_be_a_strangers(query->run, path, &row->status)))
        return false;
    row->by_facts = row->has_origin = true;
    row->kept.whose = ours ? HB_HOME_OURS : HB_HOME_OTHERS;
    row->kept.when.sequence = row->origin.sequence = facts.sequence;
    row->kept.when.started = row->origin.started = facts.started;
    memcpy(row->origin.home, facts.home, sizeof facts.home);
    memcpy(row->origin.stamp, facts.stamp, sizeof facts.stamp);
    if (facts.reasons > 0)
        row->kept.complete = HB_NO;
    return true;
}

/* Between the list and now its own home has pruned it, say: then there is nothing to tell of. */
static bool is_gone(const struct hb_preset_archives *archives, const struct hb_preset_archive *row)
{
    struct hb_opened opened;
    if (row->kept.whose != HB_HOME_UNTOLD || row->version == NULL)
        return false;
    if (archives->store == &archives->local.store)
        return hb_local_still(&archives->local, row->kept.name, row->version) == -ENOENT;
    HB_AUTO_FREE char *name = object_name(archives, row->kept.name);
    int status = hb_store_open_name(archives->store, name, NULL, &opened);
    if (status == HB_OK)
        hb_opened_close(&opened);
    return status == HB_STATUS_NOMATCH;
}

static void clear_row(struct hb_preset_archive *row)
{
    free(row->kept.name);
    free(row->kept.why);
    free(row->version);
    hb_origin_clear(&row->origin);
}

static int read_rows(const struct hb_preset_query *query, struct hb_preset_archives *archives)
{
    size_t stay = 0;
    int status = HB_OK;
    for (size_t i = 0; i < archives->count; i++) {
        struct hb_preset_archive *row = &archives->rows[i];
        HB_AUTO_FREE char *path = hb_preset_archive_path(archives, i);
        struct hb_listed_facts *facts = hb_facts_list_find(&archives->facts, row->kept.name);
        if (facts != NULL)
            facts->paired = true;
        if (status == HB_OK && row->version != NULL && !take_facts(query, archives, path, row))
            read_row(query->run, query->id, path, row);
        if (hb_interrupt_signal() != 0)
            status = HB_STATUS_CANCELLED;
        if (status == HB_OK && is_gone(archives, row))
            clear_row(row);
        else
            archives->rows[stay++] = *row;
    }
    archives->count = stay;
    return status;
}

/* The number and the time that a new one is called by lie above all that were ever there. */
static void find_next(struct hb_preset_archives *archives)
{
    archives->sequence = 1;
    for (size_t i = 0; i < archives->count; i++) {
        const struct hb_preset_archive *row = &archives->rows[i];
        if (row->kept.whose == HB_HOME_OURS && row->origin.sequence >= archives->sequence)
            archives->sequence = row->origin.sequence + 1;
        if (strcmp(row->kept.when.name.stamp, archives->stamp) > 0)
            memcpy(archives->stamp, row->kept.when.name.stamp, sizeof row->kept.when.name.stamp);
        if (strlen(row->origin.stamp) == HB_STAMP_LENGTH &&
            strcmp(row->origin.stamp, archives->stamp) > 0)
            memcpy(archives->stamp, row->origin.stamp, sizeof row->kept.when.name.stamp);
    }
}

/* As it was found when an archive was made in it, where one was: a link may lead elsewhere now. */
static int open_held(const struct hb_preset_query *query, struct hb_directory *found)
{
    if (query->held == NULL)
        return hb_directory_open(query->directory, false, found);
    *found = *query->held;
    found->fd = openat(query->held->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return found->fd < 0 ? -errno : 0;
}

/* HB_OK, with no store if the directory is not there. */
static int open_directory(const struct hb_preset_query *query, struct hb_preset_archives *archives,
                          struct hb_error *error)
{
    struct hb_directory found = HB_DIRECTORY_NONE;
    int result = open_held(query, &found);
    if (result == -ENOENT)
        return HB_OK;
    archives->directory = realpath(query->directory, NULL);
    archives->fd = found.fd;
    if (result == 0 && archives->directory == NULL)
        result = -errno;
    if (result != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be listed: %s", query->directory,
                            hb_rights_explain(-result));
    hb_local_make(query->run, archives->fd, &found.rights, NULL, &archives->local);
    archives->store = &archives->local.store;
    return HB_OK;
}

static int open_place(const struct hb_preset_query *query, struct hb_preset_archives *archives,
                      struct hb_error *error)
{
    if (hb_url_scheme(query->directory) == 0)
        return open_directory(query, archives, error);
    size_t bytes = strlen(query->directory);
    bool slash = *hb_url_name(query->directory) != '\0' && query->directory[bytes - 1] == '/';
    archives->directory = hb_copy_bytes(query->directory, bytes - slash);
    return hb_store_find(query->run, query->directory, &archives->store, error);
}

int hb_preset_archives_read(const struct hb_preset_query *query,
                            struct hb_preset_archives *archives, struct hb_error *error)
{
    struct reading reading = {query, archives, 0};
    *archives = (struct hb_preset_archives){.fd = -1, .sequence = 1};
    int status = open_place(query, archives, error);
    if (status != HB_OK || archives->store == NULL)
        return status;
    HB_AUTO_FREE char *start = object_name(archives, query->prefix);
    reading.above = strlen(start) - strlen(query->prefix);
    status = hb_store_each(archives->store, start, add_if_archive, &reading);
    if (status == HB_OK)
        status = read_rows(query, archives);
    if (status == HB_STATUS_CANCELLED && hb_interrupt_signal() != 0)
        return hb_error_set(error, HB_STATUS_CANCELLED, "interrupted");
    if (status != HB_OK)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be listed: %s", query->directory,
                            hb_store_failure(archives->store));
    if (archives->count > 0)
        qsort(archives->rows, archives->count, sizeof *archives->rows, hb_newest_first);
    find_next(archives);
    return HB_OK;
}

void hb_preset_archives_clear(struct hb_preset_archives *archives)
{
    for (size_t i = 0; i < archives->count; i++)
        clear_row(&archives->rows[i]);
    hb_facts_list_clear(&archives->facts);
    free(archives->rows);
    free(archives->directory);
    if (archives->fd >= 0)
        close(archives->fd);
    *archives = (struct hb_preset_archives){.fd = -1};
}

char *hb_preset_newest(const struct hb_preset_archives *archives, const char *const *suffixes)
{
    for (size_t i = 0; i < archives->count; i++)
        if (archives->rows[i].kept.whose == HB_HOME_OURS && archives->rows[i].has_origin &&
            hb_format_stem(suffixes, archives->rows[i].kept.name) > 0)
            return hb_preset_archive_path(archives, i);
    return NULL;
}

size_t hb_preset_adopt(struct hb_preset_archives *archives, struct hb_home_id *id)
{
    size_t count = 0;
    for (size_t i = 0; i < archives->count; i++) {
        struct hb_preset_archive *row = &archives->rows[i];
        if (row->kept.whose != HB_HOME_UNKNOWN || row->no_archive)
            continue;
        HB_AUTO_FREE char *path = hb_preset_archive_path(archives, i);
        hb_home_id_adopt(id, path, &row->status);
        row->kept.whose = HB_HOME_OURS;
        count++;
    }
    return count;
}

/* ---- which stay ---------------------------------------------------------------------------- */

struct question {
    const struct hb_preset_query *query;
    struct hb_preset_archives *archives;
    bool dry_run;
};

/* Its facts say that it is complete. That it is there, the store says once more. */
static enum hb_answer is_still_there(const struct hb_preset_archives *archives, size_t number)
{
    struct hb_opened opened;
    struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *name = object_name(archives, row->kept.name);
    int status = hb_store_open_name(archives->store, name, row->version, &opened);
    if (status == HB_OK) {
        hb_opened_close(&opened);
        return HB_YES;
    }
    cannot_tell(row, name,
                status == HB_STATUS_NOMATCH ? "it was replaced or removed"
                                            : hb_store_failure(archives->store));
    return HB_CANNOT_TELL;
}

/* Is it whole, and without an incomplete mark? Its list is read, and compared with the trailer. */
static enum hb_answer is_complete(void *context, size_t number)
{
    const struct question *question = context;
    struct hb_archive archive = {.fd = -1};
    HB_AUTO_FREE char *path = hb_preset_archive_path(question->archives, number);
    int status;
    enum hb_answer answer = HB_CANNOT_TELL;
    if (question->archives->rows[number].by_facts)
        return is_still_there(question->archives, number);
    if (look_into(question->query->run, path, true, &archive, &status,
                  &question->archives->rows[number]))
        answer = status != HB_OK || (archive.has_trailer && hb_trailer_incomplete(&archive.trailer))
                     ? HB_NO
                     : HB_YES;
    hb_archive_close(&archive);
    return answer;
}

/* Could it be removed, as far as can be seen? */
static int look_at(const struct hb_preset_archives *archives, const char *name, const char *version)
{
    HB_AUTO_AS as = {.changed = false};
    if (archives->store != &archives->local.store)
        return 0;
    int result = hb_as_begin(&as, &archives->local.rights);
    return result != 0 ? result : hb_local_still(&archives->local, name, version);
}

static void remove_facts(const struct hb_preset_archives *archives, const char *archive)
{
    const struct hb_listed_facts *listed = hb_facts_list_find(&archives->facts, archive);
    if (listed != NULL)
        hb_listed_facts_remove(archives->store, listed);
}

/* Only what is still the version that was read. */
static const char *remove_row(void *context, size_t number)
{
    static const char replaced[] = "it was replaced in the meantime";
    const struct question *question = context;
    const struct hb_preset_archives *archives = question->archives;
    const struct hb_store *store = archives->store;
    const char *version = archives->rows[number].version;
    HB_AUTO_FREE char *name = object_name(archives, archives->rows[number].kept.name);
    if (question->dry_run) {
        int result = look_at(archives, name, version);
        return result == 0 ? NULL : result == -ESTALE ? replaced : hb_rights_explain(-result);
    }
    int status = hb_store_remove(store, name, version);
    if (status == HB_STATUS_NOMATCH)
        return replaced;
    if (status != HB_OK)
        return hb_store_failure(store);
    remove_facts(archives, archives->rows[number].kept.name);
    return NULL;
}

void hb_preset_prune(const struct hb_preset_query *query, struct hb_preset_archives *archives,
                     uint64_t keep, const char *made, bool complete, bool dry_run)
{
    struct question question = {query, archives, dry_run};
    struct hb_prune_rows_request request = {
        .run = query->run,
        .rows = archives->rows,
        .row_bytes = sizeof *archives->rows,
        .count = archives->count,
        .keep = keep,
        .made = made,
        .dry_run = dry_run,
        .fd = archives->fd,
        .directory = archives->directory,
        .if_it_stays = HB_FOUND_NOTE,
        .if_untold = made == NULL ? HB_FOUND_DOUBTFUL : HB_FOUND_NOTE,
        .is_complete = is_complete,
        .remove = remove_row,
        .context = &question,
    };
    for (size_t i = 0; made != NULL && i < archives->count; i++)
        if (strcmp(archives->rows[i].kept.name, made) == 0)
            archives->rows[i].kept.complete = complete ? HB_YES : HB_NO;
    hb_prune_rows(&request);
    if (dry_run || archives->store == NULL)
        return;
    HB_AUTO_FREE char *start = object_name(archives, query->prefix);
    hb_facts_list_sweep(&archives->facts, archives->store, start, query->id->id);
}
