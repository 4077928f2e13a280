/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_archives.h"

#include "backup/preset_facts.h"
#include "backup/preset_row.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/url.h"
#include "files/anywhere.h"
#include "files/rights.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static bool is_looked_for(const struct hb_preset_query *query, const char *archive,
                          struct hb_archive_name *parts)
{
    return query->prefix == NULL
               ? hb_format_stem(query->suffixes, archive) > 0
               : hb_archive_name_parse(archive, query->prefix, query->suffixes, parts);
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
    if (strchr(name, '/') != NULL || !is_looked_for(query, archive, &row.kept.when.name))
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
        hb_row_cannot_tell(&archives->rows[archives->count - 1], name,
                           strerror(archives->local.error));
    return hb_interrupt_signal() != 0 ? HB_STATUS_CANCELLED : 0;
}

static int read_rows(const struct hb_preset_query *query, struct hb_preset_archives *archives)
{
    size_t stay = 0;
    int status = HB_OK;
    hb_facts_list_sort(&archives->facts);
    if (archives->facts.count > 0)
        hb_state_key_find(false, &archives->key);
    for (size_t i = 0; i < archives->count; i++) {
        struct hb_preset_archive *row = &archives->rows[i];
        HB_AUTO_FREE char *path = hb_preset_archive_path(archives, i);
        struct hb_listed_facts *facts = hb_facts_list_find(&archives->facts, row->kept.name);
        if (facts != NULL)
            facts->paired = true;
        if (status == HB_OK && row->version != NULL &&
            !hb_row_take_facts(query, archives, path, row)) {
            hb_row_read(query->run, query->id, path, row);
            hb_row_weigh_facts(query, archives, row);
        }
        if (hb_interrupt_signal() != 0)
            status = HB_STATUS_CANCELLED;
        /* its own home has pruned it, say: then there is nothing to tell of */
        if (status == HB_OK && row->kept.whose == HB_HOME_UNTOLD && row->version != NULL &&
            hb_preset_is_gone(archives, row->kept.name))
            hb_row_clear(row);
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
    *archives = (struct hb_preset_archives){.fd = -1, .sequence = 1};
    struct reading reading = {query, archives, 0};
    int status = open_place(query, archives, error);
    if (status != HB_OK || archives->store == NULL)
        return status;
    const char *prefix = query->prefix == NULL ? "" : query->prefix;
    HB_AUTO_FREE char *start = hb_preset_object_name(archives, prefix);
    reading.above = strlen(start) - strlen(prefix);
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
        hb_row_clear(&archives->rows[i]);
    hb_facts_list_clear(&archives->facts);
    hb_state_key_clear(&archives->key);
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
