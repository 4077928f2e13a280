/* SPDX-License-Identifier: Apache-2.0 */
#include "import/select.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/stage.h"
#include "host/filter.h"
#include "host/own_places.h"
#include <fnmatch.h>
#include <string.h>

enum { MOST_OF_ONE_NAME = 1000 }; /* members, through which a hard link is followed */

static bool is_in(const char *const *list, const char *word)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

/* Paths that cannot be, and types that are not restored. */
static void drop_impossible(struct hb_archive *archive)
{
    struct hb_report *report = &archive->run->report;
    const struct hb_config *config = archive->run->config;
    size_t depth = (size_t)hb_config_number(config, "import", "max-depth");
    bool links = hb_config_value(config, "import", "links")->number == 1;
    for (size_t i = 0; i < archive->catalog.count; i++) {
        struct hb_catalog_member *member = &archive->catalog.members[i];
        const char *path = hb_catalog_path(&archive->catalog, i);
        size_t skip;
        const char *problem = hb_path_problem(path, depth, &skip);
        if (problem != NULL && member->type == HB_DIRECTORY && path[skip] != '/' &&
            (path[skip] == '\0' || strcmp(path + skip, ".") == 0)) {
            member->state = HB_REPLACED; /* the archive's own root: nothing to do */
            continue;
        }
        hb_catalog_skip(&archive->catalog, i, skip);
        if (problem == NULL && hb_stage_on_path(path))
            problem = "has the name of a staging directory";
        if (problem == NULL && member->type == HB_SPECIAL)
            problem = "is a device, pipe or socket";
        if (problem == NULL && member->type == HB_SYMLINK && !links)
            problem = "is a symbolic link";
        if (problem == NULL)
            continue;
        member->state = HB_DROPPED;
        hb_report_add(report, HB_FOUND_SKIPPED, path, "refused: %s", problem);
    }
}

/* The one directory around every file, if it has one of the names in import.wrappers. */
static char *find_wrapper(const struct hb_archive *archive)
{
    const struct hb_catalog *catalog = &archive->catalog;
    const char *const *names = hb_config_list(archive->run->config, "import", "wrappers");
    char *wrapper = NULL;
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->members[i].type == HB_DIRECTORY)
            continue;
        const char *path = hb_catalog_path(catalog, i);
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

static void strip_wrapper(struct hb_archive *archive, const char *wrapper)
{
    size_t bytes = strlen(wrapper);
    for (size_t i = 0; i < archive->catalog.count; i++) {
        struct hb_catalog_member *member = &archive->catalog.members[i];
        const char *path = hb_catalog_path(&archive->catalog, i);
        if (strncmp(path, wrapper, bytes) != 0)
            continue;
        if (path[bytes] == '\0')
            member->state = HB_REPLACED; /* the directory itself is the home now */
        else if (path[bytes] == '/')
            hb_catalog_skip(&archive->catalog, i, bytes + 1);
    }
}

/*
 * A sidecar (a database's log) laid beside a live file would be taken for its own and destroy it.
 * What was in it is not restored, which is more than a note. Nor is it made part of the file that
 * came with it: nothing tells whether both were copied at one moment.
 */
static void drop_sidecars(struct hb_archive *archive, struct hb_claims *claims)
{
    for (size_t i = 0; i < archive->catalog.count; i++) {
        struct hb_catalog_member *member = &archive->catalog.members[i];
        if (member->state != HB_UNDECIDED || member->type == HB_DIRECTORY ||
            !hb_claims_sidecar(claims, i))
            continue;
        member->state = HB_DROPPED;
        hb_report_add(
            &archive->run->report, HB_FOUND_SKIPPED, hb_catalog_path(&archive->catalog, i),
            "refused: belongs to the file beside it, and would damage the one in the home; "
            "what it alone holds is not restored");
    }
}

