/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/walk_rules.h"

#include "backup/preset_row.h"
#include "backup/walk_claims.h"
#include "base/memory.h"
#include "config/settings.h"
#include "files/state_key.h"
#include "host/filter.h"
#include "host/format.h"
#include "host/own_places.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A reason not to store an entry, whatever filters say. True: it applies, and was reported. */
typedef bool rule(struct hb_walk *walk, const struct hb_seen *seen);

/* ---- what is never stored ------------------------------------------------------------------ */

/* What fsck puts beside the root of a file system, and nobody else can look into. */
static bool is_the_file_systems(struct hb_walk *walk, const struct hb_seen *seen)
{
    struct statx directory;
    struct stat above, here;
    int fd = walk->level->fd;
    if (strcmp(seen->name, "lost+found") != 0 || !S_ISDIR(seen->status.st_mode) ||
        seen->status.st_uid != 0)
        return false;
    bool root_of_mount = statx(fd, "", AT_EMPTY_PATH, STATX_INO, &directory) == 0 &&
                         (directory.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    if (!root_of_mount &&
        (fstat(fd, &here) != 0 || fstatat(fd, "..", &above, AT_SYMLINK_NOFOLLOW) != 0 ||
         here.st_dev == above.st_dev))
        return false;
    hb_report_add(&walk->run->report, HB_FOUND_EXCLUDED, walk->path, "belongs to the file system");
    return true;
}

/* By the caller, who knows why: nothing is reported. */
static bool is_excluded(struct hb_walk *walk, const struct hb_seen *seen)
{
    for (size_t i = 0; i < walk->request->excluded_count; i++)
        if (walk->request->excluded[i].device == seen->status.st_dev &&
            walk->request->excluded[i].inode == seen->status.st_ino)
            return true;
    return false;
}

/*
 * The file that tells which home this is belongs to this place alone. Where something else bears
 * its name, that is not stored either, for it could not be restored: which is more than a note.
 */
static bool is_home_id(struct hb_walk *walk, const struct hb_seen *seen)
{
    bool on_top = walk->level->path_bytes == 0;
    if (!hb_home_id_is_name(seen->name))
        return false;
    if (!S_ISREG(seen->status.st_mode) || (on_top && walk->request->id->foreign))
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                      "has the name of the file that identifies a home; rename it");
    else if (!on_top)
        hb_report_add(&walk->run->report, HB_FOUND_LEFT_OUT, walk->path,
                      "identifies a home, and is never stored");
    return true;
}

/*
 * Usually another user's: the key of the running installation is in the caller's list. The history
 * of find can be made again, and names what is in archives of other homes.
 */
static bool is_of_installation(struct hb_walk *walk, const struct hb_seen *seen)
{
    const char *home = walk->run->home.path;
    if (!S_ISREG(seen->status.st_mode))
        return false;
    bool key = hb_state_key_is_at(home, walk->path);
    if (!key && !hb_state_history_is_at(home, walk->path))
        return false;
    hb_report_add(&walk->run->report, HB_FOUND_LEFT_OUT, walk->path,
                  key ? "is the key of an installation, and is never stored"
                      : "is a history that find keeps, and is never stored");
    return true;
}

/* What stands beside such an archive (archive/facts.h) goes with it, and is told of with it. */
static bool is_own_facts(struct hb_walk *walk, const struct hb_seen *seen)
{
    const struct hb_own_places *own = hb_own_places_of(walk->run, walk->run->home.path);
    size_t suffix = strlen(seen->name) - hb_facts_stem(seen->name);
    if (!S_ISREG(seen->status.st_mode) || suffix == strlen(seen->name) ||
        !hb_own_archive(own, walk->path, walk->level->path_bytes))
        return false;
    HB_AUTO_FREE char *archive = hb_full_path(&walk->run->home, walk->path);
    archive[strlen(archive) - suffix] = '\0';
    enum hb_own_archive own_archive = hb_preset_is_ours(walk->run, walk->request->id, archive);
    return own_archive != HB_OWN_NOT && own_archive != HB_OWN_SHUT;
}

/*
 * An archive of this home in this home: each would hold all before it. Where a preset puts its own,
 * it is one as it is for prune; elsewhere, made with -o, only if its trailer names this home. A
 * note tells of each that nobody would expect: somebody may have put it there to be kept. One that
 * is another home's, or of which nothing can be told now, is a file like others; so is what only
 * has the name of an archive. A sealed one, for which no key is here, is told of by its facts.
 */
