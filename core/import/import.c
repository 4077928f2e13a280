/* SPDX-License-Identifier: Apache-2.0 */
#include "import/import.h"
#include "files/owner.h"

#include "archive/which_format.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "files/anywhere.h"
#include "files/lock.h"
#include "host/content.h"
#include "host/elsewhere.h"
#include "host/instance.h"
#include "host/own_places.h"
#include "host/roots.h"
#include "import/archive_marks.h"
#include "import/staging.h"
#include "import/staging_links.h"
#include "import/unpack.h"
#include "restore/recover.h"
#include "restore/restore.h"
#include "restore/target.h"
#include "restore/undo_finish.h"
#include "restore/undo_missed.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct import {
    const struct hb_import_request *request;
    struct hb_run *run;
    struct hb_import_result *result;
    struct hb_error *error;
    struct hb_archive archive;
    struct hb_chain filters, contents;
    struct hb_restore_plan plan;
    bool made_home;
    struct hb_directory above; /* where it was made */
    char *made_name;
    struct hb_staging staging;
    bool publishing;      /* live files may have been replaced */
    bool to_be_continued; /* not all were; the journal stays for the next run */
    bool has_home_times;
    struct timespec home_times[2]; /* before the stage was made */
};

/* Reading it means setting it; no other thread runs yet. */
static uint32_t current_umask(void)
{
    mode_t mask = umask(077);
    umask(mask);
    return mask;
}

/* ---- the home ------------------------------------------------------------------------------ */

/* Makes the directory and opens it. 0 or -errno. */
static int make_home_in(struct import *import, const char *name, struct hb_directory *home)
{
    const struct hb_directory *above = &import->above;
    struct hb_place place = {.directory_fd = above->fd,
                             .name = import->made_name,
                             .rights = above->rights,
                             .led = above->led};
    HB_AUTO_AS as = {.changed = false};
    int result = hb_target_make_directory(&place);
    import->made_home = result != -EEXIST;
    if (result != 0 && result != -EEXIST)
        return result;
    result = hb_as_begin(&as, &above->rights);
    if (result != 0)
        return result;
    home->fd = openat(above->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    home->led = above->led;
    home->rights = above->rights;
    if (home->fd < 0)
        return -errno;
    return above->led ? 0 : hb_rights_of(home->fd, &home->rights);
}

/* Open to its owner alone; its owner is that of the directory above. 0 or -errno. */
static int make_home(struct import *import, const char *path)
{
    struct hb_directory home = HB_DIRECTORY_NONE;
    size_t bytes = strlen(path);
    while (bytes > 1 && (path[bytes - 1] == '/' ||
                         (path[bytes - 1] == '.' && path[bytes - 2] == '/'))) /* "a/." is a */
        bytes--;
    HB_AUTO_FREE char *plain = hb_copy_bytes(path, bytes);
    const char *name = hb_base_name(plain);
    HB_AUTO_FREE char *above = hb_copy_bytes(plain, (size_t)(name - plain));
    import->made_name = hb_copy_text(name);
    int result = hb_directory_open(above, true, &import->above);
    if (result == 0)
        result = make_home_in(import, name, &home);
    return result == 0 ? hb_root_take(&home, path, &import->run->home) : result;
}

/* Only if nothing is in it. */
static void remove_made_home(const struct import *import)
{
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &import->above.rights) == 0)
        unlinkat(import->above.fd, import->made_name, AT_REMOVEDIR);
}

/* Opens and locks the home if it is there, or makes it. */
static int open_home(struct import *import, bool make)
{
    const char *path = import->request->home;
    struct hb_run *run = import->run;
    if (run->home.fd >= 0)
        return HB_OK;
    int result = hb_root_open(path, &run->home);
    if (result == -ENOENT && make)
        result = make_home(import, path);
    else if (result == -ENOENT)
        return HB_OK;
    if (result != 0)
        return hb_error_set(import->error, HB_STATUS_FATAL, "%s: the home cannot be opened: %s",
                            path, hb_rights_explain(-result));
    hb_roots_take_home(run);
    int status = hb_home_lock(&run->home, import->request->wait_seconds, import->error);
    import->result->locked = status == HB_STATUS_NOMATCH;
    return status;
}

