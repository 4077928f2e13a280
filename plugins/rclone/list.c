/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

#include "place.h"
#include "run.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* 2026-11-29T22:37:55.585115331Z, or +01:00 in place of the Z, as nanoseconds; 0: it is no time. */
static int64_t time_of(const char *text)
{
    struct tm parts = {0};
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    int64_t fraction = 0, unit = 100000000;
    if (at == NULL)
        return 0;
    for (at += *at == '.'; *at >= '0' && *at <= '9'; at++, unit /= 10)
        fraction += (*at - '0') * unit;
    struct tm zone = {0};
    if (*at != 'Z' && (*at == '\0' || strptime(at + 1, "%H:%M", &zone) == NULL))
        return 0;
    int64_t east = (int64_t)(zone.tm_hour * 3600 + zone.tm_min * 60) * (*at == '-' ? -1 : 1);
    int64_t seconds = (int64_t)timegm(&parts) - east;
    return seconds <= 0 || seconds >= INT64_MAX / 1000000000 ? 0 : seconds * 1000000000 + fraction;
}

/* One row of lsjson. False: it is no file, or it is not said what it is. */
static bool read_row(const json_t *row, const char **path, struct stat_of *said)
{
    const json_t *bytes = json_object_get(row, "Size");
    const char *time = json_string_value(json_object_get(row, "ModTime"));
    const char *id = json_string_value(json_object_get(row, "ID"));
    *path = json_string_value(json_object_get(row, "Path"));
    if (*path == NULL || time == NULL || !json_is_integer(bytes) || json_integer_value(bytes) < 0 ||
        json_is_true(json_object_get(row, "IsDir")))
        return false;
    said->bytes = (uint64_t)json_integer_value(bytes);
    said->written = time_of(time);
    int made = snprintf(said->version, sizeof said->version, "%" PRIu64 "-%" PRId64 "%s%s",
                        said->bytes, said->written, id == NULL ? "" : "-", id == NULL ? "" : id);
    return made > 0 && (size_t)made < sizeof said->version;
}

static int unreadable(const struct rclone *rclone)
{
    return rclone->host->fail(rclone->host, HB_STATUS_FATAL,
                              "rclone lsjson: its answer cannot be read");
}

int look_at(const struct rclone *rclone, const char *place, struct stat_of *said)
{
    char *text;
    size_t bytes;
    const char *path;
    int status = run_for(rclone, &(struct words){{"lsjson", "--stat", "--no-mimetype", place}},
                         &text, &bytes);
    if (status != HB_OK)
        return status;
    json_t *row = json_loadb(text, bytes, JSON_DECODE_ANY, NULL);
    free(text);
    if (json_is_null(row) || json_is_true(json_object_get(row, "IsDir")))
        status = HB_STATUS_NOMATCH; /* some remotes take any name for that of a directory */
    else if (!read_row(row, &path, said))
        status = unreadable(rclone);
    json_decref(row);
    return status;
}

/* ---- all of a directory ---------------------------------------------------------------------- */

struct listing {
    const struct rclone *rclone;
    const char *prefix;
    int (*each)(void *context, const char *name, const struct stat_of *said);
    void *context;
};

static int give_row(const struct listing *listing, const json_t *row)
{
    const char *prefix = listing->prefix, *path, *slash = strrchr(prefix, '/');
    struct stat_of said;
    if (!read_row(row, &path, &said))
        return json_integer_value(json_object_get(row, "Size")) < 0 &&
                       json_is_object(row) /* a document of Google's, say: no length */
                   ? HB_OK
                   : unreadable(listing->rclone);
    size_t above = (size_t)(slash - prefix) + 1, bytes = above + strlen(path) + 1;
    char *name = malloc(bytes);
    if (name == NULL)
        return no_memory(listing->rclone);
    snprintf(name, bytes, "%.*s%s", (int)above, prefix, path);
    int status = strncmp(name, prefix, strlen(prefix)) == 0
                     ? listing->each(listing->context, name, &said)
                     : HB_OK;
    free(name);
    return status;
}

/* A directory that is not there has nothing in it. */
static int list_all(const struct listing *listing)
{
    const struct rclone *rclone = listing->rclone;
    char place[PLACE_BYTES], *text;
    size_t bytes;
    int status = place_of(rclone, listing->prefix, true, place);
    if (status != HB_OK)
        return status;
    status = run_for(
        rclone, &(struct words){{"lsjson", "--recursive", "--files-only", "--no-mimetype", place}},
        &text, &bytes);
    if (status != HB_OK)
        return status == HB_STATUS_NOMATCH ? HB_OK : status;
    json_t *rows = json_loadb(text, bytes, 0, NULL);
    free(text);
    if (!json_is_array(rows))
        status = unreadable(rclone);
    for (size_t i = 0; status == HB_OK && i < json_array_size(rows); i++)
        status = give_row(listing, json_array_get(rows, i));
    json_decref(rows);
    return status;
}

static int on_listed(void *context, const char *name, const struct stat_of *said)
{
    const struct hb_object_lister *lister = context;
    const struct hb_object object = {.size = sizeof object,
                                     .name = name,
                                     .version = said->version,
                                     .bytes = said->bytes,
                                     .written = said->written};
    return is_marked(name, NULL) ? HB_OK : lister->object(lister, &object);
}

int rclone_list(void *self, const char *prefix, const struct hb_object_lister *lister)
{
    return list_all(&(const struct listing){self, prefix, on_listed, (void *)(uintptr_t)lister});
}

/* ---- removing -------------------------------------------------------------------------------- */

/* Between the look and the removal somebody else could put another one there; names of archives
 * have the time and six digits of the run in them, and come only once. */
int rclone_remove(void *self, const char *name, const char *version)
{
    const struct rclone *rclone = self;
    char place[PLACE_BYTES];
    struct stat_of said;
    int status = place_of(rclone, name, false, place);
    if (status == HB_OK)
        status = look_at(rclone, place, &said);
    if (status != HB_OK)
        return status;
    if (strcmp(said.version, version) != 0)
        return HB_STATUS_NOMATCH;
    return run(rclone, &(struct words){{"deletefile", place}}, &(struct hb_child){.size = 0});
}

struct sweeping {
    const struct rclone *rclone;
    const char *home;
    int64_t before;
    uint64_t swept;
};

static int sweep_one(void *context, const char *name, const struct stat_of *said)
{
    struct sweeping *sweeping = context;
    char place[PLACE_BYTES];
    if (!is_marked(name, sweeping->home) || said->written == 0 ||
        said->written >= sweeping->before ||
        place_of(sweeping->rclone, name, false, place) != HB_OK)
        return HB_OK;
    int status = run(sweeping->rclone, &(struct words){{"deletefile", place}},
                     &(struct hb_child){.size = 0});
    sweeping->swept += status == HB_OK;
    return status == HB_STATUS_NOMATCH ? HB_OK : status;
}

int rclone_sweep(void *self, const char *prefix, const char *home, int64_t before, uint64_t *swept)
{
    struct sweeping sweeping = {self, home, before, 0};
    int status = list_all(&(const struct listing){self, prefix, sweep_one, &sweeping});
    *swept = sweeping.swept;
    return status;
}
