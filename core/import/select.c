/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passes over an archive's catalog, in their order. A pass leaves alone what one before it has
 * decided, so that the report gives the first reason that is found.
 *
 *   1. find_marker        Is it a backup of such a home at all? Asked of the names as the archive
 *                         has them, before anything is reported: a wrong archive gives one sentence
 *                         and not ten thousand.
 *   2. drop_impossible    Paths that could leave the home, and types that are not restored. Also
 *                         takes "./" off the front, so that all passes after it see plain paths.
 *   3. find_wrapper,      The one directory around everything. After 2: "./x" has to count as "x".
 *      strip_wrapper      From here on paths are those below the home, which filters, patterns and
 *                         content plugins go by.
 *   4. drop_sidecars      Logs beside a database. It needs the final paths, and comes before the
 *                         filters and the patterns: no pattern makes a log harmless. That of a
 *                         database that is excluded is excluded with it.
 *   5. leave_unwanted     What the user did not choose. Before the filters, which need not be asked
 *                         about, nor speak of, what nobody wants. Who leaves out what was refused
 *                         knows of it: what is left of that is reported now (report_refused).
 *      drop_of_roots      What belongs to a further root of the home that is not there, by name.
 *   6. decide             The filters, and this program's own places; then the path is taken,
 *                         and the last member with it counts. What a filter keeps back takes none.
 *                         What cannot be decoded, or made on any file system, is dropped then.
 *   7. hb_settle_links    Hard links: whose data (settle_links.h)? All paths are taken by then.
 *      leave_large        What is larger than the user wants; of a link its data counts.
 *   8. hb_conflicts_settle  A file where other members need a directory (conflicts.h).
 *   9. count              What the user is asked about.
 *  10. apply_choice       Is anything left? Then the directories on the way to it, which no pattern
 *                         named, get their modes and times as well.
 */
#include "import/select.h"

#include "archive/hard_links.h"
#include "base/memory.h"
#include "base/path.h"
#include "files/beneath.h"
#include "files/stage.h"
#include "host/filter.h"
#include "host/own_places.h"
#include "host/roots.h"
#include "import/conflicts.h"
#include "import/settle_links.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

static bool is_in(const char *const *list, const char *word)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

/* Why each row was refused, until that is reported; NULL: none was. */
typedef const char *refusal;

static void refuse(struct hb_restore_plan *plan, refusal **refusals, size_t index, refusal why)
{
    if (*refusals == NULL)
        *refusals = hb_alloc((plan->count + 1) * sizeof **refusals);
    (*refusals)[index] = why;
    plan->rows[index].action = HB_DROPPED;
}

/* Paths that cannot be, and types that are not restored. */
static void drop_impossible(const struct hb_config *config, struct hb_restore_plan *plan,
                            refusal **refusals)
{
    size_t depth = (size_t)hb_config_import(config)->max_depth;
    bool links = hb_config_import(config)->restore_links;
    for (size_t i = 0; i < plan->count; i++) {
        struct hb_restore_row *row = &plan->rows[i];
        uint8_t type = plan->catalog->members[i].type;
        const char *path = hb_planned_path(plan, i);
        size_t skip;
        const char *problem = hb_path_problem(path, depth, &skip);
        if (problem != NULL && type == HB_TYPE_DIRECTORY && hb_path_is_root(path)) {
            row->action = HB_REPLACED; /* the archive's own root: nothing to do */
            continue;
        }
        row->skip = (row->skip + (uint32_t)skip) & 0xffffff;
        if (problem == NULL && hb_stage_on_path(path))
            problem = "has the name of a staging directory";
        if (problem == NULL && type == HB_TYPE_SPECIAL)
            problem = "is a device, pipe or socket";
        if (problem == NULL && type == HB_TYPE_SYMLINK && !links)
            problem = "is a symbolic link";
        if (problem != NULL)
            refuse(plan, refusals, i, problem);
    }
}

/* Of what the user leaves out nothing is said. */
static void report_refused(struct hb_report *report, const struct hb_restore_plan *plan,
                           const refusal *refusals)
{
    for (size_t i = 0; refusals != NULL && i < plan->count; i++)
        if (refusals[i] != NULL && plan->rows[i].action == HB_DROPPED)
            hb_report_add(report, HB_FOUND_SKIPPED, hb_planned_path(plan, i), "refused: %s",
                          refusals[i]);
}

