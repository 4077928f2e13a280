/* SPDX-License-Identifier: Apache-2.0 */
#include "archives_table.h"

#include "backup/row_words.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/standard_output.h"
#include "preset_report.h"
#include <inttypes.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* -1: it does not say. */
static double seconds_of(int64_t started, int64_t ended)
{
    return started > 0 && ended >= started ? (double)(ended - started) / 1e9 : -1;
}

struct hb_archive_facts hb_archive_facts(const struct hb_preset_archive *row)
{
    if (row->sealed_here && row->facts_fit)
        return (struct hb_archive_facts){.known = true,
                                         .counted = true,
                                         .started = row->facts.started / 1000000000,
                                         .seconds =
                                             seconds_of(row->facts.started, row->facts.ended),
                                         .files = row->facts.files,
                                         .bytes = row->facts.bytes,
                                         .databases = row->facts.databases,
                                         .reasons = row->facts.reasons};
    if (row->has_origin)
        return (struct hb_archive_facts){.known = true,
                                         .started = row->origin.started / 1000000000,
                                         .seconds =
                                             seconds_of(row->origin.started, row->origin.ended),
                                         .files = row->origin.files,
                                         .bytes = row->origin.bytes};
    return (struct hb_archive_facts){.known = false, .seconds = -1};
}

const char *hb_archive_whose(const struct hb_preset_archive *row)
{
    static const char *const words[] = {[HB_HOME_OURS] = "this",
                                        [HB_HOME_OTHERS] = "other",
                                        [HB_HOME_UNKNOWN] = "unknown",
                                        [HB_HOME_UNTOLD] = "untold"};
    return row->noted == HB_PATH_SAME ? "path" : words[row->kept.whose];
}

/* ---- for people ---------------------------------------------------------------------------- */

char *hb_archive_state(const struct hb_preset_archive *row)
{
    struct hb_archive_facts facts = hb_archive_facts(row);
    HB_AUTO_FREE char *home = hb_home_of_archive(row);
    if (row->kept.why != NULL)
        return hb_printable(row->kept.why);
    if (row->no_archive && !row->by_facts)
        return hb_copy_text("not an archive");
    if (row->damage != NULL)
        return hb_text("damaged: %s", row->damage);
    if (row->kept.whose == HB_HOME_OTHERS || row->noted == HB_PATH_OTHER)
        return home == NULL ? hb_copy_text("of another home")
                            : hb_text("of another home: %s", home);
    if (row->unproved && row->kept.whose == HB_HOME_UNKNOWN)
        return hb_copy_text("nothing in it shows that it was made here");
    switch (hb_looks_complete(row)) {
    case HB_YES:
        return hb_copy_text(!row->kept.shrunk ? "complete"
                            : row->origin.shrunk == HB_SHRUNK_UNTOLD
                                ? "complete, not compared with those before it"
                                : "complete, but SHRUNK, and not accepted");
    case HB_NO:
        return facts.counted ? hb_text("incomplete: %" PRIu64 " reason%s", facts.reasons,
                                       hb_plural(facts.reasons))
                             : hb_copy_text("incomplete");
    default:
        return hb_copy_text("does not say whether it is complete");
    }
}

/* By what is the same in its facts and in its trailer. */
const struct hb_receipt *hb_archive_receipt(const struct hb_receipts *receipts,
                                            const struct hb_looked *looked, size_t number)
{
    const struct hb_preset_archives *archives = looked->archives;
    const struct hb_preset_archive *row = &archives->rows[number];
    bool is_file = archives->store == &archives->local.store;
    char key[HB_RECEIPT_KEY_BYTES];
    if (receipts->count == 0 || (!is_file && row->version == NULL))
        return NULL;
    hb_receipt_key_of(is_file ? &row->status : NULL, row->version,
                      row->has_origin ? &row->origin : NULL, key);
    return hb_receipts_find(receipts, key);
}