/* Of the home that is open: what is told by its name may be another one by now. */
static int check_owners(const struct import *import)
{
    if (!import->staging.keeps_owners || hb_owner_may_give(import->run->home.fd))
        return HB_OK;
    struct stat status;
    if (geteuid() != 0 || fstat(import->run->home.fd, &status) != 0)
        hb_error_set(import->error, HB_STATUS_FATAL,
                     "import.owners = keep: only root can give files to others");
    else
        hb_error_set(import->error, HB_STATUS_FATAL,
                     "%s: import.owners = keep: the home belongs to user %u, not to root",
                     import->run->home.path, (unsigned)status.st_uid);
    hb_error_hint(import->error, "use --set import.owners=home");
    import->error->wrong_use = true;
    return HB_STATUS_FATAL;
}

static int open_stage(struct import *import)
{
    int status = open_home(import, true);
    if (status == HB_OK)
        status = check_owners(import);
    if (status != HB_OK || import->run->stage.fd >= 0)
        return status;
    struct stat before;
    import->has_home_times = fstat(import->run->home.fd, &before) == 0;
    import->home_times[0] = before.st_atim;
    import->home_times[1] = before.st_mtim;
    status =
        hb_stage_open_in(import->run->home.fd, &import->run->home.rights, import->run->home.path,
                         &import->run->stage, &import->result->swept, import->error);
    if (status == HB_OK)
        status = hb_recover_look_again(import->run, import->error);
    import->result->locked = status == HB_STATUS_NOMATCH;
    return status;
}

/* Is there something in the home that an import could destroy? Also if that is unknown. */
static bool must_ask(const struct import *import)
{
    const char *const *names = hb_config_import(import->run->config)->ask_if;
    struct stat status;
    if (import->request->force)
        return false;
    for (; import->run->home.fd >= 0 && *names != NULL; names++)
        if (fstatat(import->run->home.fd, *names, &status, AT_SYMLINK_NOFOLLOW) == 0 ||
            (errno != ENOENT && errno != ENOTDIR))
            return true;
    return false;
}

/* ---- all ----------------------------------------------------------------------------------- */

/* All is staged and verified. */
static int publish(struct import *import)
{
    struct hb_restored result = {0};
    int status = HB_OK;
    if (hb_staging_uses_roots(&import->staging))
        status = hb_roots_lock(import->run, true, import->request->wait_seconds, import->error);
    import->result->locked = status == HB_STATUS_NOMATCH;
    if (status != HB_OK)
        return status;
    status = hb_staging_publish(&import->staging, import->request->before, import->request->context,
                                &result, &import->publishing, import->error);
    if (status == HB_OK)
        hb_undo_finish(import->run, &import->contents, import->run->stage.name,
                       import->staging.undo.stage == NULL ? NULL : &import->staging.undo,
                       &import->result->removed);
    if (status == HB_OK) {
        size_t failed;
        import->result->waiting = hb_undo_waiting(&import->staging.undo, &failed);
        import->result->failed = failed;
    }
    import->result->files = result.files;
    import->result->bytes = result.bytes;
    import->result->unchanged = import->staging.unchanged;
    import->to_be_continued = status != HB_OK && import->publishing;
    return status;
}

/* What a dry run would restore: all that is planned, but for what the home refuses. */
static void count_changes(const struct import *import, const struct hb_changes *changes)
{
    const struct hb_restore_plan *plan = &import->plan;
    import->result->files = plan->files;
    import->result->bytes = plan->bytes;
    for (size_t i = 0; i < plan->count; i++) {
        if (changes->rows[i] != HB_CHANGE_REFUSED || hb_planned_type(plan, i) != HB_TYPE_FILE)
            continue;
        import->result->files--;
        import->result->bytes -= plan->catalog->members[plan->rows[i].origin].bytes;
    }
}

/* A home that is not there yet may have further roots that are. */
static bool replaces_in_roots(const struct import *import)
{
    const struct hb_restore_plan *plan = &import->plan;
    bool any = false;
    for (size_t i = 0; import->run->grafts.count > 0 && !any && i < plan->count; i++)
        any = hb_planned_is_selected(plan, i) &&
              plan->catalog->members[i].type != HB_TYPE_DIRECTORY &&
              hb_roots_are_filled(import->run, hb_planned_path(plan, i));
    return any;
}

