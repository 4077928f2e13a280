/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore list */
#include "cli_list.h"

#include "base/memory.h"
#include "base/name.h"
#include "complain.h"
#include "pending.h"
#include "reading.h"
#include "summary.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char list_help[] =
    "Usage: hbcore [global options] list ARCHIVE [--long] [--format NAME]\n"
    "\n"
    "Names the members of an archive, one a line; --long adds mode, size and time.\n"
    "With --json one object a line, with the whole names.\n";

static void list_json(struct hb_reading *reading, size_t index)
{
    const struct hb_catalog *catalog = &reading->archive.catalog;
    const struct hb_catalog_member *member = &catalog->members[index];
    json_t *object = json_object();
    json_object_set_new(object, "type", json_string("entry"));
    hb_json_name(object, "path", hb_catalog_path(catalog, index));
    json_object_set_new(object, "kind", json_string(hb_reading_type(member->type)));
    json_object_set_new(object, "bytes", json_integer((json_int_t)member->bytes));
    if (member->entry_flags & HB_ENTRY_HAS_MODE)
        json_object_set_new(object, "mode", json_integer(member->mode));
    if (member->entry_flags & HB_ENTRY_HAS_MTIME)
        json_object_set_new(
            object, "mtime",
            json_real((double)member->mtime_seconds + (double)member->mtime_nanoseconds / 1e9));
    if (hb_catalog_link(catalog, index) != NULL)
        hb_json_name(object, "link", hb_catalog_link(catalog, index));
    hb_json_line(reading->cli->out, object);
}

static void list_long(struct hb_reading *reading, size_t index)
{
    static const char letters[] = "rwxrwxrwx";
    const struct hb_catalog *catalog = &reading->archive.catalog;
    const struct hb_catalog_member *member = &catalog->members[index];
    char mode[11] = "?---------", stamp[32] = "-";
    mode[0] = member->type == HB_DIRECTORY ? 'd'
              : member->type == HB_SYMLINK ? 'l'
              : member->type == HB_FILE    ? '-'
                                           : '?';
    for (int i = 0; i < 9 && (member->entry_flags & HB_ENTRY_HAS_MODE); i++)
        if (member->mode & (0400u >> i))
            mode[i + 1] = letters[i];
    time_t seconds = member->mtime_seconds;
    struct tm local;
    if ((member->entry_flags & HB_ENTRY_HAS_MTIME) && localtime_r(&seconds, &local) != NULL)
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &local);
    HB_AUTO_FREE char *path = hb_printable(hb_catalog_path(catalog, index));
    const char *link = hb_catalog_link(catalog, index);
    HB_AUTO_FREE char *shown = link == NULL ? NULL : hb_printable(link);
    fprintf(reading->cli->out, "%s %12" PRIu64 " %-19s %s%s%s%s\n", mode, member->bytes, stamp,
            path, member->type == HB_DIRECTORY ? "/" : "", link == NULL ? "" : " -> ",
            link == NULL ? "" : shown);
}

static void list_json_summary(struct hb_reading *reading)
{
    const struct hb_catalog *catalog = &reading->archive.catalog;
    uint64_t files = 0, bytes = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        files += catalog->members[i].type == HB_FILE;
        bytes += catalog->members[i].type == HB_FILE ? catalog->members[i].bytes : 0;
    }
    bool incomplete =
        reading->archive.has_trailer && hb_trailer_incomplete(&reading->archive.trailer);
    json_t *object = hb_summary_json("list", &reading->run.report);
    json_object_set_new(object, "status",
                        json_string(reading->archive.later_trailer ? "unknown"
                                    : incomplete                   ? "incomplete"
                                                                   : "complete"));
    hb_json_name(object, "archive", reading->archive_path);
    json_object_set_new(object, "format", json_string(reading->archive.choice->section->label));
    json_object_set_new(object, "entries", json_integer((json_int_t)catalog->count));
    json_object_set_new(object, "files", json_integer((json_int_t)files));
    json_object_set_new(object, "bytes", json_integer((json_int_t)bytes));
    hb_json_line(reading->cli->out, object);
}

int hb_cli_list(struct hb_cli *cli, int argc, char **argv)
{
    struct hb_reading reading = {.cli = cli, .archive = {.fd = -1}};
    int code = hb_reading_parse(&reading, list_help, 1, argc, argv);
    if (code != 0)
        return code < 0 ? 0 : code;
    code = hb_reading_open(&reading);
    for (size_t i = 0; code == 0 && i < reading.archive.catalog.count; i++) {
        if (cli->json) {
            list_json(&reading, i);
        } else if (reading.detailed) {
            list_long(&reading, i);
        } else {
            HB_AUTO_FREE char *path = hb_printable(hb_catalog_path(&reading.archive.catalog, i));
            bool directory = reading.archive.catalog.members[i].type == HB_DIRECTORY;
            fprintf(cli->out, "%s%s\n", path, directory ? "/" : "");
        }
    }
    if (code == 0 && cli->json)
        list_json_summary(&reading);
    else if (code == 0 && reading.archive.later_trailer && !cli->quiet)
        hb_cli_complain(cli, &(struct hb_error){.text = "the archive: " HB_LATER_TRAILER});
    if (code == 0) {
        hb_cli_find_pending(cli, &reading.run);
        fflush(cli->out);
        hb_cli_show_notes(cli, &reading.run.report);
    }
    return hb_reading_end(&reading, code);
}