static bool is_own_archive(struct hb_walk *walk, const struct hb_seen *seen)
{
    const struct hb_own_places *own = hb_own_places_of(walk->run, walk->run->home.path);
    if (!S_ISREG(seen->status.st_mode) ||
        hb_format_stem((const char *const *)own->suffixes, seen->name) == 0)
        return false;
    HB_AUTO_FREE char *path = hb_full_path(&walk->run->home, walk->path);
    bool of_preset = hb_own_archive(own, walk->path, walk->level->path_bytes);
    enum hb_own_archive own_archive = hb_preset_is_ours(walk->run, walk->request->id, path);
    if (own_archive == HB_OWN_SHUT) {
        hb_report_add(&walk->run->report, HB_FOUND_NOTE, walk->path,
                      "is sealed, and cannot be opened here: it is stored as any file, also if it "
                      "is an archive of this home; let archives lie outside the home, or make "
                      "them by a preset");
        return false;
    }
    if (own_archive == HB_OWN_NOT || (own_archive == HB_OWN_BY_PLACE && !of_preset))
        return false;
    hb_report_add(&walk->run->report, HB_FOUND_LEFT_OUT, walk->path, "is an archive of this home");
    if (!of_preset || own_archive == HB_OWN_BY_PLACE)
        hb_report_add(&walk->run->report, HB_FOUND_NOTE, walk->path,
                      "counts as an archive of this home, and archives are not stored in the next "
                      "one; to keep it, copy it to a place outside the home");
    return true;
}

/* ---- what has no place in the archive, though the filters keep it -------------------------- */

/* Does a link that leads out of the home lead to something? Also if that is unknown. */
static bool leads_somewhere(int fd, const char *name)
{
    struct stat status;
    return fstatat(fd, name, &status, 0) == 0 ||
           (errno != ENOENT && errno != ENOTDIR && errno != ELOOP);
}

/*
 * What a link leads to inside the home is stored at its own place; what lies outside is missing in
 * the archive, and that is more than a note. So is what may lie outside.
 */
static bool is_unwanted_link(struct hb_walk *walk, const struct hb_seen *seen)
{
    struct hb_place place;
    char target[PATH_MAX];
    if (seen->entry.type != HB_TYPE_SYMLINK || walk->request->store_links)
        return false;
    int result = hb_beneath_resolve(&walk->run->home, walk->path, 0, &place, NULL);
    bool outside = result == -EXDEV && leads_somewhere(walk->level->fd, seen->name);
    bool unknown = result < 0 && result != -EXDEV && result != -ENOENT && result != -ENOTDIR &&
                   result != -ELOOP;
    hb_place_clear(&place);
    ssize_t bytes = readlinkat(walk->level->fd, seen->name, target, sizeof target - 1);
    target[bytes < 0 ? 0 : bytes] = '\0';
    if (outside)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                      "symbolic link to %s, which lies outside the home and is not stored", target);
    else if (unknown)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                      "symbolic link to %s: cannot tell whether that lies in the home: %s", target,
                      hb_rights_explain(-result));
    else
        hb_report_add(&walk->run->report, HB_FOUND_LINK, walk->path, "symbolic link to %s", target);
    return true;
}

static bool is_special(struct hb_walk *walk, const struct hb_seen *seen)
{
    if (seen->entry.type != HB_TYPE_SPECIAL)
        return false;
    hb_report_add(&walk->run->report, HB_FOUND_SPECIAL, walk->path, "socket, pipe or device");
    return true;
}

static bool is_sidecar(struct hb_walk *walk, const struct hb_seen *seen)
{
    if (seen->entry.type != HB_TYPE_FILE || !hb_walk_is_sidecar(walk, seen))
        return false;
    hb_report_add(&walk->run->report, HB_FOUND_LEFT_OUT, walk->path, "part of the file beside it");
    return true;
}

/* ---- the verdict --------------------------------------------------------------------------- */

/*
 * A path that is too long for the format is not stored, and each is named; what lies deeper than
 * an import goes by default is stored, with a warning.
 */
static bool fits(struct hb_walk *walk, const struct hb_entry *entry)
{
    struct hb_report *report = &walk->run->report;
    size_t components = 1, most = (size_t)walk->request->keeps->path_most;
    if (entry->path_bytes + (entry->type == HB_TYPE_DIRECTORY ? 1 : 0) > most) {
        hb_report_add(report, HB_FOUND_SKIPPED, walk->path,
                      "its path is longer than %zu bytes, which no archive %scan hold", most,
                      most == HB_LONGEST_KEPT_PATH ? "" : "of this format ");
        return false;
    }
    if (entry->path_bytes / 2 < HB_IMPORTED_DEPTH)
        return true;
    for (const char *at = walk->path; (at = strchr(at, '/')) != NULL; at++)
        components++;
    if (components == HB_IMPORTED_DEPTH + 1)
        hb_report_add(report, HB_FOUND_DOUBTFUL, walk->path,
                      "lies below %u directories or more: an import refuses it and everything "
                      "below it, unless import.max-depth is larger",
                      (unsigned)HB_IMPORTED_DEPTH);
    return true;
}

