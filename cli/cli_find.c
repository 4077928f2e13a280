/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore find: in which archives a file is, and since when it is as it is there. */
#include "archive/hard_links.h"
#include "archive/member.h"
#include "archives_table.h"
#include "backup/look.h"
#include "base/human.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/patterns.h"
#include "commands.h"
#include "complain.h"
#include "history/history.h"
#include "session.h"
#include "summary.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A member that was asked for, in one archive or in several, one behind the other. */
struct sighting {
    char *path;
    size_t place, number;  /* of the place, and of the sighting in it */
    size_t newest, oldest; /* in `seen`, where the newest comes first */
    struct hb_history_content content;
};

/* An archive of a place. One that cannot be read has its place in the row, too. */
struct seen {
    char *path;
    int64_t started;
};

struct find {
    struct hb_session *session;
    struct hb_patterns *patterns;
    struct sighting *sightings;
    size_t count, room;
    struct seen *seen;
    size_t seen_count, read_count;
    size_t place;
    uint64_t found, others;
    bool unread;
};

/* ---- one archive --------------------------------------------------------------------------- */

static void add(struct find *find, const char *path, const struct hb_history_content *content,
                size_t newest, size_t oldest)
{
    if (find->count == find->room) {
        find->room = find->room * 2 + 64;
        find->sightings = hb_resize(find->sightings, find->room, sizeof *find->sightings);
    }
    find->sightings[find->count] = (struct sighting){.path = hb_copy_text(path),
                                                     .place = find->place,
                                                     .number = find->count,
                                                     .newest = newest,
                                                     .oldest = oldest,
                                                     .content = *content};
    find->count++;
}

static bool is_wanted(void *self, const char *path, bool directory)
{
    struct find *find = self;
    return hb_patterns_include(find->patterns, path, strlen(path), directory);
}

static void on_piece(void *self, const char *path, const struct hb_history_content *content,
                     size_t newest, size_t oldest)
{
    add(self, path, content, newest, oldest);
}

static void search(struct find *find, const struct hb_archive *archive, size_t position)
{
    const struct hb_catalog *catalog = &archive->catalog;
    uint32_t *contents = hb_hard_links_find(catalog);
    for (size_t i = 0; i < catalog->count; i++) {
        const char *path = hb_catalog_path(catalog, i);
        struct hb_history_content content;
        if (!is_wanted(find, path, catalog->members[i].type == HB_TYPE_DIRECTORY))
            continue;
        hb_history_content(archive, contents, i, &content);
        add(find, path, &content, position, position);
    }
    free(contents);
}

static void was_read(struct find *find, size_t position, bool incomplete)
{
    find->read_count++;
    if (incomplete)
        hb_report_add(&find->session->run.report, HB_FOUND_NOTE, "",
                      "%s is incomplete: `hbcore list` says what was not stored",
                      find->seen[position].path);
}

/* Kept where nothing was told of it on the way, for that would not be told again. */
static int look_into(struct find *find, struct hb_history *history,
                     const struct hb_history_archive *which)
{
    struct hb_report *report = &find->session->run.report;
    struct hb_archive archive = {.fd = -1};
    struct hb_error error = {0};
    const char *path = find->seen[which->position].path;
    size_t told = report->count;
    int status = hb_archive_open(&find->session->run, path, NULL, &archive, &error);
    if (status == HB_OK)
        status = hb_archive_list(&archive, &error);
    if (status == HB_OK) {
        bool kept =
            history != NULL && report->count == told && hb_history_add(history, which, &archive);
        was_read(find, which->position,
                 archive.has_trailer && hb_trailer_incomplete(&archive.trailer));
        if (!kept)
            search(find, &archive, which->position);
    } else if (status != HB_STATUS_CANCELLED) {
        find->unread = true;
        hb_report_add(report, HB_FOUND_DOUBTFUL, "",
                      "%s cannot be read, so nobody can tell what is in it: %s", path,
                      hb_error_why(&error));
        status = HB_OK;
    } else {
        find->session->error = error;
    }
    hb_archive_close(&archive);
    return status;
}

/* ---- one place ----------------------------------------------------------------------------- */