static int ask_filters(const struct hb_archive *archive, const struct hb_chain *filters,
                       size_t index, uint32_t *mode, struct hb_verdict *verdict,
                       struct hb_error *error)
{
    struct hb_entry entry;
    hb_catalog_entry(&archive->catalog, index, &entry);
    *verdict = (struct hb_verdict){.size = sizeof *verdict};
    for (size_t i = 0; i < filters->count; i++) {
        const struct hb_instance *instance = filters->instances[i];
        if (hb_ask_filter(archive->run, instance, HB_IMPORT, &entry, verdict, error) != HB_OK)
            return HB_FATAL;
        if (verdict->kind != HB_KEEP)
            return HB_OK;
        if (verdict->flags & HB_VERDICT_MODE)
            *mode = verdict->mode & 0777;
    }
    return HB_OK;
}

/* Does one of the patterns match the path, or a directory on the way to it? */
static bool matches(const char *const *patterns, const char *path)
{
    HB_AUTO_FREE char *part = hb_copy_text(path);
    for (size_t i = 0; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        part[i] = '\0';
        for (size_t j = 0; patterns[j] != NULL; j++)
            if (fnmatch(patterns[j], part, FNM_PATHNAME) == 0)
                return true;
        part[i] = path[i];
    }
    return false;
}

static bool is_wanted(const struct hb_patterns *patterns, const char *path)
{
    if (patterns == NULL)
        return true;
    return (patterns->include == NULL || matches(patterns->include, path)) &&
           (patterns->exclude == NULL || !matches(patterns->exclude, path));
}

/* Is it restored as a file? */
static bool makes_file(const struct hb_catalog_member *member)
{
    return member->type == HB_FILE || member->type == HB_HARDLINK;
}

static void leave_unwanted(struct hb_archive *archive, const struct hb_patterns *patterns,
                           struct hb_selection_result *result)
{
    struct hb_catalog *catalog = &archive->catalog;
    for (size_t i = 0; i < catalog->count; i++) {
        struct hb_catalog_member *member = &catalog->members[i];
        if (member->state != HB_UNDECIDED || is_wanted(patterns, hb_catalog_path(catalog, i)))
            continue;
        member->state = HB_UNWANTED;
        result->unwanted += makes_file(member);
        if (member->type == HB_DIRECTORY)
            hb_catalog_enter(catalog, i);
    }
}

/* The directories on the way to what is restored get their modes and times, too. */
static void take_parents(struct hb_catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->members[i].state != HB_SELECTED)
            continue;
        HB_AUTO_FREE char *path = hb_copy_text(hb_catalog_path(catalog, i));
        for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
            *slash = '\0';
            size_t parent = hb_catalog_find(catalog, path);
            if (parent != SIZE_MAX && catalog->members[parent].state == HB_UNWANTED)
                catalog->members[parent].state = HB_SELECTED;
        }
    }
}

size_t hb_link_origin(const struct hb_catalog *catalog, const char *wrapper, size_t index)
{
    const char *target = hb_catalog_link(catalog, index);
    size_t skip = 0, wrapped = wrapper == NULL ? 0 : strlen(wrapper) + 1;
    if (target == NULL || hb_path_problem(target, SIZE_MAX, &skip) != NULL ||
        strlen(target + skip) <= wrapped)
        return SIZE_MAX;
    size_t from = hb_catalog_find(catalog, target + skip + wrapped), steps = 0;
    while (from != SIZE_MAX && from > index && catalog->members[from].replaces != 0) {
        if (++steps > MOST_OF_ONE_NAME)
            return SIZE_MAX;
        from = catalog->members[from].replaces - 1;
    }
    if (from == SIZE_MAX || from == index)
        return SIZE_MAX;
    const struct hb_catalog_member *origin = &catalog->members[from];
    bool stays =
        origin->state == HB_SELECTED || origin->state == HB_REPLACED || origin->state == HB_ORIGIN;
    bool has_data = origin->type == HB_FILE || (origin->type == HB_HARDLINK && from < index);
    return stays && has_data ? from : SIZE_MAX;
}

