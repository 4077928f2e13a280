/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which archives of a preset stay, and removing the others.
 *
 * In a directory of this machine nothing rests on facts alone: who can put facts of one archive
 * beside another, of the same length, could have the newest complete one taken for an older one. So
 * what is to go, and the one that lets it go, are asked themselves. If a trailer says something
 * else than the facts, it counts, and all is decided anew. Those that stay anyway are not read.
 *
 * In a store that would cost much, and facts are bound to the name there.
 */
#include "backup/preset_prune.h"

#include "archive/archive.h"
#include "backup/preset_facts.h"
#include "backup/prune_rows.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "files/rights.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct question {
    const struct hb_preset_query *query;
    struct hb_preset_archives *archives;
    bool dry_run;
    bool again; /* something is not as it was when that was decided */
};

/* ---- asking the archive -------------------------------------------------------------------- */

/* Its facts say that it is complete. That it is there, the store says once more. */
static enum hb_answer is_still_there(const struct hb_preset_archives *archives, size_t number)
{
    struct hb_opened opened;
    struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *name = hb_preset_object_name(archives, row->kept.name);
    int status = hb_store_open_name(archives->store, name, row->version, &opened);
    if (status == HB_OK) {
        hb_opened_close(&opened);
        return HB_YES;
    }
    hb_row_cannot_tell(row, name,
                       status == HB_STATUS_NOMATCH ? "it was replaced or removed"
                                                   : hb_store_failure(archives->store));
    return HB_CANNOT_TELL;
}

/* Says its trailer what its facts say? */
static bool agree(const struct hb_preset_archive *row, const struct hb_preset_archive *fresh)
{
    return fresh->has_origin && fresh->kept.whose == row->kept.whose &&
           fresh->kept.when.sequence == row->kept.when.sequence &&
           fresh->kept.when.started == row->kept.when.started &&
           fresh->kept.complete == row->kept.complete;
}

/* What was read instead; name, version and status stay. */
static void replace(struct hb_preset_archive *row, struct hb_preset_archive *fresh)
{
    hb_origin_clear(&row->origin);
    row->origin = fresh->origin;
    fresh->origin = (struct hb_origin){.sequence = 0};
    row->has_origin = fresh->has_origin;
    row->no_archive = fresh->no_archive;
    row->kept.whose = fresh->kept.whose;
    row->kept.when = fresh->kept.when;
    row->kept.complete = fresh->kept.complete;
}

/*
 * Asks an archive of this machine that only its facts have spoken for; once. One that begins as the
 * facts say, and that no format here takes for its own, is not damaged but cannot be read here:
 * then what the facts say stands.
 */
static void confirm(struct question *question, size_t number)
{
    struct hb_preset_archives *archives = question->archives;
    struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *path = hb_preset_archive_path(archives, number);
    struct hb_preset_archive fresh = {.kept.when.name = row->kept.when.name,
                                      .kept.when.written = row->kept.when.written,
                                      .version = row->version,
                                      .status = row->status};
    if (!row->by_facts || archives->store != &archives->local.store)
        return;
    row->by_facts = false;
    hb_row_read(question->query->run, question->query->id, path, &fresh);
    const char *why = fresh.kept.whose == HB_HOME_UNTOLD ? fresh.kept.why : NULL;
    bool unreadable = fresh.no_archive && hb_row_has_head(archives, row);
    bool same = unreadable || (why == NULL && agree(row, &fresh));
    if (unreadable && row->kept.complete == HB_NOT_ASKED)
        row->kept.complete = HB_YES;
    if (why != NULL) {
        row->gone = hb_local_still(&archives->local, row->kept.name, row->version) == -ENOENT;
        row->kept.complete = HB_CANNOT_TELL;
        hb_row_cannot_tell(row, row->kept.name, why);
    } else if (!same) {
        replace(row, &fresh);
    }
    question->again |= !same;
    free(fresh.kept.why);
    hb_origin_clear(&fresh.origin);
}

/* Is it whole, and without an incomplete mark? Its list is read, and compared with the trailer. */
static enum hb_answer is_complete(void *context, size_t number)
{
    struct question *question = context;
    struct hb_preset_archive *row = &question->archives->rows[number];
    struct hb_archive archive = {.fd = -1};
    HB_AUTO_FREE char *path = hb_preset_archive_path(question->archives, number);
    int status;
    enum hb_answer answer = HB_CANNOT_TELL;
    confirm(question, number);
    if (row->kept.complete != HB_NOT_ASKED || row->kept.whose != HB_HOME_OURS)
        return row->kept.complete; /* and it is asked about again, where that is needed */
    if (row->by_facts)
        return is_still_there(question->archives, number);
    if (hb_row_look_into(question->query->run, path, true, &archive, &status, row))
        answer = status != HB_OK || (archive.has_trailer && hb_trailer_incomplete(&archive.trailer))
                     ? HB_NO
                     : HB_YES;
    hb_archive_close(&archive);
    return answer;
}

/* ---- removing ------------------------------------------------------------------------------ */

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
    HB_AUTO_FREE char *name = hb_preset_object_name(archives, archives->rows[number].kept.name);
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

/* ---- deciding ------------------------------------------------------------------------------ */

/* Those that another run has pruned meanwhile are not told of. */
static void leave_out_gone(struct hb_preset_archives *archives)
{
    size_t stay = 0;
    for (size_t i = 0; i < archives->count; i++)
        if (archives->rows[i].gone)
            hb_row_clear(&archives->rows[i]);
        else
            archives->rows[stay++] = archives->rows[i];
    archives->count = stay;
}

/* Asks those that a decision rests on, until it rests on no facts. */
static void settle(struct question *question, uint64_t keep)
{
    struct hb_preset_archives *archives = question->archives;
    do {
        question->again = false;
        leave_out_gone(archives);
        if (archives->count > 0)
            qsort(archives->rows, archives->count, sizeof *archives->rows, hb_newest_first);
        hb_retention(archives->rows, sizeof *archives->rows, archives->count, keep, is_complete,
                     question);
        for (size_t i = 0; i < archives->count; i++)
            if (archives->rows[i].kept.fate == HB_GOES)
                confirm(question, i);
    } while (question->again);
}

void hb_preset_prune(const struct hb_preset_query *query, struct hb_preset_archives *archives,
                     uint64_t keep, const char *made, bool complete, bool dry_run)
{
    struct question question = {query, archives, dry_run, false};
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
        if (strcmp(archives->rows[i].kept.name, made) == 0) {
            archives->rows[i].kept.complete = complete ? HB_YES : HB_NO;
            archives->rows[i].kept.just_made = true;
        }
    settle(&question, keep);
    request.count = archives->count;
    hb_prune_rows(&request);
    if (dry_run || archives->store == NULL)
        return;
    HB_AUTO_FREE char *start = hb_preset_object_name(archives, query->prefix);
    hb_facts_list_sweep(&archives->facts, archives->store, start, query->id->id);
}
