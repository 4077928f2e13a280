/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore list */
#include "archive/archive_sealed.h"
#include "archive/hard_links.h"
#include "base/memory.h"
#include "base/name.h"
#include "cli_archives.h"
#include "commands.h"
#include "complain.h"
#include "entry_json.h"
#include "reading.h"
#include "restore/pending.h"
#include "summary.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct hb_cli_option table[] = {
    {"long", 'l', NULL, "add mode, size and time",
     .offset = offsetof(struct hb_reading_options, detailed)},
    HB_READING_ROWS,
    {0},
};

static void list_json(struct hb_reading *reading, size_t index)
{
    const struct hb_catalog *catalog = &reading->archive.catalog;
    const json_t *facts = hb_annotations_facts(reading->archive.trailer.annotations, index);
    json_t *member = hb_json_member(catalog, index);
    if (facts != NULL)
        json_object_set_new(member, "facts", json_deep_copy(facts));
    hb_session_print_entry(reading->session, hb_catalog_path(catalog, index), false, NULL, member);
}

/* As ls shows setuid, setgid and sticky: in the place of x, or in capitals where there is none. */
static void add_special_bits(char *text, uint32_t mode)
{
    static const char letters[] = "sst";
    for (int i = 0; i < 3; i++)
        if (mode & (04000u >> i)) {
            char *at = text + 3 + 3 * i;
            *at = *at == 'x' ? letters[i] : (char)(letters[i] - 'a' + 'A');
        }
}

static void list_long(struct hb_reading *reading, size_t index)
{
    static const char letters[] = "rwxrwxrwx";
    const struct hb_catalog *catalog = &reading->archive.catalog;
    const struct hb_catalog_member *member = &catalog->members[index];
    const struct hb_catalog_common *common = hb_catalog_common(catalog, index);
    char mode[11] = "?---------", stamp[32] = "-";
    mode[0] = member->type == HB_TYPE_DIRECTORY  ? 'd'
              : member->type == HB_TYPE_SYMLINK  ? 'l'
              : member->type == HB_TYPE_FILE     ? '-'
              : member->type == HB_TYPE_HARDLINK ? 'h'
                                                 : '?';
    for (int i = 0; i < 9 && (common->entry_flags & HB_ENTRY_HAS_MODE); i++)
        if (common->mode & (0400u >> i))
            mode[i + 1] = letters[i];
    if (common->entry_flags & HB_ENTRY_HAS_MODE)
        add_special_bits(mode, common->mode);
    time_t seconds = hb_catalog_mtime_seconds(catalog, index);
    struct tm local;
    if ((common->entry_flags & HB_ENTRY_HAS_MTIME) && localtime_r(&seconds, &local) != NULL)
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &local);
    HB_AUTO_FREE char *path = hb_printable(hb_catalog_path(catalog, index));
    const char *link = hb_catalog_link(catalog, index);
    HB_AUTO_FREE char *shown = link == NULL ? NULL : hb_printable(link);
    fprintf(reading->session->cli->out, "%s %12" PRIu64 " %-19s %s%s%s%s\n", mode, member->bytes,
            stamp, path, member->type == HB_TYPE_DIRECTORY ? "/" : "", link == NULL ? "" : " -> ",
            link == NULL ? "" : shown);
}

static void list_json_summary(struct hb_reading *reading)
{
    const struct hb_archive *archive = &reading->archive;
    bool incomplete = (archive->has_trailer && hb_trailer_incomplete(&archive->trailer)) ||
                      hb_report_incomplete(&reading->session->run.report);
    json_t *object = hb_session_summary(reading->session, "list");
    uint64_t files, bytes;
    hb_hard_links_count(&archive->catalog, &files, &bytes);
    hb_json_add(object, "{s:s, s:I, s:I, s:I}", "status",
                archive->later_trailer ? "unknown"
                : incomplete           ? "incomplete"
                                       : "complete",
                "entries", (json_int_t)archive->catalog.count, "files", (json_int_t)files, "bytes",
                (json_int_t)bytes);
    hb_json_name(object, "archive", reading->path);
    hb_json_name(object, "format", archive->choice->section->label);
    hb_json_name_or_null(object, "sealed", hb_archive_seal_name(archive));
    hb_session_print_summary(reading->session, object);
}

static int list(struct hb_reading *reading)
{
    struct hb_session *session = reading->session;
    const struct hb_reading_options *options = session->options;
    const struct hb_catalog *catalog = &reading->archive.catalog;
    for (size_t i = 0; i < catalog->count; i++) {
        if (session->cli->json) {
            list_json(reading, i);
        } else if (options->detailed) {
            list_long(reading, i);
        } else {
            HB_AUTO_FREE char *path = hb_printable(hb_catalog_path(catalog, i));
            bool directory = catalog->members[i].type == HB_TYPE_DIRECTORY;
            fprintf(session->cli->out, "%s%s\n", path, directory ? "/" : "");
        }
    }
    hb_pending_find(&session->run, session->cli->home);
    hb_report_sort(&session->run.report);
    if (session->cli->json)
        list_json_summary(reading);
    else if (reading->archive.later_trailer && !session->cli->quiet)
        hb_cli_complain(session->cli, &(struct hb_error){.text = "the archive: " HB_LATER_TRAILER});
    fflush(session->cli->out);
    hb_summary_problems(session->cli, &session->run.report);
    hb_summary_notes(session->cli, &session->run.report);
    return hb_session_code(session);
}

static int run(struct hb_session *session)
{
    return session->arguments[0] == NULL ? hb_archives_run(session)
                                         : hb_reading_run(session, "list", list, NULL);
}

static const struct hb_form form = {.arguments = "[ARCHIVE]",
                                    .wrong = "takes one archive",
                                    .values = {HB_VALUES_FILES},
                                    .run = run};

const struct hb_command hb_command_list = {
    .name = "list",
    .summary = "list the members of an archive",
    .about = "Lists the members of an archive, one per line; --long adds mode, size and time.\n"
             "With --json each line is an object, with the full name. Without an archive: which\n"
             "archives there are, as `hbcore archives`.",
    .end = "Exit status: 0 listed, 1 it cannot be read, 3 listed, but something is doubtful.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .bytes = sizeof(struct hb_reading_options),
};
