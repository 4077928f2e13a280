/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/recover.h"

#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "files/listing.h"
#include "files/stage_owner.h"
#include "files/system_kind.h"
#include "host/own_places.h"
#include "restore/restore.h"
#include "restore/seal.h"
#include "restore/undo_finish.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct recovery {
    struct hb_run *run;
    const struct hb_chain *contents;
    enum hb_recover_mode mode;
    struct hb_error *error;
    struct hb_stage stage; /* with the journal */
    int sealed_fd;         /* a copy of that, if others could have changed it; else -1 */
    struct hb_stage *stages[HB_JOURNAL_STAGES];
    unsigned stage_count;
    int status; /* of the last entry that was looked at */
};

/*
 * One that lies elsewhere in the home: HB_OK; HB_STATUS_NOMATCH: it is gone, or not ours;
 * HB_STATUS_LATER with *error: that is unknown now.
 */
static int adopt_below(const struct recovery *recovery, const char *below, const char *name,
                       struct hb_stage **adopted)
{
    struct hb_directory directory;
    HB_AUTO_FREE char *parent = hb_full_path(&recovery->run->home, below);
    struct hb_stage *stage = hb_alloc(sizeof *stage);
    int status, reason = -hb_beneath_directory(&recovery->run->home, below, 0, &directory);
    if (reason == 0) {
        status = hb_stage_adopt_in(directory.fd, &directory.rights, parent, name, stage);
        /* The journal names it; where there are no modes its content is as safe as all else there.
         */
        if (status == HB_STATUS_NOMATCH && hb_system_lacks_modes(directory.fd))
            status = hb_stage_adopt_open_in(directory.fd, &directory.rights, parent, name, stage);
        reason = errno;
    } else {
        status = reason == ENOENT || reason == ENOTDIR || reason == ELOOP ? HB_STATUS_NOMATCH
                                                                          : HB_STATUS_LATER;
    }
    hb_directory_close(&directory);
    if (status == HB_OK)
        *adopted = stage;
    else
        free(stage);
    if (status != HB_STATUS_LATER)
        return status;
    return hb_error_set(recovery->error, HB_STATUS_LATER,
                        "its staged files in %s/%s cannot be opened: %s", parent, name,
                        hb_rights_explain(reason));
}

static int open_journal(const struct recovery *recovery, struct hb_journal **journal)
{
    if (recovery->sealed_fd < 0)
        return hb_journal_open(recovery->stage.fd, journal, recovery->error);
    int fd = fcntl(recovery->sealed_fd, F_DUPFD_CLOEXEC, 3);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (file != NULL)
        return hb_journal_read(file, journal, recovery->error);
    if (fd >= 0)
        close(fd);
    return hb_error_set(recovery->error, HB_STATUS_ENTRY, "%s", strerror(errno));
}

/* Opens the stages on other file systems that the journal names; those that are gone stay NULL. */
static int open_stages(struct recovery *recovery)
{
    struct hb_journal *journal = NULL;
    struct hb_journal_row row;
    int status = open_journal(recovery, &journal);
    recovery->stages[0] = &recovery->stage;
    recovery->stage_count = 1;
    while (status == HB_OK || status == HB_STATUS_SKIP) {
        status = hb_journal_next(journal, &row, recovery->error);
        if (status != HB_STATUS_SKIP || recovery->stages[row.stage] != NULL)
            continue;
        const char *slash = strrchr(row.path, '/');
        HB_AUTO_FREE char *below =
            hb_copy_bytes(row.path, slash == NULL ? 0 : (size_t)(slash - row.path));
        if (row.stage >= recovery->stage_count)
            recovery->stage_count = row.stage + 1;
        if (adopt_below(recovery, below, slash == NULL ? row.path : slash + 1,
                        &recovery->stages[row.stage]) == HB_STATUS_LATER)
            status = HB_STATUS_LATER;
    }
    hb_journal_close(journal);
    return status == HB_STATUS_END ? HB_OK : status;
}

