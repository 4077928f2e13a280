/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/snapshot_make.h"

#include "backup/plan_listed.h"
#include "backup/staged_directory.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "host/content.h"
#include "host/instance.h"
#include "restore/recover.h"
#include "restore/target.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

enum { LONGEST_LABEL = 200 };

struct maker {
    struct hb_run *run;
    struct hb_error *error;
    struct hb_chain contents;
    struct hb_plan plan;
    struct hb_staged_directory staged; /* what becomes the snapshot */
    struct hb_manifest manifest;
    uint64_t too_large;  /* files that are left out */
    bool made_directory; /* of the snapshots */
};

const char *hb_snapshot_label_problem(const char *label)
{
    if (strlen(label) > LONGEST_LABEL)
        return "is too long";
    if (!hb_is_utf8(label, strlen(label)))
        return "is not UTF-8";
    for (; *label != '\0'; label++)
        if (*label == '/' || (unsigned char)*label < 0x20 || *label == 0x7f)
            return "has a character that cannot be in a name";
    return NULL;
}

/*
 * The ids are in the order in which the snapshots were made, also where the clock was set back:
 * then the time of the newest that is there is taken once more. Two of one time are told apart by
 * a number that is above all that are there, so that no id comes again while a later one is kept.
 * It is padded: others who read ids put them in order byte by byte. None is needed where the clock
 * goes on, and the labels alone put the new id behind all of its second.
 */
static char *free_id(const struct hb_snapshots *present, const char *stamp, const char *label)
{
    const char *now = stamp;
    unsigned long highest = 0;
    for (size_t i = 0; i < present->count; i++) {
        const char *name = present->items[i].kept.name;
        if (hb_snapshot_has_stamp(name) && strncmp(name, stamp, HB_SNAPSHOT_STAMP) > 0)
            stamp = name;
    }
    HB_AUTO_FREE char *base = hb_text("%.*s%s%s", (int)HB_SNAPSHOT_STAMP, stamp,
                                      label == NULL ? "" : "-", label == NULL ? "" : label);
    bool is_last = stamp == now;
    for (size_t i = 0; i < present->count; i++) {
        const char *name = present->items[i].kept.name;
        if (strncmp(name, stamp, HB_SNAPSHOT_STAMP) != 0)
            continue;
        is_last = is_last && strcmp(base, name) > 0;
        if (hb_snapshot_number(name) > highest)
            highest = hb_snapshot_number(name);
    }
    bool is_free = highest == 0 || (highest == 1 && is_last && hb_snapshot_number(base) == 1);
    return is_free ? hb_copy_text(base) : hb_text("%s-%03lu", base, highest + 1);
}

/* ---- what is beside the copies ------------------------------------------------------------- */

/* Why it is incomplete, for pruning and for people. 0 or -errno. */
static int write_marks(const struct maker *maker)
{
    const struct hb_report *report = &maker->run->report;
    if (!hb_report_incomplete(report))
        return 0;
    json_t *list = json_array(), *marks = json_pack("{s:o}", "incomplete", list);
    for (size_t i = 0; i < report->count; i++) {
        const struct hb_finding *finding = &report->findings[i];
        if (finding->kind != HB_FOUND_SKIPPED && finding->kind != HB_FOUND_DOUBTFUL)
            continue;
        HB_AUTO_FREE char *line = hb_text("%s: %s", finding->path, finding->reason);
        json_t *text = json_string(line);
        json_array_append_new(list, text != NULL ? text : json_string(finding->reason));
    }
    int result = hb_json_write_file(marks, maker->staged.stage.fd, HB_MARKS_NAME);
    json_decref(marks);
    return result;
}

