/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/accept.h"

#include "backup/accepted.h"
#include "backup/look.h"
#include "base/memory.h"
#include "base/url.h"
#include <stdlib.h>
#include <string.h>

struct accept {
    const char *word;
    bool dry_run;
    char *path;    /* of the one that is meant */
    char *problem; /* a place cannot be listed */
    bool ours, marked, accepted;
    struct hb_origin origin;
    size_t count; /* how many are meant */
};

bool hb_accept_is_meant(const struct hb_preset_archives *archives, size_t row, const char *word)
{
    HB_AUTO_FREE char *path = hb_preset_archive_path(archives, row);
    if (strcmp(path, word) == 0)
        return true;
    if (strchr(word, '/') == NULL && strcmp(archives->rows[row].kept.name, word) == 0)
        return true;
    HB_AUTO_FREE char *one = hb_url_scheme(path) > 0 ? NULL : realpath(path, NULL);
    HB_AUTO_FREE char *other = hb_url_scheme(word) > 0 ? NULL : realpath(word, NULL);
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

static void take(struct accept *accept, const struct hb_preset_archives *archives, size_t number)
{
    const struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *before = accept->path;
    accept->path = hb_preset_archive_path(archives, number);
    if (before == NULL || strcmp(before, accept->path) != 0) /* two presets may list one */
        accept->count++;
    accept->ours = row->kept.whose == HB_HOME_OURS;
    accept->marked = row->origin.shrunk != HB_SHRUNK_NO;
    accept->accepted = row->accepted;
    accept->origin.sequence = row->origin.sequence;
    accept->origin.started = row->origin.started;
    memcpy(accept->origin.home, row->origin.home, sizeof row->origin.home);
}

static void on_looked(void *context, const struct hb_looked *looked)
{
    struct accept *accept = context;
    if (looked->problem != NULL && accept->problem == NULL)
        accept->problem = hb_copy_text(looked->problem);
    for (size_t i = 0; i < looked->archives->count; i++)
        if (hb_accept_is_meant(looked->archives, i, accept->word))
            take(accept, looked->archives, i);
}

static int record(const struct accept *accept, struct hb_error *error)
{
    HB_AUTO_FREE char *why = NULL;
    int result = accept->dry_run || accept->accepted ? 0 : hb_shrink_accept(&accept->origin, &why);
    if (result == 0)
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "%s: that it is accepted cannot be recorded: %s",
                 accept->path, why != NULL ? why : strerror(-result));
    hb_error_hint(error, "it belongs into $XDG_STATE_HOME/hbcore, or ~/.local/state/hbcore; of "
                         "root: /var/lib/hbcore");
    return HB_STATUS_FATAL;
}

static int decide(const struct accept *accept, struct hb_error *error)
{
    const char *name = accept->path != NULL ? accept->path : accept->word;
    if (accept->count == 0 && accept->problem != NULL)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: it is not among those that can be listed: "
                            "%s",
                            name, accept->problem);
    if (accept->count == 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: no preset has such an archive", name);
    if (accept->count > 1)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: several archives have that name: give the "
                            "path of one",
                            accept->word);
    if (!accept->ours)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: it is not known to be this home's", name);
    if (!accept->marked)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: it is not marked as shrunk: there is nothing to accept", name);
    return record(accept, error);
}

int hb_accept(struct hb_run *run, const char *preset, const char *word, bool dry_run, char **path,
              struct hb_error *error)
{
    struct accept accept = {.word = word, .dry_run = dry_run};
    struct hb_look_request request = {
        .run = run, .place = preset, .looked = on_looked, .context = &accept};
    int status = hb_look(&request, error);
    if (status == HB_OK)
        status = decide(&accept, error);
    *path = status == HB_OK ? accept.path : NULL;
    if (status != HB_OK)
        free(accept.path);
    free(accept.problem);
    return status;
}