/* Asks the filters; the first that does not keep decides. The mode may be tightened. */
static int ask_filters(struct hb_walk *walk, struct hb_seen *seen, struct hb_verdict *verdict)
{
    for (size_t i = 0; i < walk->request->filters->count; i++) {
        const struct hb_instance *instance = walk->request->filters->instances[i];
        int status = hb_ask_filter(walk->run, instance, HB_DIRECTION_BACKUP, &seen->entry, verdict,
                                   walk->error);
        if (status != HB_OK)
            return status;
        if (verdict->kind != HB_VERDICT_KEEP)
            return HB_OK;
        if (verdict->flags & HB_VERDICT_MODE) {
            seen->mode = verdict->mode & 0777 & (seen->mode | 0700);
            seen->mode_fixed = true;
        }
    }
    return HB_OK;
}

/*
 * Has the user not chosen it? What is not included is only counted: it may be all of a large home.
 * A directory that is not included is looked into, for what is.
 */
static bool is_unwanted(struct hb_walk *walk, const struct hb_seen *seen, unsigned why)
{
    struct hb_report *report = &walk->run->report;
    bool directory = seen->entry.type == HB_TYPE_DIRECTORY;
    if (walk->request->choice != NULL)
        hb_choice_count(walk->request->choice, &seen->entry, why);
    if (why == 0 || (directory && why == HB_NOT_INCLUDED))
        return false;
    if (why & HB_EXCLUDED)
        hb_report_add(report, directory ? HB_FOUND_EXCLUDED : HB_FOUND_LEFT_OUT, walk->path,
                      "excluded by --exclude");
    else if (why == HB_TOO_LARGE)
        hb_report_add(report, HB_FOUND_LEFT_OUT, walk->path, "larger than %s",
                      walk->request->choice->larger_than_text);
    return true;
}

static bool any_holds(rule *const *rules, size_t count, struct hb_walk *walk,
                      const struct hb_seen *seen)
{
    for (size_t i = 0; i < count; i++)
        if (rules[i](walk, seen))
            return true;
    return false;
}

/*
 * In this order: filters see neither what is never stored, nor a name that no archive can hold, nor
 * what nobody wants.
 */
int hb_walk_decide(struct hb_walk *walk, struct hb_seen *seen, enum hb_decision *decision)
{
    static rule *const never[] = {is_the_file_systems, is_excluded,    is_home_id,
                                  is_of_installation,  is_own_archive, is_own_facts};
    static rule *const without_place[] = {is_unwanted_link, is_special, is_sidecar};
    bool directory = seen->entry.type == HB_TYPE_DIRECTORY;
    struct hb_verdict verdict = {.size = sizeof verdict};
    *decision = HB_PASS_OVER;
    if (any_holds(never, sizeof never / sizeof *never, walk, seen))
        return HB_OK;
    bool fitting = fits(walk, &seen->entry);
    if (!fitting && !directory) /* what is in a directory is named, too */
        return HB_OK;
    unsigned why =
        walk->request->choice == NULL ? 0 : hb_choice_ask(walk->request->choice, &seen->entry);
    if (is_unwanted(walk, seen, why))
        return HB_OK;
    int status = ask_filters(walk, seen, &verdict);
    if (status == HB_STATUS_ENTRY) /* nor is a directory walked of which nobody can tell */
        return HB_OK;
    if (status != HB_OK)
        return status;
    if (verdict.kind != HB_VERDICT_KEEP) {
        bool pruned = directory && verdict.kind == HB_VERDICT_PRUNE;
        hb_report_add(&walk->run->report, pruned ? HB_FOUND_EXCLUDED : HB_FOUND_LEFT_OUT,
                      walk->path, "%s", verdict.reason);
        if (hb_walk_is_orphan(walk, seen))
            hb_report_add(&walk->run->report, HB_FOUND_NOTE, walk->path,
                          "is left out by a rule, and the file that it is a part of is not there: "
                          "what it holds is not in the archive");
        *decision = directory && !pruned ? HB_ENTER : HB_PASS_OVER;
    } else if (!any_holds(without_place, sizeof without_place / sizeof *without_place, walk,
                          seen)) {
        *decision = !fitting ? HB_ENTER : why != 0 ? HB_ENTER_ON_THE_WAY : HB_STORE;
    }
    return HB_OK;
}
