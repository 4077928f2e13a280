/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore diff: what an archive has that another one, or the home, has not, or has otherwise. */
#include "archive/hard_links.h"
#include "archive/member.h"
#include "backup/home_hashes.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "commands.h"
#include "complain.h"
#include "named_archive.h"
#include "reading.h"
#include "summary.h"
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct hb_cli_option table[] = {HB_READING_ROWS, {0}};

struct side {
    char *path;
    struct hb_archive archive;
    struct hb_home_hashes home;
    bool is_home;
    const struct hb_catalog *catalog; /* of the one or the other */
    uint32_t *content;                /* hb_hard_links_find() */
    size_t *order;                    /* of the members, by name; the last one of a name alone */
    size_t count;
};

struct diff {
    struct hb_session *session;
    struct side sides[2];
    uint64_t added, removed, changed, untold;
    json_t *left_out; /* what of the archive is in the home, but is left out today: names */
};

/* ---- the two sides ------------------------------------------------------------------------- */

static int by_path(const void *one, const void *other, void *context)
{
    const size_t a = *(const size_t *)one, b = *(const size_t *)other;
    const struct hb_catalog *catalog = context;
    int order = strcmp(hb_catalog_path(catalog, a), hb_catalog_path(catalog, b));
    return order != 0 ? order : (a > b) - (a < b);
}

static void sort(struct side *side)
{
    const struct hb_catalog *catalog = side->catalog;
    side->content = hb_hard_links_find(catalog);
    side->order = hb_resize(NULL, catalog->count + 1, sizeof *side->order);
    for (size_t i = 0; i < catalog->count; i++)
        side->order[i] = i;
    qsort_r(side->order, catalog->count, sizeof *side->order, by_path, (void *)(uintptr_t)catalog);
    for (size_t i = 0; i < catalog->count; i++)
        if (i + 1 == catalog->count || strcmp(hb_catalog_path(catalog, side->order[i]),
                                              hb_catalog_path(catalog, side->order[i + 1])) != 0)
            side->order[side->count++] = side->order[i];
}

/* What a backup could not store looks as if it were removed, and is not. */
static void tell_incomplete(struct diff *diff, const struct side *side)
{
    if (side->is_home || !side->archive.has_trailer ||
        !hb_trailer_incomplete(&side->archive.trailer))
        return;
    diff->untold++;
    hb_report_add(&diff->session->run.report, HB_FOUND_DOUBTFUL, "",
                  "%s is incomplete: what it lacks may have been there all the same; `hbcore list` "
                  "says what was not stored",
                  side->path);
}

/* What is there, but cannot be read, has not been compared: that is no failure of the command. */
static int open_side(struct hb_session *session, const char *word, struct side *side)
{
    const struct hb_reading_options *options = session->options;
    int code = hb_archive_named(session, word, options->preset, &side->path);
    side->catalog = &side->archive.catalog;
    if (code != 0)
        return code;
    int status = hb_archive_open(&session->run, side->path, options->format, &side->archive,
                                 &session->error);
    if (status == HB_OK)
        status = hb_archive_list(&side->archive, &session->error);
    code = hb_cli_exit_code(status);
    if (status == HB_OK)
        sort(side);
    else if (code == HB_EXIT_FAILED && (side->archive.shut || hb_archive_is_open(&side->archive)))
        code = HB_EXIT_INCOMPLETE;
    return code;
}

/* A file of that name is one; a directory is no archive. */
static bool is_home(const char *word)
{
    struct stat status;
    return word == NULL ||
           (strcmp(word, "home") == 0 && (stat(word, &status) != 0 || S_ISDIR(status.st_mode)));
}

static void on_planned(void *context, uint64_t files, uint64_t bytes)
{
    hb_session_start_progress(context, "compared", files, bytes);
}

/* As a backup would store it in an archive of the format of the other side. */
static int open_home(struct hb_session *session, const struct side *other, struct side *side)
{
    int code = hb_session_open_home(session, HB_HOME_OUTERMOST, false);
    if (code != 0)
        return code;
    HB_AUTO_FREE char *directory = hb_session_temporary(session);
    const struct hb_home_hashes_request request = {.run = &session->run,
                                                   .format = other->archive.choice,
                                                   .stage_directory = directory,
                                                   .planned = on_planned,
                                                   .context = session};
    side->is_home = true;
    side->catalog = &side->home.catalog;
    int status = hb_home_hashes_read(&request, &side->home, &session->error);
    hb_session_end_progress(session);
    if (status == HB_OK)
        sort(side);
    return hb_cli_exit_code(status);
}

