/* SPDX-License-Identifier: Apache-2.0 */
#include "summary.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "complain.h"
#include "config/home_path.h"
#include <hbcore/content.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN = 10 };

/* ---- for people ---------------------------------------------------------------------------- */

/* Both ends of a path that would fill the screen; all of it is in the JSON and with -v. */
static void shorten(char *path)
{
    enum { LONG = 512, END = 200 };
    size_t bytes = strlen(path), end = bytes - END, start = END;
    if (bytes <= LONG)
        return;
    while (start > 0 && (path[start] & 0xC0) == 0x80)
        start--;
    while (path[end] != '\0' && (path[end] & 0xC0) == 0x80)
        end++;
    size_t dots = (size_t)(stpcpy(path + start, "[...]") - path);
    memmove(path + dots, path + end, bytes - end + 1);
}

static void show_kind(const struct hb_cli *cli, FILE *out, const struct hb_report *report,
                      enum hb_finding_kind kind, const char *title, const char *after)
{
    size_t shown = 0;
    if (report->kinds[kind] == 0)
        return;
    fprintf(out, "\n  %s (%zu):\n", title, report->kinds[kind]);
    for (size_t i = 0; i < report->count; i++) {
        const struct hb_finding *finding = &report->findings[i];
        if (finding->kind != kind)
            continue;
        if (shown++ == SHOWN && cli->verbose == 0) {
            fprintf(out, "    ... and %zu more (-v or --json lists all)\n",
                    report->kinds[kind] - SHOWN);
            return;
        }
        HB_AUTO_FREE char *path = hb_printable(finding->path);
        HB_AUTO_FREE char *reason = hb_printable(finding->reason);
        if (cli->verbose == 0)
            shorten(path);
        if (after != NULL)
            fprintf(out, "    %s%s\n", path, after);
        else
            fprintf(out, "    %s%s%s\n", path, *path == '\0' ? "" : ": ", reason);
    }
}

/* What is as it should be. */
static void show_information(const struct hb_cli *cli, FILE *out, const struct hb_report *report)
{
    show_kind(cli, out, report, HB_FOUND_EXCLUDED, "Excluded directories", "/");
    show_kind(cli, out, report, HB_FOUND_PRESERVED, "Preserved: kept as they are here", "");
    if (cli->verbose > 0) {
        show_kind(cli, out, report, HB_FOUND_LEFT_OUT, "Left out by rules", NULL);
        show_kind(cli, out, report, HB_FOUND_LINK, "Symbolic links passed over", "");
        show_kind(cli, out, report, HB_FOUND_SPECIAL, "Sockets, pipes and devices passed over", "");
    } else {
        if (report->kinds[HB_FOUND_LEFT_OUT] > 0)
            fprintf(out, "\n  Files left out: %zu (-v lists them)\n",
                    report->kinds[HB_FOUND_LEFT_OUT]);
        if (report->kinds[HB_FOUND_LINK] > 0)
            fprintf(out, "\n  Symbolic links passed over: %zu (-v lists them)\n",
                    report->kinds[HB_FOUND_LINK]);
        if (report->kinds[HB_FOUND_SPECIAL] > 0)
            fprintf(out, "\n  Sockets, pipes and devices passed over: %zu (-v lists them)\n",
                    report->kinds[HB_FOUND_SPECIAL]);
    }
}

void hb_summary_problems(const struct hb_cli *cli, const struct hb_report *report)
{
    fflush(hb_cli_out(cli));
    show_kind(cli, cli->err, report, HB_FOUND_SKIPPED,
              cli->skipped == NULL ? "Warnings: files skipped" : cli->skipped, NULL);
    show_kind(cli, cli->err, report, HB_FOUND_DOUBTFUL, "Warnings: doubtful", NULL);
    fflush(cli->err);
}

void hb_summary_information(const struct hb_cli *cli, FILE *out, const struct hb_report *report)
{
    if (!cli->quiet)
        show_information(cli, out, report);
    show_kind(cli, out, report, HB_FOUND_NOTE, "Notes", NULL);
    fflush(out);
}

void hb_summary_status(const struct hb_session *session, const char *good, const char *bad,
                       const char *format, ...)
{
    const struct hb_cli *cli = session->cli;
    const struct hb_report *report = &session->run.report;
    size_t problems = report->kinds[HB_FOUND_SKIPPED] + report->kinds[HB_FOUND_DOUBTFUL];
    FILE *out = hb_cli_out(cli);
    bool colour = hb_cli_colour(out);
    if (!cli->quiet) {
        va_list arguments;
        va_start(arguments, format);
        fprintf(out, "\n%s%s",
                !colour         ? ""
                : problems == 0 ? "\033[32m"
                                : "\033[1;33m",
                problems == 0 ? good : bad);
        if (problems > 0)
            fprintf(out, ", %zu %s", problems, problems == 1 ? "problem" : "problems");
        fputs(colour ? "\033[0m: " : ": ", out);
        vfprintf(out, format, arguments);
        va_end(arguments);
        fputc('\n', out);
    }
    hb_summary_problems(cli, report);
}

