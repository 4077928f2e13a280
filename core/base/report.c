/* SPDX-License-Identifier: Apache-2.0 */
#include "base/report.h"

#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void hb_report_init(struct hb_report *report)
{
    *report = (struct hb_report){0};
    pthread_mutex_init(&report->lock, NULL);
}

void hb_report_clear(struct hb_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->findings[i].path);
        free(report->findings[i].reason);
    }
    for (size_t i = 0; i < report->content_count; i++) {
        free(report->contents[i].path);
        free(report->contents[i].facts);
    }
    for (size_t i = 0; i < report->line_count; i++)
        free(report->lines[i]);
    for (size_t i = 0; i < report->kept_count; i++)
        free(report->kept[i]);
    for (size_t i = 0; i < report->advice_count; i++)
        free(report->advice[i]);
    for (size_t i = 0; i < report->member_count * 2; i++)
        free(report->members[i]);
    free(report->findings);
    free(report->contents);
    free(report->lines);
    free(report->kept);
    free(report->advice);
    free(report->members);
    pthread_mutex_destroy(&report->lock);
}

/* Under the lock. */
static void append_finding(struct hb_report *report, enum hb_finding_kind kind, const char *path,
                           const char *reason, bool of_content)
{
    if (report->count == report->capacity) {
        report->capacity = report->capacity == 0 ? 64 : report->capacity * 2;
        report->findings = hb_resize(report->findings, report->capacity, sizeof *report->findings);
    }
    report->findings[report->count++] =
        (struct hb_finding){kind, hb_copy_text(path), hb_copy_text(reason), of_content};
    report->kinds[kind]++;
}

/* Under the lock. Linear. */
static bool was_said(const struct hb_report *report, enum hb_finding_kind kind, const char *path,
                     const char *reason)
{
    for (size_t i = report->kinds[kind] == 0 ? 0 : report->count; i-- > 0;)
        if (report->findings[i].kind == kind && strcmp(report->findings[i].path, path) == 0 &&
            strcmp(report->findings[i].reason, reason) == 0)
            return true;
    return false;
}

void hb_report_add(struct hb_report *report, enum hb_finding_kind kind, const char *path,
                   const char *format, ...)
{
    char reason[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);

    pthread_mutex_lock(&report->lock);
    append_finding(report, kind, path, reason, false);
    pthread_mutex_unlock(&report->lock);
}

void hb_report_add_once(struct hb_report *report, enum hb_finding_kind kind, const char *whose,
                        const char *what)
{
    HB_AUTO_FREE char *reason = hb_text("%s: %s", whose, what);
    pthread_mutex_lock(&report->lock);
    if (!was_said(report, kind, "", reason))
        append_finding(report, kind, "", reason, false);
    pthread_mutex_unlock(&report->lock);
}

void hb_report_content_note(struct hb_report *report, const char *path, const char *note)
{
    pthread_mutex_lock(&report->lock);
    if (!was_said(report, HB_FOUND_NOTE, path, note))
        append_finding(report, HB_FOUND_NOTE, path, note, true);
    pthread_mutex_unlock(&report->lock);
}

bool hb_report_has(struct hb_report *report, enum hb_finding_kind kind, const char *path)
{
    bool found = false;
    pthread_mutex_lock(&report->lock);
    for (size_t i = report->kinds[kind] == 0 ? 0 : report->count; i-- > 0 && !found;)
        found = report->findings[i].kind == kind && strcmp(report->findings[i].path, path) == 0;
    pthread_mutex_unlock(&report->lock);
    return found;
}

void hb_report_content(struct hb_report *report, const char *path, const char *method,
                       uint32_t soundness, const char *facts)
{
    pthread_mutex_lock(&report->lock);
    report->contents =
        hb_resize(report->contents, report->content_count + 1, sizeof *report->contents);
    report->contents[report->content_count++] = (struct hb_content_finding){
        hb_copy_text(path), method, soundness, facts == NULL ? NULL : hb_copy_text(facts), false};
    pthread_mutex_unlock(&report->lock);
}

void hb_report_in_place(struct hb_report *report, const char *path)
{
    pthread_mutex_lock(&report->lock);
    for (size_t i = 0; i < report->content_count; i++)
        if (strcmp(report->contents[i].path, path) == 0)
            report->contents[i].in_place = true;
    pthread_mutex_unlock(&report->lock);
}

static void append(struct hb_report *report, char ***lines, size_t *count, const char *line)
{
    pthread_mutex_lock(&report->lock);
    *lines = hb_resize(*lines, *count + 1, sizeof **lines);
    (*lines)[(*count)++] = hb_copy_text(line);
    pthread_mutex_unlock(&report->lock);
}

void hb_report_line(struct hb_report *report, const char *line)
{
    append(report, &report->lines, &report->line_count, line);
}

void hb_report_keep(struct hb_report *report, const char *path)
{
    append(report, &report->kept, &report->kept_count, path);
}

bool hb_report_is_kept(const struct hb_report *report, const char *path)
{
    for (size_t i = 0; i < report->kept_count; i++)
        if (strcmp(report->kept[i], path) == 0)
            return true;
    return false;
}

void hb_report_advice(struct hb_report *report, const char *line)
{
    append(report, &report->advice, &report->advice_count, line);
}

void hb_report_member(struct hb_report *report, const char *key, const char *json)
{
    pthread_mutex_lock(&report->lock);
    size_t at = report->member_count * 2;
    report->members = hb_resize(report->members, at + 2, sizeof *report->members);
    report->members[at] = hb_copy_text(key);
    report->members[at + 1] = hb_copy_text(json);
    report->member_count++;
    pthread_mutex_unlock(&report->lock);
}

void hb_report_doubt(struct hb_report *report, size_t first, const char *prefix)
{
    pthread_mutex_lock(&report->lock);
    for (size_t i = first; i < report->count; i++) {
        struct hb_finding *finding = &report->findings[i];
        if (finding->kind != HB_FOUND_SKIPPED && finding->kind != HB_FOUND_DOUBTFUL)
            continue;
        char *reason = hb_text("%s%s", prefix, finding->reason);
        free(finding->reason);
        finding->reason = reason;
        report->kinds[finding->kind]--;
        finding->kind = HB_FOUND_DOUBTFUL;
        report->kinds[HB_FOUND_DOUBTFUL]++;
    }
    pthread_mutex_unlock(&report->lock);
}

static int compare_findings(const void *left, const void *right)
{
    const struct hb_finding *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int order = strcmp(a->path, b->path);
    return order != 0 ? order : strcmp(a->reason, b->reason);
}

static int compare_contents(const void *left, const void *right)
{
    const struct hb_content_finding *a = left, *b = right;
    return strcmp(a->path, b->path);
}

void hb_report_sort(struct hb_report *report)
{
    if (report->count > 0)
        qsort(report->findings, report->count, sizeof *report->findings, compare_findings);
    if (report->content_count > 0)
        qsort(report->contents, report->content_count, sizeof *report->contents, compare_contents);
}

bool hb_report_incomplete(const struct hb_report *report)
{
    return report->kinds[HB_FOUND_SKIPPED] > 0 || report->kinds[HB_FOUND_DOUBTFUL] > 0;
}
