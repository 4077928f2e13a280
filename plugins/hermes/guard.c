/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Updates were seen to leave the file of jobs valid but empty. The guard compares it with the one
 * in an earlier snapshot, and puts that one back only if jobs are lost beyond doubt. A file that
 * cannot be read stays as it is, so that somebody sees it.
 */
#include "guard.h"

#include "home.h"
#include "jobs.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct comparison {
    const struct hermes *hermes;
    const char *snapshot; /* below the home, and so is: */
    bool dry_run;
    char *snapshot_file;
    struct jobs live, saved;
    bool lost;
};

/* ---- saying so ----------------------------------------------------------------------- */

static json_t *json_count(const struct jobs *jobs)
{
    return jobs->is_known ? json_integer((json_int_t)jobs->count) : json_null();
}

/* "3 jobs", or why that is not known. */
static void describe(const struct jobs *jobs, char *text, size_t bytes)
{
    if (jobs->is_known)
        snprintf(text, bytes, "%zu job%s", jobs->count, jobs->count == 1 ? "" : "s");
    else
        snprintf(text, bytes, "unknown (it %s)", jobs->reason);
}

static void tell(const struct comparison *comparison)
{
    const struct hermes *hermes = comparison->hermes;
    const struct hb_host *host = hermes->host;
    char live[300], saved[300];
    describe(&comparison->live, live, sizeof live);
    describe(&comparison->saved, saved, sizeof saved);
    bool restored = comparison->lost && !comparison->dry_run;
    host->summary(host, "%s: now %s; in the snapshot %s", hermes->jobs_file, live, saved);
    if (comparison->lost)
        host->summary(host, "%s %zu job%s from %s.", restored ? "Put back" : "Would put back",
                      comparison->saved.count, comparison->saved.count == 1 ? "" : "s",
                      comparison->snapshot);
    else
        host->summary(host, "Nothing was done.");
    hermes_member(host, "file", json_string(hermes->jobs_file));
    hermes_member(host, "live_jobs", json_count(&comparison->live));
    hermes_member(host, "snapshot_jobs", json_count(&comparison->saved));
    hermes_member(host, "restored", json_boolean(restored));
    hermes_member(host, "job_count",
                  json_integer(restored ? (json_int_t)comparison->saved.count : (json_int_t)0));
    if (!comparison->live.is_known)
        hermes_member(host, "reason", json_string(comparison->live.reason));
    else if (!comparison->saved.is_known)
        hermes_member(host, "reason", json_string(comparison->saved.reason));
}

/* ---- putting it back ----------------------------------------------------------------- */

/* Has nobody written to the file since it was read? */
static bool is_as_read(const struct hermes *hermes, const struct stat *read)
{
    struct stat now;
    HERMES_AUTO_CLOSE int fd = hermes_open(hermes->host, hermes->jobs_file, O_RDONLY | O_NONBLOCK);
    return fd >= 0 && fstat(fd, &now) == 0 && now.st_dev == read->st_dev &&
           now.st_ino == read->st_ino && now.st_size == read->st_size &&
           now.st_mtim.tv_sec == read->st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == read->st_mtim.tv_nsec;
}

static int fill(const struct comparison *comparison, const struct hb_file *file)
{
    const struct hb_host *host = comparison->hermes->host;
    const struct stat *live = &comparison->live.status;
    struct stat made;
    for (size_t done = 0; done < comparison->saved.bytes;) {
        ssize_t written =
            write(file->fd, comparison->saved.text + done, comparison->saved.bytes - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return host->fail(host, HB_STATUS_ENTRY, "%s: cannot be put back: %s",
                              comparison->hermes->jobs_file, strerror(errno));
        done += (size_t)written;
    }
    /*
     * With sudo it stays the user's. If a file of root's lies there, the new one belongs to the
     * user with whose rights it was made: root is not given a file that this user can write to.
     */
    if (live->st_uid != 0 && fstat(file->fd, &made) == 0 &&
        (made.st_uid != live->st_uid || made.st_gid != live->st_gid) &&
        fchown(file->fd, live->st_uid, live->st_gid) != 0 && geteuid() == 0)
        return host->fail(host, HB_STATUS_ENTRY, "%s: cannot be given to its owner: %s",
                          comparison->hermes->jobs_file, strerror(errno));
    return HB_OK;
}

static int put_back(const struct comparison *comparison)
{
    const struct hb_host *host = comparison->hermes->host;
    const char *path = comparison->hermes->jobs_file;
    /* The mode of the snapshot's file, but open to nobody who could not open the live one. */
    uint32_t mode =
        comparison->saved.status.st_mode & (comparison->live.status.st_mode | 0700) & 0777;
    struct hb_file file;
    int status = host->stage_file(host, "jobs", &file);
    if (status != HB_OK)
        return status;
    status = fill(comparison, &file);
    if (status == HB_OK && !is_as_read(comparison->hermes, &comparison->live.status))
        status = host->fail(host, HB_STATUS_ENTRY,
                            "%s: another program is writing to it; nothing was "
                            "done",
                            path);
    if (status == HB_OK)
        status = host->publish(host, &file, path, mode);
    if (status != HB_OK)
        host->stage_release(host, &file);
    return status;
}

static bool are_lost(const struct comparison *comparison)
{
    const struct jobs *live = &comparison->live, *saved = &comparison->saved;
    if (!live->is_known || !saved->is_known || saved->count == 0)
        return false;
    return comparison->hermes->when_fewer ? live->count < saved->count : live->count == 0;
}

static int compare(struct comparison *comparison)
{
    const struct hermes *hermes = comparison->hermes;
    const struct hb_host *host = hermes->host;
    jobs_read(hermes, comparison->snapshot_file, &comparison->saved);
    if (comparison->saved.is_outside)
        return host->fail(host, HB_STATUS_ENTRY, "%s: refused, because it leads outside the home",
                          comparison->snapshot_file);
    jobs_read(hermes, hermes->jobs_file, &comparison->live);
    comparison->lost = are_lost(comparison);
    int status = HB_OK;
    if (comparison->lost && !comparison->dry_run)
        status = put_back(comparison);
    if (status == HB_OK)
        tell(comparison);
    return status;
}

int hermes_guard(const struct hermes *hermes, const struct hb_invocation *invocation)
{
    const struct hb_host *host = hermes->host;
    struct comparison comparison = {.hermes = hermes,
                                    .snapshot = invocation->operands[0],
                                    .dry_run = invocation->event->dry_run != 0};
    comparison.snapshot_file = hermes_format("%s/%s", comparison.snapshot, hermes->jobs_file);
    if (comparison.snapshot_file == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    int status = compare(&comparison);
    jobs_clear(&comparison.live);
    jobs_clear(&comparison.saved);
    free(comparison.snapshot_file);
    return status;
}
