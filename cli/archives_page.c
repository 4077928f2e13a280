/* SPDX-License-Identifier: Apache-2.0 */
#include "archives_page.h"

#include "archive_gist.h"
#include "archives_table.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "page.h"
#include "page_content.h"
#include "page_words.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>

/* So many rows before the older ones, which are folded up. */
enum { ROWS_OPEN = 12 };

static int64_t started_of(const struct hb_looked *looked, size_t number)
{
    return hb_archive_facts(&looked->archives->rows[number]).started;
}

static bool is_complete(const struct hb_preset_archive *row)
{
    return row->kept.whose == HB_HOME_OURS && hb_looks_complete(row) == HB_YES;
}

/* ---- numbers of a place -------------------------------------------------------------------- */

static void figure(FILE *out, const char *what, const char *value, const char *more)
{
    HB_PAGE_PUT(out, "figure", "what", what, "value", value, "more", more, NULL);
}

static bool are_all_others(const struct hb_looked *looked)
{
    for (size_t i = 0; i < looked->archives->count; i++)
        if (looked->archives->rows[i].kept.whose != HB_HOME_OTHERS)
            return false;
    return true;
}

/* Is there one of this home's, or one that cannot be read, that was to be told of? */
static bool is_any_unread(const struct hb_looked *looked)
{
    for (size_t i = 0; i < looked->archives->count; i++) {
        const struct hb_preset_archive *row = &looked->archives->rows[i];
        if (row->kept.whose == HB_HOME_OURS || row->no_archive || row->damage != NULL)
            return true;
    }
    return false;
}

/* How many of this home are incomplete up to the newest, and since when. */
static void put_incomplete(const struct hb_archives_page *page, const struct hb_looked *looked)
{
    char since[HB_PAGE_TIME];
    int64_t first = 0;
    uint64_t count = 0;
    for (size_t i = 0; i < looked->archives->count; i++) {
        const struct hb_preset_archive *row = &looked->archives->rows[i];
        if (row->kept.whose != HB_HOME_OURS || hb_looks_complete(row) == HB_CANNOT_TELL)
            continue;
        if (is_complete(row))
            break;
        first = started_of(looked, i) > 0 ? started_of(looked, i) : first;
        count++;
    }
    if (count == 0)
        return;
    HB_AUTO_FREE char *more = hb_text("%" PRIu64 " archive%s in a row", count, hb_plural(count));
    figure(page->out, "Incomplete since", hb_page_day(first, since), more);
}

static void put_figures(const struct hb_archives_page *page, const struct hb_looked *looked,
                        const struct hb_gist *newest)
{
    char size[HB_HUMAN_BYTES], size_of_newest[HB_HUMAN_BYTES], age[HB_HUMAN_BYTES],
        stamp[HB_PAGE_TIME], number[HB_PAGE_NUMBER];
    uint64_t count = 0, bytes = 0, complete = 0;
    int64_t last = 0;
    bool all_others = are_all_others(looked); /* then they are what there is to be told of */
    for (size_t i = 0; i < looked->archives->count; i++) {
        const struct hb_preset_archive *row = &looked->archives->rows[i];
        int64_t started = started_of(looked, i);
        if (row->kept.whose == HB_HOME_OTHERS && !all_others)
            continue;
        count++;
        bytes += (uint64_t)row->status.st_size;
        complete += is_complete(row);
        if (is_complete(row) && started > last && started <= page->now + HB_AHEAD_SECONDS)
            last = started;
    }
    HB_PAGE_PUT(page->out, "figures", NULL);
    HB_AUTO_FREE char *ago =
        last == 0 ? NULL
                  : hb_text("%s ago",
                            hb_human_age(last > page->now ? 0 : (double)(page->now - last), age));
    figure(page->out, "Newest complete", last == 0 ? "none" : ago,
           last == 0 ? "" : hb_page_stamp(last, stamp));
    HB_AUTO_FREE char *whole = all_others ? hb_copy_text("all of other homes")
                                          : hb_text("%" PRIu64 " of them complete", complete);
    figure(page->out, "Archives", hb_page_number(count, number), whole);
    HB_AUTO_FREE char *of_newest =
        hb_text("the newest: %s",
                hb_human_bytes((uint64_t)looked->archives->rows[0].status.st_size, size_of_newest));
    figure(page->out, "Together", hb_human_bytes(bytes, size), of_newest);
    put_incomplete(page, looked);
    if (newest->verified > 0)
        figure(page->out, "Last verified", hb_page_day(newest->verified, stamp),
               "a sample of the newest, on this machine");
    HB_PAGE_PUT(page->out, "end-figures", NULL);
}

