/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore verify */
#include "cli_verify.h"

#include "archive/verify.h"
#include "base/memory.h"
#include "base/name.h"
#include "complain.h"
#include "pending.h"
#include "reading.h"
#include "session.h"
#include "summary.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char verify_help[] =
    "Usage: hbcore [global options] verify ARCHIVE [--format NAME]\n"
    "\n"
    "Reads everything back: structure, checksums, sizes, names, modes and times;\n"
    "databases are checked as databases: sound, NOT SOUND, or cannot tell.\n"
    "\n"
    "Exit status: 0 whole, 1 damaged, 3 whole, but it is marked as incomplete or holds\n"
    "something doubtful, or something in it could not be checked.\n";

static void print_damaged(struct hb_reading *reading)
{
    const struct hb_report *report = &reading->run.report;
    const struct hb_cli *cli = reading->cli;
    hb_summary_damaged(cli, report);
    if (reading->error.hint[0] == '\0')
        hb_error_hint(&reading->error, "what is whole can be got out: hbcore cat ARCHIVE MEMBER");
}

static void print_verified(struct hb_reading *reading, const struct hb_verified *verified)
{
    struct hb_cli *cli = reading->cli;
    if (cli->json) {
        json_t *object = hb_summary_json("verify", &reading->run.report);
        hb_json_name(object, "archive", reading->archive_path);
        json_object_set_new(object, "format", json_string(reading->archive.choice->section->label));
        json_object_set_new(object, "files", json_integer((json_int_t)verified->files));
        json_object_set_new(object, "bytes", json_integer((json_int_t)verified->bytes));
        hb_summary_json_findings(object, &reading->run.report);
        hb_json_line(cli->out, object);
        return;
    }
    char size[24];
    HB_AUTO_FREE char *path = hb_printable(reading->archive_path);
    if (!cli->quiet)
        fprintf(cli->out, "%s: ok, %" PRIu64 " files, %s read back\n", path, verified->files,
                hb_human_bytes(verified->bytes, size));
    for (size_t i = 0; i < reading->run.report.content_count && !cli->quiet; i++) {
        const struct hb_content_finding *content = &reading->run.report.contents[i];
        HB_AUTO_FREE char *name = hb_printable(content->path);
        fprintf(cli->out, "  %s: %s\n", name,
                content->soundness == HB_SOUND               ? "sound"
                : content->soundness == HB_UNSOUND           ? "NOT SOUND"
                : content->soundness == HB_SOUNDNESS_UNKNOWN ? "cannot tell"
                                                             : "not checked in full");
    }
    hb_summary_findings(cli, cli->out, &reading->run.report);
}

static int verify_archive(struct hb_reading *reading)
{
    struct hb_run *run = &reading->run;
    const struct hb_catalog *catalog = &reading->archive.catalog;
    struct hb_verified verified;
    uint64_t bytes = 0;
    for (size_t i = 0; i < catalog->count; i++)
        bytes += catalog->members[i].type == HB_FILE ? catalog->members[i].bytes : 0;
    hb_cli_start_progress(reading->cli, run, "verified", catalog->count, bytes);
    int status = hb_verify(&reading->archive, &verified, &reading->error);
    int code = hb_cli_exit_code(status);
    hb_cli_end_progress(run);
    if (status == HB_NOMATCH)
        return HB_EXIT_USAGE;
    hb_cli_find_pending(reading->cli, run);
    hb_report_sort(&run->report);
    if (verified.damaged) {
        print_damaged(reading);
        return code == 0 ? HB_EXIT_FAILED : code;
    }
    if (code != 0)
        return code;
    print_verified(reading, &verified);
    return hb_report_incomplete(&run->report) ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
}

int hb_cli_verify(struct hb_cli *cli, int argc, char **argv)
{
    struct hb_reading reading = {.cli = cli, .archive = {.fd = -1}};
    int code = hb_reading_parse(&reading, verify_help, 1, argc, argv);
    if (code != 0)
        return code < 0 ? 0 : code;
    code = hb_reading_open(&reading);
    if (code == 0)
        code = verify_archive(&reading);
    return hb_reading_end(&reading, code);
}