/* The one directory around every file, if it has one of the names in import.wrappers. */
static char *find_wrapper(const struct hb_config *config, const struct hb_restore_plan *plan)
{
    const char *const *names = hb_config_import(config)->wrappers;
    char *wrapper = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->catalog->members[i].type == HB_TYPE_DIRECTORY)
            continue;
        const char *path = hb_planned_path(plan, i);
        const char *slash = strchr(path, '/');
        if (slash == NULL || (wrapper != NULL && (strncmp(path, wrapper, strlen(wrapper)) != 0 ||
                                                  path[strlen(wrapper)] != '/'))) {
            free(wrapper);
            return NULL;
        }
        if (wrapper != NULL)
            continue;
        wrapper = hb_copy_bytes(path, (size_t)(slash - path));
        if (!is_in(names, wrapper)) {
            free(wrapper);
            return NULL;
        }
    }
    return wrapper;
}

static void strip_wrapper(struct hb_restore_plan *plan)
{
    size_t bytes = strlen(plan->wrapper);
    for (size_t i = 0; i < plan->count; i++) {
        const char *path = hb_planned_path(plan, i);
        if (strncmp(path, plan->wrapper, bytes) != 0)
            continue;
        if (path[bytes] == '\0')
            plan->rows[i].action = HB_REPLACED; /* the directory itself is the home now */
        else if (path[bytes] == '/')
            plan->rows[i].skip = (plan->rows[i].skip + (uint32_t)bytes + 1) & 0xffffff;
    }
}

/*
 * A sidecar (a database's log) laid beside a live file would be taken for its own and destroy it.
 * What was in it is not restored, which is more than a note. Nor is it made part of the file that
 * came with it: nothing tells whether both were copied at one moment.
 */
static void drop_sidecars(struct hb_restore_plan *plan, refusal **refusals)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->rows[i].action == HB_UNDECIDED &&
            plan->catalog->members[i].type != HB_TYPE_DIRECTORY &&
            hb_claims_sidecar(&plan->claims, i))
            refuse(plan, refusals, i,
                   "belongs to the file beside it, and would damage the one in the home; data that "
                   "is only in it is not restored");
}

static int ask_each(struct hb_run *run, const struct hb_chain *filters,
                    struct hb_restore_plan *plan, size_t index, const struct hb_entry *entry,
                    struct hb_verdict *verdict, struct hb_error *error)
{
    *verdict = (struct hb_verdict){.size = sizeof *verdict};
    for (size_t i = 0; i < filters->count; i++) {
        const struct hb_instance *instance = filters->instances[i];
        int status = hb_ask_filter(run, instance, HB_DIRECTION_IMPORT, entry, verdict, error);
        if (status != HB_OK)
            return status;
        if (verdict->kind != HB_VERDICT_KEEP)
            return HB_OK;
        if (verdict->flags & HB_VERDICT_MODE)
            plan->rows[index].mode = (uint16_t)(verdict->mode & 0777);
    }
    return HB_OK;
}

static int ask_filters(struct hb_run *run, const struct hb_chain *filters,
                       struct hb_restore_plan *plan, size_t index, struct hb_verdict *verdict,
                       struct hb_error *error)
{
    struct hb_entry entry;
    hb_planned_entry(plan, index, &entry);
    return ask_each(run, filters, plan, index, &entry, verdict, error);
}

/* What belongs to a file that is excluded is excluded with it: HB_EXCLUDED, or 0. */
static unsigned ask_of_owner(struct hb_restore_plan *plan, size_t index, struct hb_choice *choice)
{
    HB_AUTO_FREE char *owner = hb_claims_owner(&plan->claims, index);
    if (owner == NULL)
        return 0;
    const struct hb_entry entry = {
        .size = sizeof entry, .type = HB_TYPE_FILE, .path = owner, .path_bytes = strlen(owner)};
    return hb_choice_ask(choice, &entry) & HB_EXCLUDED;
}

/* Of what was refused as well: whoever excludes it is not told, and a pattern for it is no slip. */
static void leave_unwanted(struct hb_restore_plan *plan, struct hb_choice *choice,
                           const uint32_t *from)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct hb_catalog_member *member = &plan->catalog->members[i];
        struct hb_restore_row *row = &plan->rows[i];
        struct hb_entry entry;
        bool refused = row->action == HB_DROPPED;
        if (row->action != HB_UNDECIDED && !refused)
            continue;
        hb_planned_entry(plan, i, &entry);
        bool is_file = hb_hard_links_is_file(plan->catalog, from, i, NULL);
        if (entry.type == HB_TYPE_HARDLINK) /* it counts as what it is restored as */
            entry.type = is_file ? HB_TYPE_FILE : HB_TYPE_SPECIAL;
        unsigned why = hb_choice_ask(choice, &entry) & ~(unsigned)HB_TOO_LARGE;
        if (!refused)
            hb_choice_count(choice, &entry, why);
        else if (why == 0)
            why = ask_of_owner(plan, i, choice);
        if (why == 0)
            continue;
        row->action = HB_UNWANTED;
        row->not_included = (why & HB_NOT_INCLUDED) != 0;
        plan->unwanted += is_file;
        if (member->type == HB_TYPE_DIRECTORY && !refused)
            hb_planned_enter(plan, i); /* for take_parents() */
    }
}

