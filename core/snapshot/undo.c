/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/undo.h"

#include "backup/way_back.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "host/content.h"
#include "host/instance.h"
#include "import/import.h"
#include "restore/recover.h"
#include "restore/undo_receipt.h"
#include "restore/undo_way.h"
#include "snapshot/snapshot_restore.h"
#include <errno.h>
#include <string.h>

struct undo {
    const struct hb_undo_request *request;
    struct hb_undo_result *result;
    struct hb_undoing undoing;
    struct hb_undo_way way_back; /* of this undo */
    bool declined;
    struct hb_error *error;
};

/* ---- the receipt --------------------------------------------------------------------------- */

static int tell_none(struct undo *undo, int reason)
{
    const char *home = undo->request->run->home.path;
    undo->result->none = true;
    if (reason == -ENOENT) {
        hb_error_set(undo->error, HB_STATUS_FATAL,
                     "%s: there is nothing to undo: the last import or snapshot restore has left "
                     "no receipt",
                     home);
        hb_error_hint(undo->error, "`hbcore archives` lists what `hbcore import ARCHIVE` brings "
                                   "back; `hbcore import --backup-first ARCHIVE` can be undone");
    } else {
        hb_error_set(undo->error, HB_STATUS_FATAL, "%s: the receipt of the last import %s: %s",
                     home, reason == -EPERM ? "is not believed" : "cannot be read",
                     reason == -EPERM     ? "others can write to it, or it belongs to another user"
                     : reason == -EBADMSG ? "it is damaged"
                                          : strerror(-reason));
        hb_error_hint(undo->error, "`hbcore archives` lists what `hbcore import ARCHIVE` brings "
                                   "back");
    }
    return HB_STATUS_FATAL;
}

/* An id may have come after the import, or be unreadable now: both that the home has are tried. */
static int read_receipt(struct undo *undo)
{
    struct hb_home_id id;
    hb_home_id_find(&undo->request->run->home, false, &id);
    int result = hb_undo_read(id.id, HB_UNDO_LAST, &undo->undoing.receipt);
    if (result == -ENOENT && strcmp(id.id, id.by_place) != 0) {
        hb_undo_receipt_clear(&undo->undoing.receipt);
        result = hb_undo_read(id.by_place, HB_UNDO_LAST, &undo->undoing.receipt);
    }
    hb_home_id_clear(&id);
    return result == 0 ? HB_OK : tell_none(undo, result);
}

/*
 * An undo that was killed has been completed, by this run or by one before it: whoever types it
 * again wants no more than that. What it has left is named, as it would have done.
 */
static void note_completed(struct undo *undo)
{
    const struct hb_undo_receipt *receipt = &undo->undoing.receipt;
    if (strcmp(receipt->what, "undo") != 0 || receipt->told ||
        (undo->request->force && receipt->left.place != NULL))
        return;
    undo->result->completed = true;
    for (size_t i = 0; i < receipt->count; i++) {
        if ((receipt->rows[i].flags & HB_UNDO_WAITS) == 0)
            continue;
        undo->result->left++;
        hb_report_add(&undo->request->run->report, HB_FOUND_SKIPPED, receipt->rows[i].path, "%s",
                      (receipt->rows[i].flags & HB_UNDO_FAILED) != 0
                          ? "could not be put back, or removed"
                          : "is left as it is: it has been changed since");
        undo->result->failed += (receipt->rows[i].flags & HB_UNDO_FAILED) != 0;
    }
}

static int recover(struct undo *undo, const struct hb_chain *contents)
{
    struct hb_run *run = undo->request->run;
    int status = hb_recover(run, contents,
                            undo->request->dry_run ? HB_RECOVER_TELL : HB_RECOVER_BEFORE_IMPORT,
                            undo->error);
    undo->result->locked = status == HB_STATUS_NOMATCH;
    return status;
}

/* What there is to do: a chain of its own, since that of the import comes later. */
static int look(struct undo *undo)
{
    struct hb_chain contents = {.count = 0};
    struct hb_run *run = undo->request->run;
    int status = hb_contents_create(run, &contents, undo->error);
    if (status == HB_OK)
        status = recover(undo, &contents);
    if (status == HB_OK)
        status = read_receipt(undo);
    if (status == HB_OK)
        note_completed(undo);
    if (status == HB_OK && !undo->result->completed) {
        undo->undoing.force = undo->request->force;
        undo->undoing.dry_run = undo->request->dry_run;
        hb_undoing_begin(run, &contents, &undo->undoing);
    }
    hb_chain_free(&contents);
    return status;
}

/* ---- the import ---------------------------------------------------------------------------- */

static bool is_idle(const struct hb_undoing *undoing)
{
    for (size_t i = 0; i < undoing->receipt.count; i++)
        if (undoing->parts[i].fate == HB_UNDO_PUT_BACK || undoing->parts[i].fate == HB_UNDO_REMOVE)
            return false;
    return true;
}

static int on_confirm(void *context, const struct hb_archive *archive,
                      const struct hb_restore_plan *plan, const struct hb_changes *changes,
                      bool ask, struct hb_error *error)
{
    struct undo *undo = context;
    (void)archive;
    (void)changes;
    (void)ask;
    undo->result->nothing = is_idle(&undo->undoing);
    int status = undo->request->confirm(undo->request->context, &undo->undoing, plan, error);
    return status == HB_OK && undo->result->nothing ? HB_STATUS_NOMATCH : status;
}