void hb_summary_damaged(const struct hb_cli *cli, const struct hb_report *report)
{
    for (size_t i = 0; cli->json && i < report->count; i++) {
        const struct hb_finding *finding = &report->findings[i];
        if (finding->kind != HB_FOUND_DAMAGED)
            continue;
        HB_AUTO_FREE char *reason = hb_printable(finding->reason);
        json_t *line = json_pack("{s:s}", "type", "damaged");
        hb_json_name(line, "path", finding->path);
        hb_json_add(line, "{s:s}", "reason", reason);
        hb_json_line(cli->out, line);
    }
    show_kind(cli, cli->err, report, HB_FOUND_DAMAGED, "Damaged", NULL);
}

static void show_lines(FILE *out, char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        HB_AUTO_FREE char *line = hb_printable(lines[i]);
        fprintf(out, "%s\n", line);
    }
}

void hb_summary_lines(const struct hb_cli *cli, const struct hb_report *report)
{
    show_lines(cli->quiet ? cli->err : hb_cli_out(cli), report->lines, report->line_count);
    if (!cli->quiet)
        show_lines(hb_cli_out(cli), report->advice, report->advice_count);
}

static void show_failed(const struct hb_cli *cli, FILE *out, const struct hb_report *report)
{
    if (report->line_count > 0)
        show_kind(cli, out, report, HB_FOUND_DOUBTFUL, "Warnings: doubtful", NULL);
    show_lines(out, report->lines, report->line_count);
    if (!cli->quiet)
        show_lines(out, report->advice, report->advice_count);
}

void hb_summary_keep(struct hb_cli *cli, const struct hb_report *report)
{
    size_t bytes;
    FILE *text = cli->json && cli->untold == NULL && report->line_count > 0
                     ? open_memstream(&cli->untold, &bytes)
                     : NULL;
    if (text == NULL)
        return;
    show_failed(cli, text, report);
    fclose(text);
}

void hb_summary_notes(const struct hb_cli *cli, const struct hb_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        if (report->findings[i].kind != HB_FOUND_NOTE)
            continue;
        HB_AUTO_FREE char *reason = hb_printable(report->findings[i].reason);
        HB_AUTO_FREE char *path = hb_printable(report->findings[i].path);
        fprintf(cli->err, "hbcore: %s%s%s\n", path, *path == '\0' ? "" : ": ", reason);
    }
}

/* ---- for programs -------------------------------------------------------------------------- */

void hb_session_print_entry(const struct hb_session *session, const char *path, bool directory,
                            const char *change, json_t *members)
{
    FILE *out = hb_cli_out(session->cli);
    if (session->cli->json) {
        json_t *object = json_pack("{s:s}", "type", "entry");
        hb_json_name(object, "path", path);
        json_object_update_new(object, members);
        hb_json_line(out, object);
        return;
    }
    json_decref(members);
    HB_AUTO_FREE char *shown = hb_printable(path);
    if (hb_session_speaks(session))
        fprintf(out, "  %-*s%s%s\n", change == NULL ? 0 : 11, change == NULL ? "" : change, shown,
                directory ? "/" : "");
}

void hb_json_add(json_t *object, const char *format, ...)
{
    json_error_t error;
    va_list arguments;
    va_start(arguments, format);
    json_t *more = json_vpack_ex(&error, 0, format, arguments);
    va_end(arguments);
    json_object_update_new(object, more);
}

void hb_json_name_or_null(json_t *object, const char *key, const char *name)
{
    if (name == NULL)
        json_object_set_new(object, key, json_null());
    else
        hb_json_name(object, key, name);
}

void hb_json_append_name(json_t *list, const char *key, const char *name)
{
    json_t *object = json_object();
    hb_json_name(object, key, name);
    if (json_object_size(object) > 1) {
        json_array_append_new(list, object);
        return;
    }
    json_array_append(list, json_object_get(object, key));
    json_decref(object);
}

/* The one that was opened, else the one that is named: a list needs none. */
static void add_home(json_t *object, const struct hb_session *session)
{
    HB_AUTO_FREE char *named = NULL;
    struct hb_error ignored;
    if (session->run.home.path == NULL && session->config != NULL)
        (void)hb_home_find(session->config, session->cli->home, true, &named, &ignored);
    HB_AUTO_FREE char *absolute = named == NULL ? NULL : hb_absolute(named);
    hb_json_name_or_null(object, "home", absolute != NULL ? absolute : session->run.home.path);
}

