/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_next.h"

#include "backup/look.h"
#include "base/memory.h"
#include "base/path.h"
#include "host/own_places.h"
#include <string.h>
#include <time.h>

/* The directory that the archive will lie in. Caller frees. */
static char *directory_of(const struct hb_destination *destination)
{
    size_t bytes = (size_t)(hb_base_name(destination->path) - destination->path);
    return bytes == 0 ? hb_copy_text(".") : hb_copy_bytes(destination->path, bytes);
}

/*
 * Those that are there cannot be listed. The number is then one that is above all that count from 1
 * on, so that what is made now is the newest.
 */
static void guess(struct hb_run *run, struct hb_preset_next *next, const struct hb_error *error)
{
    hb_report_add(&run->report, HB_FOUND_NOTE, "", "%s", error->text);
    next->sequence = (uint64_t)time(NULL);
}

/* The one that is replaced may have any name. */
static void take_replaced(struct hb_run *run, const struct hb_destination *destination,
                          struct hb_preset_next *next)
{
    uint64_t sequence = hb_preset_sequence_of(run, &next->id, destination->path);
    if (sequence >= next->sequence)
        next->sequence = sequence + 1;
    next->previous = hb_copy_text(destination->path);
}

/* The facts beside it say that it has none, or its trailer tells. */
static void find_counts(struct hb_run *run, const char *path, const struct hb_preset_archive *row,
                        struct hb_before *before)
{
    struct hb_archive archive = {.fd = -1};
    struct hb_preset_archive fresh = {.version = row->version, .status = row->status};
    int status;
    if (row->by_facts && row->facts.databases == 0)
        return;
    if (hb_row_look_into(run, path, false, &archive, &status, &fresh) && status == HB_OK &&
        archive.has_trailer)
        before->counts = hb_shrink_counts(archive.trailer.annotations);
    before->counts_untold = before->counts == NULL;
    hb_archive_close(&archive);
    free(fresh.kept.why);
    free(fresh.damage);
}

/* shrink.h says which one. */
static void find_before(struct hb_run *run, const struct hb_preset_archives *archives,
                        struct hb_before *before)
{
    const struct hb_preset_archive *found = NULL;
    bool sure = false;
    for (size_t i = 0; i < archives->count && !sure; i++) {
        const struct hb_preset_archive *row = &archives->rows[i];
        bool may_be = row->kept.whose == HB_HOME_OURS && hb_looks_complete(row) != HB_NO;
        bool untold = row->kept.shrunk && row->origin.shrunk == HB_SHRUNK_UNTOLD;
        before->unreadable |= row->kept.whose == HB_HOME_UNTOLD;
        before->without_figures |= may_be && row->origin.files == 0;
        if (!may_be || hb_looks_complete(row) != HB_YES || row->origin.files == 0 ||
            (row->kept.shrunk && (!untold || found != NULL)))
            continue;
        found = row;
        sure = !row->kept.shrunk;
    }
    if (found == NULL)
        return;
    *before = (struct hb_before){.known = true,
                                 .name = hb_copy_text(found->kept.name),
                                 .files = found->origin.files,
                                 .bytes = found->origin.bytes};
    HB_AUTO_FREE char *path = hb_preset_archive_path(archives, (size_t)(found - archives->rows));
    find_counts(run, path, found, before);
}

int hb_preset_next(struct hb_run *run, const struct hb_preset *preset, const char *const *suffixes,
                   bool dry_run, struct hb_destination *destination, struct hb_preset_next *next,
                   struct hb_error *error)
{
    struct hb_preset_archives archives;
    *next = (struct hb_preset_next){.previous = NULL};
    hb_home_id_find(&run->home, false, &next->id);
    memcpy(next->stamp, preset->stamp, sizeof preset->stamp);
    if (destination->stream || dry_run)
        return HB_OK;
    HB_AUTO_FREE char *directory = directory_of(destination);
    struct hb_preset_query query = {.run = run,
                                    .id = &next->id,
                                    .prefix = preset->prefix,
                                    .suffixes = hb_own_suffixes(run),
                                    .directory = directory};
    int status = hb_preset_archives_read(&query, &archives, error);
    next->sequence = archives.sequence;
    if (status == HB_STATUS_FATAL)
        guess(run, next, error);
    next->before.unreadable = status == HB_STATUS_FATAL;
    if (preset->settings != NULL && hb_setting_percent(preset->settings->shrink_limit) > 0)
        find_before(run, &archives, &next->before);
    if (strcmp(archives.stamp, next->stamp) > 0)
        memcpy(next->stamp, archives.stamp, sizeof next->stamp);
    hb_preset_number_name(preset, archives.stamp, next->sequence, destination);
    if ((destination->exists || destination->version != NULL) && !destination->unique)
        take_replaced(run, destination, next);
    else if (destination->unique)
        next->previous = hb_preset_newest(&archives, suffixes);
    hb_preset_archives_clear(&archives);
    if (!preset->reuse) {
        free(next->previous);
        next->previous = NULL;
    }
    error->text[0] = '\0';
    return status == HB_STATUS_CANCELLED ? hb_error_set(error, HB_STATUS_CANCELLED, "interrupted")
                                         : HB_OK;
}

void hb_preset_next_clear(struct hb_preset_next *next)
{
    hb_home_id_clear(&next->id);
    free(next->previous);
    free(next->before.name);
    json_decref(next->before.counts);
    *next = (struct hb_preset_next){.previous = NULL};
}
