/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore verify */
#include "archive/archive_sealed.h"
#include "archive/receipts.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "commands.h"
#include "complain.h"
#include "config/home_path.h"
#include "import/drill.h"
#include "import/verify.h"
#include "reading.h"
#include "restore/pending.h"
#include "summary.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct hb_cli_option table[] = {
    HB_READING_ROWS,
    {"sample", 0, "PERCENT%",
     "of the contents, read only so many percent, by chance; those\n"
     "first that were not read for longest",
     .takes = HB_TAKES_TEXT, .offset = offsetof(struct hb_reading_options, sample)},
    {"restore", 0, NULL,
     "a drill: restore all of it into a directory of its own,\n"
     "compare every file, remove it again",
     .offset = offsetof(struct hb_reading_options, restore)},
    {0}};

/* "5%" or "5"; 0: it is no such thing. */
static unsigned percent_of(const char *text)
{
    char *end;
    unsigned long percent = *text >= '1' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    if (percent == 0 || percent > 100 || (*end != '\0' && strcmp(end, "%") != 0))
        return 0;
    return (unsigned)percent;
}

static unsigned sample_of(const struct hb_session *session)
{
    const struct hb_reading_options *options = session->options;
    return options->sample == NULL ? 0 : percent_of(options->sample);
}

static int check(const struct hb_cli *cli, const void *of)
{
    const struct hb_reading_options *options = of;
    if (options->sample != NULL && options->restore)
        return hb_cli_usage(cli, "verify", "--sample and --restore do not go together");
    return options->sample == NULL || percent_of(options->sample) > 0
               ? 0
               : hb_cli_usage(cli, "verify", "--sample takes a whole number from 1%% to 100%%");
}

/* Of a database, at the end of its line: rows, say, that were counted when it was stored. */
static void print_facts(const struct hb_cli *cli, const char *text)
{
    json_t *facts = text == NULL ? NULL : json_loads(text, 0, NULL), *value;
    const char *name;
    json_object_foreach(facts, name, value)
    {
        HB_AUTO_FREE char *shown = hb_printable(name);
        fprintf(cli->out, "; %s %" JSON_INTEGER_FORMAT, shown, json_integer_value(value));
    }
    fputs("\n", cli->out);
    json_decref(facts);
}

static void print_contents(const struct hb_session *session)
{
    const struct hb_cli *cli = session->cli;
    const struct hb_report *report = &session->run.report;
    for (size_t i = 0; i < report->content_count && !cli->quiet; i++) {
        const struct hb_content_finding *content = &report->contents[i];
        HB_AUTO_FREE char *name = hb_printable(content->path);
        fprintf(cli->out, "  %s: %s", name,
                content->soundness == HB_SOUNDNESS_SOUND     ? "sound"
                : content->soundness == HB_SOUNDNESS_UNSOUND ? "NOT SOUND"
                : content->soundness == HB_SOUNDNESS_UNKNOWN ? "cannot tell"
                                                             : "not checked in full");
        print_facts(cli, content->facts);
    }
}

static void print_drilled(const struct hb_reading *reading, const struct hb_drilled *drilled)
{
    const struct hb_session *session = reading->session;
    char size[24];
    if (session->cli->json) {
        json_t *object = hb_session_summary(session, "verify");
        hb_json_name(object, "archive", reading->path);
        hb_json_name(object, "format", reading->archive.choice->section->label);
        hb_json_name_or_null(object, "sealed", hb_archive_seal_name(&reading->archive));
        hb_json_add(object, "{s:I, s:I, s:b, s:I, s:I}", "files", (json_int_t)drilled->files,
                    "bytes", (json_int_t)drilled->bytes, "restored", true, "all_files",
                    (json_int_t)drilled->all_files, "different", (json_int_t)drilled->different);
        hb_session_print_summary(session, object);
        return;
    }
    session->cli->skipped = "Warnings: files that were not restored";
    HB_AUTO_FREE char *path = hb_printable(reading->path);
    hb_summary_status(session, "Restore ok", "Restore DOUBTFUL",
                      "%s: %" PRIu64 " of %" PRIu64 " file%s, %s, restored and compared", path,
                      drilled->files, drilled->all_files, hb_plural(drilled->all_files),
                      hb_human_bytes(drilled->bytes, size));
    print_contents(session);
    hb_summary_information(session->cli, session->cli->out, &session->run.report);
}

