/* SPDX-License-Identifier: Apache-2.0 */
#include "named_archive.h"

#include "archives_table.h"
#include "base/memory.h"
#include "preset_report.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct found {
    char *path;
    int64_t started; /* or as if: in the order of its home */
    size_t position; /* in the list */
    bool incomplete, shrunk;
    bool noted;    /* known by the path that it notes alone */
    bool way_back; /* of the preset of which imports make theirs before they replace anything */
    char *host;    /* it notes; NULL: its facts alone are known, which are of this installation */
    char home[HB_ID_BYTES];
};

struct search {
    struct hb_session *session;
    const char *preset; /* that was asked for; NULL: any */
    enum hb_named named;
    uint64_t number; /* from 1; of latest: how many before it, from 0 */
    struct found *found;
    size_t count;
    size_t places;
    char *picked; /* by number */
    bool foreign; /* it is not this home's, as far as anybody can tell */
    char *problem;
    /* Where there is no home: the newest complete one that may be of another. */
    struct found other;
    char *whose; /* of that: "PATH on HOST" */
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

static struct found found_of(const struct hb_looked *looked, size_t number)
{
    const struct hb_preset_archive *row = &looked->archives->rows[number];
    struct found found = {.path = hb_preset_archive_path(looked->archives, number),
                          .started = row->listed_time,
                          .position = number,
                          .incomplete = hb_looks_complete(row) != HB_YES,
                          .shrunk = row->kept.shrunk,
                          .noted = row->noted == HB_PATH_SAME};
    if (!row->by_facts && row->origin.host != NULL)
        found.host = hb_copy_text(row->origin.host);
    memcpy(found.home, row->origin.home, sizeof found.home);
    return found;
}

static void clear_found(struct found *found)
{
    free(found->path);
    free(found->host);
}

/* Of which home it is nobody can tell. */
static void take_other(struct search *search, const struct hb_looked *looked, size_t number)
{
    struct found found = found_of(looked, number);
    if (found.incomplete || found.started <= search->other.started) {
        clear_found(&found);
        return;
    }
    clear_found(&search->other);
    free(search->whose);
    search->other = found;
    search->whose = hb_home_of_archive(&looked->archives->rows[number]);
}

static void take(struct search *search, const struct hb_looked *looked, size_t number)
{
    const struct hb_preset_archive *row = &looked->archives->rows[number];
    struct hb_archive_facts facts = hb_archive_facts(row);
    bool ours = row->kept.whose == HB_HOME_OURS || row->noted == HB_PATH_SAME;
    if (hb_looks_complete(row) == HB_CANNOT_TELL || facts.started <= 0 ||
        facts.started > time(NULL) + HB_AHEAD_SECONDS)
        return;
    if (!ours) {
        if (search->session->run.home.fd < 0)
            take_other(search, looked, number);
        return;
    }
    search->found = hb_resize(search->found, search->count + 1, sizeof *search->found);
    const char *of_imports = hb_config_import(search->session->config)->backup_preset;
    search->found[search->count] = found_of(looked, number);
    search->found[search->count++].way_back =
        search->preset == NULL && looked->preset != NULL && strcmp(looked->preset, of_imports) == 0;
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
        const struct hb_preset_archive *row = &looked->archives->rows[search->number - 1];
        free(search->picked);
        search->picked = hb_preset_archive_path(looked->archives, search->number - 1);
        search->foreign = search->session->run.home.fd >= 0 && row->kept.whose != HB_HOME_OURS &&
                          row->noted == HB_PATH_NOT_ASKED;
    }
    for (size_t i = 0; i < looked->archives->count; i++)
        take(search, looked, i);
}

static int latest_first(const void *one, const void *other)
{
    const struct found *a = one, *b = other;
    int order = (a->started < b->started) - (a->started > b->started);
    return order != 0 ? order : (a->position > b->position) - (a->position < b->position);
}

/* ---- by the path that they note ------------------------------------------------------------ */

static bool is_of_machine(const struct found *found, const char *host)
{
    return found->host == NULL || strcmp(found->host, host) == 0;
}

/* Those of other machines, whose homes have the same path, are not this one's. */
static void keep_those_of(struct search *search, const char *host)
{
    size_t stay = 0;
    for (size_t i = 0; i < search->count; i++) {
        if (is_of_machine(&search->found[i], host))
            search->found[stay++] = search->found[i];
        else
            clear_found(&search->found[i]);
    }
    search->count = stay;
}

/* Where the home has some that are its own, no others are asked. */
static bool are_all_noted(const struct search *search)
{
    bool all = search->count > 0;
    for (size_t i = 0; i < search->count; i++)
        all &= search->found[i].noted;
    return all;
}

static void keep_own(struct search *search)
{
    size_t stay = 0;
    for (size_t i = 0; i < search->count; i++) {
        if (!search->found[i].noted)
            search->found[stay++] = search->found[i];
        else
            clear_found(&search->found[i]);
    }
    search->count = stay;
}

/*
 * No home says which are its own: two machines may have homes of one path, and put their archives
 * into one place. Those of this machine are taken; else there must be one machine alone. False:
 * *error.
 */