/* All is staged; nothing has been replaced yet. */
static int on_before(void *context, struct hb_error *error)
{
    struct undo *undo = context;
    bool sealed;
    int status = hb_way_back(undo->request->run, &undo->result->way_back, &sealed, error);
    if (status == HB_STATUS_FATAL)
        hb_error_hint(error, "nothing was changed; correct this, or bring single files back with "
                             "`hbcore import ARCHIVE --include PATH`");
    HB_AUTO_FREE char *changed =
        status == HB_OK ? hb_undoing_look_again(&undo->undoing, undo->request->run, NULL) : NULL;
    if (changed != NULL) {
        status = hb_error_set(error, HB_STATUS_FATAL,
                              "%s: has been changed meanwhile; nothing was taken back", changed);
        hb_error_hint(error, "use `hbcore undo` again: it leaves that file alone");
    }
    undo->way_back.is_sealed = status == HB_OK && sealed;
    undo->way_back.place = undo->result->way_back == NULL
                               ? hb_copy_text("")
                               : hb_way_back_place(undo->result->way_back);
    return status;
}

static int import(struct undo *undo, struct hb_import_result *imported)
{
    const struct hb_undo_way *way = &undo->undoing.receipt.way;
    struct hb_import_request request = {
        .run = undo->request->run,
        .archive = way->is_snapshot || *way->place == '\0' ? NULL : undo->result->of.place,
        .home = undo->request->run->home.path,
        .dry_run = undo->request->dry_run,
        .force = true,
        .only_changed = true,
        .undo = &undo->undoing,
        .way_back = &undo->way_back,
        .confirm = on_confirm,
        .before = on_before,
        .context = undo,
    };
    return way->is_snapshot ? hb_snapshot_import(way->place, &request, imported, undo->error)
                            : hb_import(&request, imported, undo->error);
}

static void count_left(const struct undo *undo, const struct hb_import_result *imported)
{
    struct hb_undo_result *result = undo->result;
    uint64_t changed = hb_undoing_count(&undo->undoing, HB_UNDO_LEAVE);
    bool planned = undo->request->dry_run || result->nothing;
    result->failed = planned ? hb_undoing_count(&undo->undoing, HB_UNDO_NOT_NOW) : imported->failed;
    result->left = hb_undoing_count(&undo->undoing, HB_UNDO_CANNOT) +
                   (planned ? changed + result->failed : imported->waiting);
    result->changed = planned ? changed : imported->waiting - imported->failed;
}

/* Nothing is put back from an archive that is not the one that was made then. */
static int check_way(const struct undo *undo)
{
    const struct hb_undo_way *way = &undo->undoing.receipt.way;
    const char *why = hb_undo_way_problem(way, undo->result->of.place);
    if (why == NULL)
        return HB_OK;
    HB_AUTO_FREE char *shown = hb_printable(undo->result->of.place);
    hb_error_set(undo->error, HB_STATUS_FATAL, "%s: %s; nothing was changed", shown, why);
    hb_error_hint(undo->error,
                  "where the archive lies that was made before the last %s, move it "
                  "back to that name",
                  undo->undoing.receipt.what);
    return HB_STATUS_FATAL;
}

int hb_undo(const struct hb_undo_request *request, struct hb_undo_result *result,
            struct hb_error *error)
{
    struct undo undo = {.request = request, .result = result, .error = error};
    struct hb_import_result imported = {.files = 0};
    *result = (struct hb_undo_result){.way_back = NULL};
    int status = look(&undo);
    if (status == HB_OK && !result->completed) {
        const struct hb_undo_receipt *receipt = &undo.undoing.receipt;
        result->what = hb_copy_text(receipt->what);
        result->of.place = hb_undo_path(&request->run->home, receipt->way.place);
        result->of.is_snapshot = receipt->way.is_snapshot;
        status = check_way(&undo);
        if (status == HB_OK)
            status = import(&undo, &imported);
        result->locked = imported.locked;
        if (status == HB_STATUS_NOMATCH && result->nothing && !imported.locked)
            status = HB_OK;
        result->files =
            request->dry_run ? hb_undoing_count(&undo.undoing, HB_UNDO_PUT_BACK) : imported.files;
        result->bytes = imported.bytes;
        result->removed =
            request->dry_run ? hb_undoing_count(&undo.undoing, HB_UNDO_REMOVE) : imported.removed;
        count_left(&undo, &imported);
        result->swept = imported.swept;
    }
    if (status == HB_OK && !result->completed)
        hb_undoing_report(&undo.undoing, &request->run->report);
    free(imported.wrapper);
    free(undo.way_back.place);
    hb_undoing_clear(&undo.undoing);
    return status;
}

void hb_undo_end(const struct hb_run *run)
{
    struct hb_home_id id;
    hb_home_id_find(&run->home, false, &id);
    hb_undo_tell(id.id);
    hb_home_id_clear(&id);
}

void hb_undo_result_clear(struct hb_undo_result *result)
{
    free(result->what);
    free(result->of.place);
    free(result->way_back);
    *result = (struct hb_undo_result){.way_back = NULL};
}
