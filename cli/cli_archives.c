/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore archives: which archives there are, how old and how good. */
#include "cli_archives.h"

#include "archives_page.h"
#include "archives_table.h"
#include "backup/look.h"
#include "backup/row_words.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "commands.h"
#include "complain.h"
#include "preset_report.h"
#include "summary.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct archives_options {
    const char *max_age;
    bool prometheus;
    const char *html;
};

#define AT(member) offsetof(struct archives_options, member)

static const struct hb_cli_option table[] = {
    {"max-age", 0, "AGE",
     "exit status 3 if no complete archive of this home is\n"
     "younger: 26h, 7d",
     .takes = HB_TAKES_TEXT, .offset = AT(max_age)},
    {"prometheus", 0, NULL, "print metrics in the text format of Prometheus",
     .offset = AT(prometheus)},
    {"html", 0, "FILE", "write a page for a browser; - for standard output", .takes = HB_TAKES_TEXT,
     .offset = AT(html), .values = HB_VALUES_FILES},
    {0},
};

static const struct hb_meant meant[] = {
    {"--preset", "name the preset itself: `hbcore archives NAME`"},
    {"--long", "it prints all that is known; add --json for more"},
    {0},
};

struct archives_command {
    struct hb_session *session;
    const struct archives_options *options;
    struct hb_receipts receipts;
    int64_t max_age; /* seconds; 0: any */
    int64_t now;
    struct hb_archives_page *page; /* or NULL */
    uint64_t archives, complete;
    bool too_old; /* of one of the places */
    bool failed;  /* one of them cannot be listed, or the page cannot be written */
};

/* ---- what is said -------------------------------------------------------------------------- */

/* All null: unknown. */
static void tell_receipt(json_t *object, const struct hb_receipt *receipt)
{
    hb_json_add(object, "{s:o, s:s?, s:s?}", "verified",
                receipt == NULL ? json_null() : json_integer(receipt->when), "verified_how",
                receipt == NULL ? NULL : hb_receipt_how_word(receipt->how), "verified_result",
                receipt == NULL ? NULL : hb_receipt_result_word(receipt->result));
}

/* Why it is not whole, or is marked; null: it was not asked. */
static void tell_words(json_t *object, const struct hb_preset_archives *archives, size_t number)
{
    const json_t *reasons = archives->rows[number].reasons;
    HB_AUTO_FREE char *shrunk = hb_row_shrunk_why(archives, number);
    HB_AUTO_FREE char *why = shrunk == NULL ? NULL : hb_printable(shrunk);
    json_t *list = reasons == NULL ? json_null() : json_array();
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        const json_t *row = json_array_get(reasons, i);
        HB_AUTO_FREE char *reason = hb_printable(json_string_value(json_object_get(row, "reason")));
        json_t *one = json_object();
        hb_json_name(one, "path", json_string_value(json_object_get(row, "path")));
        json_object_set_new(one, "reason", json_string(reason));
        json_array_append_new(list, one);
    }
    json_object_set_new(object, "why", list);
    hb_json_add(object, "{s:s?}", "shrunk_why", why);
}

static void tell_program(const struct archives_command *command, const struct hb_looked *looked,
                         size_t number)
{
    const struct hb_preset_archive *row = &looked->archives->rows[number];
    const struct hb_archive_facts facts = hb_archive_facts(row);
    HB_AUTO_FREE char *path = hb_preset_archive_path(looked->archives, number);
    json_t *object = json_pack("{s:s}", "type", "listed_archive");
    hb_json_name_or_null(object, "preset", looked->preset);
    hb_json_name(object, "path", path);
    hb_json_add(object, "{s:I, s:s, s:o, s:o}", "number", (json_int_t)number + 1, "whose",
                hb_archive_whose(row), "complete", hb_json_answer(hb_looks_complete(row)),
                "started", facts.started > 0 ? json_integer(facts.started) : json_null());
    hb_json_add(object, "{s:I, s:o, s:o, s:o, s:o}", "archive_bytes",
                (json_int_t)row->status.st_size, "files",
                facts.known ? json_integer((json_int_t)facts.files) : json_null(), "bytes",
                facts.known ? json_integer((json_int_t)facts.bytes) : json_null(), "databases",
                facts.counted ? json_integer((json_int_t)facts.databases) : json_null(), "reasons",
                facts.counted ? json_integer((json_int_t)facts.reasons) : json_null());
    hb_json_add(object, "{s:b}", "shrunk", row->kept.shrunk);
    tell_words(object, looked->archives, number);
    hb_json_name_or_null(object, "host", row->has_origin ? row->origin.host : NULL);
    tell_receipt(object, hb_archive_receipt(&command->receipts, looked, number));
    hb_json_line(command->session->cli->out, object);
}