static struct hb_history *open_history(const struct find *find, const struct hb_looked *looked)
{
    const struct hb_config *config = find->session->config;
    struct hb_history_request request = {.run = &find->session->run,
                                         .preset = looked->preset,
                                         .directory = looked->archives->directory};
    HB_AUTO_FREE char *section = hb_text("preset:%s", looked->preset == NULL ? "" : looked->preset);
    if (looked->preset != NULL)
        request.names = hb_config_preset(hb_config_section(config, section))->history_names;
    return request.directory == NULL ? NULL : hb_history_open(&request);
}

static struct hb_history_archive archive_of(const struct hb_looked *looked, size_t row,
                                            size_t position)
{
    const struct hb_preset_archives *archives = looked->archives;
    const struct hb_preset_archive *listed = &archives->rows[row];
    return (struct hb_history_archive){
        .name = listed->kept.name,
        .file = archives->store == &archives->local.store ? &listed->status : NULL,
        .version = listed->version,
        .origin = listed->has_origin ? &listed->origin : NULL,
        .position = position};
}

/*
 * Of one that does not say when it was made, or cannot be read, nobody knows that: the list has it
 * behind all others. By its name it stands between two that may have the same file; if it cannot be
 * read, nobody knows whether that was there all the time.
 */
static bool is_lost(const struct hb_preset_archive *row)
{
    return !row->has_origin;
}

/* The rows, with those in their places. Caller frees. */
static size_t *order_of(const struct hb_preset_archives *archives)
{
    size_t *order = hb_resize(NULL, archives->count + 1, sizeof *order), count = 0;
    for (int lost = 0; lost < 2; lost++)
        for (size_t i = 0; i < archives->count; i++) {
            const struct hb_archive_name *name = &archives->rows[i].kept.when.name;
            size_t at = lost == 1 && *name->stamp != '\0' ? 0 : count;
            if (is_lost(&archives->rows[i]) != (lost == 1))
                continue;
            while (at < count &&
                   hb_archive_name_compare(name, &archives->rows[order[at]].kept.when.name) < 0)
                at++;
            memmove(&order[at + 1], &order[at], (count++ - at) * sizeof *order);
            order[at] = i;
        }
    return order;
}

/* What the history does not know is read, the oldest first, as the archives came. */
static int look_through(struct find *find, const struct hb_looked *looked)
{
    const struct hb_strand_visitor visitor = {.self = find, .wanted = is_wanted, .piece = on_piece};
    struct hb_history *history = open_history(find, looked);
    const size_t rows = looked->archives->count;
    HB_AUTO_FREE struct hb_history_archive *unknown = hb_resize(NULL, rows + 1, sizeof *unknown);
    HB_AUTO_FREE size_t *order = order_of(looked->archives);
    size_t count = 0;
    int status = HB_OK;
    for (size_t next = 0; next < rows; next++) {
        const size_t i = order[next];
        const struct hb_preset_archive *row = &looked->archives->rows[i];
        bool incomplete;
        if (looked->preset != NULL && row->kept.whose == HB_HOME_OTHERS) {
            find->others++;
            continue;
        }
        find->seen = hb_resize(find->seen, find->seen_count + 1, sizeof *find->seen);
        find->seen[find->seen_count] =
            (struct seen){.path = hb_preset_archive_path(looked->archives, i),
                          .started = hb_archive_facts(row).started};
        unknown[count] = archive_of(looked, i, find->seen_count++);
        if (history != NULL && hb_history_knows(history, &unknown[count], &incomplete))
            was_read(find, unknown[count].position, incomplete);
        else
            count++;
    }
    while (count-- > 0 && status == HB_OK)
        status = look_into(find, history, &unknown[count]);
    if (history != NULL) {
        hb_history_keep(history, status == HB_OK && rows > 0);
        if (status == HB_OK)
            hb_history_each(history, &visitor);
    }
    hb_history_close(history);
    return status;
}

/* ---- what is said -------------------------------------------------------------------------- */