static int confirm(struct import *import)
{
    const struct hb_import_request *request = import->request;
    struct hb_changes changes = {0};
    bool ask = must_ask(import) || (!request->force && replaces_in_roots(import));
    bool look = ask || request->dry_run;
    if (request->confirm == NULL)
        return HB_OK;
    if (look)
        hb_changes_find(import->run, &import->plan, &changes);
    if (request->dry_run) {
        hb_changes_report_refused(import->run, &import->plan, &changes);
        count_changes(import, &changes);
    }
    int status = request->confirm(request->context, &import->archive, &import->plan,
                                  look ? &changes : NULL, ask, import->error);
    hb_changes_clear(&changes);
    import->result->declined = status == HB_STATUS_NOMATCH;
    return status;
}

static int open_archive(struct import *import)
{
    const struct hb_import_request *request = import->request;
    int status = HB_OK;
    /* A stream may have to be copied, which needs a place. */
    struct stat there;
    HB_AUTO_FREE char *path = hb_expand_path(request->archive); /* it may be a file: URL */
    bool known = strcmp(request->archive, "-") != 0 && stat(path, &there) == 0;
    bool pipe = known ? S_ISFIFO(there.st_mode) : strcmp(request->archive, "-") == 0;
    bool stream = pipe || (known && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode));
    if (pipe && must_ask(import) && !request->dry_run) {
        hb_error_set(import->error, HB_STATUS_FATAL,
                     "%s: the home already has a file that import.ask-if names, and hbcore cannot "
                     "ask while the archive comes from a pipe",
                     request->home);
        hb_error_hint(import->error, "use --force to import over it");
        return HB_STATUS_FATAL;
    }
    if (stream)
        status = open_stage(import);
    if (status != HB_OK)
        return status;
    status = hb_archive_open(import->run, request->archive, request->format, &import->archive,
                             import->error);
    if (status == HB_OK)
        status = hb_archive_list(&import->archive, import->error);
    if (status == HB_STATUS_NOMATCH)
        status =
            hb_staging_fill(&import->staging, hb_unpack_stream, &import->archive, import->error);
    return status == HB_OK ? hb_which_format_after(&import->archive, import->error) : status;
}

static int make_plan(struct import *import)
{
    const struct hb_import_source *source = import->request->source;
    if (source != NULL)
        return source->make_plan(source->context, &import->filters, &import->contents,
                                 &import->plan, import->error);
    int status = import->request->archive == NULL ? HB_OK : open_archive(import);
    import->staging.source = import->archive.shown == NULL ? "nothing" : import->archive.shown;
    if (status == HB_OK && import->request->undo != NULL)
        hb_undoing_plan(import->request->undo, import->run, &import->archive, &import->contents,
                        &import->plan);
    else if (status == HB_OK)
        status = hb_select(&import->archive, &import->filters, &import->contents,
                           import->request->choice, &import->plan, import->error);
    return status;
}

/* There is nothing to be put back. */
static int copy_none(void *context, struct hb_staging *staging, struct hb_error *error)
{
    (void)context;
    (void)staging;
    (void)error;
    return HB_OK;
}

/* What was no stream. */
static int stage_all(struct import *import)
{
    const struct hb_import_source *source = import->request->source;
    int status = open_stage(import);
    if (status != HB_OK)
        return status;
    if (source == NULL && import->request->archive == NULL)
        return hb_staging_fill(&import->staging, copy_none, NULL, import->error);
    return source != NULL
               ? hb_staging_fill(&import->staging, source->copy_rows, source->context,
                                 import->error)
               : hb_staging_fill(&import->staging, hb_unpack, &import->archive, import->error);
}

