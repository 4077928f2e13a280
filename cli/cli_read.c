/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore list, cat and verify: commands that only read an archive. */
#include "cli_read.h"

#include "archive/extract.h"
#include "archive/verify.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "complain.h"
#include "host/failure.h"
#include "host/instance.h"
#include "import/select.h"
#include "session.h"
#include "summary.h"
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char list_help[] =
    "Usage: hbcore [global options] list ARCHIVE [--long] [--format NAME]\n"
    "\n"
    "Names the members of an archive, one a line; --long adds mode, size and time.\n"
    "With --json one object a line, with the whole names.\n";

static const char cat_help[] = "Usage: hbcore [global options] cat ARCHIVE MEMBER [--format NAME]\n"
                               "\n"
                               "Writes the content of one member to standard output.\n";

static const char verify_help[] =
    "Usage: hbcore [global options] verify ARCHIVE [--format NAME]\n"
    "\n"
    "Reads everything back: structure, checksums, sizes, names, modes and times;\n"
    "databases are checked as databases.\n"
    "\n"
    "Exit status: 0 whole, 1 damaged, 3 whole, but it is marked as incomplete or holds\n"
    "something doubtful.\n";

struct reading {
    struct hb_cli *cli;
    const char *archive_path;
    const char *member;
    const char *format;
    bool detailed;
    struct hb_config *config;
    struct hb_run run;
    struct hb_archive archive;
    struct hb_error error;
};

static int parse_arguments(struct reading *reading, const char *help, int wanted, int argc,
                           char **argv)
{
    static const struct option options[] = {
        {"long", no_argument, NULL, 'l'},
        {"format", required_argument, NULL, 'F'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":lh", options, NULL)) != -1) {
        if (option == 'l' && strcmp(argv[0], "list") == 0) {
            reading->detailed = true;
        } else if (option == 'F') {
            reading->format = optarg;
        } else if (option == 'h') {
            fputs(help, reading->cli->out);
            return -1;
        } else {
            return hb_cli_what(reading->cli, option, argv);
        }
    }
    if (argc - optind != wanted)
        return hb_cli_usage(reading->cli, argv[0],
                            wanted == 1 ? "takes one archive" : "takes an archive and a member");
    reading->archive_path = argv[optind];
    if (wanted == 2)
        reading->member = argv[optind + 1];
    if (strcmp(reading->archive_path, "-") == 0)
        return hb_cli_usage(reading->cli, argv[0], "needs a file; only import reads from a pipe");
    return 0;
}

/* 0, or an exit code after the message. The run is initialised unless that is HB_EXIT_USAGE. */
static int open_archive(struct reading *reading)
{
    int code = hb_cli_load_config(reading->cli, &reading->config);
    if (code != 0)
        return code;
    hb_run_init(&reading->run, reading->config);
    reading->run.log = reading->cli->err;
    reading->run.log_level = reading->cli->verbose > 0 ? HB_LOG_DEBUG : HB_LOG_INFO;
    int status = hb_archive_open(&reading->run, reading->archive_path, reading->format,
                                 &reading->archive, &reading->error);
    if (status == HB_OK)
        status = hb_archive_list(&reading->archive, &reading->error);
    if (status == HB_NOMATCH)
        status = hb_error_set(&reading->error, HB_FATAL,
                              "%s: is no regular file, and only import reads from a pipe",
                              reading->archive_path);
    return hb_cli_exit_code(status);
}

static int end_reading(struct reading *reading, int code)
{
    if (reading->error.text[0] != '\0')
        hb_cli_fail(reading->cli, code, &reading->error);
    hb_cli_end_progress(&reading->run);
    hb_archive_close(&reading->archive);
    if (reading->config != NULL) {
        hb_run_clear(&reading->run);
        hb_config_free(reading->config);
    }
    return code;
}

/* ---- list ---------------------------------------------------------------------------------- */

static const char *type_name(uint8_t type)
{
    switch (type) {
    case HB_FILE:
        return "file";
    case HB_DIRECTORY:
        return "directory";
    case HB_SYMLINK:
        return "link";
    case HB_HARDLINK:
        return "hardlink";
    default:
        return "special";
    }
}

static void list_json(struct reading *reading, size_t index)
{
    const struct hb_catalog *catalog = &reading->archive.catalog;
    const struct hb_catalog_member *member = &catalog->members[index];
    json_t *object = json_object();
    json_object_set_new(object, "type", json_string("entry"));
    hb_json_name(object, "path", hb_catalog_path(catalog, index));
    json_object_set_new(object, "kind", json_string(type_name(member->type)));
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

static void list_long(struct reading *reading, size_t index)
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

static void list_json_summary(struct reading *reading)
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
    json_object_set_new(object, "status", json_string(incomplete ? "incomplete" : "complete"));
    hb_json_name(object, "archive", reading->archive_path);
    json_object_set_new(object, "format", json_string(reading->archive.choice->section->label));
    json_object_set_new(object, "entries", json_integer((json_int_t)catalog->count));
    json_object_set_new(object, "files", json_integer((json_int_t)files));
    json_object_set_new(object, "bytes", json_integer((json_int_t)bytes));
    hb_json_line(reading->cli->out, object);
}

