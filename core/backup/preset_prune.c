/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which archives of a preset stay, and removing the others.
 *
 * Nothing rests on facts alone. The one that lets others go is asked itself: it may have been
 * overwritten since its facts were sealed. In a directory of this machine, so is what is to go: who
 * can put facts of one archive beside another, of the same length, could have the newest complete
 * one taken for an older one. In a store facts are bound to the name, and what goes is not read. If
 * a trailer says something else than the facts, it counts, and all is decided anew. Those that stay
 * anyway are not read.
 */
#include "backup/preset_prune.h"

#include "archive/archive.h"
#include "backup/preset_facts.h"
#include "backup/prune_rows.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "files/rights.h"
#include "restore/undo_receipt.h"
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

static bool is_local(const struct question *question)
{
    return question->archives->store == &question->archives->local.store;
}

/* Says its trailer what its facts say? */
static bool agree(const struct hb_preset_archive *row, const struct hb_preset_archive *fresh)
{
    return fresh->has_origin && fresh->kept.whose == row->kept.whose &&
           fresh->kept.when.sequence == row->kept.when.sequence &&
           fresh->kept.when.started == row->kept.when.started &&
           fresh->origin.shrunk == row->origin.shrunk && fresh->kept.complete == row->kept.complete;
}

/* What was read instead; name, version and status stay. */
static void replace(struct hb_preset_archive *row, struct hb_preset_archive *fresh)
{
    hb_origin_clear(&row->origin);
    row->origin = fresh->origin;
    fresh->origin = (struct hb_origin){.sequence = 0};
    json_decref(row->reasons);
    row->reasons = fresh->reasons;
    fresh->reasons = NULL;
    row->has_origin = fresh->has_origin;
    row->no_archive = fresh->no_archive;
    row->kept.whose = fresh->kept.whose;
    row->kept.when = fresh->kept.when;
    row->kept.complete = fresh->kept.complete;
    row->accepted |= fresh->accepted;
    row->kept.shrunk = fresh->origin.shrunk != HB_SHRUNK_NO && !row->accepted;
}

/* Nothing can be told of it now. */
static void give_up(const struct question *question, struct hb_preset_archive *row, const char *why)
{
    row->gone = hb_preset_is_gone(question->archives, row->kept.name);
    row->kept.complete = HB_CANNOT_TELL;
    hb_row_cannot_tell(row, row->kept.name, why);
}

/*
 * It begins as its facts say, and was refused. One that no format here takes for its own is not
 * damaged, but cannot be read here: then what the facts say stands. False: it is damaged.
 */
static bool weigh_refused(const struct question *question, struct hb_preset_archive *row,
                          const struct hb_preset_archive *fresh)
{
    if (fresh->no_archive && row->kept.complete == HB_NOT_ASKED)
        row->kept.complete = HB_YES;
    if (fresh->no_archive)
        return true;
    row->kept.complete = HB_NO;
    hb_report_add(&question->query->run->report, HB_FOUND_NOTE, "",
                  "%s/%s: it is this home's, but damaged: %s", question->archives->directory,
                  row->kept.name, fresh->damage);
    return false;
}

/*
 * It is sealed, and cannot be opened where there is a public key alone. Its header was made for it
 * alone and is among the first bytes that its facts name, so that no other archive has these facts:
 * they stand, as long as header and length are as they were. Else nothing can be told.
 */
static bool weigh_shut(struct question *question, struct hb_preset_archive *row, const char *why)
{
    bool fits = hb_row_has_head(question->archives, row);
    if (!fits)
        give_up(question, row, why);
    else if (row->kept.complete == HB_NOT_ASKED)
        row->kept.complete = HB_YES;
    return fits;
}

/*
 * Asks an archive that only its facts have spoken for; once. Says it the same, or does it count for
 * the same?
 */
static bool confirm(struct question *question, size_t number)
{
    struct hb_preset_archives *archives = question->archives;
    struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *path = hb_preset_archive_path(archives, number);
    struct hb_preset_archive fresh = {.kept.when.name = row->kept.when.name,
                                      .kept.when.written = row->kept.when.written,
                                      .version = row->version,
                                      .status = row->status};
    if (!row->by_facts)
        return false;
    row->by_facts = false;
    hb_row_read(question->query->run, question->query->id, path, &fresh);
    const char *why = fresh.kept.whose == HB_HOME_UNTOLD ? fresh.kept.why : NULL;
    bool same = why == NULL && agree(row, &fresh);
    if (why != NULL && fresh.shut)
        same = weigh_shut(question, row, why);
    else if (why != NULL)
        give_up(question, row, why);
    else if (fresh.damage != NULL && hb_row_has_head(archives, row))
        same = weigh_refused(question, row, &fresh);
    else if (!same)
        replace(row, &fresh);
    question->again |= !same;
    free(fresh.kept.why);
    free(fresh.damage);
    json_decref(fresh.reasons);
    hb_origin_clear(&fresh.origin);
    return same;
}

/*
 * Is it whole, and without an incomplete mark? Its list is read, and compared with the trailer; in
 * a store its trailer is enough, where it says what its facts say.
 */
static enum hb_answer is_complete(void *context, size_t number)
{
    struct question *question = context;
    struct hb_preset_archive *row = &question->archives->rows[number];
    struct hb_archive archive = {.fd = -1};
    HB_AUTO_FREE char *path = hb_preset_archive_path(question->archives, number);
    int status;
    enum hb_answer answer = HB_CANNOT_TELL;
    bool same = confirm(question, number);
    if (row->kept.complete != HB_NOT_ASKED || row->kept.whose != HB_HOME_OURS)
        return row->kept.complete; /* and it is asked about again, where that is needed */
    if (same && !is_local(question))
        return HB_YES;
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
static void settle(struct question *question, const struct hb_keep *keep)
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
            if (archives->rows[i].kept.fate == HB_GOES && is_local(question))
                confirm(question, i);
    } while (question->again);
}

/* The archive of the last import with a way back is spared. */
static void mark_way_back(const struct hb_preset_query *query, struct hb_preset_archives *archives)
{
    struct hb_undo_ways ways;
    hb_undo_ways_read(&query->run->home, query->id, &ways);
    for (size_t i = 0; i < archives->count && ways.count > 0; i++) {
        HB_AUTO_FREE char *path = hb_preset_archive_path(archives, i);
        archives->rows[i].kept.way_back = hb_undo_ways_have(&ways, path, false);
    }
    hb_undo_ways_clear(&ways);
}

void hb_preset_prune(const struct hb_preset_query *query, struct hb_preset_archives *archives,
                     const struct hb_keep *keep, const char *made, bool complete, bool dry_run)
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
    mark_way_back(query, archives);
    settle(&question, keep);
    request.count = archives->count;
    hb_prune_rows(&request);
    if (!dry_run && archives->store != NULL)
        hb_preset_sweep(query, archives);
}
