/* SPDX-License-Identifier: Apache-2.0 */
#include "recover.h"

#include "memory.h"
#include "restore.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

struct recovery {
    struct hb_run *run;
    const struct hb_chain *contents;
    struct hb_error *error;
    struct hb_stage stage; /* with the journal */
    struct hb_stage *stages[HB_JOURNAL_STAGES];
    unsigned stage_count;
};

/* Opens the stages on other file systems that the journal names; those that are gone stay NULL. */
static int open_stages(struct recovery *recovery)
{
    struct hb_journal *journal = NULL;
    struct hb_journal_row row;
    int status = hb_journal_open(recovery->stage.fd, &journal, recovery->error);
    recovery->stages[0] = &recovery->stage;
    recovery->stage_count = 1;
    while (status == HB_OK || status == HB_SKIP) {
        status = hb_journal_next(journal, &row, recovery->error);
        if (status != HB_SKIP || recovery->stages[row.stage] != NULL)
            continue;
        const char *slash = strrchr(row.path, '/');
        HB_AUTO_FREE char *below =
            hb_copy_bytes(row.path, slash == NULL ? 0 : (size_t)(slash - row.path));
        HB_AUTO_FREE char *parent = hb_format("%s/%s", recovery->run->home.path, below);
        struct hb_stage *stage = hb_alloc(sizeof *stage);
        if (hb_stage_adopt(parent, slash == NULL ? row.path : slash + 1, stage) == HB_OK)
            recovery->stages[row.stage] = stage;
        else
            free(stage);
        if (row.stage >= recovery->stage_count)
            recovery->stage_count = row.stage + 1;
    }
    hb_journal_close(journal);
    return status == HB_END ? HB_OK : status;
}

static void close_stages(struct recovery *recovery, bool leave)
{
    for (unsigned i = recovery->stage_count; i-- > 0;) { /* that with the journal last */
        if (recovery->stages[i] == NULL)
            continue;
        if (leave)
            hb_stage_leave(recovery->stages[i]);
        else
            hb_stage_close(recovery->stages[i]);
        if (i > 0)
            free(recovery->stages[i]);
    }
}

static int carry_through(struct recovery *recovery)
{
    struct hb_report *report = &recovery->run->report;
    struct hb_journal *journal;
    struct hb_restored restored;
    size_t first = report->count;
    int status = hb_journal_open(recovery->stage.fd, &journal, recovery->error);
    if (status != HB_OK)
        return status;
    struct hb_restore_request request = {
        .run = recovery->run,
        .journal = journal,
        .stages = recovery->stages,
        .stage_count = recovery->stage_count,
        .contents = recovery->contents,
        .workers = hb_run_workers(recovery->run),
        .again = true,
    };
    status = hb_restore(&request, &restored, recovery->error);
    hb_report_demote(report, first, "by the import that was interrupted: ");
    HB_AUTO_FREE char *line = hb_format(
        "Completed the import of %s that had been interrupted: %" PRIu64 " more files restored.",
        hb_journal_archive(journal), restored.files);
    hb_report_line(report, line);
    HB_AUTO_FREE char *number = hb_format("%" PRIu64, restored.files);
    hb_report_member(report, "completed_import_files", number);
    hb_journal_close(journal);
    return status;
}

/* A stage with a journal that nobody holds. */
static int recover_stage(struct recovery *recovery)
{
    struct hb_report *report = &recovery->run->report;
    int status = open_stages(recovery);
    if (status == HB_OK)
        status = carry_through(recovery);
    if (status == HB_FATAL) {
        hb_report_add(report, HB_FOUND_DOUBTFUL, "",
                      "%s; what it had not restored yet is dropped: import the archive again",
                      recovery->error->text);
        *recovery->error = (struct hb_error){0};
        status = HB_OK;
    }
    close_stages(recovery, status != HB_OK);
    return status;
}

/* Whose is it, and is there a journal? */
static bool has_journal(int home_fd, const char *name, bool *ours)
{
    struct stat status;
    HB_AUTO_FREE char *path = hb_format("%s/%s", name, HB_STAGE_JOURNAL);
    *ours = fstatat(home_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_uid == geteuid();
    return fstatat(home_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static int look_at(struct recovery *recovery, const char *name, bool only_tell)
{
    struct hb_report *report = &recovery->run->report;
    bool ours;
    if (!has_journal(recovery->run->home.fd, name, &ours))
        return HB_OK;
    if (!ours) {
        hb_report_add(report, HB_FOUND_NOTE, "",
                      "another user's import was interrupted (%s); it is completed when that user "
                      "runs a backup or an import",
                      name);
        return HB_OK;
    }
    if (only_tell) {
        hb_report_add(report, HB_FOUND_NOTE, "",
                      "an import was interrupted (%s); the next run that writes completes it",
                      name);
        return HB_OK;
    }
    recovery->stage_count = 0;
    memset(recovery->stages, 0, sizeof recovery->stages);
    if (hb_stage_adopt(recovery->run->home.path, name, &recovery->stage) != HB_OK)
        return HB_OK; /* a run holds it */
    return recover_stage(recovery);
}

int hb_recover(struct hb_run *run, const struct hb_chain *contents, bool only_tell,
               struct hb_error *error)
{
    struct recovery *recovery = hb_alloc(sizeof *recovery);
    *recovery = (struct recovery){.run = run, .contents = contents, .error = error};
    int fd = openat(run->home.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = HB_OK;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL && fd >= 0)
        close(fd);
    for (struct dirent *entry;
         directory != NULL && status == HB_OK && (entry = readdir(directory)) != NULL;)
        if (hb_stage_is_name(entry->d_name))
            status = look_at(recovery, entry->d_name, only_tell);
    if (directory != NULL)
        closedir(directory);
    free(recovery);
    return status;
}