static void close_stages(struct recovery *recovery, bool leave)
{
    if (!leave) /* before what it needs is removed */
        hb_stage_drop_journal(&recovery->stage);
    for (unsigned i = recovery->stage_count; i-- > 0;) {
        if (recovery->stages[i] == NULL)
            continue;
        if (leave)
            hb_stage_leave(recovery->stages[i]);
        else
            hb_run_close_stage(recovery->run, recovery->stages[i], HB_OK);
        if (i > 0)
            free(recovery->stages[i]);
    }
}

static void say(struct recovery *recovery, const char *archive, const struct hb_restored *restored)
{
    struct hb_report *report = &recovery->run->report;
    HB_AUTO_FREE char *rest =
        restored->failed == 0
            ? hb_copy_text("")
            : hb_text(", %" PRIu64 " could not be%s", restored->failed,
                      restored->postponed > 0 ? "; the next run tries again"
                                              : ": import the archive again for them");
    HB_AUTO_FREE char *left =
        restored->left == 0
            ? hb_copy_text("")
            : hb_text(", %" PRIu64 " left alone, changed since then", restored->left);
    HB_AUTO_FREE char *line =
        hb_text("%s the interrupted import of %s: %" PRIu64 " more file%s restored%s%s.",
                restored->postponed > 0 ? "Went on with" : "Completed", archive, restored->files,
                hb_plural(restored->files), left, rest);
    HB_AUTO_FREE char *number = hb_text("%" PRIu64, restored->files);
    HB_AUTO_FREE char *left_number = hb_text("%" PRIu64, restored->left);
    hb_report_line(report, line);
    hb_report_member(report, "completed_import_files", number);
    hb_report_member(report, "left_alone_files", left_number);
}