/* "2026-01-31", "part 2026-01-31", "DAMAGED", "-". `text` has 32 bytes. */
static void verified_of(const struct hb_receipt *receipt, char *text)
{
    struct tm local;
    time_t when = receipt == NULL ? 0 : (time_t)receipt->when;
    char day[16] = "?";
    if (when > 0 && localtime_r(&when, &local) != NULL)
        strftime(day, sizeof day, "%Y-%m-%d", &local);
    if (receipt == NULL)
        snprintf(text, 32, "-");
    else if (receipt->result != HB_CHECK_OK)
        snprintf(text, 32, "%s", receipt->result == HB_CHECK_DAMAGED ? "DAMAGED" : "DOUBTFUL");
    else
        snprintf(text, 32, "%s%s", receipt->how == HB_CHECKED_SAMPLE ? "part " : "", day);
}

char *hb_archive_change(const struct hb_preset_archives *archives, size_t number)
{
    double own = (double)archives->rows[number].status.st_size;
    for (size_t i = number + 1; i < archives->count; i++) {
        double before = (double)archives->rows[i].status.st_size;
        if (archives->rows[i].kept.whose == HB_HOME_OURS && before > 0)
            return hb_text("%+.0f %%", (own - before) / before * 100);
    }
    return hb_copy_text("-");
}

enum { WIDE = 120, HOST_WIDTH = 12, SHOWN = 3 };

static bool is_wide(const struct hb_cli *cli)
{
    struct winsize size;
    int fd = fileno(cli->out) < 0 ? hb_standard_output() : fileno(cli->out);
    return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDE;
}

/* "host          ", or cut off where it is longer; "-": the archive was not asked. */
static void put_host(FILE *out, const char *host)
{
    HB_AUTO_FREE char *shown = hb_printable(host == NULL || *host == '\0' ? "-" : host);
    fprintf(out, "%-*.*s  ", HOST_WIDTH, HOST_WIDTH, shown);
}

/* Below the row: why it is not whole, or is marked. */
static void put_reasons(const struct hb_cli *cli, const struct hb_preset_archives *archives,
                        size_t number)
{
    const json_t *reasons = archives->rows[number].reasons;
    size_t count = json_array_size(reasons);
    if (archives->rows[number].kept.whose == HB_HOME_OTHERS)
        return;
    for (size_t i = 0; i < count && (i < SHOWN || cli->verbose > 0); i++) {
        const json_t *row = json_array_get(reasons, i);
        HB_AUTO_FREE char *path = hb_printable(json_string_value(json_object_get(row, "path")));
        HB_AUTO_FREE char *why = hb_printable(json_string_value(json_object_get(row, "reason")));
        fprintf(cli->out, "      %s%s%s\n", path, *path == '\0' ? "" : ": ", why);
    }
    if (count > SHOWN && cli->verbose == 0)
        fprintf(cli->out, "      ... and %zu more (-v lists them)\n", count - SHOWN);
    HB_AUTO_FREE char *shrunk = hb_row_shrunk_why(archives, number);
    HB_AUTO_FREE char *shown = shrunk == NULL ? NULL : hb_printable(shrunk);
    if (shown != NULL)
        fprintf(cli->out, "      %s\n", shown);
}

static void row_for_people(const struct hb_cli *cli, bool wide, const struct hb_looked *looked,
                           const struct hb_receipts *receipts, size_t number, int64_t now)
{
    const struct hb_preset_archive *row = &looked->archives->rows[number];
    struct hb_archive_facts facts = hb_archive_facts(row);
    char stamp[32] = "-", age[HB_HUMAN_BYTES] = "-", size[HB_HUMAN_BYTES], files[24] = "-",
         databases[24] = "-", verified[32];
    time_t started = (time_t)facts.started;
    struct tm local;
    if (facts.started > 0 && localtime_r(&started, &local) != NULL)
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M", &local);
    if (facts.started > 0 && facts.started <= now + HB_AHEAD_SECONDS)
        hb_human_age(facts.started > now ? 0 : (double)(now - facts.started), age);
    if (facts.known)
        snprintf(files, sizeof files, "%" PRIu64, facts.files);
    if (facts.counted)
        snprintf(databases, sizeof databases, "%" PRIu64, facts.databases);
    verified_of(hb_archive_receipt(receipts, looked, number), verified);
    HB_AUTO_FREE char *state = hb_archive_state(row);
    HB_AUTO_FREE char *change = hb_archive_change(looked->archives, number);
    HB_AUTO_FREE char *name = hb_printable(row->kept.name);
    fprintf(cli->out, "%4zu  %-16s %7s  %-15s %10s %8s %9s %9s  ", number + 1, stamp, age, verified,
            hb_human_bytes((uint64_t)row->status.st_size, size), change, files, databases);
    if (wide)
        put_host(cli->out, row->has_origin ? row->origin.host : NULL);
    fprintf(cli->out, "%s: %s\n", name, state);
    put_reasons(cli, looked->archives, number);
}

