/* SPDX-License-Identifier: Apache-2.0 */
#include "preset_report.h"

#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "summary.h"

enum { SHOWN = 10 };

static bool came_to(const struct hb_preset_archive *row, enum hb_fate fate)
{
    return fate == HB_GOES ? row->kept.removed : row->kept.fate == fate;
}

static size_t count(const struct hb_preset_archives *archives, enum hb_fate fate)
{
    size_t found = 0;
    for (size_t i = 0; i < archives->count; i++)
        found += came_to(&archives->rows[i], fate);
    return found;
}

/* ---- for programs -------------------------------------------------------------------------- */

const char *hb_json_fate(const struct hb_kept *kept)
{
    static const char *const words[] = {
        [HB_GOES] = "removed",
        [HB_STAYS_NEW] = "new",
        [HB_STAYS_KEPT] = "kept",
        [HB_STAYS_COMPLETE] = "complete",
        [HB_STAYS_NEEDED] = "needed",
        [HB_STAYS_UNTOLD] = "untold",
        [HB_STAYS_OTHERS] = "other",
        [HB_STAYS_UNKNOWN] = "unknown",
        [HB_STAYS_UNTIMED] = "untimed",
        [HB_STAYS_HELD] = "held",
        [HB_STAYS_WAY_BACK] = "way_back",
    };
    return kept->fate == HB_GOES && !kept->removed ? "failed" : words[kept->fate];
}

json_t *hb_json_answer(enum hb_answer answer)
{
    return answer == HB_YES ? json_true() : answer == HB_NO ? json_false() : json_null();
}

static json_t *object_of(const struct hb_preset_archives *archives, size_t row)
{
    const struct hb_preset_archive *archive = &archives->rows[row];
    json_t *object = json_object();
    HB_AUTO_FREE char *path = hb_preset_archive_path(archives, row);
    hb_json_name(object, "path", path);
    if (archive->kept.fate == HB_STAYS_OTHERS) {
        hb_json_name(object, "home_id", archive->origin.home);
        hb_json_name(object, "home", archive->origin.path == NULL ? "" : archive->origin.path);
        hb_json_name(object, "host", archive->origin.host == NULL ? "" : archive->origin.host);
        hb_json_add(object, "{s:b}", "other_installation", archive->other_installation);
    }
    if (archive->kept.fate == HB_STAYS_UNTOLD) {
        HB_AUTO_FREE char *reason =
            hb_printable(archive->kept.why == NULL ? "" : archive->kept.why);
        json_object_set_new(object, "reason", json_string(reason));
    }
    return object;
}

/* Behind those of other presets. */
static void add_list(json_t *object, const char *key, const struct hb_preset_archives *archives,
                     enum hb_fate fate)
{
    if (json_object_get(object, key) == NULL)
        json_object_set_new(object, key, json_array());
    for (size_t i = 0; i < archives->count; i++) {
        if (!came_to(&archives->rows[i], fate))
            continue;
        HB_AUTO_FREE char *path = hb_preset_archive_path(archives, i);
        if (fate == HB_GOES || fate == HB_STAYS_UNKNOWN)
            hb_json_append_name(json_object_get(object, key), "path", path);
        else
            json_array_append_new(json_object_get(object, key), object_of(archives, i));
    }
}

void hb_preset_report_json(json_t *object, const struct hb_preset_archives *archives)
{
    add_list(object, "removed_archives", archives, HB_GOES);
    add_list(object, "other_archives", archives, HB_STAYS_OTHERS);
    add_list(object, "unknown_archives", archives, HB_STAYS_UNKNOWN);
    add_list(object, "untold_archives", archives, HB_STAYS_UNTOLD);
    hb_json_add(object, "{s:I}", "removed",
                (json_int_t)json_array_size(json_object_get(object, "removed_archives")));
}

/* ---- for people ---------------------------------------------------------------------------- */

char *hb_home_of_archive(const struct hb_preset_archive *row)
{
    if (row->origin.path == NULL && row->origin.host == NULL)
        return NULL;
    HB_AUTO_FREE char *home = hb_printable(row->origin.path == NULL ? "" : row->origin.path);
    HB_AUTO_FREE char *host = hb_printable(row->origin.host == NULL ? "" : row->origin.host);
    return hb_text("%s on %s", home, host);
}