/* ---- the archives -------------------------------------------------------------------------- */

struct span {
    int64_t first, last;
    uint64_t largest;
    size_t count;
};

static bool is_in_time(const struct hb_archives_page *page, const struct hb_looked *looked,
                       size_t number)
{
    int64_t started = started_of(looked, number);
    return looked->archives->rows[number].kept.whose == HB_HOME_OURS && started > 0 &&
           started <= page->now + HB_AHEAD_SECONDS;
}

static void put_bar(FILE *out, const struct hb_looked *looked, size_t number,
                    const struct span *span)
{
    const struct hb_preset_archive *row = &looked->archives->rows[number];
    char x[HB_PAGE_NUMBER], y[HB_PAGE_NUMBER], width[HB_PAGE_NUMBER], height[HB_PAGE_NUMBER],
        middle[HB_PAGE_NUMBER], dot[HB_PAGE_NUMBER], size[HB_HUMAN_BYTES], stamp[HB_PAGE_TIME];
    int64_t started = started_of(looked, number);
    double wide = fmin(1.4, fmax(0.15, 60.0 / (double)span->count));
    double at = span->last == span->first
                    ? 0.5
                    : (double)(started - span->first) / (double)(span->last - span->first);
    double tall =
        span->largest == 0 ? 2 : fmax(2, 80 * (double)row->status.st_size / (double)span->largest);
    double middle_at = 1 + at * 98;
    snprintf(x, sizeof x, "%.2f", middle_at - wide / 2);
    snprintf(y, sizeof y, "%.1f", 95 - tall);
    snprintf(width, sizeof width, "%.2f", wide);
    snprintf(height, sizeof height, "%.1f", tall);
    snprintf(middle, sizeof middle, "%.2f", middle_at);
    snprintf(dot, sizeof dot, "%.1f", 95 - tall - 7);
    HB_AUTO_FREE char *title = hb_text("%s, %s", hb_page_stamp(started, stamp),
                                       hb_human_bytes((uint64_t)row->status.st_size, size));
    HB_PAGE_PUT(out, is_complete(row) ? "bar" : "bad-bar", "x", x, "y", y, "width", width, "height",
                height, "middle", middle, "dot", dot, "title", title, NULL);
}

static void put_timeline(const struct hb_archives_page *page, const struct hb_looked *looked)
{
    struct span span = {0};
    char first[HB_PAGE_TIME], last[HB_PAGE_TIME], size[HB_HUMAN_BYTES];
    for (size_t i = 0; i < looked->archives->count; i++) {
        int64_t started = started_of(looked, i);
        uint64_t bytes = (uint64_t)looked->archives->rows[i].status.st_size;
        if (!is_in_time(page, looked, i))
            continue;
        span.first = span.count == 0 || started < span.first ? started : span.first;
        span.last = started > span.last ? started : span.last;
        span.largest = bytes > span.largest ? bytes : span.largest;
        span.count++;
    }
    if (span.count < 2)
        return;
    HB_AUTO_FREE char *label = hb_text("%zu archives by time; the height is the size", span.count);
    HB_PAGE_PUT(page->out, "timeline", "label", label, NULL);
    for (size_t i = looked->archives->count; i-- > 0;)
        if (is_in_time(page, looked, i))
            put_bar(page->out, looked, i, &span);
    HB_PAGE_PUT(page->out, "end-timeline", "first", hb_page_day(span.first, first), "last",
                hb_page_day(span.last, last), "largest", hb_human_bytes(span.largest, size), NULL);
}

static void put_archive(FILE *out, const struct hb_looked *looked, size_t number)
{
    const struct hb_preset_archive *row = &looked->archives->rows[number];
    struct hb_archive_facts facts = hb_archive_facts(row);
    char stamp[HB_PAGE_TIME], size[HB_HUMAN_BYTES], files[HB_PAGE_NUMBER] = "",
                                                    took[HB_HUMAN_BYTES] = "";
    HB_AUTO_FREE char *state = hb_archive_state(row);
    HB_AUTO_FREE char *change = hb_archive_change(looked->archives, number);
    if (facts.known)
        hb_page_number(facts.files, files);
    if (facts.seconds >= 0)
        hb_human_seconds(facts.seconds, took);
    HB_PAGE_PUT(
        out, is_complete(row) || row->kept.whose == HB_HOME_OTHERS ? "archive" : "bad-archive",
        "made", hb_page_stamp(facts.started, stamp), "name", row->kept.name, "size",
        hb_human_bytes((uint64_t)row->status.st_size, size), "change",
        strcmp(change, "-") == 0 ? "" : change, "files", files, "took", took, "state", state, NULL);
}