/* Which program, where, on what, since when: the same in every summary. */
static void add_run(json_t *object, const struct hb_session *session)
{
    char host[HOST_NAME_MAX + 1] = "", text[32] = "";
    struct tm utc;
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    if (gmtime_r(&session->started_at, &utc) != NULL)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    hb_json_add(object, "{s:i, s:s}", "schema", HB_JSON_SCHEMA, "version", HBCORE_VERSION);
    hb_json_name(object, "host", host);
    add_home(object, session);
    hb_json_add(object, "{s:n, s:I, s:s, s:f}", "preset", "started",
                (json_int_t)session->started_at, "started_text", text, "seconds",
                hb_session_seconds(session));
}

json_t *hb_session_summary(const struct hb_session *session, const char *command)
{
    bool incomplete = hb_report_incomplete(&session->run.report);
    json_t *object = json_pack("{s:s, s:s, s:s}", "type", "summary", "command", command, "status",
                               incomplete ? "incomplete" : "complete");
    add_run(object, session);
    return object;
}

static json_t *kind_list(const struct hb_report *report, enum hb_finding_kind kind, bool paths_only)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->count; i++) {
        const struct hb_finding *finding = &report->findings[i];
        if (finding->kind != kind)
            continue;
        if (paths_only) {
            hb_json_append_name(list, "path", finding->path);
            continue;
        }
        HB_AUTO_FREE char *reason = hb_printable(finding->reason);
        json_t *object = json_object();
        hb_json_name(object, "path", finding->path);
        json_object_set_new(object, "reason", json_string(reason));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *content_list(const struct hb_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->content_count; i++) {
        const struct hb_content_finding *content = &report->contents[i];
        json_t *object = json_object();
        hb_json_name(object, "path", content->path);
        hb_json_name(object, "method", content->method);
        hb_json_add(object, "{s:s}", "check",
                    content->soundness == HB_SOUNDNESS_SOUND     ? "ok"
                    : content->soundness == HB_SOUNDNESS_UNSOUND ? "failed"
                                                                 : "skipped");
        if (content->soundness == HB_SOUNDNESS_UNKNOWN) /* the reason is among "doubtful" */
            json_object_set_new(object, "cannot_tell", json_true());
        if (content->facts != NULL)
            json_object_set_new(object, "facts", json_loads(content->facts, 0, NULL));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *in_place_list(const struct hb_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->content_count; i++)
        if (report->contents[i].in_place)
            hb_json_append_name(list, "path", report->contents[i].path);
    return list;
}

/*
 * Of hooks, and of an import that was completed before. They are named, for no schema has them all.
 * One whose name is taken, by the summary or another hook, is told.
 */
static void add_members(const struct hb_cli *cli, json_t *object, const struct hb_report *report)
{
    json_t *added = json_array();
    json_object_set_new(object, "added_members", added);
    for (size_t i = 0; i < report->member_count; i++) {
        const char *key = report->members[2 * i];
        json_t *value = json_loads(report->members[2 * i + 1], JSON_DECODE_ANY, NULL);
        bool taken = json_object_get(object, key) != NULL;
        if (!taken && json_object_set_new(object, key, json_incref(value)) == 0) {
            json_array_append_new(added, json_string(key));
        } else {
            HB_AUTO_FREE char *shown = hb_printable(key);
            fprintf(cli->err, "hbcore: note: a hook's JSON member '%s' is left out: %s\n", shown,
                    taken ? "there is one of that name" : "its name is not UTF-8");
        }
        json_decref(value);
    }
}

static void add_findings(const struct hb_cli *cli, json_t *object, const struct hb_report *report)
{
    hb_json_add(object, "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "excluded_dirs",
                kind_list(report, HB_FOUND_EXCLUDED, true), "skipped",
                kind_list(report, HB_FOUND_SKIPPED, false), "doubtful",
                kind_list(report, HB_FOUND_DOUBTFUL, false), "notes",
                kind_list(report, HB_FOUND_NOTE, false), "left_out",
                kind_list(report, HB_FOUND_LEFT_OUT, false), "links",
                kind_list(report, HB_FOUND_LINK, true), "special",
                kind_list(report, HB_FOUND_SPECIAL, true), "databases", content_list(report),
                "read_in_place", in_place_list(report));
    add_members(cli, object, report);
}

void hb_session_print_summary(const struct hb_session *session, json_t *object)
{
    const struct hb_cli *cli = session->cli;
    const struct hb_report *report = &session->run.report;
    if (cli->json) {
        add_findings(cli, object, report);
        hb_json_line(hb_cli_out(cli), object);
        return;
    }
    hb_summary_information(cli, cli->quiet ? cli->err : hb_cli_out(cli), report);
    hb_summary_lines(cli, report);
}

/* ---- of a run that failed ------------------------------------------------------------------ */

void hb_summary_failed(const struct hb_cli *cli, const struct hb_report *report)
{
    show_failed(cli, cli->err, report);
    if (!cli->json || report->line_count == 0)
        return;
    json_t *object = json_pack("{s:s, s:o}", "type", "before", "doubtful",
                               kind_list(report, HB_FOUND_DOUBTFUL, false));
    add_members(cli, object, report);
    hb_json_line(hb_cli_out(cli), object);
}
