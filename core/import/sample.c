/* SPDX-License-Identifier: Apache-2.0 */
#include "import/sample.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include "base/xxh3.h"
#include "files/io.h"
#include "files/state_key.h"
#include "host/run.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char file_name[] = "verified.json";

enum {
    ARCHIVES_MOST = 1000, /* that are remembered; the one that was not read for longest goes */
    STATE_BYTES = 1 << 20 /* such a file has at most */
};

/* ---- which ones ------------------------------------------------------------------------------ */

static void add(XXH3_state_t *state, const void *data, size_t bytes)
{
    XXH3_64bits_update(state, data, bytes);
}

/* What is in it, and where it lies. */
static uint64_t key_of(const struct hb_archive *archive)
{
    const struct hb_catalog *catalog = &archive->catalog;
    HB_AUTO_FREE char *full =
        hb_url_scheme(archive->path) > 0 ? hb_copy_text(archive->path) : hb_absolute(archive->path);
    const char *place = full == NULL ? archive->path : full;
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    add(&state, place, strlen(place) + 1);
    for (size_t i = 0; i < catalog->count; i++) {
        const char *path = hb_catalog_path(catalog, i);
        uint64_t bytes = catalog->members[i].bytes;
        add(&state, path, strlen(path) + 1);
        add(&state, &bytes, sizeof bytes);
    }
    return XXH3_64bits_digest(&state);
}

struct place {
    uint64_t order;
    uint32_t index;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    return left->order != right->order ? (left->order < right->order ? -1 : 1)
                                       : (left->index < right->index ? -1 : 1);
}

/* The files, in the order of that seed. Caller frees. */
static struct place *order_of(const struct hb_catalog *catalog, uint64_t seed, size_t *count)
{
    struct place *places = hb_alloc((catalog->count + 1) * sizeof *places);
    *count = 0;
    for (size_t i = 0; i < catalog->count; i++)
        if (catalog->members[i].type == HB_TYPE_FILE) {
            uint64_t number = i;
            places[(*count)++] =
                (struct place){XXH3_64bits_withSeed(&number, sizeof number, seed), (uint32_t)i};
        }
    qsort(places, *count, sizeof *places, compare_places);
    return places;
}

static void count_all(const struct hb_catalog *catalog, struct hb_sample *sample)
{
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->members[i].type != HB_TYPE_FILE)
            continue;
        if (__builtin_add_overflow(sample->all_bytes, catalog->members[i].bytes,
                                   &sample->all_bytes))
            sample->all_bytes = UINT64_MAX;
    }
}

/* From its place on, until there are bytes enough; one at least. */
static void choose(const struct hb_catalog *catalog, unsigned percent, struct hb_sample *sample)
{
    size_t count;
    HB_AUTO_FREE struct place *places = order_of(catalog, sample->seed, &count);
    uint64_t enough = sample->all_bytes / 100 * percent + sample->all_bytes % 100 * percent / 100;
    size_t at = count == 0 ? 0 : (size_t)(sample->next % count);
    for (size_t done = 0; done < count && (done == 0 || sample->bytes < enough); done++) {
        size_t index = places[at].index;
        sample->wanted[index] = true;
        sample->bytes += catalog->members[index].bytes;
        at = at + 1 == count ? 0 : at + 1;
    }
    sample->next = at;
}

/* ---- what is remembered ---------------------------------------------------------------------- */

/* All of it; an empty object where there is none, or what is no such file. */
static json_t *read_state(int directory)
{
    HB_AUTO_CLOSE int fd =
        openat(directory, file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_size > STATE_BYTES)
        return json_object();
    HB_AUTO_FREE char *text = hb_alloc((size_t)status.st_size + 1);
    int64_t got = hb_read_all_at(fd, text, (size_t)status.st_size, 0);
    json_t *state = got < 0 ? NULL : json_loadb(text, (size_t)got, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(state))
        return state;
    json_decref(state);
    return json_object();
}