/* Nobody else makes snapshots of this home now. */
static int publish(struct maker *maker, const char *stamp, char **id)
{
    struct hb_snapshots present;
    int stage_fd = maker->staged.stage.fd;
    int status = hb_snapshots_open(maker->run, &present, maker->error), result = 0;
    if (status == HB_OK) {
        HB_AUTO_AS as = {.changed = false};
        *id = free_id(&present, stamp, maker->manifest.label);
        result = hb_as_begin(&as, &maker->staged.stage.rights);
        if (result == 0)
            result = write_marks(maker);
        if (result == 0)
            result = hb_manifest_write(&maker->manifest, *id, stamp, stage_fd);
    }
    hb_snapshots_close(&present);
    if (result != 0)
        status =
            hb_error_set(maker->error, HB_STATUS_FATAL, "%s: the snapshot cannot be written: %s",
                         maker->staged.stage.path, hb_rights_explain(-result));
    return status == HB_OK ? hb_staged_directory_publish(&maker->staged, *id, maker->error)
                           : status;
}

/* ---- where it goes ------------------------------------------------------------------------- */

/* The place of the directory of snapshots. 0 or -errno; hb_place_clear in any case. */
static int find_place(const struct hb_run *run, unsigned flags, struct hb_place *place)
{
    return hb_beneath_resolve(&run->home, hb_config_snapshot(run->config)->directory, flags, place,
                              NULL);
}

/* If it is missing. 0 or -errno. */
static int make_directory(struct maker *maker)
{
    struct hb_place place;
    int result = find_place(maker->run, HB_MAKE_PARENTS, &place);
    if (result == 0 && !place.exists) {
        result = hb_target_make_directory(&place);
        maker->made_directory = result == 0;
    }
    hb_place_clear(&place);
    return result;
}

/* Only if nothing is in it. */
static void remove_directory(const struct hb_run *run)
{
    struct hb_place place;
    HB_AUTO_AS as = {.changed = false};
    if (find_place(run, HB_KEEP_LAST, &place) == 0 && hb_as_begin(&as, &place.rights) == 0)
        unlinkat(place.directory_fd, place.name, AT_REMOVEDIR);
    hb_place_clear(&place);
}

/* Stages in the directory of snapshots, which is made where it is missing. */
static int open_stages(struct maker *maker)
{
    struct hb_run *run = maker->run;
    struct hb_snapshots present;
    int made = make_directory(maker);
    int status = hb_snapshots_open(run, &present, maker->error);
    if (status == HB_OK && present.directory.fd < 0)
        status = hb_error_set(maker->error, HB_STATUS_FATAL, "%s: cannot be made: %s", present.path,
                              hb_rights_explain(-made));
    if (status == HB_OK) /* for the copies of databases */
        status = hb_stage_open_in(present.directory.fd, &present.directory.rights, present.path,
                                  &run->stage, NULL, maker->error);
    if (status == HB_OK)
        status = hb_staged_directory_begin(run, &present.directory, present.path, &maker->staged,
                                           maker->error);
    hb_snapshots_close(&present);
    return status;
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* Such a file is named: what has not been copied must not be thought safe. */
static bool is_too_large(struct maker *maker, const struct hb_planned *planned, const char *path)
{
    char size[HB_HUMAN_BYTES], limit[HB_HUMAN_BYTES];
    int64_t largest = hb_config_snapshot(maker->run->config)->max_file_size;
    if (largest == 0 || planned->bytes <= (uint64_t)largest)
        return false;
    maker->too_large++;
    hb_report_add(&maker->run->report, HB_FOUND_SKIPPED, path,
                  "is larger (%s) than [snapshot] max-file-size (%s)",
                  hb_human_bytes(planned->bytes, size), hb_human_bytes((uint64_t)largest, limit));
    return true;
}

static int copy_planned(struct maker *maker)
{
    int status = HB_OK;
    for (size_t i = 0; i < maker->plan.count && status == HB_OK; i++) {
        struct hb_planned planned = hb_plan_entry(&maker->plan, i);
        HB_AUTO_FREE char *path = hb_plan_path(&maker->plan, &planned);
        uint64_t bytes;
        if (is_too_large(maker, &planned, path))
            continue;
        if (!hb_is_utf8(path, strlen(path))) {
            hb_report_add(&maker->run->report, HB_FOUND_SKIPPED, path,
                          "its name is not UTF-8, so a manifest cannot hold it");
            continue;
        }
        status = hb_staged_directory_copy(&maker->staged, &maker->contents, &maker->plan, &planned,
                                          &bytes, maker->error);
        if (status == HB_OK)
            hb_manifest_add(&maker->manifest, path, bytes);
        else if (status == HB_STATUS_ENTRY)
            status = HB_OK;
    }
    return status;
}

static int make(struct maker *maker, const char *label, struct hb_snapshot_made *made)
{
    char stamp[32];
    struct tm utc;
    time_t now = time(NULL);
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &utc);
    bool labelled = label != NULL && *label != '\0';
    maker->manifest = (struct hb_manifest){.files = json_object()};
    maker->manifest.label = labelled ? hb_copy_text(label) : NULL;
    int status = open_stages(maker);
    if (status == HB_OK)
        status = copy_planned(maker);
    made->files = hb_manifest_count(&maker->manifest);
    made->bytes = maker->manifest.bytes;
    HB_AUTO_FREE char *id = NULL;
    if (status == HB_OK && made->files > 0)
        status = publish(maker, stamp, &id);
    if (status == HB_OK && id != NULL)
        made->id = hb_copy_text(id);
    hb_manifest_clear(&maker->manifest);
    return status;
}

