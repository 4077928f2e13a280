/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan from a list.
 *
 * The list is the user's own, a few files that matter most, and that makes it differ from a walk
 * (walk.c) in three ways. Filters are not asked: whoever lists a file wants it. Links are followed,
 * also out of the home, and what they lead to is stored under the listed name; only directories
 * that are reached by a link below a listed one are not entered, so that the plan always ends. And
 * what is listed and missing is not a finding, because a list names what a home may have.
 *
 * Everything else is as in a walk. Content plugins say whose a file is, and what belongs to a file
 * beside it is left out. Keys and the id of the home are never stored. What is there and cannot be
 * stored is named, and makes the run incomplete: a pipe, a device, a link to nothing, a directory
 * that cannot be listed.
 *
 *     listed path --> look --> missing                 nothing
 *                       |----> directory               its names, sorted, are looked at next
 *                       |----> file --> ours           nothing
 *                       |          `--> belongs to another --> "left out"
 *                       |          `--> whose?  unknown ----> "skipped", never copied raw
 *                       |                       else           --> a row of the plan
 *                       `----> anything else           "skipped"
 *
 * Rows stand in the order of the list, each path once. They name whole paths, and have no
 * directories above them: the reader follows the links of each by itself (files/listed.h).
 */
#include "backup/plan_listed.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/path_table.h"
#include "files/anywhere.h"
#include "files/home_id.h"
#include "files/listed.h"
#include "files/listing.h"
#include "files/state_key.h"
#include "host/content.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct walk {
    const struct hb_plan_listed_request *request;
    struct hb_run *run;
    struct hb_plan *plan;
    struct hb_path_table known; /* rows of the plan by their path */
    struct hb_state_key key;
    const char *path; /* that is being looked at */
    char **pending;   /* paths to be looked at; the last is the next */
    size_t pending_count;
};

static void skipped(const struct walk *walk, const char *path, const char *why)
{
    hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, path, "%s", why);
}

static void push(struct walk *walk, char *path)
{
    walk->pending = hb_resize(walk->pending, walk->pending_count + 1, sizeof *walk->pending);
    walk->pending[walk->pending_count++] = path;
}

/* ---- one file ------------------------------------------------------------------------------ */

/* The one that is being looked at. */
static int open_listed(void *context)
{
    const struct walk *walk = context;
    return hb_listed_open(&walk->run->home, walk->path, O_NONBLOCK);
}

/* Does a link lead to a key, perhaps out of the home? Keys are small, and nobody else can read
 * them. */
static bool leads_to_key(struct walk *walk, const struct stat *status)
{
    if (status->st_size != HB_KEY_BYTES || (status->st_mode & 077) != 0)
        return false;
    HB_AUTO_CLOSE int fd = open_listed(walk);
    HB_AUTO_FREE char *real = fd < 0 ? NULL : hb_path_of(fd);
    return real != NULL && hb_state_key_is_at("", real);
}

/* What tells which home this is, keys and histories of installations belong to no copy. */
static bool is_own(struct walk *walk, const char *path, const struct stat *status)
{
    const struct hb_state_key *key = &walk->key;
    return hb_home_id_is_name(hb_base_name(path)) ||
           (key->exists && key->device == status->st_dev && key->inode == status->st_ino) ||
           hb_state_history_is_at(walk->run->home.path, path) ||
           hb_state_key_is_at(walk->run->home.path, path) || leads_to_key(walk, status);
}

/* Is it there, and claimed by that plugin? */
static bool claims_neighbour(void *context, size_t content, const struct hb_entry *owner)
{
    const struct walk *walk = context;
    struct hb_claim claim = {0};
    struct stat status;
    hb_claim_ask(walk->request->contents, owner, &claim);
    return (claim.by_name >> content & 1) != 0 &&
           hb_listed_look(&walk->run->home, owner->path, 0, &status) == 0 &&
           S_ISREG(status.st_mode);
}

static const char *path_of(const void *rows, size_t row, size_t *bytes)
{
    const struct hb_plan *plan = rows;
    struct hb_planned planned = hb_plan_entry(plan, row);
    *bytes = planned.name_bytes;
    return plan->names + planned.name;
}

static void add(struct walk *walk, const struct hb_entry *entry, uint8_t content)
{
    struct hb_plan *plan = walk->plan;
    struct hb_plan_common common = {entry->uid, entry->gid, (uint16_t)entry->mode, content};
    struct hb_planned planned = {
        .common = hb_intern(&plan->commons, &common, sizeof common),
        .parent = UINT32_MAX,
        .name_bytes = (uint32_t)entry->path_bytes,
        .bytes = entry->bytes,
        .mtime_seconds = entry->mtime.tv_sec,
        .mtime_nanoseconds = (uint32_t)entry->mtime.tv_nsec,
        .type = HB_TYPE_FILE,
    };
    hb_plan_add(plan, &planned, entry->path);
    hb_path_table_put(&walk->known, plan->count - 1, path_of, plan);
    plan->files++;
    plan->bytes += entry->bytes;
}

static void take_file(struct walk *walk, const char *path, const struct stat *status)
{
    const struct hb_chain *contents = walk->request->contents;
    const struct hb_instance *content;
    struct hb_claim claim = {0};
    struct hb_entry entry = hb_file_entry(path, status);
    if (is_own(walk, path, status) ||
        hb_path_table_find(&walk->known, path, entry.path_bytes, path_of, walk->plan) != SIZE_MAX)
        return;
    if (hb_is_sidecar(contents, &entry, claims_neighbour, walk)) {
        hb_report_add(&walk->run->report, HB_FOUND_LEFT_OUT, path, "part of the file beside it");
        return;
    }
    int told = hb_claim_settle(contents, &entry, &claim, open_listed, walk, &content);
    if (told == 0)
        add(walk, &entry, claim.number);
    else if (told != -ENOENT)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, path, "cannot be read: %s",
                      hb_rights_explain(-told));
}

/* ---- the list ------------------------------------------------------------------------------ */

/* Puts what is in it before all that is pending. */
static void enter(struct walk *walk, const char *path)
{
    struct hb_listing listing = {0};
    HB_AUTO_CLOSE int fd = hb_listed_open_directory(&walk->run->home, path);
    int result = fd < 0 ? fd : hb_listing_read(fd, &listing);
    if (result != 0)
        skipped(walk, path, hb_rights_explain(-result));
    for (size_t i = listing.count; i-- > 0;)
        push(walk, hb_text("%s/%s", path, listing.names[i]));
    hb_listing_free(&listing);
}

static bool is_left_out(const struct walk *walk, const char *name)
{
    const char *const *without = walk->request->without;
    for (; *without != NULL; without++)
        if (strcmp(*without, name) == 0)
            return true;
    return hb_stage_is_name(name);
}

static bool is_missing(int result)
{
    return result == -ENOENT || result == -ENOTDIR;
}

/* `below`: it is not listed itself, but lies below a directory that is. */
static void take(struct walk *walk, const char *path, bool below)
{
    const struct hb_root *home = &walk->run->home;
    struct stat status;
    walk->path = path;
    int result = hb_listed_look(home, path, HB_KEEP_LAST, &status);
    bool is_link = result == 0 && S_ISLNK(status.st_mode);
    if (is_link)
        result = hb_listed_look(home, path, 0, &status);
    if (is_missing(result) && !is_link)
        return;
    if (is_missing(result))
        skipped(walk, path, "is a symbolic link to something that does not exist");
    else if (result != 0)
        skipped(walk, path, hb_rights_explain(-result));
    else if (S_ISREG(status.st_mode))
        take_file(walk, path, &status);
    else if (!S_ISDIR(status.st_mode))
        skipped(walk, path, "is a socket, pipe or device");
    else if (!below || !(is_link || is_left_out(walk, hb_base_name(path))))
        enter(walk, path);
}

/* By its own words; where links lead is another thing. It could not be copied to the same path. */
static bool leads_outside(const char *path)
{
    bool outside = *path == '/';
    for (const char *part = path; part != NULL && !outside; part = strchr(part, '/')) {
        part += *part == '/';
        outside = strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0');
    }
    return outside;
}

int hb_plan_listed(const struct hb_plan_listed_request *request, struct hb_plan *plan,
                   struct hb_error *error)
{
    struct walk walk = {.request = request, .run = request->run, .plan = plan};
    *plan = (struct hb_plan){.latest = INT64_MAX, .listed = true};
    hb_state_key_find(false, &walk.key);
    for (const char *const *listed = request->paths; *listed != NULL; listed++) {
        size_t bytes = strlen(*listed);
        while (bytes > 1 && (*listed)[bytes - 1] == '/')
            bytes--;
        HB_AUTO_FREE char *path = hb_copy_bytes(*listed, bytes);
        if (leads_outside(path))
            skipped(&walk, path, "leads outside the home");
        else
            take(&walk, path, false);
        while (walk.pending_count > 0 && !hb_run_cancelled(walk.run)) {
            HB_AUTO_FREE char *below = walk.pending[--walk.pending_count];
            take(&walk, below, true);
        }
    }
    bool cancelled = hb_run_cancelled(walk.run);
    while (walk.pending_count > 0)
        free(walk.pending[--walk.pending_count]);
    free(walk.pending);
    hb_path_table_clear(&walk.known);
    hb_state_key_clear(&walk.key);
    return cancelled ? hb_error_set(error, HB_STATUS_CANCELLED, "interrupted") : HB_OK;
}
