/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/facts.h"

#include "base/memory.h"
#include <jansson.h>
#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

enum { VERSION = 1 };

/* A number that somebody made up leaves room above, as in origin.c. */
#define HIGHEST (INT64_C(1) << 53)

static void put_hex(json_t *object, const char *key, const unsigned char *bytes, size_t count)
{
    char text[2 * HB_FACTS_HASH + 1];
    for (size_t i = 0; i < count && i < HB_FACTS_HASH; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)bytes[i]);
    json_object_set_new(object, key, json_string(text));
}

static void put_number(json_t *object, const char *key, uint64_t number)
{
    json_object_set_new(object, key, json_integer((json_int_t)number));
}

static void seal_of(json_t *object, const char *name, const unsigned char *key,
                    unsigned char seal[HB_SEAL_BYTES])
{
    static const char purpose[] = "facts 1"; /* the key seals other things as well */
    struct hmac_sha256_ctx hash;
    HB_AUTO_FREE char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    hmac_sha256_set_key(&hash, HB_SEAL_BYTES, key);
    hmac_sha256_update(&hash, sizeof purpose, (const uint8_t *)purpose);
    hmac_sha256_update(&hash, strlen(name) + 1, (const uint8_t *)name);
    hmac_sha256_update(&hash, text == NULL ? 0 : strlen(text), (const uint8_t *)text);
    hmac_sha256_digest(&hash, HB_SEAL_BYTES, seal);
}

char *hb_facts_text(const struct hb_facts *facts, const char *name, const unsigned char *key)
{
    json_t *object = json_object();
    put_number(object, "version", VERSION);
    json_object_set_new(object, "home", json_string(facts->home));
    json_object_set_new(object, "place", json_string(facts->place));
    json_object_set_new(object, "run", json_string(facts->run));
    json_object_set_new(object, "stamp", json_string(facts->stamp));
    put_hex(object, "head", facts->head, sizeof facts->head);
    put_number(object, "sequence", facts->sequence);
    put_number(object, "length", facts->length);
    put_number(object, "reasons", facts->reasons);
    put_number(object, "files", facts->files);
    put_number(object, "directories", facts->directories);
    put_number(object, "databases", facts->databases);
    put_number(object, "bytes", facts->bytes);
    put_number(object, "started", (uint64_t)facts->started);
    put_number(object, "ended", (uint64_t)facts->ended);
    if (facts->shrunk != HB_SHRUNK_NO)
        put_number(object, "shrunk", (uint64_t)facts->shrunk);
    if (key != NULL) {
        unsigned char seal[HB_SEAL_BYTES];
        seal_of(object, name, key, seal);
        put_hex(object, "mac", seal, sizeof seal);
    }
    HB_AUTO_FREE char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(object);
    return hb_text("%s\n", text);
}

/* False: it is no number that can be. */
static bool take_number(const json_t *object, const char *key, uint64_t *number)
{
    const json_t *value = json_object_get(object, key);
    json_int_t there = json_integer_value(value);
    *number = (uint64_t)there;
    return json_is_integer(value) && there >= 0;
}

static bool take_time(const json_t *object, const char *key, int64_t *time)
{
    const json_t *value = json_object_get(object, key);
    *time = (int64_t)json_integer_value(value);
    return json_is_integer(value);
}

/* Of these characters alone. */
static bool take_text(const json_t *object, const char *key, const char *characters, char *text,
                      size_t bytes)
{
    const char *there = json_string_value(json_object_get(object, key));
    if (there == NULL || strlen(there) >= bytes || there[strspn(there, characters)] != '\0')
        return false;
    snprintf(text, bytes, "%s", there);
    return true;
}

static const char hexadecimal[] = "0123456789abcdef";

static bool take_hex(const json_t *object, const char *key, unsigned char bytes[HB_FACTS_HASH])
{
    char text[2 * HB_FACTS_HASH + 1];
    if (!take_text(object, key, hexadecimal, text, sizeof text) ||
        strlen(text) != 2 * (size_t)HB_FACTS_HASH)
        return false;
    for (size_t i = 0; i < HB_FACTS_HASH; i++) {
        long high = strchr(hexadecimal, text[2 * i]) - hexadecimal;
        long low = strchr(hexadecimal, text[2 * i + 1]) - hexadecimal;
        bytes[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

static json_t *object_of(const void *data, size_t bytes)
{
    json_t *object =
        bytes > HB_FACTS_MOST ? NULL : json_loadb(data, bytes, JSON_REJECT_DUPLICATES, NULL);
    if (json_integer_value(json_object_get(object, "version")) == VERSION)
        return object;
    json_decref(object);
    return NULL;
}

bool hb_facts_parse(const void *data, size_t bytes, struct hb_facts *facts)
{
    json_t *object = object_of(data, bytes);
    *facts = (struct hb_facts){.sequence = 0};
    bool whole =
        object != NULL && take_text(object, "home", hexadecimal, facts->home, sizeof facts->home) &&
        take_text(object, "place", hexadecimal, facts->place, sizeof facts->place) &&
        take_text(object, "run", hexadecimal, facts->run, sizeof facts->run) &&
        take_text(object, "stamp", "0123456789-", facts->stamp, sizeof facts->stamp) &&
        take_hex(object, "head", facts->head) &&
        take_number(object, "sequence", &facts->sequence) &&
        take_number(object, "length", &facts->length) &&
        take_number(object, "reasons", &facts->reasons) &&
        take_number(object, "files", &facts->files) &&
        take_number(object, "directories", &facts->directories) &&
        take_number(object, "databases", &facts->databases) &&
        take_number(object, "bytes", &facts->bytes) &&
        take_time(object, "started", &facts->started) && take_time(object, "ended", &facts->ended);
    facts->shrunk = hb_shrunk_of(object);
    json_decref(object);
    return whole && *facts->home != '\0' && facts->sequence <= HIGHEST;
}

bool hb_facts_have_seal(const void *data, size_t bytes)
{
    json_t *object = object_of(data, bytes);
    bool sealed = json_object_get(object, "mac") != NULL;
    json_decref(object);
    return sealed;
}

bool hb_facts_are_sealed(const void *data, size_t bytes, const char *name,
                         const unsigned char key[HB_SEAL_BYTES])
{
    unsigned char there[HB_FACTS_HASH], seal[HB_SEAL_BYTES], differs = 0;
    json_t *object = object_of(data, bytes);
    bool sealed = object != NULL && take_hex(object, "mac", there);
    if (sealed) {
        json_object_del(object, "mac");
        seal_of(object, name, key, seal);
        for (size_t i = 0; i < sizeof seal; i++)
            differs |= there[i] ^ seal[i];
    }
    json_decref(object);
    return sealed && differs == 0;
}

void hb_facts_place(const char *id, const char *path, char place[HB_PLACE_BYTES])
{
    struct sha256_ctx hash;
    unsigned char digest[SHA256_DIGEST_SIZE];
    sha256_init(&hash);
    sha256_update(&hash, strlen(id) + 1, (const uint8_t *)id);
    sha256_update(&hash, path == NULL ? 0 : strlen(path), (const uint8_t *)path);
    sha256_digest(&hash, sizeof digest, digest);
    for (size_t i = 0; i < HB_PLACE_BYTES / 2; i++)
        snprintf(place + 2 * i, 3, "%02x", (unsigned)digest[i]);
}

void hb_facts_head(const void *data, size_t bytes, unsigned char head[HB_FACTS_HASH])
{
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, bytes < HB_FACTS_HEAD ? bytes : HB_FACTS_HEAD, data);
    sha256_digest(&hash, HB_FACTS_HASH, head);
}