static bool is_link_in_use(const struct hb_catalog_member *member)
{
    return member->type == HB_HARDLINK &&
           (member->state == HB_SELECTED || member->state == HB_REPLACED ||
            member->state == HB_ORIGIN);
}

/* Hard links whose data is not restored are not either. The data of the others is needed. */
static void settle_links(struct hb_archive *archive, const char *wrapper)
{
    struct hb_catalog *catalog = &archive->catalog;
    for (size_t i = 0; i < catalog->count; i++) {
        struct hb_catalog_member *member = &catalog->members[i];
        if (!is_link_in_use(member) || hb_link_origin(catalog, wrapper, i) != SIZE_MAX)
            continue;
        const char *target = hb_catalog_link(catalog, i);
        if (member->state == HB_SELECTED)
            hb_report_add(&archive->run->report, HB_FOUND_SKIPPED, hb_catalog_path(catalog, i),
                          "is a hard link to %s, which is not restored",
                          target == NULL ? "nothing" : target);
        member->state = HB_DROPPED;
    }
    /* Backwards: one may be a link to a link. */
    for (size_t i = catalog->count; i-- > 0;) {
        const struct hb_catalog_member *member = &catalog->members[i];
        if (!is_link_in_use(member) || member->state == HB_REPLACED)
            continue;
        struct hb_catalog_member *origin = &catalog->members[hb_link_origin(catalog, wrapper, i)];
        if (origin->state == HB_REPLACED)
            origin->state = HB_ORIGIN;
    }
}

/* Filters, and the last of several members with one path. */
static int decide(struct hb_archive *archive, const struct hb_chain *filters,
                  struct hb_selection_result *result, struct hb_error *error)
{
    struct hb_report *report = &archive->run->report;
    struct hb_catalog *catalog = &archive->catalog;
    for (size_t i = 0; i < catalog->count; i++) {
        struct hb_catalog_member *member = &catalog->members[i];
        struct hb_verdict verdict;
        result->members += makes_file(member);
        if (member->state != HB_UNDECIDED)
            continue;
        const char *path = hb_catalog_path(catalog, i);
        int status = ask_filters(archive, filters, i, &result->modes[i], &verdict, error);
        if (status != HB_OK)
            return status;
        if (verdict.kind != HB_KEEP) {
            member->state = HB_KEPT_BACK;
            if (member->type != HB_DIRECTORY)
                hb_report_add(report, HB_FOUND_PRESERVED, path, "%s", verdict.reason);
            continue;
        }
        const char *problem = hb_own_problem(archive->run->own, path, member->type == HB_SYMLINK);
        if (problem != NULL) {
            member->state = HB_DROPPED;
            hb_report_add(report, HB_FOUND_SKIPPED, path, "refused: %s", problem);
            continue;
        }
        member->state = HB_SELECTED;
        size_t before = hb_catalog_enter(catalog, i);
        if (before != SIZE_MAX) {
            catalog->members[before].state = HB_REPLACED;
            member->replaces = (uint32_t)before + 1;
            if (member->type != HB_DIRECTORY || catalog->members[before].type != HB_DIRECTORY)
                hb_report_add(report, HB_FOUND_NOTE, path,
                              "is in the archive more than once; the last one counts");
        }
    }
    settle_links(archive, result->wrapper);
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->members[i].state != HB_SELECTED || !makes_file(&catalog->members[i]))
            continue;
        result->files++;
        result->bytes += catalog->members[i].bytes;
    }
    return HB_OK;
}

