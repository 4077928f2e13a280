/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

void keys_clear(struct keys *keys)
{
    text_wipe(&keys->access);
    text_wipe(&keys->secret);
    text_wipe(&keys->token);
    keys->expires = 0;
}

static bool take_member(const json_t *from, const char *name, struct text *to)
{
    const char *value = json_string_value(json_object_get(from, name));
    if (value == NULL || *value == '\0')
        return false;
    text_put(to, value);
    return !to->failed;
}

/* 2030-01-02T03:04:05Z, and whatever stands between the seconds and a zone of zero. */
static int64_t time_of(const char *text)
{
    struct tm parts = {0};
    const char *end = text == NULL ? NULL : strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    return end == NULL ? 0 : (int64_t)timegm(&parts);
}

bool keys_from_json(const char *text, size_t bytes, struct keys *keys)
{
    json_t *root = json_loadb(text, bytes, 0, NULL);
    bool well = take_member(root, "AccessKeyId", &keys->access) &&
                take_member(root, "SecretAccessKey", &keys->secret);
    if (!take_member(root, "SessionToken", &keys->token))
        take_member(root, "Token", &keys->token);
    keys->expires = time_of(json_string_value(json_object_get(root, "Expiration")));
    json_decref(root);
    return well && !keys->token.failed;
}