/*
 * Sizes come when links are settled: one to what is too large is as large. Its data may have been
 * kept for the links alone, whatever became of its own name.
 */
static void leave_large(struct hb_restore_plan *plan, struct hb_choice *choice)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct hb_restore_row *row = &plan->rows[i];
        struct hb_entry entry;
        if (!hb_planned_is_needed(plan, i))
            continue;
        hb_planned_entry(plan, i, &entry);
        if ((hb_choice_ask(choice, &entry) & HB_TOO_LARGE) == 0)
            continue;
        if (row->action == HB_SELECTED) {
            hb_choice_count(choice, &entry, HB_TOO_LARGE);
            plan->unwanted++;
        }
        row->action = row->action == HB_SELECTED ? HB_UNWANTED : HB_REPLACED;
    }
}

/* The directories on the way to what is restored get their modes and times, too. */
static void take_parents(struct hb_restore_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (!hb_planned_is_selected(plan, i))
            continue;
        HB_AUTO_FREE char *path = hb_copy_text(hb_planned_path(plan, i));
        for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
            *slash = '\0';
            size_t parent = hb_planned_find(plan, path);
            if (parent != SIZE_MAX && plan->rows[parent].action == HB_UNWANTED)
                plan->rows[parent].action = HB_SELECTED;
        }
    }
}

/* The path is taken from an earlier member. */
static void take_path(struct hb_report *report, struct hb_restore_plan *plan, size_t index)
{
    const struct hb_catalog_member *members = plan->catalog->members;
    size_t before = hb_planned_enter(plan, index);
    if (before == SIZE_MAX)
        return;
    plan->rows[before].action = HB_REPLACED;
    hb_planned_replace(plan, index, before);
    if ((members[index].type != HB_TYPE_DIRECTORY || members[before].type != HB_TYPE_DIRECTORY) &&
        !hb_links_to_itself(plan, index))
        hb_report_add(report, HB_FOUND_NOTE, hb_planned_path(plan, index),
                      "is in the archive more than once; the last one counts");
}

/* Why it cannot be restored, whatever is in the home; NULL: it can be. */
static const char *unmakeable(const struct hb_restore_plan *plan, size_t index)
{
    const char *target = hb_catalog_link(plan->catalog, index);
    const char *why = hb_catalog_unreadable(plan->catalog, index);
    if (why != NULL || plan->catalog->members[index].type != HB_TYPE_SYMLINK)
        return why;
    if (target == NULL || *target == '\0')
        return "is a symbolic link without a target";
    return strlen(target) >= PATH_MAX ? "is a symbolic link with a target that is too long" : NULL;
}

/* Is something there that is kept? Where that cannot be told it may be. */
static bool is_in_home(const struct hb_run *run, const char *path)
{
    struct hb_place place;
    if (run->home.fd < 0)
        return false;
    int result = hb_beneath_resolve(&run->home, path, 0, &place, NULL);
    bool missing = result == -ENOENT || result == -ENOTDIR || (result == 0 && !place.exists);
    hb_place_clear(&place);
    return !missing;
}

/* An untouched backup may have them. What is here of them stays, or they are old: nothing to do. */
static void leave_snapshot(struct hb_report *report, struct hb_restore_plan *plan, size_t index,
                           const char *why)
{
    plan->rows[index].action = HB_DROPPED;
    if (plan->catalog->members[index].type != HB_TYPE_DIRECTORY)
        hb_report_add(report, HB_FOUND_LEFT_OUT, hb_planned_path(plan, index), "%s", why);
}

/*
 * A link in a further root leads to another place in it, of which the filters may think otherwise:
 * they keep from it what lets somebody in. HB_OK, and *verdict; or as ask_filters().
 */