int hb_cli_list(struct hb_cli *cli, int argc, char **argv)
{
    struct reading reading = {.cli = cli, .archive = {.fd = -1}};
    int code = parse_arguments(&reading, list_help, 1, argc, argv);
    if (code != 0)
        return code < 0 ? 0 : code;
    code = open_archive(&reading);
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
    return end_reading(&reading, code);
}

/* ---- cat ----------------------------------------------------------------------------------- */

struct cat {
    struct reading *reading;
    size_t index;
};

static bool cat_wanted(void *context, size_t index)
{
    return index == ((struct cat *)context)->index;
}

static int cat_open(void *context, unsigned worker, size_t index, struct hb_error *error)
{
    (void)context;
    (void)worker;
    (void)index;
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return fd >= 0 ? fd : hb_error_set(error, HB_FATAL, "standard output: %s", strerror(errno));
}

static int cat_done(void *context, unsigned worker, size_t index, int fd, uint64_t bytes,
                    struct hb_error *error)
{
    (void)context;
    (void)worker;
    (void)index;
    (void)fd;
    (void)bytes;
    (void)error;
    return HB_OK;
}

/* The last member of that name; a leading "./" does not count. */
static size_t find_member(const struct hb_catalog *catalog, const char *name)
{
    size_t found = SIZE_MAX;
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    for (size_t i = 0; i < catalog->count; i++) {
        const char *path = hb_catalog_path(catalog, i);
        while (path[0] == '.' && path[1] == '/')
            path += 2;
        if (strcmp(path, name) == 0)
            found = i;
    }
    return found;
}

static int cat_member(struct reading *reading)
{
    struct cat cat = {.reading = reading};
    const struct hb_catalog *catalog = &reading->archive.catalog;
    cat.index = find_member(catalog, reading->member);
    if (cat.index == SIZE_MAX) {
        hb_error_set(&reading->error, HB_FATAL, "%s: has no member %s", reading->archive_path,
                     reading->member);
        hb_error_hint(&reading->error, "`hbcore list` names them");
        return HB_EXIT_FAILED;
    }
    if (catalog->members[cat.index].type != HB_FILE) {
        hb_error_set(&reading->error, HB_FATAL, "%s: %s is no file but a %s", reading->archive_path,
                     reading->member, type_name(catalog->members[cat.index].type));
        return HB_EXIT_FAILED;
    }
    struct hb_extract_request request = {
        .archive = &reading->archive,
        .workers = 1,
        .context = &cat,
        .wanted = cat_wanted,
        .open = cat_open,
        .done = cat_done,
        .sequential = true,
    };
    return hb_cli_exit_code(hb_extract(&request, &reading->error));
}

int hb_cli_cat(struct hb_cli *cli, int argc, char **argv)
{
    struct reading reading = {.cli = cli, .archive = {.fd = -1}};
    cli->raw_out = true;
    int code = parse_arguments(&reading, cat_help, 2, argc, argv);
    if (code != 0)
        return code < 0 ? 0 : code;
    code = open_archive(&reading);
    if (code == 0)
        code = cat_member(&reading);
    return end_reading(&reading, code);
}

/* ---- verify -------------------------------------------------------------------------------- */

static void print_damaged(struct reading *reading)
{
    const struct hb_report *report = &reading->run.report;
    const struct hb_cli *cli = reading->cli;
    hb_summary_damaged(cli, report);
    if (reading->error.hint[0] == '\0')
        hb_error_hint(&reading->error, "what is whole can be got out: hbcore cat ARCHIVE MEMBER");
}

static void print_verified(struct reading *reading, const struct hb_verified *verified)
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
                content->soundness == HB_SOUND     ? "sound"
                : content->soundness == HB_UNSOUND ? "NOT SOUND"
                                                   : "not checked in full");
    }
    hb_summary_findings(cli, cli->out, &reading->run.report);
}

static int verify_archive(struct reading *reading)
{
    struct hb_run *run = &reading->run;
    const struct hb_catalog *catalog = &reading->archive.catalog;
    struct hb_chain contents;
    struct hb_verified verified;
    uint64_t bytes = 0;
    if (hb_chain_create(run, HB_KIND_CONTENT, NULL, &contents, &reading->error) != HB_OK)
        return HB_EXIT_USAGE;
    for (size_t i = 0; i < catalog->count; i++)
        bytes += catalog->members[i].type == HB_FILE ? catalog->members[i].bytes : 0;
    hb_cli_start_progress(reading->cli, run, "verified", catalog->count, bytes);
    int code =
        hb_cli_exit_code(hb_verify(&reading->archive, &contents, &verified, &reading->error));
    hb_cli_end_progress(run);
    hb_chain_free(&contents);
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
    struct reading reading = {.cli = cli, .archive = {.fd = -1}};
    int code = parse_arguments(&reading, verify_help, 1, argc, argv);
    if (code != 0)
        return code < 0 ? 0 : code;
    code = open_archive(&reading);
    if (code == 0)
        code = verify_archive(&reading);
    return end_reading(&reading, code);
}
