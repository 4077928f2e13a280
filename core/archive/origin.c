/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/origin.h"

#include "base/memory.h"
#include "base/name.h"
#include <jansson.h>
#include <nettle/hmac.h>
#include <stdio.h>
#include <string.h>

enum { STEP = 512 /* texts are filled up to a multiple */ };

/* A number that somebody made up leaves room above. */
#define HIGHEST (UINT64_C(1) << 53)

static void put_number(json_t *object, const char *key, uint64_t number)
{
    json_object_set_new(object, key, json_integer((json_int_t)number));
}

char *hb_origin_text(const struct hb_origin *origin, size_t *bytes)
{
    json_t *object = json_object();
    json_object_set_new(object, "home", json_string(origin->home));
    hb_json_name(object, "host", origin->host == NULL ? "" : origin->host);
    hb_json_name(object, "path", origin->path == NULL ? "" : origin->path);
    json_object_set_new(object, "preset",
                        origin->preset == NULL ? json_null() : json_string(origin->preset));
    json_object_set_new(object, "started", json_integer((json_int_t)origin->started));
    json_object_set_new(object, "ended", json_integer((json_int_t)origin->ended));
    json_object_set_new(object, "version", json_string(HBCORE_VERSION));
    put_number(object, "files", origin->files);
    put_number(object, "directories", origin->directories);
    put_number(object, "bytes", origin->bytes);
    put_number(object, "sequence", origin->sequence);
    json_object_set_new(object, "stamp", json_string(origin->stamp));
    if (origin->shrunk != HB_SHRUNK_NO)
        put_number(object, "shrunk", (uint64_t)origin->shrunk);
    HB_AUTO_FREE char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(object);
    size_t used = strlen(text);
    *bytes = (used + STEP - 1) / STEP * STEP;
    char *filled = hb_alloc(*bytes);
    memset(filled, ' ', *bytes);
    memcpy(filled, text, used);
    return filled;
}

static char *copy_member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? NULL : hb_copy_text(text);
}

/* A number that cannot be is 0: what is in a trailer may have been made up. */
static int64_t number_of(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    return number < 0 ? 0 : (int64_t)number;
}

/* Only what an id consists of; anything else is none. */
static void take_id(const json_t *object, char id[HB_ID_BYTES])
{
    const char *text = json_string_value(json_object_get(object, "home"));
    id[0] = '\0';
    if (text != NULL && strlen(text) < HB_ID_BYTES &&
        text[strspn(text, "0123456789abcdef")] == '\0')
        snprintf(id, HB_ID_BYTES, "%s", text);
}

/* A mark that a later release may know holds like this one's. */
enum hb_shrunk hb_shrunk_of(const json_t *object)
{
    const json_t *said = json_object_get(object, "shrunk");
    json_int_t number = json_integer_value(said);
    return said == NULL || (json_is_integer(said) && number == HB_SHRUNK_NO) ? HB_SHRUNK_NO
           : number == HB_SHRUNK_UNTOLD                                      ? HB_SHRUNK_UNTOLD
                                                                             : HB_SHRUNK_YES;
}

bool hb_origin_parse(const unsigned char *data, size_t bytes, struct hb_origin *origin)
{
    *origin = (struct hb_origin){.sequence = 0};
    if (bytes < HB_SEAL_BYTES)
        return false;
    json_t *object = json_loadb((const char *)data + HB_SEAL_BYTES, bytes - HB_SEAL_BYTES, 0, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return false;
    }
    take_id(object, origin->home);
    origin->host = copy_member(object, "host");
    origin->path = copy_member(object, "path");
    origin->preset = copy_member(object, "preset");
    origin->started = number_of(object, "started");
    origin->ended = number_of(object, "ended");
    origin->files = (uint64_t)number_of(object, "files");
    origin->directories = (uint64_t)number_of(object, "directories");
    origin->bytes = (uint64_t)number_of(object, "bytes");
    origin->sequence = (uint64_t)number_of(object, "sequence");
    if (origin->sequence > HIGHEST)
        origin->sequence = 0;
    origin->shrunk = hb_shrunk_of(object);
    const char *stamp = json_string_value(json_object_get(object, "stamp"));
    if (stamp != NULL && strlen(stamp) < sizeof origin->stamp)
        snprintf(origin->stamp, sizeof origin->stamp, "%s", stamp);
    json_decref(object);
    return true;
}

void hb_origin_clear(struct hb_origin *origin)
{
    free(origin->host);
    free(origin->path);
    free(origin->preset);
    *origin = (struct hb_origin){.sequence = 0};
}

void hb_origin_seal(const unsigned char key[HB_SEAL_BYTES], const unsigned char *before,
                    size_t before_bytes, const void *text, size_t text_bytes,
                    unsigned char seal[HB_SEAL_BYTES])
{
    static const char purpose[] = "reuse 1"; /* the key may seal other things one day */
    struct hmac_sha256_ctx hash;
    hmac_sha256_set_key(&hash, HB_SEAL_BYTES, key);
    hmac_sha256_update(&hash, sizeof purpose, (const uint8_t *)purpose);
    hmac_sha256_update(&hash, before_bytes, before);
    hmac_sha256_update(&hash, text_bytes, text);
    hmac_sha256_digest(&hash, HB_SEAL_BYTES, seal);
}