/* The first one is why the command fails; the others are told at once. */
static void tell_failure(struct archives_command *command, const struct hb_error *error)
{
    if (command->failed)
        hb_cli_complain(command->session->cli, error);
    else
        command->session->error = *error;
    command->failed = true;
}

static void tell_problem(struct archives_command *command, const struct hb_looked *looked)
{
    struct hb_error error = {0};
    if (looked->preset != NULL)
        hb_error_set(&error, HB_STATUS_FATAL, "[preset:%s]: %s", looked->preset, looked->problem);
    else
        hb_error_set(&error, HB_STATUS_FATAL, "%s", looked->problem);
    if (looked->hint != NULL)
        hb_error_hint(&error, "%s", looked->hint);
    tell_failure(command, &error);
}

/* The youngest that is complete and this home's; NULL: none. A time to come is none. */
static const struct hb_preset_archive *newest_complete(const struct archives_command *command,
                                                       const struct hb_looked *looked)
{
    const struct hb_preset_archive *newest = NULL;
    for (size_t i = 0; i < looked->archives->count; i++) {
        const struct hb_preset_archive *row = &looked->archives->rows[i];
        int64_t started = hb_archive_facts(row).started;
        if (row->kept.whose == HB_HOME_OURS && hb_looks_complete(row) == HB_YES && started > 0 &&
            started <= command->now + HB_AHEAD_SECONDS &&
            (newest == NULL || started > hb_archive_facts(newest).started))
            newest = row;
    }
    return newest;
}

static void tell_ahead(const struct archives_command *command, const struct hb_looked *looked)
{
    for (size_t i = 0; i < looked->archives->count; i++) {
        const struct hb_preset_archive *row = &looked->archives->rows[i];
        if (hb_archive_facts(row).started > command->now + HB_AHEAD_SECONDS)
            hb_report_add(&command->session->run.report, HB_FOUND_NOTE, "",
                          "%s/%s: its time lies ahead, so nobody can tell how old it is",
                          looked->archives->directory, row->kept.name);
    }
}

static void judge_age(struct archives_command *command, const struct hb_looked *looked)
{
    const struct hb_preset_archive *newest = newest_complete(command, looked);
    char age[HB_HUMAN_BYTES];
    tell_ahead(command, looked);
    if (command->max_age == 0)
        return;
    if (newest != NULL && command->now - hb_archive_facts(newest).started < command->max_age)
        return;
    command->too_old = true;
    HB_AUTO_FREE char *directory = hb_printable(looked->directory);
    if (newest == NULL)
        hb_report_add(&command->session->run.report, HB_FOUND_DOUBTFUL, "",
                      "%s: there is no complete archive of this home", directory);
    else
        hb_report_add(&command->session->run.report, HB_FOUND_DOUBTFUL, "",
                      "%s: the newest complete archive is %s old: %s", directory,
                      hb_human_age((double)(command->now - hb_archive_facts(newest).started), age),
                      newest->kept.name);
}

static void on_looked(void *context, const struct hb_looked *looked)
{
    struct archives_command *command = context;
    const struct hb_cli *cli = command->session->cli;
    if (command->page != NULL)
        hb_archives_page_add(command->page, looked);
    if (looked->problem != NULL) {
        tell_problem(command, looked);
        return;
    }
    command->archives += looked->archives->count;
    for (size_t i = 0; i < looked->archives->count; i++) {
        const struct hb_preset_archive *row = &looked->archives->rows[i];
        command->complete += row->kept.whose == HB_HOME_OURS && hb_looks_complete(row) == HB_YES;
        if (cli->json)
            tell_program(command, looked, i);
    }
    judge_age(command, looked);
    if (command->options->prometheus)
        hb_archives_metrics(cli->out, looked, &command->receipts, newest_complete(command, looked));
    else if (command->page == NULL && !cli->json && !cli->quiet)
        hb_archives_table(cli, looked, &command->receipts, command->now);
}

static void print_summary(const struct archives_command *command)
{
    struct hb_session *session = command->session;
    json_t *object = NULL;
    if (session->cli->json && command->failed)
        return; /* its last line is the error */
    if (session->cli->json) {
        object = hb_session_summary(session, "archives");
        hb_json_add(object, "{s:s, s:I, s:I}", "status",
                    command->too_old ? "incomplete" : "complete", "archives",
                    (json_int_t)command->archives, "complete_archives",
                    (json_int_t)command->complete);
    } else {
        hb_summary_problems(session->cli, &session->run.report);
    }
    hb_session_print_summary(session, object);
}

/* ---- the command --------------------------------------------------------------------------- */

/* "90s", "26h", "7d". False: it is none. */
static bool parse_age(const char *text, int64_t *seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 24 * 3600}};
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || number <= 0 || number > 1000000 || end[0] == '\0' ||
        end[1] != '\0')
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        *seconds = number * units[i].seconds;
        if (units[i].unit == *end)
            return true;
    }
    return false;
}