static int by_path_and_time(const void *one, const void *other)
{
    const struct sighting *a = one, *b = other;
    int order = strcmp(a->path, b->path);
    if (order != 0)
        return order;
    if (a->place != b->place)
        return (a->place > b->place) - (a->place < b->place);
    if (a->newest != b->newest)
        return (a->newest > b->newest) - (a->newest < b->newest);
    return (a->number > b->number) - (a->number < b->number); /* twice in one archive */
}

/* Is it the same in the archive right before it in the list? One that cannot be read is none. */
static bool goes_on(const struct sighting *newer, const struct sighting *older)
{
    const struct hb_history_content *is = &newer->content, *was = &older->content;
    if (older->newest - newer->oldest > 1 || newer->place != older->place ||
        is->type != was->type || is->bytes != was->bytes || is->hashed != was->hashed ||
        strcmp(newer->path, older->path) != 0)
        return false;
    return is->hashed ? is->hash == was->hash : is->mtime == was->mtime;
}

static const char *stamp_of(int64_t when, char text[32])
{
    struct tm local;
    time_t seconds = (time_t)when;
    if (when <= 0 || localtime_r(&seconds, &local) == NULL ||
        strftime(text, 32, "%Y-%m-%d %H:%M", &local) == 0)
        memcpy(text, "?", 2);
    return text;
}

static void tell_program(const struct find *find, const struct sighting *newest,
                         const struct sighting *oldest)
{
    size_t archives = oldest->oldest - newest->newest + 1;
    json_t *object = json_pack("{s:s}", "type", "found");
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, newest->content.hash);
    hb_json_name(object, "path", newest->path);
    hb_json_add(object, "{s:s, s:I, s:o, s:I, s:I}", "kind", hb_member_type(newest->content.type),
                "bytes", (json_int_t)newest->content.bytes, "hash",
                newest->content.hashed ? json_string(hash) : json_null(), "mtime",
                (json_int_t)newest->content.mtime, "archives", (json_int_t)archives);
    hb_json_name(object, "first", find->seen[oldest->oldest].path);
    hb_json_name(object, "last", find->seen[newest->newest].path);
    hb_json_line(find->session->cli->out, object);
}

static void tell_people(const struct find *find, const struct sighting *newest,
                        const struct sighting *oldest, bool first)
{
    FILE *out = find->session->cli->out;
    char size[HB_HUMAN_BYTES], from[32], to[32], changed[32];
    size_t archives = oldest->oldest - newest->newest + 1;
    const struct seen *begun = &find->seen[oldest->oldest], *last = &find->seen[newest->newest];
    HB_AUTO_FREE char *path = hb_printable(newest->path);
    HB_AUTO_FREE char *begun_path = hb_printable(begun->path);
    HB_AUTO_FREE char *last_path = hb_printable(last->path);
    if (first)
        fprintf(out, "%s%s\n", path, newest->content.type == HB_TYPE_DIRECTORY ? "/" : "");
    fprintf(out, "  %10s, of %s: ", hb_human_bytes(newest->content.bytes, size),
            stamp_of(newest->content.mtime, changed));
    if (archives == 1)
        fprintf(out, "in that of %s: %s\n", stamp_of(last->started, to), last_path);
    else
        fprintf(out, "in %zu archives, from %s to %s: %s to %s\n", archives,
                stamp_of(begun->started, from), stamp_of(last->started, to), begun_path, last_path);
}

static void tell_all(struct find *find)
{
    if (find->count > 0)
        qsort(find->sightings, find->count, sizeof *find->sightings, by_path_and_time);
    for (size_t i = 0, end; i < find->count; i = end) {
        const struct sighting *newest = &find->sightings[i];
        bool first = i == 0 || strcmp(newest->path, find->sightings[i - 1].path) != 0;
        for (end = i + 1; end < find->count; end++)
            if (!goes_on(&find->sightings[end - 1], &find->sightings[end]))
                break;
        find->found += first;
        if (find->session->cli->json)
            tell_program(find, newest, &find->sightings[end - 1]);
        else
            tell_people(find, newest, &find->sightings[end - 1], first);
    }
}