static void print_verified(const struct hb_reading *reading, const struct hb_verified *verified)
{
    const struct hb_session *session = reading->session;
    const struct hb_cli *cli = session->cli;
    const struct hb_report *report = &session->run.report;
    char size[24], all[24];
    if (cli->json) {
        json_t *object = hb_session_summary(session, "verify");
        hb_json_name(object, "archive", reading->path);
        hb_json_name_or_null(object, "format",
                             reading->archive.shut ? NULL
                                                   : reading->archive.choice->section->label);
        hb_json_name_or_null(object, "sealed", hb_archive_seal_name(&reading->archive));
        hb_json_add(object, "{s:I, s:I}", "files", (json_int_t)verified->files, "bytes",
                    (json_int_t)verified->bytes);
        if (sample_of(session) > 0 && !reading->archive.shut)
            hb_json_add(object, "{s:i, s:I, s:I}", "sample", (int)sample_of(session), "all_files",
                        (json_int_t)verified->all_files, "all_bytes",
                        (json_int_t)verified->all_bytes);
        hb_session_print_summary(session, object);
        return;
    }
    session->cli->skipped = "Warnings: files that an import would skip";
    HB_AUTO_FREE char *path = hb_printable(reading->path);
    if (reading->archive.shut)
        hb_summary_status(session, "Header ok", "Archive NOT READ", "%s", path);
    else if (sample_of(session) > 0)
        hb_summary_status(session, "Sample ok", "Sample DOUBTFUL",
                          "%s: %" PRIu64 " of %" PRIu64 " file%s, %s of %s read back", path,
                          verified->files, verified->all_files, hb_plural(verified->all_files),
                          hb_human_bytes(verified->bytes, size),
                          hb_human_bytes(verified->all_bytes, all));
    else
        hb_summary_status(session, "Archive ok", "Archive DOUBTFUL",
                          "%s: %" PRIu64 " file%s, %s read back", path, verified->files,
                          hb_plural(verified->files), hb_human_bytes(verified->bytes, size));
    print_contents(session);
    hb_summary_information(cli, cli->out, report);
}

/* Content is read once, however many links there are to it. */
static void start_progress(struct hb_session *session, const struct hb_catalog *catalog)
{
    uint64_t files = 0, bytes = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        files += catalog->members[i].type == HB_TYPE_FILE;
        bytes += catalog->members[i].type == HB_TYPE_FILE ? catalog->members[i].bytes : 0;
    }
    hb_session_start_progress(session, "verified", files, bytes);
}

/* As an import finds it; NULL: there is none, and none is needed. Caller frees. */
static char *find_home(const struct hb_session *session)
{
    HB_AUTO_FREE char *path = NULL;
    struct hb_error ignored;
    if (hb_home_find(session->config, session->cli->home, true, &path, &ignored) != HB_OK)
        return NULL;
    return hb_absolute(path);
}

/* Damage is told by the exit code alone, where the archive is to blame. */
static void write_receipt(const char *key, enum hb_receipt_how how, int code)
{
    if (code == HB_EXIT_DONE || code == HB_EXIT_INCOMPLETE || code == HB_EXIT_FAILED)
        hb_receipt_write(key, how,
                         code == HB_EXIT_DONE         ? HB_CHECK_OK
                         : code == HB_EXIT_INCOMPLETE ? HB_CHECK_DOUBTFUL
                                                      : HB_CHECK_DAMAGED);
}

/* "": what is found is not remembered. */
static void key_of(const struct hb_reading *reading, char key[HB_RECEIPT_KEY_BYTES])
{
    *key = '\0';
    if (hb_receipt_key_tells(&reading->archive))
        hb_receipt_key(&reading->archive, key);
}