static int ask_of_real(struct hb_run *run, const struct hb_chain *filters,
                       struct hb_restore_plan *plan, size_t index, struct hb_verdict *verdict,
                       struct hb_error *error)
{
    const char *path = hb_planned_path(plan, index);
    const struct hb_root roots = {.fd = -1, .grafts = &run->grafts};
    struct hb_place place;
    struct hb_entry entry;
    if (!hb_roots_have(run, path))
        return HB_OK;
    int status = HB_OK, result = hb_beneath_resolve(&roots, path, HB_SUPPOSE_PARENTS, &place, NULL);
    hb_planned_entry(plan, index, &entry);
    if (result == 0 && strcmp(place.path, path) != 0) {
        entry.path = place.path;
        entry.path_bytes = strlen(place.path);
        status = ask_each(run, filters, plan, index, &entry, verdict, error);
    }
    hb_place_clear(&place);
    return status;
}

/* What filters let through, and what is not this program's own; the last of those of one path. */
static int decide(struct hb_run *run, const struct hb_chain *filters, struct hb_restore_plan *plan,
                  struct hb_error *error)
{
    struct hb_report *report = &run->report;
    for (size_t i = 0; i < plan->count; i++) {
        const struct hb_catalog_member *member = &plan->catalog->members[i];
        struct hb_restore_row *row = &plan->rows[i];
        struct hb_verdict verdict;
        if (row->action != HB_UNDECIDED)
            continue;
        const char *path = hb_planned_path(plan, i);
        if (member->type != HB_TYPE_DIRECTORY && hb_report_is_kept(report, path)) {
            row->action = HB_KEPT_BACK;
            hb_report_add(report, HB_FOUND_SKIPPED, path, HB_KEPT_TOO);
            continue;
        }
        int status = ask_filters(run, filters, plan, i, &verdict, error);
        if (status == HB_OK && verdict.kind == HB_VERDICT_KEEP)
            status = ask_of_real(run, filters, plan, i, &verdict, error);
        if (status == HB_STATUS_ENTRY) {
            row->action = HB_KEPT_BACK;
            continue;
        }
        if (status != HB_OK)
            return status;
        if (verdict.kind != HB_VERDICT_KEEP) {
            row->action = HB_KEPT_BACK;
            if (member->type != HB_TYPE_DIRECTORY)
                hb_report_add(report,
                              is_in_home(run, path) ? HB_FOUND_PRESERVED : HB_FOUND_LEFT_OUT, path,
                              "%s", verdict.reason);
            continue;
        }
        const char *problem = hb_own_problem(run->own, path, member->type == HB_TYPE_SYMLINK);
        if (problem != NULL && hb_own_snapshot(run->own, path)) {
            leave_snapshot(report, plan, i, problem);
            continue;
        }
        if (problem != NULL) {
            row->action = HB_DROPPED;
            hb_report_add(report, HB_FOUND_SKIPPED, path, "refused: %s", problem);
            continue;
        }
        row->action = HB_SELECTED;
        take_path(report, plan, i); /* also of what is dropped now: an older one is not its like */
        problem = unmakeable(plan, i);
        if (problem != NULL)
            hb_planned_drop(plan, report, i, problem);
    }
    return HB_OK;
}

/* What belongs to a further root that nothing may be put into. */
static void drop_of_roots(struct hb_run *run, struct hb_restore_plan *plan)
{
    for (size_t i = 0; run->grafts.count > 0 && i < plan->count; i++) {
        const char *path = hb_planned_path(plan, i);
        if (plan->rows[i].action != HB_UNDECIDED || !hb_roots_have(run, path))
            continue;
        HB_AUTO_FREE char *problem =
            hb_roots_problem(run, path, plan->catalog->members[i].type == HB_TYPE_DIRECTORY);
        if (problem == NULL)
            continue;
        plan->rows[i].action = HB_DROPPED;
        if (plan->catalog->members[i].type != HB_TYPE_DIRECTORY)
            hb_report_add(&run->report, HB_FOUND_SKIPPED, path, "%s", problem);
    }
}

static void count(struct hb_restore_plan *plan, const uint32_t *from)
{
    for (size_t i = 0; i < plan->count; i++) {
        uint64_t bytes;
        if (plan->catalog->members[i].type == HB_TYPE_FILE && hb_planned_is_needed(plan, i))
            plan->unpacked += plan->catalog->members[i].bytes; /* import.max-bytes bounds the sum */
        if (!hb_hard_links_is_file(plan->catalog, from, i, &bytes))
            continue;
        plan->members++;
        if (!hb_planned_is_selected(plan, i))
            continue;
        plan->files++;
        if (__builtin_add_overflow(plan->bytes, bytes, &plan->bytes))
            plan->bytes = UINT64_MAX;
    }
}