static bool tell_machines_apart(struct search *search, struct hb_error *error)
{
    char host[HOST_NAME_MAX + 1] = "";
    bool here = false, one = true, homes = false;
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    for (size_t i = 0; i < search->count; i++) {
        const struct found *found = &search->found[i], *first = &search->found[0];
        here |= is_of_machine(found, host);
        one &= is_of_machine(found, first->host == NULL ? host : first->host);
    }
    if (!here && !one)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "no archive was made of the home as it is, and archives of several "
                            "machines note its path, %s",
                            search->session->run.home.path) == HB_OK;
    if (here)
        keep_those_of(search, host);
    for (size_t i = 0; i < search->count; i++)
        homes |= strcmp(search->found[i].home, search->found[0].home) != 0;
    if (homes)
        hb_report_add(&search->session->run.report, HB_FOUND_NOTE, "",
                      "archives of several homes, one after the other, note the path %s; `hbcore "
                      "archives` lists them",
                      search->session->run.home.path);
    return true;
}

/* ---- which it is --------------------------------------------------------------------------- */

/*
 * What an import has made of a home that was to be replaced is not the latest of it: who imports
 * that again would have the damage back. Unless there is nothing else.
 */
static void leave_ways_back(struct search *search)
{
    const struct found *newest = NULL, *other = NULL;
    for (size_t i = 0; i < search->count; i++) {
        const struct found **first = search->found[i].way_back ? &newest : &other;
        if (*first == NULL && !search->found[i].incomplete)
            *first = &search->found[i];
    }
    if (newest == NULL || other == NULL)
        return;
    if (newest < other)
        hb_report_add(&search->session->run.report, HB_FOUND_NOTE, "",
                      "%s is newer, but an import made it before it replaced anything: `hbcore "
                      "undo` goes back to it, or name it",
                      newest->path);
    size_t stay = 0;
    for (size_t i = 0; i < search->count; i++) {
        if (!search->found[i].way_back)
            search->found[stay++] = search->found[i];
        else
            clear_found(&search->found[i]);
    }
    search->count = stay;
}

/* NULL: there are not so many. */
static const char *pick_latest(struct search *search)
{
    uint64_t left = search->number;
    const struct found *newer = NULL;
    if (search->count > 0)
        qsort(search->found, search->count, sizeof *search->found, latest_first);
    leave_ways_back(search);
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
    else if (search->named == HB_NAMED_LATEST && search->session->run.home.fd < 0)
        hb_error_set(error, HB_STATUS_FATAL,
                     "%s: the home %s does not exist, and there is no such complete archive that "
                     "notes this path",
                     word, search->session->run.home.path);
    else if (search->named == HB_NAMED_LATEST)
        hb_error_set(error, HB_STATUS_FATAL, "%s: there is no such complete archive of this home",
                     word);
    else
        hb_error_set(error, HB_STATUS_FATAL, "%s: no archive has that number", word);
    HB_AUTO_FREE char *command = hb_session_command_line(search->session, "hbcore archives");
    if (search->other.path != NULL)
        hb_error_hint(error, "the newest complete one there is %s, of %s: name it if it is the one",
                      search->other.path, search->whose == NULL ? "another path" : search->whose);
    else
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
    if (!are_all_noted(search))
        keep_own(search);
    else if (search->problem == NULL && search->named == HB_NAMED_LATEST &&
             !tell_machines_apart(search, &search->session->error)) {
        HB_AUTO_FREE char *command = hb_session_command_line(search->session, "hbcore archives");
        hb_error_hint(&search->session->error, "`%s` lists them: name the file", command);
        return HB_EXIT_FAILED;
    }
    if (search->named == HB_NAMED_NUMBER && search->picked != NULL && search->foreign) {
        hb_error_set(&search->session->error, HB_STATUS_FATAL,
                     "%s: this is %s, which is not known to be an archive of this home", word,
                     search->picked);
        hb_error_hint(&search->session->error, "name the file, if you mean it");
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

/* And nothing else has that name. */
static bool is_preset(const struct hb_config *config, const char *word)
{
    HB_AUTO_FREE char *section = hb_text("preset:%s", word);
    struct stat status;
    return strchr(word, '/') == NULL && lstat(word, &status) != 0 &&
           hb_config_section(config, section) != NULL;
}

int hb_archive_named(struct hb_session *session, const char *word, const char *preset, char **path)
{
    struct search search = {
        .session = session, .preset = preset, .named = hb_archive_is_named(word)};
    if (search.named == HB_NAMED_NOT && is_preset(session->config, word)) {
        hb_error_set(&session->error, HB_STATUS_FATAL, "%s: is a preset, and no archive", word);
        hb_error_hint(&session->error, "name its newest archive: latest --preset %s", word);
        return HB_EXIT_USAGE;
    }
    if (search.named == HB_NAMED_NOT) {
        *path = hb_copy_text(word);
        return 0;
    }
    const char *digits = search.named == HB_NAMED_NUMBER ? word : strchr(word, '~');
    search.number = digits == NULL ? 0 : strtoul(digits + (*digits == '~'), NULL, 10);
    struct hb_look_request request = {
        .run = &session->run, .place = preset, .looked = on_looked, .context = &search};
    int code = hb_session_seek_home(session, HB_HOME_OUTERMOST);
    if (code == 0) {
        int status = hb_look(&request, &session->error);
        code = status == HB_OK             ? choose(&search, word, path)
               : status == HB_STATUS_FATAL ? HB_EXIT_USAGE /* there is no such preset */
                                           : hb_cli_exit_code(status);
        hb_root_close(&session->run.home);
    }
    for (size_t i = 0; i < search.count; i++)
        clear_found(&search.found[i]);
    clear_found(&search.other);
    free(search.whose);
    free(search.found);
    free(search.picked);
    free(search.problem);
    return code;
}