static int run_import(struct import *import)
{
    struct hb_run *run = import->run;
    bool is_archive = import->request->source == NULL;
    int status = open_home(import, false);
    if (status == HB_OK && run->home.fd >= 0)
        status = check_owners(import);
    if (run->home.fd < 0) /* until it is made */
        hb_roots_open(run);
    const char *home = run->home.fd >= 0 ? run->home.path : import->request->home;
    run->elsewhere = is_archive && hb_home_is_elsewhere(run->config, home);
    if (is_archive) /* what is in a snapshot, its user has listed */
        hb_own_places_of(run, home);
    if (status == HB_OK && import->request->begin != NULL)
        status = import->request->begin(import->request->context, import->error);
    if (status == HB_OK)
        status = hb_chain_create(run, HB_KIND_FILTER, "import", &import->filters, import->error);
    if (status == HB_OK)
        status = hb_contents_create(run, &import->contents, import->error);
    if (status == HB_OK && run->home.fd >= 0)
        status = hb_recover(run, &import->contents,
                            import->request->dry_run ? HB_RECOVER_TELL : HB_RECOVER_BEFORE_IMPORT,
                            import->error);
    import->result->locked = status == HB_STATUS_NOMATCH;
    if (status == HB_OK)
        status = make_plan(import);
    if (status != HB_OK)
        return status;
    import->result->members = import->plan.members;
    if (import->plan.wrapper != NULL)
        import->result->wrapper = hb_copy_text(import->plan.wrapper);
    status = confirm(import);
    if (status != HB_OK || import->request->dry_run ||
        (!is_archive && import->plan.files == 0 && import->request->undo == NULL))
        return status;
    if (!import->archive.stream)
        status = stage_all(import);
    if (status == HB_OK && is_archive)
        status = hb_staging_complete(&import->staging, import->error);
    return status == HB_OK ? publish(import) : status;
}

int hb_import(const struct hb_import_request *request, struct hb_import_result *result,
              struct hb_error *error)
{
    struct import import = {
        .request = request, .run = request->run, .result = result, .error = error};
    import.archive.fd = -1;
    import.above.fd = -1;
    import.staging = (struct hb_staging){
        .run = request->run,
        .plan = &import.plan,
        .contents = &import.contents,
        .filters = &import.filters,
        .umask = current_umask(),
        .only_changed = request->only_changed,
    };
    /* Where owners differ, a tree cannot be given to one. */
    import.staging.keeps_owners =
        request->source == NULL && hb_config_import(request->run->config)->keep_owners;
    import.staging.in_trees = !import.staging.keeps_owners;
    if (request->source != NULL) { /* of the home itself: nobody gets at more than before */
        import.staging.source = request->source->shown;
        import.staging.filters = NULL;
        import.staging.umask = 077;
        import.staging.in_trees = false;
        import.staging.narrows = true;
    }
    import.staging.what = request->undo != NULL     ? "undo"
                          : request->source != NULL ? "snapshot restore"
                                                    : "import";
    import.staging.way_back = request->way_back;
    import.staging.undoing = request->undo;
    import.staging.exact = request->undo != NULL;
    hb_staging_init(&import.staging);
    import.plan.catalog = &import.archive.catalog;
    *result = (struct hb_import_result){0};
    int status = run_import(&import);
    bool untouched = status != HB_OK && !import.publishing;
    if (status == HB_OK && request->source == NULL && request->archive != NULL)
        hb_archive_marks_report(&import.archive, request->choice);
    result->damaged = status == HB_STATUS_FATAL && import.staging.met_damage;
    hb_archive_close(&import.archive);
    hb_chain_free(&import.filters);
    hb_chain_free(&import.contents);
    if (!import.to_be_continued) /* before what it needs is removed */
        hb_stage_drop_journal(&request->run->stage);
    hb_staging_clear(&import.staging, import.to_be_continued);
    hb_restore_plan_clear(&import.plan);
    if (status == HB_OK && !request->dry_run && request->choice == NULL && request->source == NULL)
        hb_recover_discard(request->run);
    if (import.to_be_continued)
        hb_stage_leave(&request->run->stage);
    else
        hb_run_close_stage(request->run, &request->run->stage, status);
    if (untouched && import.has_home_times) /* the stage came and went */
        futimens(request->run->home.fd, import.home_times);
    if (import.made_home && (status != HB_OK || request->dry_run))
        remove_made_home(&import);
    hb_directory_close(&import.above);
    free(import.made_name);
    hb_report_sort(&request->run->report);
    return status;
}