static int check(const struct hb_cli *cli, const void *given)
{
    const struct archives_options *options = given;
    int64_t seconds;
    if (options->max_age != NULL && !parse_age(options->max_age, &seconds))
        return hb_cli_usage(cli, "archives", "--max-age takes a number and s, m, h or d: 26h");
    if (options->prometheus && cli->json)
        return hb_cli_usage(cli, "archives", "--prometheus and --json do not go together");
    if (options->html != NULL && *options->html == '\0')
        return hb_cli_usage(cli, "archives", "--html takes the name of a file, or -");
    if (options->html != NULL && options->prometheus)
        return hb_cli_usage(cli, "archives", "--html and --prometheus do not go together");
    if (options->html != NULL && strcmp(options->html, "-") == 0 && cli->json)
        return hb_cli_usage(cli, "archives", "--html - and --json both go to standard output");
    return 0;
}

static int look(struct archives_command *command)
{
    struct hb_session *session = command->session;
    struct hb_look_request request = {.run = &session->run,
                                      .words =
                                          !command->options->prometheus && command->page == NULL,
                                      .looked = on_looked,
                                      .context = command};
    int status = HB_OK;
    if (session->arguments[0] == NULL) {
        status = hb_look(&request, &session->error);
        if (status == HB_OK && command->page == NULL &&
            hb_config_next_preset(session->config, NULL) == NULL)
            hb_session_say(session, "There are no presets: name a directory, or a URL.\n");
    }
    for (char **place = session->arguments; *place != NULL && status == HB_OK; place++) {
        request.place = *place;
        status = hb_look(&request, &session->error);
    }
    return status;
}

static void tell_page(const struct hb_session *session, const char *path, uint64_t archives)
{
    HB_AUTO_FREE char *shown = hb_printable(path);
    hb_session_say(session, "%s: a page of %" PRIu64 " archive%s\n", shown, archives,
                   hb_plural(archives));
}

/* With a page around it, if one is wanted. */
static int look_and_write(struct archives_command *command)
{
    struct hb_session *session = command->session;
    const char *path = command->options->html;
    struct hb_archives_page page;
    if (path == NULL)
        return look(command);
    if (!hb_archives_page_begin(&page, session, command->now))
        return HB_STATUS_FATAL;
    command->page = &page;
    int status = look(command);
    command->page = NULL;
    if (status == HB_OK) {
        struct hb_error error = {0};
        if (hb_archives_page_end(&page, path, &error) != HB_OK)
            tell_failure(command, &error);
        else if (strcmp(path, "-") != 0)
            tell_page(session, path, page.archives);
    }
    hb_archives_page_clear(&page);
    return status;
}

static int run_with(struct hb_session *session, const struct archives_options *options)
{
    struct archives_command command = {.session = session, .options = options, .now = time(NULL)};
    if (options->max_age != NULL)
        parse_age(options->max_age, &command.max_age);
    hb_receipts_read(&command.receipts);
    /* Who watches wants to hear that the home is gone. */
    bool watches = options->max_age != NULL || options->prometheus;
    int code = watches ? hb_session_open_home(session, HB_HOME_OUTERMOST, false)
                       : hb_session_seek_home(session, HB_HOME_OUTERMOST);
    int status = code == 0 ? look_and_write(&command) : HB_OK;
    if (code == 0 && status == HB_STATUS_FATAL)
        code = HB_EXIT_USAGE; /* there is no such preset */
    else if (code == 0 && status != HB_OK)
        code = hb_cli_exit_code(status);
    if (code == 0) {
        hb_report_sort(&session->run.report);
        print_summary(&command);
        code = command.failed ? HB_EXIT_FAILED : command.too_old ? HB_EXIT_INCOMPLETE : 0;
    }
    hb_receipts_clear(&command.receipts);
    return code;
}

int hb_archives_run(struct hb_session *session)
{
    static const struct archives_options none;
    return run_with(session, &none);
}

static int run(struct hb_session *session)
{
    return run_with(session, session->options);
}

static const struct hb_form form = {.arguments = "[PRESET|DIRECTORY|URL...]", .run = run};

const struct hb_command hb_command_archives = {
    .name = "archives",
    .group = HB_FOR_ARCHIVES,
    .summary = "which archives there are, how old and how good",
    .about =
        "Lists the archives of the presets, or of those that are named, the newest first: when\n"
        "each was made, how large it is, and whether it is complete. A word with a '/' is a\n"
        "directory or a URL. Nothing is changed, and what the facts beside an archive say is\n"
        "not read again from the archive itself.",
    .end =
        "Exit status: 0 listed, 1 a place cannot be listed, 2 wrong use or configuration, 3 with\n"
        "--max-age: no complete archive is younger.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .meant = meant,
    .bytes = sizeof(struct archives_options),
    .check = check,
};
