/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With an --include, what it names is wanted, and nothing else; an --exclude counts in any case.
 * A pattern that matches nothing is often a slip. In an import that costs data: the file that was
 * not to be touched is replaced. There it is an error, but not in a file of patterns, which serves
 * for many archives.
 */
#include "base/choice.h"

#include "base/memory.h"
#include <string.h>

/* `earlier`: what the text meant before, a whole path; or a directory, and all below it. */
static const char *add(struct hb_patterns **patterns, struct hb_patterns **earlier,
                       const char *text)
{
    size_t bytes = strlen(text), plain = bytes;
    while (plain > 1 && text[plain - 1] == '/')
        plain--;
    if (*patterns == NULL)
        *patterns = hb_patterns_new();
    if (*earlier == NULL)
        *earlier = hb_patterns_new();
    size_t skip = *text == '/'; /* that says the same now */
    if (*text != '!' && plain > skip)
        hb_patterns_add(*earlier, text + skip, plain - skip, HB_PATTERN_WHOLE);
    return hb_patterns_add(*patterns, text, bytes, HB_PATTERN_GIT);
}

const char *hb_choice_include(struct hb_choice *choice, const char *pattern)
{
    return add(&choice->include, &choice->include_earlier, pattern);
}

const char *hb_choice_exclude(struct hb_choice *choice, const char *pattern)
{
    return add(&choice->exclude, &choice->exclude_earlier, pattern);
}

void hb_choice_exclude_lines(struct hb_choice *choice, const char *name, const char *text,
                             size_t bytes)
{
    if (choice->exclude == NULL)
        choice->exclude = hb_patterns_new();
    size_t first = hb_patterns_count(choice->exclude);
    hb_patterns_add_lines(choice->exclude, text, bytes);
    choice->first_typed = hb_patterns_count(choice->exclude);
    choice->files = hb_resize(choice->files, choice->file_count + 1, sizeof *choice->files);
    choice->files[choice->file_count++] =
        (struct hb_choice_file){hb_copy_text(name), first, choice->first_typed};
}

void hb_choice_clear(struct hb_choice *choice)
{
    hb_patterns_free(choice->include);
    hb_patterns_free(choice->exclude);
    hb_patterns_free(choice->include_earlier);
    hb_patterns_free(choice->exclude_earlier);
    for (size_t i = 0; i < choice->file_count; i++)
        free(choice->files[i].name);
    free(choice->files);
    free(choice->larger_than_text);
    *choice = (struct hb_choice)HB_CHOICE_NONE;
}

/* ---- one entry ----------------------------------------------------------------------------- */

unsigned hb_choice_ask(struct hb_choice *choice, const struct hb_entry *entry)
{
    bool directory = entry->type == HB_TYPE_DIRECTORY;
    unsigned why = 0;
    if (choice->include != NULL &&
        !hb_patterns_include(choice->include, entry->path, entry->path_bytes, directory))
        why |= HB_NOT_INCLUDED;
    if (choice->exclude != NULL &&
        hb_patterns_exclude(choice->exclude, entry->path, entry->path_bytes, directory, NULL))
        why |= HB_EXCLUDED;
    if (entry->type == HB_TYPE_FILE && entry->bytes != HB_SIZE_UNKNOWN &&
        entry->bytes > choice->larger_than)
        why |= HB_TOO_LARGE;
    return why;
}

/* Did the patterns match before, when they were about whole paths? */
static bool matched_before(struct hb_patterns *earlier, const struct hb_entry *entry)
{
    return earlier != NULL && hb_patterns_include(earlier, entry->path, entry->path_bytes, false);
}

static bool is_newly_excluded(struct hb_choice *choice, const struct hb_entry *entry)
{
    size_t which;
    hb_patterns_exclude(choice->exclude, entry->path, entry->path_bytes, false, &which);
    return which != HB_NO_PATTERN && which >= choice->first_typed &&
           !matched_before(choice->exclude_earlier, entry);
}

void hb_choice_count(struct hb_choice *choice, const struct hb_entry *entry, unsigned why)
{
    choice->pruned += entry->type == HB_TYPE_DIRECTORY && (why & HB_EXCLUDED) != 0;
    if (entry->type != HB_TYPE_FILE && entry->type != HB_TYPE_HARDLINK)
        return;
    if (why == 0) {
        choice->newly_included += choice->compares && choice->include != NULL &&
                                  !matched_before(choice->include_earlier, entry);
    } else if (why & HB_NOT_INCLUDED) {
        choice->not_included++;
    } else if (why & HB_EXCLUDED) {
        choice->excluded++;
        choice->newly_excluded += choice->compares && is_newly_excluded(choice, entry);
    } else {
        choice->too_large++;
    }
}

/* ---- what matched nothing ------------------------------------------------------------------ */

int hb_choice_check(struct hb_choice *choice, const char *where, struct hb_error *error)
{
    char names[600];
    size_t count = choice->exclude == NULL ? 0 : hb_patterns_count(choice->exclude);
    size_t missed =
        hb_patterns_missed(choice->exclude, choice->first_typed, count, names, sizeof names);
    if (missed == 0)
        return HB_OK;
    choice->missed = true;
    hb_error_set(error, HB_STATUS_FATAL, "--exclude %s %s nothing in %s; nothing was changed",
                 names, missed == 1 ? "matches" : "match", where);
    hb_error_hint(
        error,
        "`hbcore list ARCHIVE` shows the names. Patterns that need not match go into a file: "
        "--exclude-from FILE");
    return HB_STATUS_FATAL;
}

void hb_choice_note(const struct hb_choice *choice, const char *where, bool typed,
                    struct hb_report *report)
{
    char names[600];
    size_t missed;
    const struct hb_patterns *include = choice->include, *exclude = choice->exclude;
    if (include != NULL && (missed = hb_patterns_missed(include, 0, hb_patterns_count(include),
                                                        names, sizeof names)) > 0)
        hb_report_add(report, HB_FOUND_NOTE, "", "--include %s %s nothing in %s", names,
                      missed == 1 ? "matches" : "match", where);
    if (typed && exclude != NULL &&
        (missed = hb_patterns_missed(exclude, choice->first_typed, hb_patterns_count(exclude),
                                     names, sizeof names)) > 0)
        hb_report_add(report, HB_FOUND_NOTE, "", "--exclude %s %s nothing in %s", names,
                      missed == 1 ? "matches" : "match", where);
    for (size_t i = 0; i < choice->file_count; i++) {
        const struct hb_choice_file *file = &choice->files[i];
        if (file->end == file->first)
            hb_report_add(report, HB_FOUND_NOTE, "", "--exclude-from %s: there is no pattern in it",
                          file->name);
        missed = hb_patterns_missed(exclude, file->first, file->end, names, sizeof names);
        if (missed > 0 && file->end - file->first == 1)
            hb_report_add(report, HB_FOUND_NOTE, "",
                          "--exclude-from %s: its only pattern matches nothing in %s: %s",
                          file->name, where, names);
        else if (missed > 0)
            hb_report_add(report, HB_FOUND_NOTE, "",
                          "--exclude-from %s: %zu of its %zu patterns %s nothing in %s: %s",
                          file->name, missed, file->end - file->first,
                          missed == 1 ? "matches" : "match", where, names);
    }
}