/* When the import began to publish. */
static struct timespec journal_time(const struct recovery *recovery)
{
    struct stat status;
    if (fstatat(recovery->stage.fd, HB_STAGE_JOURNAL, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return (struct timespec){.tv_sec = INT64_MAX}; /* it was opened just before */
    return status.st_mtim;
}

/* What was left alone counts against this run: it is what nobody else will be told of. */
static void take_findings(struct hb_report *report, struct hb_report *from)
{
    for (size_t i = 0; i < from->count; i++) {
        hb_report_add(report, from->findings[i].kind, from->findings[i].path, "%s",
                      from->findings[i].reason);
        hb_report_keep(report, from->findings[i].path);
    }
    hb_report_clear(from);
}

/* With a place for what plugins stage meanwhile; it is taken away again. */
static int restore_again(struct recovery *recovery, const struct hb_restore_request *request,
                         struct hb_restored *restored)
{
    struct hb_run *run = recovery->run;
    bool on_demand = run->stage_on_demand, had_stage = run->stage.fd >= 0;
    run->stage_on_demand = true;
    int status = hb_restore(request, restored, recovery->error);
    run->stage_on_demand = on_demand;
    if (!had_stage)
        hb_stage_close(&run->stage);
    return status;
}

/* HB_OK; HB_STATUS_ENTRY: not all could be done now; HB_STATUS_FATAL: the journal is damaged;
 * HB_STATUS_CANCELLED. */
static int carry_through(struct recovery *recovery)
{
    struct hb_report *report = &recovery->run->report, left_alone;
    struct hb_journal *journal;
    struct hb_restored restored;
    struct hb_begun begun = {.count = 0}, left = {.count = 0};
    size_t first = report->count;
    int status = open_journal(recovery, &journal);
    if (status != HB_OK)
        return status;
    int read = hb_begun_read(recovery->stage.fd, HB_MARK_BEGUN, &begun);
    if (read == 0)
        read = hb_begun_read(recovery->stage.fd, HB_MARK_LEFT, &left);
    struct hb_undo_receipt undo = {.rows = NULL};
    int noted = read == 0 ? hb_undo_of_stage(recovery->run, recovery->stage.name, &undo) : 0;
    if (noted != 0 && noted != -ENOENT) /* all of an undo that was killed is done, or nothing */
        read = noted;
    if (read != 0) {
        hb_begun_clear(&begun);
        hb_begun_clear(&left);
        hb_journal_close(journal);
        return hb_error_set(recovery->error, HB_STATUS_ENTRY, "%s", strerror(-read));
    }
    hb_report_init(&left_alone);
    struct hb_restore_request request = {
        .run = recovery->run,
        .journal = journal,
        .stages = recovery->stages,
        .stage_count = recovery->stage_count,
        .contents = recovery->contents,
        .workers = hb_run_workers(recovery->run),
        .again = true,
        .since = journal_time(recovery),
        .begun = &begun,
        .left = &left,
        .left_alone = &left_alone,
        .leaves_changed = noted == 0 && strcmp(undo.what, "undo") == 0,
        .undo = noted == 0 ? &undo : NULL,
    };
    hb_restore_last_words(recovery->run);
    status = restore_again(recovery, &request, &restored);
    if (status == HB_STATUS_ENTRY) /* the journal cannot be read to its end now */
        restored.postponed++;
    /* Old content in what this run makes, which must not be called complete. */
    hb_report_doubt(report, first, "not restored by the interrupted import: ");
    take_findings(report, &left_alone);
    say(recovery, hb_journal_archive(journal), &restored);
    hb_journal_close(journal);
    if ((status == HB_OK && restored.postponed == 0) || status == HB_STATUS_FATAL)
        hb_undo_finish(recovery->run, recovery->contents, recovery->stage.name,
                       noted == 0 ? &undo : NULL, NULL);
    hb_undo_receipt_clear(&undo);
    hb_begun_clear(&begun);
    hb_begun_clear(&left);
    return status == HB_OK && restored.postponed > 0 ? HB_STATUS_ENTRY : status;
}

/*
 * It stays as it is. `what` happened, or may have: what cannot be looked at may hold an import,
 * too. This run finds the home half old, half new.
 */
static int leave(struct recovery *recovery, const char *what, const char *name, const char *why)
{
    const char *home = recovery->run->home.path;
    if (recovery->mode != HB_RECOVER_BEFORE_IMPORT) {
        hb_report_add(&recovery->run->report,
                      recovery->mode == HB_RECOVER ? HB_FOUND_DOUBTFUL : HB_FOUND_NOTE, "",
                      "%s (%s); %s", what, name, why);
        return HB_OK;
    }
    hb_error_set(recovery->error, HB_STATUS_FATAL,
                 "%s: %s (%s) and must be finished before this one: %s", home, what, name, why);
    hb_error_hint(recovery->error,
                  "complete it, or remove %s/%s to drop the files that it has not restored yet",
                  home, name);
    return HB_STATUS_FATAL;
}

static int left_alone(struct recovery *recovery, const char *name, const char *why)
{
    return leave(recovery, "an import was interrupted", name, why);
}

/* What its owner types to complete it. Caller frees. */
static char *command_of(const struct recovery *recovery, uid_t owner)
{
    char user[32];
    hb_rights_name(owner, user);
    HB_AUTO_FREE char *home = hb_shell_word(recovery->run->home.path);
    return hb_text("complete it as %s: hbcore --home %s backup", user, home);
}

static int of_another(struct recovery *recovery, const char *name, uid_t owner)
{
    HB_AUTO_FREE char *command = command_of(recovery, owner);
    HB_AUTO_FREE char *why = hb_text(
        "it belongs to another user and is completed when that user runs a backup or an import: %s",
        command);
    return leave(recovery, "an import was interrupted", name, why);
}

/* Nobody but its owner can tell. */
static int cannot_tell(struct recovery *recovery, const char *name, uid_t owner, int reason)
{
    char user[32];
    hb_rights_name(owner, user);
    HB_AUTO_FREE char *command = command_of(recovery, owner);
    HB_AUTO_FREE char *why = hb_text("the directory belongs to %s and cannot be read: %s; %s", user,
                                     strerror(reason), command);
    return leave(recovery, "an import may have been interrupted", name, why);
}

/*
 * Others could have written what is in it. On a file system that has modes nobody but they can
 * have; else it may be ours, which was killed.
 */
static int not_believed(struct recovery *recovery, const char *name)
{
    struct hb_report *report = &recovery->run->report;
    HB_AUTO_FREE char *home = hb_shell_word(recovery->run->home.path);
    if (!hb_system_lacks_modes(recovery->run->home.fd)) {
        hb_report_add(report, HB_FOUND_NOTE, "",
                      "%s is ignored: it is open to other users, who may have put it there", name);
        return HB_OK;
    }
    if (recovery->mode == HB_RECOVER_BEFORE_IMPORT) { /* which mends it: see hb_recover_discard */
        hb_report_add(
            report, HB_FOUND_NOTE, "",
            "an import was interrupted (%s) and cannot be completed: this import takes its place",
            name);
        return HB_OK;
    }
    HB_AUTO_FREE char *why = hb_text(
        "this file system has no modes, so hbcore cannot tell who wrote the journal and cannot "
        "complete the import: import the archive again; or, if all is well, rm -r %s/%s",
        home, name);
    return leave(recovery, "an import was interrupted", name, why);
}

/* A stage with a journal that nobody holds. */
static int recover_stage(struct recovery *recovery, const char *name)
{
    struct hb_report *report = &recovery->run->report;
    int status = open_stages(recovery);
    if (status == HB_OK)
        status = carry_through(recovery);
    if (status == HB_STATUS_FATAL) {
        hb_report_add(
            report, HB_FOUND_DOUBTFUL, "",
            "%s; the files that it had not restored yet are dropped: import the archive again",
            recovery->error->text);
        *recovery->error = (struct hb_error){0};
        status = HB_OK;
    }
    close_stages(recovery, status != HB_OK);
    if (status == HB_STATUS_LATER) {
        HB_AUTO_FREE char *why = hb_copy_text(recovery->error->text);
        *recovery->error = (struct hb_error){0};
        return left_alone(recovery, name, why);
    }
    if (status == HB_STATUS_ENTRY) {
        HB_AUTO_FREE char *path = hb_text("%s/%s", recovery->run->home.path, name);
        HB_AUTO_FREE char *word = hb_shell_word(path);
        HB_AUTO_FREE char *why = hb_text("not all of it can be completed now; the next run tries "
                                         "again; to give up the rest: rm -r %s",
                                         word);
        return left_alone(recovery, name, why);
    }
    return status;
}

/* 0: it is there; ENOENT: there is none; or why that is unknown. */
static int look_for_journal(const struct hb_root *home, const char *name, const struct stat *stage,
                            struct stat *journal)
{
    HB_AUTO_FREE char *path = hb_text("%s/%s", name, HB_STAGE_JOURNAL);
    HB_AUTO_AS as = {.changed = false};
    if (hb_rights_matter() && stage->st_uid == 0) /* of root's: root may look */
        (void)hb_as_self(&as);
    return fstatat(home->fd, path, journal, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

/*
 * Another machine may be at work in it, whatever it is: an import does not begin beside that, as it
 * would not beside a run on this one.
 */
static int leave_to_another(struct recovery *recovery, const char *name, bool has_journal,
                            const struct hb_stage_claim *claim)
{
    const char *home = recovery->run->home.path;
    const char *what = claim->alive ? "another run is working on this home, through another mount"
                                    : "another machine is working on this home, or has been";
    char who[160];
    hb_stage_claim_describe(claim, who);
    if (recovery->mode == HB_RECOVER_BEFORE_IMPORT) {
        HB_AUTO_FREE char *path = hb_text("%s/%s", home, name);
        HB_AUTO_FREE char *word = hb_shell_word(path);
        hb_error_set(recovery->error, HB_STATUS_NOMATCH, "%s: %s: %s (%s)", home, what, who, name);
        if (claim->alive)
            hb_error_hint(recovery->error, "try again when it has ended");
        else
            hb_error_hint(recovery->error,
                          "try again when it has ended; if it is dead, wait %" PRId64 " h %" PRId64
                          " min, or type: touch -d '2 days ago' %s/owner %s",
                          claim->left / 3600, claim->left / 60 % 60, word, word);
        return HB_STATUS_NOMATCH;
    }
    hb_report_add(&recovery->run->report, has_journal ? HB_FOUND_DOUBTFUL : HB_FOUND_NOTE, "",
                  "%s: %s (%s)%s", what, who, name,
                  has_journal ? "; its import is not complete" : "");
    return HB_OK;
}

/* On a file system that machines share. */
static bool is_of_another(const struct recovery *recovery, const char *name,
                          struct hb_stage_claim *claim)
{
    const struct hb_root *home = &recovery->run->home;
    HB_AUTO_CLOSE int fd = openat(home->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && hb_stage_is_claimed(home->fd, fd, recovery->mode != HB_RECOVER_TELL, claim);
}

/* It is to be completed now, if that can be done. */
static int take_over(struct recovery *recovery, const char *name, const struct stat *stage)
{
    const struct hb_root *home = &recovery->run->home;
    recovery->stage_count = 0;
    recovery->sealed_fd = -1;
    memset(recovery->stages, 0, sizeof recovery->stages);
    int adopted = hb_stage_adopt_in(home->fd, &home->rights, home->path, name, &recovery->stage);
    if (adopted == HB_OK)
        return recover_stage(recovery, name);
    if (adopted == HB_STATUS_NOMATCH && (stage->st_mode & 077) != 0)
        adopted =
            hb_stage_adopt_open_in(home->fd, &home->rights, home->path, name, &recovery->stage);
    if (adopted == HB_STATUS_LATER && errno != EWOULDBLOCK) {
        HB_AUTO_FREE char *why = hb_text("its directory cannot be opened: %s", strerror(errno));
        return left_alone(recovery, name, why);
    }
    if (adopted != HB_OK)
        return left_alone(recovery, name, "its directory cannot be opened, or is in use");
    recovery->sealed_fd = hb_seal_open(&recovery->stage);
    if (recovery->sealed_fd < 0) {
        hb_stage_leave(&recovery->stage);
        return not_believed(recovery, name);
    }
    int status = recover_stage(recovery, name);
    close(recovery->sealed_fd);
    recovery->sealed_fd = -1;
    return status;
}

static int look_at(struct recovery *recovery, const char *name)
{
    const struct hb_root *home = &recovery->run->home;
    struct stat stage, journal;
    struct hb_stage_claim claim;
    struct statvfs system;
    if (fstatat(home->fd, name, &stage, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? HB_OK : left_alone(recovery, name, strerror(errno));
    if (!S_ISDIR(stage.st_mode))
        return HB_OK;
    int found = look_for_journal(home, name, &stage, &journal);
    if (is_of_another(recovery, name, &claim))
        return leave_to_another(recovery, name, found == 0, &claim);
    if (found != 0)
        return found == ENOENT ? HB_OK : cannot_tell(recovery, name, stage.st_uid, found);
    if (recovery->mode == HB_RECOVER_TELL && hb_stage_is_held(home->fd, name))
        return HB_OK; /* it is under way, if this command holds no lock of the home */
    if (stage.st_uid != hb_rights_user())
        return of_another(recovery, name, stage.st_uid);
    if (recovery->mode == HB_RECOVER_TELL)
        return left_alone(recovery, name,
                          (stage.st_mode & 077) == 0
                              ? "the next run that writes completes it"
                              : "the next run that writes completes it, if its seal is right");
    if (fstatvfs(home->fd, &system) == 0 && (system.f_flag & ST_RDONLY) != 0)
        return left_alone(
            recovery, name,
            "it is pending: the home is read-only now; the next run that can write completes it");
    return take_over(recovery, name, &stage);
}

/* Is it the name of a stage, and not of one of this run? */
static bool is_other_stage(const struct recovery *recovery, const char *name)
{
    const struct hb_run *run = recovery->run;
    return hb_stage_is_name(name) && strcmp(name, run->stage.name) != 0 &&
           strcmp(name, run->hooks_stage.name) != 0;
}

static int recover_entry(void *context, const char *name)
{
    struct recovery *recovery = context;
    if (is_other_stage(recovery, name))
        recovery->status = look_at(recovery, name);
    return recovery->status != HB_OK;
}

/* Looks at all stages in the home. */
static int look_at_all(struct recovery *recovery, int (*look)(void *context, const char *name))
{
    const struct hb_root *home = &recovery->run->home;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &home->rights);
    HB_AUTO_CLOSE int fd =
        result != 0 ? -1 : openat(home->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (result == 0)
        result = fd < 0 ? -errno : hb_listing_each(fd, look, recovery);
    if (result < 0) /* what was not seen would be completed over what comes now */
        return hb_error_set(recovery->error, HB_STATUS_FATAL,
                            "%s: cannot be searched for an interrupted import: %s", home->path,
                            hb_rights_explain(-result));
    return recovery->status;
}

int hb_recover(struct hb_run *run, const struct hb_chain *contents, enum hb_recover_mode mode,
               struct hb_error *error)
{
    struct recovery *recovery = hb_alloc(sizeof *recovery);
    hb_own_places_of(run, run->home.path); /* nothing is completed there either */
    *recovery = (struct recovery){
        .run = run, .contents = contents, .mode = mode, .error = error, .sealed_fd = -1};
    int status = look_at_all(recovery, recover_entry);
    free(recovery);
    return status;
}

static int look_for_others(void *context, const char *name)
{
    struct recovery *recovery = context;
    struct hb_stage_claim claim;
    if (is_other_stage(recovery, name) && is_of_another(recovery, name, &claim))
        recovery->status = leave_to_another(recovery, name, false, &claim);
    return recovery->status != HB_OK;
}

int hb_recover_look_again(struct hb_run *run, struct hb_error *error)
{
    if (!hb_is_shared(run->home.fd))
        return HB_OK;
    struct recovery *recovery = hb_alloc(sizeof *recovery);
    *recovery = (struct recovery){
        .run = run, .mode = HB_RECOVER_BEFORE_IMPORT, .error = error, .sealed_fd = -1};
    int status = look_at_all(recovery, look_for_others);
    free(recovery);
    return status;
}

/* ---- what is of no use any more ------------------------------------------------------------ */

static int discard_entry(void *context, const char *name)
{
    const struct hb_root *home = context;
    struct hb_stage_claim claim;
    struct hb_stage stage;
    HB_AUTO_CLOSE int fd = openat(home->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (!hb_stage_is_name(name) || fd < 0 || hb_stage_is_claimed(home->fd, fd, true, &claim) ||
        hb_stage_adopt_open_in(home->fd, &home->rights, home->path, name, &stage) != HB_OK)
        return 0;
    if (hb_stage_lacks_modes(stage.fd))
        hb_stage_close(&stage);
    else
        hb_stage_leave(&stage);
    return 0;
}

void hb_recover_discard(struct hb_run *run)
{
    HB_AUTO_AS as = {.changed = false};
    if (!hb_system_lacks_modes(run->home.fd) || hb_as_begin(&as, &run->home.rights) != 0)
        return;
    HB_AUTO_CLOSE int fd = openat(run->home.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        hb_listing_each(fd, discard_entry, &run->home);
}