static void close_side(struct side *side)
{
    hb_archive_close(&side->archive);
    hb_home_hashes_clear(&side->home);
    free(side->content);
    free(side->order);
    free(side->path);
}

/* ---- two members --------------------------------------------------------------------------- */

struct seen {
    const char *link; /* NULL: none that counts */
    uint64_t bytes, hash;
    bool file, hashed;
};

static bool hash_of(const struct side *side, size_t index, uint64_t *hash)
{
    if (side->is_home) {
        *hash = side->home.hashes[index];
        return !side->home.unread[index];
    }
    return side->archive.has_trailer && !side->archive.later_trailer &&
           hb_trailer_content(&side->archive.trailer, index, hash);
}

/* Where its content is found: a hard link counts as the file that it is. */
static size_t content_of(const struct side *side, size_t index)
{
    return side->content != NULL && hb_hard_links_is_file(side->catalog, side->content, index, NULL)
               ? side->content[index]
               : index;
}

static struct seen see(const struct side *side, size_t index)
{
    struct seen seen = {.bytes = 0};
    seen.file = hb_hard_links_is_file(side->catalog, side->content, index, &seen.bytes);
    seen.hashed = seen.file && hash_of(side, content_of(side, index), &seen.hash);
    seen.link = seen.file ? NULL : hb_catalog_link(side->catalog, index);
    return seen;
}

/* What its content plugin said of it, when it was stored or now; NULL: nothing. */
static const json_t *facts_of(const struct side *side, size_t index)
{
    const json_t *rows = side->is_home                ? side->home.facts
                         : !side->archive.has_trailer ? NULL
                                                      : side->archive.trailer.annotations;
    return hb_annotations_facts(rows, content_of(side, index));
}

/* Is it there, and nobody knows what is in it? The report says why. */
static bool is_unread(const struct side *side, size_t index)
{
    return side->is_home && side->home.unread[index];
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void add_word(char *words, size_t room, const char *word)
{
    size_t used = strlen(words);
    snprintf(words + used, room - used, "%s%s", used > 0 ? ", " : "", word);
}

/* What has changed, in words; "" where nothing has. */
static bool compare(const struct diff *diff, size_t a, size_t b, char *words, size_t room)
{
    const struct hb_catalog *old = diff->sides[0].catalog, *new = diff->sides[1].catalog;
    const struct seen was = see(&diff->sides[0], a), is = see(&diff->sides[1], b);
    const struct hb_catalog_common *from = hb_catalog_common(old, a),
                                   *to = hb_catalog_common(new, b);
    unsigned both = from->entry_flags & to->entry_flags;
    bool told = true;
    words[0] = '\0';
    if (was.file != is.file || (!was.file && old->members[a].type != new->members[b].type))
        add_word(words, room, "kind");
    else if (was.file && was.bytes != is.bytes)
        add_word(words, room, "size");
    else if (was.file && was.hashed && is.hashed && was.hash != is.hash)
        add_word(words, room, "content");
    else if (was.file && !(was.hashed && is.hashed))
        told = false;
    else if (is_unread(&diff->sides[1], b))
        told = false;
    else if (!same_text(was.link, is.link))
        add_word(words, room, "link");
    if ((both & HB_ENTRY_HAS_MODE) && from->mode != to->mode)
        add_word(words, room, "mode");
    if ((both & HB_ENTRY_HAS_MTIME) &&
        (hb_catalog_mtime_seconds(old, a) != hb_catalog_mtime_seconds(new, b) ||
         old->members[a].mtime_nanoseconds != new->members[b].mtime_nanoseconds))
        add_word(words, room, "time");
    return told;
}

/* ---- what is said -------------------------------------------------------------------------- */

static json_t *json_of_words(const char *words)
{
    json_t *array = json_array();
    while (*words != '\0') {
        size_t length = strcspn(words, ",");
        json_array_append_new(array, json_stringn(words, length));
        words += length + strspn(words + length, ", ");
    }
    return array;
}

/*
 * Each fact that is another one now, {"rows of t": [2, 3]}; null where one lacks it. NULL: there
 * are none, or one has none at all, since nobody asked for any when it was made.
 */
static json_t *changed_facts(const json_t *was, const json_t *is)
{
    if (was == NULL || is == NULL)
        return NULL;
    json_t *changed = json_object(), *value;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)was, name, value)
    {
        json_t *now = json_object_get(is, name);
        if (now == NULL || !json_equal(now, value))
            json_object_set_new(
                changed, name,
                json_pack("[O, o]", value, now == NULL ? json_null() : json_incref(now)));
    }
    json_object_foreach((json_t *)(uintptr_t)is, name, value)
    {
        if (json_object_get(was, name) == NULL)
            json_object_set_new(changed, name, json_pack("[n, O]", value));
    }
    if (json_object_size(changed) > 0)
        return changed;
    json_decref(changed);
    return NULL;
}