void hb_archives_table(const struct hb_cli *cli, const struct hb_looked *looked,
                       const struct hb_receipts *receipts, int64_t now)
{
    FILE *out = cli->out;
    bool wide = is_wide(cli);
    HB_AUTO_FREE char *directory = hb_printable(
        looked->archives->directory == NULL ? looked->directory : looked->archives->directory);
    if (looked->preset != NULL)
        fprintf(out, "%s: %s\n", looked->preset, directory);
    else
        fprintf(out, "%s\n", directory);
    if (looked->archives->count == 0) {
        fputs("  no archives\n", out);
        return;
    }
    fprintf(out, "%4s  %-16s %7s  %-15s %10s %8s %9s %9s  ", "#", "MADE", "AGE", "VERIFIED", "SIZE",
            "CHANGE", "FILES", "DATABASES");
    if (wide)
        fprintf(out, "%-*s  ", HOST_WIDTH, "HOST");
    fputs("NAME, AND WHETHER IT IS COMPLETE\n", out);
    for (size_t i = 0; i < looked->archives->count; i++)
        row_for_people(cli, wide, looked, receipts, i, now);
}

/* ---- for Prometheus ------------------------------------------------------------------------ */

/* A label's value: '\', '"' and newlines are written with a '\'. */
static void put_label(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else {
            if (*text == '"' || *text == '\\')
                putc('\\', out);
            putc(*text, out);
        }
    }
}

static void metric(FILE *out, const char *name, const char *place, uint64_t value)
{
    fprintf(out, "hbcore_%s{archives=\"", name);
    put_label(out, place);
    fprintf(out, "\"} %" PRIu64 "\n", value);
}

void hb_archives_metrics(FILE *out, const struct hb_looked *looked,
                         const struct hb_receipts *receipts, const struct hb_preset_archive *newest)
{
    HB_AUTO_FREE char *place =
        hb_printable(looked->preset != NULL ? looked->preset : looked->directory);
    uint64_t ours = 0, complete = 0, shrunk = 0, bytes = 0;
    int64_t verified = 0;
    for (size_t i = 0; i < looked->archives->count; i++) {
        const struct hb_preset_archive *row = &looked->archives->rows[i];
        if (row->kept.whose != HB_HOME_OURS)
            continue;
        ours++;
        bytes += (uint64_t)row->status.st_size;
        complete += hb_looks_complete(row) == HB_YES;
        shrunk += row->kept.shrunk;
        const struct hb_receipt *receipt = hb_archive_receipt(receipts, looked, i);
        if (receipt != NULL && receipt->result == HB_CHECK_OK && receipt->when > verified)
            verified = receipt->when;
    }
    metric(out, "archives", place, ours);
    metric(out, "archives_complete", place, complete);
    metric(out, "archives_shrunk", place, shrunk);
    metric(out, "archives_bytes", place, bytes);
    if (verified > 0) /* else nobody knows */
        metric(out, "verified_timestamp_seconds", place, (uint64_t)verified);
    if (newest == NULL)
        return;
    struct hb_archive_facts facts = hb_archive_facts(newest);
    metric(out, "newest_complete_timestamp_seconds", place, (uint64_t)facts.started);
    metric(out, "newest_complete_bytes", place, (uint64_t)newest->status.st_size);
    metric(out, "newest_complete_files", place, facts.files);
}