static int find_marker(const struct hb_archive *archive, struct hb_error *error)
{
    const char *const *markers = hb_config_import(archive->run->config)->markers;
    char names[300] = "";
    if (*markers == NULL)
        return HB_OK;
    for (size_t i = 0; i < archive->catalog.count; i++)
        if (archive->catalog.members[i].type != HB_TYPE_DIRECTORY &&
            is_in(markers, hb_base_name(hb_catalog_path(&archive->catalog, i))))
            return HB_OK;
    for (size_t used = 0; *markers != NULL && used < sizeof names - 1; markers++) {
        int put =
            snprintf(names + used, sizeof names - used, "%s%s", used == 0 ? "" : ", ", *markers);
        used += (size_t)put;
    }
    hb_error_set(error, HB_STATUS_FATAL,
                 "%s: does not look like a backup of this kind of home: none of %s is in it",
                 archive->shown, names);
    hb_error_hint(error,
                  "`hbcore list ARCHIVE` shows what is in it; if it is a part of such a home, "
                  "`hbcore --set import.markers= import ARCHIVE` restores it");
    return HB_STATUS_FATAL;
}

/*
 * A directory counts alone where nothing else was meant: of one that was included for what lies
 * below it, all of which is excluded, nothing is left.
 */
static bool has_selected(const struct hb_restore_plan *plan)
{
    bool directory = false, excluded = false, kept_back = false;
    for (size_t i = 0; i < plan->count; i++) {
        uint8_t action = plan->rows[i].action;
        bool is_directory = plan->catalog->members[i].type == HB_TYPE_DIRECTORY;
        if (action == HB_SELECTED && !is_directory)
            return true;
        directory |= action == HB_SELECTED;
        kept_back |= action == HB_KEPT_BACK && !is_directory;
        excluded |= action == HB_UNWANTED && !is_directory && !plan->rows[i].not_included;
    }
    return directory && (kept_back || !excluded);
}

/* A choice that leaves nothing is a mistake of whoever typed it. */
static int apply_choice(const struct hb_archive *archive, struct hb_restore_plan *plan,
                        const struct hb_choice *choice, struct hb_error *error)
{
    if (!has_selected(plan)) {
        hb_error_set(error, HB_STATUS_FATAL,
                     "%s: nothing in the archive matches --include and --exclude", archive->shown);
        hb_error_hint(error,
                      "`hbcore list ARCHIVE` shows the names to use with --include and --exclude");
        return HB_STATUS_FATAL;
    }
    hb_choice_note(choice, "the archive", false, &archive->run->report);
    take_parents(plan);
    return HB_OK;
}

/* The user's choice, of what the passes before have left. */
static int choose(const struct hb_archive *archive, struct hb_restore_plan *plan,
                  struct hb_choice *choice, const uint32_t *from, struct hb_error *error)
{
    leave_unwanted(plan, choice, from);
    return hb_choice_check(choice, archive->shown, error);
}

int hb_select(const struct hb_archive *archive, const struct hb_chain *filters,
              const struct hb_chain *contents, struct hb_choice *choice,
              struct hb_restore_plan *plan, struct hb_error *error)
{
    struct hb_run *run = archive->run;
    if (archive->catalog.count == 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: the archive is empty", archive->shown);
    int status = find_marker(archive, error);
    if (status != HB_OK)
        return status;
    hb_restore_plan_begin(plan, contents);
    HB_AUTO_FREE refusal *refusals = NULL;
    HB_AUTO_FREE uint32_t *from = hb_hard_links_find(plan->catalog);
    drop_impossible(run->config, plan, &refusals);
    plan->wrapper = find_wrapper(run->config, plan);
    if (plan->wrapper != NULL)
        strip_wrapper(plan);
    drop_sidecars(plan, &refusals);
    if (choice != NULL)
        status = choose(archive, plan, choice, from, error);
    report_refused(&run->report, plan, refusals);
    if (status == HB_OK)
        drop_of_roots(run, plan);
    if (status == HB_OK)
        status = decide(run, filters, plan, error);
    if (status != HB_OK)
        return status;
    hb_settle_links(run, plan, from);
    if (choice != NULL)
        leave_large(plan, choice);
    hb_conflicts_settle(&run->report, plan);
    count(plan, from);
    status = choice != NULL ? apply_choice(archive, plan, choice, error) : HB_OK;
    hb_planned_forget_paths(plan);
    return status;
}
