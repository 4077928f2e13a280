/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/look.h"

#include "backup/by_time.h"
#include "backup/row_words.h"
#include "base/memory.h"
#include "base/url.h"
#include "host/failure.h"
#include "host/own_places.h"
#include "store/store.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct look {
    const struct hb_look_request *request;
    struct hb_home_id id;
};

/*
 * Without an id the owner of the directory is not believed, only root and who would make the home:
 * the user, or, for root, the owner of what is there of the way to it.
 */
static bool may_be_his(const struct hb_run *run, const char *path, const struct stat *file)
{
    struct stat there;
    if (hb_url_scheme(path) > 0 || file->st_uid == 0 || file->st_uid == geteuid())
        return true;
    HB_AUTO_FREE char *way = hb_copy_text(run->home.path == NULL ? "" : run->home.path);
    for (char *slash = way + strlen(way); geteuid() == 0 && slash != NULL && slash != way;
         slash = strrchr(way, '/')) {
        *slash = '\0';
        if (stat(way, &there) == 0)
            return there.st_uid == file->st_uid;
    }
    return false;
}

/*
 * Which home it is of cannot be told by an id where the home has none, or is not there. One that a
 * stranger may have put there, or that is sealed without a proof, could note any path.
 */
static void take_noted(const struct hb_run *run, const struct hb_preset_archives *archives,
                       size_t number)
{
    struct hb_preset_archive *row = &archives->rows[number];
    bool gone = run->home.fd < 0;
    char place[HB_PLACE_BYTES];
    HB_AUTO_FREE char *path = hb_preset_archive_path(archives, number);
    bool same = row->origin.path != NULL && strcmp(row->origin.path, run->home.path) == 0;
    if (row->kept.whose != HB_HOME_OTHERS)
        return;
    if (row->by_facts) {
        hb_facts_place(row->facts.home, run->home.path, place);
        same = strcmp(place, row->facts.place) == 0;
    }
    if (!same && !gone)
        return;
    row->kept.whose = HB_HOME_UNKNOWN;
    if (!same)
        row->noted = HB_PATH_OTHER;
    else if (!row->unproved && !hb_row_may_be_a_strangers(run, path, &row->status) &&
             may_be_his(run, path, &row->status))
        row->noted = HB_PATH_SAME;
}

static void take_all_noted(const struct look *look, const struct hb_preset_archives *archives)
{
    struct hb_run *run = look->request->run;
    bool some = false;
    if (run->home.fd >= 0 && (look->id.from_file || look->id.foreign))
        return;
    for (size_t i = 0; i < archives->count; i++) {
        take_noted(run, archives, i);
        some |= archives->rows[i].noted == HB_PATH_SAME;
    }
    if (some && run->home.fd >= 0)
        hb_report_add_once(&run->report, HB_FOUND_NOTE, run->home.path,
                           "no archive was made of this home yet; archives of what was at its path "
                           "before are known by that path alone");
}

/* That of the store, where its sentence is the reason. */
static void take_hint(struct hb_run *run, const struct hb_preset_archives *archives,
                      struct hb_error *reason)
{
    const char *hint = hb_failure_of(run)->hint;
    if (archives->store != NULL && *reason->hint == '\0' && *hint != '\0' &&
        strstr(reason->text, hb_store_failure(archives->store)) != NULL)
        hb_error_hint(reason, "%s", hint);
}

static int look_at(struct look *look, const char *preset, const char *prefix, const char *directory)
{
    struct hb_run *run = look->request->run;
    struct hb_preset_archives archives;
    struct hb_error reason = {0};
    struct hb_preset_query query = {.run = run,
                                    .id = &look->id,
                                    .prefix = prefix,
                                    .suffixes = hb_own_suffixes(run),
                                    .directory = directory};
    int status = hb_preset_archives_read(&query, &archives, &reason);
    take_all_noted(look, &archives);
    hb_preset_archives_by_time(&archives);
    if (status == HB_OK && look->request->words && archives.store != NULL)
        hb_row_words_read(run, &archives);
    struct hb_looked looked = {.preset = preset, .directory = directory, .archives = &archives};
    if (status != HB_OK) {
        take_hint(run, &archives, &reason);
        hb_preset_archives_clear(&archives);
        looked.problem = reason.text;
        looked.hint = *reason.hint == '\0' ? NULL : reason.hint;
    }
    if (status != HB_STATUS_CANCELLED)
        look->request->looked(look->request->context, &looked);
    hb_preset_archives_clear(&archives);
    return status == HB_STATUS_CANCELLED ? status : HB_OK;
}

static int look_at_preset(struct look *look, const char *name, struct hb_error *error)
{
    struct hb_preset preset;
    int status = hb_preset_find(look->request->run->config, name, &preset, error);
    if (status != HB_OK)
        return status;
    HB_AUTO_FREE char *directory = hb_preset_directory(&preset, look->request->run->home.path);
    status = look_at(look, name, preset.prefix, directory);
    hb_preset_clear(&preset);
    return status;
}

static int look_at_each(struct look *look, struct hb_error *error)
{
    const struct hb_section *section = NULL;
    int status = HB_OK;
    while (status == HB_OK &&
           (section = hb_config_next_preset(look->request->run->config, section)) != NULL)
        status = look_at_preset(look, section->label, error);
    return status;
}

int hb_look(const struct hb_look_request *request, struct hb_error *error)
{
    struct look look = {.request = request};
    const char *place = request->place;
    if (request->run->home.fd >= 0)
        hb_home_id_find(&request->run->home, false, &look.id);
    HB_AUTO_FREE char *file = place == NULL ? NULL : hb_url_file(place);
    if (file != NULL)
        place = file;
    int status = place == NULL                ? look_at_each(&look, error)
                 : strchr(place, '/') != NULL ? look_at(&look, NULL, NULL, place)
                                              : look_at_preset(&look, place, error);
    hb_home_id_clear(&look.id);
    return status;
}

enum hb_answer hb_looks_complete(const struct hb_preset_archive *row)
{
    if (row->no_archive || row->damage != NULL)
        return HB_NO;
    if (row->kept.complete != HB_NOT_ASKED)
        return row->kept.complete;
    return row->by_facts || row->has_origin ? HB_YES : HB_CANNOT_TELL;
}