static void print_number(FILE *out, const json_t *number)
{
    if (json_is_integer(number))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    else
        fputs("none", out);
}

/* " (rows: t 2 -> 3, ...)" */
static void print_facts(const struct diff *diff, const json_t *facts)
{
    enum { SHOWN = 4 };
    const struct hb_cli *cli = diff->session->cli;
    size_t shown = 0, count = json_object_size(facts);
    const char *name;
    json_t *pair;
    json_object_foreach((json_t *)(uintptr_t)facts, name, pair)
    {
        if (cli->verbose == 0 && shown == SHOWN)
            break;
        HB_AUTO_FREE char *printable = hb_printable(name);
        fprintf(cli->out, "%s%s ", shown++ == 0 ? " (" : ", ", printable);
        print_number(cli->out, json_array_get(pair, 0));
        fputs(" -> ", cli->out);
        print_number(cli->out, json_array_get(pair, 1));
    }
    if (shown < count)
        fprintf(cli->out, ", and %zu more", count - shown);
    if (shown > 0)
        fputc(')', cli->out);
}

struct difference {
    const char *change;
    const char *path;
    uint8_t type;
    uint64_t bytes;
    const char *words;
    json_t *facts; /* taken over */
};

static void tell(const struct diff *diff, const struct difference *difference)
{
    const struct hb_cli *cli = diff->session->cli;
    const char *words = difference->words;
    if (cli->json) {
        json_t *object =
            json_pack("{s:s, s:s}", "type", "difference", "change", difference->change);
        hb_json_name(object, "path", difference->path);
        hb_json_add(object, "{s:s, s:I, s:o}", "kind", hb_member_type(difference->type), "bytes",
                    (json_int_t)difference->bytes, "what", json_of_words(words));
        if (difference->facts != NULL)
            json_object_set_new(object, "facts", difference->facts);
        hb_json_line(cli->out, object);
        return;
    }
    HB_AUTO_FREE char *path = hb_printable(difference->path);
    fprintf(cli->out, "%-8s %12" PRIu64 "  %s%s%s%s", difference->change, difference->bytes, path,
            difference->type == HB_TYPE_DIRECTORY ? "/" : "", words[0] != '\0' ? ": " : "", words);
    print_facts(diff, difference->facts);
    fputc('\n', cli->out);
    json_decref(difference->facts);
}

static struct difference of_member(const struct side *side, size_t index, const char *change)
{
    return (struct difference){.change = change,
                               .path = hb_catalog_path(side->catalog, index),
                               .type = (uint8_t)side->catalog->members[index].type,
                               .bytes = see(side, index).bytes,
                               .words = ""};
}

static void tell_added(struct diff *diff, size_t index)
{
    struct difference added = of_member(&diff->sides[1], index, "added");
    diff->added++;
    tell(diff, &added);
}

/* The first side has it alone. Where the second one is the home, that may have other reasons. */
static void tell_removed(struct diff *diff, size_t index)
{
    struct difference removed = of_member(&diff->sides[0], index, "removed");
    enum hb_home_lack lack = HB_LACK_GONE;
    size_t skip; /* a name that means no place is nowhere in the home */
    if (diff->sides[1].is_home && hb_path_problem(removed.path, SIZE_MAX, &skip) == NULL &&
        skip == 0)
        lack = hb_home_lacks(&diff->session->run, removed.path, &removed.type);
    if (lack == HB_LACK_UNTOLD) {
        diff->untold++;
    } else if (lack == HB_LACK_LEFT_OUT) {
        hb_json_append_name(diff->left_out, "path", removed.path);
    } else if (lack == HB_LACK_OTHER) {
        removed.change = "changed";
        removed.words = "kind";
        removed.bytes = 0;
        diff->changed++;
        tell(diff, &removed);
    } else {
        diff->removed++;
        tell(diff, &removed);
    }
}

static void tell_pair(struct diff *diff, size_t a, size_t b)
{
    char words[64];
    struct difference changed = of_member(&diff->sides[1], b, "changed");
    if (!compare(diff, a, b, words, sizeof words)) {
        diff->untold++;
        if (!is_unread(&diff->sides[1], b))
            hb_report_add(
                &diff->session->run.report, HB_FOUND_DOUBTFUL, changed.path,
                "cannot tell whether its content has changed: an archive has no checksum");
    }
    if (words[0] == '\0')
        return;
    changed.words = words;
    if (strstr(words, "size") != NULL || strstr(words, "content") != NULL)
        changed.facts = changed_facts(facts_of(&diff->sides[0], a), facts_of(&diff->sides[1], b));
    diff->changed++;
    tell(diff, &changed);
}

