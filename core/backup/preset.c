/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset.h"

#include "backup/preset_clash.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/url.h"
#include "host/own_places.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* For hb_nearest(). */
static const char *label_at(const void *context, size_t index)
{
    const struct hb_section *section = NULL;
    do
        section = hb_config_next_preset(context, section);
    while (section != NULL && index-- > 0);
    return section == NULL ? NULL : section->label;
}

/* "nightly, pre-update". Caller frees. */
static char *all_labels(const struct hb_config *config)
{
    char *text = hb_copy_text("");
    const char *label;
    for (size_t i = 0; (label = label_at(config, i)) != NULL; i++) {
        HB_AUTO_FREE char *before = text;
        text = hb_text("%s%s%s", before, i == 0 ? "" : ", ", label);
    }
    return text;
}

static int not_found(const struct hb_config *config, const char *name, struct hb_error *error)
{
    const char *nearest = hb_nearest(name, label_at, config);
    hb_error_set(error, HB_STATUS_FATAL, "there is no preset '%s' in the configuration", name);
    HB_AUTO_FREE char *all = all_labels(config);
    if (nearest != NULL)
        hb_error_hint(error, "did you mean %s?", nearest);
    else if (*all != '\0')
        hb_error_hint(error, "the presets are: %s; or add a section [preset:%s]", all, name);
    else
        hb_error_hint(error, "add a section [preset:%s] with the key 'directory'", name);
    return HB_STATUS_FATAL;
}

int hb_preset_find(const struct hb_config *config, const char *name, struct hb_preset *preset,
                   struct hb_error *error)
{
    *preset = (struct hb_preset){.directory = hb_config_backup(config)->directory,
                                 .keep = -1,
                                 .seal = hb_config_backup(config)->seal,
                                 .reuse = hb_config_backup(config)->reuse};
    if (name == NULL) {
        preset->prefix = hb_copy_text(hb_config_backup(config)->prefix);
        return HB_OK;
    }
    HB_AUTO_FREE char *section = hb_text("preset:%s", name);
    preset->section = hb_config_section(config, section);
    if (preset->section == NULL)
        return not_found(config, name, error);
    HB_AUTO_FREE char *home = hb_expand_path(hb_config_home(config)->path);
    if (hb_preset_clash(config, preset->section, home, false, error) != HB_OK)
        return HB_STATUS_FATAL;
    const struct hb_preset_settings *settings = hb_config_preset(preset->section);
    preset->directory = settings->directory;
    preset->keep = settings->keep;
    preset->reuse = settings->reuse;
    preset->format = *settings->format == '\0' ? NULL : settings->format;
    if (*settings->seal != '\0')
        preset->seal = settings->seal;
    preset->prefix = hb_config_prefix(preset->section);
    return HB_OK;
}

void hb_preset_clear(struct hb_preset *preset)
{
    free(preset->prefix);
    preset->prefix = NULL;
}

/* No two have one: a name in a store has only this to be told from others by. */
static void make_run_id(char id[HB_RUN_ID_BYTES])
{
    unsigned char bytes[HB_RUN_ID_BYTES / 2];
    struct timespec now;
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(id, HB_RUN_ID_BYTES, "%08lx%016llx%08lx", (unsigned long)now.tv_nsec,
                 (unsigned long long)now.tv_sec, (unsigned long)getpid());
        return;
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(id + 2 * i, 3, "%02x", (unsigned)bytes[i]);
}

/* Caller frees. */
static char *make_name(struct hb_preset *preset, bool in_store, const char *suffix)
{
    struct tm broken;
    time_t now = time(NULL);
    make_run_id(preset->run);
    if (in_store)
        gmtime_r(&now, &broken);
    else
        localtime_r(&now, &broken);
    strftime(preset->stamp, sizeof preset->stamp, HB_STAMP_FORMAT, &broken);
    return hb_text("%s%s%s%.*s%s", preset->prefix, preset->stamp, in_store ? "Z-" : "",
                   in_store ? HB_NAMED_OF_RUN : 0, preset->run, suffix == NULL ? "" : suffix);
}

int hb_preset_destination(struct hb_preset *preset, const char *home, const char *output,
                          const struct hb_suffixes *suffixes, struct hb_destination *destination,
                          struct hb_error *error)
{
    HB_AUTO_FREE char *directory = hb_preset_directory(preset, home);
    if (directory == NULL) /* relative to a place without a name: who opens it says so */
        directory = hb_copy_text(preset->directory);
    bool slash = *directory != '\0' && directory[strlen(directory) - 1] == '/';
    HB_AUTO_FREE char *inside = hb_text("%s%s", directory, slash ? "" : "/");
    const char *place = output != NULL ? output : inside;
    HB_AUTO_FREE char *name = make_name(preset, hb_url_scheme(place) > 0, suffixes->all[0]);
    int status = hb_destination_find(place, name, suffixes, destination, error);
    memcpy(destination->run, preset->run, sizeof preset->run);
    return status;
}

char *hb_preset_directory(const struct hb_preset *preset, const char *home)
{
    return hb_own_directory_path(preset->section, preset->directory, home);
}

static void rename_last(char **path, const char *name)
{
    char *renamed = hb_text("%.*s%s", (int)(hb_base_name(*path) - *path), *path, name);
    free(*path);
    *path = renamed;
}

void hb_preset_number_name(const struct hb_preset *preset, const char *latest, uint64_t number,
                           struct hb_destination *destination)
{
    if (!destination->unique || destination->store != NULL || strcmp(preset->stamp, latest) > 0)
        return;
    HB_AUTO_FREE char *start = hb_text("%s%s", preset->prefix, preset->stamp);
    const char *name = hb_base_name(destination->path), *suffix = name + strlen(start);
    if (strncmp(name, start, strlen(start)) != 0) /* a link of that name led elsewhere */
        return;
    destination->number = number < 2 ? 2 : number;
    HB_AUTO_FREE char *numbered = hb_text("%s-%" PRIu64 "%s", start, destination->number, suffix);
    rename_last(&destination->path, numbered);
    rename_last(&destination->asked, numbered);
    destination->exists = false; /* hb_destination_prepare looks again */
}