/* What would be copied. */
static void tell(struct maker *maker, const struct hb_snapshot_request *request,
                 struct hb_snapshot_made *made)
{
    for (size_t i = 0; i < maker->plan.count; i++) {
        struct hb_planned planned = hb_plan_entry(&maker->plan, i);
        HB_AUTO_FREE char *path = hb_plan_path(&maker->plan, &planned);
        if (is_too_large(maker, &planned, path))
            continue;
        made->files++;
        made->bytes += planned.bytes;
        request->would_copy(request->context, path, &maker->plan, &planned);
    }
}

static int plan(struct maker *maker, enum hb_recover_mode mode)
{
    const struct hb_config *config = maker->run->config;
    struct hb_plan_listed_request request = {
        .run = maker->run,
        .contents = &maker->contents,
        .paths = hb_config_snapshot(config)->files,
        .without = hb_config_snapshot(config)->without,
    };
    int status = hb_contents_create(maker->run, &maker->contents, maker->error);
    if (status == HB_OK)
        status = hb_recover(maker->run, &maker->contents, mode, maker->error);
    return status == HB_OK ? hb_plan_listed(&request, &maker->plan, maker->error) : status;
}

int hb_snapshot_make(const struct hb_snapshot_request *request, struct hb_snapshot_made *made,
                     struct hb_error *error)
{
    struct hb_run *run = request->run;
    struct maker maker = {.run = run, .error = error, .staged = HB_STAGED_DIRECTORY_NONE};
    *made = (struct hb_snapshot_made){.id = NULL};
    int status = plan(&maker, request->would_copy != NULL ? HB_RECOVER_TELL : HB_RECOVER);
    if (status == HB_OK && request->would_copy != NULL)
        tell(&maker, request, made);
    else if (status == HB_OK && maker.plan.count > 0)
        status = make(&maker, request->label, made);
    made->too_large = maker.too_large;
    if (made->too_large > 0 && made->id != NULL)
        hb_report_add(&run->report, HB_FOUND_NOTE, "",
                      "no older snapshot was removed, because this one lacks large files");
    hb_plan_clear(&maker.plan);
    hb_chain_free(&maker.contents);
    hb_staged_directory_end(&maker.staged, status);
    hb_run_close_stage(run, &run->stage, status);
    if (maker.made_directory && made->id == NULL)
        remove_directory(run);
    hb_report_sort(&run->report);
    return status;
}
