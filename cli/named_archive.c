/* SPDX-License-Identifier: Apache-2.0 */
#include "named_archive.h"

#include "archives_table.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct found {
    char *path;
    int64_t started;
    bool incomplete, shrunk;
};

struct search {
    struct hb_session *session;
    enum hb_named named;
    uint64_t number; /* from 1; of latest: how many before it, from 0 */
    struct found *found;
    size_t count;
    size_t places;
    char *picked; /* by number */
    char *problem;
};

static bool is_number(const char *text)
{
    return *text != '\0' && strlen(text) <= 9 && text[strspn(text, "0123456789")] == '\0';
}

enum hb_named hb_archive_is_named(const char *word)
{
    static const char latest[] = "latest";
    size_t bytes = sizeof latest - 1;
    struct stat status;
    bool is_latest = strncmp(word, latest, bytes) == 0 &&
                     (word[bytes] == '\0' || (word[bytes] == '~' && is_number(word + bytes + 1)));
    if ((!is_latest && !is_number(word)) || lstat(word, &status) == 0)
        return HB_NAMED_NOT;
    return is_latest ? HB_NAMED_LATEST : HB_NAMED_NUMBER;
}

/* ---- the archives that there are ----------------------------------------------------------- */

static void take(struct search *search, const struct hb_looked *looked, size_t number)
{
    const struct hb_preset_archive *row = &looked->archives->rows[number];
    struct hb_archive_facts facts = hb_archive_facts(row);
    enum hb_answer complete = hb_looks_complete(row);
    if (row->kept.whose != HB_HOME_OURS || complete == HB_CANNOT_TELL || facts.started <= 0 ||
        facts.started > time(NULL) + HB_AHEAD_SECONDS)
        return;
    search->found = hb_resize(search->found, search->count + 1, sizeof *search->found);
    search->found[search->count++] =
        (struct found){.path = hb_preset_archive_path(looked->archives, number),
                       .started = row->kept.when.started,
                       .incomplete = complete != HB_YES,
                       .shrunk = row->kept.shrunk};
}

static void on_looked(void *context, const struct hb_looked *looked)
{
    struct search *search = context;
    search->places++;
    if (looked->problem != NULL) {
        free(search->problem);
        search->problem = hb_copy_text(looked->problem);
        return;
    }
    if (search->named == HB_NAMED_NUMBER && search->number >= 1 &&
        search->number <= looked->archives->count) {
        free(search->picked);
        search->picked = hb_preset_archive_path(looked->archives, search->number - 1);
    }
    for (size_t i = 0; i < looked->archives->count; i++)
        take(search, looked, i);
}

static int latest_first(const void *one, const void *other)
{
    const struct found *a = one, *b = other;
    return (a->started < b->started) - (a->started > b->started);
}

/* ---- which it is --------------------------------------------------------------------------- */

/* NULL: there are not so many. */
static const char *pick_latest(const struct search *search)
{
    uint64_t left = search->number;
    const struct found *newer = NULL;
    if (search->count > 0)
        qsort(search->found, search->count, sizeof *search->found, latest_first);
    for (size_t i = 0; i < search->count; i++) {
        const struct found *found = &search->found[i];
        if (found->incomplete && newer == NULL && left == search->number)
            newer = found;
        if (found->incomplete || left-- > 0)
            continue;
        if (newer != NULL)
            hb_report_add(&search->session->run.report, HB_FOUND_NOTE, "",
                          "%s is newer than the archive that was taken, but incomplete",
                          newer->path);
        if (found->shrunk)
            hb_report_add(&search->session->run.report, HB_FOUND_NOTE, "",
                          "%s is marked as shrunk: it has far less than an archive before it; "
                          "`hbcore archives` lists them",
                          found->path);
        return found->path;
    }
    return NULL;
}

static int fail(struct search *search, const char *word)
{
    struct hb_error *error = &search->session->error;
    if (search->problem != NULL)
        hb_error_set(error, HB_STATUS_FATAL, "%s: nobody can tell which archive that is: %s", word,
                     search->problem);
    else if (search->named == HB_NAMED_LATEST)
        hb_error_set(error, HB_STATUS_FATAL, "%s: there is no such complete archive of this home",
                     word);
    else
        hb_error_set(error, HB_STATUS_FATAL, "%s: no archive has that number", word);
    HB_AUTO_FREE char *command = hb_session_command_line(search->session, "hbcore archives");
    hb_error_hint(error, "`%s` lists those that there are; or name the file", command);
    return HB_EXIT_FAILED;
}

static int choose(struct search *search, const char *word, char **path)
{
    if (search->named == HB_NAMED_NUMBER && search->places > 1) {
        hb_error_set(&search->session->error, HB_STATUS_FATAL,
                     "%s: a number is one of a preset, and there are several", word);
        hb_error_hint(&search->session->error, "add --preset NAME");
        return HB_EXIT_USAGE;
    }
    const char *picked = search->problem != NULL            ? NULL
                         : search->named == HB_NAMED_LATEST ? pick_latest(search)
                                                            : search->picked;
    if (picked == NULL)
        return fail(search, word);
    *path = hb_copy_text(picked);
    return 0;
}

int hb_archive_named(struct hb_session *session, const char *word, const char *preset, char **path)
{
    struct search search = {.session = session, .named = hb_archive_is_named(word)};
    if (search.named == HB_NAMED_NOT) {
        *path = hb_copy_text(word);
        return 0;
    }
    const char *digits = search.named == HB_NAMED_NUMBER ? word : strchr(word, '~');
    search.number = digits == NULL ? 0 : strtoul(digits + (*digits == '~'), NULL, 10);
    struct hb_look_request request = {
        .run = &session->run, .place = preset, .looked = on_looked, .context = &search};
    int code = hb_session_open_home(session, true, false);
    if (code == 0) {
        int status = hb_look(&request, &session->error);
        code = status == HB_OK             ? choose(&search, word, path)
               : status == HB_STATUS_FATAL ? HB_EXIT_USAGE /* there is no such preset */
                                           : hb_cli_exit_code(status);
        hb_root_close(&session->run.home);
    }
    for (size_t i = 0; i < search.count; i++)
        free(search.found[i].path);
    free(search.found);
    free(search.picked);
    free(search.problem);
    return code;
}