static void put_archives(const struct hb_archives_page *page, const struct hb_looked *looked)
{
    size_t count = looked->archives->count;
    char older[HB_PAGE_NUMBER];
    HB_PAGE_PUT(page->out, "archives", NULL);
    HB_PAGE_PUT(page->out, "archive-table", NULL);
    for (size_t i = 0; i < count; i++) {
        if (i == ROWS_OPEN) {
            HB_PAGE_PUT(page->out, "end-table", NULL);
            HB_PAGE_PUT(page->out, "more", "count", hb_page_number(count - ROWS_OPEN, older), NULL);
            HB_PAGE_PUT(page->out, "archive-table", NULL);
        }
        put_archive(page->out, looked, i);
    }
    HB_PAGE_PUT(page->out, "end-table", NULL);
    if (count > ROWS_OPEN)
        HB_PAGE_PUT(page->out, "end-more", NULL);
}

/* ---- the page ------------------------------------------------------------------------------ */

bool hb_archives_page_begin(struct hb_archives_page *page, struct hb_session *session, int64_t now)
{
    char stamp[HB_PAGE_TIME];
    struct utsname machine = {.nodename = ""};
    *page = (struct hb_archives_page){.session = session, .now = now};
    page->out = open_memstream(&page->text, &page->bytes);
    if (page->out == NULL)
        return false;
    uname(&machine);
    HB_PAGE_PUT(page->out, "head", "home", session->run.home.path, "host", machine.nodename, "now",
                hb_page_stamp(now, stamp), NULL);
    return true;
}

static void put_place(const struct hb_archives_page *page, const struct hb_looked *looked)
{
    struct hb_gist newest = {.known = false}, oldest = {.known = false};
    struct hb_run *run = &page->session->run;
    char passed[HB_PAGE_NUMBER];
    int status = hb_gist_read(run, looked->archives, false, &newest);
    if (status == HB_OK && newest.known)
        status = hb_gist_read(run, looked->archives, true, &oldest);
    if (newest.known && oldest.known && newest.number == oldest.number)
        hb_gist_clear(&oldest);
    put_figures(page, looked, &newest);
    put_timeline(page, looked);
    if (newest.known && newest.passed > 0)
        HB_PAGE_PUT(page->out, "passed", "count", hb_page_number(newest.passed, passed), NULL);
    if (newest.known)
        hb_page_put_content(page->out, looked, &newest, &oldest);
    else
        HB_PAGE_PUT(page->out, is_any_unread(looked) ? "unread" : "others", NULL);
    put_archives(page, looked);
    hb_gist_clear(&newest);
    hb_gist_clear(&oldest);
}

void hb_archives_page_add(struct hb_archives_page *page, const struct hb_looked *looked)
{
    const char *directory = looked->archives->directory == NULL || looked->problem != NULL
                                ? looked->directory
                                : looked->archives->directory;
    page->places++;
    HB_PAGE_PUT(page->out, "place", "name", looked->preset == NULL ? directory : looked->preset,
                "directory", looked->preset == NULL ? "" : directory, NULL);
    if (looked->problem != NULL) {
        HB_PAGE_PUT(page->out, "problem", "why", looked->problem, NULL);
    } else if (looked->archives->count == 0) {
        HB_PAGE_PUT(page->out, "none", NULL);
    } else {
        page->archives += looked->archives->count;
        put_place(page, looked);
    }
    HB_PAGE_PUT(page->out, "end-place", NULL);
}

int hb_archives_page_end(struct hb_archives_page *page, const char *path, struct hb_error *error)
{
    if (page->places == 0)
        HB_PAGE_PUT(page->out, "empty", NULL);
    HB_PAGE_PUT(page->out, "foot", "version", HBCORE_VERSION, NULL);
    if (fflush(page->out) != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: there is no memory for the page", path);
    if (strcmp(path, "-") != 0)
        return hb_page_write(path, page->text, page->bytes, error);
    fwrite(page->text, 1, page->bytes, page->session->cli->out); /* main() sees what fails there */
    return HB_OK;
}

void hb_archives_page_clear(struct hb_archives_page *page)
{
    if (page->out != NULL)
        fclose(page->out);
    free(page->text);
    *page = (struct hb_archives_page){.out = NULL};
}