static int find_marker(const struct hb_archive *archive, struct hb_error *error)
{
    const char *const *markers = hb_config_list(archive->run->config, "import", "markers");
    char names[300] = "";
    if (*markers == NULL)
        return HB_OK;
    for (size_t i = 0; i < archive->catalog.count; i++)
        if (archive->catalog.members[i].type != HB_DIRECTORY &&
            is_in(markers, hb_base_name(hb_catalog_path(&archive->catalog, i))))
            return HB_OK;
    for (size_t used = 0; *markers != NULL && used < sizeof names - 1; markers++) {
        int put =
            snprintf(names + used, sizeof names - used, "%s%s", used == 0 ? "" : ", ", *markers);
        used += (size_t)put;
    }
    hb_error_set(error, HB_FATAL, "%s: is no backup of such a home: it holds none of %s",
                 archive->shown, names);
    hb_error_hint(error, "look into it with `hbcore list`; import.markers says what is expected");
    return HB_FATAL;
}

/*
 * A directory counts alone where nothing else was meant: of one that was included for what lies
 * below it, all of which is excluded, nothing is left.
 */
static bool has_selected(const struct hb_catalog *catalog, const struct hb_patterns *patterns)
{
    bool directory = false, excluded = false, kept_back = false;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct hb_catalog_member *member = &catalog->members[i];
        if (member->state == HB_SELECTED && member->type != HB_DIRECTORY)
            return true;
        directory |= member->state == HB_SELECTED;
        kept_back |= member->state == HB_KEPT_BACK && member->type != HB_DIRECTORY;
        excluded |=
            member->state == HB_UNWANTED && member->type != HB_DIRECTORY &&
            (patterns->include == NULL || matches(patterns->include, hb_catalog_path(catalog, i)));
    }
    return directory && (kept_back || !excluded);
}

/* Patterns that leave nothing are a mistake of whoever typed them. */
static int apply_patterns(struct hb_archive *archive, const struct hb_patterns *patterns,
                          struct hb_error *error)
{
    if (!has_selected(&archive->catalog, patterns)) {
        hb_error_set(error, HB_FATAL, "%s: nothing in it matches what was asked for",
                     archive->shown);
        hb_error_hint(error, "hbcore list shows the names that --include and --exclude go by");
        return HB_FATAL;
    }
    take_parents(&archive->catalog);
    return HB_OK;
}

int hb_select(struct hb_archive *archive, const struct hb_chain *filters, struct hb_claims *claims,
              const struct hb_patterns *patterns, struct hb_selection_result *result,
              struct hb_error *error)
{
    struct hb_catalog *catalog = &archive->catalog;
    *result = (struct hb_selection_result){0};
    if (catalog->count == 0)
        return hb_error_set(error, HB_FATAL, "%s: the archive is empty", archive->shown);
    int status = find_marker(archive, error);
    if (status != HB_OK)
        return status;
    drop_impossible(archive);
    result->wrapper = find_wrapper(archive);
    if (result->wrapper != NULL)
        strip_wrapper(archive, result->wrapper);
    drop_sidecars(archive, claims);
    result->modes = hb_alloc(catalog->count * sizeof *result->modes);
    for (size_t i = 0; i < catalog->count; i++)
        result->modes[i] = UINT32_MAX;
    if (patterns != NULL)
        leave_unwanted(archive, patterns, result);
    status = decide(archive, filters, result, error);
    return status == HB_OK && patterns != NULL ? apply_patterns(archive, patterns, error) : status;
}

uint32_t hb_selection_mode(const struct hb_catalog *catalog,
                           const struct hb_selection_result *result, size_t index, uint32_t umask)
{
    const struct hb_catalog_member *member = &catalog->members[index];
    if (result->modes[index] != UINT32_MAX)
        return result->modes[index] & 0777;
    if (member->entry_flags & HB_ENTRY_HAS_MODE)
        return member->mode & 0777;
    return (member->type == HB_DIRECTORY ? 0777 : 0666) & ~umask;
}

void hb_selection_clear(struct hb_selection_result *result)
{
    free(result->modes);
    free(result->wrapper);
    *result = (struct hb_selection_result){0};
}