static void show_names(const struct hb_cli *cli, FILE *out,
                       const struct hb_preset_archives *archives, enum hb_fate fate)
{
    size_t shown = 0, all = count(archives, fate);
    for (size_t i = 0; i < archives->count; i++) {
        const struct hb_preset_archive *row = &archives->rows[i];
        if (!came_to(row, fate))
            continue;
        if (shown++ == SHOWN && cli->verbose == 0) {
            fprintf(out, "    ... and %zu more (-v or --json lists all)\n", all - SHOWN);
            return;
        }
        HB_AUTO_FREE char *name = hb_printable(row->kept.name);
        HB_AUTO_FREE char *home = hb_home_of_archive(row);
        bool other = fate == HB_STAYS_OTHERS;
        fprintf(out, "    %s%s%s%s\n", name, other ? ": of " : "",
                !other         ? ""
                : home != NULL ? home
                               : "another home",
                row->other_installation ? " (of another installation)" : "");
    }
}

void hb_preset_report(const struct hb_cli *cli, FILE *out,
                      const struct hb_preset_archives *archives, bool dry_run)
{
    size_t removed = count(archives, HB_GOES), others = count(archives, HB_STAYS_OTHERS);
    size_t needed = count(archives, HB_STAYS_NEEDED);
    if (removed > 0)
        fprintf(out, "  %s %zu older archive%s of this preset\n",
                dry_run ? "Would go:   " : "Removed:    ", removed, hb_plural(removed));
    show_names(cli, out, archives, HB_GOES);
    if (others > 0)
        fprintf(out, "  Other homes: %zu archive%s of the same name, left alone\n", others,
                hb_plural(others));
    show_names(cli, out, archives, HB_STAYS_OTHERS);
    if (needed > 0)
        fprintf(
            out,
            "  Kept:        %zu more than the limit, because no archive of this home is complete\n",
            needed);
    fflush(out);
}

void hb_preset_report_unknown(struct hb_session *session, const struct hb_preset_archives *archives,
                              const char *preset)
{
    size_t unknown = count(archives, HB_STAYS_UNKNOWN);
    for (size_t i = 0; i < archives->count; i++) {
        const struct hb_preset_archive *row = &archives->rows[i];
        if (row->kept.fate != HB_STAYS_UNKNOWN || !(row->no_archive || row->unproved))
            continue;
        unknown -= row->no_archive;
        hb_report_add(&session->run.report, HB_FOUND_NOTE, "", "%s/%s: stays, because %s",
                      archives->directory, row->kept.name,
                      row->no_archive
                          ? "it is not an archive, though its name is that of one"
                          : "it is sealed, and nothing in it shows that it was made here");
    }
    if (unknown == 0)
        return;
    HB_AUTO_FREE char *word = hb_shell_word(preset);
    HB_AUTO_FREE char *text = hb_text("hbcore prune --preset %s --adopt", word);
    HB_AUTO_FREE char *line = hb_session_command_line(session, text);
    hb_report_add(&session->run.report, HB_FOUND_NOTE, "",
                  "%s: archives there that do not name their home stay: %zu; if they belong to "
                  "this home: %s",
                  archives->directory, unknown, line);
}

void hb_preset_report_shrunk(struct hb_session *session, const struct hb_preset_archives *archives,
                             const char *preset, enum hb_finding_kind kind)
{
    size_t marked = 0, held = count(archives, HB_STAYS_HELD);
    while (marked < archives->count && !(archives->rows[marked].kept.shrunk &&
                                         archives->rows[marked].kept.whose == HB_HOME_OURS))
        marked++;
    if (held == 0 || marked == archives->count)
        return;
    bool untold = archives->rows[marked].origin.shrunk == HB_SHRUNK_UNTOLD;
    HB_AUTO_FREE char *label = hb_shell_word(preset);
    HB_AUTO_FREE char *name = hb_shell_word(archives->rows[marked].kept.name);
    HB_AUTO_FREE char *text = hb_text("hbcore prune --preset %s --accept %s", label, name);
    HB_AUTO_FREE char *line = hb_session_command_line(session, text);
    hb_report_add(&session->run.report, kind, "",
                  "%s/%s: %s, so nothing is removed, and %zu more stay%s; if that is right: %s",
                  archives->directory, archives->rows[marked].kept.name,
                  untold ? "it could not be compared with the archives before it"
                         : "it has far less than the archive before",
                  held, held == 1 ? "s" : "", line);
}