static int verify(struct hb_reading *reading)
{
    struct hb_session *session = reading->session;
    struct hb_verified verified;
    char key[HB_RECEIPT_KEY_BYTES];
    key_of(reading, key);
    start_progress(session, &reading->archive.catalog);
    HB_AUTO_FREE char *home = find_home(session);
    unsigned percent = sample_of(session);
    enum hb_receipt_how how = percent == 0 ? HB_CHECKED_WHOLE : HB_CHECKED_SAMPLE;
    int status = percent == 0 ? hb_verify(&reading->archive, home, &verified, &session->error)
                              : hb_verify_sample(&reading->archive, home, percent, &verified,
                                                 &session->error);
    hb_session_end_progress(session);
    if (status == HB_STATUS_NOMATCH)
        return HB_EXIT_USAGE;
    int code = hb_cli_exit_code(status);
    hb_pending_find(&session->run, session->cli->home);
    hb_report_sort(&session->run.report);
    if (verified.damaged) {
        hb_summary_damaged(session->cli, &session->run.report);
        if (session->error.hint[0] == '\0' && verified.files > 0)
            hb_error_hint(&session->error,
                          "undamaged members can still be extracted: hbcore cat ARCHIVE MEMBER");
        code = code == 0 ? HB_EXIT_FAILED : code;
        write_receipt(key, how, code);
        return code;
    }
    if (code != 0)
        return code;
    print_verified(reading, &verified);
    write_receipt(key, how, hb_session_code(session));
    return hb_session_code(session);
}

/* ---- a drill ------------------------------------------------------------------------------- */

static void on_begin(void *context, uint64_t files, uint64_t bytes)
{
    hb_session_start_progress(context, "unpacked", files, bytes);
}

static int drill(struct hb_reading *reading)
{
    struct hb_session *session = reading->session;
    const struct hb_reading_options *options = session->options;
    struct hb_drilled drilled;
    HB_AUTO_FREE char *directory = hb_session_temporary(session);
    const struct hb_drill_request request = {
        .archive = &reading->archive,
        .path = reading->path,
        .format = options->format,
        .directory = directory,
        .begin = on_begin,
        .context = session,
    };
    char key[HB_RECEIPT_KEY_BYTES];
    key_of(reading, key);
    int status = hb_drill(&request, &drilled, &session->error);
    hb_session_end_progress(session);
    hb_report_sort(&session->run.report);
    if (status != HB_OK && drilled.damaged && hb_cli_exit_code(status) == HB_EXIT_FAILED)
        write_receipt(key, HB_CHECKED_RESTORE, HB_EXIT_FAILED);
    if (status != HB_OK)
        return hb_cli_exit_code(status);
    print_drilled(reading, &drilled);
    int code = drilled.different > 0 ? HB_EXIT_INCOMPLETE : hb_session_code(session);
    write_receipt(key, HB_CHECKED_RESTORE, code);
    return code;
}

/* Its header and its length are right, or it would be damaged. More takes the key. */
static int verify_shut(struct hb_reading *reading)
{
    struct hb_session *session = reading->session;
    struct hb_verified verified = {0};
    const char *hint = session->error.hint;
    hb_report_add(&session->run.report, HB_FOUND_DOUBTFUL, "",
                  "its header and its length are right, and no more could be checked: %s%s%s",
                  session->error.text, *hint == '\0' ? "" : "; ", hint);
    session->error = (struct hb_error){0};
    print_verified(reading, &verified);
    return HB_EXIT_INCOMPLETE;
}

static int run(struct hb_session *session)
{
    const struct hb_reading_options *options = session->options;
    return hb_reading_run(session, "verify", options->restore ? drill : verify, verify_shut);
}

static const struct hb_form form = {
    .arguments = "ARCHIVE", .wrong = "takes one archive", .values = {HB_VALUES_FILES}, .run = run};

const struct hb_command hb_command_verify = {
    .name = "verify",
    .group = HB_FOR_ARCHIVES,
    .summary = "read an archive back in full",
    .about = "Reads everything back: structure, checksums, sizes, names, modes and times;\n"
             "databases are checked as databases: sound, NOT SOUND, or cannot tell.\n"
             "With --restore all of it is imported into a new directory below [backup] stage-dir,\n"
             "else $TMPDIR, else /tmp, which nobody else can read and which is removed again.",
    .end =
        "Exit status: 0 undamaged, 1 damaged, or nothing that can be imported, 3 undamaged, but\n"
        "marked as incomplete, or with something in it that an import would leave out, that is\n"
        "doubtful, or that could not be checked: all of it, where it is sealed and the key is "
        "missing;\n"
        "with --restore also, where something that was restored differs.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .bytes = sizeof(struct hb_reading_options),
    .check = check,
};
