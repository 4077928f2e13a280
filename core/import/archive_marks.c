/* SPDX-License-Identifier: Apache-2.0 */
#include "import/archive_marks.h"

#include <string.h>

/* The paths of which something is said already. As keys: there may be as many as files. */
static json_t *find_told(const struct hb_report *report)
{
    json_t *told = json_object();
    for (size_t i = 0; i < report->count; i++) {
        const struct hb_finding *finding = &report->findings[i];
        if (finding->kind == HB_FOUND_SKIPPED || finding->kind == HB_FOUND_DOUBTFUL)
            json_object_set_new_nocheck(told, finding->path, json_true());
    }
    return told;
}

static bool is_left_out(struct hb_choice *choice, const char *path)
{
    const struct hb_entry entry = {
        .size = sizeof entry, .type = HB_TYPE_FILE, .path = path, .path_bytes = strlen(path)};
    return choice != NULL && *path != '\0' && hb_choice_ask(choice, &entry) != 0;
}

static const char *text_of(const json_t *mark, const char *key)
{
    const char *text = json_string_value(json_object_get(mark, key));
    return text == NULL ? "" : text;
}

/* How many marks there are, whatever is said of them. */
static size_t report_list(const struct hb_archive *archive, struct hb_choice *choice,
                          const char *key, const json_t *told)
{
    const json_t *list = json_object_get(archive->trailer.summary, key);
    const json_t *mark;
    size_t at;
    json_array_foreach(list, at, mark)
    {
        const char *path = text_of(mark, "path");
        if ((*path == '\0' || json_object_get(told, path) == NULL) && !is_left_out(choice, path))
            hb_report_add(&archive->run->report, HB_FOUND_DOUBTFUL, path,
                          "%s when it was backed up: %s", key, text_of(mark, "reason"));
    }
    return json_array_size(list);
}

void hb_archive_marks_report(const struct hb_archive *archive, struct hb_choice *choice)
{
    struct hb_report *report = &archive->run->report;
    if (!archive->has_trailer || !hb_trailer_incomplete(&archive->trailer))
        return;
    json_t *told = find_told(report);
    size_t marks = report_list(archive, choice, "skipped", told);
    marks += report_list(archive, choice, "doubtful", told);
    json_decref(told);
    if (marks == 0)
        hb_report_add(report, HB_FOUND_DOUBTFUL, "", "the archive is marked incomplete");
}