static void walk(struct diff *diff)
{
    const struct side *a = &diff->sides[0], *b = &diff->sides[1];
    for (size_t i = 0, j = 0; i < a->count || j < b->count;) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : strcmp(hb_catalog_path(a->catalog, a->order[i]),
                                             hb_catalog_path(b->catalog, b->order[j]));
        if (order < 0)
            tell_removed(diff, a->order[i++]);
        else if (order > 0)
            tell_added(diff, b->order[j++]);
        else
            tell_pair(diff, a->order[i++], b->order[j++]);
    }
}

static void print_left_out(const struct diff *diff)
{
    const struct hb_cli *cli = diff->session->cli;
    size_t count = json_array_size(diff->left_out);
    if (count == 0)
        return;
    hb_session_say(diff->session,
                   "%zu of the archive %s not compared: a backup would leave %s out today%s\n",
                   count, count == 1 ? "was" : "were", count == 1 ? "it" : "them",
                   cli->verbose > 0 ? ":" : " (-v lists them)");
    for (size_t i = 0; cli->verbose > 0 && i < count; i++) {
        const json_t *name = json_array_get(diff->left_out, i);
        const json_t *text = json_is_object(name) ? json_object_get(name, "path") : name;
        HB_AUTO_FREE char *shown = hb_printable(json_string_value(text));
        hb_session_say(diff->session, "  %s\n", shown);
    }
}

static int finish(struct diff *diff)
{
    struct hb_session *session = diff->session;
    json_t *object = NULL;
    hb_report_sort(&session->run.report);
    if (session->cli->json) {
        object = hb_session_summary(session, "diff");
        hb_json_add(object, "{s:s, s:I, s:I, s:I}", "status",
                    hb_session_code(session) != 0 || diff->untold > 0 ? "incomplete" : "complete",
                    "added", (json_int_t)diff->added, "removed", (json_int_t)diff->removed,
                    "changed", (json_int_t)diff->changed);
        hb_json_add(object, "{s:O}", "not_compared", diff->left_out);
    } else {
        hb_session_say(session, "%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed\n",
                       diff->added, diff->removed, diff->changed);
        print_left_out(diff);
        hb_summary_problems(session->cli, &session->run.report);
    }
    /* What a backup would leave out is no difference, and not of interest but to -v. */
    if (object != NULL || !diff->sides[1].is_home || session->cli->verbose > 0)
        hb_session_print_summary(session, object);
    else
        hb_summary_notes(session->cli, &session->run.report);
    return diff->untold > 0 && hb_session_code(session) == 0 ? HB_EXIT_INCOMPLETE
                                                             : hb_session_code(session);
}

static int run(struct hb_session *session)
{
    struct diff diff = {.session = session,
                        .sides = {{.archive = {.fd = -1}}, {.archive = {.fd = -1}}},
                        .left_out = json_array()};
    const char *second = session->arguments[1];
    session->cli->skipped = "Warnings: files that could not be compared";
    int code = open_side(session, session->arguments[0], &diff.sides[0]);
    if (code == 0)
        code = is_home(second) ? open_home(session, &diff.sides[0], &diff.sides[1])
                               : open_side(session, second, &diff.sides[1]);
    if (code == 0) {
        for (int i = 0; i < 2; i++)
            tell_incomplete(&diff, &diff.sides[i]);
        walk(&diff);
        code = finish(&diff);
    }
    close_side(&diff.sides[0]);
    close_side(&diff.sides[1]);
    json_decref(diff.left_out);
    return code;
}

static const struct hb_form form = {.arguments = "ARCHIVE [ARCHIVE|home]",
                                    .wrong = "takes an archive, and another one or the word home",
                                    .values = {HB_VALUES_FILES, HB_VALUES_FILES},
                                    .run = run};

const struct hb_command hb_command_diff = {
    .name = "diff",
    .summary = "what has changed since an archive, in the home or in another one",
    .about = "Lists what the second archive, or the home as it is now, has that the first one has\n"
             "not, what it lacks, and what has changed: kind, size, content (by checksums), link,\n"
             "mode, time; of databases also how many rows. Nothing is unpacked. Of the home all\n"
             "that a backup would store is read, databases as a backup reads them, and nothing\n"
             "is written there.",
    .end = "Exit status: 0 compared, 1 failed, 3 an archive or a file of the home cannot be read,\n"
           "or something cannot be told.",
    .forms = &form,
    .form_count = 1,
    .group = HB_FOR_ARCHIVES,
    .options = table,
    .bytes = sizeof(struct hb_reading_options),
};
