/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore diff: what one archive has that another has not, or has otherwise. */
#include "archive/hard_links.h"
#include "archive/member.h"
#include "base/memory.h"
#include "base/name.h"
#include "commands.h"
#include "complain.h"
#include "named_archive.h"
#include "reading.h"
#include "summary.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct hb_cli_option table[] = {HB_READING_ROWS, {0}};

struct side {
    char *path;
    struct hb_archive archive;
    uint32_t *content; /* hb_hard_links_find() */
    size_t *order;     /* of the members, by name; the last one of a name alone */
    size_t count;
};

struct diff {
    struct hb_session *session;
    struct side sides[2];
    uint64_t added, removed, changed, untold;
};

/* ---- the two archives ---------------------------------------------------------------------- */

static int by_path(const void *one, const void *other, void *context)
{
    const size_t a = *(const size_t *)one, b = *(const size_t *)other;
    const struct hb_catalog *catalog = context;
    int order = strcmp(hb_catalog_path(catalog, a), hb_catalog_path(catalog, b));
    return order != 0 ? order : (a > b) - (a < b);
}

static void sort(struct side *side)
{
    struct hb_catalog *catalog = &side->archive.catalog;
    side->content = hb_hard_links_find(catalog);
    side->order = hb_resize(NULL, catalog->count + 1, sizeof *side->order);
    for (size_t i = 0; i < catalog->count; i++)
        side->order[i] = i;
    qsort_r(side->order, catalog->count, sizeof *side->order, by_path, catalog);
    for (size_t i = 0; i < catalog->count; i++)
        if (i + 1 == catalog->count || strcmp(hb_catalog_path(catalog, side->order[i]),
                                              hb_catalog_path(catalog, side->order[i + 1])) != 0)
            side->order[side->count++] = side->order[i];
}

/* What a backup could not store looks as if it were removed, and is not. */
static void tell_incomplete(struct diff *diff, const struct side *side)
{
    if (!side->archive.has_trailer || !hb_trailer_incomplete(&side->archive.trailer))
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

static void close_side(struct side *side)
{
    hb_archive_close(&side->archive);
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

/* A hard link counts as the file that it is. */
static struct seen see(const struct side *side, size_t index)
{
    const struct hb_catalog *catalog = &side->archive.catalog;
    struct seen seen = {.bytes = 0};
    seen.file = hb_hard_links_is_file(catalog, side->content, index, &seen.bytes);
    size_t content = seen.file && side->content != NULL ? side->content[index] : index;
    seen.hashed = seen.file && side->archive.has_trailer && !side->archive.later_trailer &&
                  hb_trailer_content(&side->archive.trailer, content, &seen.hash);
    seen.link = seen.file ? NULL : hb_catalog_link(catalog, index);
    return seen;
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
    const struct hb_catalog *old = &diff->sides[0].archive.catalog,
                            *new = &diff->sides[1].archive.catalog;
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

static void tell(const struct diff *diff, const char *change, int side, size_t index,
                 const char *words)
{
    const struct hb_catalog *catalog = &diff->sides[side].archive.catalog;
    const struct hb_cli *cli = diff->session->cli;
    uint64_t bytes = see(&diff->sides[side], index).bytes;
    if (cli->json) {
        json_t *object = json_pack("{s:s, s:s}", "type", "difference", "change", change);
        hb_json_name(object, "path", hb_catalog_path(catalog, index));
        hb_json_add(object, "{s:s, s:I, s:o}", "kind",
                    hb_member_type((uint8_t)catalog->members[index].type), "bytes",
                    (json_int_t)bytes, "what", json_of_words(words));
        hb_json_line(cli->out, object);
        return;
    }
    HB_AUTO_FREE char *path = hb_printable(hb_catalog_path(catalog, index));
    bool directory = catalog->members[index].type == HB_TYPE_DIRECTORY;
    fprintf(cli->out, "%-8s %12" PRIu64 "  %s%s%s%s\n", change, bytes, path, directory ? "/" : "",
            words[0] != '\0' ? ": " : "", words);
}

static void tell_pair(struct diff *diff, size_t a, size_t b)
{
    char words[64];
    if (!compare(diff, a, b, words, sizeof words)) {
        diff->untold++;
        hb_report_add(&diff->session->run.report, HB_FOUND_DOUBTFUL,
                      hb_catalog_path(&diff->sides[1].archive.catalog, b),
                      "cannot tell whether its content has changed: an archive has no checksum");
    }
    if (words[0] == '\0')
        return;
    diff->changed++;
    tell(diff, "changed", 1, b, words);
}

static void walk(struct diff *diff)
{
    const struct side *a = &diff->sides[0], *b = &diff->sides[1];
    for (size_t i = 0, j = 0; i < a->count || j < b->count;) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : strcmp(hb_catalog_path(&a->archive.catalog, a->order[i]),
                                             hb_catalog_path(&b->archive.catalog, b->order[j]));
        if (order < 0) {
            diff->removed++;
            tell(diff, "removed", 0, a->order[i++], "");
        } else if (order > 0) {
            diff->added++;
            tell(diff, "added", 1, b->order[j++], "");
        } else {
            tell_pair(diff, a->order[i++], b->order[j++]);
        }
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
                    diff->untold > 0 ? "incomplete" : "complete", "added", (json_int_t)diff->added,
                    "removed", (json_int_t)diff->removed, "changed", (json_int_t)diff->changed);
    } else {
        hb_session_say(session, "%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed\n",
                       diff->added, diff->removed, diff->changed);
        fflush(session->cli->out);
        hb_summary_problems(session->cli, &session->run.report);
        hb_summary_notes(session->cli, &session->run.report);
    }
    hb_session_print_summary(session, object);
    return hb_session_code(session);
}

static int run(struct hb_session *session)
{
    struct diff diff = {.session = session,
                        .sides = {{.archive = {.fd = -1}}, {.archive = {.fd = -1}}}};
    int code = open_side(session, session->arguments[0], &diff.sides[0]);
    if (code == 0)
        code = open_side(session, session->arguments[1], &diff.sides[1]);
    if (code == 0) {
        for (int i = 0; i < 2; i++)
            tell_incomplete(&diff, &diff.sides[i]);
        walk(&diff);
        code = finish(&diff);
    }
    close_side(&diff.sides[0]);
    close_side(&diff.sides[1]);
    return code;
}

static const struct hb_form form = {.arguments = "ARCHIVE ARCHIVE",
                                    .wrong = "takes two archives",
                                    .values = {HB_VALUES_FILES, HB_VALUES_FILES},
                                    .run = run};

const struct hb_command hb_command_diff = {
    .name = "diff",
    .summary = "what has changed from one archive to another",
    .about = "Lists what the second archive has that the first one has not, what it lacks, and\n"
             "what has changed: kind, size, content (by the checksums in the archives), link,\n"
             "mode, time. Nothing is unpacked.",
    .end =
        "Exit status: 0 compared, 1 failed, 3 an archive cannot be read, or something cannot be\n"
        "told.",
    .forms = &form,
    .form_count = 1,
    .group = HB_FOR_ARCHIVES,
    .options = table,
    .bytes = sizeof(struct hb_reading_options),
};