static void name_of(uint64_t key, char name[20])
{
    snprintf(name, 20, "%016" PRIx64, key);
}

static uint64_t number_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? 0 : strtoull(text, NULL, 16);
}

static void forget_oldest(json_t *state)
{
    while (json_object_size(state) > ARCHIVES_MOST) {
        const char *name, *oldest = NULL;
        json_int_t when = 0;
        json_t *row;
        json_object_foreach(state, name, row)
        {
            json_int_t read = json_integer_value(json_object_get(row, "read"));
            if (oldest == NULL || read < when) {
                oldest = name;
                when = read;
            }
        }
        json_object_del(state, oldest);
    }
}

/* Under a name of its own and renamed, so that two runs do no harm. 0 or an errno. */
static int write_state(int directory, const json_t *state)
{
    char name[64];
    HB_AUTO_FREE char *text = json_dumps(state, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(name, sizeof name, "%s.%d", file_name, (int)getpid());
    unlinkat(directory, name, 0); /* of one that was killed */
    HB_AUTO_CLOSE int fd =
        openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int result = text == NULL ? -ENOMEM : hb_write_all(fd, text, strlen(text));
    if (result == 0 && renameat(directory, name, directory, file_name) == 0)
        return 0;
    int error = result == 0 ? errno : -result;
    unlinkat(directory, name, 0);
    return error;
}

static void not_remembered(const struct hb_archive *archive, const char *why)
{
    hb_report_add(&archive->run->report, HB_FOUND_NOTE, "",
                  "which members were read is not remembered: %s", why);
}

void hb_sample_choose(struct hb_archive *archive, unsigned percent, struct hb_sample *sample)
{
    char name[20];
    *sample = (struct hb_sample){.key = key_of(archive)};
    sample->wanted = hb_alloc(archive->catalog.count + 1);
    count_all(&archive->catalog, sample);
    HB_AUTO_FREE char *why = NULL;
    HB_AUTO_CLOSE int directory = hb_state_directory_open(false, &why);
    json_t *state = directory < 0 ? json_object() : read_state(directory);
    name_of(sample->key, name);
    const json_t *row = json_object_get(state, name);
    sample->seed = number_of(row, "seed");
    sample->next = number_of(row, "next");
    json_decref(state);
    if (row == NULL && getrandom(&sample->seed, sizeof sample->seed, 0) < 0)
        sample->seed = (uint64_t)time(NULL) ^ sample->key;
    choose(&archive->catalog, percent, sample);
}

void hb_sample_remember(struct hb_archive *archive, const struct hb_sample *sample)
{
    char name[20], seed[20], next[20];
    HB_AUTO_FREE char *why = NULL;
    HB_AUTO_CLOSE int directory = hb_state_directory_open(true, &why);
    if (directory < 0) {
        not_remembered(archive, why == NULL ? "there is no directory for state" : why);
        return;
    }
    json_t *state = read_state(directory);
    name_of(sample->key, name);
    name_of(sample->seed, seed);
    name_of(sample->next, next);
    json_object_set_new(
        state, name,
        json_pack("{s:s, s:s, s:I}", "seed", seed, "next", next, "read", (json_int_t)time(NULL)));
    forget_oldest(state);
    int error = write_state(directory, state);
    json_decref(state);
    if (error != 0)
        not_remembered(archive, strerror(error));
}

int64_t hb_sample_last(const struct hb_archive *archive)
{
    char name[20];
    HB_AUTO_FREE char *why = NULL;
    HB_AUTO_CLOSE int directory = hb_state_directory_open(false, &why);
    json_t *state = directory < 0 ? json_object() : read_state(directory);
    name_of(key_of(archive), name);
    int64_t read = json_integer_value(json_object_get(json_object_get(state, name), "read"));
    json_decref(state);
    return read;
}

void hb_sample_clear(struct hb_sample *sample)
{
    free(sample->wanted);
    *sample = (struct hb_sample){.wanted = NULL};
}