static void finish(struct find *find)
{
    struct hb_session *session = find->session;
    json_t *object = NULL;
    if (find->others > 0)
        hb_report_add(&session->run.report, HB_FOUND_NOTE, "",
                      "archives of other homes were passed over: %" PRIu64, find->others);
    hb_report_sort(&session->run.report);
    if (session->cli->json) {
        object = hb_session_summary(session, "find");
        hb_json_add(object, "{s:s, s:I, s:I}", "status", find->unread ? "incomplete" : "complete",
                    "found", (json_int_t)find->found, "archives", (json_int_t)find->read_count);
    } else {
        hb_session_say(session, "%" PRIu64 " found in %zu archive%s\n", find->found,
                       find->read_count, hb_plural(find->read_count));
        fflush(session->cli->out);
        hb_summary_problems(session->cli, &session->run.report);
        hb_summary_notes(session->cli, &session->run.report);
    }
    hb_session_print_summary(session, object);
}

/* ---- the command --------------------------------------------------------------------------- */

struct searching {
    struct find *find;
    int status;
    bool failed;
};

static void on_looked(void *context, const struct hb_looked *looked)
{
    struct searching *searching = context;
    struct find *find = searching->find;
    find->place++;
    if (looked->problem != NULL) {
        hb_error_set(&find->session->error, HB_STATUS_FATAL, "%s: %s", looked->directory,
                     looked->problem);
        if (looked->hint != NULL)
            hb_error_hint(&find->session->error, "%s", looked->hint);
        searching->failed = true;
        return;
    }
    if (searching->status == HB_OK)
        searching->status = look_through(find, looked);
}

static int look(struct find *find, char **places)
{
    struct searching searching = {.find = find};
    struct hb_look_request request = {
        .run = &find->session->run, .looked = on_looked, .context = &searching};
    int status = HB_OK;
    if (places[0] == NULL)
        status = hb_look(&request, &find->session->error);
    for (; *places != NULL && status == HB_OK && searching.status == HB_OK; places++) {
        request.place = *places;
        status = hb_look(&request, &find->session->error);
    }
    if (status == HB_STATUS_FATAL)
        return HB_EXIT_USAGE; /* there is no such preset */
    status = status == HB_OK ? searching.status : status;
    return searching.failed && status == HB_OK ? HB_EXIT_FAILED : hb_cli_exit_code(status);
}

static void clear(struct find *find)
{
    for (size_t i = 0; i < find->count; i++)
        free(find->sightings[i].path);
    for (size_t i = 0; i < find->seen_count; i++)
        free(find->seen[i].path);
    free(find->sightings);
    free(find->seen);
    hb_patterns_free(find->patterns);
}

static int run(struct hb_session *session)
{
    struct find find = {.session = session, .patterns = hb_patterns_new()};
    const char *text = session->arguments[0];
    const char *never = hb_patterns_add(find.patterns, text, strlen(text), HB_PATTERN_GIT);
    int code = 0;
    if (never != NULL) {
        hb_error_set(&session->error, HB_STATUS_FATAL, "the pattern '%s' %s", text, never);
        code = HB_EXIT_USAGE;
    }
    if (code == 0)
        code = hb_session_open_home(session, true, false);
    if (code == 0)
        code = look(&find, session->arguments + 1);
    if (code == 0) {
        tell_all(&find);
        finish(&find);
        code = hb_session_code(session);
    }
    clear(&find);
    return code;
}

static const struct hb_form form = {
    .arguments = "PATTERN [PRESET|DIRECTORY|URL...]", .wrong = "takes a pattern", .run = run};

const struct hb_command hb_command_find_files = {
    .name = "find",
    .group = HB_FOR_ARCHIVES,
    .summary = "in which archives a file is, and since when",
    .about = "Looks for members that the pattern names, as --include of import does, in the\n"
             "archives of all presets, or of those that are named; a word with a '/' is a\n"
             "directory or a URL. Each content that a file had is told, with its size, its time\n"
             "and the first and the last archive that have it so.",
    .end = "Exit status: 0 looked through, 1 failed, 2 wrong use or configuration, 3 an archive\n"
           "cannot be read: nobody can tell what is in it.",
    .forms = &form,
    .form_count = 1,
};
